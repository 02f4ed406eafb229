"""Anonymizing a table in two passes, with no array of the length of the table: tuples first, then rows."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from shoal.anonymity.report import Made
from shoal.checks.findings import repeated_identifiers
from shoal.checks.undecided import refuse_undecided
from shoal.io.files import sources
from shoal.io.frames import IntoFrame
from shoal.io.lazy_frames import UNREADABLE, batches, read_to_end, schema_of
from shoal.io.memory import shown
from shoal.io.observing import OnProgress, check_readable
from shoal.io.parquet_batches import can_stream, stream
from shoal.io.reading_by_policy import read_by_policy, text_findings
from shoal.io.threads import threads
from shoal_engine.anonymity.criteria.assessment import UtilityFigure
from shoal_engine.anonymity.policy.methods import Method
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.anonymity.table.observation import needed_columns
from shoal_engine.anonymity.table.tuples import check_countable
from shoal_engine.errors import InputError, PolicyError
from shoal_engine.findings.value_codes import ValueEncoder
from shoal_engine.tables.column_names import check_columns
from shoal_engine.tables.columns import ColumnEncoder
from shoal_engine.threads import one_ahead

if TYPE_CHECKING:
    from shoal_engine.anonymity.release.spilled_release import SpilledRelease

MOST_EXPANSION = 40
"""Bytes in memory for a byte of a compressed file, at most: below, rows are not even counted."""
TEXT_BYTES = 24
ROW_BYTES: dict[Method, int] = {"tight": 124, "mondrian": 84, "mondrian-relaxed": 124, "full-domain": 124}
"""Bytes of a row in memory, by method."""
TUPLE_BYTES: dict[Method, int] = {"tight": 60, "mondrian": 60, "mondrian-relaxed": 124, "full-domain": 124}
"""Bytes of a distinct tuple while classes are made, by method."""
CELL_BYTES = 24


def prepare_out_of_core(
    frame: IntoFrame,
    policy: Policy,
    method: Method,
    n_threads: int | None,
    on_step: OnProgress,
    *,
    folder: Path,
    limit: int,
    utility: bool = False,
) -> "tuple[SpilledRelease, Made]":
    """Read a table twice; return its release, whose rows wait in `folder`, and the facts for its report.

    Raises
    ------
    InputError
        The table cannot be read to its end, or has other rows when it is read again.
    ColumnError, HierarchyError, PolicyNotMet
        As for `anonymize`.
    PolicyError
        The policy needs rows in memory.
    """
    from shoal_engine.anonymity.criteria.assess import table_before
    from shoal_engine.anonymity.criteria.comparison import by_size
    from shoal_engine.anonymity.fit import fit
    from shoal_engine.anonymity.release.recoding import check_representatives
    from shoal_engine.anonymity.release.spilled_release import SpilledRelease
    from shoal_engine.anonymity.table.tuples import Tuples, counts_values
    from shoal_engine.findings.kept_columns import KeptColumn, KeptColumns, kept_column

    n_threads = threads(n_threads)
    check_countable(policy, method)
    on_step("reading")
    reading = read_by_policy(frame, policy)
    lazy = reading.frame
    schema = schema_of(lazy)
    refuse_undecided(lazy, policy)
    columns = _columns_to_read(policy, schema)
    tuples = Tuples(policy, values=counts_values(policy), n_threads=n_threads, folder=folder)
    kept = {name: ValueEncoder(name) for name in policy.insensitive}
    types = {}
    read = _reader(frame, lazy, policy)
    try:
        for batch in read([name for name in columns if name not in policy.identifiers]):
            tuples.observe(batch)
            for name, encoder in kept.items():
                encoder.observe(batch.column(name))
                types[name] = batch.schema.field(name).type
    except unreadable_errors():
        raise _unreadable() from None
    on_step("grouping")
    table = tuples.finish()
    check_fits(table.grouped.n_tuples, len(table.cells.value), method, limit)
    before, (sizes, _) = table_before(table, columns=len(schema))
    held = by_size(sizes)
    del sizes
    on_step("partitioning")
    fitted = fit(table, method=method, n_threads=n_threads)
    check_representatives(fitted.table, fitted.classes.recoding, fitted.class_of_tuple)
    release = SpilledRelease(
        fitted.table,
        fitted.classes.recoding,
        fitted.class_of_tuple,
        schema.names(),
        types,
        folder=folder,
        n_threads=n_threads,
    )
    on_step("recoding")
    known = {name: kept_column(name, encoder, types[name]) for name, encoder in kept.items()}
    columns_kept = [column for column, _ in known.values()]
    columns_kept += [KeptColumn.of_domain(name, table.coded[name][0]) for name in policy.sensitive]
    of_sensitive = {name: ColumnEncoder.of_domain(name, table.coded[name][0]) for name in policy.sensitive}
    summary = KeptColumns(fitted, columns_kept, n_threads=n_threads, folder=folder)
    try:
        for batch in read(columns):
            rows, tuple_of_row = release.observe(batch)
            codes = [
                own if final is None else final[own]
                for name, (_, final) in known.items()
                for own in [kept[name].observe(rows.column(name))]
            ]
            codes += [encoder.observe(rows.column(name)) for name, encoder in of_sensitive.items()]
            summary.observe(tuple_of_row, codes)
    except unreadable_errors():
        raise _unreadable() from None
    dropped = tuple(name for name in schema.names() if name not in policy.columns)
    findings = (*text_findings(reading.remarks, policy), *repeated_identifiers(lazy, policy), *summary.findings())
    made = Made(classes=fitted.classes, dropped=dropped, findings=findings, before=before, held=held)
    if not utility:
        return release, made
    from shoal_engine.utility.information_loss import released_utility

    figures = (UtilityFigure(measure=m, column=c, value=float(v)) for m, c, v in released_utility(fitted))
    return release, replace(made, utility=tuple(figures))


def fits(frame: IntoFrame, policy: Policy, method: Method, limit: int, *, must_choose: bool) -> bool:
    """Return whether a table is anonymized in memory: it fits the limit, or its policy needs the rows.

    Parameters
    ----------
    frame : frame, table or path
    policy, method
    limit : int
        Bytes.
    must_choose : bool
        The limit was declared: a policy that needs rows in memory is an error where they do not fit.

    Raises
    ------
    PolicyError
        The table does not fit, and its policy needs the rows.
    """
    if isinstance(frame, str | Path):
        files = sources(frame)
        if sum(path.stat().st_size for path in files) * MOST_EXPANSION <= limit:
            return True
    lazy = read_by_policy(frame, policy).frame
    n_rows = int(read_to_end(lazy.select(pl.len()), streaming=True).item())
    if n_rows * _row_bytes(schema_of(lazy), policy, method) <= limit:
        return True
    try:
        check_countable(policy, method)
    except PolicyError:
        if must_choose:
            raise
        return True
    return False


def _row_bytes(schema: pl.Schema, policy: Policy, method: Method) -> int:
    """Return about how many bytes a row takes in memory, from reading to writing."""
    held = [schema[name] for name in needed_columns(policy) if name in schema]
    text = sum(TEXT_BYTES for kind in held if kind == pl.String)
    return ROW_BYTES[method] + 8 * len(held) + text


def check_fits(n_tuples: int, n_cells: int, method: Method, limit: int) -> None:
    """Check that classes can be made of n tuples within a limit.

    Raises
    ------
    InputError
        They cannot; the message names the least that would do.
    """
    need = n_tuples * TUPLE_BYTES[method] + n_cells * CELL_BYTES
    if need > limit:
        msg = (
            f"the table has {n_tuples:,} distinct tuples, whose classes take {shown(need)} with method {method}, and "
            f"{shown(limit)} are allowed; give at least {shown(need)} of memory, or coarsen quasi-identifiers first"
        )
        raise InputError(msg)


def _columns_to_read(policy: Policy, schema: pl.Schema) -> list[str]:
    """Return the columns that a release is made of, after a check that they are there and can be read."""
    if not policy.quasi_identifiers:
        msg = "the policy names no quasi-identifier; decide which of its undecided columns others may know"
        raise PolicyError(msg)
    check_columns(list(policy.columns), schema.names())
    columns = needed_columns(policy)
    check_readable(schema, columns)
    return columns


def _reader(frame: IntoFrame, lazy: pl.LazyFrame, policy: Policy) -> "Callable[[list[str]], Iterable[Any]]":
    """Return what reads some columns as batches: by pyarrow where files are Parquet as it is, else by Polars."""
    files = sources(frame) if isinstance(frame, str | Path) else []
    coded = {*policy.quasi_identifiers, *policy.sensitive}
    plain = (
        bool(files) and not policy.declarations.columns and can_stream(files, _columns_to_read(policy, schema_of(lazy)))
    )

    def read(columns: list[str]) -> "Iterable[Any]":
        if not plain:
            return batches(lazy, columns)
        return one_ahead(stream(files, columns, coded.intersection(columns)))

    return read


def unreadable_errors() -> tuple[type[BaseException], ...]:
    """Return the errors of both readers on input that is damaged."""
    import pyarrow as pa

    return (*UNREADABLE, pa.ArrowException)


def _unreadable() -> InputError:
    msg = "the input cannot be read to its end: it is truncated, damaged or not of its declared types"
    return InputError(msg)

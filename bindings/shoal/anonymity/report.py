"""Report of a release: recounted from its rows, checked against the policy, with its information loss."""

import math
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from shoal.anonymity.changes import column_changes, held_by_class
from shoal.checks.findings import released_findings
from shoal.io.lazy_frames import internal
from shoal.recount.units import ROWS, joined_promises
from shoal.recount.verify import recount
from shoal_engine.anonymity.criteria.assessment import Assessment, Loss, Report, UtilityFigure, broken_promises
from shoal_engine.anonymity.criteria.comparison import Before, size_bins
from shoal_engine.errors import VerificationFailed
from shoal_engine.finding import Finding, accept_findings, in_order

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from shoal_engine.anonymity.fit import Classes

_LOSS, _UNIT = internal("loss"), internal("unit")


@dataclass(frozen=True, slots=True)
class Made:
    """Facts about a release that its rows do not show.

    Attributes
    ----------
    classes : Classes
    dropped : tuple of str
        Columns that the policy does not name.
    findings : tuple of Finding
        Findings that need the values before generalization.
    utility : tuple of UtilityFigure
        Measures of utility, if requested.
    units : (n_rows,) unsigned, optional
        Code of the privacy unit of each released row, if the policy names a unit.
    before : Before, optional
        Classes and risk of the table.
    held : (sizes, people), optional
        Sizes of the table's classes and the people of each; see `shoal_engine.anonymity.criteria.comparison.size_bins`.
    """

    classes: "Classes"
    dropped: tuple[str, ...]
    findings: tuple[Finding, ...]
    utility: tuple[UtilityFigure, ...] = ()
    units: "npt.NDArray[np.unsignedinteger] | None" = None
    before: Before | None = None
    held: "tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]] | None" = None


def report_of(
    released: pl.LazyFrame,
    made: Made,
    *,
    population: pl.LazyFrame | None,
    method: str,
    started: float,
    n_threads: int | None = None,
    limit: int | None = None,
) -> Report:
    """Recount a release from its rows and return its report.

    Raises
    ------
    VerificationFailed
        The release breaks a promise of the policy, or rows or classes differ from those that the method formed.
    """
    policy = made.classes.policy
    rows, unit = with_units(released, made.units)
    assessment, classes = recount(rows, policy, population, unit, limit)
    broken = [*broken_promises(policy, assessment), *joined_promises(rows, policy, unit)]
    if assessment.rows != int(made.classes.class_rows.sum()):
        broken.append("rows were lost or gained on the way out")
    if assessment.k < int(made.classes.class_units.min(initial=assessment.k)):
        broken.append("classes fell apart on the way out")
    if broken:
        msg = f"the release does not meet its policy ({'; '.join(broken)}); it was discarded"
        raise VerificationFailed(msg)
    found = released_findings(released, policy, n_threads=n_threads)
    loss, losses = _loss(classes, made.classes, assessment)
    held = held_by_class(rows, classes, policy, unit)
    measured = {name: getattr(assessment, name) for name in Assessment.__struct_fields__ if name != "findings"}
    return Report(
        **measured,
        method=method,
        suppressed_rows=made.classes.suppressed_rows,
        loss=loss,
        seconds=time.perf_counter() - started,
        peak_bytes=peak_bytes(),
        dropped=made.dropped,
        notes=tuple(_notes(made.classes)),
        utility=made.utility,
        findings=accept_findings(in_order(_without_duplicates([*made.findings, *found])), policy.accept),
        before=made.before,
        class_sizes=() if made.held is None else size_bins(made.held, held, policy.k),
        columns=tuple(column_changes(made.classes, classes, losses, made.dropped)),
    )


def _without_duplicates(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings without repetitions of the same code and columns."""
    first: dict[tuple[str, tuple[str, ...]], Finding] = {}
    for finding in findings:
        first.setdefault((finding.code, finding.columns), finding)
    return list(first.values())


def with_units(
    released: pl.LazyFrame, units: "npt.NDArray[np.unsignedinteger] | None"
) -> tuple[pl.LazyFrame, str | None]:
    """Return released rows with a column of unit codes, and its name; None without units."""
    if units is None:
        return released, None
    return pl.concat([released, pl.LazyFrame({_UNIT: units})], how="horizontal"), _UNIT


def _loss(classes: pl.DataFrame, made: "Classes", assessment: Assessment) -> tuple[Loss, list[float]]:
    """Return the information loss of the release and of each quasi-identifier, computed from its labels."""
    suppressed = made.suppressed_rows
    total = assessment.rows + suppressed
    sizes = classes.get_column(ROWS).cast(pl.Int64)
    lost = float(suppressed)
    losses = made.recoding.loss_of_class
    class_rows = made.class_rows
    of_columns: list[float] = []
    for j, (names, label_loss) in enumerate(_labels_with_loss(made)):
        held = classes.group_by(names).agg(pl.col(ROWS).cast(pl.Int64).sum())
        seen = held.join(label_loss, on=names, how="left", nulls_equal=True)
        if seen.get_column(_LOSS).has_nulls():
            msg = f"the released column {names[0]!r} has a label that no class has; the release was discarded"
            raise VerificationFailed(msg)
        if made.dimensions[j].role.output in ("center", "mean"):
            # A center or mean does not show the interval of its class.
            of_column = float((losses[j] * class_rows).sum())
        else:
            # Exactly rounded: the order of the groups does not show in the last digit.
            of_column = math.fsum(seen.select(pl.col(_LOSS) * pl.col(ROWS)).to_series())
        lost += of_column / len(losses)
        of_columns.append((of_column + suppressed) / total)
    squares = int((sizes * sizes).sum())
    loss = Loss(
        ncp=lost / total,
        discernibility=squares + suppressed * total,
        average_class_size=assessment.rows / max(1, assessment.equivalence_classes),
    )
    return loss, of_columns


def _labels_with_loss(made: "Classes") -> "Iterator[tuple[list[str], pl.DataFrame]]":
    """Yield the output columns of each quasi-identifier with the loss of each of their labels."""
    columns = iter(made.recoding.columns)
    for j, bound in enumerate(made.dimensions):
        parts = [next(columns) for _ in range(2 if bound.role.output == "bounds" else 1)]
        names = [part.name for part in parts]
        labels = {part.name: pl.Series(part.values).gather(part.index_of_class) for part in parts}
        table = pl.DataFrame({**labels, _LOSS: made.recoding.loss_of_class[j]})
        yield names, table.group_by(names).agg(pl.col(_LOSS).max())


def _notes(made: "Classes") -> "Iterator[str]":
    """Yield the notes of the report."""
    yield from made.notes
    for column in made.dimensions:
        if column.domain.size == 1:
            yield f"quasi-identifier {column.name!r} has the same value in every row; it identifies nobody"


def peak_bytes() -> int:
    """Return the peak memory of this process in bytes; 0 if unknown."""
    status = Path("/proc/self/status")
    if status.exists():
        # The resource usage of a child begins with the peak of its parent; this figure does not.
        found = re.search(r"^VmHWM:\s+(\d+) kB$", status.read_text(), re.MULTILINE)
        if found:
            return int(found[1]) * 1024
    try:
        import resource
    except ModuleNotFoundError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024

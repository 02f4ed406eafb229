"""Undecided columns of a policy, which block a release."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from shoal.io.lazy_frames import UNREADABLE, batches, schema_of
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.errors import InputError, UndecidedColumn, UndecidedColumns

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def refuse_undecided(frame: pl.LazyFrame, policy: Policy) -> None:
    """Raise UndecidedColumns if the policy has undecided columns, with statistics of each."""
    if policy.undecided:
        raise UndecidedColumns(undecided_columns(frame, policy))


def undecided_columns(frame: pl.LazyFrame, policy: Policy) -> list[UndecidedColumn]:
    """Return statistics of the undecided columns of a policy in a table: shares, never values.

    Raises
    ------
    InputError
        The table cannot be read to its end.
    """
    from shoal_engine.findings.value_codes import ValueEncoder, can_compare

    schema = schema_of(frame)
    arrow = pl.DataFrame(schema={n: t for n, t in schema.items() if n in policy.undecided and _has_arrow(t)})
    kinds = arrow.to_arrow(compat_level=pl.CompatLevel.newest()).schema
    encoders = {name: ValueEncoder(name) for name in kinds.names if can_compare(kinds.field(name).type)}
    rows_of_code: dict[str, npt.NDArray[np.int64]] = {}
    n_rows = 0
    if encoders:
        try:
            for batch in batches(frame, list(encoders)):
                n_rows += batch.num_rows
                for name, encoder in encoders.items():
                    codes = encoder.observe(batch.column(name))
                    rows_of_code[name] = _added(rows_of_code.get(name), codes, encoder.n_codes)
        except UNREADABLE:
            msg = "the input cannot be read to its end: it is truncated, damaged or not of its declared types"
            raise InputError(msg) from None
    return [_seen(name, policy, schema.names(), rows_of_code.get(name), n_rows) for name in policy.undecided]


def _has_arrow(kind: pl.DataType) -> bool:
    """Return whether an Arrow batch can hold a type."""
    return not isinstance(kind, pl.Int128 | pl.UInt128 | pl.Object)


def _added(
    before: "npt.NDArray[np.int64] | None", codes: "npt.NDArray[np.unsignedinteger]", n_codes: int
) -> "npt.NDArray[np.int64]":
    """Add the codes of a batch to the number of rows of each code."""
    import numpy as np

    rows = np.bincount(codes, minlength=n_codes)
    if before is not None:
        rows[: len(before)] += before
    return rows


def _seen(
    name: str, policy: Policy, present: Sequence[str], rows: "npt.NDArray[np.int64] | None", n_rows: int
) -> UndecidedColumn:
    """Return the statistics of one column."""
    proposal = policy.undecided[name].proposal
    if rows is None or not n_rows:
        return UndecidedColumn(name, present=name in present, distinct=None, separation=None, proposal=proposal)
    pairs = n_rows * (n_rows - 1)
    together = float((rows.astype(float) * (rows - 1)).sum())
    distinct = int((rows > 0).sum()) / n_rows
    separation = 1.0 - together / pairs if pairs else 0.0
    return UndecidedColumn(name, present=True, distinct=distinct, separation=separation, proposal=proposal)

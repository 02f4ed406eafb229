"""Transformations applied to the columns of a table, and their information loss."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shoal_engine.randomness import Uint64Source, secure_uint64s
from shoal_engine.transforming.coded_columns import CodedColumn, is_number, row_numbers
from shoal_engine.transforming.specs import (
    Microaggregate,
    Noise,
    PostRandomize,
    RankSwap,
    Round,
    TopBottom,
    Transform,
)

_LARGE, _UNIT = 2.0**900, 2.0**200
_PERCENT = 100.0


@dataclass(frozen=True, slots=True)
class Applied:
    """Effect of a transformation on the columns that it took together.

    Attributes
    ----------
    names : tuple of str
    transform : Transform
    changed : tuple of float
        Share of each column's rows whose value is another than before.
    loss_percent : float or None
        100 SSE / SST over the standardized columns, rows without null before and after; None where a column
        is not of numbers, or all are constant.
    """

    names: tuple[str, ...]
    transform: Transform
    changed: tuple[float, ...]
    loss_percent: float | None

    def note(self) -> str:
        """Return one line for a report; shares are of whole percent, so that none discloses a few rows."""
        names = " and ".join(f"{name!r}" for name in self.names)
        kind = type(self.transform).__struct_config__.tag
        if self.loss_percent is not None:
            return f"{kind} of {names}: information loss {self.loss_percent:.2f} % of the variance"
        return f"{kind} of {names}: {max(self.changed) * _PERCENT:.0f} % of the values differ"


def apply_transforms(
    columns: Mapping[str, CodedColumn],
    transforms: Sequence[tuple[Sequence[str], Transform]],
    *,
    source: Uint64Source = secure_uint64s,
) -> tuple[dict[str, CodedColumn], list[Applied]]:
    """Apply transformations one after the other.

    Parameters
    ----------
    columns : mapping of str to CodedColumn
        Those that are named in `transforms`, and those that may separate rows of equal numbers.
    transforms : sequence of (names, Transform)
        As `grouped_columns` gives them; no column is named twice.
    source : Uint64Source
        Random numbers; from the operating system unless a test brings its own.

    Returns
    -------
    dict of str to CodedColumn
        All columns.
    list of Applied

    Raises
    ------
    ColumnError, PolicyNotMet
        A column cannot take its transformation.
    """
    result = dict(columns)
    applied: list[Applied] = []
    for names, transform in transforms:
        before = [columns[name] for name in names]
        others = [column.codes for name, column in columns.items() if name not in names]
        after = _apply(before, transform, others, source)
        result.update({column.name: column for column in after})
        changed = [changed_share(old, new) for old, new in zip(before, after, strict=True)]
        applied.append(Applied(tuple(names), transform, tuple(changed), loss_percent(before, after)))
    return result, applied


def _apply(
    columns: Sequence[CodedColumn],
    transform: Transform,
    others: Sequence[npt.NDArray[np.generic]],
    source: Uint64Source,
) -> list[CodedColumn]:
    """Return the columns transformed; modules are loaded where they are used, for they compile."""
    if isinstance(transform, Microaggregate):
        from shoal_engine.transforming.microaggregation import microaggregate

        return microaggregate(columns, transform, others)
    if isinstance(transform, Noise):
        from shoal_engine.transforming.masking import add_noise

        return add_noise(columns, transform, source)
    (column,) = columns
    if isinstance(transform, TopBottom):
        from shoal_engine.transforming.masking import top_bottom_code

        return [top_bottom_code(column, transform)]
    if isinstance(transform, Round):
        from shoal_engine.transforming.masking import round_values

        return [round_values(column, transform, source)]
    if isinstance(transform, PostRandomize):
        from shoal_engine.transforming.masking import post_randomize

        return [post_randomize(column, transform, source)]
    assert isinstance(transform, RankSwap)
    from shoal_engine.transforming.masking import swap_ranks

    return [swap_ranks(column, transform, source)]


def changed_share(before: CodedColumn, after: CodedColumn) -> float:
    """Return the share of rows whose value is another; null equals null."""
    if not before.n_rows:
        return 0.0
    old, new = before.domain.values, after.domain.values
    if old.type != new.type:
        old, new = (pc.cast(values, pa.float64(), safe=False) for values in (old, new))
    # Codes of the new values among the old ones; -1 for a value that was not there, -2 for null.
    place = pc.fill_null(pc.index_in(new, value_set=old), -1).to_numpy().astype(np.int64)
    of_new = np.concatenate([np.full(int(after.domain.has_null), -2), place])[after.codes]
    of_old = np.concatenate([np.full(int(before.domain.has_null), -2), np.arange(len(old))])[before.codes]
    return float(np.mean(of_new != of_old))


def loss_percent(before: Sequence[CodedColumn], after: Sequence[CodedColumn]) -> float | None:
    """Return 100 SSE / SST over standardized columns, or None where that is not defined.

    The mean over columns that are not constant of the column's own ratio, which is the ratio of the sums
    after standardization (Domingo-Ferrer, Mateo-Sanz 2002, section 4.1).
    """
    if not all(is_number(column.domain.type) for column in before):
        return None
    ratios: list[float] = []
    for old, new in zip(before, after, strict=True):
        first, then = row_numbers(old, "information loss"), row_numbers(new, "information loss")
        both = ~np.isnan(first) & ~np.isnan(then)
        # The ratio does not follow the unit; in this one no sum is beyond a float.
        unit = _UNIT if np.abs(first[both]).max(initial=0.0) > _LARGE else 1.0
        first, then = first / unit, then / unit
        spread = first[both] - first[both].mean() if both.any() else np.zeros(1)
        scale = float(np.abs(spread).max())
        if scale:
            lost = _sum_of_squares((first[both] - then[both]) / scale)
            ratios.append(lost / _sum_of_squares(spread / scale))
    return _PERCENT * float(np.mean(ratios)) if ratios else None


def _sum_of_squares(numbers: npt.NDArray[np.float64]) -> float:
    """Return a sum that does not follow the order of rows; infinite where it is beyond a float."""
    with np.errstate(over="ignore"):
        return float(np.square(np.sort(numbers)).sum())

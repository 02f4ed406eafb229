"""Measures of the less common models and support of item combinations, recounted in plain Polars."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from shoal.io.lazy_frames import internal, schema_of
from shoal_engine.anonymity.policy.value_models import Alpha, BetaLikeness, DeltaDisclosure, Entropy, Model
from shoal_engine.errors import ColumnError

_ROW, _ITEM, _ROWS, _UNIT = internal("row"), internal("item"), internal("rows"), internal("unit")


class Seen(NamedTuple):
    """Columns of the sensitive values of a class, one row per value.

    Attributes
    ----------
    value, count, share : pl.Expr
        The value, its number of rows in the class, and its share of the whole table.
    n_values : int
        Number of distinct values in the whole table.
    """

    value: pl.Expr
    count: pl.Expr  # pyright: ignore[reportIncompatibleMethodOverride] - `tuple.count` is not used
    share: pl.Expr
    n_values: int


@dataclass(frozen=True, slots=True)
class OtherMeasure:
    """A measure: an expression per value, and an expression per class computed from it.

    Attributes
    ----------
    per_value : callable of Seen to pl.Expr
    per_class : callable of (Seen, the column of `per_value`) to pl.Expr
    more_is_better : bool
    """

    per_value: Callable[[Seen], pl.Expr]
    per_class: Callable[[Seen, pl.Expr], pl.Expr]
    more_is_better: bool = False


def other_measures(models: Sequence[Model]) -> Mapping[str, OtherMeasure]:
    """Return the measures of `models` by the field that reports them; the common models have none here."""
    found = {model.figure[0]: _measure_of(model) for model in models}
    return {field: measure for field, measure in found.items() if measure is not None}


def _measure_of(model: Model) -> OtherMeasure | None:
    """Return the measure of one model."""
    match model:
        case Entropy(estimator="grassberger"):
            return OtherMeasure(lambda seen: _log_estimate(seen.count), _grassberger, more_is_better=True)
        case DeltaDisclosure(absent=absent):
            return OtherMeasure(lambda seen: seen.count / seen.share, _delta if absent == "ignored" else _delta_strict)
        case BetaLikeness(enhanced=enhanced):
            return OtherMeasure(lambda seen: -seen.share.log(), _beta_enhanced if enhanced else _beta)
        case Alpha(values=values):
            bound = _among(values) if values else _every
            return OtherMeasure(
                bound, lambda seen, named: seen.count.filter(named).max().fill_null(0) / seen.count.sum()
            )
        case _:
            return None


def _every(seen: Seen) -> pl.Expr:
    """Select every value."""
    return seen.count > 0


def _among(values: Sequence[str]) -> Callable[[Seen], pl.Expr]:
    """Return a function that selects the values whose text is in `values`."""
    return lambda seen: seen.value.cast(pl.String).is_in(list(values)).fill_null(value=False)


def _log_estimate(count: pl.Expr) -> pl.Expr:
    """Return the estimate of log n: psi(m / 2 + 1 / 2) + ln 2, where m is the largest even number up to n."""

    def of(counts: pl.Series) -> pl.Series:
        from scipy.special import digamma

        return pl.Series(digamma(counts.to_numpy() // 2 + 0.5) + math.log(2), dtype=pl.Float64)

    return count.map_batches(of, return_dtype=pl.Float64, is_elementwise=True)


def _grassberger(seen: Seen, log_estimate: pl.Expr) -> pl.Expr:
    """Return exp of the estimated entropy, at most the number of values."""
    n = seen.count.sum()
    entropy = _log_estimate(n) - (seen.count * log_estimate).sum() / n
    return pl.min_horizontal(entropy.exp(), pl.len().cast(pl.Float64))


def _delta(seen: Seen, ratio: pl.Expr) -> pl.Expr:
    """Return the largest absolute logarithm of class share over table share."""
    return (ratio / seen.count.sum()).log().abs().max()


def _delta_strict(seen: Seen, ratio: pl.Expr) -> pl.Expr:
    """Return the same, or inf if a value of the table is absent."""
    return pl.when(pl.len() < seen.n_values).then(math.inf).otherwise(_delta(seen, ratio))


def _gain(seen: Seen) -> pl.Expr:
    """Return the relative gain of each value: (class share - table share) / table share."""
    return (seen.count / seen.count.sum() - seen.share) / seen.share


def _beta(seen: Seen, surprise: pl.Expr) -> pl.Expr:
    """Return the largest gain."""
    del surprise
    return _gain(seen).max().clip(lower_bound=0.0)


def _beta_enhanced(seen: Seen, surprise: pl.Expr) -> pl.Expr:
    """Return the largest gain, or inf if one exceeds -ln of its table share, which no beta allows."""
    gain = _gain(seen)
    beyond = ((gain > 0) & (gain > surprise)).any()
    return pl.when(beyond).then(np.inf).otherwise(_beta(seen, surprise))


def least_support(frame: pl.LazyFrame, column: str, m: int, unit: str | None = None) -> int | None:
    """Return the least support of a combination of up to `m` items, in rows or values of `unit`; None without items.

    Every row is joined with itself, item by item, so a combination occurs once for each row that holds it.

    Raises
    ------
    ColumnError
        The column is not of lists of plain values.
    """
    kind = schema_of(frame)[column]
    if not isinstance(kind, pl.List | pl.Array) or kind.inner.is_nested():
        msg = f"set-valued column {column!r} has type {kind}, not lists of plain values; give this policy's release"
        raise ColumnError(msg)
    of_unit = [] if unit is None else [pl.col(unit).rank("dense").fill_null(0).cast(pl.UInt32).alias(_UNIT)]
    holders = pl.len() if unit is None else pl.col(_UNIT).n_unique()
    entries = (
        frame.select(pl.col(column).cast(pl.List(kind.inner)).alias(_ITEM), *of_unit)
        .with_row_index(_ROW)
        .filter(pl.col(_ITEM).list.len() > 0)
        .explode(_ITEM)
        .unique()
        # Integer codes in place of items, so that null is an item like any other.
        .with_columns(pl.col(_ITEM).rank("dense").fill_null(0).cast(pl.UInt32))
        .collect()
    )
    least: int | None = None
    held = entries.lazy().rename({_ITEM: "1"})
    for size in range(1, m + 1):
        if size > 1:
            next_item = entries.lazy().select(_ROW, pl.col(_ITEM).alias(f"{size}"))
            held = held.join(next_item, on=_ROW).filter(pl.col(f"{size}") > pl.col(f"{size - 1}"))
        counted = held.group_by([f"{j}" for j in range(1, size + 1)]).agg(holders.alias(_ROWS))
        found = counted.select(pl.col(_ROWS).min()).collect(engine="streaming").item()
        least = found if least is None or (found is not None and found < least) else least
    return least

"""What else a class measures, in plain Polars: the models of one sensitive column that only some policies bind."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from shoal_engine.anonymity.policy.value_models import Alpha, BetaLikeness, DeltaDisclosure, Entropy, Model


class Seen(NamedTuple):
    """The values that a class holds, as columns: one row each.

    Attributes
    ----------
    value, count, share : pl.Expr
        The value, its rows in the class, and its share of the whole table.
    n_values : int
        Values of the whole table.
    """

    value: pl.Expr
    count: pl.Expr  # pyright: ignore[reportIncompatibleMethodOverride] - no one counts in it
    share: pl.Expr
    n_values: int


@dataclass(frozen=True, slots=True)
class Further:
    """One measure: what is reckoned of each value ahead, and what of each class from that.

    Attributes
    ----------
    ahead : callable of Seen to pl.Expr
    worst : callable of (Seen, what stood ahead) to pl.Expr
    more_is_better : bool
    """

    ahead: Callable[[Seen], pl.Expr]
    worst: Callable[[Seen, pl.Expr], pl.Expr]
    more_is_better: bool = False


def further(models: Sequence[Model]) -> Mapping[str, Further]:
    """Return the measures that models ask for, by the field that tells them; the common ones are not among them."""
    found = {model.figure[0]: _further(model) for model in models}
    return {field: measure for field, measure in found.items() if measure is not None}


def _further(model: Model) -> Further | None:
    """Return the measure of one model."""
    match model:
        case Entropy(estimator="grassberger"):
            return Further(lambda seen: _stand_in(seen.count), _grassberger, more_is_better=True)
        case DeltaDisclosure(absent=absent):
            return Further(lambda seen: seen.count / seen.share, _delta if absent == "ignored" else _delta_strict)
        case BetaLikeness(enhanced=enhanced):
            return Further(lambda seen: -seen.share.log(), _beta_enhanced if enhanced else _beta)
        case Alpha(values=values):
            bound = _among(values) if values else _every
            return Further(bound, lambda seen, named: seen.count.filter(named).max().fill_null(0) / seen.count.sum())
        case _:
            return None


def _every(seen: Seen) -> pl.Expr:
    """Return yes for every value."""
    return seen.count > 0


def _among(values: Sequence[str]) -> Callable[[Seen], pl.Expr]:
    """Return the test whether a value, as text, is among `values`."""
    return lambda seen: seen.value.cast(pl.String).is_in(list(values)).fill_null(value=False)


def _stand_in(count: pl.Expr) -> pl.Expr:
    """Return what stands for the logarithm of a count: psi(n / 2 + 1 / 2) + ln 2 for the even number at or below it."""

    def of(counts: pl.Series) -> pl.Series:
        from scipy.special import digamma

        return pl.Series(digamma(counts.to_numpy() // 2 + 0.5) + math.log(2), dtype=pl.Float64)

    return count.map_batches(of, return_dtype=pl.Float64, is_elementwise=True)


def _grassberger(seen: Seen, stand_in: pl.Expr) -> pl.Expr:
    """Return exp of the estimated entropy, and no more than the number of values."""
    n = seen.count.sum()
    entropy = _stand_in(n) - (seen.count * stand_in).sum() / n
    return pl.min_horizontal(entropy.exp(), pl.len().cast(pl.Float64))


def _delta(seen: Seen, ratio: pl.Expr) -> pl.Expr:
    """Return the largest absolute logarithm of class share over table share."""
    return (ratio / seen.count.sum()).log().abs().max()


def _delta_strict(seen: Seen, ratio: pl.Expr) -> pl.Expr:
    """Return the same, infinite where a value of the table is absent."""
    return pl.when(pl.len() < seen.n_values).then(math.inf).otherwise(_delta(seen, ratio))


def _gain(seen: Seen) -> pl.Expr:
    """Return by how much of its share of the table each value gains."""
    return (seen.count / seen.count.sum() - seen.share) / seen.share


def _beta(seen: Seen, surprise: pl.Expr) -> pl.Expr:
    """Return the largest gain."""
    del surprise
    return _gain(seen).max().clip(lower_bound=0.0)


def _beta_enhanced(seen: Seen, surprise: pl.Expr) -> pl.Expr:
    """Return the largest gain, infinite where one exceeds -ln of its share and so no beta would do."""
    gain = _gain(seen)
    beyond = ((gain > 0) & (gain > surprise)).any()
    return pl.when(beyond).then(np.inf).otherwise(_beta(seen, surprise))

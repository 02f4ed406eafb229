"""Private answers against epsilon: the error of a query, from what is declared of it and nothing else."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from msgspec import Struct

from shoal_engine.differential.accounting.advantage import membership_advantage
from shoal_engine.differential.mechanisms.additive import GaussianNoise, LaplaceNoise
from shoal_engine.differential.named_choices import DistributionName
from shoal_engine.differential.queries.aggregates import Aggregate, Quantile
from shoal_engine.differential.queries.budget import Mechanism, QueryBudget
from shoal_engine.differential.queries.estimates import Noisy
from shoal_engine.differential.queries.fitting import fit
from shoal_engine.differential.queries.moments import Mean, OfColumn, Std, Sum, Variance
from shoal_engine.differential.queries.private_group_by import DOUBT, GroupQuery
from shoal_engine.errors import NumberError, PolicyError

MOST_ROWS = 1e9
"""Of the declared group: sums of its squares fit 64 bits."""
_SURELY = Fraction(99, 100)


class PlannedAnswer(Struct, frozen=True, kw_only=True):
    """Errors of one aggregate, of a group with the declared size.

    Attributes
    ----------
    aggregate : str
    expected : float
        Magnitude that the errors are relative to, in the answer's unit.
    half_width : float
        Half of the 95 % interval, in the answer's unit: noise moves the answer further with probability 5 % at most.
    median_error : float
        Noise moves the answer further with probability one half at most.
    """

    aggregate: str
    expected: float
    half_width: float
    median_error: float

    @property
    def relative(self) -> float:
        """Return the half width over the expected magnitude."""
        return self.half_width / abs(self.expected)


class AnswersPoint(Struct, frozen=True, kw_only=True):
    """A query at one epsilon.

    Attributes
    ----------
    method : str
        Noise.
    epsilon, delta : float
    risk : float
        Bound on the advantage of a membership test, 0 to 1.
    right_guess : float
        Highest probability to guess right who was in the data, of somebody who was at one half before.
    error, error_at_95 : float
        Median error and half width of the least exact answer, each relative to its expected magnitude; at least 1
        where a group of the declared size may be left out, as its keys are selected privately.
    kept_from : int, optional
        Units of a group that is kept with probability 99 %; None where all groups are answered.
    answers : tuple of PlannedAnswer
    """

    method: str
    epsilon: float
    delta: float
    risk: float
    right_guess: float
    error: float
    error_at_95: float
    kept_from: int | None
    answers: tuple[PlannedAnswer, ...]

    @property
    def usefulness(self) -> float:
        """Return 1 less the median error of the least exact answer; not below 0."""
        return max(0.0, 1.0 - self.error)

    @property
    def label(self) -> str:
        """Return what was tried, in words."""
        return f"epsilon = {self.epsilon:g}"

    @property
    def worth(self) -> str:
        """Return its usefulness, in words."""
        return f"95 % of the noise within {self.error_at_95:.2%} of the least exact answer"

    @property
    def limited(self) -> dict[str, tuple[str, float | None]]:
        """Return what limits can be set to."""
        return {
            "max_risk": ("membership advantage", self.risk),
            "max_error": ("half width of the least exact answer", self.error_at_95),
        }


@dataclass(frozen=True, slots=True)
class Declared:
    """What is said of the data without looking: sizes that everybody may know.

    Attributes
    ----------
    group_size : float
        Rows of a typical group, or units where each counts once; 1 to 1e9.
    expected : mapping of str to float
        Typical answers by the names of aggregates, none of them 0.
    """

    group_size: float
    expected: Mapping[str, float]

    def check(self, query: GroupQuery) -> None:
        """Check what is said against a query.

        Raises
        ------
        NumberError
            A number is out of range.
        PolicyError
            An expected answer is of no aggregate, or no interval is known of any aggregate.
        """
        if not 1 <= self.group_size <= MOST_ROWS:
            msg = f"group_size is {self.group_size}; give the rows of a typical group, from 1 to {MOST_ROWS:.0g}"
            raise NumberError(msg)
        asked = {one.name: one for one in query.aggregates}
        unknown = [name for name in self.expected if name not in asked]
        if unknown:
            msg = f"an answer {unknown[0]!r} is expected, and the query has {', '.join(asked)}; correct the name"
            raise PolicyError(msg)
        for name, value in self.expected.items():
            one = asked[name]
            least, most = -math.inf, math.inf
            if isinstance(one, Variance):
                widest = float(one.bounds[1] - one.bounds[0]) / 2
                least, most = 0.0, widest if isinstance(one, Std) else widest**2
            elif isinstance(one, Mean):
                least, most = map(float, one.bounds)
            if not (least <= value <= most and math.isfinite(value)) or value == 0:
                msg = f"{name!r} is expected to be {value}; give a number other than 0 that its bounds allow"
                raise NumberError(msg)
        if all(isinstance(one, Quantile) for one in query.aggregates):
            msg = "no interval is known of quantiles, so no error can be planned; ask for a count, sum or mean as well"
            raise PolicyError(msg)

    def of(self, one: Aggregate) -> float:
        """Return the expected answer of an aggregate: what is declared, or what size and bounds suggest."""
        if one.name in self.expected:
            return self.expected[one.name]
        if not isinstance(one, OfColumn) or not isinstance(one, Sum | Mean | Variance):
            return self.group_size
        low, high = map(float, one.bounds)
        if isinstance(one, Variance):
            return (high - low) / math.sqrt(12) if isinstance(one, Std) else (high - low) ** 2 / 12
        middle = (low + high) / 2 or (high - low) / 2
        return middle * self.group_size if isinstance(one, Sum) else middle


def plan_answers(
    query: GroupQuery, budget: QueryBudget, distribution: DistributionName | None, declared: Declared
) -> AnswersPoint:
    """Return the errors of a query at one epsilon. No data is an argument.

    Errors are those of the intervals that the release would have for a group of the declared size and answers; as
    these they cover the noise, not what bounds take away.

    Raises
    ------
    NumberError, PolicyError
        As `fit`.
    """
    assert budget.epsilon is not None
    query, allotment = fit(query, budget, distribution)
    mechanisms, answers = iter(allotment.mechanisms), list[PlannedAnswer]()
    means = {one.column: declared.of(one) for one in query.aggregates if type(one) is Mean}
    for one, parts in zip(query.aggregates, query.parts(), strict=True):
        own = [next(mechanisms) for _ in parts]
        if isinstance(one, Quantile):
            continue
        exact = _exact(one, declared, means)
        wide, middle = (_moved(one, exact, own, doubt) for doubt in (DOUBT, 0.5))
        answers.append(
            PlannedAnswer(aggregate=one.name, expected=declared.of(one), half_width=wide, median_error=middle)
        )
    kept = None if allotment.keys is None else allotment.keys.least_kept(_SURELY)
    # Of rows that may be several of one unit, at least so many units are there.
    missing = float(kept is not None and kept > declared.group_size / (query.bounds.max_rows or 1))
    epsilon, delta = float(budget.epsilon), float(budget.delta)
    risk = membership_advantage(epsilon, delta)
    return AnswersPoint(
        method=_named(allotment.mechanisms),
        epsilon=epsilon,
        delta=delta,
        risk=risk,
        right_guess=(1 + risk) / 2,
        error=max(missing, *(one.median_error / abs(one.expected) for one in answers)),
        error_at_95=max(missing, *(one.relative for one in answers)),
        kept_from=kept,
        answers=tuple(answers),
    )


def _named(mechanisms: tuple[Mechanism, ...]) -> str:
    """Return the name of the noise."""
    return "gaussian" if any(isinstance(one, GaussianNoise) for one in mechanisms) else "laplace"


def _exact(one: Aggregate, declared: Declared, means: Mapping[str, float]) -> list[float]:
    """Return the parts of an aggregate before noise, of a group with the declared size and answers."""
    n, value = declared.group_size, declared.of(one)
    if not isinstance(one, Sum | Mean | Variance):
        return [value]
    grid = one.spec().grid
    if isinstance(one, Sum):
        return [value / float(grid.step)]
    middle, half = float(grid.lower + grid.upper) / 2, float(grid.step) / 2
    if isinstance(one, Mean):
        return [n, n * (value - middle) / half]
    off = (means.get(one.column, middle) - middle) / half
    variance = (value**2 if isinstance(one, Std) else value) / half**2
    return [n, n * off, n * (2 * (variance + off**2) - float(grid.high - grid.low) ** 2)]


def _moved(one: Aggregate, exact: list[float], own: list[Mechanism], doubt: float) -> float:
    """Return how far noise moves an answer but with a probability of `doubt`."""
    noisy = [
        Noisy(np.array([round(value)], np.int64), mechanism.std, mechanism.half_width(doubt / len(own)))
        for value, mechanism in zip(exact, own, strict=True)
        if isinstance(mechanism, LaplaceNoise | GaussianNoise)
    ]
    assert not isinstance(one, Quantile)
    found = one.estimate(noisy)
    return float(max(found.high[0] - found.value[0], found.value[0] - found.low[0]))

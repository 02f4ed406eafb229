"""The frontier of a private query: the error of its answers against epsilon, planned without data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from shoal_engine.differential.named_choices import DistributionName
from shoal_engine.differential.queries.budget import QueryBudget
from shoal_engine.differential.queries.private_group_by import GroupQuery
from shoal_engine.differential.queries.quantiles import Quantile
from shoal_engine.errors import NumberError, PolicyError
from shoal_engine.frontier.answers import AnswersPoint, Declared, plan_answers
from shoal_engine.frontier.described import described
from shoal_engine.frontier.points import front
from shoal_engine.frontier.recommendation import Limits, Recommendation, recommend
from shoal_engine.html_tables import html_summary

USEFULNESS = "1 less the median error of the least exact answer"


@dataclass(frozen=True, slots=True)
class QueryFrontier:
    """Budgets of a query that were tried, on no data.

    Attributes
    ----------
    points : tuple of AnswersPoint
        By epsilon, ascending.
    recommendation : Recommendation, optional
        None where no limit is given.
    notes : tuple of str
    """

    points: tuple[AnswersPoint, ...]
    recommendation: Recommendation | None
    notes: tuple[str, ...] = ()

    @property
    def frame(self) -> pl.DataFrame:
        """Return a row for each answer at each epsilon."""
        return pl.DataFrame(
            [
                {
                    "epsilon": point.epsilon,
                    "risk": point.risk,
                    "aggregate": one.aggregate,
                    "expected": one.expected,
                    "half_width": one.half_width,
                    "relative": one.relative,
                    "median_error": one.median_error,
                    "front": best,
                }
                for point, best in zip(self.points, front(self.points), strict=True)
                for one in point.answers
            ]
        )

    def to_dict(self) -> dict[str, Any]:
        """Return every figure for JSON, in the shape of other frontiers."""
        shape = described(self.points, self.recommendation, strength="epsilon", usefulness=USEFULNESS, lines={})
        return {**shape, "notes": list(self.notes)}

    def __repr__(self) -> str:
        """Return a one-line summary."""
        what = "no limit given" if self.recommendation is None else self.recommendation.text
        return f"QueryFrontier({len(self.points)} budgets, no row read: {what})"

    def _repr_html_(self) -> str:
        """Return a row for each answer at each epsilon, for notebooks."""
        rows = [
            [
                one.aggregate,
                *(f"{value:,.4g}" for value in (at.epsilon, at.risk, one.half_width)),
                f"{one.relative:.2%}",
            ]
            for at in self.points
            for one in at.answers
        ]
        header = ["answer", "epsilon", "membership advantage", "95 % within", "relative"]
        text = "No row was read" if self.recommendation is None else self.recommendation.text
        return html_summary(text, header, rows, self.notes)


def query_frontier(
    query: GroupQuery,
    budgets: Sequence[QueryBudget],
    distribution: DistributionName | None,
    group_size: float,
    expected: Mapping[str, float],
    limits: Limits | None,
) -> QueryFrontier:
    """Plan a query at several budgets; see `PrivateQuery.frontier`."""
    if not budgets:
        msg = "no epsilon is given; give at least one to try, for example epsilon=['0.1', '0.5', 1]"
        raise NumberError(msg)
    limits = limits or Limits()
    if limits.max_mean_risk is not None or limits.min_accuracy is not None:
        msg = "answers have limits max_risk, of the membership advantage, and max_error; leave the others out"
        raise PolicyError(msg)
    declared = Declared(group_size, expected)
    declared.check(query)
    each = sorted({one.epsilon: one for one in budgets}.items(), key=lambda pair: pair[0] or 0)
    points = tuple(plan_answers(query, one, distribution, declared) for _, one in each)
    return QueryFrontier(points, recommend(points, limits), tuple(_notes(query, points, expected)))


def _notes(query: GroupQuery, points: Sequence[AnswersPoint], expected: Mapping[str, float]) -> list[str]:
    """Return what errors and risks do not say."""
    whom = "a row" if query.unit is None else f"one {' and '.join(query.unit)} with all its rows"
    secret = "which of two values it has" if query.neighbors == "change-one" else "whether it is in the table"
    notes = [
        f"no row was read and nothing is charged; each risk is that of the whole query, once, for {whom}: "
        f"that somebody guesses {secret}; epsilons of several queries add up",
        "errors cover the noise, not what bounds leave out or clamp",
    ]
    given = [f"{one.aggregate} {one.expected:,.6g}" for one in points[0].answers if one.aggregate not in expected]
    if given:
        notes.append(f"errors are relative to {', '.join(given)}, of size and bounds, as no other answer is expected")
    chosen = [one.name for one in query.aggregates if isinstance(one, Quantile)]
    if chosen:
        notes.append(f"no interval is known of {', '.join(chosen)}, which takes its share of epsilon")
    if points[0].kept_from is not None:
        notes.append("smaller groups than 'kept from' may be left out, which counts as an error of 100 %")
    return notes

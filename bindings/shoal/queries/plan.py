"""Plans of private answers, as people read them: cost, noise in the column's units, and limits of the intervals."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

import polars as pl

from shoal_engine.html_tables import html_summary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shoal_engine.differential.queries.budget import Allotment, QueryBudget
    from shoal_engine.differential.queries.private_group_by import GroupQuery

SCHEMA = {
    "aggregate": pl.String,
    "part": pl.String,
    "noise": pl.String,
    "unit": pl.String,
    "sensitivity": pl.Float64,
    "std": pl.Float64,
    "interval_covers": pl.String,
    "sensitivity_steps": pl.Float64,
    "std_steps": pl.Float64,
    "step": pl.Float64,
}


@dataclass(frozen=True, slots=True)
class Plan:
    """Cost and noise of a release, computed without looking at the data.

    Attributes
    ----------
    epsilon, rho : str or None
        One of them, as asked.
    delta : str
    frame : pl.DataFrame
        One row a part: aggregate, part, noise, then in its `unit` (rows, units, values, ranks or the column's own)
        its sensitivity (of a unit, over all its groups, in L1) and the noise's standard deviation, and what the
        interval covers. The last columns have both in integers of the part, and the size of one step.
    event : str
        Privacy event, as JSON.
    notes : tuple of str
        Limits of the answer's intervals: effects of bounds, and groups that are left out.
    """

    epsilon: str | None
    rho: str | None
    delta: str
    frame: pl.DataFrame
    event: str = field(repr=False)
    notes: tuple[str, ...] = ()

    def _repr_html_(self) -> str:
        """Return cost and noise of each part as HTML for notebooks."""
        budget = f"epsilon {self.epsilon}" if self.rho is None else f"rho {self.rho}"
        shown = self.frame.select("aggregate", "part", "noise", "unit", "sensitivity", "std").rows()
        rows = [[*map(str, row[:4]), *("" if one is None else f"{one:,.4g}" for one in row[4:])] for row in shown]
        header = ["aggregate", "part", "noise", "unit", "sensitivity", "standard deviation"]
        return html_summary(f"Plan: {budget}, delta {self.delta}; no row was read", header, rows, self.notes, texts=4)


def make_plan(query: "GroupQuery", budget: "QueryBudget", allotment: "Allotment") -> Plan:
    """Return a plan as people read it."""
    from shoal_engine.differential import events

    return Plan(
        None if budget.epsilon is None else str(budget.epsilon),
        None if budget.rho is None else str(budget.rho),
        str(budget.delta),
        pl.DataFrame(list(_rows(query, allotment)), schema=SCHEMA, orient="row"),
        events.to_json(allotment.event),
        tuple(_notes(query, allotment)),
    )


def _rows(query: "GroupQuery", allotment: "Allotment") -> "Iterator[tuple[object, ...]]":
    """Yield a row for each part."""
    mechanisms = iter(allotment.mechanisms)
    for one, parts in zip(query.aggregates, query.parts(), strict=True):
        for part in parts:
            mechanism = next(mechanisms)
            sensitivity = query.factor * part.sensitivity * part.groups
            std: float | None = getattr(mechanism, "std", None)
            yield (
                one.name,
                part.name,
                _named(mechanism),
                part.unit,
                float(sensitivity * part.step),
                None if std is None else float(Fraction(std) * part.step),
                "nothing" if part.is_choice else "noise only",
                float(sensitivity),
                std,
                float(part.step),
            )


def _notes(query: "GroupQuery", allotment: "Allotment") -> "Iterator[str]":
    """Yield notes that a reader of the answer needs in addition to its intervals."""
    from shoal_engine.differential.queries.aggregates import Quantile
    from shoal_engine.differential.queries.clipping import ClippedUnits
    from shoal_engine.differential.queries.moments import Mean, OfColumn, Variance

    kinds = query.aggregates
    if query.unit is not None:
        groups = "one group" if query.reach.max_groups == 1 else f"{query.reach.max_groups} groups"
        rows = query.bounds.max_rows
        each = "all its rows, their sums clamped," if rows is None else "one row" if rows == 1 else f"{rows} rows"
        asked = any(isinstance(one, ClippedUnits) for one in kinds)
        yield (
            f"a unit counts in at most {groups}, with {each} in each: intervals cover the noise, not the rows that are "
            "left out, so the true numbers may lie beyond them; "
            + ("clipped_units counts" if asked else "shoal.dp.count_clipped() counts, at a share of the budget,")
            + " the units it touches"
        )
        if rows is None:
            yield (
                'with max_rows="clip" a count of rows counts each unit once, and mean, variance, standard deviation '
                "and quantiles are of the units' sums in a group, not of single values"
            )
    for column in dict.fromkeys(one.column for one in kinds if isinstance(one, OfColumn)):
        yield (
            f"values of {column!r} outside the bounds count as the nearer bound, which intervals do not cover; "
            f"shoal.dp.count_outside({column!r}, bounds=...) counts them, at a share of the budget"
        )
    if any(isinstance(one, Mean | Variance) for one in kinds):
        yield (
            "means, variances and standard deviations of groups of few rows are drawn towards the middle of what the "
            "bounds allow; the deviation is at most the largest error that the bounds leave"
        )
    if any(isinstance(one, Quantile) for one in kinds):
        yield "of a quantile no deviation and no interval is known"
    if allotment.keys is not None:
        half, nearly = (allotment.keys.least_kept(Fraction(share)) for share in ("1/2", "99/100"))
        yield (
            f"groups are chosen by their number of units: one of {half} is kept with probability 1/2, one of {nearly} "
            "with 99 %; smaller ones are mostly left out, so sums over the answer's groups fall short of the table's"
        )


def _named(mechanism: object) -> str:
    """Return the name of a mechanism."""
    return {"LaplaceNoise": "discrete Laplace", "GaussianNoise": "discrete Gaussian"}.get(
        type(mechanism).__name__, "exponential mechanism"
    )

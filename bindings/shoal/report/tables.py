"""Rows of a report's tables: risk, class sizes and columns."""

from collections.abc import Iterator

from shoal.report.certified import Certified
from shoal.report.facts import ColumnRow, Figure, RiskRow, SizeRow
from shoal.report.figures import NO_LIMIT, NOT_STATED, bar, count, share
from shoal_engine.anonymity.criteria.comparison import SizeBin, people_alone, people_at_risk
from shoal_engine.anonymity.policy.table_models import AverageRisk


def risk_rows(of: Certified) -> Iterator[RiskRow]:
    """Yield the measures of risk before and after, with the limits of the policy."""
    report, policy, before = of.report, of.policy, of.report.before
    below = Figure(None, f"below {policy.k}")
    above = Figure(None, f"above {share(1 / policy.k, 2).text}")
    highest = NOT_STATED if before is None else _or(before.highest_risk, above)
    yield RiskRow("Highest", highest, share(report.risk.highest, 2), share(1 / policy.k, 2))
    average = NOT_STATED if before is None else share(before.average_risk, 2)
    limit = next((share(model.at_most, 2) for model in policy.models if isinstance(model, AverageRisk)), NO_LIMIT)
    yield RiskRow("Average (marketer)", average, share(report.risk.average, 2), limit)
    everybody = [sum(getattr(one, side) for one in report.class_sizes) for side in ("before", "after")]
    at_risk = people_at_risk(report.class_sizes)
    if at_risk is not None and all(everybody):
        was, now = (share(part / whole) for part, whole in zip(at_risk, everybody, strict=True))
        yield RiskRow("People above 20 %", was, now, NO_LIMIT)
    alone = people_alone(report.class_sizes)
    if alone is not None:
        yield RiskRow("People who are alone", count(alone[0]), count(alone[1]), count(0) if policy.k > 1 else NO_LIMIT)
    smallest = NOT_STATED if before is None else below if before.k is None else count(before.k)
    yield RiskRow("Smallest class (k)", smallest, count(report.k), count(policy.k))


def _or(risk: float | None, otherwise: Figure) -> Figure:
    """Return a risk, or what is printed if it is not shown."""
    return otherwise if risk is None else share(risk, 2)


def size_rows(bins: tuple[SizeBin, ...]) -> Iterator[SizeRow]:
    """Yield the share of people in classes of each size."""
    before, after = (sum(getattr(one, side) for one in bins) or 1 for side in ("before", "after"))
    for one in bins:
        yield SizeRow(_sizes(one), bar(one.before / before), bar(one.after / after))


def _sizes(one: SizeBin) -> str:
    """Return the sizes of a bin in words."""
    if one.most is None:
        return f"{one.least:,} and more"
    if one.most == one.least:
        return "1 (unique)" if one.least == 1 else f"{one.least:,}"
    return f"{one.least:,} to {one.most:,}"


def column_rows(of: Certified) -> Iterator[ColumnRow]:
    """Yield the columns, the quasi-identifiers with most loss first."""
    changes = of.report.columns
    for one in sorted(changes, key=lambda change: -1.0 if change.loss is None else -change.loss - 1.0):
        action = one.action
        role = of.policy.quasi_identifiers.get(one.name)
        if role is not None and role.transform is not None:
            action = f"{role.transform.tag()}, {action}"
        models = of.policy.sensitive[one.name].models if one.name in of.policy.sensitive else ()
        bound = "".join(f", {model.describe()}" for model in models)
        distinct = _distinct(one.distinct_before, one.distinct_after)
        loss = None if one.loss is None else bar(one.loss)
        yield ColumnRow(one.name, one.role, f"{action}{bound}", distinct, loss)


def _distinct(before: int | None, after: int | None) -> str:
    """Return distinct values before and after."""
    return "" if before is None or after is None else f"{before:,} → {after:,}"

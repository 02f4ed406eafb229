"""Privacy units of a released table: their pseudonyms, and promises on rows that pseudonyms link."""

from collections.abc import Sequence

import polars as pl

from shoal.io.internal_names import internal
from shoal.recount.recounting_units import ROWS
from shoal_engine.anonymity.criteria.assessment import released_names
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.finding import Finding
from shoal_engine.findings.units import units_not_counted

_TRACE, _CLASS = internal("trace"), internal("class")


def pseudonym_of_unit(policy: Policy, present: Sequence[str]) -> str | None:
    """Return the column with pseudonyms of the unit, or None."""
    role = policy.identifiers.get(policy.unit)
    return policy.unit if role is not None and role.action == "pseudonym" and policy.unit in present else None


def unit_findings(policy: Policy, unit: str | None, rows: int) -> tuple[Finding, ...]:
    """Return the finding that units cannot be counted, if the policy names a unit and the table lacks it."""
    return (units_not_counted(policy.unit),) if policy.unit and unit is None and rows else ()


def joined_promises(frame: pl.LazyFrame, policy: Policy, unit: str | None) -> list[str]:
    """Return a broken promise for each pseudonym that links rows into a trace shared by fewer than k units."""
    if not policy.unit:
        return []
    names = set(frame.collect_schema().names())
    linked = [
        name
        for name, role in policy.identifiers.items()
        if role.action == "pseudonym" and name in names and policy.link_of(name) == "table"
    ]
    keys = released_names(policy)
    return [
        f"rows joined by the pseudonym {name!r} show a combination of classes that fewer than k = {policy.k} share"
        for name in linked
        if _least_sharing(frame, keys, name, unit or name) < policy.k
    ]


def _least_sharing(frame: pl.LazyFrame, keys: Sequence[str], name: str, unit: str) -> int:
    """Return the smallest number of units that share a class and a trace."""
    counted = frame.group_by([*keys, name]).agg(pl.len().alias(ROWS)).collect(engine="streaming")
    if not counted.height:
        return 1 << 62
    classes = counted.select(keys).unique().with_row_index(_CLASS)
    joined = counted.join(classes, on=list(keys), how="left", nulls_equal=True).sort(_CLASS)
    traces = joined.group_by(name).agg(pl.struct(_CLASS, ROWS).implode().list.first().alias(_TRACE))
    traces = traces.with_columns(pl.col(_TRACE).hash())
    rows = frame.select(*keys, name, *([] if unit == name else [unit])).unique()
    split = rows.join(traces.lazy(), on=name, how="left", nulls_equal=True)
    sharing = split.group_by([*keys, _TRACE]).agg(pl.col(unit).n_unique().alias(ROWS))
    return int(sharing.select(pl.col(ROWS).min()).collect(engine="streaming").item())

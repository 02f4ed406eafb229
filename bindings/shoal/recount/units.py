"""Privacy units of a released table: members of classes, weights of rows, and promises on rows that pseudonyms link.

Privacy units of a released table, counted in plain Polars: members of classes and weights of their rows.

In every class a unit has weight one, shared equally by its rows there, in integers; definition and reasons are in
`shoal_engine.anonymity.table.units`.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from shoal.io.lazy_frames import internal
from shoal_engine.anonymity.criteria.assessment import released_names
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.anonymity.table.units import GRID, least_carried
from shoal_engine.finding import Finding
from shoal_engine.findings.units import units_not_counted

ROWS, MEMBERS, WEIGHT, VALUE = internal("rows"), internal("members"), internal("weight"), internal("value")
_HELD = internal("held")
_TRACE, _CLASS = internal("trace"), internal("class")


def weighed(part: pl.LazyFrame, keys: Sequence[str], unit: str, value: pl.Expr) -> pl.DataFrame:
    """Return the distinct values of each unit in each class, with number of rows and weight."""
    counted = part.group_by([*keys, unit, value]).agg(pl.len().cast(pl.Int64).alias(ROWS))
    held = counted.collect(engine="streaming")
    return held.with_columns((pl.col(ROWS) * (GRID // pl.col(ROWS).sum().over([*keys, unit]))).alias(WEIGHT))


def lightened(cells: pl.DataFrame, weight: str) -> pl.DataFrame:
    """Divide weights by their greatest common divisor; shares stay the same."""
    common = np.gcd.reduce(cells.get_column(weight).to_numpy(), initial=0)
    return cells.with_columns(pl.col(weight) // max(1, int(common)))


def members_of(held: pl.DataFrame, keys: Sequence[str], unit: str) -> pl.DataFrame:
    """Return the number of rows and of distinct units of each class."""
    return held.group_by(keys).agg(pl.col(ROWS).sum(), pl.col(unit).n_unique().cast(pl.Int64).alias(MEMBERS))


def least_carried_of(held: pl.DataFrame, keys: Sequence[str], unit: str) -> int:
    """Return the minimum over classes of the distinct values that distinct units can represent, one each."""
    classes = held.select(keys).unique().with_row_index(_HELD)
    numbered = held.join(classes, on=list(keys), how="left", nulls_equal=True)
    value, of = (numbered.get_column(name).rank("dense").fill_null(0) for name in (VALUE, unit))
    return least_carried(numbered.get_column(_HELD).to_numpy(), value.to_numpy(), of.to_numpy())


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

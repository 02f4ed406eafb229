"""Findings on identifiers whose values repeat although the policy counts every row as another person."""

import polars as pl

from shoal.io.lazy_frames import read_to_end, schema_of
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.finding import Finding
from shoal_engine.findings.units import repeated_identifier

_ROWS = "rows"


def repeated_identifiers(frame: pl.LazyFrame, policy: Policy) -> list[Finding]:
    """Return a finding for each identifier with repeated values; empty if the policy names a unit.

    Nulls are ignored.

    Raises
    ------
    InputError
        The table cannot be read to its end.

    Examples
    --------
    >>> from shoal_engine.anonymity.policy.roles import Identifier, QuasiIdentifier
    >>> policy = Policy(k=2, identifiers={"pid": Identifier()}, quasi_identifiers={"age": QuasiIdentifier()})
    >>> visits = pl.LazyFrame({"pid": ["a", "a", "b", None], "age": [1, 1, 2, 2]})
    >>> [finding.share for finding in repeated_identifiers(visits, policy)]
    [0.5]
    """
    if policy.unit:
        return []
    schema = schema_of(frame)
    names = [name for name in policy.identifiers if name in schema and schema[name] != pl.Object]
    shares = {name: _share(frame, name) for name in names}
    joins = {
        name: role.action == "pseudonym" and policy.link_of(name) == "table"
        for name, role in policy.identifiers.items()
    }
    return [repeated_identifier(name, share, joins=joins[name]) for name, share in shares.items() if share]


def _share(frame: pl.LazyFrame, name: str) -> float:
    """Return the share of rows whose value occurs in another row."""
    counted = frame.group_by(pl.col(name).alias("value")).agg(pl.len().alias(_ROWS))
    repeated = (pl.col("value").is_not_null()) & (pl.col(_ROWS) > 1)
    sums = counted.select(pl.col(_ROWS).filter(repeated).sum().alias("repeated"), pl.col(_ROWS).sum())
    found, rows = read_to_end(sums, streaming=True).row(0)
    return found / rows if rows else 0.0

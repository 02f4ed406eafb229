"""Findings of a released table, and of identifiers that repeat although every row counts as another person."""

import polars as pl

from shoal.io.lazy_frames import UNREADABLE, batches, internal, read_to_end, schema_of
from shoal.io.observing import check_readable
from shoal.io.threads import threads
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.errors import InputError
from shoal_engine.finding import Finding, in_order
from shoal_engine.findings.units import repeated_identifier

_TEXT, _ROWS = internal("text"), internal("rows")
_N_ROWS = "rows"


def released_findings(
    table: pl.LazyFrame, policy: Policy, *, released: bool = True, n_threads: int | None = None
) -> tuple[Finding, ...]:
    """Return the findings of a table that is or will be released, beyond its classes, worst first.

    Raises
    ------
    ColumnError
        The values of a column cannot be compared.
    InputError
        The table cannot be read to its end.

    Examples
    --------
    >>> policy = Policy.of(k=2, quasi_identifiers=["age"], insensitive=["cost"])
    >>> table = pl.LazyFrame({"age": ["[20, 29]"] * 2, "cost": [1.5, 2.5]})
    >>> [finding.code for finding in released_findings(table, policy)]
    ['kept-unique', 'kept-unique-with-quasi-identifiers']
    """
    from shoal_engine.findings.released_table import ReleasedTable, examined_columns

    schema = schema_of(table)
    columns = examined_columns(policy, schema.names(), released=released)
    alike = _look_alikes(table, policy, schema)
    if not columns:
        return tuple(alike)
    check_readable(schema, columns)
    rows = ReleasedTable(policy, schema.names(), n_threads=threads(n_threads), released=released)
    try:
        for batch in batches(table, columns):
            rows.observe(batch)
    except UNREADABLE:
        # Without the cause: the engine's own message may quote a cell.
        msg = "the released table cannot be read to its end: it is truncated, damaged or not of its declared types"
        raise InputError(msg) from None
    return tuple(in_order([*rows.findings(), *alike]))


def _look_alikes(table: pl.LazyFrame, policy: Policy, schema: pl.Schema) -> list[Finding]:
    """Return findings on texts that diversity models count as distinct and a reader takes as equal."""
    from shoal_engine.findings.look_alikes import look_alike_findings

    found: list[Finding] = []
    for name, role in policy.sensitive.items():
        if not role.models or not isinstance(schema.get(name), pl.String | pl.Categorical | pl.Enum):
            continue
        text = table.select(pl.col(name).cast(pl.String).alias(_TEXT))
        counted = read_to_end(text.group_by(_TEXT).agg(pl.len().alias(_ROWS)), streaming=True).drop_nulls()
        found += look_alike_findings(name, dict(counted.iter_rows()))
    return found


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
    counted = frame.group_by(pl.col(name).alias("value")).agg(pl.len().alias(_N_ROWS))
    repeated = (pl.col("value").is_not_null()) & (pl.col(_N_ROWS) > 1)
    sums = counted.select(pl.col(_N_ROWS).filter(repeated).sum().alias("repeated"), pl.col(_N_ROWS).sum())
    found, rows = read_to_end(sums, streaming=True).row(0)
    return found / rows if rows else 0.0

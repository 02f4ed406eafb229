"""A first look at a table: what each column seems to be, and which columns together single people out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import polars as pl

from shoal import _look_columns as columns
from shoal import _look_policy
from shoal.frames import IntoFrame, into_lazy
from shoal_engine.errors import InputError

EXAMINED_ROWS = 1_000_000
"""Rows of a larger table that are examined where the caller does not say."""
_COMBINED_ROWS = 100_000
_COMBINED_COLUMNS = 10


@dataclass(frozen=True, slots=True, repr=False)
class Look:
    """What a first look found. Holds names of columns and shares, never a cell's value.

    Attributes
    ----------
    frame : pl.DataFrame
        One row a column: ``column``, ``type``, ``role``, ``reason``, ``distinctness`` (distinct values /
        rows), ``separation`` (share of row pairs told apart), ``nulls`` (share of rows).
    combinations : pl.DataFrame
        Pairs and triples of quasi-identifiers, riskiest first: ``columns``, ``unique_rows`` (share of the
        rows combined that no other equals in these columns), ``separation``.
    rows : int
        Rows of the table.
    examined_rows : int
        Rows that the shares speak of. In a part of a table more rows are unique than in the whole.
    combined_rows : int
        Rows that `combinations` speaks of; at most `examined_rows`.
    """

    frame: pl.DataFrame
    combinations: pl.DataFrame
    rows: int
    examined_rows: int
    combined_rows: int
    _judged: Sequence[tuple[columns.Evidence, columns.Verdict]] = field(default=())

    def __repr__(self) -> str:
        roles = self.frame["role"].to_list()
        counts = ", ".join(f"{roles.count(role)} {role}" for role in sorted(set(roles)))
        return f"Look({self.rows} rows, {len(roles)} columns: {counts})"

    def _repr_html_(self) -> str:
        return self.frame._repr_html_()  # pyright: ignore[reportPrivateUsage]

    def policy_toml(self, k: int | None) -> str:
        """Return the guess as a commented policy in TOML.

        Parameters
        ----------
        k : int or None
            Rows that every class must hold. None leaves it commented out: the text is a policy only once
            somebody has chosen.
        """
        return _look_policy.write(self._judged, k)


def look(frame: IntoFrame, *, sample_rows: int | None = None) -> Look:
    """Guess the role of every column, and find the columns that single people out.

    Parameters
    ----------
    frame : IntoFrame
        Any table; a lazy one is read once for its length and once for the rows examined.
    sample_rows : int, optional
        Examine at most so many rows, evenly spread over the table. Without it, `EXAMINED_ROWS`.

    Raises
    ------
    InputError
        The table has no rows or no columns.
    ValueError
        `sample_rows` is below 1.

    Examples
    --------
    >>> from shoal.hospital import hospital_records
    >>> found = look(hospital_records(1000, seed=1))
    >>> found.frame.filter(role="sensitive")["column"].to_list()
    ['diagnosis']
    """
    if sample_rows is not None and sample_rows < 1:
        msg = f"sample_rows={sample_rows} asked for, at least 1 row is needed; leave it out to let shoal choose"
        raise ValueError(msg)
    lazy = into_lazy(frame)
    names = lazy.collect_schema().names()
    rows = int(lazy.select(pl.len()).collect().item()) if names else 0
    if rows == 0:
        msg = "the table holds no rows, there is nothing to look at; give one with rows and columns"
        raise InputError(msg)
    step = -(-rows // (sample_rows or EXAMINED_ROWS))
    table = lazy.gather_every(step).collect() if step > 1 else lazy.collect()
    judged = [(seen, columns.judge(seen)) for seen in map(columns.gather, table.get_columns())]
    candidates = [seen for seen, verdict in judged if verdict.role == "quasi_identifier"]
    combined = table.gather_every(-(-table.height // _COMBINED_ROWS))
    return Look(
        frame=_described(judged),
        combinations=_riskiest(combined, candidates),
        rows=rows,
        examined_rows=table.height,
        combined_rows=combined.height,
        _judged=tuple(judged),
    )


def _described(judged: Sequence[tuple[columns.Evidence, columns.Verdict]]) -> pl.DataFrame:
    """Return one row for each column."""
    rows = [
        (
            seen.name,
            str(seen.dtype),
            verdict.role,
            verdict.reason,
            seen.distinctness,
            seen.separation,
            seen.nulls,
        )
        for seen, verdict in judged
    ]
    schema: dict[str, Any] = {
        "column": pl.String,
        "type": pl.String,
        "role": pl.String,
        "reason": pl.String,
        "distinctness": pl.Float64,
        "separation": pl.Float64,
        "nulls": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _riskiest(table: pl.DataFrame, candidates: Sequence[columns.Evidence]) -> pl.DataFrame:
    """Return pairs and triples of candidates with their share of unique rows, the riskiest first.

    The work is bounded: the candidates that separate most rows, and as many rows as `table` has.
    """
    ranked = sorted(candidates, key=lambda seen: -(seen.separation or 0.0))[:_COMBINED_COLUMNS]
    names = [seen.name for seen in candidates if seen in ranked]
    chosen = [set_ for size in (2, 3) for set_ in combinations(names, size)]
    schema: dict[str, Any] = {
        "columns": pl.List(pl.String),
        "unique_rows": pl.Float64,
        "separation": pl.Float64,
    }
    if not chosen:
        return pl.DataFrame(schema=schema)
    coded = table.select(_code(table[name]).alias(name) for name in names)
    figures: list[pl.Expr] = []
    for number, set_ in enumerate(chosen):
        n = _packed(set_).unique_counts().cast(pl.Float64)
        figures += [(n == 1).sum().alias(f"unique {number}"), (n * (n - 1.0)).sum().alias(f"alike {number}")]
    row = coded.lazy().select(figures).collect().row(0)
    pairs = max(1.0, table.height * (table.height - 1.0))
    found = [
        (list(set_), unique / table.height, 1.0 - alike / pairs if table.height > 1 else 0.0)
        for set_, unique, alike in zip(chosen, row[0::2], row[1::2], strict=True)
    ]
    order = ["unique_rows", "separation", pl.col("columns").list.join("\n")]
    return pl.DataFrame(found, schema=schema, orient="row").sort(order, descending=[True, True, False])


def _packed(names: Sequence[str]) -> pl.Expr:
    """Return one key of the codes of up to three columns.

    Codes stay below 2^20 (at most `_COMBINED_ROWS` values, and a null), so they lie side by side in 64 bits.
    """
    return pl.sum_horizontal(pl.col(name).cast(pl.UInt64) * 2 ** (20 * i) for i, name in enumerate(names))


def _code(column: pl.Series) -> pl.Series:
    """Return a number for each value, 0 for a null; equal values and only they have equal numbers."""
    return column.rank("dense").fill_null(0)

"""Shares of unique rows, for sets of columns."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import polars as pl

from shoal.profile.columns import Evidence

_COMBINED_COLUMNS = 10


def unique_share(table: pl.DataFrame, names: Sequence[str]) -> float | None:
    """Return the share of unique rows on a set of columns; None without columns.

    Rows are compared by a 64-bit hash: among a million rows, two different ones collide with probability 3e-8.
    """
    useful = [name for name in names if table.schema[name] != pl.Null]
    if not useful:
        return 0.0 if names and table.height > 1 else None
    return float(table.select(useful).hash_rows(seed=0).is_unique().sum()) / table.height


def riskiest(table: pl.DataFrame, candidates: Sequence[Evidence]) -> pl.DataFrame:
    """Return pairs and triples of candidates with their share of unique rows, the riskiest first.

    The work is bounded: only the `_COMBINED_COLUMNS` candidates with most differing row pairs are combined.
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
    """Return a packed key of the codes of up to three columns.

    Codes are below 2^20 (at most `_COMBINED_ROWS` values and a null), so three fit into 64 bits.
    """
    return pl.sum_horizontal(pl.col(name).cast(pl.UInt64) * 2 ** (20 * i) for i, name in enumerate(names))


def _code(column: pl.Series) -> pl.Series:
    """Return dense integer codes of the values, 0 for null."""
    return column.rank("dense").fill_null(0)

"""The second opinion: classes, diversity and closeness of a table, recounted with plain Polars.

Nothing here shares code with the kernels that made the release: a mistake there cannot hide here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from shoal_engine.anonymity.assessment import Assessment, SensitiveReach

ROWS = "__rows"
_CLASS = "__class"
_VALUE = "__value"
_COUNT = "__count"
_SHARE = "__share"
_DISTINCT = "__distinct"
_ENTROPY = "__entropy"
_EQUAL = "__equal"
_RECURSIVE = "__recursive_"
_CELLS_AT_ONCE = 1 << 22
"""Cells of the dense table (classes x values) that closeness over ranks or a hierarchy holds at a time."""


@dataclass(frozen=True, slots=True)
class Ground:
    """The ground distance between the values of one sensitive column.

    Attributes
    ----------
    kind : "equal", "ordered" or "hierarchical"
    levels : sequence of mapping, for "hierarchical"
        Level by level from the leaves' parents up to the root: the node above each value (as text).
    order : sequence of str or None, for "ordered"
        Values as text in ascending order.
    """

    kind: str = "equal"
    levels: Sequence[Mapping[str | None, int]] = ()
    order: Sequence[str | None] = ()


def regroup(
    frame: pl.LazyFrame,
    quasi_identifiers: Sequence[str],
    sensitive: Mapping[str, Sequence[Ground]],
    *,
    recursive: Mapping[str, Sequence[int]] | None = None,
) -> tuple[Assessment, pl.DataFrame]:
    """Count the equivalence classes of a table and measure its sensitive columns, from its rows alone.

    Parameters
    ----------
    frame : pl.LazyFrame
    quasi_identifiers : names of the columns whose equal values make a class
    sensitive : ground distances per sensitive column, the one for ``t`` first; none means equal distance
    recursive : the l of each recursive (c, l)-diversity to measure, per sensitive column

    Returns
    -------
    Assessment
        An empty table has k = 0 and no classes.
    pl.DataFrame
        The classes: their values in the quasi-identifiers, and `ROWS`.
    """
    keys = list(quasi_identifiers)
    schema = frame.select(keys).collect_schema()
    texts = [name for name in keys if schema[name] == pl.String]
    # Labels are few and long: as categories they are compared by number.
    frame = frame.with_columns(pl.col(texts).cast(pl.Categorical))
    if not sensitive:
        classes = frame.group_by(keys).agg(pl.len().alias(ROWS)).collect(engine="streaming")
        return _summed(classes, {}), classes.with_columns(pl.col(texts).cast(pl.String))
    measured: dict[str, SensitiveReach] = {}
    classes = pl.DataFrame()
    for column, grounds in sensitive.items():
        cells = (
            frame.select(*keys, pl.col(column).alias(_VALUE))
            .group_by([*keys, _VALUE])
            .agg(pl.len().cast(pl.Int64).alias(_COUNT))
            .collect(engine="streaming")
        )
        ranks = (recursive or {}).get(column, ())
        classes = _classes(cells, keys, ranks)
        measured[column] = _measured(cells, classes, keys, grounds or [Ground()], ranks)
    return _summed(classes, measured), classes.with_columns(pl.col(texts).cast(pl.String))


def _summed(classes: pl.DataFrame, sensitive: Mapping[str, SensitiveReach]) -> Assessment:
    """Sum the classes up."""
    sizes = classes.get_column(ROWS)
    k, unique, rows = classes.select(
        pl.col(ROWS).min(), (pl.col(ROWS) == 1).sum().alias("unique"), pl.col(ROWS).sum().alias("all")
    ).row(0)
    return Assessment.of(
        rows=int(rows), k=int(k or 0), equivalence_classes=sizes.len(), unique_rows=int(unique), sensitive=sensitive
    )


def _classes(cells: pl.DataFrame, keys: Sequence[str], recursive: Sequence[int]) -> pl.DataFrame:
    """Measure every class from the counts of its sensitive values."""
    count = pl.col(_COUNT)
    share = count / count.sum()
    whole = cells.group_by(_VALUE).agg(count.sum())
    whole = whole.select(_VALUE, share.alias(_SHARE))
    by_rank = [
        (count.max() / count.sort(descending=True).slice(l - 1).sum()).alias(f"{_RECURSIVE}{l}") for l in recursive
    ]
    return (
        cells.join(whole, on=_VALUE, how="left", nulls_equal=True)
        .group_by(keys)
        .agg(
            count.sum().alias(ROWS),
            pl.len().alias(_DISTINCT),
            (count.sum().log() - (count * count.log()).sum() / count.sum()).exp().alias(_ENTROPY),
            # Values that a class lacks add their whole share, so only those that it holds need a row.
            (((share - pl.col(_SHARE)).abs().sum() + 1.0 - pl.col(_SHARE).sum()) / 2).alias(_EQUAL),
            *by_rank,
        )
    )


def _measured(
    cells: pl.DataFrame, classes: pl.DataFrame, keys: Sequence[str], grounds: Sequence[Ground], recursive: Sequence[int]
) -> SensitiveReach:
    """Return what the worst class of each kind reaches."""
    if not classes.height:
        return SensitiveReach(l_distinct=0, l_entropy=0.0, t=0.0)
    worst = classes.select(
        pl.col(_DISTINCT, _ENTROPY).min(), pl.col(_EQUAL).max(), pl.col(f"^{_RECURSIVE}.*$").max()
    ).row(0, named=True)
    closeness = {
        ground.kind: max(0.0, worst[_EQUAL]) if ground.kind == "equal" else _closeness(cells, classes, keys, ground)
        for ground in grounds
    }
    return SensitiveReach(
        l_distinct=int(worst[_DISTINCT]),
        l_entropy=float(worst[_ENTROPY]),
        t=next(iter(closeness.values())),
        closeness=closeness,
        c_recursive={str(l): float(worst[f"{_RECURSIVE}{l}"]) for l in recursive},
    )


def _closeness(cells: pl.DataFrame, classes: pl.DataFrame, keys: Sequence[str], ground: Ground) -> float:
    """Return the largest earth mover's distance of a class to the table, over ranks or a hierarchy."""
    numbered = classes.select(*keys, ROWS).with_row_index(_CLASS)
    ordered = cells.join(numbered, on=keys, how="left", nulls_equal=True).drop(keys).sort(_CLASS)
    whole = cells.group_by(_VALUE).agg(pl.col(_COUNT).sum())
    whole = whole.select(_VALUE, (pl.col(_COUNT) / pl.col(_COUNT).sum()).alias(_SHARE))
    values = _grounded_values(whole, ground)
    worst = 0.0
    step = max(1, _CELLS_AT_ONCE // max(1, values.height))
    for first in range(0, classes.height, step):
        part = ordered.filter(pl.col(_CLASS).is_between(first, first + step, closed="left"))
        dense = (
            part.select(_CLASS, ROWS)
            .unique()
            .join(values, how="cross")
            .join(part.drop(ROWS), on=[_CLASS, _VALUE], how="left", nulls_equal=True)
            .with_columns((pl.col(_COUNT).fill_null(0) / pl.col(ROWS) - pl.col(_SHARE)).alias("extra"))
        )
        distance = _over_ranks(dense) if ground.kind == "ordered" else _over_hierarchy(dense, len(ground.levels))
        worst = max(worst, distance)
    return worst


def _grounded_values(whole: pl.DataFrame, ground: Ground) -> pl.DataFrame:
    """Attach to each value its rank, or its nodes level by level."""
    text = pl.col(_VALUE).cast(pl.String)
    if ground.kind == "ordered":
        if not ground.order:
            return whole.sort(_VALUE, nulls_last=False).with_row_index("rank")
        table = pl.DataFrame({"text": list(ground.order), "rank": range(len(ground.order))})
        table = table.with_columns(pl.col("text").cast(pl.String))
        full = table.join(whole.with_columns(text.alias("text")), on="text", how="left", nulls_equal=True)
        return full.with_columns(pl.col(_SHARE).fill_null(0.0)).drop("text")
    frame = whole.with_columns(text.alias("text"))
    for number, level in enumerate(ground.levels, 1):
        table = pl.DataFrame({"text": list(level), f"node_{number}": list(level.values())})
        table = table.with_columns(pl.col("text").cast(pl.String))
        frame = frame.join(table, on="text", how="left", nulls_equal=True)
    return frame.drop("text")


def _over_ranks(dense: pl.DataFrame) -> float:
    """Return the largest distance over equally spaced ranks: sum |cumulative extra| / (m - 1)."""
    n_ranks = dense.select(pl.col("rank").n_unique()).item()
    if n_ranks < 2:
        return 0.0
    distance = (
        dense.sort(_CLASS, "rank")
        .with_columns(pl.col("extra").cum_sum().over(_CLASS).abs())
        .group_by(_CLASS)
        .agg(pl.col("extra").sum() / (n_ranks - 1))
    )
    return float(distance.get_column("extra").max())  # pyright: ignore[reportArgumentType]


def _over_hierarchy(dense: pl.DataFrame, height: int) -> float:
    """Return the largest distance over a hierarchy: at each node, what moves between its children, by height."""
    total = dense.select(_CLASS).unique().with_columns(pl.lit(0.0).alias("d"))
    below, carried = dense, "extra"
    for level in range(1, height + 1):
        keys = [_CLASS, *(f"node_{upper}" for upper in range(level, height + 1))]
        nodes = below.group_by(keys).agg(
            pl.col(carried).clip(lower_bound=0.0).sum().alias("positive"),
            pl.col(carried).clip(upper_bound=0.0).abs().sum().alias("negative"),
            pl.col(carried).sum().alias("sum"),
        )
        cost = nodes.group_by(_CLASS).agg(
            (pl.min_horizontal("positive", "negative").sum() * level / height).alias("cost")
        )
        total = total.join(cost, on=_CLASS).select(_CLASS, pl.col("d") + pl.col("cost"))
        below, carried = nodes.drop("positive", "negative").rename({"sum": "extra"}), "extra"
    return float(total.get_column("d").max())  # pyright: ignore[reportArgumentType]

"""Recount of classes, diversity and closeness of a table, in plain Polars.

It shares no code with the kernels that made the release, so a mistake there is found here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import polars as pl

from shoal.io.lazy_frames import internal
from shoal.io.memory import memory_limit
from shoal.recount.measures import OtherMeasure, Seen, other_measures
from shoal.recount.units import MEMBERS, ROWS, VALUE, WEIGHT, least_carried_of, lightened, members_of, weighed
from shoal_engine.anonymity.criteria.assessment import Assessment, SensitiveReach
from shoal_engine.anonymity.policy.value_models import Model

_CLASS = internal("class")
_VALUE = VALUE
_COUNT = internal("count")
_WHOLE = internal("whole")
"""Rows of a class, or the weight of its units: the denominator of shares."""
_SHARE = internal("share")
_DISTINCT = internal("distinct")
_ENTROPY = internal("entropy")
_EQUAL = internal("equal")
_RECURSIVE = internal("recursive")
_CELLS_AT_ONCE = 1 << 22
"""Maximum cells of the dense table (classes x values) of closeness over ranks or a hierarchy."""
ROW_BYTES = 128
"""Bytes of a row, at most, while it is counted by its labels and a sensitive value."""
_MOST_PARTS = 64
"""Maximum number of parts, each of which takes one pass over the table."""


@dataclass(frozen=True, slots=True)
class Ground:
    """The ground distance between the values of one sensitive column.

    Attributes
    ----------
    kind : "equal", "ordered" or "hierarchical"
    levels : sequence of mapping, for "hierarchical"
        For each level from the leaves' parents to the root: the node above each value (as text).
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
    other_models: Mapping[str, Sequence[Model]] | None = None,
    unit: str | None = None,
    limit: int | None = None,
) -> tuple[Assessment, pl.DataFrame]:
    """Count the equivalence classes of a table and measure its sensitive columns, from its rows alone.

    Parameters
    ----------
    frame : pl.LazyFrame
    quasi_identifiers : names of the columns whose equal values form a class
    sensitive : ground distances per sensitive column, the one for ``t`` first; default: equal distance
    recursive : the l of each recursive (c, l)-diversity to measure, per sensitive column
    other_models : other models to measure, per sensitive column; see `shoal.recount.measures`
    unit : column whose distinct values are counted, if any; see `shoal.recount.units`
    limit : bytes that counting may take; a larger table is counted in parts. Default: as `memory_limit`.

    Returns
    -------
    Assessment
        An empty table has k = 0 and no classes.
    pl.DataFrame
        The classes: their values in the quasi-identifiers, `ROWS`, and `MEMBERS` (units, or rows if no unit is given).
    """
    keys = list(quasi_identifiers)
    schema = frame.collect_schema()
    texts = [name for name in dict.fromkeys([*keys, *sensitive]) if schema[name] == pl.String]
    n_rows = int(frame.select(pl.len()).collect(engine="streaming").item())
    parts = list(_parts(frame, keys, min(_MOST_PARTS, -(-n_rows * ROW_BYTES * 2 // (limit or memory_limit(None))))))
    # Labels are few and long: categories are compared by code.
    parts = [part.with_columns(pl.col(texts).cast(pl.Categorical)) for part in parts]
    measured: dict[str, SensitiveReach] = {}
    classes = pl.DataFrame()
    for column, grounds in sensitive.items():
        ranks = (recursive or {}).get(column, ())
        asked = {internal(field): how for field, how in other_measures((other_models or {}).get(column, ())).items()}
        classes, measured[column] = _measured(frame, parts, keys, column, grounds or [Ground()], ranks, asked, unit)
    if not sensitive:
        rows = pl.len().cast(pl.Int64).alias(ROWS)
        members = rows.alias(MEMBERS) if unit is None else pl.col(unit).n_unique().cast(pl.Int64).alias(MEMBERS)
        counts = [part.group_by(keys).agg(rows, members) for part in parts]
        classes = pl.concat([part.collect(engine="streaming") for part in counts])
    labels = [name for name in keys if name in texts]
    return _summed(classes, measured), classes.with_columns(pl.col(labels).cast(pl.String))


def _parts(frame: pl.LazyFrame, keys: Sequence[str], n_parts: int) -> Iterator[pl.LazyFrame]:
    """Split a table so that every class lies in one part, which bounds memory."""
    if n_parts <= 1:
        yield frame
        return
    mixed = reduce(lambda left, right: left ^ right, [pl.col(key).hash() for key in keys])
    for part in range(n_parts):
        yield frame.filter(mixed % n_parts == part)


def _summed(classes: pl.DataFrame, sensitive: Mapping[str, SensitiveReach]) -> Assessment:
    """Return the totals over all classes."""
    k, unique, rows, members = classes.select(
        pl.col(MEMBERS).min(),
        pl.col(ROWS).filter(pl.col(MEMBERS) == 1).sum().alias("unique"),
        pl.col(ROWS).sum().alias("all"),
        pl.col(MEMBERS).sum().alias("members"),
    ).row(0)
    return Assessment.of(
        rows=int(rows),
        k=int(k or 0),
        equivalence_classes=classes.height,
        unique_rows=int(unique),
        sensitive=sensitive,
        members=int(members),
    )


def _measured(
    frame: pl.LazyFrame,
    parts: Sequence[pl.LazyFrame],
    keys: Sequence[str],
    column: str,
    grounds: Sequence[Ground],
    recursive: Sequence[int],
    asked: Mapping[str, OtherMeasure],
    unit: str | None,
) -> tuple[pl.DataFrame, SensitiveReach]:
    """Return the classes, and the worst measured values in one sensitive column."""
    value = pl.col(column).alias(_VALUE)
    if unit is None:
        whole = frame.group_by(value).agg(pl.len().alias(_COUNT)).collect(engine="streaming")
    else:
        weights = [weighed(part, keys, unit, value) for part in parts]
        whole = pl.concat([one.group_by(VALUE).agg(pl.col(WEIGHT).sum().alias(_COUNT)) for one in weights])
        whole = whole.group_by(_VALUE).agg(pl.col(_COUNT).sum())
    whole = whole.select(_VALUE, (pl.col(_COUNT) / pl.col(_COUNT).sum()).alias(_SHARE))
    moving = {ground.kind: _grounded_values(whole, ground) for ground in grounds if ground.kind != "equal"}
    classes: list[pl.DataFrame] = []
    carried: list[int] = []
    closeness = {ground.kind: 0.0 for ground in grounds}
    for part in parts:
        if unit is None:
            counted = part.group_by([*keys, value]).agg(pl.len().cast(pl.Int64).alias(_COUNT))
            cells = counted.collect(engine="streaming")
            found = _classes(cells, keys, whole, recursive, asked).with_columns(
                pl.col(_WHOLE).alias(ROWS), pl.col(_WHOLE).alias(MEMBERS)
            )
        else:
            held = weighed(part, keys, unit, value)
            cells = lightened(held.group_by([*keys, _VALUE]).agg(pl.col(WEIGHT).sum()), WEIGHT).rename({WEIGHT: _COUNT})
            found = _classes(cells, keys, whole, recursive, asked)
            found = found.join(members_of(held, keys, unit), on=keys, how="left", nulls_equal=True)
            carried += [least_carried_of(held, keys, unit)] if held.height else []
        own = [ROWS, MEMBERS, _DISTINCT, _ENTROPY, _EQUAL]
        by_rank = [f"{_RECURSIVE} {l}" for l in recursive]
        classes.append(found.select(*keys, *own, *by_rank, *asked))
        for ground in grounds:
            if ground.kind != "equal" and found.height:
                distance = _closeness(cells, found, keys, moving[ground.kind], ground)
                closeness[ground.kind] = max(closeness[ground.kind], distance)
    every = pl.concat(classes)
    if not every.height:
        return every.select(*keys, ROWS, MEMBERS), SensitiveReach(l_distinct=0, l_entropy=0.0, t=0.0)
    worst = every.select(
        pl.col(_DISTINCT, _ENTROPY).min(),
        pl.col(_EQUAL).max(),
        *(pl.col(f"{_RECURSIVE} {l}").max() for l in recursive),
        *(pl.col(field).min() if how.more_is_better else pl.col(field).max() for field, how in asked.items()),
    ).row(0, named=True)
    if "equal" in closeness:
        closeness["equal"] = max(0.0, worst[_EQUAL])
    reach = SensitiveReach(
        l_distinct=min(carried, default=int(worst[_DISTINCT])),
        l_entropy=float(worst[_ENTROPY]),
        t=closeness[grounds[0].kind],
        closeness=closeness,
        c_recursive={str(l): float(worst[f"{_RECURSIVE} {l}"]) for l in recursive},
        **{field.split()[0]: float(worst[field]) for field in asked},
    )
    return every.select(*keys, ROWS, MEMBERS), reach


def _classes(
    cells: pl.DataFrame,
    keys: Sequence[str],
    whole: pl.DataFrame,
    recursive: Sequence[int],
    asked: Mapping[str, OtherMeasure],
) -> pl.DataFrame:
    """Measure every class from the counts of its sensitive values."""
    count, whole_share = pl.col(_COUNT), pl.col(_SHARE)
    share = count / count.sum()
    by_rank = [
        (count.max() / count.sort(descending=True).slice(l - 1).sum()).alias(f"{_RECURSIVE} {l}") for l in recursive
    ]
    seen = Seen(pl.col(_VALUE), count, whole_share, whole.height)
    return (
        cells.lazy()
        .join(_like(whole, cells).lazy(), on=_VALUE, how="left", nulls_equal=True)
        .with_columns(how.per_value(seen).alias(f"{field}_per_value") for field, how in asked.items())
        .group_by(keys)
        .agg(
            count.sum().alias(_WHOLE),
            pl.len().alias(_DISTINCT),
            (count.sum().log() - (count * count.log()).sum() / count.sum()).exp().alias(_ENTROPY),
            # A value absent from a class adds its whole share, so only present values need a row.
            (((share - whole_share).abs().sum() + 1.0 - whole_share.sum()) / 2).alias(_EQUAL),
            *by_rank,
            *(how.per_class(seen, pl.col(f"{field}_per_value")).alias(field) for field, how in asked.items()),
        )
        .collect(engine="streaming")
    )


def _like(table: pl.DataFrame, cells: pl.DataFrame) -> pl.DataFrame:
    """Cast the values of a table to their type in `cells`."""
    return table.with_columns(pl.col(_VALUE).cast(cells.schema[_VALUE]))


def _closeness(
    cells: pl.DataFrame, classes: pl.DataFrame, keys: Sequence[str], values: pl.DataFrame, ground: Ground
) -> float:
    """Return the largest earth mover's distance of a class to the table, over ranks or a hierarchy."""
    numbered = classes.select(*keys, _WHOLE).with_row_index(_CLASS)
    ordered = cells.join(numbered, on=keys, how="left", nulls_equal=True).drop(keys).sort(_CLASS)
    worst = 0.0
    step = max(1, _CELLS_AT_ONCE // max(1, values.height))
    for first in range(0, classes.height, step):
        part = ordered.filter(pl.col(_CLASS).is_between(first, first + step, closed="left"))
        dense = (
            part.select(_CLASS, _WHOLE)
            .unique()
            .join(_like(values, cells), how="cross")
            .join(part.drop(_WHOLE), on=[_CLASS, _VALUE], how="left", nulls_equal=True)
            .with_columns((pl.col(_COUNT).fill_null(0) / pl.col(_WHOLE) - pl.col(_SHARE)).alias("extra"))
        )
        distance = _over_ranks(dense) if ground.kind == "ordered" else _over_hierarchy(dense, len(ground.levels))
        worst = max(worst, distance)
    return worst


def _grounded_values(whole: pl.DataFrame, ground: Ground) -> pl.DataFrame:
    """Add the rank of each value, or its nodes at each level."""
    text = pl.col(_VALUE).cast(pl.String)
    if ground.kind == "ordered":
        if not ground.order:
            return whole.sort(_VALUE, nulls_last=False).with_row_index("rank")
        # A null ranks before every declared value; declared values that do not occur keep their rank.
        order = [None] * whole.get_column(_VALUE).null_count() + list(ground.order)
        table = pl.DataFrame({"text": order}, schema={"text": pl.String}).with_row_index("rank")
        full = table.join(whole.select(text.alias("text"), _SHARE), on="text", how="left", nulls_equal=True)
        return full.select(pl.col("text").alias(_VALUE), "rank", pl.col(_SHARE).fill_null(0.0))
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
    """Return the largest distance over a hierarchy: mass moved between the children of each node, times height."""
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

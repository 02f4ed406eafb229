"""Full-domain optimum, from distinct tuples: CPU beside what ARX takes with a warm machine, and beside grouping.

ARX was measured on another machine of two cores, without reading: 0.053, 0.59 and 1.9 s on Adult at a limit of
0, 5 and 100 % suppression, 1.6 and 20 s on a million rows at 0 and 5 %.
"""

import math
from collections.abc import Iterator
from functools import partial
from typing import Final

import polars as pl

from benches import adult, census_policies
from benches.census import census
from benches.measure.clock import timed
from benches.measure.figure import Figure, Options
from benches.partitioning import table_of
from shoal.io.observing import observe
from shoal_engine.anonymity.criteria.binding import BoundTable
from shoal_engine.anonymity.methods.full_domain.search import Node, optimum, prepare
from shoal_engine.tables.grouping import group

K: Final = 5
ROWS: Final = 1_000_000
GROUPED_ROWS: Final = 10_000_000
ADULT: Final = {0.0: 0.053, 0.05: 0.59, 1.0: 1.9}
MILLION: Final = {0.0: 1.6 / 3, 0.05: 20 / 3}


def figures(options: Options) -> Iterator[Figure]:
    """Measure Adult as it is, Adult resampled to a million rows, and ten million rows of the census."""
    runs = options.runs_or(5)
    if adult.present():
        frame = adult.read()
        yield from _optima(frame, "Adult", ADULT, runs)
        rows = options.rows_or(ROWS)
        yield from _optima(adult.resampled(rows), f"Adult resampled, {rows:,} rows", MILLION, runs)
    yield _beside_grouping(options.rows_or(GROUPED_ROWS))


def _optima(frame: pl.DataFrame, where: str, marks: dict[float, float], runs: int) -> Iterator[Figure]:
    """Yield the time of the optimum at every limit."""
    table = table_of(frame, adult.policy(adult.read(), "hierarchy nodes", K))
    for share, mark in marks.items():
        node, cost = timed(partial(_optimum, table, share), runs)
        yield Figure(
            f"{where}, 8 quasi-identifiers, k = {K}: full-domain optimum, up to {share:.0%} of rows suppressed",
            cost.cpu_seconds,
            "s",
            mark,
            "less",
            cost=cost,
            note=f"{table.grouped.n_tuples:,} tuples, loss {node.cost:.6f}" if node else "not feasible",
        )


def _optimum(table: BoundTable, share: float) -> Node | None:
    return optimum(prepare(table, table.policy.full_domain, limit=math.floor(share * table.n_rows)))


def _beside_grouping(rows: int) -> Figure:
    """Return the time from codes to the optimum over that of grouping once."""
    policy = census_policies.hierarchical(K)
    frame = census(rows, seed=1, collapse=True, categorical=True)
    table = observe(frame.lazy(), policy, carry=True, n_threads=1).finish()
    assert table.grouped.tuple_of_row is not None
    sizes = [dimension.size for dimension in table.space.dimensions]
    codes = [table.grouped.codes(j)[table.grouped.tuple_of_row] for j in range(len(sizes))]
    _, once = timed(partial(group, codes, sizes, n_threads=1), 3)
    node, search = timed(partial(_optimum, table, 0.05), 3)
    return Figure(
        f"census, {rows:,} rows: grouping and full-domain optimum over grouping once, 5% suppressed",
        (once.cpu_seconds + search.cpu_seconds) / once.cpu_seconds,
        "×",
        3.0,
        "less",
        cost=search,
        note=f"grouping {once.cpu_seconds:.2f} s, {table.grouped.n_tuples:,} tuples"
        + (f", loss {node.cost:.4f}" if node else ", not feasible"),
    )

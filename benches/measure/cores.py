"""One core and two: how much quicker the parallel parts get, and that the result stays the same."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import polars as pl

import shoal
from benches import census_policies
from benches.census import QUASI_IDENTIFIERS, census
from benches.measure.clock import timed
from benches.measure.figure import Figure, Options
from benches.partitioning import classes, table_of
from shoal_engine.anonymity.policy.methods import Method
from shoal_engine.anonymity.table.table import Table

ROWS = 2_000_000
K = 10
MARK = 1.6
RUNS: dict[Method, int] = {"mondrian": 5, "tight": 3}


def figures(options: Options) -> Iterator[Figure]:
    """Measure wall time on one thread over that on two, and compare the results."""
    rows = options.rows_or(ROWS)
    frame = census(rows, seed=1, categorical=True)
    policy = census_policies.ordered(frame, K)
    quasi = frame.select(QUASI_IDENTIFIERS)
    part = table_of(quasi, policy)

    def observed(n_threads: int) -> Table:
        return table_of(quasi, policy, n_threads=n_threads)

    def same_tuples(one: Table, two: Table) -> bool:
        return np.array_equal(one.grouped.words, two.grouped.words)

    yield _speed_up(f"encoding and grouping, {rows:,} rows", observed, same_tuples, options.runs_or(5))
    for method, usual in RUNS.items():
        what = f"{method}, {rows:,} rows, k = {K}"
        yield _speed_up(what, lambda n, m=method: classes(part, m, n_threads=n), np.array_equal, options.runs_or(usual))
    sorted_rows = census_policies.everyday(K, order="sorted")

    def released(n_threads: int) -> pl.DataFrame:
        return shoal.anonymize(frame, sorted_rows, n_threads=n_threads).frame

    yield _speed_up(
        f"anonymize as a whole, {rows:,} rows", released, pl.DataFrame.equals, options.runs_or(3), mark=None
    )


def _speed_up(
    what: str,
    call: Callable[[int], Any],
    same: Callable[[Any, Any], bool],
    runs: int,
    mark: float | None = MARK,
) -> Figure:
    """Compare one thread with two; raise where the results differ."""
    first, one = timed(lambda: call(1), runs)
    second, two = timed(lambda: call(2), runs)
    if not same(first, second):
        msg = f"{what}: one thread and two give different results"
        raise AssertionError(msg)
    return Figure(
        f"two threads against one: {what}", one.wall_seconds / two.wall_seconds, "×", mark, cost=two, note="same result"
    )

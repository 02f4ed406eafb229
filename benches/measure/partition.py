"""Rows a second and core of the two methods, on distinct and on collapsing tuples."""

from collections.abc import Iterator
from functools import partial

from benches import census_policies
from benches.census import census
from benches.measure.clock import timed
from benches.measure.figure import Figure, Options
from benches.partitioning import classes, table_of
from shoal_engine.anonymity.policy.methods import Method

ROWS = 10_000_000
K = 10
RUNS: dict[Method, int] = {"mondrian": 5, "tight": 3}
MARKS: dict[tuple[Method, bool], float | None] = {
    ("mondrian", False): 4.0,
    ("mondrian", True): 40.0,
    ("tight", False): 0.5,
    ("tight", True): None,
}
"""Millions of rows a second and core, by method and whether ten rows share a tuple."""


def figures(options: Options) -> Iterator[Figure]:
    """Measure both methods on one thread, from distinct tuples to classes."""
    rows = options.rows_or(ROWS)
    for collapse, shape in ((False, "nearly all tuples distinct"), (True, "ten rows a tuple")):
        frame = census(rows, seed=1, collapse=collapse, categorical=True)
        table = table_of(frame, census_policies.ordered(frame, K))
        del frame
        for method, usual in RUNS.items():
            _, cost = timed(partial(classes, table, method), options.runs_or(usual))
            yield Figure(
                f"{method}, {rows:,} rows, {shape}, k = {K}",
                rows / cost.cpu_seconds / 1e6,
                "M rows/s per core",
                MARKS[method, collapse],
                cost=cost,
                note=f"{table.grouped.n_tuples:,} tuples, ordered codes",
            )

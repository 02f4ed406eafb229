"""The private group-by, whole releases, against Polars' own group_by of the same frame: CPU time of one thread."""

import os
from collections.abc import Iterator
from unittest import mock

from benches.measure.clock import child
from benches.measure.figure import Figure, Options
from benches.private_queries import Keys

ROWS = (1_000_000, 10_000_000)
ALLOWANCE_SECONDS = 0.005
KEYS: tuple[Keys, ...] = ("whole", "text", "enum")


def figures(options: Options) -> Iterator[Figure]:
    """Measure rows and units as what is protected, and memory, for each kind of key."""
    runs = options.runs_or(5)
    with mock.patch.dict(os.environ, {"POLARS_MAX_THREADS": "1"}):
        for rows in (options.rows,) if options.rows else ROWS:
            for keys in KEYS:
                yield from _times(rows, keys, runs)
            yield from (_memory(rows, keys) for keys in ("whole", "enum"))
        yield from _few(runs)


def _times(rows: int, keys: Keys, runs: int) -> Iterator[Figure]:
    """Compare in one process."""
    seconds, _ = child("private_group_by", 1, rows=rows, times=runs, keys=keys)
    ours, units, polars = (seconds[name] for name in ("row_level", "unit_level", "floor"))
    note = f"{ours * 1e9 / rows:.1f} ns a row; Polars {polars * 1e9 / rows:.1f}"
    what = f"count, sum, mean of {rows:,} rows, {keys} keys: time, less 5 ms, over Polars' group_by"
    yield Figure(what, max(0.0, ours - ALLOWANCE_SECONDS) / polars, "×", 1.5, "less", note=note)
    what = f"five groups, two rows in each, of every unit of {rows:,} rows, {keys} keys"
    yield Figure(what, units * 1e9 / rows, "ns/row", 100, "less")


def _few(runs: int) -> Iterator[Figure]:
    """Measure a query of a thousand rows, warm."""
    seconds, _ = child("private_group_by", 1, rows=1000, times=max(runs, 15), keys="whole")
    for name, who in (("row_level", "rows"), ("unit_level", "units")):
        yield Figure(f"the same of 1,000 rows, {who} protected, warm", seconds[name] * 1e3, "ms", 5, "less")


def _memory(rows: int, keys: Keys) -> Figure:
    """Measure in a process that begins with the input alone."""
    ratio, cost = child("private_peak", 1, rows=rows, keys=keys)
    what = f"bounding units of {rows:,} rows, {keys} keys: peak memory, input included, over the input"
    return Figure(what, ratio, "×", 2, "less", cost, "time includes making the input")

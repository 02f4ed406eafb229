"""Parquet in, verified Parquet out, against the same reading, grouping and writing with no privacy."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benches.measure.clock import child
from benches.measure.figure import Figure, Options
from shoal_engine.anonymity.policy.methods import Method

ROWS = 20_000_000
RATIO = 6.0
GIB = 1 << 30


def most_bytes(rows: int) -> int:
    """Return the peak memory that is allowed for."""
    return 3 * GIB + 16 * rows


def figures(options: Options, *, method: Method) -> Iterator[Figure]:
    """Measure a method and the floor, each run in a process of its own."""
    rows, runs = options.rows_or(ROWS), options.runs_or(3)
    with tempfile.TemporaryDirectory() as name:
        source, output = str(Path(name) / "in.parquet"), str(Path(name) / "out.parquet")
        child("make", 1, rows=rows, output=source, collapse=False)
        _, floor = child("floor", runs, source=source, output=output)
        report, cost = child("pipeline", runs, source=source, output=output, method=method)
    what = f"Parquet to verified Parquet, {rows:,} rows × 8 columns, {method}, k = {report['k']}"
    ratio = cost.wall_seconds / floor.wall_seconds
    note = f"floor {floor.wall_seconds:.2f} s; ncp {report['ncp']:.4f}"
    yield Figure(f"{what}: time over the floor's", ratio, "×", RATIO, "less", cost, note)
    limit = most_bytes(rows) / GIB
    yield Figure(f"{what}: peak memory", (cost.peak_bytes or 0) / GIB, "GiB", limit, "less", cost)

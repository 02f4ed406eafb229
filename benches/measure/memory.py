"""Memory above the input, which is in memory before."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benches.measure.clock import child
from benches.measure.figure import Figure, Options

ROWS = 1_000_000
MARK = 300.0


def figures(options: Options) -> Iterator[Figure]:
    """Measure both methods, each run in a process of its own."""
    rows, runs = options.rows_or(ROWS), options.runs_or(5)
    with tempfile.TemporaryDirectory() as folder:
        source = str(Path(folder) / "in.parquet")
        child("make", 1, rows=rows, output=source, collapse=False)
        for method in ("mondrian", "tight"):
            above, cost = child("above_input", runs, source=source, method=method)
            what = f"anonymize {rows:,} rows, {method}: memory above the input"
            yield Figure(what, above / 1e6, "MB", MARK, "less", cost, "time includes reading the input")

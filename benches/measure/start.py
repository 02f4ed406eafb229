"""From nothing to an answer: imports, help, and an assessment of a small table."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benches.census import QUASI_IDENTIFIERS, census
from benches.measure.clock import timed_command
from benches.measure.figure import Figure, Options

ROWS = 30_000


def figures(options: Options) -> Iterator[Figure]:
    """Measure whole processes, compiled code cached."""
    rows, runs = options.rows_or(ROWS), options.runs_or(9)
    polars = timed_command([sys.executable, "-c", "import polars"], runs)
    both = timed_command([sys.executable, "-c", "import polars, shoal"], runs)
    beyond = both.wall_seconds - polars.wall_seconds
    yield Figure("import shoal, beyond import polars", beyond, "s", 0.15, "less", both)
    command = str(Path(sys.executable).with_name("shoal"))
    shown = timed_command([command, "--help"], runs)
    yield Figure("shoal --help", shown.wall_seconds, "s", 0.3, "less", shown)
    with tempfile.TemporaryDirectory() as folder:
        source = str(Path(folder) / "in.parquet")
        census(rows, seed=1).write_parquet(source)
        columns = [part for name in QUASI_IDENTIFIERS for part in ("-q", name)]
        assessed = timed_command([command, "assess", source, *columns, "-s", "diagnosis", "--json"], runs)
    yield Figure(f"shoal assess, {rows:,} rows, warm", assessed.wall_seconds, "s", 3.0, "less", assessed)

"""Grouping rows into equivalence classes, against Polars' own group_by of the same columns."""

from collections.abc import Iterator

import polars as pl

import shoal
from benches.census import QUASI_IDENTIFIERS, census
from benches.measure.clock import Cost, timed
from benches.measure.figure import Figure, Options
from benches.partitioning import table_of
from shoal.io.threads import threads
from shoal_engine.tables.grouping import group

ROWS = 50_000_000
MARK = 3.0


def figures(options: Options) -> Iterator[Figure]:
    """Measure from codes, from dictionary columns and from text, each against group_by of the same."""
    rows, runs = options.rows_or(ROWS), options.runs_or(3)
    frame = census(rows, seed=1, categorical=True).select(QUASI_IDENTIFIERS)
    yield _from_codes(frame, runs)
    yield _from_frame(frame, "dictionary columns, encoding included", runs)
    yield _from_frame(frame.cast({pl.Enum: pl.String}), "text columns, encoding included", runs)


def _from_codes(frame: pl.DataFrame, runs: int) -> Figure:
    """Both sides get the same small integers."""
    codes = frame.select(pl.all().to_physical())
    arrays = [codes[name].to_numpy() for name in QUASI_IDENTIFIERS]
    unsigned = [array.astype(f"u{array.itemsize}") for array in arrays]
    sizes = [int(array.max()) + 1 for array in unsigned]
    n_threads = threads(None)
    tuples, ours = timed(lambda: group(unsigned, sizes, n_threads=n_threads, row_ids=False).n_tuples, runs)
    floor, theirs = timed(lambda: codes.group_by(QUASI_IDENTIFIERS).len().height, runs)
    assert tuples == floor
    return _figure("codes", len(frame), ours, theirs)


def _from_frame(frame: pl.DataFrame, kind: str, runs: int) -> Figure:
    """Both sides get the same frame."""
    policy = shoal.Policy.of(k=2, quasi_identifiers=QUASI_IDENTIFIERS)
    n_threads = threads(None)
    tuples, ours = timed(lambda: table_of(frame, policy, n_threads=n_threads).grouped.n_tuples, runs)
    floor, theirs = timed(lambda: frame.group_by(QUASI_IDENTIFIERS).len().height, runs)
    assert tuples == floor
    return _figure(kind, len(frame), ours, theirs)


def _figure(kind: str, rows: int, ours: Cost, theirs: Cost) -> Figure:
    """Return how much quicker ours is, by the clock on the wall: both use every core."""
    what = f"grouping {rows:,} rows from {kind}: time of Polars' group_by over ours"
    ratio = theirs.wall_seconds / ours.wall_seconds
    return Figure(what, ratio, "×", MARK, cost=ours, note=f"Polars {theirs.wall_seconds:.2f} s")

"""Rows into equivalence classes: ours from codes and from a frame, and Polars' own group_by as the floor.

``SHOAL_BENCH_ROWS`` sets the number of rows; the default is small, so that the suite runs every row once.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import polars as pl
import pyarrow as pa
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benches.census import QUASI_IDENTIFIERS, census
from shoal_engine.randomness import secure_permutation
from shoal_engine.tables.columns import Codes, ColumnEncoder, narrowest, recode
from shoal_engine.tables.grouping import Grouped, group

N_ROWS = int(float(os.environ.get("SHOAL_BENCH_ROWS", "20000")))
N_THREADS = 2

TABLES: dict[str, Callable[[], pl.DataFrame]] = {
    "text": lambda: census(N_ROWS, seed=1),
    "enum": lambda: census(N_ROWS, seed=1, categorical=True),
    "collapsed": lambda: census(N_ROWS, seed=1, collapse=True),
}


@pytest.fixture(scope="module", params=TABLES)
def frame(request: pytest.FixtureRequest) -> pl.DataFrame:
    return TABLES[request.param]().select(QUASI_IDENTIFIERS)


def encode_column(column: pa.ChunkedArray) -> tuple[Codes, int]:
    encoder = ColumnEncoder("column")
    parts = [encoder.observe(chunk) for chunk in column.chunks]
    domain, final = encoder.finish()
    table = final.astype(narrowest(domain.size))
    return pa.concat_arrays([pa.array(recode(part, table)) for part in parts]).to_numpy(), domain.size


def encode_frame(frame: pl.DataFrame) -> tuple[list[Codes], list[int]]:
    table = pa.table(frame)
    # The widest domain takes longest, and begins first.
    by_cost = sorted(table.column_names, key=lambda name: name != "zip")
    with ThreadPoolExecutor(N_THREADS) as pool:
        encoded = dict(zip(by_cost, pool.map(encode_column, map(table.column, by_cost)), strict=True))
    return [encoded[name][0] for name in table.column_names], [encoded[name][1] for name in table.column_names]


def group_frame(frame: pl.DataFrame) -> Grouped:
    codes, sizes = encode_frame(frame)
    return group(codes, sizes, n_threads=N_THREADS)


def note(benchmark: BenchmarkFixture, n_tuples: int) -> None:
    benchmark.extra_info.update(rows=N_ROWS, tuples=n_tuples, threads=N_THREADS)


@pytest.mark.benchmark(group="grouping")
def test_group__from_codes(benchmark: BenchmarkFixture, frame: pl.DataFrame) -> None:
    codes, sizes = encode_frame(frame)
    note(benchmark, benchmark(group, codes, sizes, n_threads=N_THREADS).n_tuples)


@pytest.mark.benchmark(group="grouping")
def test_group__from_codes_counts_only(benchmark: BenchmarkFixture, frame: pl.DataFrame) -> None:
    codes, sizes = encode_frame(frame)
    note(benchmark, benchmark(group, codes, sizes, n_threads=N_THREADS, row_ids=False).n_tuples)


@pytest.mark.benchmark(group="grouping")
def test_group__from_frame(benchmark: BenchmarkFixture, frame: pl.DataFrame) -> None:
    grouped = benchmark(group_frame, frame)
    note(benchmark, grouped.n_tuples)
    assert grouped.n_rows == N_ROWS


@pytest.mark.benchmark(group="grouping")
def test_group__polars(benchmark: BenchmarkFixture, frame: pl.DataFrame) -> None:
    counted = benchmark(lambda: frame.group_by(QUASI_IDENTIFIERS).len())
    note(benchmark, counted.height)
    assert counted.height == group_frame(frame).n_tuples


@pytest.mark.benchmark(group="shuffling")
def test_secure_permutation(benchmark: BenchmarkFixture) -> None:
    benchmark(secure_permutation, N_ROWS)

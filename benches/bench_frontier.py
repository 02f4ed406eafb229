"""Six k of one method on one table; the floor is one release of the same table, made and verified.

``python -m benches.bench_frontier ROWS`` prints the ratios: medians of interleaved runs, wall and CPU.
"""

import statistics
import sys
import time
from collections.abc import Callable

import polars as pl
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import shoal
from benches import census_policies
from benches.census import census
from benches.scale import N_ROWS
from shoal_engine.anonymity.policy.methods import Method

STRENGTHS = [2, 5, 10, 25, 50, 100]
K = 10
QUERIES = 300
RUNS = 3


def asked(frame: pl.DataFrame, columns: str) -> shoal.Policy:
    """Return the policy of a release: ZIP codes along a tree, or every column on a line."""
    return census_policies.everyday(K) if columns == "tree" else census_policies.lines(frame, K)


CASES: list[tuple[Method, str]] = [("tight", "tree"), ("tight", "lines"), ("mondrian", "lines")]


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    return census(N_ROWS, seed=1)


@pytest.mark.benchmark(group="frontier")
@pytest.mark.parametrize(("method", "columns"), CASES)
def test_frontier(benchmark: BenchmarkFixture, frame: pl.DataFrame, method: Method, columns: str) -> None:
    policy = asked(frame, columns)
    found = benchmark(shoal.frontier, frame, policy, k=STRENGTHS, method=[method], queries=QUERIES, seed=1)
    assert [one.k for one in found.points] == STRENGTHS


@pytest.mark.benchmark(group="frontier")
@pytest.mark.parametrize(("method", "columns"), CASES)
def test_one_release__floor(benchmark: BenchmarkFixture, frame: pl.DataFrame, method: Method, columns: str) -> None:
    policy = asked(frame, columns)
    assert benchmark(shoal.anonymize, frame, policy, method=method).report.k >= K


def _seconds(call: Callable[[], object]) -> tuple[float, float]:
    """Return the wall and CPU time of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - cpu


def ratios(n_rows: int) -> None:
    """Print what the frontier costs beside one release."""
    frame = census(n_rows, seed=1)
    print(f"{n_rows:,} rows, k = {STRENGTHS}, {QUERIES} questions, medians of {RUNS} interleaved runs, seconds")
    for method, columns in CASES:
        policy = asked(frame, columns)
        calls: dict[str, Callable[[], object]] = {
            "one": lambda policy=policy, method=method: shoal.anonymize(frame, policy, method=method),
            "six": lambda policy=policy, method=method: shoal.frontier(
                frame, policy, k=STRENGTHS, method=[method], queries=QUERIES, seed=1
            ),
        }
        runs = [{name: _seconds(call) for name, call in calls.items()} for _ in range(RUNS)]
        for place, kind in enumerate(("wall", "CPU")):
            one, six = (statistics.median(run[name][place] for run in runs) for name in ("one", "six"))
            print(f"{method:<9}{columns:<6}{kind:<5} one {one:7.2f}  six {six:7.2f}  ratio {six / one:5.2f}")


if __name__ == "__main__":
    ratios(int(float(sys.argv[1])) if len(sys.argv) > 1 else N_ROWS)

"""Attacks on rows of plain values; the floor is one pass over all pairs of attacked and released rows in NumPy."""

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import shoal
from benches.census import QUASI_IDENTIFIERS, census
from benches.scale import N_ROWS

ATTACKS = 2000
Tables = dict[str, pl.DataFrame]


@pytest.fixture(scope="module")
def tables() -> Tables:
    """Return people, a release that mixes cells of other people into their rows, and other people."""
    people, random = census(N_ROWS, seed=1), np.random.default_rng(2)
    mixed = [
        pl.select(pl.when(pl.Series(random.random(N_ROWS) < 0.3)).then(cells.reverse()).otherwise(cells)).to_series()
        for cells in people
    ]
    return {"original": people, "release": pl.DataFrame(mixed), "control": census(N_ROWS, seed=3)}


@pytest.mark.benchmark(group="row attacks: singling out")
@pytest.mark.parametrize("mode", ["univariate", "multivariate"])
def test_singling_out(benchmark: BenchmarkFixture, tables: Tables, mode: Any) -> None:
    found = benchmark(shoal.attack.singling_out, **tables, mode=mode, n_attacks=ATTACKS, seed=1, n_threads=1)
    assert found.success.share >= found.control.share


@pytest.mark.benchmark(group="row attacks: neighbors")
def test_linkability(benchmark: BenchmarkFixture, tables: Tables) -> None:
    left, right = QUASI_IDENTIFIERS[:3], QUASI_IDENTIFIERS[3:]
    found = benchmark(
        shoal.attack.linkability, **tables, left=left, right=right, n_attacks=ATTACKS, seed=1, n_threads=1
    )
    assert found.success.share > found.baseline.share


@pytest.mark.benchmark(group="row attacks: neighbors")
def test_inference(benchmark: BenchmarkFixture, tables: Tables) -> None:
    known = QUASI_IDENTIFIERS[1:]
    found = benchmark(
        shoal.attack.inference,
        **tables,
        known=known,
        secret=QUASI_IDENTIFIERS[0],
        n_attacks=ATTACKS,
        seed=1,
        n_threads=1,
    )
    assert found.success.share > found.baseline.share


@pytest.mark.benchmark(group="row attacks: neighbors")
def test_attribution(benchmark: BenchmarkFixture, tables: Tables) -> None:
    found = benchmark(
        shoal.attack.attribution, **tables, keys=QUASI_IDENTIFIERS[:3], secret=QUASI_IDENTIFIERS[3], n_threads=1
    )
    assert found.report.original.nearest > found.report.original.baseline


def nearest(targets: npt.NDArray[np.uint32], released: npt.NDArray[np.uint32]) -> npt.NDArray[np.intp]:
    """Return the released row of the fewest differences from each target."""
    return np.array([(released != target).sum(axis=1).argmin() for target in targets])


@pytest.mark.benchmark(group="row attacks: neighbors")
def test_nearest_rows__numpy(benchmark: BenchmarkFixture, tables: Tables) -> None:
    codes = [
        np.column_stack([table[name].cast(pl.String).hash().to_numpy() for name in QUASI_IDENTIFIERS])
        for table in (tables["original"].head(ATTACKS), tables["release"])
    ]
    assert benchmark(nearest, *codes).size == min(ATTACKS, N_ROWS)

"""Exact integer noise; the floors are the words that it is made of, and NumPy's noise, which is not private."""

from fractions import Fraction

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benches.peers import calling
from benches.scale import N_ROWS, PEER_ROWS
from shoal_engine.differential import samplers
from shoal_engine.differential.named_choices import DistributionName
from shoal_engine.differential.samplers.distributions import DISTRIBUTIONS, Laplace
from shoal_engine.differential.samplers.integer_noise import draw_integers
from shoal_engine.differential.samplers.proposals import propose
from shoal_engine.randomness import Keystream

SCALES = ["1/20", "1", "10.3", "1000", "1048576", "1429365116108.8"]


@pytest.fixture
def stream() -> Keystream:
    return Keystream.secure()


@pytest.mark.benchmark(group="noise")
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("distribution", ["laplace", "gaussian"])
def test_noise(benchmark: BenchmarkFixture, stream: Keystream, distribution: DistributionName, scale: str) -> None:
    exact = Fraction(scale)
    chosen = DISTRIBUTIONS[distribution](exact)
    assert len(benchmark(draw_integers, chosen, stream, N_ROWS)) == N_ROWS


@pytest.mark.benchmark(group="noise")
def test_words(benchmark: BenchmarkFixture, stream: Keystream) -> None:
    assert len(benchmark(stream.words, N_ROWS)) == N_ROWS


@pytest.mark.benchmark(group="noise")
@pytest.mark.parametrize("scale", ["10.3", "1000"])
def test_noise__numpy(benchmark: BenchmarkFixture, scale: str) -> None:
    assert len(benchmark(np.random.default_rng().laplace, 0.0, float(scale), N_ROWS)) == N_ROWS


@pytest.mark.benchmark(group="noise tables")
@pytest.mark.parametrize("scale", ["10.3", "1000", "1429365116108.8"])
def test_propose(benchmark: BenchmarkFixture, scale: str) -> None:
    """A table that is not kept yet."""
    distribution = Laplace(Fraction(scale))
    columns, cells = (
        (12, distribution.cell_bits) if distribution.cell_bits > 5 else (distribution.reach.bit_length() + 1, 0)
    )
    assert benchmark(propose, distribution, columns, cells).share[-1]


@pytest.mark.benchmark(group="choices")
def test_bernoulli(benchmark: BenchmarkFixture, stream: Keystream) -> None:
    assert len(benchmark(samplers.bernoulli, stream, Fraction(1, 3), N_ROWS)) == N_ROWS


@pytest.mark.benchmark(group="choices")
def test_uniform_below(benchmark: BenchmarkFixture, stream: Keystream) -> None:
    assert len(benchmark(samplers.uniform_below, stream, 1000, N_ROWS)) == N_ROWS


@pytest.mark.skipif(calling.peers_python() is None, reason=f"{calling.VARIABLE} is not set")
@pytest.mark.benchmark(group="noise")
@pytest.mark.parametrize("peer", ["opendp-laplace", "opendp-gaussian", "diffprivlib-laplace", "diffprivlib-gaussian"])
def test_noise__peers(benchmark: BenchmarkFixture, peer: str) -> None:
    benchmark.extra_info.update(benchmark.pedantic(calling.measure_noise, (peer,), {"scale": 10.3, "n": PEER_ROWS}))

"""Exact integer noise on one thread, beside NumPy, OpenDP and diffprivlib.

Where `SHOAL_PEERS_PYTHON` is set the peers are run now; else their CPU time per sample, as it was on another machine
of two cores, is used, and the note says so.
"""

from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from typing import Final

import numpy as np

from benches.measure.clock import Cost, timed
from benches.measure.figure import Figure, Options
from benches.peers import calling
from shoal_engine.differential.samplers.distributions import DISTRIBUTIONS, NoiseDistribution
from shoal_engine.differential.samplers.integer_noise import draw_integers
from shoal_engine.randomness import Keystream

N: Final = 1 << 20
FEW: Final = 1000
PEER_SAMPLES: Final = 50_000
SCALES: Final = ("1", "10", "1000", "1048576", "1429365116108.8")
LARGE: Final = Fraction(1 << 20)
ELSEWHERE: Final = {
    "opendp-laplace": 6.7e-6,
    "opendp-gaussian": 10.9e-6,
    "diffprivlib-laplace": 5.8e-6,
    "diffprivlib-gaussian": 19.4e-6,
}
"""CPU seconds a sample, at scale 10."""


def figures(options: Options) -> Iterator[Figure]:
    """Measure both distributions at every scale, few samples, a new table, and the peers."""
    runs = options.runs_or(15)
    # Samples stand in the place of rows.
    n = options.rows_or(N)
    stream = Keystream.secure()
    rates: dict[str, float] = {}
    for scale in map(Fraction, SCALES):
        for name, distribution in ((name, of_scale(scale)) for name, of_scale in DISTRIBUTIONS.items()):
            cost = _cost(distribution, stream, n, runs)
            rate = n / cost.cpu_seconds / 1e6
            rates[f"{name} {scale}"] = rate
            mark = 20.0 if scale > LARGE else 100.0 if scale <= 1000 else None
            yield Figure(f"discrete {name}, scale {float(scale):,g}", rate, "M samples/s", mark, cost=cost)
    _, cost = timed(partial(stream.words, n), runs)
    yield Figure("AES-256 words alone", n / cost.cpu_seconds / 1e6, "M words/s", cost=cost)
    yield from _few(stream, runs)
    yield from _beside_numpy(rates, n, runs)
    yield from _beside_peers(rates)


def _cost(distribution: NoiseDistribution, stream: Keystream, n: int, runs: int) -> Cost:
    """Return the cost of `n` samples on one thread, once the table is there."""
    draw_integers(distribution, stream, 1)
    _, cost = timed(partial(draw_integers, distribution, stream, n), runs)
    return cost


def _few(stream: Keystream, runs: int) -> Iterator[Figure]:
    """Yield the time of a thousand samples, from a narrow distribution and a wide one."""
    for scale in (Fraction(10), Fraction(1 << 40)):
        for name, distribution in ((name, of_scale(scale)) for name, of_scale in DISTRIBUTIONS.items()):
            cost = _cost(distribution, stream, FEW, 20 * runs)
            what = f"{FEW:,} samples of discrete {name}, scale {float(scale):,g}"
            yield Figure(what, cost.wall_seconds * 1e6, "µs", 100.0, "less", cost)


def _beside_numpy(rates: dict[str, float], n: int, runs: int) -> Iterator[Figure]:
    """Yield NumPy's time for floating Laplace noise over ours."""
    generator = np.random.default_rng()
    for scale in (1, 10, 1000):
        _, cost = timed(partial(generator.laplace, 0.0, float(scale), n), runs)
        numpy_rate = n / cost.cpu_seconds / 1e6
        for name in ("laplace", "gaussian"):
            what = f"discrete {name}, scale {scale}: time of NumPy's Generator.laplace over ours"
            yield Figure(what, rates[f"{name} {scale}"] / numpy_rate, "×", 2.0, note=f"NumPy: {numpy_rate:.0f} M/s")


def _beside_peers(rates: dict[str, float]) -> Iterator[Figure]:
    """Yield the peers' time a sample over ours, at scale 10."""
    for peer, elsewhere in ELSEWHERE.items():
        seconds, origin = elsewhere, "on another machine"
        if calling.peers_python() is not None:
            done = calling.measure_noise(peer, scale=10.0, n=PEER_SAMPLES)
            seconds, origin = done["cpu_seconds"] / done["n"], f"{done['version']}, measured now"
        distribution, name = peer.split("-")
        note = f"{distribution} {origin}: {seconds * 1e6:.1f} µs a sample"
        what = f"discrete {name}, scale 10: time of {distribution} over ours"
        yield Figure(what, seconds * rates[f"{name} 10"] * 1e6, "×", 500.0, note=note)

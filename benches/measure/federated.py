"""Federated aggregation on one thread, beside Flower, PyTorch and NumPy where `SHOAL_PEERS_PYTHON` has them.

CPU seconds, the least of several calls, ours and the peers' over the same updates. Sizes of 100 updates of 10 million
values take 4 GB for us and several times that for some peers, which are then run at a million.
"""

import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, Final

import numpy as np

from benches.measure.clock import child
from benches.measure.figure import Figure, Options
from benches.peers import calling
from benches.peers.run_federated import CLIP, SHARE, f_of, updates
from shoal_engine.federated.privacy.private_averaging import PrivateMean
from shoal_engine.federated.privacy.private_training import Permit
from shoal_engine.federated.rules.averaging import WeightedMean
from shoal_engine.federated.rules.geometric_median import GeometricMedian
from shoal_engine.federated.rules.krum import Bulyan, Krum
from shoal_engine.federated.rules.order_rules import Median, TrimmedMean
from shoal_engine.federated.updates.model import Model
from shoal_engine.federated.updates.round import UpdateChecks
from shoal_engine.federated.updates.update import Update
from shoal_engine.observing import observe_all

SIZES: Final = ((10, 1_000_000), (100, 1_000_000), (10, 10_000_000), (100, 10_000_000))
SLOW: Final = 200_000_000
"""Values in all, beyond which peers that take long or much memory are not run."""


_WHOSE: Final = {
    "torch-add": "PyTorch's add_, unchecked,",
    "numpy-add": "NumPy's add, unchecked and unweighted,",
    "flower-strategy-mean": "Flower's strategies",
    "openfl-geometric-median": "OpenFL's algorithm",
}


def figures(options: Options) -> Iterator[Figure]:
    """Measure the mean, and rules beside their peers, at every size."""
    runs = options.runs_or(5)
    for n_updates, n in ((10, options.rows),) if options.rows else SIZES:
        arrays = updates(n_updates, n)
        size = f"{n_updates} × {n:,}"
        yield from _mean(arrays, size, runs)
        if n_updates * n <= SLOW:
            yield from _rules(arrays, size, runs)
        del arrays
    for n in (options.rows,) if options.rows else (1_000_000, 10_000_000):
        yield from _arriving(n, runs)
    yield from _memory(options.rows_or(4_000_000))


def least(call: Callable[[], Any], runs: int) -> float:
    """Return the least CPU seconds of a call, after one that is not counted."""
    call()
    seconds: list[float] = []
    for _ in range(runs):
        start = time.process_time()
        call()
        seconds.append(time.process_time() - start)
    return min(seconds)


def releases(make: Callable[[], Any], models: list[Model]) -> Callable[[], Any]:
    """Return a round: observe every model, release."""

    def work() -> Any:
        updates = (Update(model, f"{place:04}", weight=3.0) for place, model in enumerate(models))
        return observe_all(make(), updates).release()

    return work


def _mean(arrays: list[Any], size: str, runs: int) -> Iterator[Figure]:
    """Yield the mean, held and folded, beside sums without weights, and the machine's reading."""
    models = [Model.of_arrays({"w": array}) for array in arrays]
    total = sum(array.nbytes for array in arrays)
    held = least(releases(WeightedMean, models), runs)
    reading = least(lambda: [array.view(np.uint32).max() for array in arrays], runs)
    checks = UpdateChecks(like=models[0], max_weight=4.0)
    folded = least(releases(lambda: WeightedMean(checks, bound=16.0, max_updates=128), models), runs)
    note = f"{total / held / 1e9:.1f} GB/s; the largest value alone {total / reading / 1e9:.1f}"
    yield Figure(f"mean of {size} float32: share of the speed of reading", reading / held * 100, "%", 50, note=note)
    yield Figure(f"mean of {size}, folded one by one as they come", total / folded / 1e9, "GB/s")
    # Flower's makes a weighted copy of every update. The mark is for the largest round alone, of 4 GB.
    of_flower = 8.0 if total > 4 * SLOW else None
    least_of = {"flower-mean": of_flower, "torch-add": 0.95, "numpy-add": None, "flower-strategy-mean": None}
    for peer, mark in least_of.items():
        yield from _beside(f"mean of {size}", peer, held, arrays, mark, max(3, runs))


def _rules(arrays: list[Any], size: str, runs: int) -> Iterator[Figure]:
    """Yield robust rules and clipping beside their peers."""
    models, f = [Model.of_arrays({"w": array}) for array in arrays], f_of(arrays)
    few = len(arrays) < 50
    base = Model.of_arrays({"w": np.zeros_like(arrays[0])})
    permit = Permit(1, Fraction(1), len(arrays[0]))
    rules: list[tuple[str, str, Callable[[], Any], float]] = [
        ("median", "flower-median", Median, 20 if few else 10),
        ("trimmed mean", "flower-trimmed-mean", lambda: TrimmedMean(share=SHARE), 20 if few else 10),
        ("Krum", "flower-krum", lambda: Krum(f=f), 3),
        ("Bulyan", "flower-bulyan", lambda: Bulyan(f=f), 3),
        ("geometric median", "openfl-geometric-median", GeometricMedian, 10),
    ]
    for name, peer, make, mark in rules:
        if peer == "flower-bulyan" and not few:
            continue
        yield from _beside(f"{name} of {size}", peer, least(releases(make, models), runs), arrays, mark, runs)

    def clipped() -> Any:
        mean = PrivateMean(UpdateChecks(like=base), permit, clip=CLIP, expected_updates=len(models))
        return observe_all(mean, (Update(model, str(place)) for place, model in enumerate(models)))

    seconds = least(clipped, runs)
    yield from _beside(f"clipping to a length and adding up {size}", "flower-clipped-mean", seconds, arrays, 8, runs)


def _beside(what: str, peer: str, seconds: float, arrays: list[Any], mark: float | None, runs: int) -> Iterator[Figure]:
    """Yield a peer's time over ours."""
    if calling.peers_python() is None:
        yield Figure(what, seconds * 1e3, "ms")
        return
    done = calling.measure_federated(peer, n_updates=len(arrays), n=len(arrays[0]), runs=runs)
    ratio, note = done["cpu_seconds"] / seconds, f"{done['version']}: {done['cpu_seconds'] * 1e3:,.1f} ms"
    whose = _WHOSE.get(peer, "Flower's")
    yield Figure(f"{what}: time of {whose} over ours ({seconds * 1e3:,.1f} ms)", ratio, "×", mark, note=note)


def _arriving(n: int, runs: int) -> Iterator[Figure]:
    """Yield the way from the bytes that arrive to the accumulator."""
    from shoal_engine.federated.updates.npy import array_of_npy, npy_of_array

    arrived = [bytes(npy_of_array(array)) for array in updates(10, n)]
    like = Model.of_arrays({"w": np.zeros(n, np.float32)})
    checks = UpdateChecks(like=like, max_weight=4.0)

    def read() -> Iterator[Update]:
        for place, told in enumerate(arrived):
            yield Update(Model.of_arrays({"w": array_of_npy(told, "w")}), str(place), 3.0)

    def folded() -> Any:
        return observe_all(WeightedMean(checks, bound=16.0, max_updates=16), read())

    def held() -> Any:
        return observe_all(WeightedMean(), read()).release()

    arrays = updates(10, n)
    for what, work in (("folded at once", folded), ("held, and released", held)):
        seconds = least(work, runs)
        yield from _beside(f"10 arrays of {n:,} as they arrive, {what}", "flower-array", seconds, arrays, 5, runs)


def _memory(n: int) -> Iterator[Figure]:
    """Yield the peak above the process before the first update, in models."""
    for clients in (5, 60):
        models, _ = child("federated_peak", 1, n_updates=clients, n=n)
        what = f"folding {clients} updates of {n:,} that come one at a time: peak memory, the result included"
        yield Figure(what, models, "models", 5.0, "less", note="two for the sums, one each for update and result")

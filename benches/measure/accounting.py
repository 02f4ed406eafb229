"""Accounting by loss distributions, warm, beside what is known of it; and a ledger's debit beside a bare sync."""

import os
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path

from benches.measure.clock import timed
from benches.measure.figure import Figure, Options
from shoal_engine.differential import events
from shoal_engine.differential.accounting import gaussian, loss_compositions
from shoal_engine.ledger import Budget, Ledger

ONE = Fraction(1)
KNOWN: dict[str, tuple[events.Event, dict[float, float]]] = {
    "Laplace(10) x 100": (
        events.Repeated(events.Laplace(Fraction(10), ONE), 100),
        {1e-5: 4.220347, 1e-6: 4.692667, 1e-9: 5.85325},
    ),
    "discrete Laplace(10) x 100": (
        events.Repeated(events.DiscreteLaplace(Fraction(10), ONE), 100),
        {1e-5: 4.306791, 1e-6: 4.774568, 1e-9: 5.95965},
    ),
    "Poisson(0.01, Gaussian(1)) x 1000": (
        events.Repeated(events.PoissonSampled(Fraction(1, 100), events.Gaussian(ONE, ONE)), 1000),
        {1e-5: 1.828244, 1e-6: 2.124523, 1e-9: 2.989591},
    ),
}


def figures(options: Options) -> Iterator[Figure]:
    """Measure every known answer, a tiny one, and debits."""
    runs = options.runs_or(9)
    for name, (event, known) in KNOWN.items():
        for delta, epsilon in known.items():
            found, cost = timed(partial(loss_compositions.epsilon_of, event, delta), runs)
            note = f"epsilon {found:.7f}, known {epsilon}"
            yield Figure(f"{name}, delta {delta:g}", cost.cpu_seconds * 1e3, "ms", 50, "less", cost, note)
    small = events.Repeated(events.DiscreteGaussian(Fraction(10**8), ONE), 100)
    found, cost = timed(partial(loss_compositions.epsilon_of, small, 1e-6), runs)
    note = f"epsilon {found:.7f}, of one Gaussian as large {gaussian.epsilon_for(1000, 1e-6):.7f}"
    yield Figure("discrete Gaussian(10,000) x 100, delta 1e-06", cost.cpu_seconds * 1e3, "ms", 50, "less", cost, note)
    yield from _debits(runs)


def _debits(runs: int) -> Iterator[Figure]:
    """Yield the time of a debit with its receipt beyond what the disk takes to sync as much."""
    times = 200
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger.create(Path(folder) / "budget.db", Budget.of(epsilon="1e9"), unit="person")

        def debits() -> None:
            for _ in range(times):
                ledger.debit(ONE, Fraction(0), events="{}", dataset="visits", policy="")

        def syncs() -> None:
            with (Path(folder) / "plain").open("ab") as file:
                for _ in range(times):
                    file.write(bytes(8192))
                    file.flush()
                    os.fsync(file.fileno())

        _, floor = timed(syncs, runs)
        _, cost = timed(debits, runs)
    above = (cost.wall_seconds - floor.wall_seconds) / times * 1e3
    note = f"a sync alone {floor.wall_seconds / times * 1e3:.2f} ms"
    yield Figure(
        "ledger: a durable debit with its receipt, beyond one sync of the disk", above, "ms", 2, "less", note=note
    )

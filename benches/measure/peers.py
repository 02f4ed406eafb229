"""Against other Python tools: Mondrian on Adult and on a million rows, and the measures of pycanon.

Where `SHOAL_PEERS_PYTHON` is set, anonypy and pycanon are run now; else their CPU seconds as they were
measured on another machine are used, and the note says so. All times are CPU seconds of the call alone.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import polars as pl

import shoal
from benches import adult, census_policies
from benches.census import census
from benches.measure.clock import timed
from benches.measure.figure import Figure, Options
from benches.partitioning import table_of
from benches.peers import calling
from shoal_engine.anonymity.fit import fit

K: Final = 10
ROWS: Final = 1_000_000
ELSEWHERE: Final = {
    "anonypy-mondrian": 45.0,
    "quickest": 0.44,
    "quickest, a million rows": 20.0,
    "pycanon-k": 0.24,
    "pycanon-l": 2.8,
    "pycanon-t": 9.1,
    "pycanon-all": 45.0,
}
"""CPU seconds on another machine of two cores; `quickest` is the quickest Mondrian in Python that was found."""


def figures(options: Options) -> Iterator[Figure]:
    """Measure classes and labels on one thread, and the whole verified release beside them."""
    if adult.present():
        yield from _adult(options.runs_or(5))
    rows = options.rows_or(ROWS)
    frame = census(rows, seed=1)
    policy = census_policies.everyday(K)
    marks = {"quickest, a million rows": 50.0}
    yield from _mondrian(frame, policy, f"census, {rows:,} rows", options.runs_or(5), marks)


def _adult(runs: int) -> Iterator[Figure]:
    """Measure every published figure of Adult."""
    frame = adult.read()
    policy = shoal.Policy.of(k=K, quasi_identifiers=adult.QUASI_IDENTIFIERS, sensitive=[adult.SENSITIVE])
    yield from _mondrian(frame, policy, "Adult", runs, {"anonypy-mondrian": 1000.0, "quickest": 20.0})
    _, cost = timed(lambda: shoal.assess(frame, policy, n_threads=1), runs)
    told = [_peer(frame, peer) for peer in ("pycanon-k", "pycanon-l", "pycanon-t")]
    total, note = sum(seconds for seconds, _ in told), f"pycanon {told[0][1]}"
    what = "Adult: assess (all measures), time of pycanon's k, l and t over ours"
    yield Figure(what, total / cost.cpu_seconds, "×", 100.0, cost=cost, note=f"{note}: {total:.2f} s")
    seconds, origin = _peer(frame, "pycanon-all")
    what = "Adult: assess (all measures), time of pycanon's nine calls over ours"
    yield Figure(what, seconds / cost.cpu_seconds, "×", 100.0, cost=cost, note=f"pycanon {origin}: {seconds:.2f} s")


def _mondrian(
    frame: pl.DataFrame, policy: shoal.Policy, where: str, runs: int, marks: dict[str, float]
) -> Iterator[Figure]:
    """Yield the peers' times over ours: from a frame to classes and labels, and to a verified release."""

    def labeled() -> int:
        return fit(table_of(frame, policy), method="mondrian", n_threads=1).class_of_tuple.size

    def released() -> int:
        return shoal.anonymize(frame, policy, method="mondrian", n_threads=1).report.k

    _, classes = timed(labeled, runs)
    least, whole = timed(released, runs)
    assert least >= policy.k
    for peer, mark in marks.items():
        seconds, origin = _peer(frame, peer)
        note = f"{peer} {origin}: {seconds:.2f} s"
        what = f"{where}: mondrian, classes and labels, time of the peer over ours"
        yield Figure(what, seconds / classes.cpu_seconds, "×", mark, cost=classes, note=note)
        what = f"{where}: mondrian, verified release, time of the peer over ours"
        yield Figure(what, seconds / whole.cpu_seconds, "×", mark, cost=whole, note=note)


def _peer(frame: pl.DataFrame, peer: str) -> tuple[float, str]:
    """Return a peer's CPU seconds on Adult, and where they come from."""
    if calling.peers_python() is None or peer.startswith("quickest"):
        return ELSEWHERE[peer], "on another machine"
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "table.csv"
        frame.write_csv(table)
        quasi = adult.QUASI_IDENTIFIERS
        done = calling.measure(peer, table, quasi_identifiers=quasi, sensitive=adult.SENSITIVE, k=K)
    return float(done["cpu_seconds"]), f"{done['version']}, measured now"

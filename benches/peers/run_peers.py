"""Run one peer on one table and print what it cost, as one line of JSON.

Peers live in an environment of their own, never in ours. Call it with that environment's Python::

    "$SHOAL_PEERS_PYTHON" benches/peers/run_peers.py pycanon-k table.csv --quasi age,zip --sensitive disease

The pins that the figures were made with are in ``requirements.txt`` beside this file. Times are CPU seconds
for the call alone, without reading and imports; memory is the process's peak above its peak before the call.
This file imports nothing of shoal, so that it runs where shoal is not installed.
"""

import argparse
import importlib.metadata
import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Task:
    """What a peer is asked to do.

    Attributes
    ----------
    table : pd.DataFrame
        The whole table; text columns as plain objects.
    quasi : list of str
        Quasi-identifiers.
    sensitive : str
        The one sensitive column.
    k : int
        Rows that each class must hold; read by anonymizers only.
    """

    table: pd.DataFrame
    quasi: list[str]
    sensitive: str
    k: int


@dataclass(frozen=True)
class Cost:
    """What one run cost and what it found."""

    peer: str
    version: str
    rows: int
    cpu_seconds: float
    wall_seconds: float
    peak_bytes: int
    result: Any


def pycanon_k(task: Task) -> int:
    """Return k as pycanon measures it."""
    from pycanon import anonymity

    return int(anonymity.k_anonymity(task.table, task.quasi))


def pycanon_l(task: Task) -> int:
    """Return distinct l as pycanon measures it."""
    from pycanon import anonymity

    return int(anonymity.l_diversity(task.table, task.quasi, [task.sensitive]))


def pycanon_entropy(task: Task) -> int:
    """Return entropy l as pycanon measures it: rounded down to an integer."""
    from pycanon import anonymity

    return int(anonymity.entropy_l_diversity(task.table, task.quasi, [task.sensitive]))


def pycanon_t(task: Task) -> float:
    """Return t as pycanon measures it: ordered distance for numbers, equal distance for text."""
    from pycanon import anonymity

    return float(anonymity.t_closeness(task.table, task.quasi, [task.sensitive]))


def pycanon_all(task: Task) -> dict[str, str]:
    """Return every measure of pycanon, one call after the other, as its users ask for them."""
    from pycanon import anonymity

    table, quasi, sensitive = task.table, task.quasi, [task.sensitive]
    return {
        "k": str(anonymity.k_anonymity(table, quasi)),
        **{
            call.__name__: str(call(table, quasi, sensitive))
            for call in (
                anonymity.alpha_k_anonymity,
                anonymity.l_diversity,
                anonymity.entropy_l_diversity,
                anonymity.recursive_c_l_diversity,
                anonymity.basic_beta_likeness,
                anonymity.enhanced_beta_likeness,
                anonymity.delta_disclosure,
                anonymity.t_closeness,
            )
        },
    }


def anonypy_mondrian(task: Task) -> dict[str, int]:
    """Partition with anonypy's Mondrian and write its labels; return the number and least size of classes."""
    from anonypy import Mondrian
    from anonypy.anonypy import anonymize

    table = task.table.copy()
    for column in table.columns:
        if table[column].dtype == object:
            table[column] = table[column].astype("category")
    partitions = Mondrian(table, task.quasi, task.sensitive).partition(task.k)
    anonymize(table, partitions, task.quasi, task.sensitive)
    return {"classes": len(partitions), "smallest": min(map(len, partitions))}


PEERS: dict[str, tuple[str, Callable[[Task], Any]]] = {
    "pycanon-k": ("pycanon", pycanon_k),
    "pycanon-l": ("pycanon", pycanon_l),
    "pycanon-entropy": ("pycanon", pycanon_entropy),
    "pycanon-t": ("pycanon", pycanon_t),
    "pycanon-all": ("pycanon", pycanon_all),
    "anonypy-mondrian": ("anonypy", anonypy_mondrian),
}
"""Name of each run: the distribution that it comes from, and what is called."""


def _peak_bytes() -> int:
    """Return the most memory that this process ever held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def run(peer: str, task: Task) -> Cost:
    """Run one peer once and measure it."""
    distribution, call = PEERS[peer]
    __import__(distribution)
    before, wall, cpu = _peak_bytes(), time.perf_counter(), time.process_time()
    result = call(task)
    return Cost(
        peer=peer,
        version=importlib.metadata.version(distribution),
        rows=len(task.table),
        cpu_seconds=time.process_time() - cpu,
        wall_seconds=time.perf_counter() - wall,
        peak_bytes=_peak_bytes() - before,
        result=result,
    )


def main() -> None:
    """Read the command line, run, print."""
    parser = argparse.ArgumentParser(description="Run one peer on one table and print its cost as JSON.")
    parser.add_argument("peer", choices=sorted(PEERS))
    parser.add_argument("table", help="CSV file with a header")
    parser.add_argument("--quasi", required=True, help="quasi-identifiers, separated by commas")
    parser.add_argument("--sensitive", required=True, help="the sensitive column")
    parser.add_argument("--separator", default=",")
    parser.add_argument("-k", type=int, default=None, help="needed by anonymizers")
    given = parser.parse_args()
    if given.peer == "anonypy-mondrian" and given.k is None:
        parser.error("anonypy-mondrian anonymizes: say -k")
    table = pd.read_csv(given.table, sep=given.separator, keep_default_na=False)
    task = Task(table, given.quasi.split(","), given.sensitive, given.k or 0)
    print(json.dumps(asdict(run(given.peer, task))))


if __name__ == "__main__":
    main()

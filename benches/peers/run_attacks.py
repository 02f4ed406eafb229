"""Attack a table of plain rows with anonymeter and print what that cost and found, as one line of JSON.

Call it with the Python of an environment of its own, made by ``pip install anonymeter==1.1.0``::

    "$SHOAL_ANONYMETER_PYTHON" benches/peers/run_attacks.py linkability FOLDER --left age,sex --right zip

The folder has original.parquet, release.parquet and control.parquet. Times are CPU seconds of one attack on one thread,
after one on a few rows that is not counted. This file imports nothing of shoal.
"""

import argparse
import importlib.metadata
import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
from anonymeter.evaluators import InferenceEvaluator, LinkabilityEvaluator, SinglingOutEvaluator

Tables = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]


def singling_out(tables: Tables, given: argparse.Namespace, attacks: int) -> Any:
    """Run predicates of three columns."""
    original, release, control = tables
    made = SinglingOutEvaluator(original, release, n_attacks=attacks, control=control, seed=1)
    made.evaluate(mode="multivariate")
    return made


def linkability(tables: Tables, given: argparse.Namespace, attacks: int) -> Any:
    """Link parts of rows through their nearest released row."""
    original, release, control = tables
    parts = given.left.split(","), given.right.split(",")
    made = LinkabilityEvaluator(original, release, parts, n_attacks=attacks, control=control)
    made.evaluate(n_jobs=1)
    return made


def inference(tables: Tables, given: argparse.Namespace, attacks: int) -> Any:
    """Guess a secret from the nearest released row."""
    original, release, control = tables
    known = given.left.split(",")
    made = InferenceEvaluator(original, release, known, given.secret, n_attacks=attacks, control=control)
    made.evaluate(n_jobs=1)
    return made


ATTACKS: dict[str, Callable[[Tables, argparse.Namespace, int], Any]] = {
    "singling-out": singling_out,
    "linkability": linkability,
    "inference": inference,
}


def main() -> None:
    """Read the command line, attack, print."""
    parser = argparse.ArgumentParser(description="Attack a table with anonymeter and print its cost as JSON.")
    parser.add_argument("attack", choices=sorted(ATTACKS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--left", default="", help="columns, separated by commas")
    parser.add_argument("--right", default="", help="columns, separated by commas")
    parser.add_argument("--secret", default="", help="column to guess")
    parser.add_argument("-n", type=int, default=2000, help="attacks")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    names = ("original", "release", "control")
    original, release, control = (
        pd.DataFrame(pl.read_parquet(given.folder / f"{name}.parquet").to_dict(as_series=False)) for name in names
    )
    attack = ATTACKS[given.attack]
    attack((original.head(200), release.head(200), control.head(200)), given, 10)
    wall, cpu = time.perf_counter(), time.process_time()
    found = attack((original, release, control), given, given.n).results(confidence_level=0.95)
    cost = {"cpu_seconds": time.process_time() - cpu, "wall_seconds": time.perf_counter() - wall}
    both = (("success", found.attack_rate), ("control", found.control_rate))
    rates = {name: {"value": rate.value, "error": rate.error} for name, rate in both}
    print(json.dumps({"version": importlib.metadata.version("anonymeter"), **cost, **rates}))


if __name__ == "__main__":
    main()

"""Write how often anonymeter's attacks succeed on small tables into a golden file; run in an environment of its own.

::

    python -m venv peers && peers/bin/pip install anonymeter==1.1.0
    peers/bin/python benches/peers/make_anonymeter_golden.py tests/golden/anonymeter.json

All rows are attacked and no two distances tie, so nothing depends on anonymeter's random choices. Nothing of this
project is imported.
"""

import importlib.metadata
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
from anonymeter.evaluators import InferenceEvaluator, LinkabilityEvaluator
from anonymeter.evaluators import singling_out_evaluator as evaluator
from anonymeter.stats.confidence import residual_success, success_rate

ROWS, RELEASED = 40, 60
NUMBERS = ["age", "income", "height"]
CATEGORIES = ["city", "job"]


def table(n: int, seed: int) -> pd.DataFrame:
    """Return random rows; some jobs are missing."""
    random = np.random.default_rng(seed)
    rows: dict[str, Any] = {name: random.random(n).round(6) for name in NUMBERS}
    rows["age"] = rows["age"].round(2)
    rows["city"] = random.choice(list("abcdefgh"), n)
    rows["job"] = random.choice(["x", "y", "z", None], n)
    return pd.DataFrame(rows).astype(dict.fromkeys(CATEGORIES, object))


def released(original: pd.DataFrame) -> pd.DataFrame:
    """Return noisy and random rows; the first two hold the ends of every number, so that all ranges are one."""
    random = np.random.default_rng(3)
    near = original.sample(RELEASED - 22, replace=True, random_state=4)
    for name in NUMBERS:
        near[name] = (near[name] + random.normal(0, 0.02, len(near))).clip(0.01, 0.99).round(6)
    found = pd.concat([table(22, 5), near], ignore_index=True)
    found.loc[0, NUMBERS], found.loc[1, NUMBERS] = 0.0, 1.0
    return found


def singling_out(original: pd.DataFrame, release: pd.DataFrame, control: pd.DataFrame) -> list[dict[str, Any]]:
    """Return how many predicates there are, and how many of them single out."""
    tables = [pl.DataFrame(one).unique(maintain_order=True) for one in (release, original, control)]
    found: list[dict[str, Any]] = []
    for mode, n_cols in (("univariate", 1), ("multivariate", 2), ("multivariate", 3)):
        made = evaluator._generate_singling_out_queries(
            df=tables[0], mode=mode, n_attacks=100_000, n_cols=n_cols, max_attempts=9000, rng=np.random.default_rng(1)
        )
        hits = [len(evaluator._evaluate_queries_and_return_successful(df=one, queries=made)) for one in tables[1:]]
        counts = {"made": len(made), "success": hits[0], "control": hits[1]}
        found.append({"mode": mode, "n_columns": n_cols, **counts})
    return found


def linkability(original: pd.DataFrame, release: pd.DataFrame, control: pd.DataFrame) -> list[dict[str, Any]]:
    """Return how many rows are linked."""
    parts = ["age", "city"], ["income", "job"]
    attack = LinkabilityEvaluator(original, release, parts, n_attacks=ROWS, n_neighbors=5, control=control)
    attack.evaluate(n_jobs=1)
    found: list[dict[str, Any]] = []
    for n_neighbors in range(1, 6):
        results = attack.results(n_neighbors=n_neighbors)
        counts = {"success": int(results.n_success), "control": int(results.n_control)}
        found.append({"left": parts[0], "right": parts[1], "n_neighbors": n_neighbors, **counts})
    return found


def inference(original: pd.DataFrame, release: pd.DataFrame, control: pd.DataFrame) -> list[dict[str, Any]]:
    """Return how many secrets are guessed."""
    found: list[dict[str, Any]] = []
    for secret, numeric in (("city", False), ("job", False), ("height", True), ("age", False)):
        known = [name for name in original.columns if name != secret]
        attack = InferenceEvaluator(original, release, known, secret, numeric, ROWS, control)
        attack.evaluate(n_jobs=1)
        results = attack.results()
        counts = {"success": int(results.n_success), "control": int(results.n_control)}
        found.append({"known": known, "secret": secret, "tolerance": 0.05 if numeric else 0.0, **counts})
    return found


def statistics() -> list[dict[str, Any]]:
    """Return rates, errors and residual risks."""
    found: list[dict[str, Any]] = []
    for attacks, success, control, confidence in ((100, 23, 7, 0.95), (2000, 1999, 20, 0.68), (7, 0, 3, 0.99)):
        rate, other = (success_rate(attacks, count, confidence) for count in (success, control))
        rest = residual_success(rate, other)
        given = {"attacks": attacks, "success": success, "control": control, "confidence": confidence}
        found.append({**given, "rate": rate, "residual": rest, "risk": [rest.to_risk().value, *rest.to_risk().ci]})
    return found


def main(path: Path) -> None:
    """Write the file."""
    warnings.simplefilter("ignore")
    original, control = table(ROWS, 1), table(ROWS, 2)
    release = released(original)
    tables = {"original": original, "control": control, "release": release}
    body = {
        "anonymeter": importlib.metadata.version("anonymeter"),
        "tables": {name: json.loads(frame.to_json(orient="columns", index=True)) for name, frame in tables.items()},
        "singling_out": singling_out(original, release, control),
        "linkability": linkability(original, release, control),
        "inference": inference(original, release, control),
        "statistics": statistics(),
    }
    body["tables"] = {
        name: {column: list(cells.values()) for column, cells in columns.items()}
        for name, columns in body["tables"].items()
    }
    path.write_text(json.dumps(body, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

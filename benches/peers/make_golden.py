"""Write the figures that pycanon finds on small tables, as oracles for our tests.

Made in an environment of its own, so that no peer ever becomes a dependency::

    python -m venv peers
    peers/bin/pip install -r benches/peers/requirements.txt
    peers/bin/python benches/peers/make_golden.py tests/golden

Writes ``pycanon.json`` and the tables it speaks of as CSV beside it. Every table is made here,
from papers or from a fixed seed; running it twice gives the same bytes.
"""

import argparse
import importlib.metadata
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pycanon import anonymity

NOTES = [
    "All figures are the worst class's; each sensitive column is measured alone.",
    "l_entropy_floor: pycanon rounds exp(entropy) down to a whole number, in floating point: where the exact "
    "value is a whole number it may state one less (salaries: 2, exactly 3).",
    "t: ordered distance over equally spaced ranks where the column is numeric, equal distance for text.",
    "recursive_as_pycanon: pycanon takes the least frequent value of a class for r1 and sums in ascending "
    "order; Machanavajjhala et al. 2007, definition 4.2, takes the most frequent. Compare l, never c.",
    "beta_enhanced_as_pycanon: the smaller of the basic figure and the largest -ln p of the table; Cao, Karras 2012, "
    "definition 3, bounds each value by its own.",
    "delta_disclosure: natural logarithm, values that a class lacks are passed over.",
    "pycanon's groupby drops rows with a null quasi-identifier, so no table here has nulls.",
]


@dataclass(frozen=True)
class Table:
    """A table and what its columns are."""

    rows: pd.DataFrame
    quasi: list[str]
    sensitive: list[str]
    source: str


def four_anonymous() -> Table:
    """Return the 4-anonymous inpatients, whose last class is homogeneous."""
    condition = ["heart", "heart", "viral", "viral", "cancer", "heart", "viral", "viral"] + ["cancer"] * 4
    rows = pd.DataFrame(
        {
            "zip": ["130**"] * 4 + ["1485*"] * 4 + ["130**"] * 4,
            "age": ["<30"] * 4 + [">=40"] * 4 + ["3*"] * 4,
            "condition": condition,
        }
    )
    return Table(rows, ["zip", "age"], ["condition"], "the 4-anonymous inpatients of Machanavajjhala et al. 2007")


def three_diverse() -> Table:
    """Return the 3-diverse inpatients."""
    first, second = ["heart", "viral", "cancer", "cancer"], ["cancer", "heart", "viral", "viral"]
    rows = pd.DataFrame(
        {
            "zip": ["1305*"] * 4 + ["1485*"] * 4 + ["1306*"] * 4,
            "age": ["<=40"] * 4 + [">40"] * 4 + ["<=40"] * 4,
            "condition": [*first, *second, *first],
        }
    )
    return Table(rows, ["zip", "age"], ["condition"], "the 3-diverse inpatients of Machanavajjhala et al. 2007")


def salaries() -> Table:
    """Return the 3-diverse salaries whose first class lies at distance 0.375 from the table."""
    disease = ["gastric ulcer", "gastritis", "stomach cancer", "gastritis", "flu", "bronchitis"]
    rows = pd.DataFrame(
        {
            "zip": ["476**"] * 3 + ["4790*"] * 3 + ["476**"] * 3,
            "age": ["2*"] * 3 + [">=40"] * 3 + ["3*"] * 3,
            "salary": [3, 4, 5, 6, 11, 8, 7, 9, 10],
            "disease": [*disease, "bronchitis", "pneumonia", "stomach cancer"],
        }
    )
    return Table(rows, ["zip", "age"], ["salary", "disease"], "the 3-diverse salaries of Li et al. 2007")


def _drawn(rng: np.random.Generator, names: list[str], exponent: float, n: int) -> np.ndarray:
    """Draw `n` names, the first most often."""
    weights = np.arange(1, len(names) + 1, dtype=float) ** -exponent
    return np.array(names)[rng.choice(len(names), size=n, p=weights / weights.sum())]


def survey(n: int, seed: int, exponent: float) -> Table:
    """Return a table with numeric and categorical columns; a larger `exponent` makes classes smaller."""
    rng = np.random.default_rng(seed)
    age_from = rng.integers(2, 7, n) * 10
    diseases = ["flu", "asthma", "diabetes", "angina", "hepatitis", "gout", "lupus"]
    rows = pd.DataFrame(
        {
            "age_from": age_from,
            "region": _drawn(rng, ["north", "east", "south", "west"], exponent, n),
            "sex": _drawn(rng, ["f", "m"], 0.1, n),
            "income": np.clip(rng.normal(age_from / 10, 2.0, n).round(), 0, 11).astype(int),
            "disease": _drawn(rng, diseases, exponent, n),
        }
    )
    quasi = ["age_from", "region", "sex"]
    return Table(rows, quasi, ["income", "disease"], f"generated: numpy default_rng({seed}), {n} rows")


TABLES = {
    "four_anonymous": four_anonymous(),
    "three_diverse": three_diverse(),
    "salaries": salaries(),
    "survey_even": survey(2000, 1, 0.3),
    "survey_skewed": survey(1200, 2, 1.2),
    "survey_sparse": survey(200, 3, 0.8),
}


def figures(table: Table) -> dict[str, Any]:
    """Return k, and for each sensitive column what pycanon finds."""
    sensitive = {}
    for column in table.sensitive:
        c, l = anonymity.recursive_c_l_diversity(table.rows, table.quasi, [column])
        sensitive[column] = {
            "l_distinct": int(anonymity.l_diversity(table.rows, table.quasi, [column])),
            "l_entropy_floor": int(anonymity.entropy_l_diversity(table.rows, table.quasi, [column])),
            "recursive_as_pycanon": {"c": None if np.isnan(c) else int(c), "l": int(l)},
            "alpha": float(anonymity.alpha_k_anonymity(table.rows, table.quasi, [column])[0]),
            "delta_disclosure": float(anonymity.delta_disclosure(table.rows, table.quasi, [column])),
            "beta_basic": float(anonymity.basic_beta_likeness(table.rows, table.quasi, [column])),
            "beta_enhanced_as_pycanon": float(anonymity.enhanced_beta_likeness(table.rows, table.quasi, [column])),
            "t": round(float(anonymity.t_closeness(table.rows, table.quasi, [column])), 12),
            "t_distance": "ordered" if pd.api.types.is_numeric_dtype(table.rows[column]) else "equal",
        }
    return {"k": int(anonymity.k_anonymity(table.rows, table.quasi)), "sensitive": sensitive}


def adult(path: Path) -> dict[str, Any]:
    """Return the figures of the Adult census extract: eight quasi-identifiers, salary as the sensitive column."""
    rows = pd.read_csv(path, sep=";")
    sensitive = "salary-class"
    quasi = [name for name in rows.columns if name != sensitive]
    table = Table(rows, quasi, [sensitive], "Adult, 30,162 complete rows")
    return {"source": table.source, "rows": len(rows), "quasi_identifiers": quasi, **figures(table)}


def main() -> None:
    """Write the tables and their figures."""
    parser = argparse.ArgumentParser(description="Write pycanon's figures on small tables.")
    parser.add_argument("folder", type=Path, help="where to write, tests/golden in this project")
    parser.add_argument("--adult", type=Path, help="adult.csv of the shared data; its figures stay as they are without")
    arguments = parser.parse_args()
    folder = arguments.folder
    described = {}
    for name, table in TABLES.items():
        table.rows.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
        described[name] = {
            "csv": f"{name}.csv",
            "source": table.source,
            "rows": len(table.rows),
            "quasi_identifiers": table.quasi,
            **figures(table),
        }
    made_by = {name: importlib.metadata.version(name) for name in ("pycanon", "pandas", "numpy")}
    target = folder / "pycanon.json"
    if arguments.adult is not None:
        large = adult(arguments.adult)
    else:
        large = json.loads(target.read_text()).get("adult") if target.exists() else None
    text = json.dumps({"made_by": made_by, "notes": NOTES, "tables": described, "adult": large}, indent=1)
    target.write_text(text + "\n")


if __name__ == "__main__":
    main()

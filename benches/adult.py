"""The Adult census extract and its hierarchies, from the data folder beside the checkout."""

import csv
from pathlib import Path
from typing import Final, Literal, TypeAlias

import numpy as np
import polars as pl

import shoal

FOLDER: Final = Path(__file__).parents[2] / "shared" / "data" / "adult"
TABLE: Final = FOLDER / "adult.csv"
MISSING: Final = "the Adult table is not there: it belongs into shared/data/adult beside the checkout"
SUBSET: Final = FOLDER / "adult_subset.csv"
"""Some of its rows, which ARX's tests take for a sample of the others."""
SUBSET_MISSING: Final = "the sample of the Adult table is not there: it belongs into shared/data/adult too"

QUASI_IDENTIFIERS: Final = [
    *["sex", "age", "race", "marital-status"],
    *["education", "native-country", "workclass", "occupation"],
]
SENSITIVE: Final = "salary-class"

Kind: TypeAlias = Literal["ordered codes", "sets", "sets, age an interval", "hierarchy nodes"]


def present() -> bool:
    """Return whether the table is there."""
    return TABLE.exists()


def read() -> pl.DataFrame:
    """Return the table: 30,162 rows, age as a number, all else text."""
    return pl.read_csv(TABLE, separator=";")


def resampled(rows: int, *, changed: float = 0.1) -> pl.DataFrame:
    """Return rows drawn from the table with replacement, each cell from another row with probability `changed`."""
    frame, random = read(), np.random.default_rng(1)
    base = random.integers(0, frame.height, rows)
    columns = {}
    for name in frame.columns:
        other = np.where(random.random(rows) < changed, random.integers(0, frame.height, rows), base)
        columns[name] = frame[name].gather(other)
    return pl.DataFrame(columns)


def policy(frame: pl.DataFrame, kind: Kind, k: int) -> shoal.Policy:
    """Return k-anonymity over the eight quasi-identifiers, each generalized to labels of one kind.

    Ordered codes are in the order of the hierarchies, so that neighbors have parents in common; only values
    that occur are counted, and age goes by value.
    """
    return shoal.Policy(k=k, quasi_identifiers={name: _role(frame, name, kind) for name in QUASI_IDENTIFIERS})


def _role(frame: pl.DataFrame, name: str, kind: Kind) -> shoal.QuasiIdentifier:
    """Return what becomes of one column."""
    if kind == "hierarchy nodes":
        tree = shoal.NamedTree(file=str(hierarchy(name)))
        return shoal.QuasiIdentifier(hierarchy=tree)
    if kind == "ordered codes":
        occurring = set(frame[name].cast(pl.String))
        values = [leaf for leaf in leaves(name) if leaf in occurring]
        return shoal.QuasiIdentifier(hierarchy=shoal.Order(values=values))
    if name == "age" and kind == "sets":
        return shoal.QuasiIdentifier(kind="category")
    return shoal.QuasiIdentifier()


def leaves(name: str) -> list[str]:
    """Return the leaves of a column's hierarchy, depth first, siblings as the file has them."""
    rows = paths(name)
    rank: list[dict[str, int]] = [{} for _ in rows[0]]
    for row in rows:
        for height, node in enumerate(row):
            rank[height].setdefault(node, len(rank[height]))
    rows.sort(key=lambda row: [rank[height][row[height]] for height in reversed(range(len(row)))])
    return [row[0] for row in rows]


def paths(name: str) -> list[list[str]]:
    """Return the rows of a column's hierarchy: leaf, level 1, ..., root."""
    with hierarchy(name).open(encoding="utf-8", newline="") as file:
        return [row for row in csv.reader(file, delimiter=";") if row]


def hierarchy(name: str) -> Path:
    """Return where the hierarchy of a column is, as ARX writes it."""
    return FOLDER / f"adult_hierarchy_{name}.csv"

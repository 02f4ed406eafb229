"""Releases to report on: people with a canary in every place that a page must not show."""

from pathlib import Path
from typing import Any

import polars as pl

import shoal

NAME, RARE, SICK, NUMBER, LOST = "c4n4ryname", "c4n4ryrare", "c4n4rysick", 987654321, "c4n4rylost"
K = 5


def people(n: int = 400) -> pl.DataFrame:
    """Return a table of which a few rows are rarer than k in each column."""
    rows = range(n)
    return pl.DataFrame(
        {
            "name": [f"{NAME}{i}" for i in rows],
            "town": [RARE if i < 3 else ("here", "there", "elsewhere")[i % 3] for i in rows],
            "age": [NUMBER if i == 7 else 20 + i % 40 for i in rows],
            "sick": [SICK if i == 9 else ("flu", "gout")[i % 2] for i in rows],
            "cost": [1000.0 + i for i in rows],
            "notes": [f"{LOST}{i}" for i in rows],
        }
    )


POLICY = shoal.Policy.from_toml(
    f"""
k = {K}
[identifier.name]
[quasi_identifier.town]
[quasi_identifier.age]
[sensitive.sick]
[insensitive.cost]
[release]
recipient = "University of X"
purpose = "teaching"
"""
)


def certified(folder: Path, policy: shoal.Policy = POLICY, frame: pl.DataFrame | None = None, **more: Any) -> Path:
    """Write table, release and certificate into a folder; return the certificate's path."""
    (people() if frame is None else frame).write_csv(folder / "in.csv")
    shoal.anonymize_file(folder / "in.csv", folder / "out.parquet", policy, certificate=folder / "c.json", **more)
    return folder / "c.json"

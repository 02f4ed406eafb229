"""The reference microdata of the CASC project, from the data folder beside the checkout."""

from pathlib import Path
from typing import Final

import polars as pl

FOLDER: Final = Path(__file__).parents[2] / "shared" / "data" / "casc"
MISSING: Final = (
    "the CASC tables are not there: tarragona.csv (834 rows) and census.csv (1,080 rows), 13 columns with a header, "
    "belong into shared/data/casc beside the checkout; sdcMicro holds them as Tarragona and CASCrefmicrodata"
)
SIZES: Final = {"tarragona": (834, 13), "census": (1080, 13)}


def present() -> bool:
    """Return whether the tables are there."""
    return all((FOLDER / f"{name}.csv").exists() for name in SIZES)


def read(name: str) -> pl.DataFrame:
    """Return a table: tarragona or census (Brand, Domingo-Ferrer, Mateo-Sanz 2002)."""
    return pl.read_csv(FOLDER / f"{name}.csv")

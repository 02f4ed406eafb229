"""Invented baskets: rows that hold a few of 500 items, some far more often than others."""

from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

N_ITEMS: Final = 500
MEAN_LENGTH: Final = 5


def baskets(rows: int) -> pl.DataFrame:
    """Return `rows` lists, of five items on average, the r-th item with a share of about 1 / r; and a group."""
    random = np.random.default_rng(1)
    share = 1 / np.arange(1, N_ITEMS + 1)
    length = random.poisson(MEAN_LENGTH, rows)
    item = random.choice(N_ITEMS, int(length.sum()), p=share / share.sum())
    names = pa.array([f"i{number:03d}" for number in range(N_ITEMS)], pa.large_string())
    start = np.concatenate([[0], np.cumsum(length)])
    lists = pa.LargeListArray.from_arrays(pa.array(start), names.take(pa.array(item)))
    return pl.DataFrame({"group": random.integers(0, 5, rows), "items": pl.from_arrow(lists)})

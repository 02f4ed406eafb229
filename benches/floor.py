"""The floor: what a pipeline without any privacy does with the same table, in plain Polars."""

from pathlib import Path

import polars as pl

from benches.census import QUASI_IDENTIFIERS


def class_sizes(source: Path, output: Path) -> int:
    """Read a Parquet file, join the size of its class to every row, write; return the number of rows."""
    frame = pl.read_parquet(source)
    sizes = frame.group_by(QUASI_IDENTIFIERS).len("class_size")
    joined = frame.join(sizes, on=QUASI_IDENTIFIERS, how="left")
    joined.write_parquet(output)
    return joined.height


def least_class(frame: pl.DataFrame, sensitive: str) -> tuple[int, int]:
    """Return the size of the smallest class, and the fewest sensitive values in a class."""
    classes = frame.group_by(QUASI_IDENTIFIERS).agg(pl.len(), pl.col(sensitive).n_unique().alias("distinct"))
    return classes.select(pl.col("len").min(), pl.col("distinct").min()).row(0)

"""The same register against a table before its release: rows that equal all that is known."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from shoal.attack.tables import read_register
from shoal.io.lazy_frames import internal
from shoal_engine.attack.figures import Answers
from shoal_engine.attack.matching import Matches
from shoal_engine.errors import ColumnError

_PERSON, _ROWS, _OWN = internal("person"), internal("rows"), internal("own")


def match_raw(frame: pl.LazyFrame, people: pl.DataFrame, columns: Sequence[str], truth: str | None) -> Answers:
    """Count the rows that equal what is known of each person; null is not known.

    Parameters
    ----------
    frame : pl.LazyFrame
        The table before its release.
    people : pl.DataFrame
    columns : sequence of str
        Known columns.
    truth : str, optional
        Column of ids; rows of other people that are equal share the chance.

    Raises
    ------
    ColumnError, InputError
        The table lacks a column or has other types, has no rows, or no row equals what is known of anybody.
    """
    with_truth = truth is not None
    ids = [truth] if truth is not None else []
    table = read_register(frame, [*columns, *ids], (), table="the table before its release")
    register = people.select(*columns, *ids).with_row_index(_PERSON)
    try:
        register = register.with_columns(
            pl.col(name).cast(table.schema[name], strict=True) for name in (*columns, *ids)
        )
    except pl.exceptions.PolarsError:
        msg = "the register has other types than the table before its release; cast them to one"
        raise ColumnError(msg) from None
    known = register.select(pl.concat_list(pl.col(name).is_not_null() for name in columns)).to_series().to_list()
    parts = register.with_columns(pl.Series(_ROWS, known)).partition_by(_ROWS, include_key=True)
    rows, classes = np.zeros(register.height, np.int64), np.zeros(register.height, np.int64)
    for part in parts:
        pattern = [name for name, given in zip(columns, part[_ROWS][0].to_list(), strict=True) if given]
        who = part.get_column(_PERSON).to_numpy()
        rows[who], classes[who] = _count(table, part.drop(_ROWS), pattern)
    own = np.full(register.height, np.nan)
    if with_truth:
        own = _own(table, register, columns, ids[0]) / np.maximum(1, rows)
    best = (rows > 0) / np.maximum(1, rows)
    return Answers.of(Matches(classes, rows, rows.astype(np.float64), best, own, own, {}), {})


def _count(table: pl.DataFrame, people: pl.DataFrame, pattern: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return rows, and 1 where there are some, for people of whom the same columns are known."""
    if not pattern:
        return np.full(people.height, table.height), np.ones(people.height, np.int64)
    sizes = table.group_by(pattern).agg(pl.len().cast(pl.Int64).alias(_ROWS))
    found = people.join(sizes, on=pattern, how="left", maintain_order="left").get_column(_ROWS).fill_null(0).to_numpy()
    return found, (found > 0).astype(np.int64)


def _own(table: pl.DataFrame, register: pl.DataFrame, columns: Sequence[str], truth: str) -> np.ndarray:
    """Return 1 where a person's own row equals what is known, 0 where it does not, NaN where it is not known."""
    mine = table.unique(truth, keep="first").rename({name: f"{name} {_OWN}" for name in columns})
    found = register.join(mine, on=truth, how="left", maintain_order="left")
    equal = pl.all_horizontal(
        (pl.col(name) == pl.col(f"{name} {_OWN}")).fill_null(value=False) | pl.col(name).is_null() for name in columns
    )
    there = register.join(mine.select(truth), on=truth, how="semi").get_column(_PERSON).to_numpy()
    own = np.full(register.height, np.nan)
    own[there] = found.select(equal.cast(pl.Float64)).to_series().to_numpy()[there]
    return own

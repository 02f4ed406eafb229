"""Workloads: counts, ranges and means that people would ask of a table, declared by them or drawn from it."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import polars as pl

from shoal.usefulness.conditions import Where, conditions_of
from shoal_engine.errors import InputError, NumberError

Kind: TypeAlias = Literal["count", "range", "mean"]
KINDS: tuple[Kind, ...] = ("count", "range", "mean")
LEAST_SHARE = 0.005
"""Share of the rows that every drawn question asks about at least."""
_MOST_COLUMNS = 3
_ATTEMPTS = 200
"""Draws for one question before it is given up."""
_SAMPLE = 20_000
"""Rows on which a draw is tried before it is counted on all."""


@dataclass(frozen=True, slots=True)
class Query:
    """One question: how many rows meet a condition, or the mean of a column over them.

    Attributes
    ----------
    where : str, pl.Expr or mapping
        As for `shoal.estimate`.
    mean : str, optional
        Column of numbers to average.

    Examples
    --------
    >>> Query({"age": (30, 40)}).kind, Query("sex = 'F'", mean="age").kind
    ('range', 'mean')
    """

    where: Where
    mean: str | None = None

    @property
    def kind(self) -> Kind:
        """Return mean; range, where a column has a least and a most value; or else count."""
        if self.mean is not None:
            return "mean"
        is_range = isinstance(self.where, Mapping) and any(isinstance(one, tuple) for one in self.where.values())
        return "range" if is_range else "count"

    @property
    def columns(self) -> list[str]:
        """Return the columns that the question names."""
        return [*conditions_of(self.where), *([] if self.mean is None else [self.mean])]


@dataclass(frozen=True, slots=True)
class Workload:
    """Questions by which a release is compared with the raw table.

    Attributes
    ----------
    queries : tuple of Query
    seed : int or None
        Seed that the questions were drawn with; None where people declared them.
    """

    queries: tuple[Query, ...]
    seed: int | None = None

    @classmethod
    def of(cls, queries: Sequence[Query | Where]) -> "Workload":
        """Return the workload of declared questions; a condition alone asks for a count.

        Raises
        ------
        InputError
            There is no question, or one cannot be parsed.
        """
        found = tuple(one if isinstance(one, Query) else Query(one) for one in queries)
        if isinstance(queries, str) or not found:
            msg = "the workload holds no question; give a list of conditions, for example [\"sex = 'F'\"]"
            raise InputError(msg)
        for one in found:
            conditions_of(one.where)
        return cls(found)

    @classmethod
    def drawn(cls, raw: pl.DataFrame, columns: Sequence[str], *, queries: int, seed: int | None = None) -> "Workload":
        """Draw questions about 1 to 3 columns of a table, each met by at least 0.5 % of its rows.

        A third are counts of rows that equal a drawn row in each column, a third have a range between two drawn
        values in one column at least, and a third are means. Kinds that the columns do not allow are left out.

        Parameters
        ----------
        raw : pl.DataFrame
        columns : sequence of str
            Columns that questions may name.
        queries : int
            Number of questions, at least 1.
        seed : int, optional
            At least 0. Default: drawn from the secure source of the system; the workload states it.

        Raises
        ------
        InputError
            No question could be drawn.
        NumberError
            The number of questions or the seed is out of range.
        """
        if queries < 1 or (seed is not None and seed < 0):
            msg = f"got {queries} questions and seed {seed}; give at least 1 question, and a seed of at least 0"
            raise NumberError(msg)
        seed = secrets.randbits(63) if seed is None else seed
        found = tuple(_Draw(raw, columns, np.random.default_rng(seed)).queries(queries))
        if not found:
            msg = (
                f"no question about 1 to {_MOST_COLUMNS} columns is met by {LEAST_SHARE:.1%} of the rows; "
                "declare the workload: workload=[...]"
            )
            raise InputError(msg)
        return cls(found, seed)


class _Draw:
    """Drawing of questions from the rows of a table."""

    def __init__(self, raw: pl.DataFrame, columns: Sequence[str], rng: np.random.Generator) -> None:
        self._raw, self._rng = raw, rng
        self._columns = [name for name in columns if _comparable(raw.schema[name])]
        self._ordered = [name for name in self._columns if _is_ordered(raw.schema[name])]
        self._numbers = [name for name in self._ordered if raw.schema[name].is_numeric()]
        few = raw.height <= _SAMPLE
        self._sample = raw if few else raw[np.sort(rng.choice(raw.height, _SAMPLE, replace=False)).tolist()]

    def queries(self, count: int) -> Iterator[Query]:
        """Yield questions, kinds in turn."""
        able: list[Kind] = [kind for kind in KINDS if self._columns and self._can(kind)]
        for number in range(count if able and self._raw.height else 0):
            found = self._query(able[number % len(able)])
            if found is not None:
                yield found

    def _can(self, kind: Kind) -> bool:
        """Return whether the columns allow questions of a kind."""
        return {"count": True, "range": bool(self._ordered), "mean": bool(self._numbers) and len(self._columns) > 1}[
            kind
        ]

    def _query(self, kind: Kind) -> Query | None:
        """Return a question that enough rows meet, or None if none was drawn."""
        for _ in range(_ATTEMPTS):
            mean = str(self._rng.choice(self._numbers)) if kind == "mean" else None
            others = [name for name in self._columns if name != mean]
            names = self._names(others, with_range=kind == "range")
            where = {name: self._condition(name, as_range=kind != "count") for name in names}
            if None not in where.values() and self._enough(where):
                return Query(where, mean)
        return None

    def _names(self, columns: list[str], *, with_range: bool) -> list[str]:
        """Return 1 to 3 columns, an ordered one among them where a range is asked for."""
        count = int(self._rng.integers(1, min(_MOST_COLUMNS, len(columns)) + 1))
        first = [str(self._rng.choice(self._ordered))] if with_range else []
        rest = [name for name in columns if name not in first]
        return [*first, *map(str, self._rng.choice(rest, count - len(first), replace=False))]

    def _condition(self, name: str, *, as_range: bool) -> Any:
        """Return the value of a drawn row, or the range between those of two; None for null."""
        column = self._raw.get_column(name)
        drawn = [column[int(place)] for place in self._rng.integers(0, column.len(), 2)]
        if any(one is None or one != one for one in drawn):
            return None
        return tuple(sorted(drawn)) if as_range and name in self._ordered else drawn[0]

    def _enough(self, where: Mapping[str, Any]) -> bool:
        """Return whether enough rows meet a condition; clear cases are settled on a sample."""
        met = pl.all_horizontal(*conditions_of(where).values())
        share = self._sample.select(met.mean()).item() or 0.0
        if self._sample is self._raw or share < LEAST_SHARE / 2:
            return share >= LEAST_SHARE
        return (self._raw.select(met.mean()).item() or 0.0) >= LEAST_SHARE


def _comparable(kind: pl.DataType) -> bool:
    """Return whether questions may name values of a type."""
    return not isinstance(kind, pl.List | pl.Struct | pl.Array | pl.Object | pl.Binary | pl.Null)


def _is_ordered(kind: pl.DataType) -> bool:
    """Return whether questions may name ranges of a type."""
    return kind.is_numeric() or kind.is_temporal()

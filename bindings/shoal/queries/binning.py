"""Bins of a numeric column as groups: a histogram whose edges are declared, so that its keys are public."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise, product

import polars as pl

from shoal.io.declared_types import typed
from shoal_engine.declarations import ColumnFormat
from shoal_engine.errors import ColumnError, PolicyError

MOST_BINS = 10_000
_LARGEST_WHOLE = 1 << 53


@dataclass(frozen=True, slots=True)
class Bins:
    """Groups by a column's value: from each edge to the next, the upper left out but of the last.

    Attributes
    ----------
    column : str
    edges : tuple of Fraction
        Two or more, ascending. Values outside, null and NaN are in no bin.
    """

    column: str
    edges: tuple[Fraction, ...]

    def __post_init__(self) -> None:
        ascend = all(low < high for low, high in pairwise(self.edges))
        if not 2 <= len(self.edges) <= MOST_BINS + 1 or not ascend:
            msg = f"a histogram of {self.column!r} needs from 2 to {MOST_BINS + 1} different edges, ascending"
            raise PolicyError(msg)
        if max(abs(self.edges[0]), abs(self.edges[-1])) > _LARGEST_WHOLE:
            msg = f"edges of a histogram of {self.column!r} reach at most 2**53 in size; count in larger units"
            raise PolicyError(msg)

    @property
    def name(self) -> str:
        """The key column: the lower edge of each bin."""
        return f"{self.column}_from"

    @property
    def upper_name(self) -> str:
        """The column of the upper edges."""
        return f"{self.column}_to"

    @property
    def dtype(self) -> type[pl.Int64 | pl.Float64]:
        """Integers, if all edges are."""
        return pl.Int64 if all(edge.denominator == 1 for edge in self.edges) else pl.Float64

    @property
    def numbers(self) -> list[int] | list[float]:
        """The edges, of the key's type."""
        return [int(edge) for edge in self.edges] if self.dtype == pl.Int64 else [float(edge) for edge in self.edges]

    def assign(self, frame: pl.LazyFrame, schema: pl.Schema, *, is_text: bool = False) -> pl.LazyFrame:
        """Return a frame with the key column, a mapping of single rows that no value can make fail.

        Parameters
        ----------
        frame : pl.LazyFrame
        schema : pl.Schema
            Schema of the frame.
        is_text : bool
            Whether text is read as numbers, and other text as null.

        Raises
        ------
        ColumnError
            The column is missing, holds no numbers, or a column of the key's name is there already.
        """
        kind = schema.get(self.column)
        of_text = is_text and kind == pl.String
        if kind is None or not (kind.is_numeric() or kind == pl.Boolean or of_text):
            msg = f"a histogram is of a column of numbers, and {self.column!r} is not; cast or correct it"
            raise ColumnError(msg)
        for name in (self.name, self.upper_name):
            if name in schema:
                msg = f"the bins of {self.column!r} would be named {name!r}, which is a column already; rename it"
                raise ColumnError(msg)
        *low, last = self.numbers
        value = pl.col(self.column)
        value = typed(value, ColumnFormat(type="float")) if of_text else value.cast(pl.Float64, strict=False)
        edges = pl.lit(pl.Series([float(edge) for edge in self.numbers]))
        at = pl.when(value == float(last)).then(pl.lit(len(low))).otherwise(edges.search_sorted(value, side="right"))
        at = pl.when(value.is_finite()).then(at)
        lower = at.replace_strict(range(1, len(low) + 1), low, default=None, return_dtype=self.dtype)
        return frame.with_columns(lower.alias(self.name))

    def with_upper(self, answer: pl.DataFrame) -> pl.DataFrame:
        """Return an answer with the upper edge of each bin next to its lower one."""
        low = self.numbers
        upper = pl.col(self.name).replace_strict(low[:-1], low[1:], default=None, return_dtype=self.dtype)
        place = answer.columns.index(self.name) + 1
        return answer.insert_column(place, answer.select(upper.alias(self.upper_name)).to_series())


def bin_keys(bins: Sequence[Bins]) -> pl.DataFrame:
    """Return every bin, or every combination of bins of several columns, as public keys."""
    rows = list(product(*(one.numbers[:-1] for one in bins)))
    if len(rows) > MOST_BINS * 100:
        msg = f"{len(rows)} combinations of bins are more than {MOST_BINS * 100}; give fewer edges"
        raise PolicyError(msg)
    return pl.DataFrame(rows, schema={one.name: one.dtype for one in bins}, orient="row")


def bins_of(column: object, edges: object) -> Bins:
    """Return bins by edges of any kind of number.

    Raises
    ------
    PolicyError
        The column is no name, or edges are no finite numbers.
    """
    if not isinstance(column, str) or not column:
        msg = "a histogram is of a column, given by its name"
        raise PolicyError(msg)
    try:
        exact = tuple(Fraction(edge) for edge in edges)  # pyright: ignore[reportGeneralTypeIssues, reportUnknownArgumentType, reportUnknownVariableType]
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        msg = f"edges of a histogram of {column!r} are finite numbers that are declared before looking"
        raise PolicyError(msg) from None
    return Bins(column, exact)


def evenly(column: str, low: str, high: str, width: str) -> Bins:
    """Return bins of one width between two ends; the last is narrower where they do not divide.

    Examples
    --------
    >>> [int(edge) for edge in evenly("x", "40", "70", "10").edges]
    [40, 50, 60, 70]
    """
    try:
        first, last, step = (Fraction(Decimal(text)) for text in (low, high, width))
    except (ArithmeticError, ValueError):
        msg = f"bins are given as COL:LO:HI:WIDTH, three numbers; {column!r} has others"
        raise PolicyError(msg) from None
    if not (first < last and step > 0 and (last - first) / step <= MOST_BINS):
        msg = f"bins of {column!r} need the smaller end first, a width above 0, and are at most {MOST_BINS}"
        raise PolicyError(msg)
    n = -((first - last) // step)
    return Bins(column, (*(first + i * step for i in range(n)), last))

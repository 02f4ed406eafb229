"""A dyadic grid between bounds, and columns whose values become its points: sums of integers are exact.

A value column becomes points of a grid: one total mapping for each type, which no value can make fail.

================================  ============================================================================
type of the column                mapping
================================  ============================================================================
integers of 8 to 64 bits, signed  clamped, scaled in integers, rounded half to even
or not; date, time, timestamp,    (temporal columns as the number Arrow keeps: days, or units of the type)
duration
boolean                           false is 0, true is 1
floats of 16, 32 and 64 bits      infinities are clamped like any number; -0.0 is 0; NaN is missing
decimals                          as the float64 nearest to them, then as floats
null                              all rows are missing
dictionaries                      as their values
anything else                     refused by its type, before any row is looked at
================================  ============================================================================

A missing value (null or NaN) counts as the column's `missing`: ``None`` leaves the row out of the sums of this column,
not out of the count of rows; a number stands for it, itself within the bounds.
"""

import math
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shoal_engine.errors import ColumnError, PolicyError
from shoal_engine.tables.buffers import read_buffers
from shoal_kernels.private.grid_values import ABSENT, mark_missing, place_floats, place_integers

MAX_STEPS = (1 << 31) - 1
"""Bounds lie at most so many steps from 0; so sums of 2**32 rows, the most that are observed, fit int64."""
LEAST_EXPONENT, GREATEST_EXPONENT = -62, 1000
LARGEST_BOUND = Fraction(1 << 62)
BLOCK = 1 << 15
"""Rows that are mapped at a time, so that they stay in cache."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Integers of steps of size ``2**-exponent``, from `low` to `high`.

    Attributes
    ----------
    low, high : int
        The bounds, in steps; ``low < high``, each at most MAX_STEPS in size.
    exponent : int
        -62 to 1000.

    Examples
    --------
    >>> Grid.between(0, 110, exponent=0)
    Grid(low=0, high=110, exponent=0)
    >>> Grid.between("0", "0.5").exponent
    31
    """

    low: int
    high: int
    exponent: int

    def __post_init__(self) -> None:
        if not LEAST_EXPONENT <= self.exponent <= GREATEST_EXPONENT:
            msg = (
                f"a grid of step 2**{-self.exponent} was asked for; "
                f"steps reach from 2**-{GREATEST_EXPONENT} to 2**{-LEAST_EXPONENT}"
            )
            raise PolicyError(msg)
        if not self.low < self.high:
            msg = (
                f"bounds ({float(self.lower)}, {float(self.upper)}) hold no two points of the grid; "
                f"give the smaller first, or a finer grid"
            )
            raise PolicyError(msg)
        if self.size > MAX_STEPS:
            msg = (
                f"bounds of {self.size} steps could overflow the sum of {1 << 32} rows; "
                f"at most {MAX_STEPS} are allowed: give a coarser grid or narrower bounds"
            )
            raise PolicyError(msg)
        if max(abs(self.lower), abs(self.upper)) > LARGEST_BOUND:
            msg = f"bounds reach at most 2**62 in size; ({float(self.lower)}, {float(self.upper)}) do not"
            raise PolicyError(msg)

    @classmethod
    def between(
        cls,
        lower: str | float | Fraction | Decimal,
        upper: str | float | Fraction | Decimal,
        *,
        exponent: int | None = None,
    ) -> "Grid":
        """Return the grid of given bounds, the finest unless `exponent` says how fine.

        Bounds that lie between two points move inwards, so that no value can reach beyond the declared bounds.

        Raises
        ------
        PolicyError
            Bounds are not finite, reversed, wider than the grid can be, or hold no two of its points.
        """
        try:
            low, high = Fraction(lower), Fraction(upper)
        except (ValueError, OverflowError, ZeroDivisionError) as error:
            msg = "bounds are two finite numbers, the smaller first"
            raise PolicyError(msg) from error
        if not low < high:
            msg = f"bounds are given as (smaller, larger); got ({lower}, {upper})"
            raise PolicyError(msg)
        if exponent is None:
            size = max(abs(low), abs(high))
            exponent = min(GREATEST_EXPONENT, _floor_log2(Fraction(MAX_STEPS) / size))
        scale = Fraction(2) ** exponent
        return cls(math.ceil(low * scale), math.floor(high * scale), exponent)

    @property
    def size(self) -> int:
        """The most that one value moves a sum, in steps: the L-infinity sensitivity of one row."""
        return max(abs(self.low), abs(self.high))

    @property
    def step(self) -> Fraction:
        """Size of a step."""
        return Fraction(2) ** -self.exponent

    @property
    def lower(self) -> Fraction:
        """The lower bound."""
        return self.low * self.step

    @property
    def upper(self) -> Fraction:
        """The upper bound."""
        return self.high * self.step

    def place(self, value: str | float | Fraction | Decimal) -> int:
        """Return the point of the grid nearest to a number, ties to even, clamped to the bounds.

        Raises
        ------
        PolicyError
            The number is not finite.
        """
        try:
            exact = Fraction(value)
        except (ValueError, OverflowError) as error:
            msg = f"{value!r} is no finite number and has no place on a grid"
            raise PolicyError(msg) from error
        return min(max(round(exact * Fraction(2) ** self.exponent), self.low), self.high)

    @property
    def least_square_bits(self) -> int:
        """Least `square_bits` with which the sum of the squares of 2**32 rows fits int64."""
        return max(0, (self.size * self.size).bit_length() - MAX_STEPS.bit_length())

    def largest_square(self, square_bits: int) -> int:
        """Return the most that one value moves a sum of squares, in steps of ``2**(square_bits - 2 * exponent)``."""
        return round(Fraction(self.size * self.size, 1 << square_bits))


def _floor_log2(value: Fraction) -> int:
    """Return the largest integer whose power of two is at most `value`."""
    guess = value.numerator.bit_length() - value.denominator.bit_length()
    return guess if Fraction(2) ** guess <= value else guess - 1


@dataclass(frozen=True, slots=True)
class ValueSpec:
    """Sums of a column.

    Attributes
    ----------
    column : str
    grid : Grid
        Bounds of the values of one row.
    missing : int, optional
        What stands for null and NaN, in steps of the grid, within its bounds; None leaves such rows out.
    square_bits : int, optional
        Squares, of steps, are divided by 2**square_bits and rounded half to even, each for itself; None if no
        squares are wanted. At least ``grid.least_square_bits``.
    edges : tuple of int
        Ascending, in steps: values are counted between them, for quantiles; empty if not wanted. Each group takes
        8 bytes an edge.
    presence : bool
        Every value counts as 1, on a grid from 0 to 1; a column of any type has values.

    Raises
    ------
    PolicyError
        `missing` lies outside the bounds, squares could overflow, or edges do not ascend within the bounds.
    """

    column: str
    grid: Grid
    missing: int | None = None
    square_bits: int | None = None
    edges: tuple[int, ...] = ()
    presence: bool = False

    def __post_init__(self) -> None:
        low, high = self.grid.low, self.grid.high
        if self.missing is not None and not low <= self.missing <= high:
            msg = f"what stands for missing values of {self.column!r} lies outside its bounds; choose it within"
            raise PolicyError(msg)
        if self.square_bits is not None and not self.grid.least_square_bits <= self.square_bits <= 62:
            msg = (
                f"squares of {self.column!r} need square_bits from {self.grid.least_square_bits} to 62, lest their "
                f"sum overflows; got {self.square_bits}"
            )
            raise PolicyError(msg)
        ascend = all(a < b for a, b in zip(self.edges, self.edges[1:], strict=False))
        if not ascend or any(not low <= edge <= high for edge in self.edges):
            msg = f"edges of {self.column!r} must ascend within its bounds"
            raise PolicyError(msg)


def check_type(name: str, kind: pa.DataType) -> None:
    """Check that a column's type has a mapping.

    Raises
    ------
    ColumnError
        It has none: text, lists and the like.
    """
    if pa.types.is_dictionary(kind):
        check_type(name, kind.value_type)
        return
    if not (_is_whole(kind) or _is_real(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind)):
        msg = f"column {name!r} has type {kind}, and only numbers, booleans and dates can be summed; cast it"
        raise ColumnError(msg)


def place_on_grid(array: pa.Array, spec: ValueSpec, out: npt.NDArray[np.int32]) -> None:
    """Map a column.

    Parameters
    ----------
    array : pa.Array
        Values of a type that `check_type` accepts.
    spec : ValueSpec
    out : (n,) int32, out
        Points of the grid; `grid_values.ABSENT` where a row holds no value.
    """
    missing = ABSENT if spec.missing is None else spec.missing
    if spec.presence:
        out[:] = np.where(_present(array), 1, ABSENT)
        return
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    kind = array.type
    if pa.types.is_null(kind):
        out[:] = missing
        return
    if pa.types.is_boolean(kind):
        array = array.cast(pa.uint8())
    elif pa.types.is_decimal(kind):
        array = array.cast(pa.float64(), safe=False)
    for low in range(0, len(array), BLOCK):
        _place_block(array.slice(low, BLOCK), spec.grid, missing, out[low : low + BLOCK])


def _present(array: pa.Array) -> npt.NDArray[np.bool_]:
    """Return which rows hold a value: not null, nor NaN, nor an entry of a dictionary that is either."""
    if pa.types.is_dictionary(array.type):
        held = np.asarray(pc.is_valid(array.indices).to_numpy(zero_copy_only=False), np.bool_)
        entries = _present(array.dictionary)
        return held & entries[pc.fill_null(array.indices, 0).to_numpy()] if len(entries) else held
    present = pc.is_valid(array)
    if pa.types.is_floating(array.type):
        present = pc.and_(present, pc.invert(pc.fill_null(pc.is_nan(array), True)))  # noqa: FBT003
    return np.asarray(present.to_numpy(zero_copy_only=False), np.bool_)


def _place_block(array: pa.Array, grid: Grid, missing: int, out: npt.NDArray[np.int32]) -> None:
    """Map a few rows of a fixed-width column."""
    bits, valid, valid_from = read_buffers(array)
    if len(bits) < len(array):
        out[:] = missing
        return
    kind = array.type
    if pa.types.is_floating(kind):
        values = bits.view(f"f{bits.itemsize}").astype(np.float64, copy=False)
        place_floats(values, float(grid.lower), float(grid.upper), 2.0**grid.exponent, missing, out)
    else:
        place_integers(_int64(bits, kind), *_scaling(grid), grid.low, grid.high, out)
    if len(valid):
        mark_missing(valid, valid_from, missing, out)


def _int64(bits: npt.NDArray[np.unsignedinteger], kind: pa.DataType) -> npt.NDArray[np.int64]:
    """Return integers; unsigned ones beyond int64 as its largest, which lies beyond all bounds."""
    if not pa.types.is_unsigned_integer(kind):
        return bits.view(f"i{bits.itemsize}").astype(np.int64, copy=False)
    if bits.itemsize == 8:
        bits = np.minimum(bits, np.uint64(np.iinfo(np.int64).max))
    return bits.astype(np.int64)


def _scaling(grid: Grid) -> tuple[int, int, int]:
    """Return the bounds to which integers are clamped before scaling, and the exponent of the scale.

    The clamp lies at or outside the bounds, so that it changes nothing but sizes. On a grid finer than 2**-32 any
    number but 0 lies outside the bounds, also when scaled by 2**32 only.
    """
    exponent = min(grid.exponent, 32)
    if exponent >= 0:
        most = -(-MAX_STEPS >> exponent) + 1
        return -most, most, exponent
    return grid.low << -exponent, grid.high << -exponent, exponent


def _is_whole(kind: pa.DataType) -> bool:
    """Return whether values are integers of 8 to 64 bits underneath."""
    temporal = pa.types.is_date(kind) or pa.types.is_time(kind) or pa.types.is_timestamp(kind)
    return pa.types.is_integer(kind) or temporal or pa.types.is_duration(kind)


def _is_real(kind: pa.DataType) -> bool:
    """Return whether values are floats or decimals."""
    return pa.types.is_floating(kind) or pa.types.is_decimal(kind)

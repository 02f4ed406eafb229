"""Columns as transformations see them: distinct values, and the code of each row's value."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shoal_engine.errors import ColumnError
from shoal_engine.tables.columns import ColumnEncoder, Domain, narrowest

Codes = npt.NDArray[np.unsignedinteger]
Numbers = npt.NDArray[np.float64]

_DAY_IN_MILLISECONDS = 86_400_000


@dataclass(frozen=True, slots=True, eq=False)
class CodedColumn:
    """A column.

    Attributes
    ----------
    name : str
    domain : Domain
    codes : (n,) unsigned integers, below domain.size
    """

    name: str
    domain: Domain
    codes: Codes

    @property
    def n_rows(self) -> int:
        """Return the number of rows."""
        return len(self.codes)

    def to_arrow(self) -> pa.Array:
        """Return the value of each row."""
        return self.domain.decode(self.codes)

    def with_values(self, values: pa.Array) -> "CodedColumn":
        """Return the column with other values, none of them null, in place of the domain's, one for one."""
        distinct = encode(self.name, values)
        n_nulls = int(self.domain.has_null)
        domain = Domain(distinct.domain.values, has_null=self.domain.has_null)
        table = np.concatenate([np.zeros(n_nulls, np.uint32), distinct.codes.astype(np.uint32) + np.uint32(n_nulls)])
        return CodedColumn(self.name, domain, table.astype(narrowest(domain.size))[self.codes])

    def with_codes(self, codes: npt.NDArray[np.integer]) -> "CodedColumn":
        """Return the column with other codes; values that no row has any more leave the domain."""
        used = np.bincount(codes, minlength=self.domain.size) > 0
        n_nulls = int(self.domain.has_null)
        values = self.domain.values.filter(pa.array(used[n_nulls:]))
        domain = Domain(values, has_null=bool(n_nulls and used[0]))
        return CodedColumn(self.name, domain, (np.cumsum(used) - 1).astype(narrowest(domain.size))[codes])


def encode(name: str, array: pa.Array) -> CodedColumn:
    """Return a column given the value of each row.

    Raises
    ------
    ColumnError
        Its type cannot be encoded.
    """
    encoder = ColumnEncoder(name)
    codes = encoder.observe(array)
    domain, final = encoder.finish()
    return CodedColumn(name, domain, final.astype(narrowest(domain.size))[codes])


def replace_numbers(column: CodedColumn, numbers: Numbers) -> CodedColumn:
    """Return a column with other numbers, (n,) float64, NaN for null: floats, or dates rounded down to their unit.

    Raises
    ------
    ColumnError
        A date has no place in the column's type.
    """
    kind = column.domain.type
    if not is_date(kind):
        return encode(column.name, pa.array(numbers, from_pandas=True))
    unit = _DAY_IN_MILLISECONDS if pa.types.is_date64(kind) else 1
    absent = np.isnan(numbers)
    whole = np.floor(np.where(absent, 0.0, numbers) / unit) * unit
    if (np.abs(whole) >= 2.0 ** (kind.bit_width - 1)).any():
        msg = f"column `{column.name}` would hold dates that {kind} has no place for; transform it less, or as a number"
        raise ColumnError(msg)
    integers = whole.astype(np.int32 if kind.bit_width == 32 else np.int64)
    return encode(column.name, pa.array(integers, mask=absent).view(kind))


def is_date(kind: pa.DataType) -> bool:
    """Return whether values of an Arrow type are dates or datetimes."""
    return pa.types.is_date(kind) or pa.types.is_timestamp(kind)


def is_number(kind: pa.DataType) -> bool:
    """Return whether values of an Arrow type are numbers."""
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)


def check_numbers(column: CodedColumn, purpose: str, *, dates: bool = False) -> None:
    """Check that a column holds numbers, all finite, or dates where they will do.

    Parameters
    ----------
    column : CodedColumn
    purpose : str
        For the message: what cannot be done otherwise.

    Raises
    ------
    ColumnError
        It does not.
    """
    kind = column.domain.type
    if not (is_number(kind) or (dates and is_date(kind))):
        wanted = "numbers or dates" if dates else "numbers"
        msg = f"column `{column.name}` has type {kind}; {purpose} needs {wanted}, cast it or leave it out"
        raise ColumnError(msg)
    if pa.types.is_floating(kind) and pc.any(pc.invert(pc.is_finite(column.domain.values))).as_py():
        msg = f"column `{column.name}` holds numbers that are not finite; set them to null first"
        raise ColumnError(msg)


def distinct_numbers(column: CodedColumn, purpose: str, *, dates: bool = False) -> Numbers:
    """Return the number of each code, (size,) float64, NaN for null; of dates, their count of days or other units.

    Raises
    ------
    ColumnError
        As for `check_numbers`; also where the range of the numbers is no float.
    """
    check_numbers(column, purpose, dates=dates)
    values = column.domain.values
    if is_date(values.type):
        values = values.view(pa.int32() if values.type.bit_width == 32 else pa.int64())
    numbers = pc.cast(values, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    if numbers.size and numbers[-1] / 2 - numbers[0] / 2 > np.finfo(np.float64).max / 2:
        msg = f"column `{column.name}` holds numbers whose difference is too large for a float; rescale it first"
        raise ColumnError(msg)
    return np.concatenate([np.full(int(column.domain.has_null), np.nan), numbers])


def row_numbers(column: CodedColumn, purpose: str, *, dates: bool = False) -> Numbers:
    """Return the number of each row, (n,) float64, NaN for null; as `distinct_numbers` does."""
    return distinct_numbers(column, purpose, dates=dates)[column.codes]


def distinct_whole_numbers(column: CodedColumn) -> npt.NDArray[np.int64] | None:
    """Return the values of a domain of integers, (len(values),) int64; None where they are not such."""
    values = column.domain.values
    if not pa.types.is_integer(values.type) or (len(values) and values[-1].as_py() >= 1 << 63):
        return None
    return pc.cast(values, pa.int64()).to_numpy()


def is_whole(number: float) -> bool:
    """Return whether a number is whole and has a place in 64 bits."""
    return abs(number) < 1 << 63 and float(number).is_integer()

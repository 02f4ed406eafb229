"""Columns become codes, batch by batch: the codes of a domain's values in ascending order.

A `ColumnEncoder` numbers values as they come. When all batches are seen, `finish` sorts them, so that the
domain and the final codes depend on neither the cut into batches nor the order of merging.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shoal_engine.errors import ColumnError
from shoal_engine.tables.distinct_values import DistinctValues
from shoal_engine.tables.factorize import encode_batch, plain_type
from shoal_kernels.tables.dictionary_encoding import RECODE

Codes = npt.NDArray[np.uint8 | np.uint16 | np.uint32]


@dataclass(frozen=True, slots=True, eq=False)
class Domain:
    """The values that a column holds.

    Attributes
    ----------
    values : pa.Array
        Distinct, without null, ascending: numbers by value, text by code point, false before true.
    has_null : bool
        Null (or NaN, which counts as null) occurs; it has code 0, and the values' codes begin at 1.
    """

    values: pa.Array
    has_null: bool

    @property
    def type(self) -> pa.DataType:
        """Type of the values; of a dictionary, of its entries; text is always large_string."""
        return self.values.type

    @property
    def size(self) -> int:
        """Number of codes."""
        return len(self.values) + self.has_null

    def decode(self, codes: npt.NDArray[np.integer]) -> pa.Array:
        """Return the values, or null, that the codes stand for."""
        entries = pa.concat_arrays([pa.nulls(1, self.type), self.values]) if self.has_null else self.values
        return entries.take(pa.array(codes))

    def __eq__(self, other: object) -> bool:
        """Compare types, values and null."""
        return (
            isinstance(other, Domain)
            and self.type == other.type
            and self.has_null == other.has_null
            and self.values.equals(other.values)
        )

    __hash__ = None  # type: ignore[assignment]


class ColumnEncoder:
    """A mergeable summary of one column.

    Parameters
    ----------
    name : str
        For messages.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._values: DistinctValues | None = None

    @classmethod
    def of_domain(cls, name: str, domain: Domain) -> "ColumnEncoder":
        """Return an encoder that knows the values of a domain, by its codes; others get codes from its size on."""
        encoder = cls(name)
        encoder._adopted(domain.type).number(domain.decode(np.arange(domain.size)))
        return encoder

    def observe(self, array: pa.Array) -> Codes:
        """Return provisional codes of a batch, (n,) in the narrowest dtype that holds the codes so far.

        NaN counts as null, and -0.0 as 0.0.

        Raises
        ------
        ColumnError
            If the type cannot be encoded, or differs from that of the batches before.
        """
        values = self._adopted(plain_type(self.name, array.type))
        local, distinct = encode_batch(array)
        number = values.number(distinct)
        narrow = narrowest(self.n_codes)
        if local.dtype == narrow and np.array_equal(number, np.arange(len(number))):
            return local
        return recode(local, number.astype(narrow))

    @property
    def n_codes(self) -> int:
        """Number of provisional codes so far."""
        return 0 if self._values is None else len(self._values)

    def merge(self, other: "ColumnEncoder") -> npt.NDArray[np.uint32]:
        """Take in what `other` has seen; return our provisional code of each of its codes.

        Raises
        ------
        ColumnError
            If the two saw different types.
        """
        if other._values is None:
            return np.empty(0, np.uint32)
        return self._adopted(other._values.kind).number(other._values.values)

    def finish(self) -> tuple[Domain, npt.NDArray[np.uint32]]:
        """Return the domain, and the final code of each provisional one."""
        values = pa.nulls(0) if self._values is None else self._values.values
        order = np.empty(0, np.int64)
        if len(values):
            order = pc.array_sort_indices(values, null_placement="at_start").to_numpy()
        final = np.empty(len(values), np.uint32)
        final[order] = np.arange(len(values), dtype=np.uint32)
        n_nulls = values.null_count
        return Domain(values.take(pa.array(order[n_nulls:])), has_null=bool(n_nulls)), final

    def _adopted(self, kind: pa.DataType) -> DistinctValues:
        """Return the values so far, after a check that batches agree on the type."""
        if self._values is None:
            self._values = DistinctValues(kind)
        elif self._values.kind != kind:
            msg = (
                f"column {self.name!r} is {kind} here and {self._values.kind} elsewhere in the input; "
                f"cast it to one type"
            )
            raise ColumnError(msg)
        return self._values


def count_codes(parts: Iterable[Codes], final: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """Return how many rows hold each value of a domain.

    Parameters
    ----------
    parts : iterable of arrays
        Provisional codes, batch by batch.
    final : (size,) integers
        Final code of each provisional one, as `ColumnEncoder.finish` returns it.

    Returns
    -------
    (size,) int64
        By final code.
    """
    provisional = np.zeros(len(final), np.int64)
    for part in parts:
        provisional += np.bincount(part, minlength=len(final))
    count = np.empty(len(final), np.int64)
    count[final] = provisional
    return count


def narrowest(n_codes: int) -> np.dtype[np.uint8 | np.uint16 | np.uint32]:
    """Return the narrowest dtype for codes below `n_codes`."""
    return np.dtype(np.uint8 if n_codes <= 1 << 8 else np.uint16 if n_codes <= 1 << 16 else np.uint32)


def recode(codes: Codes, table: Codes, out: Codes | None = None) -> Codes:
    """Return ``table[codes]``, in `out` if given, without widening the codes on the way.

    Parameters
    ----------
    codes : (n,) uint8, uint16 or uint32, each below len(table)
    table, out : uint8, uint16 or uint32, of one dtype
    """
    if out is None:
        out = np.empty(len(codes), table.dtype)
    RECODE[codes.dtype.name, table.dtype.name](codes, table, out)
    return out

"""From the rows of a batch to their tuples, once classes are known: the second pass over a table."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shoal_engine.anonymity.table.dimensions import Dimension
from shoal_engine.errors import InputError
from shoal_engine.tables.columns import Codes, ColumnEncoder, narrowest, recode
from shoal_engine.tables.grouping import group
from shoal_kernels.tables.lookup import find_tuples

Ints = npt.NDArray[np.int64]

CHANGED = "the input has other rows than when it was read first; give a file that nobody writes to"


class TupleFinder:
    """Finds the tuple of each row among known ones.

    Parameters
    ----------
    dimensions : sequence of Dimension
    words : (n_words, n) uint64
        Distinct tuples, ascending.
    """

    def __init__(self, dimensions: Sequence[Dimension], words: npt.NDArray[np.uint64]) -> None:
        self._dimensions = dimensions
        self._words = words
        self._encoders = [ColumnEncoder.of_domain(d.name, d.domain) for d in dimensions]
        self._tables = [d.kernel_code.astype(narrowest(d.size)) for d in dimensions]

    def find(self, batch: pa.RecordBatch, *, n_threads: int) -> Ints:
        """Return the place of each row's tuple, (n_rows,) int64.

        Raises
        ------
        InputError
            A row has a tuple that is not known.
        """
        if not batch.num_rows:
            return np.empty(0, np.int64)
        codes = [
            known_codes(encoder, dimension.size, batch.column(dimension.name), table)
            for encoder, dimension, table in zip(self._encoders, self._dimensions, self._tables, strict=True)
        ]
        grouped = group(codes, [d.size for d in self._dimensions], n_threads=n_threads)
        place = np.empty(grouped.n_tuples, np.int64)
        find_tuples(self._words, np.ascontiguousarray(grouped.words), place)
        if place.min(initial=0) < 0:
            raise InputError(CHANGED)
        assert grouped.tuple_of_row is not None
        return place[grouped.tuple_of_row]


def known_codes(encoder: ColumnEncoder, size: int, array: pa.Array, table: Codes | None = None) -> Codes:
    """Return the codes of values in a domain, mapped by `table` if given.

    Raises
    ------
    InputError
        A value is not among the `size` that are known.
    """
    codes = encoder.observe(array)
    if int(codes.max(initial=0)) >= size:
        raise InputError(CHANGED)
    return codes if table is None else recode(codes, table)

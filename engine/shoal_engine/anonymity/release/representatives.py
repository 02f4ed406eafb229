"""Centers and means of classes, checked against the rows that they stand for by code that did not make them."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shoal_engine.anonymity.release.recoding import Recoding
from shoal_engine.anonymity.table.dimensions import Dimension
from shoal_engine.anonymity.table.table import Table
from shoal_engine.errors import VerificationFailed


def check_representatives(table: Table, recoding: Recoding, class_of_tuple: npt.NDArray[np.int64]) -> None:
    """Check that every center and mean lies between the lowest and the highest value of its class.

    Parameters
    ----------
    table : Table
        As it was recoded.
    recoding : Recoding
    class_of_tuple : (n,) int64
        Negative where suppressed.

    Raises
    ------
    VerificationFailed
        One lies outside; the message names its column.
    """
    released = iter(recoding.columns)
    for j, column in enumerate(table.space.dimensions):
        parts = [next(released) for _ in range(2 if column.role.output == "bounds" else 1)]
        if column.role.output not in ("center", "mean"):
            continue
        rows = np.flatnonzero(class_of_tuple >= 0)
        value = _values_of_tuples(table, column, j).take(pa.array(rows))
        ends = pa.table({"class": class_of_tuple[rows], "value": value}).group_by("class")
        ends = ends.aggregate([("value", "min"), ("value", "max")])
        said = parts[0].values.take(pa.array(parts[0].index_of_class[ends["class"].to_numpy()]))
        low, high = (_comparable(ends[f"value_{end}"].combine_chunks(), said.type) for end in ("min", "max"))
        outside = pc.any(pc.or_(pc.less(said, low), pc.greater(said, high))).as_py()
        if outside:
            msg = (
                f"the {column.role.output} of {column.name!r} lies outside the values of its class; "
                "the release was not handed out"
            )
            raise VerificationFailed(msg)


def _values_of_tuples(table: Table, column: Dimension, j: int) -> pa.Array:
    """Return the value of each distinct tuple in one quasi-identifier."""
    dims = table.space.arrays
    code = (table.grouped.words[dims.word[j]] >> np.uint64(dims.shift[j])) & dims.mask[j]
    return column.domain.decode(column.domain_code[code.astype(np.int64)])


def _comparable(end: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return values in the type of what stands for them; rounding to floats keeps their order."""
    return end if end.type == kind else pc.cast(end, kind, safe=False)

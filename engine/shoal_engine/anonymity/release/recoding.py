"""What each class says in place of its rows' values: the released columns, and what they lose."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shoal_engine.anonymity.hierarchies.labels import interval_labels, set_labels, texts
from shoal_engine.anonymity.release.band_labels import band_labels
from shoal_engine.anonymity.table.dimensions import Dimension
from shoal_engine.anonymity.table.table import Table, codes_of
from shoal_engine.errors import VerificationFailed
from shoal_engine.tables.distinct_columns import distinct_columns
from shoal_engine.tables.grouping import group
from shoal_kernels.tables.class_ranges import class_extents
from shoal_kernels.tables.dimensions import ORDERED, TREE, Dimensions

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ReleasedColumn:
    """One output column of a quasi-identifier, by class.

    Attributes
    ----------
    name : str
    values : pa.Array
        Values that the column may hold.
    index_of_class : (n_classes,) int32
        Every row of class c gets ``values[index_of_class[c]]``.
    """

    name: str
    values: pa.Array
    index_of_class: npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Recoding:
    """From classes to released columns.

    Attributes
    ----------
    columns : tuple of ReleasedColumn
    loss_of_class : (d, n_classes) float64
        Loss of each class in each quasi-identifier, 0 to 1.
    """

    columns: tuple[ReleasedColumn, ...]
    loss_of_class: Floats

    @property
    def names(self) -> list[str]:
        """Return the names of the released columns; equal values in all of them make a class."""
        return [column.name for column in self.columns]

    def alike(self) -> tuple[Ints, Ints]:
        """Return one class of each group of classes that state the same, and the place of each class's group.

        Groups ascend by their values' places, column by column.
        """
        columns = [np.asarray(one.values.dictionary_encode(null_encoding="encode").indices) for one in self.columns]
        stated = [place[one.index_of_class] for place, one in zip(columns, self.columns, strict=True)]
        return distinct_columns(stated)

    def stated(self) -> tuple[list[bytes], Ints]:
        """Return what classes state in their released columns, each once, and the place of each class's among them."""
        texts = [pc.cast(column.values, pa.string()).to_pylist() for column in self.columns]
        places = [column.index_of_class.tolist() for column in self.columns]
        numbers: dict[bytes, int] = {}
        of_class = np.empty(self.loss_of_class.shape[1], np.int64)
        for c, at in enumerate(zip(*places, strict=True)):
            row = json.dumps([text[j] for text, j in zip(texts, at, strict=True)], ensure_ascii=False).encode()
            of_class[c] = numbers.setdefault(row, len(numbers))
        return list(numbers), of_class


@dataclass(frozen=True, slots=True)
class _Extent:
    """Lowest and highest code, and codes as bits, of every class in one dimension."""

    low: Ints
    high: Ints
    bits: npt.NDArray[np.uint64]


def recode(
    space: Sequence[Dimension],
    dims: Dimensions,
    words: npt.NDArray[np.uint64],
    weight: Ints,
    class_of_tuple: Ints,
) -> Recoding:
    """Find what each class says in each quasi-identifier.

    Parameters
    ----------
    space : sequence of Dimension, d of them
    dims : Dimensions
    words : (n_words, n) uint64
    weight : (n,) int64
        Rows of each tuple; weighs the means.
    class_of_tuple : (n,) int64
        Negative where suppressed.
    """
    d, n_classes = dims.kind.size, int(class_of_tuple.max(initial=-1)) + 1
    low = np.empty((d, n_classes), np.int64)
    high = np.empty((d, n_classes), np.int64)
    bits = np.empty((n_classes, int(dims.bit_words.sum())), np.uint64)
    class_extents(dims, words, class_of_tuple, low, high, bits)
    columns: list[ReleasedColumn] = []
    losses = np.empty((d, n_classes))
    for j, column in enumerate(space):
        first = int(dims.bit_start[j])
        extent = _Extent(low[j], high[j], bits[:, first : first + int(dims.bit_words[j])])
        if column.role.output == "mean":
            mean = _class_means(column, dims, j, words, weight, class_of_tuple, extent)
            columns.append(_released(column.name, mean))
            losses[j] = _span_losses(column, dims, j, extent)
        elif column.role.output == "bands":
            shown = np.unique(_codes(dims, words, j)[class_of_tuple >= 0])
            labels, index, losses[j] = band_labels(column, _texts(column), extent.low, extent.high, shown)
            columns.append(ReleasedColumn(column.name, labels, index.astype(np.int32)))
        else:
            released, losses[j] = _RENDER[column.role.output](column, dims, j, extent)
            columns.extend(released)
    return Recoding(tuple(columns), losses)


def _released(name: str, values: pa.Array) -> ReleasedColumn:
    """Return a column given one value a class."""
    encoded = values.dictionary_encode(null_encoding="encode")
    return ReleasedColumn(name, encoded.dictionary, encoded.indices.to_numpy().astype(np.int32))


def _span_losses(column: Dimension, dims: Dimensions, j: int, extent: _Extent) -> Floats:
    """Return the loss of each class in an ORDERED dimension whose output is a value.

    Where nulls generalize, a null in the output also stands for null beside values: it loses everything.
    """
    start = int(dims.start[j])
    position = dims.position[start : start + int(dims.size[j])]
    loss = np.minimum(1.0, position[extent.high] - position[extent.low])
    vague = column.domain.has_null and column.role.nulls == "generalize"
    return np.where(vague & (extent.low == 0), 1.0, loss)


def _values(column: Dimension) -> pa.Array:
    """Return the value of each kernel code; null first where the column holds nulls."""
    values = column.domain.values
    if column.domain.has_null:
        values = pa.concat_arrays([pa.nulls(1, values.type), values])
    return values.take(pa.array(column.domain_code))


def _texts(column: Dimension) -> pa.StringArray:
    """Return the text of each kernel code."""
    return texts(column.domain.values, has_null=column.domain.has_null).take(pa.array(column.domain_code))


def _distinct_spans(extent: _Extent, size: int) -> tuple[Ints, Ints, Ints]:
    """Return the distinct (low, high) pairs and each class's place among them."""
    ends = [extent.low.astype(np.uint32), extent.high.astype(np.uint32)]
    pairs = group(ends, [size, size], n_threads=1)
    assert pairs.tuple_of_row is not None
    return pairs.codes(0).astype(np.int64), pairs.codes(1).astype(np.int64), pairs.tuple_of_row.astype(np.int64)


def _distinct_rows(bits: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.uint64], Ints]:
    """Return the distinct rows of words, ascending, and each row's place among them."""
    if not bits.size:
        return bits, np.zeros(len(bits), np.int64)
    halves = [part for word in bits.T for part in ((word >> np.uint64(32)).astype(np.uint32), word.astype(np.uint32))]
    rows = group(halves, [1 << 32] * len(halves), n_threads=1)
    assert rows.tuple_of_row is not None
    first = np.empty(rows.n_tuples, np.int64)
    first[rows.tuple_of_row] = np.arange(len(bits))
    return bits[first], rows.tuple_of_row.astype(np.int64)


def _label(column: Dimension, dims: Dimensions, j: int, extent: _Extent) -> tuple[list[ReleasedColumn], Floats]:
    """Name each class: an interval, a set, or a node of the hierarchy."""
    size = int(dims.size[j])
    if dims.kind[j] == TREE:
        tree = column.tree
        assert tree is not None
        low, high, inverse = _distinct_spans(extent, size)
        node, at = np.unique(tree.common_node(low, high), return_inverse=True)
        inverse = at[inverse]
        labels = tree.label.take(pa.array(node))
        loss = tree.share[node]
    elif dims.kind[j] == ORDERED:
        low, high, inverse = _distinct_spans(extent, size)
        labels = interval_labels(_texts(column), low, high, has_null=column.domain.has_null)
        start = int(dims.start[j])
        position = dims.position[start : start + size]
        loss = np.minimum(1.0, position[high] - position[low])
    else:
        masks, inverse = _distinct_rows(extent.bits)
        labels, count = set_labels(_texts(column), masks)
        loss = np.where(count > 1, count / size, 0.0)
    return [ReleasedColumn(column.name, labels, inverse.astype(np.int32))], loss[inverse]


def _codes(dims: Dimensions, words: npt.NDArray[np.uint64], j: int) -> Ints:
    """Return the kernel code of each tuple in one dimension."""
    return codes_of(words, dims.word[j], dims.shift[j], dims.mask[j])


def _mixes_null(column: Dimension, extent: _Extent) -> npt.NDArray[np.bool_]:
    """Return which classes hold null and values."""
    return column.domain.has_null & (extent.low == 0) & (extent.high > 0)


def _bounds(column: Dimension, dims: Dimensions, j: int, extent: _Extent) -> tuple[list[ReleasedColumn], Floats]:
    """Give each class its lowest and highest value as two columns; null in both where it holds a null."""
    values = _values(column)
    mixed = pa.array(_mixes_null(column, extent))
    nothing = pa.scalar(None, values.type)
    columns = [
        _released(f"{column.name}_{end}", pc.if_else(mixed, nothing, values.take(pa.array(codes))))
        for end, codes in (("lower", extent.low), ("upper", extent.high))
    ]
    return columns, _span_losses(column, dims, j, extent)


def _center(column: Dimension, dims: Dimensions, j: int, extent: _Extent) -> tuple[list[ReleasedColumn], Floats]:
    """Give each class the middle of its lowest and highest value; null where it holds a null."""
    values = _values(column)
    low, high = values.take(pa.array(extent.low)), values.take(pa.array(extent.high))
    kind = values.type
    if pa.types.is_temporal(kind):
        whole = pa.int32() if kind.bit_width == 32 else pa.int64()
        ends = [pc.fill_null(end.view(whole), 0).to_numpy().astype(np.int64) for end in (low, high)]
        # The floor of the mean, by bits: neither the sum nor the difference of the ends need fit 64.
        floor = (ends[0] & ends[1]) + ((ends[0] ^ ends[1]) >> 1)
        absent = np.asarray(high.is_null())
        middle = pc.cast(pa.array(floor, mask=absent), whole).view(kind)
    else:
        ends = [pc.cast(end, pa.float64(), safe=False).to_numpy(zero_copy_only=False) for end in (low, high)]
        # Halves of the least numbers are 0, which may lie outside.
        middle = pa.array(np.clip(ends[0] / 2 + ends[1] / 2, *ends), from_pandas=True)
    mixed = pa.array(_mixes_null(column, extent))
    center = pc.if_else(mixed, pa.scalar(None, middle.type), middle)
    return [_released(column.name, center)], _span_losses(column, dims, j, extent)


def _class_means(
    column: Dimension,
    dims: Dimensions,
    j: int,
    words: npt.NDArray[np.uint64],
    weight: Ints,
    class_of_tuple: Ints,
    extent: _Extent,
) -> pa.Array:
    """Return the mean value of each class's rows; null where it holds a null."""
    kept = class_of_tuple >= 0
    code = _codes(dims, words, j)[kept]
    number = pc.cast(_values(column), pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    classes, rows, n_classes = class_of_tuple[kept], weight[kept], extent.low.size
    size = np.bincount(classes, weights=rows, minlength=n_classes)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = np.bincount(classes, weights=number[code] * rows, minlength=n_classes) / size
    if not np.isfinite(mean).all():
        # Either a null, or a sum beyond all floats: the sum of shares stays among them.
        shares = np.bincount(classes, weights=number[code] * (rows / size[classes]), minlength=n_classes)
        mean = np.where(np.isfinite(mean), mean, shares)
    # Rounding may leave the class by its last digit.
    mean = np.clip(mean, number[extent.low], number[extent.high])
    return pa.array(mean, mask=np.isnan(mean))


_RENDER: dict[str, Any] = {"label": _label, "bounds": _bounds, "center": _center}


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
    return column.domain.decode(column.domain_code[_codes(dims, table.grouped.words, j)])


def _comparable(end: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return values in the type of what stands for them; rounding to floats keeps their order."""
    return end if end.type == kind else pc.cast(end, kind, safe=False)

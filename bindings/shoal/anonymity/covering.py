"""Classes for tuples that a recoding has not seen: the one of least loss whose labels cover every value."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from shoal.recount.released_table import read_labels
from shoal_engine.anonymity.release.fitted_recoding import FittedRecoding

if TYPE_CHECKING:
    from shoal_engine.anonymity.table.dimensions import Dimension
    from shoal_engine.anonymity.table.table import Table

Ints = npt.NDArray[np.int64]
Bits = npt.NDArray[np.uint64]


def covering_classes(fitted: FittedRecoding, table: "Table", tuples: Ints) -> Ints:
    """Return a class that covers each of some tuples, (n,) int64; -1 where none does.

    Labels are read as anybody reads them, so a class covers a value that did not occur when it was made. Of several
    the one of least loss is taken, and of those the first: the choice depends on nothing but the tuple.

    Parameters
    ----------
    fitted : FittedRecoding
    table : Table
        The table that the tuples are of.
    tuples : (n,) int64
    """
    if not tuples.size or not fitted.n_classes:
        return np.full(tuples.size, -1, np.int64)
    from shoal_kernels.tables.first_common_bit import first_common_bits

    by_loss = np.argsort(fitted.recoding.loss_of_class.sum(axis=0), kind="stable")
    maps: list[Bits] = []
    at = np.empty((tuples.size, len(table.space.dimensions)), np.int64)
    released = iter(fitted.recoding.columns)
    for j, dimension in enumerate(table.space.dimensions):
        parts = [next(released) for _ in range(2 if dimension.role.output == "bounds" else 1)]
        labels = {part.name: pl.Series(part.values).gather(part.index_of_class) for part in parts}
        of_value, own = _maps_of_values(fitted, dimension, pl.DataFrame(labels)[by_loss.tolist()])
        codes = dimension.domain_code[table.grouped.codes(j)[tuples]]
        at[:, j] = np.where(of_value[codes] >= 0, of_value[codes] + sum(len(part) for part in maps), -1)
        maps.append(own)
    bits = np.concatenate(maps)
    first = np.empty(tuples.size, np.int64)
    first_common_bits(bits, _packed(bits != 0), at, first)
    return np.where(first >= 0, by_loss[first], -1)


def _maps_of_values(fitted: FittedRecoding, dimension: "Dimension", labels: pl.DataFrame) -> tuple[Ints, Bits]:
    """Return the map of each value of a column, and maps: the classes whose label covers it. Equal maps are one."""
    names = labels.columns
    distinct = labels.unique(maintain_order=True)
    label_of_class = labels.join(
        distinct.with_row_index("#"), on=names, how="left", nulls_equal=True, maintain_order="left"
    )
    ours, theirs = fitted.domains[dimension.name], dimension.domain
    values = pl.concat([pl.Series(ours.values), pl.Series(theirs.values)]).unique().sort()
    has_null = ours.has_null or theirs.has_null
    domain = pl.concat([pl.Series([None], dtype=values.dtype), values]) if has_null else values
    domain = domain.alias(dimension.name)
    runs = read_labels(distinct, domain, dimension.name, dimension.role, fitted.policy).runs()
    n_places, n_labels = int(runs.place.max(initial=-1)) + 1, distinct.height
    covers = np.zeros((n_places + 1, n_labels), np.int32)
    np.add.at(covers, (runs.low, runs.label), 1)
    np.add.at(covers, (runs.high + 1, runs.label), -1)
    covers = np.cumsum(covers[:-1], axis=0) > 0
    of_class = label_of_class["#"].to_numpy().astype(np.int64)
    of_theirs = runs.place[_places(domain, theirs.values, has_null=has_null, null_first=theirs.has_null)]
    kinds, place = np.unique(_packed(covers[of_theirs]), axis=0, return_inverse=True)
    flags = np.unpackbits(kinds.view(np.uint8), axis=1, bitorder="little")[:, :n_labels].astype(bool)
    return place.reshape(-1).astype(np.int64), _packed(flags[:, of_class])


def _places(domain: pl.Series, values: pa.Array, *, has_null: bool, null_first: bool) -> Ints:
    """Return the places of values in a domain, that of null first where the values have it."""
    known = domain.slice(int(has_null))
    found = known.search_sorted(pl.Series(values).cast(known.dtype)).to_numpy().astype(np.int64) + has_null
    return np.concatenate([np.zeros(int(null_first), np.int64), found])


def _packed(flags: npt.NDArray[np.bool_]) -> Bits:
    """Return rows of flags as words, bit ``i & 63`` of word ``i >> 6``."""
    width = -(-max(1, flags.shape[1]) // 64) * 64
    padded = np.zeros((len(flags), width), np.bool_)
    padded[:, : flags.shape[1]] = flags
    return np.packbits(padded, axis=1, bitorder="little").view(np.uint64)


__all__: Sequence[str] = ["covering_classes"]

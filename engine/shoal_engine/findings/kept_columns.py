"""Kept columns that undo the generalization of a quasi-identifier: measured while its values are still known."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shoal_engine.anonymity.fit import Fit
from shoal_engine.anonymity.table.dimensions import Dimension
from shoal_engine.anonymity.table.table import codes_of
from shoal_engine.finding import Finding, Severity
from shoal_engine.findings.determination import Agreement, Pairs, agreement, agreement_along
from shoal_engine.findings.some_rows import Rows, some_values
from shoal_engine.findings.value_codes import ValueEncoder, has_order
from shoal_engine.tables.columns import Domain
from shoal_engine.tables.grouping import Codes, group
from shoal_engine.tables.tuple_runs import TupleRuns
from shoal_engine.wording import share_text


@dataclass(frozen=True, slots=True)
class KeptColumn:
    """A column that is released with its values.

    Attributes
    ----------
    name : str
    size : int
        Number of codes, at least 1.
    is_ordered : bool
        Values lie on a line.
    has_codes : bool
        Codes are ascending, so that some values may stand for all; codes by place would depend on the order of rows.
    """

    name: str
    size: int
    is_ordered: bool
    has_codes: bool = True

    @classmethod
    def of_domain(cls, name: str, domain: Domain) -> "KeptColumn":
        """Return a column of known values; its codes are those of the domain."""
        return cls(name, max(1, domain.size), has_order(domain.type))


class KeptColumns:
    """A summary of the released rows: pairs of a kept column's code and a tuple, of some rows where there are many.

    Parameters
    ----------
    fit : Fit
    columns : sequence of KeptColumn
    n_threads : int
    folder : Path, optional
        Where pairs are kept until they are counted; in memory unless given.
    """

    def __init__(self, fit: Fit, columns: Sequence[KeptColumn], *, n_threads: int, folder: Path | None = None) -> None:
        self._fit = fit
        self._n_threads = n_threads
        self._n_tuples = fit.table.grouped.n_tuples
        n_rows = int(fit.classes.class_rows.sum())
        self._columns = columns
        self._of_tuples = some_values(n_rows, self._n_tuples)
        self._of_values = [some_values(n_rows, column.size) if column.has_codes else None for column in columns]
        self._of_some = [TupleRuns(folder) for _ in columns]
        self._of_part = [TupleRuns(folder) for _ in columns]

    def observe(self, tuple_of_row: npt.NDArray[np.integer], codes: Sequence[Codes]) -> None:
        """Add released rows: the tuple of each, and its code in each column."""
        some = None if self._of_tuples is None else np.flatnonzero(self._of_tuples[tuple_of_row])
        for place, column in enumerate(codes):
            self._add(self._of_some[place], place, column, tuple_of_row, some)
            wanted = self._of_values[place]
            if wanted is not None:
                self._add(self._of_part[place], place, column, tuple_of_row, np.flatnonzero(wanted[column]))

    def findings(self) -> list[Finding]:
        """Return the findings; the summary is used up."""
        sizes = [column.size for column in self._columns]
        some = [self._pairs(runs, size) for runs, size in zip(self._of_some, sizes, strict=True)]
        part = [
            pairs if wanted is None else self._pairs(runs, size)
            for runs, size, wanted, pairs in zip(self._of_part, sizes, self._of_values, some, strict=True)
        ]
        found: list[Finding] = []
        for number, dimension in enumerate(self._fit.table.space.dimensions):
            if dimension.size < 2:
                continue
            quasi = _Quasi(self._fit, number, dimension)
            for column, by_value, by_tuple in zip(self._columns, part, some, strict=True):
                if column.size > 1:
                    found += _findings(self._fit, column, quasi, by_value, by_tuple)
        return found

    def _add(
        self, runs: TupleRuns, place: int, codes: Codes, tuple_of_row: npt.NDArray[np.integer], rows: Rows | None
    ) -> None:
        """Add the pairs of some rows, None for all."""
        both = [codes, tuple_of_row.astype(np.uint32)]
        if rows is not None:
            both = [one[rows] for one in both]
        if not len(both[0]):
            return
        found = group(both, [self._columns[place].size, self._n_tuples], n_threads=self._n_threads, row_ids=False)
        runs.add([found.codes(0), found.codes(1)], found.weight)

    def _pairs(self, runs: TupleRuns, size: int) -> Pairs:
        """Return the distinct pairs of code and tuple."""
        tables = [np.arange(size), np.arange(self._n_tuples)]
        packing, words, weight = runs.finish(tables, [size, self._n_tuples], n_threads=self._n_threads)
        codes = [
            ((words[packing.word[j]] >> np.uint64(packing.shift[j])) & packing.mask[j]).astype(np.int64) for j in (0, 1)
        ]
        return Pairs(codes[0], codes[1], weight)


class _Quasi:
    """A quasi-identifier before its generalization."""

    def __init__(self, fit: Fit, number: int, dimension: Dimension) -> None:
        self._fit, self._number, self._domain_code = fit, number, dimension.domain_code
        self.name, self.size = dimension.name, dimension.size
        self.is_ordered = dimension.kind != "category" and has_order(dimension.domain.type)
        self.severity: Severity | None = None if _is_generalized(fit, number, dimension) else "note"

    def of(self, pairs: Pairs) -> Pairs:
        """Return the pairs of code and value in place of those of code and tuple."""
        dims, words = self._fit.table.space.arrays, self._fit.table.grouped.words[:, pairs.y]
        codes = codes_of(words, dims.word[self._number], dims.shift[self._number], dims.mask[self._number])
        key, place = np.unique(pairs.x * self.size + self._domain_code[codes], return_inverse=True)
        return Pairs(key // self.size, key % self.size, np.bincount(place, weights=pairs.rows).astype(np.int64))


def determined_quasi_identifiers(fit: Fit, *, n_threads: int) -> list[Finding]:
    """Return, for each quasi-identifier, the kept columns that nearly determine it, or that follow from it.

    The rows are those that are released; quasi-identifiers are compared as they were before their generalization.
    Of insensitive columns both directions count: a column that follows from a quasi-identifier narrows its labels.
    Of sensitive and set-valued columns only the first, as models bind the second. Of more than `ENOUGH_ROWS` rows a
    part is compared: all rows of some values where a column has more than `MANY_VALUES`, else those of some tuples.

    Notes
    -----
    Shares are rounded to whole percent: they reveal something of values that are not released.
    """
    assert fit.table.grouped.tuple_of_row is not None
    tuple_of_row = fit.table.grouped.tuple_of_row
    released = fit.class_of_tuple[tuple_of_row] >= 0
    kept = [*_kept(fit)]
    if not kept:
        return []
    codes = [codes for _, codes in kept]
    if not released.all():
        tuple_of_row, codes = tuple_of_row[released], [one[released] for one in codes]
    summary = KeptColumns(fit, [column for column, _ in kept], n_threads=n_threads)
    summary.observe(tuple_of_row, codes)
    return summary.findings()


def _findings(fit: Fit, column: KeptColumn, quasi: _Quasi, by_value: Pairs, by_tuple: Pairs) -> Iterator[Finding]:
    """Yield the finding of one pair of columns, if there is one."""
    is_ordered = column.is_ordered and quasi.is_ordered
    both_ways = column.name in fit.table.policy.insensitive
    forward = _measured(quasi.of(by_value), is_ordered=is_ordered)
    wanted = forward is None and both_ways
    backward = _measured(quasi.of(by_tuple).swapped, is_ordered=is_ordered) if wanted else None
    kept = f"{column.name} is kept as it is and" if both_ways else f"{column.name} is released with its values and"
    if forward is not None:
        share = round(forward.share, 2)
        text = (
            f"{kept} nearly determines the quasi-identifier {quasi.name}, in {share_text(share)} of the rows compared."
        )
    elif backward is not None:
        share = round(backward.share, 2)
        text = (
            f"{kept} follows from the quasi-identifier {quasi.name}, in {share_text(share)} of the rows compared, "
            "so it narrows the labels."
        )
    else:
        return
    yield Finding(
        code="kept-determines-quasi-identifier",
        severity=quasi.severity or ("high" if forward is not None else "medium"),
        share=share,
        columns=(column.name, quasi.name),
        text=text,
        remedy=f"Whoever reads {column.name} undoes the generalization of {quasi.name}: drop {column.name}, or make it "
        "a quasi-identifier.",
    )


def _measured(pairs: Pairs, *, is_ordered: bool) -> Agreement | None:
    """Return how far x determines y if it nearly does, by its values or along the order of both."""
    found = agreement(pairs)
    if found.nearly_determined:
        return found
    found = agreement_along(pairs) if is_ordered else None
    return found if found is not None and found.nearly_determined else None


def _kept(fit: Fit) -> Iterator[tuple[KeptColumn, Codes]]:
    """Yield the columns that are released with their values, with the codes of all rows."""
    table = fit.table
    for name, array in table.carried.items():
        yield _encoded(name, array)
    for name in table.policy.sensitive:
        domain, codes = table.coded[name]
        yield KeptColumn.of_domain(name, domain), codes
    for name, items in fit.items.items():
        yield _encoded(name, items.lists(table.sets[name]))


def _encoded(name: str, array: pa.Array) -> tuple[KeptColumn, Codes]:
    """Return a column of any type."""
    encoder = ValueEncoder(name)
    codes = encoder.observe(array)
    column, final = kept_column(name, encoder, array.type)
    return column, codes if final is None else final[codes]


def kept_column(
    name: str, encoder: ValueEncoder, kind: pa.DataType
) -> tuple[KeptColumn, npt.NDArray[np.uint32] | None]:
    """Return a column whose values were all seen, and the ascending code of each code, if values have an order."""
    final = encoder.ascending()
    is_ordered = final is not None and has_order(kind)
    return KeptColumn(name, max(1, encoder.n_codes), is_ordered, has_codes=final is not None), final


def _is_generalized(fit: Fit, number: int, dimension: Dimension) -> bool:
    """Return whether some released row states less of a quasi-identifier than its value."""
    classes = fit.classes
    loss = np.asarray(classes.recoding.loss_of_class[number])
    return dimension.role.transform is not None or bool((loss[classes.class_rows > 0] > 0).any())

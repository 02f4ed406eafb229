"""Kept columns that undo the generalization of a quasi-identifier: measured while its values are still known."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shoal_engine.anonymity.fit import Fit
from shoal_engine.anonymity.table.dimensions import Dimension
from shoal_engine.anonymity.table.table import codes_of
from shoal_engine.finding import Finding, Severity
from shoal_engine.findings.determination import Agreement, Pairs, agreement, agreement_along
from shoal_engine.findings.some_rows import Rows, some_rows
from shoal_engine.findings.value_codes import ValueEncoder, has_order
from shoal_engine.tables.grouping import Codes, group
from shoal_engine.wording import share_text


@dataclass(frozen=True, slots=True)
class _Column:
    """A column as ascending codes of the released rows; `part` are the rows of some of its values, None for all."""

    name: str
    codes: Codes
    size: int
    is_ordered: bool
    part: Rows | None


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
    rows = None if released.all() else np.flatnonzero(released)
    kept = [*_kept(fit, rows)]
    if not kept:
        return []
    if rows is not None:
        tuple_of_row = tuple_of_row[rows]
    some = some_rows(tuple_of_row, fit.table.grouped.n_tuples)
    found: list[Finding] = []
    for number, dimension in enumerate(fit.table.space.dimensions):
        quasi = _quasi_identifier(fit, number, dimension, tuple_of_row)
        severity: Severity | None = None if _is_generalized(fit, number, dimension) else "note"
        if quasi.size < 2:
            continue
        for column in kept:
            if column.size > 1:
                both_ways = column.name in fit.table.policy.insensitive
                found += _findings(column, quasi, some, severity, both_ways=both_ways, n_threads=n_threads)
    return found


def _findings(
    column: _Column,
    quasi: _Column,
    some: Rows | None,
    severity: Severity | None,
    *,
    both_ways: bool,
    n_threads: int,
) -> Iterator[Finding]:
    """Yield the finding of one pair of columns, if there is one."""
    is_ordered = column.is_ordered and quasi.is_ordered
    forward = _measured(column, quasi, some, n_threads, is_ordered=is_ordered)
    wanted = forward is None and both_ways
    backward = _measured(quasi, column, some, n_threads, is_ordered=is_ordered) if wanted else None
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
        severity=severity or ("high" if forward is not None else "medium"),
        share=share,
        columns=(column.name, quasi.name),
        text=text,
        remedy=f"Whoever reads {column.name} undoes the generalization of {quasi.name}: drop {column.name}, or make it "
        "a quasi-identifier.",
    )


def _measured(
    left: _Column, right: _Column, some: Rows | None, n_threads: int, *, is_ordered: bool
) -> Agreement | None:
    """Return how far `left` determines `right` if it nearly does, by its values or along the order of both."""
    pairs = _pairs(left, right, some, n_threads)
    found = agreement(pairs)
    if found.nearly_determined:
        return found
    found = agreement_along(pairs) if is_ordered else None
    return found if found is not None and found.nearly_determined else None


def _pairs(left: _Column, right: _Column, some: Rows | None, n_threads: int) -> Pairs:
    """Return the distinct pairs of values, of some rows where there is no part of the values of `left`."""
    part = some if left.part is None else left.part
    codes = [left.codes, right.codes] if part is None else [left.codes[part], right.codes[part]]
    grouped = group(codes, [left.size, right.size], n_threads=n_threads, row_ids=False)
    return Pairs(grouped.codes(0).astype(np.int64), grouped.codes(1).astype(np.int64), grouped.weight)


def _kept(fit: Fit, rows: Rows | None) -> Iterator[_Column]:
    """Yield the columns that are released with their values."""
    table = fit.table
    for name, array in table.carried.items():
        yield _encoded(name, array, rows)
    for name in table.policy.sensitive:
        domain, codes = table.coded[name]
        yield _column(name, codes, domain.size, rows, is_ordered=has_order(domain.type))
    for name, items in fit.items.items():
        yield _encoded(name, items.lists(table.sets[name]), rows)


def _encoded(name: str, array: pa.Array, rows: Rows | None) -> _Column:
    """Return a column of any type."""
    encoder = ValueEncoder(name)
    codes = encoder.observe(array)
    final = encoder.ascending()
    if final is None:
        # Values without an order have codes by place; a part of them would depend on the order of rows.
        return _Column(
            name, codes if rows is None else codes[rows], max(1, encoder.n_codes), is_ordered=False, part=None
        )
    return _column(name, final[codes], encoder.n_codes, rows, is_ordered=has_order(array.type))


def _quasi_identifier(fit: Fit, number: int, dimension: Dimension, tuple_of_row: npt.NDArray[np.uint32]) -> _Column:
    """Return a quasi-identifier before its generalization."""
    dims = fit.table.space.arrays
    codes = codes_of(fit.table.grouped.words, dims.word[number], dims.shift[number], dims.mask[number])
    ascending = dimension.domain_code[codes].astype(np.uint32)[tuple_of_row]
    is_ordered = dimension.kind != "category" and has_order(dimension.domain.type)
    return _column(dimension.name, ascending, dimension.size, None, is_ordered=is_ordered)


def _column(name: str, codes: Codes, size: int, rows: Rows | None, *, is_ordered: bool) -> _Column:
    """Return a column of ascending codes, with the rows of a part of its values where there are many."""
    if rows is not None:
        codes = codes[rows]
    return _Column(name, codes, max(1, size), is_ordered, some_rows(codes, size))


def _is_generalized(fit: Fit, number: int, dimension: Dimension) -> bool:
    """Return whether some released row states less of a quasi-identifier than its value."""
    classes = fit.classes
    loss = np.asarray(classes.recoding.loss_of_class[number])
    return dimension.role.transform is not None or bool((loss[classes.class_rows > 0] > 0).any())

"""Utility of a release: every measure of utility, by column where there is one, as one list.

``ncp``
    Share of its column's domain that a row's label covers, mean over rows, 1 for a suppressed row (Xu et al. 2006,
    section 3); over all columns their mean, the global certainty penalty (Ghinita et al. 2007, section 3).
``precision``
    1 - mean of level / height, 0 for a suppressed row (Sweeney 2002b, section 3.1); of columns with a hierarchy.
``non_uniform_entropy``
    Bits that identify a value among those that its label allows, summed over rows (Gionis, Tassa 2009, section 3);
    a suppressed row's label allows everything.
``discernibility``, ``discernibility_even``, ``average_class_size``, ``ambiguity``, ``divergence``
    As in `shoal_engine.anonymity.methods.full_domain.objectives`, the suppressed rows being one class.
``mean_squared_error``, ``il1s``, ``correlation_loss``, ``eigenvalue_difference``
    Of columns of numbers, over released rows, a label being the middle of the numbers of the table that it allows;
    see `numeric_utility`.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shoal_engine.anonymity.fit import Fit
from shoal_engine.anonymity.table.dimensions import Dimension, Space
from shoal_engine.anonymity.table.table import codes_of
from shoal_engine.transforming.standardizing import sample_deviation
from shoal_kernels.tables.class_ranges import class_extents
from shoal_kernels.tables.dimensions import SET, TREE

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]

_LARGE, _UNIT = 2.0**900, 2.0**200
"""From where on sums of as many rows as memory holds might overflow, and the unit that keeps them from it."""


@dataclass(frozen=True, slots=True, eq=False)
class Coverage:
    """The labels of n_classes classes in one quasi-identifier.

    Attributes
    ----------
    leaves : (n_classes,) int64
        Values that the label allows: leaves of the hierarchy, or values of the table if there is no hierarchy.
    total_leaves : int
        Values that ``*`` allows.
    rows : (n_classes,) int64
        Rows of the table whose value the label allows.
    height : (n_classes,) float64
        Level of the label / level of the root; NaN where there is no hierarchy.
    low, high : (n_classes,) int64
        Lowest and highest kernel code that the label allows.
    """

    leaves: Ints
    total_leaves: int
    rows: Ints
    height: Floats
    low: Ints
    high: Ints


def coverage_of(
    space: Space,
    words: npt.NDArray[np.uint64],
    class_of_tuple: Ints,
    leaf_rows: list[Ints],
    levels_of_class: Ints | None,
) -> list[Coverage]:
    """Return what labels cover, for each quasi-identifier.

    Parameters
    ----------
    space : Space, d dimensions
    words : (n_words, n) uint64
    class_of_tuple : (n,) int64
        Negative where suppressed; numbered from 0 without gaps.
    leaf_rows : d vectors of int64
        Rows of the table with each kernel code.
    levels_of_class : (n_classes, d) int64, or None
        Levels that labels were moved to; without them a label is the least that covers its class.
    """
    dims, d = space.arrays, len(space.dimensions)
    n_classes = int(class_of_tuple.max(initial=-1)) + 1
    low, high = np.empty((d, n_classes), np.int64), np.empty((d, n_classes), np.int64)
    bits = np.empty((n_classes, int(dims.bit_words.sum())), np.uint64)
    class_extents(dims, words, class_of_tuple, low, high, bits)
    covered: list[Coverage] = []
    for j, dimension in enumerate(space.dimensions):
        level = None if levels_of_class is None else levels_of_class[:, j]
        if dims.kind[j] == TREE:
            covered.append(_of_nodes(dimension, low[j], high[j], leaf_rows[j], level))
        elif level is None and dims.kind[j] == SET:
            first = int(dims.bit_start[j])
            mine = bits[:, first : first + int(dims.bit_words[j])]
            covered.append(_of_sets(dimension, mine, low[j], high[j], leaf_rows[j]))
        else:
            covered.append(_of_ranges(dimension, low[j], high[j], leaf_rows[j], level))
    return covered


def _of_nodes(dimension: Dimension, low: Ints, high: Ints, leaf_rows: Ints, level: Ints | None) -> Coverage:
    """Return the coverage of nodes of a hierarchy; the leaves under a node are adjacent."""
    tree = dimension.tree
    assert tree is not None
    if level is None:
        level = np.zeros(low.size, np.int64)
        apart = tree.ancestor[0, low] != tree.ancestor[0, high]
        while apart.any():
            level[apart] += 1
            apart = tree.ancestor[level, low] != tree.ancestor[level, high]
    node = tree.ancestor[level, low]
    first, last = tree.ends()
    begin, end = first[node], last[node]
    leaves = tree.leaves[node]
    if dimension.domain.has_null and dimension.role.nulls == "apart":
        # At the root null stays itself, and the root does not allow null.
        null = low == 0
        begin, end = np.where(null, 0, np.maximum(begin, 1)), np.where(null, 0, end)
        leaves = np.where(null, 1, leaves)
    height = level / max(1, tree.n_levels - 1)
    return Coverage(leaves, tree.total_leaves, _between(leaf_rows, begin, end), height, begin, end)


def _of_ranges(dimension: Dimension, low: Ints, high: Ints, leaf_rows: Ints, level: Ints | None) -> Coverage:
    """Return the coverage of ranges of codes; a range that mixes null with values, and level 1, allow all."""
    apart = dimension.domain.has_null and dimension.role.nulls == "apart"
    everything = (low == 0) & (high > 0) & dimension.domain.has_null & (not apart)
    if level is not None:
        everything = (level > 0) & ~((low == 0) & apart)
    begin = np.where(everything, int(apart), low)
    end = np.where(everything, dimension.size - 1, high)
    nothing = np.full(low.size, np.nan)
    return Coverage(end - begin + 1, dimension.size, _between(leaf_rows, begin, end), nothing, begin, end)


def _of_sets(dimension: Dimension, bits: npt.NDArray[np.uint64], low: Ints, high: Ints, leaf_rows: Ints) -> Coverage:
    """Return the coverage of sets of codes."""
    little = np.ascontiguousarray(bits.astype("<u8")).view(np.uint8).reshape(bits.shape[0], -1)
    present = np.unpackbits(little, axis=1, bitorder="little")[:, : dimension.size]
    rows = present.astype(np.int64) @ leaf_rows
    nothing = np.full(low.size, np.nan)
    return Coverage(present.sum(axis=1, dtype=np.int64), dimension.size, rows, nothing, low, high)


def _between(leaf_rows: Ints, begin: Ints, end: Ints) -> Ints:
    """Return the rows with codes from `begin` to `end`."""
    total = np.concatenate([[0], np.cumsum(leaf_rows)])
    return total[end + 1] - total[begin]


class Measure(NamedTuple):
    """One figure, of a column or (None) of all columns together."""

    measure: str
    column: str | None
    value: float


def numeric_utility(names: Sequence[str], original: Matrix, released: Matrix) -> list[Measure]:
    """Measure the information loss of numeric columns; 0 is without loss in every measure.

    A row counts for a column where both tables have a number, and for correlations where it has all. Without
    such rows a figure is NaN.

    mean_squared_error
        Mean of (x - x')**2, by column, in its own unit, and over all columns their mean; infinite where that is
        beyond a float.
    il1s
        Mean of ``|x - x'| / (sqrt(2) S)``, S the deviation (divisor n - 1) of the original column; by column, and
        over all columns their mean (Yancey, Winkler, Creecy 2002, section 3.4). sdcMicro's dUtility sums over rows
        and columns instead: that is the overall figure times n d. A constant column gives 0 where nothing
        changed, else infinity.
    correlation_loss
        Mean absolute difference of the correlations of two columns, by column over all others, and over all pairs
        (mean absolute error of the correlation matrix). A constant column correlates 0 with others. NaN for a
        single column.
    eigenvalue_difference
        Sum of ``|e - e'| / e`` over the eigenvalues, descending, of the correlation matrices (sdcMicro's
        dUtility, method eigen). An eigenvalue of 0 in both gives 0, in the original alone infinity.

    Parameters
    ----------
    names : sequence of str, d of them
    original, released : (n, d) float64
        Row i of one belongs to row i of the other; NaN for missing values.

    Returns
    -------
    list of Measure
    """
    with np.errstate(over="ignore"):
        squares = [np.square(_differences(original[:, j], released[:, j])) for j in range(len(names))]
    rows = [Measure("mean_squared_error", name, _mean(values)) for name, values in zip(names, squares, strict=True)]
    rows.append(Measure("mean_squared_error", None, _mean(np.array([row.value for row in rows]))))
    # Neither follows the unit.
    original, released = _without_overflow(original, released)
    scaled = [_il1s(original[:, j], released[:, j]) for j in range(len(names))]
    rows += [Measure("il1s", name, value) for name, value in zip(names, scaled, strict=True)]
    rows.append(Measure("il1s", None, _mean(np.array(scaled))))
    complete = ~(np.isnan(original) | np.isnan(released)).any(axis=1)
    first, then = (_correlations(matrix[complete]) for matrix in (original, released))
    gaps = np.abs(first - then)
    others = ~np.eye(len(names), dtype=bool)
    rows += [Measure("correlation_loss", name, _mean(gaps[j, others[j]])) for j, name in enumerate(names)]
    rows.append(Measure("correlation_loss", None, _mean(gaps[others])))
    rows.append(Measure("eigenvalue_difference", None, _eigenvalue_difference(first, then)))
    return rows


def _without_overflow(original: Matrix, released: Matrix) -> tuple[Matrix, Matrix]:
    """Return columns in a larger unit, a power of two, where their sums would be beyond a float."""
    reach = np.nanmax(np.vstack([np.zeros((1, original.shape[1])), np.abs(original), np.abs(released)]), axis=0)
    unit = np.where(reach > _LARGE, _UNIT, 1.0)
    return original / unit, released / unit


def _differences(original: Matrix, released: Matrix) -> Matrix:
    """Return differences where both are numbers."""
    differences = original - released
    return differences[~np.isnan(differences)]


def _mean(values: Matrix) -> float:
    """Return the mean, NaN of nothing."""
    return float(values.mean()) if values.size else float("nan")


def _il1s(original: Matrix, released: Matrix) -> float:
    """Return the mean scaled difference of one column."""
    mean = _mean(np.abs(_differences(original, released)))
    present = original[~np.isnan(original)]
    if mean == 0 or np.isnan(mean):
        return mean
    deviation = sample_deviation(present)
    return mean / (np.sqrt(2) * deviation) if deviation else float("inf")


def _correlations(matrix: Matrix) -> Matrix:
    """Return the correlations of columns, 1 on the diagonal, 0 with a constant column; NaN without rows."""
    if not len(matrix):
        return np.full((matrix.shape[1], matrix.shape[1]), np.nan)
    constant = matrix.min(axis=0) == matrix.max(axis=0)
    centered = np.where(constant, 0.0, matrix - matrix.mean(axis=0))
    # Scaled first, so that no square overflows or vanishes.
    reach = np.abs(centered).max(axis=0)
    unit = centered / np.where(reach > 0, reach, 1.0)
    unit /= np.sqrt(np.maximum(np.square(unit).sum(axis=0), 1.0))
    found = unit.T @ unit
    np.fill_diagonal(found, 1.0)
    return found


def _eigenvalue_difference(first: Matrix, then: Matrix) -> float:
    """Return the sum of relative differences of eigenvalues, both descending."""
    if np.isnan(first).any() or np.isnan(then).any():
        return float("nan")
    # Below this an eigenvalue of a correlation matrix is 0 in rounding.
    least = len(first) * len(first) * np.finfo(np.float64).eps
    before, after = (np.linalg.eigvalsh(matrix)[::-1] for matrix in (first, then))
    before, after = (np.where(values < least, 0.0, values) for values in (before, after))
    if (after[before == 0] > 0).any():
        return float("inf")
    kept = before > 0
    return float((np.abs(before - after)[kept] / before[kept]).sum())


def released_utility(fit: Fit) -> list[Measure]:
    """Measure the utility of a release against its own table."""
    space, grouped = fit.table.space, fit.table.grouped
    dims = space.arrays
    codes = [codes_of(grouped.words, dims.word[j], dims.shift[j], dims.mask[j]) for j in range(len(space.dimensions))]
    leaf_rows = [
        np.bincount(code, weights=grouped.weight, minlength=one.size).astype(np.int64)
        for code, one in zip(codes, space.dimensions, strict=True)
    ]
    covered = coverage_of(space, grouped.words, fit.class_of_tuple, leaf_rows, fit.levels_of_class)
    names = space.names
    measures = list(_by_column(names, covered, leaf_rows, fit))
    measures += _by_class(covered, fit)
    numbers = [j for j, one in enumerate(space.dimensions) if one.kind == "number"]
    if numbers and (fit.class_of_tuple >= 0).any():
        measures += _of_numbers(
            [space.dimensions[j] for j in numbers], [codes[j] for j in numbers], [covered[j] for j in numbers], fit
        )
    return measures


def _by_column(names: list[str], covered: list[Coverage], leaf_rows: list[Ints], fit: Fit) -> Iterator[Measure]:
    """Yield the measures of single columns, and what they come to together."""
    rows, gone = fit.table.n_rows, fit.classes.suppressed_rows
    class_rows = fit.classes.class_rows
    ncp = [(float(loss @ class_rows) + gone) / rows for loss in fit.classes.recoding.loss_of_class]
    yield from _told("ncp", names, ncp, float(np.mean(ncp)))
    tall = [j for j, one in enumerate(covered) if not np.isnan(one.height).any()]
    precision = [1.0 - (float(covered[j].height @ class_rows) + gone) / rows for j in tall]
    if tall:
        yield from _told("precision", [names[j] for j in tall], precision, float(np.mean(precision)))
    bits = [
        float(class_rows @ np.log2(one.rows)) + gone * math.log2(rows) - float(here @ np.log2(np.maximum(here, 1)))
        for one, here in zip(covered, leaf_rows, strict=True)
    ]
    yield from _told("non_uniform_entropy", names, bits, sum(bits))


def _told(measure: str, names: list[str], values: list[float], together: float) -> Iterator[Measure]:
    """Yield a measure column by column, then over all."""
    for name, value in zip(names, values, strict=True):
        yield Measure(measure, name, value)
    yield Measure(measure, None, together)


def _by_class(covered: list[Coverage], fit: Fit) -> Iterator[Measure]:
    """Yield the measures of classes."""
    rows, gone = fit.table.n_rows, fit.classes.suppressed_rows
    size = fit.classes.class_rows.astype(np.float64)
    squares = float(size @ size)
    yield Measure("discernibility", None, squares + float(gone) * rows)
    yield Measure("discernibility_even", None, squares + float(gone) * gone)
    yield Measure("average_class_size", None, rows / max(1, size.size + (gone > 0)))
    area = np.sum([np.log(one.leaves) for one in covered], axis=0)
    everything = sum(math.log(one.total_leaves) for one in covered)
    yield Measure("ambiguity", None, (float(size @ np.exp(area)) + gone * math.exp(everything)) / rows)
    share = _distinct_weights(fit) / rows
    divergence = float((share * np.log(share)).sum()) - float(size @ (np.log(size / rows) - area)) / rows
    if gone:
        divergence -= gone / rows * (math.log(gone / rows) - everything)
    yield Measure("divergence", None, divergence)


def _distinct_weights(fit: Fit) -> Ints:
    """Return the rows of each distinct tuple; a method that parts equal rows has several of the same."""
    words, weight = fit.table.grouped.words, fit.table.grouped.weight
    first = np.concatenate([[True], (words[:, 1:] != words[:, :-1]).any(axis=0)])
    return np.add.reduceat(weight, np.flatnonzero(first))


def _of_numbers(dimensions: list[Dimension], codes: list[Ints], covered: list[Coverage], fit: Fit) -> list[Measure]:
    """Return the measures of columns of numbers."""
    kept = np.flatnonzero(fit.class_of_tuple >= 0)
    classes = fit.class_of_tuple[kept]
    tuples = np.repeat(np.arange(kept.size), fit.table.grouped.weight[kept])
    original, middle = np.empty((tuples.size, len(codes))), np.empty((tuples.size, len(codes)))
    for j, (dimension, code, one) in enumerate(zip(dimensions, codes, covered, strict=True)):
        number = _numbers(dimension)
        low, high = _extremes(number, one)
        original[:, j] = number[code[kept]][tuples]
        middle[:, j] = np.clip(low / 2 + high / 2, low, high)[classes][tuples]
    return numeric_utility([dimension.name for dimension in dimensions], original, middle)


def _numbers(dimension: Dimension) -> Floats:
    """Return the number of each kernel code, NaN for null."""
    values = pc.cast(dimension.domain.values, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    if dimension.domain.has_null:
        values = np.concatenate([[np.nan], values])
    return values[dimension.domain_code]


def _extremes(number: Floats, covered: Coverage) -> tuple[Floats, Floats]:
    """Return the lowest and highest number that each label allows; NaN where it allows null alone."""
    spans, inverse = np.unique(np.stack([covered.low, covered.high]), axis=1, return_inverse=True)
    known = [number[low : high + 1][~np.isnan(number[low : high + 1])] for low, high in spans.T]
    low = np.array([part.min() if part.size else np.nan for part in known])
    high = np.array([part.max() if part.size else np.nan for part in known])
    return low[inverse.reshape(-1)], high[inverse.reshape(-1)]

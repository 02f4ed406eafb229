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
    see `shoal_engine.utility.numeric`.
"""

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shoal_engine.anonymity.fit import Fit
from shoal_engine.anonymity.table.dimensions import Dimension
from shoal_engine.anonymity.table.tuples import codes_of
from shoal_engine.utility.coverage import Coverage, coverage_of
from shoal_engine.utility.numeric import Measure, numeric_utility

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


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

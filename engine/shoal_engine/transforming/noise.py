"""Normal noise on numbers, independent or with the correlations of the columns."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from shoal_engine.randomness.secure_source import Uint64Source, normals
from shoal_engine.transforming.coded_columns import CodedColumn, replace_numbers, row_numbers
from shoal_engine.transforming.specs import Noise
from shoal_engine.transforming.standardizing import center_and_deviation, sample_deviation, standardized

Matrix = npt.NDArray[np.float64]


def add_noise(columns: Sequence[CodedColumn], spec: Noise, source: Uint64Source) -> list[CodedColumn]:
    """Add normal noise to columns; a null stays null.

    Numbers become floating-point; dates stay dates, rounded down.

    additive: variances are a share of the columns' own, as sdcMicro's additive with noise = 100 sqrt(variance).
    correlated: the covariance is that share of the columns' covariance among complete rows, as sdcMicro's
    correlated with noise = 100 variance. With `preserve`, x becomes mean + (x - mean + noise) / sqrt(1 + variance).
    A constant column gets no noise. The noise is no differential privacy: doubles are not drawn for that.

    Raises
    ------
    ColumnError
        A column is not of numbers or dates, or holds numbers that are not finite or too far apart.

    References
    ----------
    Kim (1986), A method for limiting disclosure in microdata based on random noise and transformation,
    Proceedings of the Section on Survey Research Methods, American Statistical Association.
    """
    matrix = np.column_stack([row_numbers(column, "noise", dates=True) for column in columns])
    noise = normals(matrix.shape, source)
    present = ~np.isnan(matrix)
    if spec.method == "correlated":
        noise = noise @ _root(standardized(matrix[present.all(axis=1)]))
    result = matrix.copy()
    for j in range(len(columns)):
        rows = present[:, j]
        numbers = matrix[rows, j]
        if not numbers.size or not sample_deviation(numbers):
            continue
        added = noise[rows, j] * (sample_deviation(numbers) * np.sqrt(spec.variance))
        if spec.preserve:
            mean, _ = center_and_deviation(numbers)
            result[rows, j] = mean + (numbers - mean + added) / np.sqrt(1 + spec.variance)
        else:
            result[rows, j] = numbers + added
    return [replace_numbers(column, result[:, j]) for j, column in enumerate(columns)]


def _root(standard: Matrix) -> Matrix:
    """Return a square matrix whose square is the correlation of standardized columns."""
    correlation = standard.T @ standard / max(1, len(standard))
    # A constant column correlates with nothing.
    np.fill_diagonal(correlation, 1.0)
    values, vectors = np.linalg.eigh(correlation)
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T

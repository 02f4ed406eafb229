"""Errors of answers that are estimated from a release, and their summary."""

from dataclasses import dataclass

import numpy as np

from shoal_engine.utility.memberships import Floats


@dataclass(frozen=True, slots=True)
class ErrorSummary:
    """Errors of several answers.

    Attributes
    ----------
    answers : int
    median, mean, at_95 : float
        Median, mean and 95th percentile of the errors; NaN without answers.
    """

    answers: int
    median: float
    mean: float
    at_95: float


def relative_errors(estimated: Floats, true: Floats, *, least: float | Floats) -> Floats:
    """Return ``|estimated - true| / max(|true|, least)``.

    Parameters
    ----------
    estimated, true : (n,) float64
    least : float, or (n,) float64
        Sanity bound, above 0: errors of smaller answers are divided by it.

    Examples
    --------
    >>> relative_errors(np.array([90.0, 3.0]), np.array([100.0, 1.0]), least=10.0).tolist()
    [0.1, 0.2]
    """
    return np.abs(estimated - true) / np.maximum(np.abs(true), least)


def summarize(errors: Floats) -> ErrorSummary:
    """Return the summary of errors.

    Examples
    --------
    >>> summarize(np.array([0.0, 0.1, 0.5])).median
    0.1
    """
    if not errors.size:
        return ErrorSummary(0, float("nan"), float("nan"), float("nan"))
    median, high = np.quantile(errors, [0.5, 0.95])
    return ErrorSummary(errors.size, float(median), float(errors.mean()), float(high))


def total_variation(one: Floats, other: Floats) -> float:
    """Return half the sum of absolute differences of two tables of counts, each as shares of its total.

    Examples
    --------
    >>> total_variation(np.array([[1.0, 1.0]]), np.array([[3.0, 1.0]]))
    0.25
    """
    return float(np.abs(one / one.sum() - other / other.sum()).sum() / 2)

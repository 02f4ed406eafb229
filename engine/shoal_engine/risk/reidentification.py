"""Re-identification risk: three attackers on classes of known sizes, and the risk of a record of a sample.

References
----------
El Emam, K., Dankar, F. K. (2008), Protecting privacy using k-anonymity, JAMIA 15(5): prosecutor and journalist.
El Emam, K. (2013), Guide to the de-identification of personal health information, chapter 16: the figures.
"""

import numpy as np
import numpy.typing as npt
from msgspec import Struct

Vector = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]

_LARGE = 50
_TERMS = 20
"""The term after these is below 1e-17 for classes of `_LARGE` rows."""


class AttackerRisk(Struct, frozen=True, kw_only=True):
    """Probability to find a record, over all records.

    Attributes
    ----------
    highest, average, lowest : float
    above_threshold : float
        Share of the records whose probability is above the threshold.
    """

    highest: float
    average: float
    lowest: float
    above_threshold: float


def prosecutor_risk(size: Vector, threshold: float) -> AttackerRisk:
    """Return the risk from somebody who knows that a person is in the table: 1 / rows of the class.

    Parameters
    ----------
    size : (n,) int64, at least 1
        Rows of each class.
    threshold : float

    Examples
    --------
    >>> prosecutor_risk(np.array([1, 3]), 0.5)
    AttackerRisk(highest=1.0, average=0.5, lowest=0.3333333333333333, above_threshold=0.25)
    """
    return _over_records(size, 1.0 / size, threshold, average=size.size / int(size.sum()))


def journalist_risk(size: Vector, people: Shares, probability: Shares, threshold: float) -> AttackerRisk:
    """Return the risk from somebody who knows a person of the population.

    Parameters
    ----------
    size : (n,) int64, at least 1
        Rows of each class.
    people : (n,) float64
        People of the population in the class, counted or expected.
    probability : (n,) float64
        One over the number of people, or its expectation.
    threshold : float

    Notes
    -----
    The average is the larger of classes over people (finding a person of the population in the table) and the
    mean probability of the records (finding a record's person in the population).
    """
    average = max(size.size / float(people.sum()), marketer_risk(size, probability))
    return _over_records(size, probability, threshold, average=average)


def marketer_risk(size: Vector, probability: Shares) -> float:
    """Return the share of records that somebody who links all of them can expect to link correctly."""
    return float(size @ probability) / int(size.sum())


def _over_records(size: Vector, probability: Shares, threshold: float, *, average: float) -> AttackerRisk:
    """Summarize the probabilities of all records."""
    above = int(size[probability > threshold].sum()) / int(size.sum())
    return AttackerRisk(
        highest=float(probability.max()), average=average, lowest=float(probability.min()), above_threshold=above
    )


def expected_probability(size: Vector, fraction: Shares) -> Shares:
    """Return the expectation of 1 / F for classes of f rows that stand for an unknown number F of people.

    Parameters
    ----------
    size : (n,) int64, at least 1
        Rows of each class, f.
    fraction : (n,) float64, above 0, at most 1
        Probability p with which people of the class were sampled: f over the sum of its weights, or the sampling
        fraction.

    Returns
    -------
    (n,) float64
        In (0, 1/f].

    Notes
    -----
    Given f, F - f is negative binomial with parameters f and p, so that E[1/F] = p^f/f · ₂F₁(f, f; f+1; 1-p), which
    Euler's transformation turns into p/f · ₂F₁(1, 1; f+1; 1-p): no power under- or overflows. sdcMicro approximates it
    for classes of more than a few rows; here it is exact.

    References
    ----------
    Benedetti, R., Franconi, L. (1998), Statistical and technological solutions for controlled data dissemination.
    Franconi, L., Polettini, S. (2004), Individual risk estimation in μ-Argus: a review, LNCS 3050, section 3.

    Examples
    --------
    >>> expected_probability(np.array([1, 2, 2]), np.array([0.5, 0.5, 1.0])).round(4).tolist()
    [0.6931, 0.3069, 0.5]
    """
    from scipy.special import hyp2f1

    f, missed = size.astype(np.float64), 1.0 - fraction
    # The library's function fails for parameters of thousands, where few terms of its series are enough.
    series = np.ones(size.size)
    for k in range(_TERMS, 0, -1):
        series = 1.0 + series * missed * k / (f + k)
    large = size >= _LARGE
    return fraction / f * np.where(large, series, hyp2f1(1.0, 1.0, np.minimum(f, _LARGE) + 1.0, missed))

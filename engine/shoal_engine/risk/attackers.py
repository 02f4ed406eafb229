"""Three attackers: who looks for one known member, for one member of a population, and for as many as possible.

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

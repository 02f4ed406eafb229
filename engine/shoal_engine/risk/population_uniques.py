"""Population uniques: how many people are unique not only in a sample but in the population it was drawn from."""

import math
from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from shoal_engine.errors import PolicyError
from shoal_engine.risk.superpopulation_models import pitman, slide_negative_binomial

Vector = npt.NDArray[np.int64]
Estimator: TypeAlias = Literal["pitman", "zayatz", "snb", "dankar"]

ESTIMATORS: tuple[Estimator, ...] = ("pitman", "zayatz", "snb", "dankar")
SMALL_FRACTION = 0.1
"""Sampling fraction up to which Dankar et al. trust Pitman's formula."""


def zayatz(size: Vector, count: Vector, population: float) -> float:
    """Estimate how many classes of the population hold one person.

    Parameters
    ----------
    size : (m,) int64, ascending, at least 1
        The class sizes that occur in the sample.
    count : (m,) int64, at least 1
        Classes of each size; some class holds one row.
    population : float
        People in the population, at least the rows of the sample.

    Returns
    -------
    float
        s_1 · P(alone in the population | alone in the sample) / f.

    Notes
    -----
    The share of population classes of size i is taken to be the sample's, s_i / u, and a class of i people gives
    one row to a sample of n out of N with the hypergeometric probability h_i; Bayes' rule then gives
    (s_1 h_1) / Σ_i s_i h_i.

    References
    ----------
    Zayatz, L. V. (1991), Estimation of the percent of unique population elements on a microdata file using the
    sample, Statistical Research Division Report 91/08, U.S. Bureau of the Census.
    """
    rows = int(size @ count)
    alone = one_of(size, rows, population)
    ones = float(count[0])
    return ones * (ones * float(alone[0]) / float(count @ alone)) * population / rows


def one_of(size: Vector, rows: int, population: float) -> npt.NDArray[np.float64]:
    """Return the probability that a class gives exactly one row to a sample drawn without replacement.

    Parameters
    ----------
    size : (m,) int64, at least 1
        People of the class in the population.
    rows : int
        Rows of the sample.
    population : float
        People in all.

    Returns
    -------
    (m,) float64
        i · C(N-i, n-1) / C(N, n), which is i · n/N · Π_{t<i-1} (N-n-t) / (N-1-t).
    """
    from scipy.special import betaln

    probability = size * (rows / population)
    others = size - 1.0
    outside = population - rows
    more = (others > 0) & (others <= outside)
    # Two beta functions stand for the two products: their logarithms keep digits where factorials lose them.
    i = others[more]
    probability[more] *= np.exp(betaln(population - i, i) - betaln(outside - i + 1, i))
    probability[others > outside] = 0.0
    return np.asarray(probability, np.float64)


def population_uniques(size: Vector, count: Vector, *, sampling_fraction: float, estimator: Estimator) -> float:
    """Estimate the share of the population that is unique.

    Parameters
    ----------
    size : (m,) int64, ascending, at least 1
        The class sizes that occur in the sample.
    count : (m,) int64, at least 1
        Classes of each size.
    sampling_fraction : float
        Rows over people, above 0, at most 1; at 1 the sample is the population.
    estimator : "pitman" | "zayatz" | "snb" | "dankar"
        Pitman's sampling formula (Hoshino 2001), Zayatz 1991, the slide negative binomial model (Chen,
        Keller-McNulty 1998), or the decision rule of Dankar et al. 2012: Pitman up to a fraction of 0.1, else the
        lower of the other two; Zayatz where the one that is due has no answer.

    Returns
    -------
    float
        From 0 to 1; NaN where the slide negative binomial model explains no such sample.

    Raises
    ------
    PolicyError
        The fraction is out of range.

    References
    ----------
    Dankar, F. K., El Emam, K., Neisa, A., Roffey, T. (2012), Estimating the re-identification risk of clinical
    data sets, BMC Medical Informatics and Decision Making 12:66, figure 4.
    """
    if not 0 < sampling_fraction <= 1:
        msg = f"sampling_fraction = {sampling_fraction}; give the share of the population that was sampled, up to 1"
        raise PolicyError(msg)
    if not size.size or size[0] != 1:
        return 0.0
    people = float(size @ count) / sampling_fraction
    if sampling_fraction == 1:
        return float(count[0]) / people
    estimate = _by_decision if estimator == "dankar" else _ESTIMATES[estimator]
    share = estimate(size, count, people, sampling_fraction) / people
    # Not min(1.0, share): that would be 1 for a NaN.
    return 1.0 if share > 1 else share


_ESTIMATES: dict[str, Callable[[Vector, Vector, float, float], float]] = {
    "pitman": lambda size, count, people, fraction: pitman(size, count, people),
    "zayatz": lambda size, count, people, fraction: zayatz(size, count, people),
    "snb": lambda size, count, people, fraction: slide_negative_binomial(size, count, fraction),
}


def _by_decision(size: Vector, count: Vector, people: float, fraction: float) -> float:
    """Return the estimate that the rule of Dankar et al. chooses."""
    if fraction <= SMALL_FRACTION:
        chosen = pitman(size, count, people)
        return chosen if math.isfinite(chosen) else zayatz(size, count, people)
    by_size, by_sample = slide_negative_binomial(size, count, fraction), zayatz(size, count, people)
    return min(by_size, by_sample) if math.isfinite(by_size) else by_sample

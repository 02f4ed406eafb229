"""Population uniques: how many people are unique not only in a sample but in the population it was drawn from."""

import math
from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from shoal_engine.errors import PolicyError
from shoal_engine.risk.pitman import pitman
from shoal_engine.risk.slide_negative_binomial import slide_negative_binomial
from shoal_engine.risk.zayatz import zayatz

Vector = npt.NDArray[np.int64]
Estimator: TypeAlias = Literal["pitman", "zayatz", "snb", "dankar"]

ESTIMATORS: tuple[Estimator, ...] = ("pitman", "zayatz", "snb", "dankar")
SMALL_FRACTION = 0.1
"""Sampling fraction up to which Dankar et al. trust Pitman's formula."""


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

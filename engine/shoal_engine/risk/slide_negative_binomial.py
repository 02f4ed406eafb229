"""Population uniques when class sizes are one more than a negative binomial number."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from shoal_engine.risk.root_finding import root_between

Vector = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]

_GRID = 400


def slide_negative_binomial(size: Vector, count: Vector, sampling_fraction: float) -> float:
    """Estimate how many classes of the population hold one person.

    Parameters
    ----------
    size : (m,) int64, ascending, at least 1
        The class sizes that occur in the sample.
    count : (m,) int64, at least 1
        Classes of each size; some class holds one row.
    sampling_fraction : float, above 0, below 1

    Returns
    -------
    float
        K · β^α; nan where no parameters explain the numbers of classes of one row and of two.

    Notes
    -----
    K, the classes of the population, is estimated by `shlosser`. A class holds one person more than a negative
    binomial number with parameters α > 0 and 0 < β < 1, and each person is sampled with probability f. With
    d = (1-f)(1-β) the classes expected to give one row and two are

        s_1 = K f (β/(1-d))^α (1 + α d/(1-d)),
        s_2 = K f² α β^α (1-β) (2 - (1-α) d) / (2 (1-d)^(α+2)).

    Their ratio is a quadratic equation in α with one positive root, so that one equation in β is left. Of several
    solutions the one with most uniques is taken.

    References
    ----------
    Chen, G., Keller-McNulty, S. (1998), Estimation of identification disclosure risk in microdata, Journal of
    Official Statistics 14(1), section 3.

    ARX multiplies by (1-d)^(α+2) in the second equation and subtracts one for each class size in Shlosser's
    estimator; here both are as the papers have them.
    """
    ones = float(count[0])
    twos = float(count[1]) if size.size > 1 and size[1] == 2 else 0.0
    classes = shlosser(size, count, sampling_fraction)
    if not math.isfinite(classes):
        return math.nan
    if not twos:
        return math.nan
    excess = _excess(classes, ones, twos, sampling_fraction)
    uniques = [
        classes * beta ** float(_alpha(np.array(beta), twos / ones, sampling_fraction)) for beta in _roots(excess)
    ]
    return max(uniques, default=math.nan)


def shlosser(size: Vector, count: Vector, sampling_fraction: float) -> float:
    """Estimate the classes of the population that hold anyone.

    Returns
    -------
    float
        u + s_1 · (Σ i f² (1-f²)^(i-1) s_i / Σ ((1-f²)^i - (1-f)^i) s_i) · (Σ (1-f)^i s_i / Σ i f (1-f)^(i-1) s_i)².

    References
    ----------
    Haas, P. J., Stokes, L. (1998), Estimating the number of classes in a finite population, Journal of the
    American Statistical Association 93(444), section 4.2: the modification of Shlosser's estimator.
    """
    f = sampling_fraction
    i, s = size.astype(np.float64), count.astype(np.float64)
    ones = float(s[0]) if size[0] == 1 else 0.0
    missed = np.exp(i * math.log1p(-f))
    # Powers below one in both sums: (1+f)^i leaves the range of floats for classes of some hundred rows.
    both = np.exp(i * math.log1p(-f * f))
    square = float(s @ (i * f * f * both)) / (1 - f * f)
    spread = float(s @ (both * -np.expm1(-i * math.log1p(f))))
    once = float(s @ (i * f * missed)) / (1 - f)
    return float(s.sum()) + ones * (square / spread) * (float(s @ missed) / once) ** 2


def _alpha(beta: Shares, ratio: float, f: float) -> Shares:
    """Return the α under which a class gives two rows `ratio` times as often as one, for each β."""
    d = (1 - f) * (1 - beta)
    rate = f * (1 - beta)
    square = rate * d
    linear = rate * (2 - d) - 2 * ratio * (1 - d) * d
    constant = 2 * ratio * (1 - d) ** 2
    root = np.sqrt(linear * linear + 4 * square * constant)
    # Of the two ways to write the positive root the one without cancellation.
    return np.where(linear > 0, 2 * constant / (linear + root), (root - linear) / (2 * square))


def _excess(classes: float, ones: float, twos: float, f: float) -> Callable[[Shares], Shares]:
    """Return the logarithm of expected over observed sample uniques as a function of the logit of β."""

    def excess(logit: Shares) -> Shares:
        beta = 1 / (1 + np.exp(-logit))
        alpha = _alpha(beta, twos / ones, f)
        d = (1 - f) * (1 - beta)
        return math.log(classes * f / ones) + alpha * (np.log(beta) - np.log1p(-d)) + np.log1p(alpha * d / (1 - d))

    return excess


def _roots(excess: Callable[[Shares], Shares]) -> list[float]:
    """Return every β at which the excess changes sign."""
    logit = np.linspace(-30.0, 30.0, _GRID)
    sign = excess(logit) > 0
    at = np.flatnonzero(sign[1:] != sign[:-1])

    def at_logit(x: float) -> float:
        return float(excess(np.array(x)))

    found = [root_between(at_logit, float(logit[i]), float(logit[i + 1])) for i in at]
    return [1 / (1 + math.exp(-x)) for x in found]

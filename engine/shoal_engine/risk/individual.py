"""Individual risk: the probability that a record is found by somebody who does not know that it was sampled."""

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]

_LARGE = 50
_TERMS = 20
"""The term after these is below 1e-17 for classes of `_LARGE` rows."""


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

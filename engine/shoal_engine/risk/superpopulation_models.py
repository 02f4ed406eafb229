"""Population uniques by models of a superpopulation: Pitman's formula and the slide negative binomial model."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]

_FAR = 1e4
_STEPS = 50
_GRID = 400


class _Score(NamedTuple):
    """Slope of the log-likelihood in theta and alpha, and its curvature."""

    theta: float
    alpha: float
    theta_theta: float
    theta_alpha: float
    alpha_alpha: float


def pitman(size: Vector, count: Vector, population: float) -> float:
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
        Γ(θ+1) / Γ(θ+α) · N^α under the parameters of the largest likelihood, at most N.

    Notes
    -----
    Classes of sizes 1, 2, ... occur s_1, s_2, ... times, u in all, in n rows. With θ > -α and 0 <= α < 1 the
    log-likelihood is, but for a constant, Σ_{i<u} log(θ+iα) - Σ_{i<n} log(θ+i) + Σ_j s_j Σ_{i<j} log(i-α); its slopes
    are differences of digamma functions. The search is Newton's from the moment estimate, as Hoshino proposes;
    where it leaves the region or does not settle, θ is found for each α, and α from that. A sample whose rows
    are all unique has its largest likelihood at α = 1: the whole population is unique.

    References
    ----------
    Hoshino, N. (2001), Applying Pitman's sampling formula to microdata disclosure risk assessment, Journal of
    Official Statistics 17(4), equations (8), (9) and (11).
    """
    rows, classes = int(size @ count), int(count.sum())
    if rows == classes:
        return population
    likelihood = _Likelihood(size, count, rows, classes)
    found = _newton(likelihood, *_moments(size, count, rows, classes))
    theta, alpha = _nested(likelihood) if found is None else found
    return min(population, math.exp(math.lgamma(theta + 1) - math.lgamma(theta + alpha) + alpha * math.log(population)))


class _Likelihood:
    """The log-likelihood's slopes for one histogram of class sizes."""

    def __init__(self, size: Vector, count: Vector, rows: int, classes: int) -> None:
        from scipy import special

        self._psi, self._zeta = special.psi, special.zeta
        self._size = np.concatenate([[1.0], size[size > 1]])
        self._count = np.concatenate([[0.0], count[size > 1]])
        self._count[0] = -self._count.sum()
        self._rows = rows
        self._classes = classes

    def score(self, theta: float, alpha: float) -> _Score:
        """Return the slopes and curvatures at a point with alpha > 0 and theta > -alpha."""
        ratio, steps = theta / alpha, self._classes - 1
        first, second = self._sums(ratio + 1, steps)
        tail, tail_square = self._sums(theta + 1, self._rows - 1)
        within = self._size - alpha
        return _Score(
            theta=first / alpha - tail,
            alpha=(steps - ratio * first) / alpha - float(self._count @ self._psi(within)),
            theta_theta=tail_square - second / alpha**2,
            theta_alpha=-(first - ratio * second) / alpha**2,
            alpha_alpha=-(steps - 2 * ratio * first + ratio**2 * second) / alpha**2
            + float(self._count @ self._zeta(2, within)),
        )

    def theta_slope(self, theta: float, alpha: float) -> float:
        """Return the slope in theta alone; alpha may be 0."""
        first = self._sum(theta / alpha + 1, self._classes - 1) / alpha if alpha else (self._classes - 1) / theta
        return first - self._sum(theta + 1, self._rows - 1)

    def alpha_slope(self, theta: float, alpha: float) -> float:
        """Return the slope in alpha alone; alpha may be 0."""
        within = float(self._count @ self._psi(self._size - alpha))
        if alpha == 0:
            return self._classes * (self._classes - 1) / (2 * theta) - within
        ratio, steps = theta / alpha, self._classes - 1
        return (steps - ratio * self._sum(ratio + 1, steps)) / alpha - within

    def _sum(self, start: float, n: int) -> float:
        """Return the sum of 1/(start+i) over i < n.

        Far out the digamma functions agree in nearly all digits, so there Euler and Maclaurin's series is summed.
        """
        if start < _FAR:
            # Two numbers: an array of two takes five times as long.
            return float(self._psi(start + n) - self._psi(start))
        end = start + n
        gap = n / (start * end)
        return math.log1p(n / start) + gap / 2 + gap * (1 / start + 1 / end) / 12

    def _sums(self, start: float, n: int) -> tuple[float, float]:
        """Return the sums of 1/(start+i) and 1/(start+i)^2 over i < n."""
        if start < _FAR:
            return self._sum(start, n), float(self._zeta(2, start) - self._zeta(2, start + n))
        end = start + n
        gap = n / (start * end)
        both = 1 / start + 1 / end
        return self._sum(start, n), gap + gap * both / 2 + gap * (both**2 - 1 / (start * end)) / 6


def _moments(size: Vector, count: Vector, rows: int, classes: int) -> tuple[float, float]:
    """Return theta and alpha that explain the numbers of classes of one row and of two."""
    ones = float(count[0])
    twos = float(count[1]) if size.size > 1 and size[1] == 2 else 1.0
    c = ones * (ones - 1) / twos
    below = 2 * ones * classes + ones * c - rows * c
    if below == 0:
        return math.nan, math.nan
    theta = (rows * classes * c - ones * (rows - 1) * (2 * classes + c)) / below
    return theta, (theta * (ones - rows) + (rows - 1) * ones) / (rows * classes)


def _newton(likelihood: _Likelihood, theta: float, alpha: float) -> tuple[float, float] | None:
    """Climb from a point to the likelihood's peak; none if the climb fails."""
    for _ in range(_STEPS):
        if not (0 < alpha < 1 and -alpha < theta < math.inf):
            return None
        at = likelihood.score(theta, alpha)
        determinant = at.theta_theta * at.alpha_alpha - at.theta_alpha**2
        if not (determinant > 0 and at.theta_theta < 0):
            return None
        d_theta = (at.theta * at.alpha_alpha - at.alpha * at.theta_alpha) / determinant
        d_alpha = (at.alpha * at.theta_theta - at.theta * at.theta_alpha) / determinant
        theta, alpha = theta - d_theta, alpha - d_alpha
        if abs(d_theta) <= 1e-10 * (1 + abs(theta)) and abs(d_alpha) <= 1e-10 * alpha:
            return (theta, alpha) if 0 < alpha < 1 and theta > -alpha else None
    return None


def _nested(likelihood: _Likelihood) -> tuple[float, float]:
    """Find the best theta of each alpha, and the best alpha of those; alpha is 0 if the likelihood falls there."""

    def best_theta(alpha: float) -> float:
        low = 1.0
        while likelihood.theta_slope(low - alpha, alpha) < 0:
            low /= 2
        high = 2.0
        while likelihood.theta_slope(high - alpha, alpha) > 0:
            high *= 2
        return root_between(lambda shifted: likelihood.theta_slope(shifted - alpha, alpha), low, high) - alpha

    def slope(alpha: float) -> float:
        return likelihood.alpha_slope(best_theta(alpha), alpha)

    if slope(0.0) <= 0:
        return best_theta(0.0), 0.0
    # The slope falls without bound towards 1, because some class holds two rows.
    alpha = root_between(slope, 0.0, 1 - 1e-9) if slope(1 - 1e-9) < 0 else 1 - 1e-9
    return best_theta(alpha), alpha


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


def root_between(function: Callable[[float], float], low: float, high: float) -> float:
    """Return where a continuous function of one number is 0, by Brent's method."""
    from scipy import optimize

    brentq: Any = optimize.brentq
    return float(brentq(function, low, high, xtol=1e-13))

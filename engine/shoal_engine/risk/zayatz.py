"""Population uniques by the probability that a row that is unique in the sample is unique in the population."""

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.int64]


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

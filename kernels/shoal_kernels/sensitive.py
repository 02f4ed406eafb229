"""Whether one class satisfies every privacy model, from its histogram of sensitive values.

Counts are integers, so DISTINCT and RECURSIVE are decided without any error that could favor a release.
ENTROPY is decided in floating point only outside an error bound around the limit; inside it, exactly or not
at all. The CLOSE models compare with a reference that is itself rounded; see `close_enough`.
"""

import math

import numpy as np
import numpy.typing as npt

from shoal_kernels._jit import inlined, inner
from shoal_kernels.models import CLOSE_EQUAL, CLOSE_ORDERED, DISTINCT, ENTROPY, RECURSIVE, Models

Histogram = npt.NDArray[np.int64]

_EPSILON = 2.0**-52


@inner
def distinct(histogram: Histogram) -> int:
    """Return the number of values that occur."""
    n = 0
    for count in histogram:
        if count > 0:
            n += 1
    return n


@inner
def tail_rows(histogram: Histogram, skip: int) -> int:
    """Return the rows left after the `skip` most frequent values are taken out."""
    rest = 0
    for count in histogram:
        rest += count
    below = np.int64(2**62)
    while skip > 0 and rest > 0:
        largest, ties = 0, 0
        for count in histogram:
            if count < below:
                if count > largest:
                    largest, ties = count, 1
                elif count == largest:
                    ties += 1
        taken = min(ties, skip)
        rest -= largest * taken
        skip -= taken
        below = largest
    return rest


@inner
def _power(number: int, prime: int) -> int:
    exponent = 0
    while number % prime == 0:
        number //= prime
        exponent += 1
    return exponent


@inner
def _primes_balance(number: int, histogram: Histogram, n_rows: int, limit: int) -> bool:
    """Return whether every prime of `number` divides n^n and limit^n * prod(c^c) equally often."""
    prime = 2
    while number > 1:
        if prime * prime > number:
            prime = number
        if number % prime == 0:
            while number % prime == 0:
                number //= prime
            excess = n_rows * (_power(n_rows, prime) - _power(limit, prime))
            for count in histogram:
                if count > 1:
                    excess -= count * _power(count, prime)
            if excess != 0:
                return False
        prime += 1
    return True


@inner
def _entropy_is(histogram: Histogram, n_rows: int, limit: float) -> bool:
    """Return whether the entropy is exactly log(limit): n^n == limit^n * prod(c^c), prime by prime.

    Answers no for a limit that is not a whole number.
    """
    whole = int(limit)
    if float(whole) != limit:
        return False
    balance = _primes_balance(n_rows, histogram, n_rows, whole)
    balance = balance and _primes_balance(whole, histogram, n_rows, whole)
    for count in histogram:
        if count > 1:
            balance = balance and _primes_balance(count, histogram, n_rows, whole)
    return balance


@inner
def entropy_reaches(histogram: Histogram, n_rows: int, limit: float) -> bool:
    """Return whether the entropy of the counts is at least log(limit) nats.

    ``log(n) - sum(c log c) / n`` of m counts is off by less than ``(m + 4) * 2**-52 * log(n)``. Farther than
    twice that from the limit the float decides. Nearer, only a class that lies on the limit exactly passes
    (l equal counts, or 1/2 and four times 1/8 for l = 4): what cannot be told from a failure is one.
    """
    if limit <= 1.0:
        return True
    weighted, m, least, most = 0.0, 0, np.int64(2**62), np.int64(0)
    for count in histogram:
        if count > 0:
            weighted += count * math.log(count)
            m += 1
            least, most = min(least, count), max(most, count)
    if least == most:
        return m >= limit
    gap = math.log(n_rows) - weighted / n_rows - math.log(limit)
    error = 2 * (m + 4) * _EPSILON * (math.log(n_rows) + math.log(limit))
    if gap > error:
        return True
    return gap >= -error and _entropy_is(histogram, n_rows, limit)


@inner
def distance_equal(histogram: Histogram, reference: npt.NDArray[np.float64], n_rows: int) -> float:
    """Return half the sum of absolute differences of the shares (Li et al. 2007, section 4)."""
    total = 0.0
    for v in range(len(histogram)):
        total += abs(histogram[v] / n_rows - reference[v])
    return total / 2


@inner
def distance_ordered(histogram: Histogram, reference: npt.NDArray[np.float64], n_rows: int) -> float:
    """Return the earth mover's distance over ranks at equal distances (Li et al. 2007, section 4.1)."""
    total, running = 0.0, 0.0
    for v in range(len(histogram)):
        running += histogram[v] / n_rows - reference[v]
        total += abs(running)
    return total / max(1, len(histogram) - 1)


@inner
def distance_tree(
    histogram: Histogram,
    reference: npt.NDArray[np.float64],
    n_rows: int,
    ancestor: npt.NDArray[np.int64],
    depth: int,
) -> float:
    """Return the earth mover's distance over a hierarchy (Li et al. 2007, section 4.2).

    The paper charges node N of height h out of H with ``h / H * min(pos_extra(N), neg_extra(N))``. That
    minimum is half of (sum of abs(extra) over N's children - abs(extra(N))), so the sum over all nodes
    telescopes to ``1 / (2 H) * sum of abs(extra) over all nodes below the root``.
    """
    size = len(histogram)
    extra = np.empty(size, np.float64)
    total = 0.0
    for level in range(depth - 1):
        extra[:] = 0.0
        for v in range(size):
            extra[ancestor[level * size + v]] += histogram[v] / n_rows - reference[v]
        for v in range(size):
            total += abs(extra[v])
    return total / (2 * max(1, depth - 1))


@inlined
def close_enough(distance: float, limit: float, n_values: int) -> bool:
    """Return whether a distance computed over `n_values` shares is at most `limit`.

    Shares of class and reference are rounded, so a class that lies on the limit exactly may come out above
    it by rounding error alone. The allowance bounds that error: under 1e-12 for 4,000 values. The limit
    itself, a decimal fraction kept as a float, is not known more closely than the allowance.
    """
    return distance <= limit + (n_values + 4) * _EPSILON


@inner
def distance_to_reference(models: Models, j: int, histogram: Histogram, n_rows: int) -> float:
    """Return what CLOSE model `j` measures; `histogram` spans all columns."""
    first, last = models.first[j], models.last[j]
    own, reference = histogram[first:last], models.reference[first:last]
    if models.kind[j] == CLOSE_EQUAL:
        return distance_equal(own, reference, n_rows)
    if models.kind[j] == CLOSE_ORDERED:
        return distance_ordered(own, reference, n_rows)
    return distance_tree(own, reference, n_rows, models.ancestor[models.tree_start[j] :], models.depth[j])


@inner
def satisfies(models: Models, histogram: Histogram, n_rows: int) -> bool:
    """Return whether a class holds at least k rows and satisfies every model.

    Parameters
    ----------
    models : Models
    histogram : (n_values,) int64
        Rows of the class with each sensitive value; sums to `n_rows` over each column.
    n_rows : int
        Rows of the class.
    """
    if n_rows < models.k[0]:
        return False
    for j in range(len(models.kind)):
        kind = models.kind[j]
        own = histogram[models.first[j] : models.last[j]]
        if kind == DISTINCT:
            holds = distinct(own) >= models.count[j]
        elif kind == ENTROPY:
            holds = entropy_reaches(own, n_rows, models.limit[j])
        elif kind == RECURSIVE:
            # The product is rounded to nearest, which keeps order: it exceeds the whole number r1 only if the
            # exact product does, so rounding can refuse a class and never admit one.
            holds = max(own) < models.limit[j] * tail_rows(own, models.count[j] - 1)
        else:
            holds = close_enough(distance_to_reference(models, j, histogram, n_rows), models.limit[j], len(own))
        if not holds:
            return False
    return True

"""Diversity of the sensitive values of one class: distinct, entropy and recursive diversity, and the largest share.

Counts are integers, so everything but the entropies is decided without any error that could favor a release.
An entropy is decided in floating point only outside an error bound around the limit; inside it, the class passes
only if its entropy is exactly the limit.
"""

import math

import numpy as np

from shoal_kernels._jit import inlined, inner
from shoal_kernels._types import Ints

_EPSILON = 2.0**-52


@inner
def distinct(histogram: Ints) -> int:
    """Return the number of values that occur."""
    n = 0
    for count in histogram:
        if count > 0:
            n += 1
    return n


@inner
def carried(histogram: Ints, most: int) -> int:
    """Return the sum of the counts, each capped at `most`."""
    total = 0
    for count in histogram:
        total += min(count, most)
    return total


@inner
def tail_rows(histogram: Ints, skip: int) -> int:
    """Return the number of rows without those of the `skip` most frequent values."""
    rest = 0
    for count in histogram:
        rest += count
    # One pass for each distinct count among the largest, ties at once: no sort, no allocation.
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
def _primes_balance(number: int, histogram: Ints, n_rows: int, limit: int) -> bool:
    """Return whether every prime of `number` divides n^n and limit^n * prod(c^c) equally often."""
    # Trial division: once prime**2 exceeds what is left, that is itself prime.
    prime = 2
    while number > 1:
        if prime * prime > number:
            prime = number
        if number % prime == 0:
            while number % prime == 0:
                number //= prime
            # Exponent of `prime` in n^n minus that in limit^n * prod(c^c).
            excess = n_rows * (_power(n_rows, prime) - _power(limit, prime))
            for count in histogram:
                if count > 1:
                    excess -= count * _power(count, prime)
            if excess != 0:
                return False
        prime += 1
    return True


@inner
def _entropy_is(histogram: Ints, n_rows: int, limit: float) -> bool:
    """Return whether the entropy is exactly log(limit): n^n == limit^n * prod(c^c), prime by prime.

    False for a limit that is not an integer.
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
def entropy_reaches(histogram: Ints, n_rows: int, limit: float) -> bool:
    """Return whether the entropy of the counts is at least log(limit) nats.

    The error of ``log(n) - sum(c log c) / n`` of m counts is below ``(m + 4) * 2**-52 * log(n)``. Farther than
    twice that from the limit the float decides. Nearer, only a class with exactly the limit passes (l equal
    counts, or 1/2 and four times 1/8 for l = 4): a class that rounding cannot distinguish from a failure fails.
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


_GRASSBERGER = np.concatenate(
    (
        np.array([-np.euler_gamma - np.log(2.0)]),
        -np.euler_gamma - np.log(2.0) + np.cumsum(2.0 / np.arange(1, 128, 2)),
    )
)
"""G of 2n and 2n + 1 at place n."""


@inlined
def grassberger(count: int) -> float:
    """Return G of Grassberger 2003 (equations 26 to 28), the bias-corrected logarithm of a count.

    G(1) = -gamma - ln 2, G(2n) = G(2n + 1) = G(1) + 2 / 1 + 2 / 3 + ... + 2 / (2n - 1). From 128 on its expansion
    ln(2n) + 1 / (24 n^2) - 7 / (960 n^4) + 31 / (8064 n^6) is exact to the last bit.
    """
    half = count // 2
    if half < len(_GRASSBERGER):
        return _GRASSBERGER[half]
    small = 1.0 / (float(half) * half)
    return math.log(2.0 * half) + small * (1 / 24 - small * (7 / 960 - small * (31 / 8064)))


@inner
def grassberger_reaches(histogram: Ints, n_rows: int, limit: float) -> bool:
    """Return whether at least `limit` values occur and their estimated entropy is at least log(limit) nats.

    The estimate, ``G(n) - sum(c G(c)) / n``, is rational and log(limit) is irrational, so no class lies on the
    limit. A class nearer to the limit than the error bound is refused.
    """
    weighted, m = 0.0, 0
    for count in histogram:
        if count > 0:
            weighted += count * grassberger(count)
            m += 1
    if m < limit:
        return False
    if limit <= 1.0:
        return True
    logarithm = math.log(limit)
    gap = grassberger(n_rows) - weighted / n_rows - logarithm
    return gap > 2 * (m + 4) * _EPSILON * (math.log(n_rows) + logarithm + 2)


@inner
def at_most_share(histogram: Ints, n_rows: int, limit: float, bound: Ints) -> bool:
    """Return whether no value takes more than `limit` of the rows; only those with 1 in `bound`, unless it is empty.

    A quotient of counts and a decimal fraction are both kept as the nearest float, so equal ones compare equal.
    """
    most = np.int64(0)
    for v in range(len(histogram)):
        if histogram[v] > most and (len(bound) == 0 or bound[v] == 1):
            most = histogram[v]
    return bool(most / n_rows <= limit)

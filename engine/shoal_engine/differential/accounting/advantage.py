"""What epsilon and delta mean for one person: how much better than a coin anybody can guess who was in the data."""

import math


def membership_advantage(epsilon: float, delta: float = 0.0) -> float:
    """Return a bound on the advantage of every membership test against an (epsilon, delta)-private answer.

    The advantage is the rate of true less that of false positives when one of two neighboring tables was used. Both
    error rates a and b satisfy a + exp(epsilon) b >= 1 - delta and the same with a and b exchanged, so their sum is at
    least 2 (1 - delta) / (1 + exp(epsilon)), and the advantage at most 1 less that:
    (exp(epsilon) - 1 + 2 delta) / (exp(epsilon) + 1). Somebody who held both tables equally likely before is right
    with probability (1 + advantage) / 2 at most.

    Parameters
    ----------
    epsilon : float
        At least 0; infinite where nothing is promised.
    delta : float
        0 to 1.

    References
    ----------
    Wasserman, Zhou (2010), A statistical framework for differential privacy, theorem 2.4: tests of neighbors.
    Kairouz, Oh, Viswanath (2015), The composition theorem for differential privacy, ICML, theorem 2.1: the region of
    both errors. Humphries et al. (2023), Investigating membership inference attacks under data dependencies, CSF: the
    bound, which holds where whoever is tested is independent of everybody else.

    Examples
    --------
    >>> membership_advantage(0), round(membership_advantage(1), 3), round(membership_advantage(1, 0.01), 3)
    (0.0, 0.462, 0.467)
    """
    return min(1.0, math.tanh(epsilon / 2) + delta * (1 - math.tanh(epsilon / 2)))

"""Whether one class satisfies every privacy model, from its histogram of sensitive values.

Each kind of model is defined in `diversity`, `closeness` or `likeness`. If floating point could favor a release,
the class is refused; only the CLOSE and BETA models allow for the rounding of their own reference.
"""

from shoal_kernels._jit import inner
from shoal_kernels._types import Ints
from shoal_kernels.criteria.closeness import close_enough, distance_to_reference
from shoal_kernels.criteria.diversity import (
    at_most_share,
    carried,
    distinct,
    entropy_reaches,
    grassberger_reaches,
    tail_rows,
)
from shoal_kernels.criteria.likeness import beta_at_most, beta_enhanced_at_most, delta_below
from shoal_kernels.criteria.privacy_models import (
    ALPHA,
    BETA,
    BETA_ENHANCED,
    CARRIED,
    CLOSE_EQUAL,
    CLOSE_ORDERED,
    CLOSE_TREE,
    DELTA,
    DELTA_STRICT,
    DISTINCT,
    ENTROPY,
    GRASSBERGER,
    K_MAP,
    PRESENCE_LEAST,
    PRESENCE_MOST,
    RECURSIVE,
    WEIGHED,
    Models,
)


@inner
def _satisfies_other(models: Models, j: int, own: Ints, n_rows: int) -> bool:
    """Return whether the class satisfies model `j`, of a kind that `satisfies` does not check itself."""
    kind, limit = models.kind[j], models.limit[j]
    reference = models.reference[models.first[j] : models.last[j]]
    if kind == GRASSBERGER:
        return grassberger_reaches(own, n_rows, limit)
    if kind == ALPHA:
        start = models.tree_start[j]
        return at_most_share(own, n_rows, limit, models.ancestor[start : start + models.depth[j] * len(own)])
    if kind == BETA:
        return beta_at_most(own, reference, n_rows, limit)
    if kind == BETA_ENHANCED:
        return beta_enhanced_at_most(own, reference, n_rows, limit)
    if kind == K_MAP:
        return own[0] >= models.count[j]
    # Rounded to nearest, so that 3 of 10 people are the share that a policy writes as 0.3.
    if kind == PRESENCE_MOST:
        return n_rows / own[0] <= limit
    if kind == PRESENCE_LEAST:
        return n_rows / own[0] >= limit
    if kind == CARRIED:
        return carried(own, int(limit)) >= models.count[j]
    if kind == WEIGHED:
        return True
    if kind not in (DELTA, DELTA_STRICT):
        msg = "there is no such kind of model"
        raise ValueError(msg)
    return delta_below(own, reference, n_rows, limit, kind == DELTA_STRICT)


@inner
def satisfies(models: Models, histogram: Ints, n_rows: int) -> bool:
    """Return whether a class holds at least k rows and satisfies every model.

    Parameters
    ----------
    models : Models
    histogram : (n_values,) int64
        Rows of the class with each sensitive value; sums to `n_rows` over each column.
    n_rows : int
        Rows of the class.

    Raises
    ------
    ValueError
        A model is of no known kind.
    """
    if n_rows < models.k[0]:
        return False
    for j in range(len(models.kind)):
        kind = models.kind[j]
        own = histogram[models.first[j] : models.last[j]]
        if kind == DISTINCT:
            satisfied = distinct(own) >= models.count[j]
        elif kind == ENTROPY:
            satisfied = entropy_reaches(own, n_rows, models.limit[j])
        elif kind == RECURSIVE:
            # Rounding to nearest is monotone: the product exceeds the integer r1 only if the exact product
            # does, so rounding can refuse a class but never admit one.
            satisfied = max(own) < models.limit[j] * tail_rows(own, models.count[j] - 1)
        elif kind in (CLOSE_EQUAL, CLOSE_ORDERED, CLOSE_TREE):
            satisfied = close_enough(distance_to_reference(models, j, histogram, n_rows), models.limit[j], len(own))
        else:
            # A function of its own keeps this one small where it is inlined.
            satisfied = _satisfies_other(models, j, own, n_rows)
        if not satisfied:
            return False
    return True

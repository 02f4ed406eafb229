"""Classes of the nodes of a lattice: which class each tuple falls into, and which of them may be released."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from shoal_engine.anonymity.criteria.measures import class_sizes, holding
from shoal_engine.anonymity.methods.full_domain.search import Search
from shoal_engine.anonymity.methods.full_domain.size_models import Accepts, accepted
from shoal_engine.anonymity.methods.suppression import SUPPRESSED, with_released_shares
from shoal_kernels.criteria.privacy_models import Cells, Models
from shoal_kernels.full_domain.lattice import roll_up_all

Ints = npt.NDArray[np.int64]
Exact = Callable[[Ints, int], npt.NDArray[np.bool_]]
"""Which of some classes, given by tuple and their number, hold every model."""


def classes_at(search: Search, levels: tuple[int, ...]) -> Ints:
    """Return the class of each tuple at a node, (n,) int64, numbered from 0 by first tuple; nothing is suppressed."""
    n = search.weight.size
    class_of = np.empty(n, np.uint32)
    slots = np.empty(2 << max(1, (n - 1).bit_length() + 1), np.uint32)
    words, rows, found = search.words.copy(), search.weight.copy(), np.zeros(1, np.int64)
    roll_up_all(search.lattice, search.in_order(levels), words, rows, n, class_of, slots, found)
    return class_of.astype(np.int64)


def kept_classes(weight: Ints, cells: Cells, models: Models, class_of_tuple: Ints) -> Ints:
    """Suppress the classes that miss a model, and number the others again.

    Parameters
    ----------
    weight, cells, models
        The distinct tuples, what they count for k, and what binds their classes.
    class_of_tuple : (n,) int64
        Numbered from 0 without gaps; `SUPPRESSED` where left out.

    Returns
    -------
    (n,) int64
    """
    n_classes = int(class_of_tuple.max(initial=-1)) + 1
    holds = holding(weight, cells, models, class_of_tuple, n_classes) & (
        class_sizes(weight, class_of_tuple, n_classes) > 0
    )
    number = np.append(np.where(holds, np.cumsum(holds) - 1, SUPPRESSED), SUPPRESSED)
    return number[class_of_tuple]


def accepted_classes(weight: Ints, class_of_tuple: Ints, accepts: Accepts | None) -> Ints:
    """Suppress the smallest classes until the sizes of the rest are accepted, and number these again."""
    if accepts is None:
        return class_of_tuple
    n_classes = int(class_of_tuple.max(initial=-1)) + 1
    holds = accepted(class_sizes(weight, class_of_tuple, n_classes), np.ones(n_classes, np.uint8), accepts) > 0
    return np.append(np.where(holds, np.cumsum(holds) - 1, SUPPRESSED), SUPPRESSED)[class_of_tuple]


def settled_units(exact: Exact, class_of_tuple: Ints) -> Ints:
    """Suppress classes until all that are left hold every model, counted in units exactly; see `settled`."""
    while True:
        holds = exact(class_of_tuple, int(class_of_tuple.max(initial=-1)) + 1)
        if holds.all():
            return class_of_tuple
        class_of_tuple = np.append(np.where(holds, np.cumsum(holds) - 1, SUPPRESSED), SUPPRESSED)[class_of_tuple]


def settled(weight: Ints, cells: Cells, models: Models, class_of_tuple: Ints, *, first: Models | None = None) -> Ints:
    """Suppress classes until all that are left satisfy the models as the released rows alone bind them.

    What is left out changes the distribution that closeness compares with, so the rest is asked again until
    nothing changes. Parameters and result as for `kept_classes`; `models` are those of the whole table, and `first`
    those that classes are asked by at first, if these are others.
    """
    asked = models if first is None else first
    while True:
        kept = kept_classes(weight, cells, asked, class_of_tuple)
        released = with_released_shares(cells, models, kept)
        if np.array_equal(kept, class_of_tuple) and np.array_equal(released.reference, asked.reference):
            return kept
        class_of_tuple, asked = kept, released

"""What classes reach under the privacy models: each class, the worst of them, and the nearest that can be met."""

import math

import numpy as np
import numpy.typing as npt

from shoal_kernels._jit import freeze
from shoal_kernels.criteria.class_measures import (
    check_classes,
    measure_classes,
    measure_worst,
    sort_by_class,
    sum_by_class,
)
from shoal_kernels.criteria.privacy_models import (
    ALPHA,
    CARRIED,
    DISTINCT,
    ENTROPY,
    GRASSBERGER,
    K_MAP,
    PRESENCE_LEAST,
    PRESENCE_MOST,
    RECURSIVE,
    Cells,
    Models,
)

Vector = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]

_BY_MODEL = ("kind", "first", "last", "count", "limit", "depth", "tree_start")
"""Fields of `Models` with one entry a model."""
_DECIMALS = 10_000


def class_sizes(weight: Vector, class_of_tuple: Vector, n_classes: int) -> Vector:
    """Return the rows of each class.

    Parameters
    ----------
    weight : (n,) int64
        Rows of each tuple.
    class_of_tuple : (n,) int64, below n_classes
        Negative where a tuple is left out.
    n_classes : int

    Returns
    -------
    (n_classes,) int64
    """
    sizes = np.empty(n_classes, np.int64)
    sum_by_class(weight, class_of_tuple, sizes)
    return sizes


def measure(cells: Cells, class_of_tuple: Vector, n_classes: int, models: Models) -> Shares:
    """Return what each class reaches under each model.

    Parameters
    ----------
    cells : Cells
        Sensitive values of each tuple.
    class_of_tuple : (n,) int64, below n_classes
        Negative where a tuple is left out; no class is empty.
    n_classes : int
    models : Models
        `k` and `limit` are not read.

    Returns
    -------
    (m, n_classes) float64
        DISTINCT: number of values. ENTROPY, GRASSBERGER: exp of the entropy, in values. RECURSIVE: the number that
        c must exceed, infinite where there are fewer than l values. CLOSE models: the distance. DELTA models: the
        largest abs(ln(q / p)). BETA models: the largest gain, infinite where no beta would do. ALPHA: the share.
    """
    class_start, by_class = _classes(class_of_tuple, n_classes)
    measured = np.empty((models.kind.size, n_classes))
    measure_classes(models, cells, by_class, class_start, measured)
    return measured


def worst(cells: Cells, class_of_tuple: Vector, n_classes: int, models: Models) -> Shares:
    """Return, for each model, what the class that protects least reaches: a vector of m float64.

    Inputs are those of `measure`; models of one column are next to each other. DISTINCT and the entropies are better
    when larger, the others when smaller.
    """
    class_start, by_class = _classes(class_of_tuple, n_classes)
    figures = np.where(np.isin(models.kind, (DISTINCT, ENTROPY, GRASSBERGER)), np.inf, 0.0)
    measure_worst(models, cells, by_class, class_start, figures)
    return figures


def satisfied(weight: Vector, cells: Cells, models: Models, class_of_tuple: Vector, n_classes: int) -> bool:
    """Return whether every class holds k rows and satisfies every model; decided as while partitioning."""
    return bool(holding(weight, cells, models, class_of_tuple, n_classes).all())


def holding(
    weight: Vector, cells: Cells, models: Models, class_of_tuple: Vector, n_classes: int
) -> npt.NDArray[np.bool_]:
    """Return which classes hold k rows and satisfy every model, (n_classes,) bool; parameters as for `measure`."""
    sizes = class_sizes(weight, class_of_tuple, n_classes)
    if not models.kind.size:
        return sizes >= models.k[0]
    class_start, by_class = _classes(class_of_tuple, n_classes)
    holds = np.empty(n_classes, np.uint8)
    check_classes(models, cells, by_class, class_start, sizes, holds)
    return holds.astype(bool)


def nearest(weight: Vector, cells: Cells, models: Models, *, grid: int = 1) -> dict[str, float]:
    """Return, for each kind of model that the whole table misses as one class, the parameter that it meets.

    Rounded to four decimals on the side that the table still meets. A recursive c is missing where the column
    has fewer than l values, for no c would do. Models that compare with the table never fail here: it is the table.
    Weights are of units where `grid`, what one of them weighs, is above 1.
    """
    rows = int(weight.sum())
    can: dict[str, float] = {} if rows >= models.k[0] else {"k": rows // grid}
    if not models.kind.size:
        return can
    of_values = models.kind < K_MAP
    reached = np.zeros(models.kind.size)
    reached[of_values] = measure(cells, np.zeros(weight.size, np.int64), 1, chosen_models(models, of_values))[:, 0]
    people = int(cells.count[cells.value == models.reference.size - 1].sum())
    for j in np.flatnonzero(models.kind == CARRIED):
        inside = (cells.value >= models.first[j]) & (cells.value < models.last[j])
        held = np.bincount(cells.value[inside] - models.first[j], weights=cells.count[inside])
        carried = int(np.minimum(held, grid).sum()) // grid
        if carried * grid < models.count[j]:
            can["distinct l"] = min(carried, can.get("distinct l", math.inf))
    for kind, count, limit, value in zip(models.kind, models.count, models.limit, reached, strict=True):
        if kind == K_MAP and people < count:
            can["k-map k"] = people
        elif kind == PRESENCE_MOST and rows / people > limit:
            can["presence at_most"] = math.ceil(rows / people * _DECIMALS) / _DECIMALS
        elif kind == PRESENCE_LEAST and rows / people < limit:
            can["presence at_least"] = math.floor(rows / people * _DECIMALS) / _DECIMALS
        elif kind == DISTINCT and value < count:
            can["distinct l"] = min(int(value), can.get("distinct l", math.inf))
        elif kind in (ENTROPY, GRASSBERGER) and value < limit:
            below = math.floor(value * _DECIMALS) / _DECIMALS
            can["entropy l"] = min(below, can.get("entropy l", math.inf))
        elif kind == RECURSIVE and limit <= value < math.inf:
            above = math.floor(value * _DECIMALS + 1) / _DECIMALS
            can["recursive c"] = max(above, can.get("recursive c", 0.0))
        elif kind == ALPHA and value > limit:
            can["alpha"] = max(math.ceil(value * _DECIMALS) / _DECIMALS, can.get("alpha", 0.0))
    return can


def chosen_models(models: Models, chosen: npt.NDArray[np.bool_] | Vector) -> Models:
    """Return some of the models besides k, by a mask or their places."""
    return freeze(models._replace(**{name: getattr(models, name)[chosen] for name in _BY_MODEL}))


def _classes(class_of_tuple: Vector, n_classes: int) -> tuple[Vector, Vector]:
    """Return where each class begins, and the tuples class by class."""
    class_start = np.empty(n_classes + 1, np.int64)
    by_class = np.empty(int(np.count_nonzero(class_of_tuple >= 0)), np.int64)
    sort_by_class(class_of_tuple, class_start, by_class)
    return class_start, by_class

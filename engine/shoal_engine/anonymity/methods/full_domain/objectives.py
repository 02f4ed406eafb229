"""What full-domain generalization minimizes.

``loss``
    Share of the hierarchy's leaves under a row's label, of which a suppressed row has all; a column's mean share
    is scaled from 1 / leaves .. 1 to 0 .. 1, and columns are joined by the geometric mean of 1 + loss, minus 1
    (Iyengar 2002, "Transforming data to satisfy privacy constraints", section 3; ARX's Loss).
``average-class-size``
    Rows / released classes, all suppressed rows being one more (LeFevre et al. 2006, section 5).
``discernibility``
    Sum of squared class sizes, each suppressed row counting as many as the table has (Bayardo, Agrawal 2005,
    section 2); ``discernibility-even`` squares suppressed classes like others.
``entropy``
    Bits that identify a value among those of its label, summed over rows and columns, suppressed rows as they would
    have been released (non-uniform entropy: Gionis, Tassa 2009, section 3; De Waal, Willenborg 1999);
    ``entropy-suppressed`` adds for suppressed rows the bits that distinguish their labels.
``precision``
    Mean over cells of level / height, 1 for a suppressed row (Sweeney 2002b, section 3.1): 1 - Prec.
``ambiguity``
    Mean over rows of the number of leaf combinations that its labels allow (Nergiz, Clifton 2007, section 4).
``divergence``
    Kullback-Leibler divergence, in nats, of the table from classes that are spread evenly over what their
    labels allow (Machanavajjhala et al. 2007, section 6.4).

Without suppression none of them falls as labels become coarser: shares, levels, counts and areas only grow,
squares of sums exceed sums of squares, and the divergence grows by that of the finer spread from the coarser
one. Suppressing a row never costs less than releasing it, except as `balance` says.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from shoal_engine.anonymity.methods.full_domain.lattice import Levels
from shoal_engine.anonymity.policy.methods import FullDomain, ObjectiveName
from shoal_engine.anonymity.table.dimensions import Dimension
from shoal_engine.errors import PolicyError
from shoal_kernels._jit import freeze
from shoal_kernels.full_domain import node_costs as kernel
from shoal_kernels.full_domain.lattice import Lattice

Floats = npt.NDArray[np.float64]

_BY_CLASS = {
    "average-class-size": kernel.CLASS_SIZE,
    "discernibility": kernel.SQUARES_OR_ALL,
    "discernibility-even": kernel.SQUARES,
    "ambiguity": kernel.AMBIGUITY,
    "divergence": kernel.DIVERGENCE,
}
OF_HIERARCHY = ("loss", "precision", "ambiguity", "divergence")


def check_objective(how: FullDomain, dimensions: Sequence[Dimension]) -> None:
    """Raise PolicyError where a choice does not fit the columns: a hierarchy, a weight or a level too many or few."""
    if how.objective in OF_HIERARCHY:
        for column in dimensions:
            if column.tree is None:
                msg = (
                    f"objective = '{how.objective}' needs a hierarchy of every quasi-identifier and {column.name!r} "
                    "has none; declare one of kind tree, prefix, intervals or date, or use objective = 'entropy'"
                )
                raise PolicyError(msg)
    names = [column.name for column in dimensions]
    for key, named in (("weights", how.weights), ("levels", how.levels)):
        for name in named:
            if name not in names:
                msg = f"`full_domain.{key}` names {name!r}, which is no quasi-identifier; there are {', '.join(names)}"
                raise PolicyError(msg)
    missing = [name for name in names if how.levels and name not in how.levels]
    if missing:
        msg = f"`full_domain.levels` names no level for {missing[0]!r}; give one for every quasi-identifier"
        raise PolicyError(msg)


def bind_objective(
    how: FullDomain,
    dimensions: Sequence[Dimension],
    levels: Sequence[Levels],
    order: Sequence[int],
    leaf_rows: Sequence[npt.NDArray[np.int64]],
    weight: npt.NDArray[np.int64],
    lattice: Lattice,
) -> tuple[kernel.Objective, Lattice]:
    """Return the objective for kernels, and the lattice with what a row costs at each node.

    Parameters
    ----------
    how : FullDomain
    dimensions, levels, leaf_rows : d Dimension, d Levels, d vectors of int64
        Quasi-identifiers in the table's order, and the rows of each of their leaves.
    order : sequence of int
        The order of the lattice.
    weight : (n,) int64
        Rows of the tuples.
    lattice : Lattice
    """
    rows, d = int(weight.sum()), len(order)
    # Up to the middle suppression counts less, from there on generalization does; ARX weighs alike.
    released, suppressed = min(1.0, 2.0 - 2.0 * how.balance), min(1.0, 2.0 * how.balance)
    costs = [_row_cost(how, levels[j], leaf_rows[j], rows) for j in order]
    totals = [released * (cost @ leaf_rows[j]) for cost, j in zip(costs, order, strict=True)]
    n_levels = np.array([levels[j].n_levels for j in order], np.int64)
    entropy = how.objective in ("entropy", "entropy-suppressed")
    names = [dimensions[j].name for j in order]
    share = weight / rows
    weights = np.array([how.weights.get(name, 1.0) for name in names], np.float64)
    objective = kernel.Objective(
        kind=np.array([_kind(how.objective)], np.int64),
        weight=weights / d if how.objective == "precision" else weights,
        suppressed=np.full(d, 0.0 if entropy else suppressed / rows),
        carried=np.array([float(entropy)]),
        apart=np.array([how.objective == "entropy-suppressed"], np.int64),
        total_start=np.cumsum(n_levels) - n_levels,
        total=np.concatenate(totals),
        factor=np.array([released, suppressed]),
        bound=np.array([_bound(how, released, suppressed)]),
        rows=np.array([float(rows)]),
        leaves=np.array([sum(math.log(one.total_leaves) for one in levels)]),
        # Tuples of people outside the table have no rows, and add nothing.
        entropy=np.array([float((share * np.log(np.where(share > 0, share, 1.0))).sum())]),
    )
    return freeze(objective), freeze(lattice._replace(cost=np.concatenate([cost.ravel() for cost in costs])))


def _kind(name: ObjectiveName) -> int:
    """Return the kernel's name of an objective."""
    return _BY_CLASS.get(name, kernel.GEOMETRIC if name == "loss" else kernel.SUM)


def _bound(how: FullDomain, released: float, suppressed: float) -> float:
    """Return the share of the cost without suppression that stays whatever is suppressed."""
    if _kind(how.objective) > kernel.SUM:
        return min(released, suppressed)
    # The totals are scaled by `released` already.
    return min(1.0, suppressed / released) if released else 0.0


def _mean_of_node(cost: Floats, nodes: npt.NDArray[np.integer], leaf_rows: npt.NDArray[np.int64]) -> Floats:
    """Return for each leaf the mean cost of the rows of its node."""
    total = np.bincount(nodes, weights=cost * leaf_rows, minlength=leaf_rows.size)
    rows = np.bincount(nodes, weights=leaf_rows, minlength=leaf_rows.size)
    return (total / np.maximum(rows, 1))[nodes]


def _row_cost(how: FullDomain, levels: Levels, leaf_rows: npt.NDArray[np.int64], rows: int) -> Floats:
    """Return what one row of each leaf costs at each level, (n_levels, size); 0 where classes are priced."""
    match how.objective:
        case "loss":
            least = 1.0 / levels.total_leaves
            if levels.total_leaves == 1:
                return np.zeros(levels.leaves.shape)
            return (levels.leaves / levels.total_leaves - least) / (1.0 - least) / rows
        case "precision":
            height = max(1, levels.n_levels - 1)
            return np.repeat(np.arange(levels.n_levels)[:, None] / height / rows, leaf_rows.size, axis=1)
        case "entropy" | "entropy-suppressed":
            below = [np.bincount(nodes, weights=leaf_rows, minlength=leaf_rows.size) for nodes in levels.representative]
            shares = [
                np.maximum(leaf_rows, 1) / np.maximum(count[nodes], 1)
                for count, nodes in zip(below, levels.representative, strict=True)
            ]
            # Classes know no leaves: of a node suppressed in part, rows cost what its rows do on average.
            return np.stack(
                [
                    _mean_of_node(-np.log2(share), nodes, leaf_rows)
                    for share, nodes in zip(shares, levels.representative, strict=True)
                ]
            )
        case _:
            return np.zeros(levels.leaves.shape)

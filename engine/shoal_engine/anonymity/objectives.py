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
    Bits that tell a value among those of its label, summed over rows and columns, suppressed rows as they would
    have been released (non-uniform entropy: Gionis, Tassa 2009, section 3; De Waal, Willenborg 1999);
    ``entropy-suppressed`` adds for suppressed rows the bits that tell their labels apart.
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
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from msgspec import Meta

from shoal_engine.anonymity.dimensions import Dimension
from shoal_engine.anonymity.hierarchy_specs import PolicyValue
from shoal_engine.anonymity.lattice import Levels
from shoal_engine.errors import PolicyError
from shoal_kernels import lattice_costs as kernel
from shoal_kernels._jit import freeze
from shoal_kernels.lattice import Lattice

Floats = npt.NDArray[np.float64]
ObjectiveName: TypeAlias = Literal[
    "loss",
    "average-class-size",
    "discernibility",
    "discernibility-even",
    "entropy",
    "entropy-suppressed",
    "precision",
    "ambiguity",
    "divergence",
]

_BY_CLASS = {
    "average-class-size": kernel.CLASS_SIZE,
    "discernibility": kernel.SQUARES_OR_ALL,
    "discernibility-even": kernel.SQUARES,
    "ambiguity": kernel.AMBIGUITY,
    "divergence": kernel.DIVERGENCE,
}
_OF_HIERARCHY = ("loss", "precision", "ambiguity", "divergence")


class FullDomain(PolicyValue, frozen=True):
    """How full-domain generalization chooses among the levels.

    Attributes
    ----------
    objective : str
        What is minimized; see `shoal_engine.anonymity.objectives`.
    weights : mapping of column to float
        What a column counts, at least 0; 1 unless given. Of ``loss``, ``entropy`` and ``precision``.
    balance : float
        From 0, only generalization costs, over 0.5, both in full, to 1, only suppression costs.
    search : str
        ``optimal``: the best node, proven. ``top-down``: the best of at most `max_steps` nodes, from the roots
        down, with the gap to the best there could be. ``datafly``: the column with most distinct values is
        generalized until few enough rows are left (Sweeney 2002b, section 4.1).
    max_steps : int, optional
        Most nodes that ``top-down`` looks at.
    rounds : int
        How often the rows that were suppressed are searched again by themselves, each time over their own
        lattice: local recoding. 1 is full-domain generalization proper.
    """

    objective: ObjectiveName = "loss"
    weights: Mapping[str, Annotated[float, Meta(ge=0)]] = {}
    balance: Annotated[float, Meta(ge=0, le=1)] = 0.5
    search: Literal["optimal", "top-down", "datafly"] = "optimal"
    max_steps: Annotated[int, Meta(ge=1)] | None = None
    rounds: Annotated[int, Meta(ge=1)] = 1

    def _check(self) -> None:
        """Check that weights weigh something, and that numbers are finite."""
        if not all(math.isfinite(weight) and weight >= 0 for weight in self.weights.values()):
            msg = "`full_domain.weights` must be finite numbers of at least 0"
            raise PolicyError(msg)
        if self.weights and self.objective in _BY_CLASS:
            able = "loss, entropy, entropy-suppressed or precision"
            msg = f"objective = '{self.objective}' looks at classes, not columns, and takes no weights; use {able}"
            raise PolicyError(msg)
        if self.max_steps is not None and self.search != "top-down":
            msg = "`full_domain.max_steps` bounds search = 'top-down'; leave it out, or ask for that search"
            raise PolicyError(msg)


def check_objective(how: FullDomain, dimensions: Sequence[Dimension]) -> None:
    """Raise PolicyError where the objective needs a hierarchy that a column does not have, or weighs no column."""
    if how.objective in _OF_HIERARCHY:
        for column in dimensions:
            if column.tree is None:
                msg = (
                    f"objective = '{how.objective}' needs a hierarchy of every quasi-identifier and {column.name!r} "
                    "has none; declare one of kind tree, prefix, intervals or date, or use objective = 'entropy'"
                )
                raise PolicyError(msg)
    names = [column.name for column in dimensions]
    for name in how.weights:
        if name not in names:
            msg = f"`full_domain.weights` names {name!r}, which is no quasi-identifier; there are {', '.join(names)}"
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
        entropy=np.array([float((share * np.log(share)).sum())]),
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
            return -np.log2(np.stack(shares))
        case _:
            return np.zeros(levels.leaves.shape)

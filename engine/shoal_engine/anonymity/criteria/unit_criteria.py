"""Models that count units: what binds classes while they are made, and whether made classes hold it exactly."""

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from shoal_engine.anonymity.criteria.measures import chosen_models, class_sizes, holding
from shoal_engine.anonymity.table.units import Shares, Weights, shares_of, summed, weighed_cells
from shoal_kernels._jit import freeze
from shoal_kernels.criteria import privacy_models as kernel

if TYPE_CHECKING:
    from shoal_engine.anonymity.criteria.binding import BoundTable

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def with_units(table: "BoundTable", segment_of_tuple: Ints) -> "BoundTable":
    """Return the table with the weights of its rows among its cells, and models that count them.

    Parameters
    ----------
    table : BoundTable
        As observed: without people of a population among its cells.
    segment_of_tuple : (n_tuples,) int64
        Segments that no class reaches across.

    Returns
    -------
    BoundTable
        The table itself where it has no units, or no unit has two rows in a segment: rows count units then.
    """
    rows = table.grouped.tuple_of_row
    if table.units is None or rows is None:
        return table
    shares = shares_of(table.units, segment_of_tuple[rows], int(segment_of_tuple.max()) + 1)
    if shares.grid == 1:
        return table
    n_tuples = table.grouped.n_tuples
    cells = weighed_cells(rows, table.values, max(1, table.n_values), shares.weight, n_tuples)
    models = counting_units(table.models, shares.grid)
    k = models.k * shares.grid
    return replace(
        table,
        cells=cells,
        models=freeze(models._replace(k=k, reference=_reference(models, cells))),
        weights=Weights(shares.weight, summed(rows, shares.weight, n_tuples), shares.grid),
    )


def counting_units(models: kernel.Models, grid: int) -> kernel.Models:
    """Return the models over histograms of weights: l distinct values are to be carried by l distinct units."""
    if grid == 1:
        return models
    distinct = models.kind == kernel.DISTINCT
    return freeze(
        models._replace(
            kind=np.where(distinct, kernel.CARRIED, models.kind),
            count=np.where(distinct, models.count * grid, models.count),
            limit=np.where(distinct, float(grid), models.limit),
        )
    )


def without_absent(models: kernel.Models, kept: Flags) -> kernel.Models:
    """Return the models over some of the values: ranks and nodes are those of the values that a release holds."""
    before = np.concatenate([[0], np.cumsum(kept)])
    rows: list[Ints] = []
    for j, (first, last) in enumerate(zip(models.first, models.last, strict=True)):
        size, start = int(last - first), int(models.tree_start[j])
        nodes = models.ancestor[start : start + int(models.depth[j]) * size].reshape(-1, size)[:, kept[first:last]]
        if models.kind[j] == kernel.CLOSE_TREE:
            nodes = np.array([np.unique(level, return_inverse=True)[1] for level in nodes], np.int64)
        rows.append(nodes.ravel())
    length = np.array([row.size for row in rows], np.int64)
    return models._replace(
        first=before[models.first],
        last=before[models.last],
        reference=models.reference[kept],
        tree_start=np.cumsum(length) - length,
        ancestor=np.concatenate([np.empty(0, np.int64), *rows]),
    )


def with_weighed_cells(
    table: "BoundTable", cells: kernel.Cells, models: kernel.Models
) -> tuple[kernel.Cells, kernel.Models]:
    """Return cells that state what each tuple weighs as a value of its own, and models that read it there.

    So the classes of a lattice, whose costs are those of rows, are judged by weights.
    """
    if table.weights is None:
        return cells, models
    n = cells.start.size - 1
    mass = np.zeros(n, np.int64)
    mass[: table.mass.size] = table.mass
    place, value = cells.start[1:], models.reference.size
    weighed = np.flatnonzero(mass)
    start = cells.start + np.concatenate([[0], np.cumsum(mass > 0)])
    joined = kernel.Cells(
        start,
        np.insert(cells.value, place[weighed], value),
        np.insert(cells.count, place[weighed], mass[weighed]),
    )
    one, nothing = np.ones(1, np.int64), np.zeros(1, np.int64)
    marked = models._replace(
        kind=np.append(models.kind, kernel.WEIGHED * one),
        first=np.append(models.first, value * one),
        last=np.append(models.last, (value + 1) * one),
        count=np.append(models.count, nothing),
        limit=np.append(models.limit, np.zeros(1)),
        reference=np.append(models.reference, np.ones(1)),
        depth=np.append(models.depth, nothing),
        tree_start=np.append(models.tree_start, models.ancestor.size * one),
    )
    return freeze(joined), freeze(marked)


def _reference(models: kernel.Models, cells: kernel.Cells) -> npt.NDArray[np.float64]:
    """Return the share that each value has in all tuples, column by column."""
    count = summed(cells.value, cells.count, models.reference.size)
    whole = np.ones(count.size, np.int64)
    for first, last in zip(models.first, models.last, strict=True):
        whole[first:last] = max(1, int(count[first:last].sum()))
    return count / whole


class UnitJudge:
    """Whether classes hold every model of a policy, counted in units exactly.

    Parameters
    ----------
    table : BoundTable
    models : Models
        Models of the sensitive columns, as the policy states them: k in units, reference not read.
    """

    def __init__(self, table: "BoundTable") -> None:
        assert table.units is not None
        assert table.grouped.tuple_of_row is not None
        self._units = table.units
        self._tuple_of_row = table.grouped.tuple_of_row
        self._values = table.values
        self._models = table.declared
        self._declared = np.zeros(self._models.reference.size, np.bool_)
        for column in table.sensitive:
            # Values of a declared order keep their ranks, whether they occur or not.
            self._declared[column.first : column.first + column.size] = column.size != column.domain.size
        self._k = int(table.models.k[0]) // table.grid

    def only(self, places: Sequence[int], k: int) -> "UnitJudge":
        """Return a judge of `k`, and of the models at some places alone."""
        other = copy(self)
        other._models, other._k = chosen_models(self._models, np.array(places, np.int64)), k
        return other

    def units(self, class_of_tuple: Ints, n_classes: int) -> Ints:
        """Return the distinct units of each class."""
        return self.shares(class_of_tuple, n_classes).units

    def shares(self, class_of_tuple: Ints, n_classes: int) -> Shares:
        """Return the units of classes, and what their rows weigh there; negative classes are left out."""
        return shares_of(self._units, self.class_of_row(class_of_tuple), n_classes)

    def class_of_row(self, class_of_tuple: Ints) -> Ints:
        """Return the class of each row."""
        return class_of_tuple[self._tuple_of_row]

    def holding(self, class_of_tuple: Ints, n_classes: int) -> Flags:
        """Return which classes hold k units and every model, against the shares of all these classes together.

        Parameters
        ----------
        class_of_tuple : (n_tuples,) int64
            Numbered from 0 without gaps; negative where left out.
        n_classes : int
        """
        return self.holding_rows(self.class_of_row(class_of_tuple), n_classes)

    def holding_rows(self, part: Ints, n_classes: int) -> Flags:
        """Return the same for classes given row by row."""
        shares = shares_of(self._units, part, n_classes)
        enough = shares.units >= self._k
        if not self._models.kind.size:
            return enough
        cells = weighed_cells(part, self._values, self._models.reference.size, shares.weight, n_classes)
        kept = self._declared | (np.bincount(cells.value, minlength=self._declared.size) > 0)
        models = without_absent(counting_units(self._models, shares.grid), kept)
        cells = freeze(cells._replace(value=(np.cumsum(kept) - 1)[cells.value]))
        models = freeze(models._replace(k=np.ones(1, np.int64), reference=_reference(models, cells)))
        mass = class_sizes(shares.weight, part, n_classes)
        classes = np.arange(n_classes, dtype=np.int64)
        return enough & holding(mass, cells, models, classes, n_classes)

"""How exposed a table is as it is: its own equal tuples are its classes."""

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from shoal_engine.anonymity.criteria.assessment import Assessment, SensitiveReach
from shoal_engine.anonymity.criteria.binding import declare_models, with_reference
from shoal_engine.anonymity.criteria.comparison import Before, before_of
from shoal_engine.anonymity.criteria.measures import worst
from shoal_engine.anonymity.criteria.people import people_figures
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.anonymity.policy.roles import Sensitive
from shoal_engine.anonymity.policy.table_models import LKC, of_sizes
from shoal_engine.anonymity.policy.value_models import (
    Alpha,
    BetaLikeness,
    Closeness,
    DeltaDisclosure,
    Distinct,
    Entropy,
    Model,
    Recursive,
)
from shoal_engine.anonymity.table.item_sets import least_support
from shoal_engine.anonymity.table.sensitive import number_values
from shoal_engine.anonymity.table.table import Table
from shoal_engine.anonymity.table.units import Shares, least_carried, shares_of, summed, weighed_cells
from shoal_kernels.tables.dimensions import Dimensions

Vector = npt.NDArray[np.int64]

_ALWAYS: dict[str, Model] = {
    "l_distinct": Distinct(l=1),
    "l_entropy": Entropy(l=1),
    "l_entropy_grassberger": Entropy(l=1, estimator="grassberger"),
    "delta_disclosure": DeltaDisclosure(delta=1),
    "delta_disclosure_strict": DeltaDisclosure(delta=1, absent="infinite"),
    "beta_basic": BetaLikeness(beta=1),
    "beta_enhanced": BetaLikeness(beta=1, enhanced=True),
    "alpha": Alpha(alpha=1),
}
"""Measures that need no more than the column, by the field that tells them."""
_RANKS = (2, 3, 4, 5)
"""The l of the recursive (c, l)-diversities that are always told."""


def combinations_reach(table: Table, l: int, members: Vector) -> tuple[int, float]:
    """Return the fewest rows, and the largest share of a sensitive value, over combinations of `l` quasi-identifiers.

    Combinations of fewer columns are unions of these: they hold more rows and no larger share.

    Parameters
    ----------
    table : Table
    l : int
        All quasi-identifiers where there are fewer.
    members : (n_tuples,) int64
        What each tuple counts: its rows, or its units. A combination counts at least as many units as any of its
        tuples, and its values have the shares that its tuples have together.
    """
    grouped, dims, cells = table.grouped, table.space.arrays, table.cells
    codes = [_codes(dims, grouped.words, j) for j in range(len(dims.kind))]
    tuple_of_cell = np.repeat(np.arange(grouped.n_tuples), np.diff(cells.start))
    n_values = max(1, table.n_values)
    fewest, surest = table.n_rows, 0.0
    for columns in combinations(range(len(codes)), min(l, len(codes))):
        group = np.zeros(grouped.n_tuples, np.int64)
        for j in columns:
            group = np.unique(group * int(dims.size[j]) + codes[j], return_inverse=True)[1]
        rows = np.bincount(group, weights=grouped.weight)
        held = rows
        if table.units is not None:
            held = np.zeros(rows.size)
            np.maximum.at(held, group, members)
        fewest = min(fewest, int(held.min()))
        if cells.value.size:
            key, place = np.unique(group[tuple_of_cell] * n_values + cells.value, return_inverse=True)
            share = np.bincount(place, weights=cells.count) / rows[key // n_values]
            surest = max(surest, float(share.max()))
    return fewest, surest


def _codes(dims: Dimensions, words: npt.NDArray[np.uint64], j: int) -> Vector:
    """Return the code of each tuple in one dimension."""
    return ((words[dims.word[j]] >> np.uint64(dims.shift[j])) & dims.mask[j]).astype(np.int64)


def assess_table(table: Table) -> Assessment:
    """Measure a table's equivalence classes, risk, and what each sensitive column reaches."""
    weight = table.grouped.weight
    shares = _shares(table)
    members = weight if shares is None else shares.units
    return Assessment.of(
        rows=table.n_rows,
        k=int(members.min()),
        equivalence_classes=weight.size,
        unique_rows=int(weight[members == 1].sum()),
        sensitive=_reached(table, shares),
        table_models=_table_figures(table, members),
        set_valued={
            name: least_support(sets.of_units(table.units), table.policy.set_valued[name].m, name)
            for name, sets in table.sets.items()
        },
        unit=table.policy.unit,
        units=None if table.units is None else table.units.size,
        members=int(members.sum()),
    )


def table_before(table: Table, *, columns: int) -> tuple[Before, tuple[Vector, Vector]]:
    """Return the figures of a table before its release, and the sizes of its classes with the people of each.

    Parameters
    ----------
    table : Table
    columns : int
        Columns of the input.

    Returns
    -------
    Before
    (sizes, people)
        As for `shoal_engine.anonymity.criteria.comparison.size_bins`.
    """
    shares, k, weight = _shares(table), table.policy.k, table.grouped.weight
    if shares is None:
        return before_of(weight, (weight, weight), k=k, rows=table.n_rows, columns=columns), (weight, weight)
    assert table.units is not None
    assert table.grouped.tuple_of_row is not None
    smallest = np.full(table.units.size, np.iinfo(np.int64).max)
    np.minimum.at(smallest, table.units.of_row, shares.units[table.grouped.tuple_of_row])
    held = smallest, np.ones_like(smallest)
    before = before_of(shares.units, held, k=k, rows=table.n_rows, columns=columns, units=table.units.size)
    return before, held


def _shares(table: Table) -> Shares | None:
    """Return the units of each tuple, and what rows weigh there; None where the table has no units."""
    if table.units is None:
        return None
    assert table.grouped.tuple_of_row is not None
    return shares_of(table.units, table.grouped.tuple_of_row, table.grouped.n_tuples)


def _table_figures(table: Table, members: npt.NDArray[np.int64]) -> dict[str, float]:
    """Measure the models that bind the table as a whole, given the members of each class."""
    figures = {model.tag(): model.measure(members) for model in of_sizes(table.policy.models)}
    for model in table.policy.models:
        if isinstance(model, LKC):
            figures["lkc-k"], figures["lkc-c"] = combinations_reach(table, model.l, members)
    return figures | people_figures(table)


def _reached(table: Table, shares: Shares | None) -> dict[str, SensitiveReach]:
    """Measure every sensitive column, in one pass over the classes."""
    policy = _measuring(table.policy)
    columns = number_values(policy.sensitive, {name: domain for name, (domain, _) in table.coded.items()})
    if not columns:
        return {}
    tuples = np.arange(table.grouped.n_tuples, dtype=np.int64)
    rows = table.grouped.tuple_of_row
    cells = table.cells
    in_units = shares is not None and shares.grid > 1
    if shares is not None and in_units:
        assert rows is not None
        cells = weighed_cells(rows, table.values, table.n_values, shares.weight, tuples.size)
    declared = declare_models(policy, columns)
    models = with_reference(declared, columns, summed(cells.value, cells.count, table.n_values))
    figures = iter(worst(cells, tuples, tuples.size, models).tolist())
    reached = {name: _reach(role, figures) for name, role in table.policy.sensitive.items()}
    if not in_units:
        return reached
    assert rows is not None
    assert table.units is not None
    carried = [least_carried(rows, value, table.units.of_row) for value in table.values]
    return {
        name: msgspec.structs.replace(reach, l_distinct=l, l_entropy_grassberger=None)
        for (name, reach), l in zip(reached.items(), carried, strict=True)
    }


def _measuring(policy: Policy) -> Policy:
    """Return the policy with the measures reported of every sensitive column, ahead of its own models."""
    return msgspec.structs.replace(
        policy,
        # Without models k = 1 would be refused; measuring does not read k.
        k=max(2, policy.k),
        models=(),
        population="",
        unit="",
        sensitive={name: Sensitive(models=_every_measure(role)) for name, role in policy.sensitive.items()},
    )


def _every_measure(role: Sensitive) -> list[Model]:
    """Return models that stand for every measure, the column's own where they differ; their limits bind nothing."""
    named: dict[str, Model] = {model.distance: model for model in role.models if isinstance(model, Closeness)}
    ranks = {*_RANKS, *(model.l for model in role.models if isinstance(model, Recursive))}
    return [
        *_ALWAYS.values(),
        *({"equal": Closeness(t=1), "ordered": Closeness(t=1, distance="ordered")} | named).values(),
        *(Recursive(c=1, l=l) for l in sorted(ranks)),
        *(model for model in role.models if isinstance(model, Alpha) and model.values),
    ]


def _reach(role: Sensitive, figures: Iterator[float]) -> SensitiveReach:
    """Read the figures of one column, one for each measure, in their order."""
    told = [(model, next(figures)) for model in _every_measure(role)]
    closeness = {model.distance: figure for model, figure in told if isinstance(model, Closeness)}
    first = next((model.distance for model in role.models if isinstance(model, Closeness)), "equal")
    fields: dict[str, Any] = {field: figure for field, (_, figure) in zip(_ALWAYS, told, strict=False)}
    fields["l_distinct"] = int(fields["l_distinct"])
    return SensitiveReach(
        **fields,
        t=closeness[first],
        closeness=closeness,
        c_recursive={str(model.l): figure for model, figure in told if isinstance(model, Recursive)},
        alpha_declared=next((figure for model, figure in told if isinstance(model, Alpha) and model.values), None),
    )

"""Orders kept from one k to the next: the classes are those of each k by itself."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_array_equal

import shoal
from benches.partitioning import table_of
from shoal_engine.anonymity.fit import fit
from shoal_engine.anonymity.methods import tight as module
from shoal_engine.anonymity.methods.tight import tight
from shoal_engine.anonymity.methods.tuple_orders import Orders

STRENGTHS = (2, 3, 5, 11, 40)


def people() -> pl.DataFrame:
    random = np.random.default_rng(8)
    n = 1500
    return pl.DataFrame(
        {
            "age": [None if i % 31 == 3 else int(20 + 40 * x**2) for i, x in enumerate(random.random(n))],
            "zip": [f"{10_000 + int(300 * x * x)}" for x in random.random(n)],
            "job": random.choice(["a", "b", "c"], n),
            "ill": random.choice(["flu", "gout", "none"], n),
        }
    )


def policy(k: int, *, tree: bool, models: tuple[Any, ...] = (), **given: Any) -> shoal.Policy:
    roles = {name: shoal.QuasiIdentifier() for name in ("age", "zip", "job")}
    if tree:
        roles["zip"] = shoal.QuasiIdentifier(hierarchy=shoal.Prefix())
    sensitive = {"ill": shoal.Sensitive(models=list(models))}
    return shoal.Policy(k=k, quasi_identifiers=roles, sensitive=sensitive, **given)


@pytest.mark.parametrize(
    ("method", "given"),
    [
        ("tight", {"tree": True}),
        ("tight", {"tree": False}),
        ("tight", {"tree": True, "suppress": 0.05}),
        ("tight", {"tree": False, "models": (shoal.Distinct(l=2),)}),
        ("mondrian", {"tree": False}),
    ],
)
def test_fit__classes_are_those_of_each_k_by_itself(
    method: Any, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BLOCK_TUPLES", 300)
    monkeypatch.setattr(module, "ROUND_TUPLES", 2000)
    orders = Orders()
    for k in STRENGTHS:
        table = table_of(people(), policy(k, **given))
        alone = fit(table, method=method, n_threads=1)
        shared = fit(table, method=method, n_threads=2, orders=orders)
        assert_array_equal(shared.class_of_tuple, alone.class_of_tuple)


def test_order__is_found_once_where_no_tuple_has_k_rows() -> None:
    table = table_of(people(), policy(2, tree=False))
    orders, most = Orders(), int(table.grouped.weight.max())
    asked = [table_of(people(), policy(k, tree=False)) for k in (most + 1, most + 9)]
    space, grouped = table.space.arrays, table.grouped
    tight(space, grouped.words, grouped.weight, table.cells, asked[0].models, orders=orders)
    kept = orders.of(0, np.arange(grouped.n_tuples))
    assert kept.n_light[0] == grouped.n_tuples
    # An order that is read, not made, stays as it was written: here, back to front.
    kept.place[:] = kept.place[::-1].copy()
    written = kept.place.copy()
    tight(space, grouped.words, grouped.weight, table.cells, asked[1].models, orders=orders)
    assert_array_equal(orders.of(0, np.arange(grouped.n_tuples)).place, written)


def test_orders__of_other_tuples_are_not_those_kept() -> None:
    orders = Orders()
    kept = orders.of(0, np.array([0, 1, 2]))
    assert orders.of(0, np.array([0, 1, 2])) is kept
    assert orders.of(0, np.array([0, 2, 1])) is not kept
    assert orders.of_part(np.array([1])) is orders.of_part(np.array([1]))
    assert orders.of_part(np.array([1])) is not orders.of_part(np.array([2]))

"""k^m-anonymity of lists, m = 2 and k = 5; the floor is one count of all pairs in plain Polars."""

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import shoal
from benches.baskets import baskets
from benches.scale import N_ROWS
from shoal.io.observing import observe
from shoal.recount.measures import least_support
from shoal_engine.anonymity.release.item_recoding import recode_items
from shoal_engine.anonymity.table.item_sets import ItemSets

M, K = 2, 5


@pytest.fixture(scope="module")
def sets() -> ItemSets:
    policy = shoal.Policy(
        k=K, quasi_identifiers={"group": shoal.QuasiIdentifier()}, set_valued={"items": shoal.SetValued(m=M)}
    )
    return observe(baskets(N_ROWS).lazy(), policy, carry=True, n_threads=1).finish().sets["items"]


@pytest.mark.benchmark(group="set-valued")
@pytest.mark.parametrize("hierarchy", [None, shoal.Prefix()], ids=["leave out", "generalize"])
def test_recode_items(benchmark: BenchmarkFixture, sets: ItemSets, hierarchy: shoal.Prefix | None) -> None:
    role, everybody = shoal.SetValued(m=M, hierarchy=hierarchy), np.ones(sets.n_rows, np.bool_)
    found = benchmark(recode_items, sets, everybody, role, k=K, name="items", folder="")
    assert found.value_of_item.size == sets.domain.size


@pytest.mark.benchmark(group="set-valued")
def test_pairs_once__polars(benchmark: BenchmarkFixture) -> None:
    frame = baskets(N_ROWS).lazy()
    assert benchmark(least_support, frame, "items", M) >= 1

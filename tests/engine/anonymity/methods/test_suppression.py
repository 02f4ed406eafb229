import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from naive.tables import Table, tables
from naive.tight import loss
from shoal_engine.anonymity.methods.suppression import SUPPRESSED, suppress, with_released_shares
from shoal_kernels.criteria.privacy_models import CLOSE_EQUAL
from shoal_kernels.tables.dimensions import ORDERED


@given(tables(max_rows=30), st.integers(1, 4), st.integers(0, 10))
@settings(deadline=None)
def test_suppress__never_costs_more_than_it_saves(table: Table, k: int, most: int) -> None:
    n = len(table.codes)
    assume(sum(table.weight) >= k)
    dims, weight = table.dimensions(), np.array(table.weight, np.int64)
    before = np.zeros(n, np.int64)
    after = suppress(dims, table.words(dims), weight, table.cells(), table.models(k, []), before, max_rows=most)
    kept = [i for i in range(n) if after[i] != SUPPRESSED]
    gone = int(weight[after == SUPPRESSED].sum())
    assert gone <= most
    rows = sum(table.weight)
    assert (rows - gone) * loss(table, kept) + gone <= rows * loss(table, list(range(n))) + 1e-9
    assert rows - gone >= k


def test_with_released_shares__counts_only_rows_that_stay() -> None:
    table = Table([ORDERED], [3], [2], [(0,), (1,), (2,)], [[0, 0], [1], [2]], 3)
    models = table.models(2, [(CLOSE_EQUAL, 0, 0.5)])
    found = with_released_shares(table.cells(), models, np.array([0, 0, SUPPRESSED]))
    assert found.reference.tolist() == pytest.approx([2 / 3, 1 / 3, 0.0])
    assert with_released_shares(table.cells(), models, np.array([0, 0, 0])) is models

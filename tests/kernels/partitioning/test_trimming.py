import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import trimming
from naive.tables import Table, tables
from shoal_kernels.criteria.privacy_models import DISTINCT
from shoal_kernels.partitioning.trimming import worthwhile_removals


@given(tables(max_rows=25), st.integers(1, 4), st.sampled_from([[], [(DISTINCT, 2, 0.0)]]), st.data())
@settings(deadline=None)
def test_worthwhile_removals__saves_what_it_says(
    table: Table, k: int, chosen: list[tuple[int, int, float]], data: st.DataObject
) -> None:
    n = len(table.codes)
    cut = data.draw(st.integers(0, n))
    dims = table.dimensions()
    gain, step = np.full(n, 9.0), np.full(n, 9)
    weight, order = np.array(table.weight, np.int64), np.arange(n)
    start = np.array([0, cut, n])
    worthwhile_removals(
        dims, table.words(dims), weight, table.cells(), table.models(k, chosen), order, start, gain, step
    )
    for members in (range(cut), range(cut, n)):
        expected = trimming.removals(table, list(members), lambda rest: table.holds(rest, k, chosen))
        found = sorted((int(step[i]), i) for i in members if step[i])
        assert [number for number, _ in found] == list(range(1, len(found) + 1))
        # Equal savings may be taken in another order; how many rows go first, and what the first saves, may not.
        assert bool(found) == bool(expected)
        if found:
            assert gain[found[0][1]] == pytest.approx(expected[0][1])
        gains = [gain[i] for _, i in found]
        assert gains == sorted(gains, reverse=True)
        kept = [i for i in members if not step[i]]
        if found:
            assert table.holds(kept, k, chosen)
        assert all(gain[i] == 0 for i in kept)

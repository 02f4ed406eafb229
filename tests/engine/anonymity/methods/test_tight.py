from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from naive.tables import Model, Table, models, tables
from shoal_engine.anonymity.methods import tight as module
from shoal_engine.anonymity.methods.tight import tight
from shoal_kernels.criteria.privacy_models import DISTINCT
from shoal_kernels.tables.dimensions import ORDERED


def ours(table: Table, k: int, chosen: Sequence[Model] = (), word_bits: int = 64, n_threads: int = 1) -> list[int]:
    dims = table.dimensions(word_bits)
    weight = np.array(table.weight, np.int64)
    return tight(dims, table.words(dims), weight, table.cells(), table.models(k, chosen), n_threads=n_threads).tolist()


def classes(found: list[int]) -> list[list[int]]:
    return [[i for i, c in enumerate(found) if c == wanted] for wanted in sorted(set(found))]


@given(tables(max_rows=120), st.integers(1, 12), models)
@settings(deadline=None)
def test_tight__every_class_satisfies_the_models(table: Table, k: int, chosen: list[Model]) -> None:
    assume(table.holds(range(len(table.codes)), k, chosen))
    found = ours(table, k, chosen)
    assert sorted(set(found)) == list(range(max(found) + 1))
    for members in classes(found):
        assert table.holds(members, k, chosen)


@given(tables(max_rows=120), st.integers(1, 12))
@settings(deadline=None)
def test_tight__several_words_make_no_difference(table: Table, k: int) -> None:
    assume(sum(table.weight) >= k)
    assert ours(table, k, word_bits=9) == ours(table, k)


@given(tables(max_rows=40), models)
@settings(deadline=None)
def test_tight__k_of_one_loses_nothing(table: Table, chosen: list[Model]) -> None:
    assert len(set(ours(table, 1))) == len(table.codes)


def scattered(n: int, sizes: Sequence[int], seed: int) -> Table:
    """Many distinct tuples with skewed codes, one sensitive value of three for each."""
    rng = np.random.default_rng(seed)
    skewed = [np.minimum((rng.exponential(0.3, n) * s).astype(int), s - 1).tolist() for s in sizes]
    codes = sorted(set(zip(*skewed, strict=True)))
    bits = [max(1, (s - 1).bit_length()) for s in sizes]
    values = [[int(v)] for v in rng.integers(0, 3, len(codes))]
    return Table([ORDERED] * len(sizes), list(sizes), bits, codes, values, 3)


@pytest.mark.parametrize("chosen", [[], [(DISTINCT, 2, 0.0)]])
def test_tight__blocks_and_threads_make_no_difference(chosen: list[Model], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK_TUPLES", 2000)
    table = scattered(20_000, [90, 2, 3000, 16], seed=1)
    found = ours(table, 5, chosen)
    assert found == ours(table, 5, chosen, n_threads=3)
    sizes = np.bincount(found)
    assert sizes.min() >= 5
    for members in classes(found)[:50]:
        assert table.holds(members, 5, chosen)


def test_tight__large_k_is_met() -> None:
    table = scattered(3000, [90, 30, 16], seed=2)
    n = len(table.codes)
    for k in (500, n // 2, n // 2 + 1, n):
        assert np.bincount(ours(table, k)).min() >= k


def test_tight__no_tuples_no_classes() -> None:
    table = Table([ORDERED], [2], [1], [], [], 1)
    dims = table.dimensions()
    models = Table([ORDERED], [2], [1], [(0,)], [[0]], 1).models(2, [])
    found = tight(dims, np.empty((1, 0), np.uint64), np.empty(0, np.int64), table.cells(), models)
    assert found.shape == (0,)

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from naive import mondrian as naive
from naive.tables import Model, Table, models, tables
from shoal_engine.anonymity.methods.mondrian import mondrian, mondrian_relaxed
from shoal_kernels._jit import freeze
from shoal_kernels.tables.dimensions import ORDERED, SET


def ours(table: Table, k: int, chosen: Sequence[Model], word_bits: int = 64, n_threads: int = 1) -> list[int]:
    dims = table.dimensions(word_bits)
    found = mondrian(
        dims,
        table.words(dims),
        np.array(table.weight, np.int64),
        table.cells(),
        table.models(k, chosen),
        n_threads=n_threads,
    )
    return found.tolist()


def ours_relaxed(table: Table, k: int, chosen: Sequence[Model], n_threads: int = 1) -> list[int]:
    dims = table.dimensions()
    found = mondrian_relaxed(dims, table.words(dims), table.cells(), table.models(k, chosen), n_threads=n_threads)
    return found.tolist()


def numbered(classes: list[set[int]]) -> list[int]:
    """Number classes by their first tuple."""
    ranked = sorted(classes, key=min)
    return [next(c for c, members in enumerate(ranked) if i in members) for i in range(sum(map(len, classes)))]


def rows_apart(table: Table) -> Table:
    """The same table with one entry for each row."""
    codes = [c for c, values in zip(table.codes, table.values, strict=True) for _ in values]
    values = [[v] for row in table.values for v in row]
    return Table(table.kinds, table.sizes, table.bits, codes, values, table.n_values)


@given(tables(), st.integers(1, 6))
@settings(deadline=None)
def test_strict__equals_naive(table: Table, k: int) -> None:
    expected = naive.strict(table.codes, table.weight, table.width, lambda t: table.holds(t, k, []))
    assert ours(table, k, []) == numbered(expected)


@given(tables(), st.integers(1, 6), models)
@settings(deadline=None)
def test_strict__with_models_equals_naive(table: Table, k: int, chosen: list[Model]) -> None:
    expected = naive.strict(table.codes, table.weight, table.width, lambda t: table.holds(t, k, chosen))
    assert ours(table, k, chosen) == numbered(expected)


@given(tables(), st.integers(1, 6), models)
@settings(deadline=None)
def test_strict__no_class_fails_when_the_table_holds(table: Table, k: int, chosen: list[Model]) -> None:
    assume(table.holds(range(len(table.codes)), k, chosen))
    found = ours(table, k, chosen)
    for c in set(found):
        assert table.holds([i for i in range(len(found)) if found[i] == c], k, chosen)


@given(tables(), st.integers(1, 4))
@settings(deadline=None)
def test_strict__several_words_and_spread_keys_make_no_difference(table: Table, k: int) -> None:
    assert ours(table, k, [], word_bits=9) == ours(table, k, [])


@given(tables(max_rows=60), st.integers(1, 4), models)
@settings(deadline=None)
def test_strict__threads_make_no_difference(table: Table, k: int, chosen: list[Model]) -> None:
    assert ours(table, k, chosen, n_threads=3) == ours(table, k, chosen)


@given(tables(), st.integers(1, 6), models)
@settings(deadline=None)
def test_relaxed__equals_naive(table: Table, k: int, chosen: list[Model]) -> None:
    rows = rows_apart(table)
    expected = naive.relaxed(rows.codes, rows.width, lambda t: rows.holds(t, k, chosen))
    assert ours_relaxed(rows, k, chosen) == numbered(expected)


@given(tables(max_rows=60), st.integers(1, 6))
@settings(deadline=None)
def test_relaxed__sizes_lie_between_k_and_2k(table: Table, k: int) -> None:
    rows = rows_apart(table)
    assume(len(rows.codes) >= k)
    sizes = np.bincount(ours_relaxed(rows, k, [], n_threads=2))
    assert sizes.min() >= k
    assert sizes.max() <= 2 * k - 1


def plain(codes: list[tuple[int, ...]], sizes: list[int], rows: list[int] | None = None) -> Table:
    bits = [max(1, (s - 1).bit_length()) for s in sizes]
    values = [[0] * r for r in rows or [1] * len(codes)]
    return Table([ORDERED] * len(sizes), sizes, bits, codes, values, 1)


# LeFevre et al. 2006, the patient table of their introduction: (age 25-28, sex, ZIP 53710-53712).
PATIENTS = {
    "25 M 53711": (0, 1, 1),
    "25 F 53712": (0, 0, 2),
    "26 M 53711": (1, 1, 1),
    "27 M 53710": (2, 1, 0),
    "27 F 53712": (2, 0, 2),
    "28 M 53711": (3, 1, 1),
}


def patients_in_classes(order: tuple[int, int, int]) -> set[frozenset[str]]:
    names = {tuple(codes[j] for j in order): name for name, codes in PATIENTS.items()}
    rows = sorted(names)
    found = ours(plain(rows, [(4, 2, 3)[j] for j in order]), 2, [])
    return {frozenset(names[rows[i]] for i in range(6) if found[i] == c) for c in set(found)}


def test_strict__patients_of_lefevre_2006() -> None:
    """Their multidimensional release (k = 2): [25-26] M 53711, [25-27] F 53712, [27-28] M [53710-53711].

    All three ranges are full, so the first dimension is cut: sex, 4 men and 2 women. Then the men's ages.
    """
    assert patients_in_classes((1, 0, 2)) == {
        frozenset({"25 M 53711", "26 M 53711"}),
        frozenset({"25 F 53712", "27 F 53712"}),
        frozenset({"27 M 53710", "28 M 53711"}),
    }


def test_strict__patients_cut_by_age_first() -> None:
    """The median age leaves 3 and 3; no class of 3 can be cut again."""
    assert patients_in_classes((0, 1, 2)) == {
        frozenset({"25 M 53711", "25 F 53712", "26 M 53711"}),
        frozenset({"27 M 53710", "27 F 53712", "28 M 53711"}),
    }


def test_strict__median_equal_to_the_minimum_is_still_cut() -> None:
    assert ours(plain([(0,), (1,), (2,)], [3], rows=[9, 1, 1]), 2, []) == [0, 1, 1]


def test_strict__equal_distances_take_the_lower_cut() -> None:
    assert ours(plain([(0,), (1,), (2,)], [3], rows=[3, 2, 3]), 3, []) == [0, 1, 1]


@pytest.mark.parametrize("k", [1, 2])
def test_strict__one_tuple_is_one_class(k: int) -> None:
    assert ours(plain([(0, 0)], [1, 5], rows=[7]), k, []) == [0]


def test_strict__key_that_fills_64_bits() -> None:
    sizes = [2**31, 2**31, 4]
    codes = [(0, 5, 1), (0, 2**31 - 1, 3), (2**31 - 1, 0, 0), (2**31 - 1, 2**31 - 1, 3)]
    rng = np.random.default_rng(0)
    rows = sorted({*codes, *zip(*(rng.integers(0, s, 500).tolist() for s in sizes), strict=True)})
    lean = [s.bit_length() for s in (2**31 - 1, 2**31 - 1, 3)]
    assert sum(lean) == 64
    table = _Wide(plain(rows, [2, 2, 2]), sizes)
    one_word = table.run(64)
    assert_array_equal(one_word, table.run(40))
    assert np.bincount(one_word).min() >= 3


class _Wide:
    """Codes of huge domains; widths come from SET steps, so no table of positions is needed."""

    def __init__(self, table: Table, sizes: list[int]) -> None:
        table.bits = [(s - 1).bit_length() for s in sizes]
        self.table, self.sizes = table, sizes

    def run(self, word_bits: int) -> npt.NDArray[np.int64]:
        table = self.table
        dims = table.dimensions(word_bits)._replace(kind=np.full(3, SET, np.int64), size=np.array(self.sizes, np.int64))
        weight = np.ones(len(table.codes), np.int64)
        return mondrian(freeze(dims), table.words(dims), weight, table.cells(), table.models(3, []))

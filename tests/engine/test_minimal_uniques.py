from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import uniques as naive
from shoal_engine.errors import InputError
from shoal_engine.risk import column_sets
from shoal_engine.risk.column_sets import ColumnSets
from shoal_engine.risk.minimal_uniques import MinimalUniques, find_minimal_uniques

Rows = list[tuple[int, ...]]


@st.composite
def tables(draw: st.DrawFn) -> tuple[Rows, int]:
    """Draw rows of up to five columns, and a largest size of sets; few values, so that rows meet."""
    d = draw(st.integers(1, 5))
    most = draw(st.lists(st.integers(0, 6), min_size=d, max_size=d))
    rows = draw(st.lists(st.tuples(*(st.integers(0, m) for m in most)), min_size=1, max_size=25))
    return rows, draw(st.integers(1, d))


def columns_of(rows: Rows, width: int = 0) -> tuple[list[np.ndarray], list[int]]:
    """Return codes and sizes; with a width, sizes beyond what occurs, so that codes take several words."""
    codes = [np.array(column, np.uint32) for column in zip(*rows, strict=True)]
    return codes, [width or int(column.max()) + 1 for column in codes]


def ours(rows: Rows, max_size: int | None, *, n_threads: int = 1, width: int = 0) -> MinimalUniques:
    codes, sizes = columns_of(rows, width)
    return find_minimal_uniques(codes, sizes, max_size=max_size, dis_fraction=0.1, n_threads=n_threads)


@given(tables(), st.sampled_from([(1, 0), (2, 0), (2, 1 << 31)]))
@settings(deadline=None, max_examples=150)
def test_find_minimal_uniques__equals_naive(case: tuple[Rows, int], how: tuple[int, int]) -> None:
    rows, max_size = case
    found = ours(rows, max_size, n_threads=how[0], width=how[1])
    d = len(rows[0])
    minimal = [naive.minimal(rows, i, max_size) for i in range(len(rows))]
    scores = [float(sum(naive.worth(len(columns), d, max_size) for columns in own)) for own in minimal]
    assert found.score.tolist() == scores
    assert found.n_minimal.tolist() == [len(own) for own in minimal]
    assert found.smallest.tolist() == [min(map(len, own), default=0) for own in minimal]
    assert found.dis == pytest.approx(naive.dis(rows, scores, 0.1), abs=1e-12)
    assert found.n_rows.tolist() == [sum(columns in own for own in minimal) for columns in found.sets]
    total = sum(scores)
    for j in range(d):
        mine = sum(naive.worth(len(columns), d, max_size) for own in minimal for columns in own if j in columns)
        assert found.contribution[j] == pytest.approx(mine / total if total else 0.0)


@given(tables(), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_find_minimal_uniques__follows_its_rows_and_columns(case: tuple[Rows, int], random: object) -> None:
    rows, max_size = case
    order = list(range(len(rows)))
    random.shuffle(order)  # pyright: ignore
    before, after = ours(rows, max_size), ours([rows[i] for i in order], max_size, n_threads=2)
    assert (after.score.tolist(), after.dis.tolist()) == (before.score[order].tolist(), before.dis[order].tolist())
    turned = ours([row[::-1] for row in rows], max_size)
    assert turned.score.tolist() == before.score.tolist()


def test_find_minimal_uniques__worth_of_elliot_2002() -> None:
    """Of 5 columns an MSU of size 1 is worth 4! = 24, of size 2 3! = 6; up to size 3: 4 * 3 * 2 and 3 * 2."""
    twins = list(product([0], [0, 0], [0, 0], [0, 0], [0, 0]))
    alone = [*twins, (1, 0, 0, 0, 0)]
    assert ours(alone, None).score[-1] == 24
    assert ours(alone, 3).score[-1] == 24
    assert ours(alone, 1).score[-1] == 4
    pairs = [(0, 0, 0, 0, 0), (1, 1, 0, 0, 0), (0, 1, 0, 0, 0), (1, 1, 0, 0, 0), (0, 1, 0, 0, 0), (1, 0, 0, 0, 0)]
    found = ours([*pairs, (1, 0, 0, 0, 0)], None)
    assert (found.score[0], found.smallest[0]) == (6, 2)


def test_find_minimal_uniques__nobody_is_unique() -> None:
    found = ours([(0, 1), (0, 1), (2, 2), (2, 2)], None)
    assert not found.score.any()
    assert not found.dis.any()
    assert found.contribution.tolist() == [0, 0]


@pytest.mark.parametrize(("max_size", "fraction", "told"), [(0, 0.1, "max_size"), (3, 0.1, "max_size"), (1, 0, "dis")])
def test_find_minimal_uniques__refuses(max_size: int, fraction: float, told: str) -> None:
    codes, sizes = columns_of([(0, 1), (1, 1)])
    with pytest.raises(InputError, match=told):
        find_minimal_uniques(codes, sizes, max_size=max_size, dis_fraction=fraction, n_threads=1)


def test_column_sets__too_many_are_refused_with_their_number() -> None:
    codes, sizes = columns_of([(0,) * 20])
    with pytest.raises(InputError, match="1,048,575 sets"):
        ColumnSets.of(codes, sizes, max_size=None, row_ids=False, n_threads=1)
    assert len(ColumnSets.of(codes, sizes, max_size=2, row_ids=False, n_threads=1).sets) == 210


@pytest.mark.parametrize("cut", [0, 3, 7, 9])
@pytest.mark.parametrize("max_size", [1, 2, 3, 5, 7])
def test_parts__reach_every_set_once(max_size: int, cut: int) -> None:
    codes, sizes = columns_of([(0,) * 7])
    space = ColumnSets.of(codes, sizes, max_size=max_size, row_ids=False, n_threads=1)
    reached = [number for part in space.parts(cut=cut) for number in part.steps.number if number >= 0]
    assert sorted(reached) == list(range(len(space.sets)))
    assert column_sets.smaller_sets(space.sets, 7)[0].tolist() == [-1] * 7

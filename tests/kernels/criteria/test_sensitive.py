from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from naive import sensitive as naive
from shoal_kernels._jit import freeze
from shoal_kernels._types import OutVector, Vector, kernel
from shoal_kernels.criteria.class_check import distance_to_reference, satisfies
from shoal_kernels.criteria.diversity import grassberger
from shoal_kernels.criteria.privacy_models import (
    ALPHA,
    BETA,
    BETA_ENHANCED,
    CLOSE_EQUAL,
    CLOSE_ORDERED,
    CLOSE_TREE,
    DELTA,
    DELTA_STRICT,
    DISTINCT,
    ENTROPY,
    GRASSBERGER,
    RECURSIVE,
    Models,
)


@kernel
def judge(
    models: Models,
    histogram: Vector[np.int64],
    n_rows: int,
    verdict: OutVector[np.bool_],
    distance: OutVector[np.float64],
) -> None:
    verdict[0] = satisfies(models, histogram, n_rows)
    for j in range(len(models.kind)):
        if CLOSE_EQUAL <= models.kind[j] <= CLOSE_TREE:
            distance[j] = distance_to_reference(models, j, histogram, n_rows)


def one_model(kind: int, n_values: int, k: int = 1, **given: Any) -> Models:
    def integers(*values: int) -> npt.NDArray[np.int64]:
        return np.array(values, np.int64)

    levels = given.get("levels", [])
    return freeze(
        Models(
            k=integers(k),
            kind=integers(kind),
            first=integers(0),
            last=integers(n_values),
            count=integers(given.get("count", 0)),
            limit=np.array([given.get("limit", 0.0)], np.float64),
            reference=np.array(given.get("reference", [0.0] * n_values), np.float64),
            depth=integers(len(levels)),
            tree_start=integers(0),
            ancestor=np.array([node for level in levels for node in level], np.int64),
        )
    )


def verdict(models: Models, counts: list[int]) -> bool:
    out = np.zeros(1, np.bool_)
    judge(models, np.array(counts, np.int64), sum(counts), out, np.zeros(1))
    return bool(out[0])


def distance(models: Models, counts: list[int]) -> float:
    out = np.zeros(1)
    judge(models, np.array(counts, np.int64), sum(counts), np.zeros(1, np.bool_), out)
    return float(out[0])


counts = st.lists(st.integers(0, 12), min_size=1, max_size=8).filter(any)


@given(counts, st.integers(1, 9))
@settings(deadline=None)
def test_distinct__counts_values_that_occur(counts: list[int], l: int) -> None:
    assert verdict(one_model(DISTINCT, len(counts), count=l), counts) == (sum(c > 0 for c in counts) >= l)


@given(counts, st.integers(1, 9))
@settings(deadline=None)
def test_entropy__whole_limit_is_decided_exactly(counts: list[int], l: int) -> None:
    model = one_model(ENTROPY, len(counts), limit=float(l))
    assert verdict(model, counts) == naive.entropy_reaches(counts, Fraction(l))


@given(counts, st.floats(1.0, 9.0))
@settings(deadline=None)
def test_entropy__fractional_limit_is_never_too_kind(counts: list[int], l: float) -> None:
    model = one_model(ENTROPY, len(counts), limit=l)
    n = sum(counts)
    assume(n < 40)
    assert verdict(model, counts) <= naive.entropy_reaches(counts, Fraction(l))


@pytest.mark.parametrize(
    ("counts", "l"),
    [
        ([7, 7, 7], 3.0),
        ([10**9] * 5, 5.0),
        ([4, 1, 1, 1, 1], 4.0),  # 1/2 * 1 bit + 4 * 1/8 * 3 bits = 2 bits
        ([4 * 10**8, 10**8, 10**8, 10**8, 10**8], 4.0),
        ([10**9, 10**9 - 1, 1], 2.0),
    ],
)
def test_entropy__on_the_limit_is_enough(counts: list[int], l: float) -> None:
    assert verdict(one_model(ENTROPY, len(counts), limit=l), counts)


def test_entropy__below_the_limit_by_less_than_floats_tell_is_refused() -> None:
    assert not verdict(one_model(ENTROPY, 2, limit=2.0), [10**9, 10**9 + 1])


@given(counts, st.integers(1, 9), st.sampled_from([0.1, 0.5, 1.0, 1.5, 3.0, 7.7]))
@settings(deadline=None)
def test_recursive__equals_naive(counts: list[int], l: int, c: float) -> None:
    model = one_model(RECURSIVE, len(counts), count=l, limit=c)
    assert verdict(model, counts) == naive.recursive_holds(counts, Fraction(c), l)


@st.composite
def class_and_table(draw: st.DrawFn) -> tuple[list[int], list[Fraction]]:
    mine = draw(counts)
    others = draw(st.lists(st.integers(0, 12), min_size=len(mine), max_size=len(mine)))
    table = [a + b for a, b in zip(mine, others, strict=True)]
    return mine, [Fraction(x, sum(table)) for x in table]


@given(class_and_table())
@settings(deadline=None)
def test_close_equal__equals_naive(case: tuple[list[int], list[Fraction]]) -> None:
    mine, reference = case
    exact = naive.distance_equal(mine, reference)
    model = one_model(CLOSE_EQUAL, len(mine), limit=float(exact), reference=[float(q) for q in reference])
    assert distance(model, mine) == pytest.approx(float(exact), abs=1e-14)
    assert verdict(model, mine)


@given(class_and_table())
@settings(deadline=None)
def test_close_ordered__equals_naive(case: tuple[list[int], list[Fraction]]) -> None:
    mine, reference = case
    exact = naive.distance_ordered(mine, reference)
    model = one_model(CLOSE_ORDERED, len(mine), limit=float(exact), reference=[float(q) for q in reference])
    assert distance(model, mine) == pytest.approx(float(exact), abs=1e-14)
    assert verdict(model, mine)


@st.composite
def hierarchy(draw: st.DrawFn, size: int) -> list[list[int]]:
    levels = [draw(st.permutations(range(size)))]
    while len(set(levels[-1])) > 1:
        below = levels[-1]
        merge = {node: draw(st.integers(0, max(0, len(set(below)) // 2 - 1))) for node in sorted(set(below))}
        renumber = {node: i for i, node in enumerate(sorted(set(merge.values())))}
        levels.append([renumber[merge[node]] for node in below])
    return levels


@given(class_and_table(), st.data())
@settings(deadline=None)
def test_close_tree__equals_naive(case: tuple[list[int], list[Fraction]], data: st.DataObject) -> None:
    mine, reference = case
    levels = data.draw(hierarchy(len(mine)))
    exact = naive.distance_tree(mine, reference, levels)
    model = one_model(CLOSE_TREE, len(mine), limit=float(exact), reference=[float(q) for q in reference], levels=levels)
    assert distance(model, mine) == pytest.approx(float(exact), abs=1e-14)
    assert verdict(model, mine)


@pytest.mark.parametrize("kind", [CLOSE_EQUAL, CLOSE_ORDERED])
def test_close__refuses_just_above_the_limit(kind: int) -> None:
    model = one_model(kind, 2, limit=0.5 - 1e-9, reference=[0.5, 0.5])
    assert not verdict(model, [7, 0])


# Li et al. 2007, section 4.1: salaries 3k to 11k, one row each.
NINTHS = [1 / 9] * 9


@pytest.mark.parametrize(
    ("counts", "expected"),
    [([1, 1, 1, 0, 0, 0, 0, 0, 0], 0.375), ([0, 0, 0, 1, 0, 1, 0, 0, 1], 1 / 6)],
)
def test_close_ordered__salaries_of_li_2007(counts: list[int], expected: float) -> None:
    model = one_model(CLOSE_ORDERED, 9, limit=expected, reference=NINTHS)
    assert distance(model, counts) == pytest.approx(expected, abs=1e-15)
    assert verdict(model, counts)


def test_k__binds_before_any_model() -> None:
    model = one_model(DISTINCT, 2, k=3, count=2)
    assert not verdict(model, [1, 1])
    assert verdict(model, [2, 1])


@kernel
def stand_ins(counts: Vector[np.int64], out: OutVector[np.float64]) -> None:
    for i in range(len(counts)):
        out[i] = grassberger(counts[i])


def test_grassberger__equals_the_digamma_function() -> None:
    """G(2n) = psi(n + 1 / 2) + ln 2, from the table and from the expansion."""
    special = pytest.importorskip("scipy.special")
    counts = np.concatenate([np.arange(1, 400), [10**5, 10**9 + 1]])
    found = np.empty(counts.size)
    stand_ins(counts, found)
    np.testing.assert_allclose(found, special.digamma(counts // 2 + 0.5) + np.log(2), rtol=1e-14, atol=1e-14)


@given(counts, st.floats(1.0, 9.0))
@settings(deadline=None)
def test_grassberger__equals_naive(counts: list[int], l: float) -> None:
    assert verdict(one_model(GRASSBERGER, len(counts), limit=l), counts) == (naive.grassberger_values(counts) >= l)


def test_grassberger__needs_the_values_however_few_the_rows() -> None:
    assert naive.grassberger_values([1, 1]) == 2  # the estimate itself is exp(2)
    assert verdict(one_model(GRASSBERGER, 2, limit=2.0), [1, 1])
    assert not verdict(one_model(GRASSBERGER, 2, limit=2.5), [1, 1])


@given(class_and_table(), st.sampled_from([0.1, 0.7001, 1.1, 2.3]))
@settings(deadline=None)
def test_likeness__equals_naive(case: tuple[list[int], list[Fraction]], limit: float) -> None:
    mine, reference = case
    shares = [float(q) for q in reference]

    def holds(kind: int) -> bool:
        return verdict(one_model(kind, len(mine), limit=limit, reference=shares), mine)

    assert holds(DELTA) == (naive.delta(mine, reference, strict=False) < limit)
    assert holds(DELTA_STRICT) == (naive.delta(mine, reference, strict=True) < limit)
    assert holds(BETA) == (naive.beta(mine, reference) <= Fraction(limit))
    assert holds(BETA_ENHANCED) == (naive.beta_enhanced(mine, reference) <= limit)


def test_delta__a_ratio_on_the_limit_is_refused() -> None:
    """The paper asks for less than delta: three quarters of the class against one of the table."""
    model = one_model(DELTA, 2, limit=float(np.log(3)), reference=[0.25, 0.75])
    assert not verdict(model, [3, 1])
    assert verdict(one_model(DELTA, 2, limit=float(np.log(3)) + 1e-9, reference=[0.25, 0.75]), [3, 1])


@given(class_and_table())
@settings(deadline=None)
def test_beta__a_gain_on_the_limit_is_enough(case: tuple[list[int], list[Fraction]]) -> None:
    mine, reference = case
    exact = float(naive.beta(mine, reference))
    assert verdict(one_model(BETA, len(mine), limit=exact, reference=[float(q) for q in reference]), mine)


@given(counts, st.data())
@settings(deadline=None)
def test_alpha__equals_naive(counts: list[int], data: st.DataObject) -> None:
    bound = data.draw(st.lists(st.integers(0, 1), min_size=len(counts), max_size=len(counts)))
    n = sum(counts)
    for most in range(1, n + 1):
        limit = most / n
        assert verdict(one_model(ALPHA, len(counts), limit=limit), counts) == (naive.alpha(counts) * n <= most)
        named = one_model(ALPHA, len(counts), limit=limit, levels=[bound])
        assert verdict(named, counts) == all(c <= most for c, b in zip(counts, bound, strict=True) if b)


def test_alpha__decimal_limit_admits_the_fraction_that_it_names() -> None:
    assert verdict(one_model(ALPHA, 2, limit=0.7), [7, 3])
    assert not verdict(one_model(ALPHA, 2, limit=0.7), [7001, 2999])

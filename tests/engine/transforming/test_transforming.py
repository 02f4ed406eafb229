import datetime as dt
import math
from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2, kstest

from shoal_engine.errors import ColumnError
from shoal_engine.randomness import Uint64Source, normals, secure_uint64s
from shoal_engine.transforming.applying import apply_transforms, changed_share, loss_percent
from shoal_engine.transforming.coded_columns import CodedColumn, encode
from shoal_engine.transforming.masking import (
    add_noise,
    invariant_matrix,
    post_randomize,
    round_values,
    swap_ranks,
    top_bottom_code,
)
from shoal_engine.transforming.specs import Noise, PostRandomize, RankSwap, Round, TopBottom

wholes = st.lists(st.none() | st.integers(-(2**60), 2**60), min_size=1, max_size=40)


def column(values: list[Any], kind: pa.DataType | None = None, name: str = "c") -> CodedColumn:
    return encode(name, pa.array(values, kind))


def seeded(seed: int) -> Uint64Source:
    random = np.random.default_rng(seed)
    return lambda n: random.integers(0, 2**64, n, np.uint64, endpoint=False)


def constant(word: int) -> Uint64Source:
    return lambda n: np.full(n, word, np.uint64)


@given(wholes, st.none() | st.integers(-(2**61), 0), st.none() | st.integers(0, 2**61))
@settings(deadline=None)
def test_top_bottom__cuts_off_and_stays_whole(values: list[int | None], lower: int | None, upper: int | None) -> None:
    if lower is None and upper is None:
        return
    found = top_bottom_code(column(values, pa.int64()), TopBottom(lower=lower, upper=upper)).to_arrow()
    assert found.type == pa.int64()
    low, high = -math.inf if lower is None else lower, math.inf if upper is None else upper
    assert found.to_pylist() == [None if v is None else min(max(v, low), high) for v in values]


def test_top_bottom__types() -> None:
    assert top_bottom_code(column([1, 200], pa.uint8()), TopBottom(upper=-7)).to_arrow().to_pylist() == [-7, -7]
    assert top_bottom_code(column([1, 3]), TopBottom(upper=2.5)).to_arrow().to_pylist() == [1.0, 2.5]
    assert top_bottom_code(column([1.5, None, 9.0]), TopBottom(lower=2)).to_arrow().to_pylist() == [2.0, None, 9.0]
    large = column([2**64 - 1, 1], pa.uint64())
    assert top_bottom_code(large, TopBottom(upper=5)).to_arrow().to_pylist() == [5.0, 1.0]
    for values in (["a"], [True], [dt.date(2024, 1, 1)]):
        with pytest.raises(ColumnError, match="top and bottom coding needs numbers"):
            top_bottom_code(column(values), TopBottom(upper=5))


@given(wholes, st.integers(1, 2**40))
@settings(deadline=None)
def test_round__nearest_multiple(values: list[int | None], base: int) -> None:
    found = round_values(column(values, pa.int64()), Round(base=base), constant(0)).to_arrow()
    assert found.type == pa.int64()
    assert found.to_pylist() == [None if v is None else round(Fraction(v, base)) * base for v in values]


def test_round__types_and_limits() -> None:
    found = round_values(column([0.26, -0.25, None, 0.15]), Round(base=0.1), constant(0)).to_arrow().to_pylist()
    assert found[2] is None
    assert [found[0], found[1], found[3]] == pytest.approx([0.3, -0.2, 0.1])
    assert round_values(column([7, 8]), Round(base=2.5), constant(0)).to_arrow().to_pylist() == [7.5, 7.5]
    with pytest.raises(ColumnError, match="64 bits"):
        round_values(column([2**63 - 1]), Round(base=2**62), constant(0))
    with pytest.raises(ColumnError, match="more multiples"):
        round_values(column([1e300]), Round(base=1e-300), constant(0))
    with pytest.raises(ColumnError, match="rounding needs numbers"):
        round_values(column(["a"]), Round(base=1), constant(0))


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=20), st.integers(1, 12), st.integers(0, 2**64 - 1))
@settings(deadline=None)
def test_round__at_random_goes_up_below_the_remainder(values: list[int], base: int, word: int) -> None:
    found = round_values(column(values), Round(base=base, random=True), constant(word)).to_arrow().to_pylist()
    for value, rounded in zip(values, found, strict=True):
        low = value // base * base
        threshold = int((value - low) / base * 2.0**64)
        assert rounded == low + base * (word < threshold)
    # Unbiased: the share of words that go up is the remainder over the base.
    assert all(abs(int((v % base) / base * 2.0**64) / 2**64 - (v % base) / base) < 2**-52 for v in values)


def test_round__a_multiple_never_moves() -> None:
    for word in (0, 2**64 - 1):
        found = round_values(column([20, -30, None]), Round(base=10, random=True), constant(word))
        assert found.to_arrow().to_pylist() == [20, -30, None]


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=12), st.floats(0.05, 1.0), st.floats(0.0, 1.0))
@settings(deadline=None)
def test_invariant_matrix__leaves_the_frequencies(count: list[int], pd: float, alpha: float) -> None:
    t = np.array(count)
    matrix = invariant_matrix(t, PostRandomize(pd=pd, alpha=alpha))
    assert (matrix >= 0).all()
    assert matrix.sum(axis=1) == pytest.approx(np.ones(t.size), abs=1e-12)
    share = t / t.sum()
    assert share @ matrix == pytest.approx(share, abs=1e-12)


def test_post_randomize__draws_from_the_invariant_matrix() -> None:
    """Chi-square of all transitions; 0.06 for a cell of 0.05 in the largest row is found with probability 0.99."""
    spec = PostRandomize(pd=0.6, alpha=0.8)
    n = 60_000
    values = np.repeat(["a", "b", "c", "d"], [n // 2, n // 4, n // 5, n // 20])
    before = column([*values.tolist(), None])
    after = post_randomize(before, spec, seeded(7)).to_arrow().to_pylist()
    assert after.pop() is None
    count = np.unique(values, return_counts=True)[1]
    expected = invariant_matrix(count, spec) * count[:, None]
    seen = Counter(zip(values.tolist(), after, strict=True))
    statistic = sum(
        (seen[a, b] - expected[i, j]) ** 2 / expected[i, j] for i, a in enumerate("abcd") for j, b in enumerate("abcd")
    )
    assert statistic < chi2.ppf(0.9999, 12)


def test_post_randomize__edges() -> None:
    for values in ([None, None], ["a", None, "a"]):
        before = column(values, pa.string())
        assert post_randomize(before, PostRandomize(pd=0.1, alpha=1.0), secure_uint64s).to_arrow().to_pylist() == values
    still = column(list("abcabc"))
    for spec in (PostRandomize(pd=0.1, alpha=0.0), PostRandomize(pd=1.0, alpha=1.0)):
        assert post_randomize(still, spec, secure_uint64s).to_arrow() == still.to_arrow()
    # A value that nobody has any more leaves the domain.
    gone = post_randomize(column(["a"] + ["b"] * 99), PostRandomize(pd=0.5, alpha=1.0), constant(2**63))
    assert gone.domain.values.to_pylist() == sorted(set(gone.to_arrow().to_pylist()))


@given(
    st.lists(st.none() | st.sampled_from([dt.date(2024, 1, day) for day in range(1, 9)]), min_size=1, max_size=60),
    st.floats(0.05, 1.0),
    st.integers(0, 1000),
)
@settings(deadline=None)
def test_swap_ranks__keeps_the_values_and_stays_within_reach(
    values: list[dt.date | None], share: float, seed: int
) -> None:
    present = sorted(v for v in values if v is not None)
    if int(share * len(present)) < 1:
        return
    found = swap_ranks(column(values, pa.date32()), RankSwap(share=share), seeded(seed)).to_arrow().to_pylist()
    assert Counter(found) == Counter(values)
    assert [v is None for v in found] == [v is None for v in values]
    for old, new in zip(values, found, strict=True):
        if old is not None:
            low, high = sorted((old, new))
            # Ranks of equal values are a stretch; the nearest ends of two stretches are what can be told.
            gap = present.index(high) - (len(present) - 1 - present[::-1].index(low))
            assert gap <= share * len(present)


def test_normals__are_standard_normal() -> None:
    # At 20,000 draws a shift by 0.05 or a deviation of 1.05 would be found with probability over 0.99.
    drawn = normals((10_000, 2), seeded(3)).ravel()
    assert kstest(drawn, "norm").pvalue > 1e-4
    for word in (0, 2**64 - 1):
        assert 8 < abs(normals((1, 1), constant(word))[0, 0]) < 9


def test_noise__has_the_variance_and_correlation_asked_for() -> None:
    random = np.random.default_rng(5)
    n = 40_000
    base = random.normal(size=n)
    matrix = np.column_stack([base * 10 + 100, base + random.normal(size=n)])
    before = [column(matrix[:, j].tolist(), name=f"c{j}") for j in range(2)]
    own = np.cov(matrix.T)
    # Standard errors are below 1 % of the variances; 6 % is beyond six of them.
    for method, wanted in (("additive", np.diag(np.diag(own))), ("correlated", own)):
        after = add_noise(before, Noise(variance=0.5, method=method), seeded(9))
        added = np.column_stack([new.to_arrow().to_numpy() for new in after]) - matrix
        assert np.cov(added.T) == pytest.approx(
            0.5 * wanted, abs=0.06 * 0.5 * own[0, 0] ** 0.5 * own[1, 1] ** 0.5, rel=0.06
        )
        assert added.mean(axis=0) == pytest.approx([0, 0], abs=0.25)
    kept = add_noise(before, Noise(variance=0.5, method="correlated", preserve=True), seeded(9))
    released = np.column_stack([new.to_arrow().to_numpy() for new in kept])
    assert np.cov(released.T) == pytest.approx(own, rel=0.06)
    assert released.mean(axis=0) == pytest.approx(matrix.mean(axis=0), abs=0.3)


def test_noise__nulls_and_constants_stay() -> None:
    before = [column([1.0, None, 3.0, 4.0]), column([5, 5, None, 5], name="d")]
    for method in ("additive", "correlated"):
        first, second = add_noise(before, Noise(variance=0.1, method=method), secure_uint64s)
        assert [v is None for v in first.to_arrow().to_pylist()] == [False, True, False, False]
        assert second.to_arrow().to_pylist() == [5.0, 5.0, None, 5.0]
    nothing = [column([None, None], pa.float64())]
    assert add_noise(nothing, Noise(variance=0.1), secure_uint64s)[0].to_arrow().to_pylist() == [None, None]


def test_noise__dates_stay_within_their_type() -> None:
    before = column([dt.date(2000, 1, 1), dt.date(2020, 1, 1), None], pa.date32())
    after = add_noise([before], Noise(variance=0.01), seeded(1))[0].to_arrow()
    assert after.type == pa.date32()
    assert after[2].as_py() is None
    with pytest.raises(ColumnError, match="has no place for"):
        add_noise([before], Noise(variance=1e12), seeded(1))


def test_losses__shares_and_percent() -> None:
    before, after = column([1, 2, 3, None]), column([1.0, 2.5, 2.5, None])
    assert changed_share(before, after) == 0.5
    assert loss_percent([before], [after]) == pytest.approx(100 * 0.5 / 2)
    assert loss_percent([column(["a"])], [column(["b"])]) is None
    assert loss_percent([column([1, 1])], [column([1, 1])]) is None
    assert changed_share(column([], pa.int8()), column([], pa.int8())) == 0.0


def test_apply_transforms__one_after_the_other() -> None:
    columns = {"a": column([1, 12, 23, 99], name="a"), "b": column(list("xyxy"), name="b")}
    after, applied = apply_transforms(columns, [(["a"], Round(base=10))])
    assert after["a"].to_arrow().to_pylist() == [0, 10, 20, 100]
    assert after["b"] is columns["b"]
    assert applied[0].changed == (1.0,)
    assert applied[0].note() == "round of 'a': information loss 0.25 % of the variance"

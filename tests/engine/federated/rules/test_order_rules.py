import tracemalloc
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from shoal_engine.errors import TooFewUpdates, UpdateError
from shoal_engine.federated.rules.averaging import WeightedMean
from shoal_engine.federated.rules.order_rules import Median, TrimmedMean
from shoal_engine.federated.sums.buffered_updates import BufferedAggregator
from shoal_engine.federated.updates.model import Model
from shoal_engine.federated.updates.round import UpdateChecks
from shoal_engine.federated.updates.update import Update

Values = npt.NDArray[Any]
Rule = Callable[..., BufferedAggregator]

KNOWN = [[x / 10, 1 - x / 10, 0.5, -x] for x in range(1, 6)]
KNOWN += [[100, -100, 0.5, 7]]
KNOWN += [[x / 10, 1 - x / 10, 0.5, -x] for x in range(6, 11)]


def trimmed(**options: Any) -> BufferedAggregator:
    return TrimmedMean(share=0.2, **options)


RULES = pytest.mark.parametrize("rule", [Median, trimmed])


def updates_of(table: Iterable[Values]) -> list[Update]:
    return [Update.of_arrays({"w": row}, node=f"n{place:03}") for place, row in enumerate(table)]


def released(rule: BufferedAggregator, updates: Iterable[Update]) -> Any:
    for update in updates:
        rule.observe(update)
    return rule.release()


def values(rule: BufferedAggregator, table: Iterable[Values]) -> Values:
    return released(rule, updates_of(table)).model.arrays()["w"]


@RULES
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_release__known_answer(rule: Rule, dtype: str) -> None:
    assert_allclose(values(rule(), np.array(KNOWN, dtype)), [0.6, 0.4, 0.5, -5], rtol=1e-6)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 9, 10, 11, 33, 100])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_median__equals_numpy(n: int, dtype: str) -> None:
    table = np.random.default_rng(n).standard_normal((n, 300)).astype(dtype)
    assert_array_equal(values(Median(), table), np.median(table, axis=0))


@pytest.mark.parametrize("n", [1, 2, 3, 5, 9, 10, 11, 33, 100])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.2, 0.3, 0.45])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_trimmed_mean__equals_scipy(n: int, share: float, dtype: str) -> None:
    table = np.random.default_rng(n).standard_normal((n, 300)).astype(dtype)
    expected = stats.trim_mean(table.astype(np.float64), share, axis=0)
    # Rounded once; SciPy's sum is in another order.
    step = np.spacing(np.abs(expected).astype(dtype)).astype(np.float64)
    off = np.abs(values(TrimmedMean(share=share), table).astype(np.float64) - expected)
    assert np.all(off <= 0.5001 * step if dtype != "float64" else off <= 1e-15)


@RULES
def test_release__bfloat16_rounds_once(rule: Rule) -> None:
    wide = np.random.default_rng(1).standard_normal((10, 300)).astype(np.float32)
    halves = (wide.view(np.uint32) >> 16).astype(np.uint16)
    back = (halves.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    updates = [Update(Model.of_arrays({"w": row}, bfloat16=True), node=f"n{place}") for place, row in enumerate(halves)]
    model = released(rule(), updates).model
    assert model.layout[0].dtype == "bfloat16"
    found = (model.arrays()["w"].astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    expected = values(rule(), back)
    assert np.all(np.abs(found - expected) <= np.abs(expected) * 2.0**-8)


@RULES
def test_release__same_bytes_in_any_order_cut_and_threads(rule: Rule) -> None:
    rng = np.random.default_rng(3)
    table = (rng.standard_normal((13, 40_000)) * 10.0 ** rng.integers(-6, 7, (13, 40_000))).astype(np.float32)
    updates = [
        Update.of_arrays({"w": row, "b": row[:3].astype(np.float64)}, node=f"n{place}", weight=1 + place)
        for place, row in enumerate(table)
    ]
    found: set[bytes] = set()
    for _ in range(20):
        order = rng.permutation(len(updates))
        for cuts in ([], [1], [4, 9]):
            for n_threads in (1, 2):
                parts: list[BufferedAggregator] = []
                for part in np.split(order, cuts):
                    parts.append(rule(n_threads=n_threads))
                    for place in part:
                        parts[-1].observe(updates[place])
                for other in parts[1:]:
                    parts[0].merge(other)
                arrays = parts[0].release().model.arrays()
                found.add(arrays["w"].tobytes() + arrays["b"].tobytes())
    assert len(found) == 1


@RULES
def test_release__names_of_nodes_decide_nothing(rule: Rule) -> None:
    table = np.random.default_rng(4).standard_normal((11, 500)) * 1e5
    assert values(rule(), table).tobytes() == values(rule(), table[::-1].copy()).tobytes()


@given(st.integers(1, 30), st.data())
@settings(deadline=None, max_examples=60)
def test_median__stays_within_what_the_honest_sent(n: int, data: st.DataObject) -> None:
    hostile = data.draw(st.integers(0, (n - 1) // 2))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    honest = rng.standard_normal((n - hostile, 70)).astype(np.float32)
    attack = (rng.choice([-1e15, 1e15, 0, 1], (hostile, 70))).astype(np.float32)
    found = values(Median(), np.concatenate([honest, attack]))
    assert np.all((honest.min(0) <= found) & (found <= honest.max(0)))


@given(st.integers(1, 30), st.sampled_from([0.1, 0.2, 0.34, 0.49]), st.data())
@settings(deadline=None, max_examples=60)
def test_trimmed_mean__stays_within_what_the_honest_sent(n: int, share: float, data: st.DataObject) -> None:
    hostile = data.draw(st.integers(0, int(share * n)))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    honest = rng.standard_normal((n - hostile, 70))
    attack = rng.choice([-1e15, 1e15, 0, 1], (hostile, 70))
    found = values(TrimmedMean(share=share), np.concatenate([honest, attack]))
    slack = 1e-12
    assert np.all((honest.min(0) - slack <= found) & (found <= honest.max(0) + slack))


@RULES
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_release__not_finite_is_left_out(rule: Rule, dtype: str, bad: float) -> None:
    table = np.random.default_rng(5).standard_normal((11, 200)).astype(dtype)
    spoiled = table.copy()
    spoiled[7, 199] = bad
    aggregate = released(rule(), updates_of(spoiled))
    assert_array_equal(aggregate.model.arrays()["w"], values(rule(), np.delete(table, 7, axis=0)))
    report = {row["node"]: row for row in aggregate.report.to_pylist()}
    assert report["n007"]["reason"] == "not finite or too large"
    assert [node for node, row in report.items() if not row["kept"]] == ["n007"]


@RULES
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_release__holds_no_copies(rule: Rule, dtype: str) -> None:
    updates = updates_of(np.ones((40, 1_000_000), dtype))
    held = rule()
    for update in updates:
        held.observe(update)
    tracemalloc.start()
    held.release()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The result before it is rounded and after, and tiles; all updates are 80 or 160 MB.
    assert peak < 25e6


@RULES
def test_release__report_has_the_norms_of_a_mean(rule: Rule) -> None:
    table = np.random.default_rng(6).standard_normal((9, 20_000)).astype(np.float32)
    of_rule = released(rule(), updates_of(table)).report
    of_mean = released(WeightedMean(), updates_of(table)).report
    assert of_rule["norm"].to_pylist() == pytest.approx(of_mean["norm"].to_pylist(), rel=1e-6)


@RULES
def test_release__weights_decide_nothing(rule: Rule) -> None:
    table = np.array(KNOWN)
    updates = [Update.of_arrays({"w": row}, node=f"n{place}", weight=10.0**place) for place, row in enumerate(table)]
    assert_array_equal(released(rule(), updates).model.arrays()["w"], values(rule(), table))


@RULES
def test_release__several_tensors_empty_ones_and_single_numbers(rule: Rule) -> None:
    updates = [
        Update.of_arrays({"a": np.full((2, 3), x), "none": np.empty((0, 4)), "b": np.array(-x)}, node=str(x))
        for x in (1.0, 2.0, 6.0)
    ]
    arrays = released(rule(), updates).model.arrays()
    middle = 2.0 if rule is Median else 3.0
    assert_array_equal(arrays["a"], np.full((2, 3), middle))
    assert arrays["none"].shape == (0, 4)
    assert arrays["b"] == -middle


@RULES
def test_release__too_few(rule: Rule) -> None:
    with pytest.raises(TooFewUpdates):
        rule().release()
    three = UpdateChecks(min_updates=3)
    with pytest.raises(TooFewUpdates):
        released(rule(checks=three), updates_of(np.ones((2, 4))))
    with pytest.raises(TooFewUpdates):
        released(rule(checks=three), updates_of(np.array([[1.0], [2.0], [np.nan]])))


def test_trimmed_mean__something_is_left() -> None:
    rule = TrimmedMean(share=float(np.nextafter(0.5, 0)))
    assert all(low < high for low, high in map(rule.ranks, [*range(1, 5000), 10**6, 3 * 2**40]))


@pytest.mark.parametrize("share", [-0.1, 0.5, 1.0, float("nan")])
def test_trimmed_mean__bad_share(share: float) -> None:
    with pytest.raises(UpdateError, match="share"):
        TrimmedMean(share=share)


def test_merge__other_rules() -> None:
    for other in (TrimmedMean(share=0.1), Median(), WeightedMean()):
        with pytest.raises(UpdateError, match="merged"):
            TrimmedMean(share=0.2).merge(other)
    TrimmedMean(share=0.2).merge(TrimmedMean(share=0.2, n_threads=2))

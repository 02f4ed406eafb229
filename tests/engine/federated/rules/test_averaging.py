"""The weighted mean: exact in any order, cut and number of threads, at the bound, and untouched by bad updates."""

import itertools
import math
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive.averaging import mean as exact_mean
from shoal_engine.errors import TooFewUpdates, UpdateError
from shoal_engine.federated.rules.averaging import WeightedMean
from shoal_engine.federated.rules.order_rules import Median
from shoal_engine.federated.sums.fixed_point_sums import grid_bits, vanishing
from shoal_engine.federated.updates.model import Model
from shoal_engine.federated.updates.round import RoundResult, UpdateChecks
from shoal_engine.federated.updates.tensors import DTYPES, narrowed, widened
from shoal_engine.federated.updates.update import Update

MATRIX = [
    [0.1, 0.9, 0.5, -1],
    [0.2, 0.8, 0.5, -2],
    [0.3, 0.7, 0.5, -3],
    [0.4, 0.6, 0.5, -4],
    [0.5, 0.5, 0.5, -5],
    [100, -100, 0.5, 7],
    [0.6, 0.4, 0.5, -6],
    [0.7, 0.3, 0.5, -7],
    [0.8, 0.2, 0.5, -8],
    [0.9, 0.1, 0.5, -9],
    [1, 0, 0.5, -10],
]


def updates(
    rows: Sequence[Sequence[float]], weights: Sequence[float] | None = None, dtype: Any = "float64"
) -> list[Update]:
    given = weights or [1.0] * len(rows)
    return [
        Update.of_arrays({"w": np.array(row, dtype)}, node=f"{place:04}", weight=weight)
        for place, (row, weight) in enumerate(zip(rows, given, strict=True))
    ]


def folding(like: Update, *, bound: float = 128.0, max_updates: int = 64, max_weight: float = 128.0) -> WeightedMean:
    return WeightedMean(UpdateChecks(like=like.model, max_weight=max_weight), bound=bound, max_updates=max_updates)


def released(mean: WeightedMean | Median, sent: Sequence[Update]) -> RoundResult:
    for update in sent:
        mean.observe(update)
    return mean.release()


def values(aggregate: RoundResult) -> list[float]:
    return aggregate.model.payloads()[0].tolist()


def test_mean__known_answer() -> None:
    expected = pytest.approx([9.5909090909, -8.6818181818, 0.5, -4.3636363636], abs=1e-10)
    sent = updates(MATRIX)
    assert values(released(WeightedMean(), sent)) == expected
    assert values(released(folding(sent[0]), sent)) == expected
    assert values(released(WeightedMean(accumulator="float64"), sent)) == expected


@given(
    rows=st.lists(st.lists(st.floats(-1000, 1000, width=32), min_size=3, max_size=3), min_size=1, max_size=20),
    data=st.data(),
)
@settings(deadline=None)
def test_mean__is_the_exact_one_to_the_last_digit_of_float32(rows: list[list[float]], data: st.DataObject) -> None:
    weights = data.draw(st.lists(st.integers(1, 100), min_size=len(rows), max_size=len(rows)))
    sent = updates(rows, [float(weight) for weight in weights], "float32")
    exact = [float(exact_mean([row[i] for row in rows], weights)) for i in range(3)]
    for mean in (WeightedMean(), folding(sent[0], bound=1024.0), WeightedMean(accumulator="float64")):
        # Of sums that cancel, the grid's step is what is left.
        assert values(released(mean, sent)) == pytest.approx(exact, rel=2**-23, abs=2**-30)


@pytest.mark.parametrize("dtype", DTYPES)
def test_mean__same_bytes_in_any_order_cut_and_number_of_threads(dtype: Any) -> None:
    rng = np.random.default_rng(1)
    n = 40_000
    layout = {"w": (n,), "b": (3, 2), "s": ()}
    sent: list[Update] = []
    for place in range(11):
        arrays = {
            name: narrowed(rng.standard_normal(shape).reshape(-1) * 9, dtype).reshape(shape)
            for name, shape in layout.items()
        }
        model = Model.of_arrays(arrays, bfloat16=dtype == "bfloat16")
        sent.append(Update(model, str(place), float(rng.integers(1, 100))))
    makers = [
        lambda threads: WeightedMean(n_threads=threads),
        lambda _: folding(sent[0]),
        lambda _: WeightedMean(accumulator="float64"),
    ]
    for make in makers:
        seen: set[bytes] = set()
        for cut, _ in itertools.product((0, 4, 11), range(20)):
            order = rng.permutation(11).tolist()
            for threads in (1, 2):
                parts = [make(threads), make(threads)]
                for place, one in enumerate(order):
                    parts[place >= cut].observe(sent[one])
                parts[0].merge(parts[1])
                seen.add(b"".join(values.tobytes() for values in parts[0].release().model.payloads()))
        assert len(seen) == 1


def test_mean__folded_and_held_are_the_same_on_the_same_grid() -> None:
    rng = np.random.default_rng(2)
    sent = updates(rng.standard_normal((8, 500)).tolist(), [128.0] * 8)
    held = released(WeightedMean(bound=128.0), sent)
    assert values(held) == values(released(folding(sent[0], max_updates=8), sent))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("bound", "weight", "n"), [(1.0, 1.0, 64), (1000.0, 100.0, 33), (2.0**-80, 3.0, 5), (2.0**60, 1.0, 7)]
)
def test_mean__nothing_overflows_at_the_bound(sign: int, bound: float, weight: float, n: int) -> None:
    sent = updates([[sign * bound, bound]] * n, [weight] * n)
    for mean in (folding(sent[0], bound=bound, max_updates=n, max_weight=weight), WeightedMean(bound=bound)):
        assert values(released(mean, sent)) == [sign * bound, bound]


@given(
    bound=st.floats(2.0**-60, 2.0**60),
    weights=st.lists(st.floats(1, 1000), min_size=1, max_size=1000),
)
def test_grid__no_sum_of_what_is_within_the_bound_can_overflow(bound: float, weights: list[float]) -> None:
    bits = grid_bits(bound, max(weights), math.fsum(weights))
    largest = [round(bound * weight * 2.0**bits) for weight in weights]
    assert max(largest) <= 2**51
    assert sum(largest) + len(largest) < 2**63
    # And no bit is wasted: twice as fine a grid would break one of the two.
    assert max(largest) * 8 > 2**51 or sum(largest) * 8 > 2**62


def test_mean__the_grid_is_found_where_values_are_large_or_tiny() -> None:
    assert values(released(WeightedMean(), updates([[3e9, 1.0], [5e9, 2.0]]))) == pytest.approx([4e9, 1.5], rel=1e-9)
    assert values(released(WeightedMean(), updates([[3e-9, 1e-12], [5e-9, 2e-12]]))) == pytest.approx(
        [4e-9, 1.5e-12], rel=1e-9
    )
    assert values(released(WeightedMean(), updates([[0.0, 0.0]]))) == [0.0, 0.0]


def test_mean__bad_updates_do_not_count_and_are_named() -> None:
    good = updates([[1.0, 2.0], [3.0, 4.0]], [1.0, 3.0])
    bad = [
        Update.of_arrays({"w": np.array([math.nan, 0.0])}, node="nan"),
        Update.of_arrays({"w": np.array([math.inf, 0.0])}, node="inf"),
        Update.of_arrays({"w": np.zeros(3)}, node="shape"),
        Update.of_arrays({"w": np.zeros(2, np.float32)}, node="dtype"),
        Update.of_arrays({"v": np.zeros(2)}, node="name"),
        Update.of_arrays({"w": np.zeros(2)}, node="zero", weight=0.0),
        Update.of_arrays({"w": np.zeros(2)}, node="negative", weight=-1.0),
        Update.of_arrays({"w": np.zeros(2)}, node="huge", weight=1e300),
        Update.of_arrays({"w": np.zeros(2)}, node="nan weight", weight=math.nan),
        Update.of_arrays({"w": np.zeros(2)}, node="stale", round=3),
        Update.of_arrays({"w": np.zeros(2)}, node="twice"),
        Update.of_arrays({"w": np.ones(2)}, node="twice"),
    ]
    checks = UpdateChecks(like=good[0].model, round=4)
    for mean in (WeightedMean(checks), WeightedMean(checks, accumulator="float64")):
        aggregate = released(mean, [*bad, *good])
        assert values(aggregate) == [2.5, 3.5]
        assert {record.node: record.reason for record in aggregate.records} == {
            "0000": None,
            "0001": None,
            "nan": "not finite or too large",
            "inf": "not finite or too large",
            "shape": "another layout",
            "dtype": "another layout",
            "name": "another layout",
            "zero": "bad weight",
            "negative": "bad weight",
            "huge": "bad weight",
            "nan weight": "bad weight",
            "stale": "stale round",
            "twice": "duplicate",
        }
        assert aggregate.report.column_names[:3] == ["node", "weight", "norm"]


def test_mean__lengths_that_overflow_only_when_added_up_are_too_large() -> None:
    """Each tile's sum of squares is finite, all together are not."""
    good, far = updates([[1.0] * 40_000])[0], Update.of_arrays({"w": np.full(40_000, 1e152)}, node="far")
    for mean in (WeightedMean(), WeightedMean(accumulator="float64"), folding(good), Median()):
        aggregate = released(mean, [far, good])
        assert values(aggregate) == [1.0] * 40_000
        assert [(record.node, record.reason) for record in aggregate.records if not record.kept] == [
            ("far", "not finite or too large")
        ]


def test_mean__a_tiny_bound_holds_though_squares_vanish() -> None:
    good = Update.of_arrays({"w": np.full(9, 2.0**-100, np.float32)}, node="good")
    far = Update.of_arrays({"w": np.full(9, 2.0**-83, np.float32)}, node="far")
    bound = 2.0**-100
    for mean in (WeightedMean(bound=bound), folding(good, bound=bound)):
        aggregate = released(mean, [far, good])
        assert values(aggregate) == [bound] * 9
        assert [record.node for record in aggregate.records if record.reason == "beyond the bound"] == ["far"]


def test_mean__weights_next_to_nothing_do_not_count() -> None:
    sent = updates([[1.0], [2.0]], [5e-324, 1e-300])
    for mean in (WeightedMean(), folding(sent[0], bound=2.0**100, max_weight=1.0)):
        with pytest.raises(TooFewUpdates):
            released(mean, sent)


def test_fold__weights_that_leave_no_digits_are_rejected() -> None:
    """On the grid of a bound of 1 and weights up to 2**30, a weight of 2**-30 would make its update 0."""
    sent = updates([[1.0, 0.3], [1.0, 0.3]], [2.0**-30, 2.0**10])
    mean = folding(sent[0], bound=1.0, max_updates=2, max_weight=2.0**26)
    aggregate = released(mean, sent)
    assert values(aggregate) == pytest.approx([1.0, 0.3], rel=2**-23)
    assert [(record.node, record.reason) for record in aggregate.records if not record.kept] == [("0000", "bad weight")]


@given(rows=st.lists(st.lists(st.floats(-1, 1), min_size=4, max_size=4), min_size=1, max_size=5), data=st.data())
@settings(deadline=None)
def test_mean__what_is_below_the_grid_is_exact_and_never_zero(rows: list[list[float]], data: st.DataObject) -> None:
    scales = data.draw(st.lists(st.integers(-300, 0), min_size=4, max_size=4))
    rows = [[value * 2.0**scale for value, scale in zip(row, scales, strict=True)] for row in rows]
    weights = data.draw(st.lists(st.integers(1, 9), min_size=len(rows), max_size=len(rows)))
    sent = updates(rows, [float(weight) for weight in weights])
    for mean in (folding(sent[0], bound=1.0, max_updates=8), WeightedMean(bound=1.0)):
        for i, found in enumerate(values(released(mean, sent))):
            column = [row[i] for row in rows]
            exact = float(exact_mean(column, weights))
            # Products below half a step are exact; above it each is rounded by at most half of one.
            if all(abs(value * weight) < 2.0**-60 for value, weight in zip(column, weights, strict=True)):
                assert found == pytest.approx(exact, rel=1e-12, abs=5e-324)
            assert found == pytest.approx(exact, rel=1e-12, abs=2.0**-36)


def test_mean__what_cancels_below_the_grid_leaves_what_is_smaller() -> None:
    sent = updates([[1e-38], [1.5e-253], [-1e-38]])
    for mean in (folding(sent[0], bound=1.0), WeightedMean(bound=1.0)):
        assert values(released(mean, sent)) == pytest.approx([0.5e-253], rel=1e-12, abs=0)


def test_fold__values_below_the_grid_that_are_too_many_are_rejected() -> None:
    sent = updates([[2.0**-200] * 6000, [1.0] * 6000])
    aggregate = released(folding(sent[0], bound=1.0), sent)
    assert values(aggregate) == [1.0] * 6000
    assert [(record.node, record.reason) for record in aggregate.records if not record.kept] == [
        ("0000", "below the grid")
    ]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("factor", [1.0, 3.0, 2.0**-900, 2.0**900, 0.1])
def test_vanishing__is_what_the_grid_makes_zero(dtype: Any, factor: float) -> None:
    rng = np.random.default_rng(4)
    kind = np.finfo(dtype)
    near = 0.5 / factor * (1 + np.arange(-4, 5) * 2.0**-23)
    near = np.minimum(near, float(kind.max)).astype(dtype)
    many = np.concatenate([rng.standard_normal(40_000).astype(dtype), near, -near, [0.0, -0.0, kind.tiny]]).astype(
        dtype
    )
    with np.errstate(over="ignore"):
        expected = np.flatnonzero((many != 0) & (np.rint(many.astype(np.float64) * factor) == 0))
    assert vanishing(many, factor).tolist() == expected.tolist()


def test_layout__is_not_decided_by_a_node_that_sends_many() -> None:
    hostile = [Update.of_arrays({"v": np.zeros(2)}, node="many")] * 10
    assert values(released(WeightedMean(), [*hostile, *updates([[1.0], [3.0]])])) == [2.0]


def test_fold__what_is_refused_leaves_no_trace() -> None:
    good, beyond = updates([[1.0] * 9, [2.0] * 9]), Update.of_arrays({"w": np.array([1.0] * 8 + [200.0])}, node="far")
    mean = folding(good[0])
    for update in (good[0], beyond, good[1], good[1], Update.of_arrays({"w": np.full(9, math.nan)}, node="nan")):
        mean.observe(update)
    aggregate = mean.release()
    assert values(aggregate) == [1.5] * 9
    assert [(record.node, record.reason) for record in aggregate.records if not record.kept] == [
        ("0001", "duplicate"),
        ("far", "beyond the bound"),
        ("nan", "not finite or too large"),
    ]


def test_release__needs_enough_good_updates() -> None:
    nan = Update.of_arrays({"w": np.array([math.nan])}, node="nan")
    for mean in (WeightedMean(), WeightedMean(accumulator="float64"), folding(nan)):
        with pytest.raises(TooFewUpdates, match="there are 0"):
            released(mean, [nan])
    with pytest.raises(TooFewUpdates, match="3 good updates are needed"):
        released(WeightedMean(UpdateChecks(min_updates=3)), updates([[1.0], [2.0]]))
    with pytest.raises(TooFewUpdates):
        WeightedMean().release()


def test_layout__is_that_of_most_whatever_comes_first() -> None:
    sent = [*updates([[1.0, 1.0], [3.0, 3.0]]), Update.of_arrays({"w": np.zeros(5)}, node="other")]
    for order in itertools.permutations(sent):
        assert values(released(WeightedMean(), order)) == [2.0, 2.0]


def test_fold__its_memory_does_not_grow_with_updates() -> None:
    """Peak memory of a process that folds 5 updates, and 60, of 16 MiB each that come one at a time."""
    script = """
import resource, sys
import numpy as np
from shoal_engine.federated.rules.averaging import WeightedMean
from shoal_engine.federated.updates.round import UpdateChecks
from shoal_engine.federated.updates.update import Update
n = 1 << 22
def sent(i): return Update.of_arrays({"w": np.full(n, i % 7, np.float32)}, node=str(i))
mean = WeightedMean(UpdateChecks(like=sent(0).model, max_weight=1), bound=16.0, max_updates=64)
mean.observe(sent(0))
start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for i in range(1, int(sys.argv[1])):
    mean.observe(sent(i))
mean.release()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start)
"""
    grown = [
        int(subprocess.run([sys.executable, "-c", script, n], check=True, capture_output=True, text=True).stdout)
        for n in ("5", "60")
    ]
    # KiB: the result and a chunk, and no more of it for more updates.
    assert max(grown) < 24 * 1024
    assert abs(grown[1] - grown[0]) < 4 * 1024


@pytest.mark.parametrize(
    "make",
    [
        lambda like: WeightedMean(max_updates=3),
        lambda like: WeightedMean(bound=0.0),
        lambda like: WeightedMean(bound=math.nan),
        lambda like: WeightedMean(bound=1.0, max_updates=3),
        lambda like: folding(like, max_updates=0),
        lambda like: folding(like, bound=math.inf),
        lambda like: WeightedMean(UpdateChecks(like=like.model), bound=1.0, max_updates=10**6),
        lambda like: UpdateChecks(min_updates=0),
        lambda like: UpdateChecks(max_weight=0.0),
        lambda like: UpdateChecks(max_weight=math.nan),
    ],
)
def test_parameters__out_of_range_are_rejected(make: Any) -> None:
    with pytest.raises(UpdateError):
        make(updates([[1.0]])[0])


def test_fold__has_room_for_as_many_as_were_declared() -> None:
    sent = updates([[1.0]] * 5)
    one, two = folding(sent[0], max_updates=4), folding(sent[0], max_updates=4)
    for update in sent[:3]:
        one.observe(update)
    for update in sent[3:]:
        two.observe(update)
    with pytest.raises(UpdateError, match="larger max_updates"):
        one.merge(two)
    with pytest.raises(UpdateError, match="no node in common"):
        one.merge(one)
    with pytest.raises(UpdateError, match="parameters"):
        one.merge(WeightedMean())
    with pytest.raises(UpdateError, match="parameters"):
        folding(updates([[1.0, 2.0]])[0]).merge(folding(sent[0]))


@pytest.mark.parametrize("dtype", DTYPES)
def test_mean__narrow_dtypes_are_rounded_once(dtype: Any) -> None:
    rng = np.random.default_rng(5)
    exact = [narrowed(rng.standard_normal(300), dtype) for _ in range(3)]
    sent = [
        Update(Model.of_arrays({"w": one}, bfloat16=dtype == "bfloat16"), str(place)) for place, one in enumerate(exact)
    ]
    wide = np.stack([widened(one, dtype).astype(np.float64) for one in exact])
    expected = narrowed(np.array([float(exact_mean(column, [1, 1, 1])) for column in wide.T.tolist()]), dtype)
    found = released(WeightedMean(), sent).model.payloads()[0]
    assert found.dtype == expected.dtype
    if dtype == "float64":
        assert found == pytest.approx(expected, abs=1e-11)
    else:
        assert (found == expected).mean() > 0.99

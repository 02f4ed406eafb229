"""FedNova: its weights beside steps that are really taken, its mean beside the formula, and where its rounds end."""

from fractions import Fraction
from itertools import permutations
from typing import Any

import numpy as np
import pytest

from shoal_engine.errors import TooFewUpdates, UpdateError
from shoal_engine.federated.rules.averaging import WeightedMean
from shoal_engine.federated.rules.normalized_averaging import MOST_STEPS, LocalSteps, NormalizedMean
from shoal_engine.federated.updates.model import Model
from shoal_engine.federated.updates.round import UpdateChecks
from shoal_engine.federated.updates.update import Update


def update_of(node: str, values: list[float], weight: float = 1.0, dtype: str = "float64") -> Update:
    return Update.of_arrays({"w": np.array(values, dtype)}, node=node, weight=weight)


def values_of(model: Model) -> list[float]:
    return model.arrays()["w"].tolist()


def walked(local: LocalSteps, n_steps: int) -> float:
    """How far steps of rate 1 go against a gradient that is 1 everywhere: the sum of the weights of all gradients."""
    distance = velocity = 0.0
    for _ in range(n_steps):
        velocity = local.momentum * velocity + 1 - local.proximal * distance
        distance += velocity
    return distance


@pytest.mark.parametrize("n_steps", [1, 2, 7, 300])
@pytest.mark.parametrize(
    "local",
    [LocalSteps(), *(LocalSteps(momentum=m) for m in (0.1, 0.9, 0.99)), *(LocalSteps(proximal=a) for a in (1e-6, 0.3))],
    ids=repr,
)
def test_length__is_how_far_steps_go(local: LocalSteps, n_steps: int) -> None:
    assert local.length(n_steps) == pytest.approx(walked(local, n_steps), rel=1e-11)
    # So that a divided weight is never larger than what the checks allows.
    assert local.length(n_steps) >= 1 - 1e-12


@pytest.mark.parametrize("arguments", [{"momentum": 1.0}, {"proximal": -0.1}, {"momentum": 0.5, "proximal": 0.5}])
def test_local_steps__out_of_range(arguments: dict[str, float]) -> None:
    with pytest.raises(UpdateError):
        LocalSteps(**arguments)


SENT = {"a": ([1.0, -2.0], 10, 4), "b": ([0.5, 3.0], 20, 1), "c": ([-4.0, 0.25], 70, 9)}
STEPS = {node: steps for node, (_, _, steps) in SENT.items()}


def formula(local: LocalSteps, effective: float | None = None) -> list[float]:
    """tau_eff sum p_i Delta_i / |a_i|_1, in fractions."""
    total = Fraction(100)
    lengths = {node: Fraction(local.length(steps)) for node, steps in STEPS.items()}
    shares = {node: weight / total for node, (_, weight, _) in SENT.items()}
    tau = Fraction(effective) if effective else sum(shares[node] * lengths[node] for node in SENT)
    return [
        float(
            tau * sum(shares[node] * Fraction(change[place]) / lengths[node] for node, (change, _, _) in SENT.items())
        )
        for place in range(2)
    ]


@pytest.mark.parametrize("accumulator", ["fixed", "float64"])
@pytest.mark.parametrize("effective", [None, 3.0])
@pytest.mark.parametrize("local", [LocalSteps(), LocalSteps(momentum=0.9), LocalSteps(proximal=0.1)], ids=repr)
def test_release__is_the_formula(local: LocalSteps, effective: float | None, accumulator: Any) -> None:
    mean = NormalizedMean(local=local, effective_steps=effective, accumulator=accumulator)
    for node, (change, weight, _) in SENT.items():
        mean.observe(update_of(node, change, weight))
    found = mean.release(STEPS)
    assert values_of(found.model) == pytest.approx(
        formula(local, effective), rel=1e-13 if accumulator == "float64" else 1e-11
    )
    assert [(record.node, record.weight) for record in found.records] == [("a", 10), ("b", 20), ("c", 70)]


def test_release__models_and_their_start() -> None:
    start = Model.of_arrays({"w": np.array([8.0, -8.0])})
    mean = NormalizedMean(steps=STEPS, start=start)
    for node, (change, weight, _) in SENT.items():
        mean.observe(update_of(node, [8.0 + change[0], -8.0 + change[1]], weight))
    expected = np.array([8.0, -8.0]) + formula(LocalSteps())
    assert values_of(mean.release().model) == pytest.approx(expected.tolist(), rel=1e-11)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_release__with_equal_steps_it_is_the_mean(dtype: str) -> None:
    random = np.random.default_rng(8)
    mean, normalized = WeightedMean(), NormalizedMean()
    for node in "abc":
        update = update_of(node, random.normal(size=50).tolist(), float(random.integers(1, 9)), dtype)
        mean.observe(update)
        normalized.observe(update)
    found, expected = (
        np.array(values_of(m)) for m in (normalized.release(dict.fromkeys("abc", 8)).model, mean.release().model)
    )
    assert found == pytest.approx(expected, rel=2 * float(np.finfo(dtype).eps), abs=2 * float(np.finfo(dtype).tiny))


def test_release__the_same_bytes_in_any_order_and_cut() -> None:
    random = np.random.default_rng(9)
    updates = [
        update_of(node, random.normal(size=33).tolist(), w, "float32")
        for node, w in zip("abcd", (1, 3, 7, 0.1), strict=True)
    ]
    steps, found = {"a": 3, "b": 5, "c": 1, "d": 11}, set[bytes]()
    for order in permutations(updates):
        one, two = (
            NormalizedMean(local=LocalSteps(momentum=0.9)),
            NormalizedMean(local=LocalSteps(momentum=0.9), n_threads=2),
        )
        for place, update in enumerate(order):
            (two if place % 2 else one).observe(update)
        two.merge(one)
        found.add(two.release(steps).model.payloads()[0].tobytes())
    assert len(found) == 1


def test_release__what_does_not_count() -> None:
    checks = UpdateChecks(max_weight=100.0)
    mean = NormalizedMean(checks)
    sent = [("ok", 4.0), ("many", 101.0), ("none", 0.0), ("nan", float("nan")), ("unknown", 1.0), ("idle", 1.0)]
    for node, weight in [*sent, ("huge", 1.0), ("twice", 1.0), ("twice", 2.0)]:
        mean.observe(update_of(node, [2.0], weight))
    mean.observe(update_of("wide", [1.0, 1.0]))
    mean.observe(update_of("broken", [float("inf")]))
    known = dict.fromkeys(("ok", "many", "none", "nan", "twice", "wide", "broken"), 50) | {
        "idle": 0,
        "huge": MOST_STEPS + 1,
    }
    found = mean.release(known)
    assert values_of(found.model) == pytest.approx([2.0])
    assert {record.node: record.reason for record in found.records} == {
        "ok": None,
        "many": "bad weight",
        "none": "bad weight",
        "nan": "bad weight",
        "unknown": "bad steps",
        "idle": "bad steps",
        "huge": "bad steps",
        "twice": "duplicate",
        "wide": "another layout",
        "broken": "not finite or too large",
    }
    assert found.report["weight"].to_pylist()[found.report["node"].to_pylist().index("ok")] == 4.0


def test_release__steps_of_what_is_judged_out_do_not_count() -> None:
    """The effective steps follow from the updates that count alone."""
    mean = NormalizedMean(UpdateChecks(like=Model.of_arrays({"w": np.zeros(1)})))
    mean.observe(update_of("a", [2.0]))
    mean.observe(update_of("b", [float("nan")]))
    assert values_of(mean.release({"a": 2, "b": 1000}).model) == [2.0]


def test_release__refusals() -> None:
    mean = NormalizedMean()
    with pytest.raises(TooFewUpdates):
        mean.release({})
    mean.observe(update_of("a", [1.0]))
    with pytest.raises(UpdateError, match="give `steps`"):
        mean.release()
    with pytest.raises(TooFewUpdates):
        mean.release({"b": 1})
    with pytest.raises(UpdateError, match="different rules"):
        mean.merge(NormalizedMean(local=LocalSteps(momentum=0.5)))
    with pytest.raises(UpdateError):
        NormalizedMean(effective_steps=0.0)


CURVATURES, CENTERS, N_STEPS = (1.0, 0.5, 2.0), (4.0, -2.0, 1.0), (1, 40, 8)


def fixed_point(rate: float, *, normalized: bool) -> float:
    """Rounds of gradient steps on the losses h_i (w - b_i)^2 / 2 until nothing moves."""
    model, steps = Model.of_arrays({"w": np.array([0.0])}), {str(place): n for place, n in enumerate(N_STEPS)}
    for _ in range(int(30 / rate / 10)):
        mean = NormalizedMean(steps=steps, start=model) if normalized else WeightedMean()
        for place, (h, b, n) in enumerate(zip(CURVATURES, CENTERS, N_STEPS, strict=True)):
            w = values_of(model)[0]
            for _ in range(n):
                w -= rate * h * (w - b)
            mean.observe(update_of(str(place), [w]))
        model = mean.release().model
    return values_of(model)[0]


def expected(rate: float, *, normalized: bool) -> float:
    """Where changes, weighed as the rule weighs them, add up to nothing."""
    pulls = [(1 - (1 - rate * h) ** n) / (n if normalized else 1) for h, n in zip(CURVATURES, N_STEPS, strict=True)]
    return float(np.dot(pulls, CENTERS) / np.sum(pulls))


def test_fixed_point__is_the_optimum_where_averaging_minimizes_another_loss() -> None:
    """Wang et al. (2020): as the rate falls, FedNova's error does, and FedAvg's stays."""
    optimum = float(np.dot(CURVATURES, CENTERS) / np.sum(CURVATURES))
    rates = (4e-3, 2e-3)
    plain = [fixed_point(rate, normalized=False) for rate in rates]
    normalized = [fixed_point(rate, normalized=True) for rate in rates]
    assert plain == pytest.approx([expected(rate, normalized=False) for rate in rates], abs=1e-6)
    assert normalized == pytest.approx([expected(rate, normalized=True) for rate in rates], abs=1e-6)
    errors, drifts = ([abs(w - optimum) for w in found] for found in (normalized, plain))
    assert min(drifts) > 1
    assert max(errors) < min(drifts) / 20
    assert errors[1] < 0.55 * errors[0]
    assert drifts[1] > 0.95 * drifts[0]

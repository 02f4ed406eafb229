"""What every rule over distances holds to: any order, any cut, any number of threads; who is left out, and why."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import distance_rules as naive
from shoal_engine.errors import TooFewUpdates, UpdateError
from shoal_engine.federated.rules import table
from shoal_engine.federated.rules.geometric_median import GeometricMedian
from shoal_engine.federated.rules.krum import Bulyan, Krum, MultiKrum
from shoal_engine.federated.rules.norm_clipping import NormBound
from shoal_engine.federated.sums import distances
from shoal_engine.federated.sums.buffered_updates import BufferedAggregator
from shoal_engine.federated.updates.model import Model
from shoal_engine.federated.updates.round import RoundResult, UpdateChecks
from shoal_engine.federated.updates.update import Update

OPTIONS: dict[str, dict[str, Any]] = {
    "krum": {"f": 2},
    "multi-krum": {"f": 2},
    "bulyan": {"f": 2},
    "geometric-median": {"tolerance": 1e-8},
    "centered-clipping": {"radius": 20.0, "iterations": 2},
    "norm-bound": {"limit": 70.0},
}
RULES: dict[str, Callable[..., BufferedAggregator]] = {
    **{name: partial(table.RULES[name], **options) for name, options in OPTIONS.items()},
    "multi-krum-3": partial(MultiKrum, f=2, m=3),
    "drop": partial(NormBound, limit=70.0, action="drop"),
    "zero": partial(NormBound, limit=70.0, action="zero"),
}
DTYPES = ["float16", "bfloat16", "float32", "float64"]
every_rule = pytest.mark.parametrize("name", RULES)


def update(row: np.ndarray, node: str, dtype: str = "float64", weight: float = 1.0) -> Update:
    """Return an update of two tensors, of which the first has one value."""
    if dtype == "bfloat16":
        row = (row.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
        return Update(Model.of_arrays({"a": row[:1], "b": row[1:]}, bfloat16=True), node, weight)
    return Update.of_arrays({"a": row[:1].astype(dtype), "b": row[1:].astype(dtype)}, node=node, weight=weight)


def values(model: Model) -> np.ndarray:
    """Return what a model holds, in float64."""
    parts = []
    for tensor, part in zip(model.layout, model.payloads(), strict=True):
        wide = (part.astype(np.uint32) << 16).view(np.float32) if tensor.dtype == "bfloat16" else part
        parts.append(wide.astype(np.float64))
    return np.concatenate(parts)


def released(rule: BufferedAggregator, updates: Sequence[Update]) -> RoundResult:
    for one in updates:
        rule.observe(one)
    return rule.release()


def told(aggregate: RoundResult) -> list[tuple[object, ...]]:
    """Return what a report says, except for the time of arrival."""
    return [tuple(row.values())[:-1] for row in aggregate.report.to_pylist()]


def round_of(n: int = 12, size: int = 5000, dtype: str = "float64") -> list[Update]:
    random = np.random.default_rng(5)
    rows = random.normal(size=(n, size)) * np.linspace(0.6, 1.4, n)[:, None]
    return [update(row, f"n{u:02}", dtype, weight=1.0 + u % 3) for u, row in enumerate(rows)]


@every_rule
def test_rule__same_bytes_in_any_order_cut_and_threads(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distances, "PART", 2048)
    updates = [*round_of(), update(np.full(5000, np.nan), "nan"), update(np.zeros(4999), "short")]
    random, seen = np.random.default_rng(8), set()
    for _ in range(20):
        order = [updates[place] for place in random.permutation(len(updates))]
        for cut in (0, 5, len(updates)):
            for n_threads in (1, 2):
                one, other = RULES[name](n_threads=n_threads), RULES[name](n_threads=n_threads)
                for observed in order[:cut]:
                    one.observe(observed)
                for observed in order[cut:]:
                    other.observe(observed)
                one.merge(other)
                found = one.release()
                seen.add((values(found.model).tobytes(), repr(told(found))))
    assert len(seen) == 1


@every_rule
def test_rule__ties_do_not_depend_on_order(name: str) -> None:
    # Corners of a square: every score and distance is of one of a few values.
    rows = [np.array([x, y, 0.0]) for x in (0.0, 1.0) for y in (0.0, 1.0) for _ in range(3)]
    updates = [update(row, f"n{u:02}") for u, row in enumerate(rows)]
    random, seen = np.random.default_rng(8), set()
    for _ in range(20):
        found = released(RULES[name](), [updates[place] for place in random.permutation(len(updates))])
        seen.add((values(found.model).tobytes(), repr(told(found))))
    assert len(seen) == 1


@every_rule
@pytest.mark.parametrize("dtype", DTYPES)
def test_rule__every_dtype(name: str, dtype: str) -> None:
    updates = round_of(size=600, dtype=dtype)
    rows = [values(one.model).tolist() for one in updates]
    weights = [one.weight for one in updates]
    origin = [0.0] * 600
    expected = {
        "krum": lambda: rows[naive.krum(rows, 2)],
        "multi-krum": lambda: naive.multi_krum(rows, 2, 8),
        "multi-krum-3": lambda: naive.multi_krum(rows, 2, 3),
        "bulyan": lambda: naive.bulyan(rows, 2),
        "geometric-median": lambda: naive.geometric_median(rows, weights, 1e-6, 60),
        "centered-clipping": lambda: naive.centered_clipping(rows, origin, 20.0, 2),
        "norm-bound": lambda: naive.norm_bounded(rows, weights, origin, 70.0, "clip"),
        "drop": lambda: naive.norm_bounded(rows, weights, origin, 70.0, "drop"),
        "zero": lambda: naive.norm_bounded(rows, weights, origin, 70.0, "zero"),
    }[name]()
    found = released(RULES[name](), updates).model
    assert found.layout == updates[0].model.layout
    relative = {"float16": 2.0**-11, "bfloat16": 2.0**-8, "float32": 2.0**-23, "float64": 1e-6}[dtype]
    np.testing.assert_allclose(values(found), expected, rtol=1.01 * relative, atol=1e-6)


@every_rule
def test_rule__bad_updates_are_told_and_leave_no_trace(name: str) -> None:
    good = round_of(size=200)
    bad = {
        "inf": (update(np.full(200, np.inf), "inf"), "not finite or too large"),
        "huge": (update(np.full(200, 1e200), "huge"), "not finite or too large"),
        "large": (update(np.full(200, 1e153), "large"), "not finite or too large"),
        "nan": (update(np.r_[np.zeros(199), np.nan], "nan"), "not finite or too large"),
        "short": (update(np.zeros(100), "short"), "another layout"),
        "weight": (update(np.zeros(200), "weight", weight=-1.0), "bad weight"),
    }
    found = released(RULES[name](), [*good, *(one for one, _ in bad.values())])
    alone = released(RULES[name](), good)
    assert values(found.model).tobytes() == values(alone.model).tobytes()
    rows = {row["node"]: row for row in found.report.to_pylist()}
    for node, (_, reason) in bad.items():
        assert (rows[node]["kept"], rows[node]["reason"]) == (False, reason)
    # Distances of rules that judge nobody are no numbers, which no equality holds for.
    assert [repr(row) for row in told(found) if row[0] not in bad] == [repr(row) for row in told(alone)]


@every_rule
def test_rule__too_few(name: str) -> None:
    with pytest.raises(TooFewUpdates):
        RULES[name]().release()
    with pytest.raises(TooFewUpdates):
        released(RULES[name](), [update(np.array([np.nan, 1.0]), f"n{u}") for u in range(20)])
    with pytest.raises(TooFewUpdates):
        released(RULES[name](checks=UpdateChecks(min_updates=13)), round_of(size=5))


@every_rule
def test_rule__others_are_not_merged(name: str) -> None:
    with pytest.raises(UpdateError):
        RULES[name]().merge(RULES[name](checks=UpdateChecks(round=3)))
    with pytest.raises(UpdateError):
        RULES[name]().merge(Krum(f=7))


@every_rule
def test_rule__all_alike(name: str) -> None:
    found = released(RULES[name](), [update(np.array([3.0, -1.5, 0.1]), f"n{u:02}") for u in range(12)])
    np.testing.assert_allclose(values(found.model), [3.0, -1.5, 0.1], atol=1e-12)


@every_rule
def test_rule__a_tensor_without_values(name: str) -> None:
    updates = [Update.of_arrays({"a": np.zeros(0), "b": np.full(2, 0.1 * u)}, node=f"n{u:02}") for u in range(12)]
    found = released(RULES[name](), updates).model
    assert found.arrays()["a"].shape == (0,)


def _farthest_from(name: str, radius: float, n: int, f: int) -> float:
    """Return how far from the center of a ball, in which n - f good updates lie, a rule can be taken by f others."""
    share = f / n
    return {
        # A score is at most that of some good one; among the closest n - f - 2 is a good one.
        "krum": radius + 2 * radius * math.sqrt(n),
        "multi-krum": radius + 2 * radius * math.sqrt(n),
        # Each kept value is no farther from the median, which lies among good ones, than some good one.
        "bulyan": 3 * radius * math.sqrt(3),
        # Lopuhaä, Rousseeuw (1991), theorem 2.2, as Pillutla et al. use it.
        "geometric-median": radius * 2 * (1 - share) / (1 - 2 * share) + 1e-5,
    }[name]


@settings(deadline=None)
@given(
    name=st.sampled_from(["krum", "multi-krum", "bulyan", "geometric-median"]),
    f=st.integers(0, 2),
    extra=st.integers(0, 3),
    scale=st.sampled_from([1.5, 3.0, 10.0, 1e3, 1e8, 1e15, 1e30]),
    together=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_rule__hostile_updates_take_it_not_far(
    name: str, f: int, extra: int, scale: float, *, together: bool, seed: int
) -> None:
    random = np.random.default_rng(seed)
    n, center = 4 * f + 3 + extra, 100 * random.normal(size=3)
    rows = random.normal(size=(n, 3))
    rows /= np.linalg.norm(rows, axis=1)[:, None]
    rows *= random.random((n, 1))
    rows[:f] = scale * (rows[:1] if together else rows[:f])
    names = random.permutation(n)
    rule = {
        "krum": lambda: Krum(f=f),
        "multi-krum": lambda: MultiKrum(f=f, m=max(1, n - f - 2)),
        "bulyan": lambda: Bulyan(f=f),
        "geometric-median": GeometricMedian,
    }[name]()
    found = released(rule, [update(center + row, f"{who:02}") for row, who in zip(rows, names, strict=True)])
    assert np.linalg.norm(values(found.model) - center) <= _farthest_from(name, 1.0, n, f)

"""A round that fails: each update keeps its own reason, whatever the rule."""

import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from shoal_engine.errors import TooFewUpdates
from shoal_engine.federated.rules import table
from shoal_engine.federated.rules.averaging import WeightedMean
from shoal_engine.federated.rules.normalized_averaging import NormalizedMean
from shoal_engine.federated.updates.model import Model
from shoal_engine.federated.updates.round import UpdateChecks
from shoal_engine.federated.updates.update import Update

LIKE = Model.of_arrays({"w": np.zeros(2)})
OPTIONS: dict[str, dict[str, Any]] = {
    "trimmed-mean": {"share": 0.1},
    "krum": {"f": 0},
    "multi-krum": {"f": 0},
    "bulyan": {"f": 0},
    "centered-clipping": {"radius": 1.0},
    "norm-bound": {"limit": 50.0, "action": "drop"},
}
RULES: dict[str, Callable[[UpdateChecks], Any]] = {
    **{name: partial(rule, **OPTIONS.get(name, {})) for name, rule in table.RULES.items()},
    "bounded": lambda checks: WeightedMean(checks, bound=100.0),
    "folded": lambda checks: WeightedMean(checks, bound=100.0, max_updates=9),
    "float64": lambda checks: WeightedMean(checks, accumulator="float64"),
    "normalized": lambda checks: NormalizedMean(checks, steps={**dict.fromkeys(SENT, 2), "lazy": 0}),
}
SENT = {
    "good": Update.of_arrays({"w": np.ones(2)}, node="good", weight=5.0),
    "nan": Update.of_arrays({"w": np.array([0, np.nan])}, node="nan"),
    "shape": Update.of_arrays({"w": np.ones(3)}, node="shape"),
    "weightless": Update.of_arrays({"w": np.ones(2)}, node="weightless", weight=-1.0),
    "lazy": Update.of_arrays({"w": np.ones(2)}, node="lazy"),
    "stale": Update.of_arrays({"w": np.ones(2)}, node="stale", round=3),
}
REASONS = {
    "good": "too few updates",
    "nan": "not finite or too large",
    "shape": "another layout",
    "weightless": "bad weight",
    "lazy": "too few updates",
    "stale": "stale round",
}


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("min_updates", [5, 20])
def test_reasons__are_each_update_s_own(name: str, min_updates: int) -> None:
    rule = RULES[name](UpdateChecks(like=LIKE, round=4, max_weight=100.0, min_updates=min_updates))
    for update in SENT.values():
        rule.observe(update)
    with pytest.raises(TooFewUpdates) as raised:
        rule.release()
    expected = REASONS | ({"lazy": "bad steps"} if name == "normalized" else {})
    assert {record.node: record.reason for record in raised.value.records} == expected
    assert {record.node: record.weight for record in raised.value.records} == {
        node: update.weight for node, update in SENT.items()
    }


@pytest.mark.parametrize("name", ["bounded", "folded"])
def test_reasons__beyond_the_bound(name: str) -> None:
    rule = RULES[name](UpdateChecks(like=LIKE, min_updates=3, max_weight=100.0))
    for node, size in (("far", 200.0), ("near", 1.0)):
        rule.observe(Update.of_arrays({"w": np.full(2, size)}, node=node))
    with pytest.raises(TooFewUpdates) as raised:
        rule.release()
    assert [record.reason for record in raised.value.records] == ["beyond the bound", "too few updates"]


def test_too_few_updates__is_pickled_with_its_lines() -> None:
    error = pickle.loads(pickle.dumps(TooFewUpdates("few", records=(1, 2))))
    assert (str(error), error.records) == ("few", (1, 2))

"""What dp-accounting says of some events, and ours beside it: never far, and never above its own pessimistic bound."""

import json
from pathlib import Path
from typing import Any

import pytest

from shoal_engine.differential import events
from shoal_engine.differential.accounting import loss_compositions

GOLDEN = json.loads((Path(__file__).parents[3] / "golden" / "dp_accounting.json").read_text())
CASES = [
    (json.dumps(case["event"]), float(delta), told)
    for case in GOLDEN["cases"]
    for delta, told in case["epsilon"].items()
]


@pytest.mark.parametrize(("text", "delta", "told"), CASES)
def test_losses__agree_with_dp_accounting(text: str, delta: float, told: dict[str, Any]) -> None:
    found = loss_compositions.epsilon_of(events.from_json(text), delta)
    # Both are upper bounds of the same number, each on a grid of its own.
    assert found == pytest.approx(told["losses"], rel=2e-4, abs=1e-4)


@pytest.mark.parametrize(("text", "delta", "told"), CASES)
def test_renyi__is_no_worse_than_that_of_dp_accounting(text: str, delta: float, told: dict[str, Any]) -> None:
    """Orders are sought here and listed there, and moments of distributions are those of the event itself."""
    event = events.from_json(text)
    found, least = loss_compositions.renyi_epsilon_of(event, delta), loss_compositions.epsilon_of(event, delta)
    assert found is not None
    assert least is not None
    assert least * (1 - 1e-6) <= found <= told["renyi"] * (1 + 1e-3) + 1e-4

"""Federated rounds: the same bytes for any order, cut and merge, folded or held, and the exact mean of what counts."""

from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fuzz.effort import effort
from naive.averaging import mean as exact_mean
from shoal_engine.errors import ShoalError
from shoal_engine.federated.rules.averaging import WeightedMean
from shoal_engine.federated.updates.round import RoundResult, UpdateChecks
from shoal_engine.federated.updates.update import Update

BOUND, MOST = 64.0, 40
VALUES = st.one_of(
    st.floats(-BOUND, BOUND, width=32),
    st.sampled_from([0.0, -0.0, BOUND, -BOUND, 2.0**-30, 65.0, 1e30, float("nan"), float("inf")]),
)
WEIGHTS = st.one_of(st.integers(1, 100).map(float), st.sampled_from([0.0, -1.0, 0.5, 2.0**-30, 1e9, float("nan")]))
NODES = st.integers(0, 12).map(str)


@st.composite
def rounds(draw: st.DrawFn) -> list[Update]:
    """Draw what nodes send: some twice, some values and weights that no round can count."""
    sent = []
    for _ in range(draw(st.integers(1, 10))):
        values = draw(st.lists(VALUES, min_size=3, max_size=3))
        with np.errstate(over="ignore"):
            array = np.array(values, np.float32)
        sent.append(Update.of_arrays({"w": array}, node=draw(NODES), weight=draw(WEIGHTS)))
    return sent


LIKE = Update.of_arrays({"w": np.zeros(3, np.float32)}, node="", weight=1.0).model


def told_of(released: RoundResult) -> list[dict[str, Any]]:
    return released.report.to_pylist()


def mean_of(sent: list[Update], cuts: list[int], *, folded: bool) -> Any:
    """Return the outcome of a round whose updates come in parts that are merged: bytes and report, or the error."""
    checks = UpdateChecks(like=LIKE, max_weight=1000.0)
    parts = [WeightedMean(checks, bound=BOUND, max_updates=MOST) if folded else WeightedMean(checks) for _ in range(3)]
    for update, part in zip(sent, cuts, strict=True):
        parts[part].observe(update)
    parts[0].merge(parts[1])
    parts[0].merge(parts[2])
    try:
        released = parts[0].release()
    except ShoalError as error:
        return type(error).__name__
    lines = sorted((row["node"], row["kept"], str(row["reason"]), repr(row["weight"])) for row in told_of(released))
    return released.model.payloads()[0].tobytes(), lines


@given(sent=rounds(), data=st.data())
@effort(short=150, long=10_000)
def test_round__any_order_cut_and_merge_is_the_same_round(sent: list[Update], data: st.DataObject) -> None:
    cut = st.lists(st.integers(0, 2), min_size=len(sent), max_size=len(sent))
    for folded in (False, True):
        plain = mean_of(sent, [0] * len(sent), folded=folded)
        mixed = data.draw(st.permutations(sent))
        assert mean_of(list(mixed), data.draw(cut), folded=folded) == plain


@given(sent=rounds())
@effort(short=100, long=10_000)
def test_round__of_what_counts_is_the_exact_mean(sent: list[Update]) -> None:
    outcome = mean_of(sent, [0] * len(sent), folded=True)
    if isinstance(outcome, str):
        return
    payload, lines = outcome
    kept = {node for node, is_kept, *_ in lines if is_kept}
    counted = {update.node: update for update in sent if update.node in kept}
    rows = [[float(x) for x in update.model.payloads()[0]] for update in counted.values()]
    weights = [update.weight for update in counted.values()]
    found = np.frombuffer(payload, np.float32)
    for place, value in enumerate(found):
        exact = exact_mean([row[place] for row in rows], weights)
        # The grid's step, times the updates, over their weight; then a float32.
        step = Fraction(2) ** -30
        assert abs(Fraction(float(value)) - exact) <= abs(exact) * Fraction(2) ** -23 + step

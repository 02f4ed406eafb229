"""A node that sends more than once: the same in any order, cut and merge, folded or held, private or not."""

import copy
import pickle
import tempfile
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal_engine.errors import TooFewUpdates, UpdateError
from shoal_engine.federated.privacy.private_averaging import AdaptiveClip, PrivateMean
from shoal_engine.federated.privacy.private_training import Permit
from shoal_engine.federated.rules.averaging import WeightedMean
from shoal_engine.federated.rules.order_rules import Median
from shoal_engine.federated.updates.model import Model
from shoal_engine.federated.updates.repeated_updates import Copies
from shoal_engine.federated.updates.round import UpdateChecks
from shoal_engine.federated.updates.update import Update
from shoal_engine.randomness import Keystream

LIKE = Model.of_arrays({"w": np.zeros(3, np.float32), "b": np.zeros((), np.float64)})
WEIGHT = 4.0
N = 8


def update(node: str, kind: int) -> Update:
    """Return one of the few updates that a node may send: several good ones, and some that are bad."""
    values = {5: np.nan, 6: 1000.0}.get(kind, kind - 1.5)
    arrays = {"w": np.full(3, values, np.float32), "b": np.array(float(kind))}
    if kind == 7:
        arrays = {"w": arrays["w"]}
    return Update.of_arrays(arrays, node=node, weight=0.0 if kind == 8 else WEIGHT)


def folding(**options: Any) -> WeightedMean:
    return WeightedMean(UpdateChecks(like=LIKE, max_weight=WEIGHT, **options), bound=16.0, max_updates=N)


def holding() -> WeightedMean:
    return WeightedMean(UpdateChecks(like=LIKE, max_weight=WEIGHT), bound=16.0)


def private() -> PrivateMean:
    permit = Permit(1, Fraction(1), 1 << 40)
    return PrivateMean(UpdateChecks(like=LIKE), permit, clip=AdaptiveClip(2.0), expected_updates=4)


def told(aggregate: Any) -> list[tuple[Any, ...]]:
    """Return what is reported of updates, except when they came."""
    records = [(one.node, one.weight, repr(one.norm), one.kept, one.reason) for one in aggregate.records]
    return sorted(records, key=repr)


def outcome(release: Callable[[], Any]) -> tuple[Any, ...]:
    try:
        found = release()
    except TooFewUpdates as error:
        return "too few", told(error)
    return tuple(values.tobytes() for values in found.model.payloads()), told(found)


SENT = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 8)), min_size=1, max_size=8)


def cut_and_merged(make: Callable[[], Any], sent: Sequence[Update], parts: Sequence[int], *, forward: bool) -> Any:
    made = [make() for _ in range(3)]
    for one, part in zip(sent, parts, strict=True):
        made[part].observe(one)
    first, *others = made if forward else made[::-1]
    for other in others:
        first.merge(other)
    return first


@given(sent=SENT, data=st.data())
@settings(deadline=None, max_examples=60)
def test_any_order_and_merge__folded_and_held_agree(sent: list[tuple[str, int]], data: st.DataObject) -> None:
    updates = [update(*one) for one in sent]
    order = data.draw(st.permutations(range(len(sent))))
    parts = data.draw(st.lists(st.integers(0, 2), min_size=len(sent), max_size=len(sent)))
    forward = data.draw(st.booleans())
    held = holding()
    for one in updates:
        held.observe(one)
    expected = outcome(held.release)
    for make in (folding, holding):
        found = outcome(cut_and_merged(make, [updates[i] for i in order], parts, forward=forward).release)
        # Where too few are good, values are looked at in the one and in the other.
        assert found == expected or (found[0] == expected[0] and make is folding and _alike(found[1], expected[1]))


def _alike(one: list[tuple[Any, ...]], other: list[tuple[Any, ...]]) -> bool:
    """Return whether records say the same, but for lengths that are measured or not."""
    return sorted((record[:2] + record[3:] for record in one), key=repr) == sorted(
        (record[:2] + record[3:] for record in other), key=repr
    )


@given(sent=SENT, data=st.data())
@settings(deadline=None, max_examples=60)
def test_any_order_and_merge__private_means_agree(sent: list[tuple[str, int]], data: st.DataObject) -> None:
    updates = [update(*one) for one in sent]
    order = data.draw(st.permutations(range(len(sent))))
    parts = data.draw(st.lists(st.integers(0, 2), min_size=len(sent), max_size=len(sent)))

    def released(mean: PrivateMean) -> tuple[Any, ...]:
        stream = Keystream._of_key(bytes(32), bytes(16))
        found = mean.release(_stream=stream)
        return tuple(values.tobytes() for values in found.model.payloads()), found.clip, told(found)

    permit = Permit(1, Fraction(1), 1 << 40)

    def make() -> PrivateMean:
        return PrivateMean(UpdateChecks(like=LIKE), permit, clip=AdaptiveClip(2.0), expected_updates=4)

    once = private()
    for one in updates:
        once.observe(one)
    assert released(cut_and_merged(make, [updates[i] for i in order], parts, forward=True)) == released(once)


@pytest.mark.parametrize("make", [folding, holding, lambda: Median(UpdateChecks(like=LIKE))])
def test_a_repeat__counts_once_and_other_updates_of_a_node_not_at_all(make: Callable[[], Any]) -> None:
    rule = make()
    for node, kind in (("a", 1), ("b", 2), ("a", 1), ("c", 0), ("c", 4), ("c", 0)):
        rule.observe(update(node, kind))
    found = rule.release()
    assert found.model.arrays()["w"].tolist() == [0.0] * 3
    assert [(record.node, record.kept, record.reason) for record in found.records if not record.kept] == [
        ("a", False, "duplicate"),
        *[("c", False, "duplicate")] * 3,
    ]


def test_room__is_taken_by_nodes_whatever_is_taken_back() -> None:
    for order in ("aAbc", "abAc", "Aabc", "bAac"):
        mean = WeightedMean(UpdateChecks(like=LIKE, max_weight=WEIGHT), bound=16.0, max_updates=2)
        *first, last = [update(one.lower(), 2 if one.islower() else 3) for one in order]
        for one in first:
            mean.observe(one)
        with pytest.raises(UpdateError, match="larger max_updates"):
            mean.observe(last)


def test_once__keeps_no_copies_and_the_first_counts() -> None:
    mean = folding(once=True)
    for node, kind in (("a", 1), ("a", 4), ("b", 2)):
        mean.observe(update(node, kind))
    assert mean.release().model.arrays()["w"].tolist() == [0.0] * 3
    other = folding(once=True)
    other.observe(update("a", 1))
    with pytest.raises(UpdateError, match="no node in common"):
        mean.merge(other)


@pytest.mark.parametrize("make", [folding, holding, private])
def test_merge__not_with_itself(make: Callable[[], Any]) -> None:
    rule = make()
    rule.observe(update("a", 1))
    with pytest.raises(UpdateError, match="no node in common"):
        rule.merge(rule)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda mean: pickle.loads(pickle.dumps(mean))])
def test_folded__can_be_taken_back_from_a_copy_of_the_aggregator(again: Callable[[WeightedMean], WeightedMean]) -> None:
    mean = folding()
    for node, kind in (("a", 1), ("b", 3)):
        mean.observe(update(node, kind))
    other = again(mean)
    for one in (mean, other):
        one.observe(update("b", 4))
        assert one.release().model.arrays()["w"].tolist() == [-0.5] * 3


def test_copies__are_enciphered_and_read_back() -> None:
    rng = np.random.default_rng(1)
    copies = Copies()
    models = [Model.of_arrays({"w": rng.standard_normal(n).astype(np.float32), "s": np.ones(0)}) for n in (5, 3 << 19)]
    places = [copies.keep(model) for model in models]
    for model, place in zip(models, places, strict=True):
        assert [one.tobytes() for one in copies.read(place, model.layout).payloads()] == [
            one.tobytes() for one in model.payloads()
        ]
    copies._file.seek(0)
    assert models[0].payloads()[0].tobytes() not in copies._file.read()


def test_copies__without_room_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    mean = folding()
    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "write", full)
    with pytest.raises(UpdateError, match="No space left on device"):
        mean.observe(update("a", 1))
    with pytest.raises(TooFewUpdates):
        mean.release()

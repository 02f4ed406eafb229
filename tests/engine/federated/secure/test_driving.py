"""Rounds driven as flat fields, as a transport carries them: the sum is the folded mean's, or nothing."""

import math
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal_engine.errors import SecureAggregationError, TooFewSurvivors, UpdateError
from shoal_engine.federated.privacy.private_averaging import AdaptiveClip, PrivateMean
from shoal_engine.federated.privacy.private_training import Permit, PrivateTraining
from shoal_engine.federated.rules.averaging import WeightedMean
from shoal_engine.federated.secure import SecureParameters, vectors
from shoal_engine.federated.secure.driving import SecureRound, answered
from shoal_engine.federated.secure.flat_messages import Fields
from shoal_engine.federated.secure.messages import Stage
from shoal_engine.federated.secure.vectors import MaskedClip, MaskedMean, length_of, parts, plan_entries, read_plan
from shoal_engine.federated.updates.model import Model
from shoal_engine.federated.updates.round import Reason, UpdateChecks
from shoal_engine.federated.updates.update import Update
from shoal_engine.randomness import Keystream

Ints = npt.NDArray[np.int64]
Lost = Mapping[int, Stage]
Meddle = Callable[[int, Stage, Fields], Fields]
STAGES = [Stage.ADVERTISE, Stage.SHARE, Stage.CONFIRM, Stage.MASK, Stage.REVEAL]
LIKE = Model.of_arrays({"w": np.zeros((3, 2), np.float32), "b": np.zeros(2), "h": np.zeros(3, np.float16)})


class Nodes:
    """Nodes in memory, which answer until the stage at which they are lost."""

    def __init__(self, given: list[Ints | Reason], lost: Lost | None = None, meddle: Meddle | None = None) -> None:
        self.given = given
        self.lost = lost or {}
        self.meddle = meddle
        self.kept: dict[int, Fields | None] = {}
        self.masked: dict[int, npt.NDArray[np.uint64]] = {}
        self.asked: list[Stage] = []

    def ask(self, stage: Stage, told: Mapping[int, Fields]) -> Iterable[tuple[int, Fields | Reason]]:
        self.asked.append(stage)
        for place, fields in reversed(list(told.items())):
            if self.lost.get(place, Stage.FINISHED) <= stage:
                continue
            said, self.kept[place] = answered(stage, fields, self.kept.get(place), lambda p=place: self.given[p])
            if stage is Stage.MASK and "vector" in said:
                vector = said["vector"]
                assert isinstance(vector, np.ndarray)
                self.masked[place] = vector
            yield place, said if self.meddle is None else self.meddle(place, stage, said)


def updates_of(n: int, seed: int = 3) -> list[Update]:
    rng = np.random.default_rng(seed)
    names = [str(place) for place in range(n)]
    arrays = [
        {tensor.name: rng.uniform(-4, 4, tensor.shape).astype(tensor.dtype) for tensor in LIKE.layout} for _ in names
    ]
    return [
        Update.of_arrays(one, node=name, weight=float(rng.integers(1, 50)))
        for one, name in zip(arrays, names, strict=True)
    ]


def folded(updates: Iterable[Update], plan: MaskedMean) -> Model:
    checks = UpdateChecks(like=LIKE, max_weight=plan.max_weight)
    mean = WeightedMean(checks, bound=plan.bound, max_updates=plan.max_updates)
    for update in updates:
        mean.observe(update)
    return mean.release().model


def same(one: Model, other: Model) -> bool:
    pairs = zip(one.payloads(), other.payloads(), strict=True)
    return one.layout == other.layout and all(a.tobytes() == b.tobytes() for a, b in pairs)


def round_of(n: int, threshold: int, neighbors: int | None = None) -> SecureRound:
    parameters = SecureParameters(threshold, bytes(16), 1, length_of(LIKE.layout), neighbors)
    return SecureRound(parameters, [str(place) for place in range(n)])


PLAN = MaskedMean(4.0, 50.0, 10)


# Vectors


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_mean__is_the_folded_one_bit_for_bit(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 6))
    plan = MaskedMean(data.draw(st.sampled_from([4.0, 5.3, 1000.0])), data.draw(st.sampled_from([50.0, 2.0**20])), 9)
    updates = updates_of(n, data.draw(st.integers(0, 1000)))
    total = np.zeros(length_of(LIKE.layout), np.int64)
    for update in updates:
        vector = plan.vector(update, LIKE)
        assert isinstance(vector, np.ndarray)
        total += vector
    assert same(plan.released(total, LIKE), folded(updates, plan))


def test_mean__weights_that_are_no_whole_numbers_are_rounded_for_both_sums() -> None:
    plan, update = MaskedMean(8.0, 1000.0, 10), Update.of_arrays({"w": [2.0, -4.0]}, node="a", weight=1 / 3)
    like = Model.of_arrays({"w": np.zeros(2)})
    vector = plan.vector(update, like)
    assert isinstance(vector, np.ndarray)
    assert vector[-1] == round(2**plan.weight_bits / 3)
    np.testing.assert_allclose(plan.released(vector, like).arrays()["w"], [2.0, -4.0], rtol=1e-11)


@pytest.mark.parametrize(
    ("values", "weight", "reason"),
    [
        ([np.nan, 0], 1, "not finite or too large"),
        ([np.inf, 0], 1, "not finite or too large"),
        ([4.0, 4.1], 1, "beyond the bound"),
        ([0, 0], 51, "bad weight"),
        ([0, 0], -1, "bad weight"),
        ([0, 0], np.nan, "bad weight"),
        ([0, 0], 1e-30, "bad weight"),
        ([0, 0, 0], 1, "another layout"),
    ],
)
def test_mean__refuses(values: list[float], weight: float, reason: str) -> None:
    update = Update.of_arrays({"w": np.array(values, float)}, node="a", weight=weight)
    assert PLAN.vector(update, Model.of_arrays({"w": np.zeros(2)})) == reason


def test_mean__refuses_a_weight_that_is_no_step() -> None:
    """Else values would count, without a weight under them."""
    plan, like = MaskedMean(4.0, 2.0**20, 9), Model.of_arrays({"w": np.zeros(2)})
    assert plan.vector(Update(like, "a", 2.0**-40), like) == "bad weight"


def test_mean__of_no_weight() -> None:
    with pytest.raises(SecureAggregationError, match="add up to nothing"):
        PLAN.released(np.zeros(length_of(LIKE.layout), np.int64), LIKE)


@pytest.mark.parametrize("most", [50.0, 0.3, 2.0**20])
@pytest.mark.parametrize("n", [1, 10, 1023, 1024])
def test_mean__weights_of_all_have_room_and_use_it(most: float, n: int) -> None:
    """All of them at the largest weight add up to less than 2**61 steps, and to a quarter of that or more."""
    total = Fraction(most) * n * Fraction(2) ** MaskedMean(1.0, most, n).weight_bits
    assert 2**59 <= total < 2**61


@pytest.mark.parametrize("numbers", [(0.0, 1.0, 1), (1.0, 0.0, 1), (1.0, 1.0, 0), (1.0, 2.0**40, 2**10)])
def test_mean__of_no_grid(numbers: tuple[float, float, int]) -> None:
    with pytest.raises(UpdateError):
        MaskedMean(*numbers)


def private_mean(clip: float | AdaptiveClip = 0.5, cap: float | None = None) -> PrivateMean:
    training = PrivateTraining(Fraction(10**4), Fraction(1, 10), noise_multiplier=Fraction(1, 2))
    permit = training.begin_round(size=LIKE.size + isinstance(clip, AdaptiveClip))
    return PrivateMean(UpdateChecks(like=LIKE), permit, clip=clip, expected_updates=5, weight_cap=cap)


def test_clip__without_noise_is_the_private_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent:
        def __init__(self, *_: object) -> None: ...

        def add(self, values: Ints, _: object) -> Ints:
            return values

    mean = private_mean(cap=20.0)
    plan, total = MaskedClip.of_mean(mean, 3), np.zeros(length_of(LIKE.layout), np.int64)
    monkeypatch.setattr(vectors, "DistributedGaussian", Silent)
    for update in updates_of(5):
        vector = plan.vector(update, LIKE)
        assert isinstance(vector, np.ndarray)
        total += vector
        mean.observe(update)
    for mine, theirs in zip(parts(LIKE.layout, total), mean._sum.sums, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_clip__noise_of_the_threshold_is_what_was_paid_for() -> None:
    """Of 4000 values; the sum of squares over its mean is within 6 deviations, 6 * sqrt(2 / 4000) = 0.134."""
    like = Model.of_arrays({"w": np.zeros(4000, np.float32)})
    training = PrivateTraining(Fraction(10**4), Fraction(1, 10), noise_multiplier=Fraction(1, 2))
    mean = PrivateMean(UpdateChecks(like=like), training.begin_round(size=like.size), clip=0.5, expected_updates=3)
    plan = MaskedClip.of_mean(mean, 3)
    total = np.zeros(length_of(like.layout), np.int64)
    for node in "abc":
        vector = plan.vector(Update(like, node), like)
        assert isinstance(vector, np.ndarray)
        assert vector[-1] == 0
        total += vector
    sigma = mean.sensitivity / 2
    assert plan.share_squared * 3 >= sigma**2
    assert np.mean((total[:-1] / sigma) ** 2) == pytest.approx(1, abs=0.134)
    assert plan.std(3) == pytest.approx(sigma * 0.5 * 2.0**-40 / 3)


@pytest.mark.parametrize("share", [1, 2**80, 2**96, 2**100])
def test_clip__has_room_for_the_noise_of_all(share: int) -> None:
    """Clips and 16 deviations of all noise together stay within 63 bits."""
    n = MaskedClip(1.0, share, 5.0).max_updates
    assert n == min(2**20, 2**114 // share)
    assert n * (2**40 + 2**20) + 16 * math.isqrt(share * n) < 2**63


def test_clip__refuses() -> None:
    plan = MaskedClip.of_mean(private_mean(), 3)
    assert plan.vector(Update.of_arrays({"w": [1.0]}, node="a"), LIKE) == "another layout"
    bad = {tensor.name: np.full(tensor.shape, np.nan, tensor.dtype) for tensor in LIKE.layout}
    assert plan.vector(Update.of_arrays(bad, node="a"), LIKE) == "not finite or too large"
    with pytest.raises(UpdateError, match="fixed clip"):
        MaskedClip.of_mean(private_mean(clip=AdaptiveClip(1.0)), 3)
    tiny = PrivateMean(UpdateChecks(like=LIKE), Permit(1, Fraction(3, 2**40), LIKE.size), clip=0.5, expected_updates=5)
    with pytest.raises(UpdateError, match="too small for each"):
        MaskedClip.of_mean(tiny, 10)


@pytest.mark.parametrize("plan", [PLAN, MaskedClip.of_mean(private_mean(cap=3.0), 3)])
def test_plan__told_and_read(plan: MaskedMean | MaskedClip) -> None:
    assert read_plan(plan_entries(plan)) == plan


@pytest.mark.parametrize(
    "told", [{}, {"bound": 1.0}, {"share_squared": "-1"}, {"bound": "x", "max_weight": 1, "max_updates": 1}]
)
def test_plan__malformed(told: Fields) -> None:
    with pytest.raises(UpdateError):
        read_plan(told)


@pytest.mark.parametrize(
    "change",
    [
        {"clip": float("nan")},
        {"clip": 0.0},
        {"expected_updates": 0.0},
        {"expected_updates": float("inf")},
        {"weight_cap": float("nan")},
        {"weight_cap": -1.0},
        {"share_squared": str(2**100 + 1)},
        {"share_squared": "0"},
    ],
)
def test_plan__out_of_range(change: Fields) -> None:
    told: Fields = {**plan_entries(MaskedClip(0.5, 9, 5.0, 3.0)), **change}
    with pytest.raises(UpdateError):
        read_plan(told)


# Rounds


@pytest.mark.parametrize("neighbors", [None, 4])
def test_round__is_the_folded_mean(neighbors: int | None) -> None:
    updates = updates_of(6)
    nodes = Nodes([PLAN.vector(update, LIKE) for update in updates])
    driven = round_of(6, 4, neighbors)
    assert same(PLAN.released(driven.total(nodes.ask), LIKE), folded(updates, PLAN))
    assert nodes.asked == STAGES
    assert all(record.kept and np.isnan(record.weight) and np.isnan(record.norm) for record in driven.records())
    sent = {str(place): vector.nbytes for place, vector in nodes.masked.items()}
    assert {record.node: record.n_bytes for record in driven.records()} == sent
    assert not any(nodes.kept.values())
    for place, vector in nodes.masked.items():
        assert not np.any(vector.view(np.int64) == nodes.given[place])


@pytest.mark.parametrize("stage", STAGES)
def test_round__nodes_lost_at_a_stage(stage: Stage) -> None:
    updates = updates_of(6)
    nodes = Nodes([PLAN.vector(update, LIKE) for update in updates], {1: stage, 4: stage})
    driven = round_of(6, 4)
    model = PLAN.released(driven.total(nodes.ask), LIKE)
    counted = [u for u in updates if u.node not in "14" or stage is Stage.REVEAL]
    assert same(model, folded(counted, PLAN))
    reasons = {record.node: record.reason for record in driven.records() if not record.kept}
    assert reasons == ({} if stage is Stage.REVEAL else {"1": "no answer", "4": "no answer"})


@pytest.mark.parametrize("stage", STAGES)
def test_round__too_few_at_a_stage(stage: Stage) -> None:
    nodes = Nodes([PLAN.vector(update, LIKE) for update in updates_of(6)], dict.fromkeys((1, 4, 5), stage))
    driven = round_of(6, 4)
    with pytest.raises(TooFewSurvivors):
        driven.total(nodes.ask)
    assert nodes.asked[-1] is stage
    reasons = [record.reason for record in driven.records("too few updates")]
    assert reasons.count("too few updates") == (6 if stage is Stage.REVEAL else 3)


def test_round__a_node_that_cannot_lie_on_the_grid_drops_out() -> None:
    updates = updates_of(5)
    given: list[Ints | Reason] = [PLAN.vector(update, LIKE) for update in updates]
    given[2] = "beyond the bound"
    driven = round_of(5, 3)
    total = driven.total(Nodes(given).ask)
    assert same(PLAN.released(total, LIKE), folded([u for u in updates if u.node != "2"], PLAN))
    assert [(record.node, record.reason) for record in driven.records() if not record.kept] == [
        ("2", "beyond the bound")
    ]


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(
    "bad",
    [
        lambda said: {},
        lambda said: {**said, "sender": 0},
        lambda said: {**said, "round": -1},
        lambda said: {**said, "session": "text"},
        lambda said: {**said, "refused": "because"},
        lambda said: {**said, "refused": 7},
        lambda said: {name: [] if isinstance(value, list) else value for name, value in said.items()} | {"round": 2},
    ],
)
def test_round__a_bad_answer_costs_one_node(stage: Stage, bad: Callable[[Fields], Fields]) -> None:
    updates = updates_of(5)
    nodes = Nodes(
        [PLAN.vector(update, LIKE) for update in updates],
        meddle=lambda place, at, said: bad(said) if (place, at) == (3, stage) else said,
    )
    driven = round_of(5, 3)
    model = PLAN.released(driven.total(nodes.ask), LIKE)
    counted = [u for u in updates if u.node != "3" or stage is Stage.REVEAL]
    assert same(model, folded(counted, PLAN))
    assert [record.reason for record in driven.records() if not record.kept] == ["unreadable"] * (
        stage is not Stage.REVEAL
    )


def test_round__answers_that_come_twice_or_of_nobody() -> None:
    updates = updates_of(5)
    nodes = Nodes([PLAN.vector(update, LIKE) for update in updates])

    def ask(stage: Stage, told: Mapping[int, Fields]) -> Iterable[tuple[int, Fields | Reason]]:
        for place, said in nodes.ask(stage, told):
            yield from ((place, said), (place, said), (place, "node failed"), (99, said))

    driven = round_of(5, 3)
    assert same(PLAN.released(driven.total(ask), LIKE), folded(updates, PLAN))
    assert all(record.kept for record in driven.records())


def test_round__shares_changed_on_their_way() -> None:
    def meddle(place: int, stage: Stage, said: Fields) -> Fields:
        if (place, stage) == (3, Stage.SHARE):
            shares = said["shares"]
            assert isinstance(shares, list)
            said["shares"] = [bytes(len(share)) for share in shares if isinstance(share, bytes)]
        return said

    updates = updates_of(5)
    driven = round_of(5, 3)
    total = driven.total(Nodes([PLAN.vector(update, LIKE) for update in updates], meddle=meddle).ask)
    assert same(PLAN.released(total, LIKE), folded([u for u in updates if u.node != "3"], PLAN))
    assert [record.reason for record in driven.records() if not record.kept] == ["too few partners"]


def test_round__shares_that_open_nothing() -> None:
    def meddle(place: int, stage: Stage, said: Fields) -> Fields:
        if (place, stage) == (0, Stage.REVEAL):
            shares = said["self_mask"]
            assert isinstance(shares, list)
            said["self_mask"] = [bytes(len(share)) for share in shares if isinstance(share, bytes)]
        return said

    driven = round_of(3, 3)
    with pytest.raises(SecureAggregationError):
        driven.total(Nodes([PLAN.vector(update, LIKE) for update in updates_of(3)], meddle=meddle).ask)
    assert [record.reason for record in driven.records("round failed")] == ["wrong shares", *["round failed"] * 2]


def test_round__threshold_too_low_for_so_many() -> None:
    with pytest.raises(UpdateError, match="give 4 or more"):
        round_of(6, 3)


def test_answered__without_what_was_kept() -> None:
    with pytest.raises(SecureAggregationError, match="in no round"):
        answered(Stage.MASK, {}, None, lambda: "node failed")


def test_answered__out_of_order() -> None:
    nodes = Nodes([PLAN.vector(update, LIKE) for update in updates_of(3)], dict.fromkeys(range(3), Stage.CONFIRM))
    with pytest.raises(TooFewSurvivors):
        round_of(3, 2).total(nodes.ask)
    request: Fields = {"session": bytes(16), "round": 1, "survivors": [0, 1, 2], "dropped": []}
    with pytest.raises(SecureAggregationError, match="is at `confirm`"):
        answered(Stage.REVEAL, request, nodes.kept[0], lambda: "node failed")


def test_answered__nothing_whole_was_kept() -> None:
    nodes = Nodes([PLAN.vector(update, LIKE) for update in updates_of(3)], dict.fromkeys(range(3), Stage.SHARE))
    with pytest.raises(TooFewSurvivors):
        round_of(3, 2).total(nodes.ask)
    kept = nodes.kept[0]
    assert kept is not None
    for name in kept:
        with pytest.raises(SecureAggregationError):
            answered(Stage.SHARE, {}, {k: v for k, v in kept.items() if k != name}, lambda: "node failed")


@pytest.mark.parametrize(
    "change",
    [
        {"encryption": bytes(31)},
        {"masking": bytes(33)},
        {"held_self_mask_nodes": [1]},
        {"held_mask_key_nodes": [1]},
        {"stage": 7},
    ],
)
def test_answered__what_was_kept_contradicts_itself(change: Fields) -> None:
    nodes = Nodes([PLAN.vector(update, LIKE) for update in updates_of(3)], dict.fromkeys(range(3), Stage.CONFIRM))
    with pytest.raises(TooFewSurvivors):
        round_of(3, 2).total(nodes.ask)
    kept = nodes.kept[0]
    assert kept is not None
    with pytest.raises(SecureAggregationError, match="not whole"):
        answered(Stage.CONFIRM, {}, {**kept, **change}, lambda: "node failed")


def test_a_private_round__moves_the_model_by_little_noise() -> None:
    mean = private_mean()
    plan = MaskedClip.of_mean(mean, 3)
    updates = updates_of(5)
    driven = round_of(5, 3)
    released = plan.released(driven.total(Nodes([plan.vector(u, LIKE) for u in updates]).ask), LIKE)
    for update in updates:
        mean.observe(update)
    with Keystream.secure() as stream:
        other = mean.release(_stream=stream)
    apart = max(
        float(np.abs(a - b).max())
        for a, b in zip(released.arrays().values(), other.model.arrays().values(), strict=True)
    )
    assert apart < 12 * (plan.std(5) + other.std)

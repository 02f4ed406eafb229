"""Masked rounds of Flower: Flower's own records, messages and client apps, over a grid in memory."""

import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("flwr", reason="Flower is not installed: pip install 'shoal[flower]'")

from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Error, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.common.serde import recorddict_from_proto, recorddict_to_proto
from flwr.serverapp.strategy import FedAvg

from memory_grids import MemoryGrid, folding, initial, messages_to, plus_node, strategy
from naive.secure_rounds import Played, parameters_of
from shoal.federated import AdaptiveClip, FedAvgM, Median, PrivateRounds, PrivateTraining
from shoal.federation.flower_rounds import Round, Sent
from shoal.federation.flower_secure import KEY, VECTOR, SecureExchange
from shoal.federation.flower_secure_mod import SecureMod, secure_mod
from shoal.flower import Strategy
from shoal_engine.errors import BudgetExhausted, SecureAggregationError, UpdateError
from shoal_engine.federated.secure import vectors
from shoal_engine.federated.secure.messages import Stage
from shoal_engine.federated.secure.vectors import MaskedMean
from shoal_engine.federated.updates.model import Model
from shoal_engine.federated.updates.round import RoundResult, UpdateChecks
from shoal_engine.federated.updates.update import Update

LIKE = Model.of_arrays({"w": np.zeros(2, np.float32)})
STAGES = [Stage.ADVERTISE, Stage.SHARE, Stage.CONFIRM, Stage.MASK, Stage.REVEAL]
Train = Callable[[Message, int, int], Message]


def over_the_wire(content: RecordDict) -> RecordDict:
    """Return records as they are after they were sent, or put away by Flower."""
    proto = recorddict_to_proto(content)
    return recorddict_from_proto(type(proto).FromString(proto.SerializeToString()))


class Federation:
    """Nodes that run a client app with the mod; of their state only what Flower can put away stays.

    Parameters
    ----------
    train : callable
        As an answer of `MemoryGrid`.
    lost : dict of int to Stage
        From which stage on a node is not heard of.
    mod : SecureMod
    """

    def __init__(
        self, train: Train = plus_node, lost: dict[int, Stage] | None = None, mod: SecureMod = secure_mod
    ) -> None:
        self.lost = lost or {}
        self.states: dict[int, RecordDict] = {}
        self.replies: list[tuple[int, Stage, RecordDict]] = []
        self.trained: list[int] = []
        self.seen: list[RecordDict] = []
        self.app = ClientApp(mods=[mod])

        @self.app.train()
        def _(message: Message, context: Context) -> Message:
            self.trained.append(context.node_id)
            self.seen.append(message.content)
            return train(message, context.node_id, 0)

        @self.app.evaluate()
        def _(message: Message, context: Context) -> Message:
            return plus_node(message, context.node_id, 0)

    def answer(self, message: Message, node: int, _: int) -> Message | None:
        content = over_the_wire(message.content)
        stage = Stage(content[KEY]["stage"]) if KEY in content else Stage.FINISHED
        if self.lost.get(node, Stage.FINISHED) <= stage < Stage.FINISHED:
            return None
        context = Context(1, node, {}, self.states.get(node, RecordDict()), {})
        came = Message(content, node, message.metadata.message_type)
        came.metadata.__dict__["_message_id"] = message.metadata.message_id
        try:
            said = self.app(came, context)
        except SecureAggregationError as error:
            return Message(Error(0, str(error)), reply_to=message)
        self.states[node] = over_the_wire(context.state)
        reply = Message(over_the_wire(said.content), reply_to=message)
        self.replies.append((node, stage, reply.content))
        return reply


def exchange(**options: Any) -> SecureExchange:
    declared = {"threshold": 3, "bound": 64.0, "max_weight": 100.0, "max_updates": 100, "stage_timeout": 0.5}
    return SecureExchange(**{**declared, **options})


def masked(**options: Any) -> Strategy:
    return strategy(**{"secure": exchange(), "fraction_evaluate": 0.0, **options})


def uneven(message: Message, node: int, _: int) -> Message:
    """Answer with arrays that no short grid holds, and other tensors than asked for in between."""
    rng = np.random.default_rng(node)
    arrays = {name: array.numpy() for name, array in message.content["arrays"].items()}
    moved = {name: array + rng.normal(size=array.shape).astype(np.float32) for name, array in arrays.items()}
    record = ArrayRecord({name: Array(array) for name, array in reversed(moved.items())})
    told = MetricRecord({"num-examples": 3 * node + 1, "loss": 0.5})
    return Message(RecordDict({"arrays": record, "metrics": told}), reply_to=message)


def bits_of(record: ArrayRecord) -> dict[str, bytes]:
    return {name: array.numpy().tobytes() for name, array in record.items()}


def plain_mean(train: Train, nodes: list[int], rounds: int) -> ArrayRecord:
    """Return what the folded mean makes of some nodes."""
    grid = MemoryGrid(0, train)
    grid.nodes = nodes
    plain = strategy(rule=folding(), max_weight=100.0, fraction_evaluate=0.0)
    return plain.start(grid, initial(), num_rounds=rounds).arrays


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:  # pyright: ignore[reportUnusedFunction]
    """Compile kernels, so that nodes answer in time."""
    vector = MaskedMean(8.0, 8.0, 8).vector(Update.of_arrays({"w": np.zeros(2, np.float32)}, node=""), LIKE)
    assert isinstance(vector, np.ndarray)
    MaskedMean(8.0, 8.0, 8).released(vector, LIKE)
    Played(parameters_of(2), {node: np.zeros(5, np.int64) for node in range(3)}).total()


# What is released


@pytest.mark.parametrize("neighbors", [None, 4])
def test_rounds__are_the_folded_mean_bit_for_bit(neighbors: int | None) -> None:
    nodes = Federation(uneven)
    ours = masked(secure=exchange(threshold=4, neighbors=neighbors))
    result = ours.start(MemoryGrid(6, nodes.answer), initial(), num_rounds=3)
    assert bits_of(result.arrays) == bits_of(plain_mean(uneven, [1, 2, 3, 4, 5, 6], 3))
    assert list(result.arrays) == ["w", "b"]
    assert sorted(nodes.trained) == sorted(list(range(1, 7)) * 3)
    assert not any(KEY in state for state in nodes.states.values())


def test_rounds__have_sessions_of_their_own() -> None:
    grid = MemoryGrid(3, Federation().answer)
    masked().start(grid, initial(), num_rounds=2)
    told = [message.content[KEY] for message in grid.pushed]
    advertising = [fields for fields in told if fields["stage"] == Stage.ADVERTISE]
    # All nodes of a round are told the same one.
    assert [len({fields["session"] for fields in advertising if fields["round"] == n}) for n in (1, 2)] == [1, 1]
    assert len({fields["session"] for fields in advertising}) == 2


def test_an_optimizer__goes_on_from_the_masked_mean() -> None:
    plain, secret = strategy(rule=folding(), max_weight=100.0, optimizer=FedAvgM()), masked(optimizer=FedAvgM())
    expected = plain.start(MemoryGrid(4, uneven), initial(), num_rounds=2).arrays
    assert bits_of(secret.start(MemoryGrid(4, Federation(uneven).answer), initial(), 2).arrays) == bits_of(expected)


def test_the_server__sees_masks_and_the_app_sees_no_protocol() -> None:
    nodes = Federation(uneven)
    grid = MemoryGrid(4, nodes.answer)
    masked().start(grid, initial(), num_rounds=1)
    # The model goes out where it is trained, and nowhere else.
    assert all(("arrays" in told.content) == (told.content[KEY]["stage"] == Stage.MASK) for told in grid.pushed)
    sent = [content[VECTOR]["vector"].numpy() for _, stage, content in nodes.replies if stage is Stage.MASK]
    assert len(sent) == 4
    # Plain values are below 2**52 on either side of 0. Of 13 words under masks 11 are below 2**60 by a chance of 1e-8.
    assert all(np.mean(np.abs(vector.view(np.int64)) >= 2**60) > 0.2 for vector in sent)
    for _, stage, content in nodes.replies:
        assert set(content) == ({KEY, VECTOR} if stage is Stage.MASK else {KEY})
        assert "loss" not in str(content)
    assert all(set(content) == {"arrays", "config"} for content in nodes.seen)
    assert all(content["config"]["server-round"] == 1 for content in nodes.seen)


def test_the_report__names_nodes_and_knows_no_weights() -> None:
    ours = masked()
    result = ours.start(
        MemoryGrid(4, Federation(uneven, {3: Stage.CONFIRM}).answer), initial(), num_rounds=1, timeout=0.3
    )
    report = ours.reports[1]
    assert report["node"].to_list() == ["1", "2", "3", "4"]
    assert report["kept"].to_list() == [True, True, False, True]
    assert report["reason"].to_list() == [None, None, "no answer", None]
    assert report["weight"].is_nan().all()
    assert report["norm"].is_nan().all()
    assert result.train_metrics_clientapp == {1: MetricRecord()}


def test_evaluation__is_as_ever() -> None:
    ours = masked(fraction_evaluate=1.0)
    result = ours.start(MemoryGrid(4, Federation().answer), initial(), num_rounds=1)
    assert result.evaluate_metrics_clientapp[1]["loss"] == pytest.approx(3.0)


# Nodes that are lost


@pytest.mark.parametrize("stage", STAGES)
def test_nodes_lost__at_each_stage(stage: Stage) -> None:
    nodes = Federation(uneven, {2: stage, 5: stage})
    ours = masked(secure=exchange(threshold=4))
    result = ours.start(MemoryGrid(6, nodes.answer), initial(), num_rounds=1, timeout=0.5)
    counted = [1, 2, 3, 4, 5, 6] if stage is Stage.REVEAL else [1, 3, 4, 6]
    assert bits_of(result.arrays) == bits_of(plain_mean(uneven, counted, 1))
    assert ours.reports[1]["kept"].sum() == len(counted)


@pytest.mark.parametrize("stage", STAGES)
def test_too_few__leave_the_model_and_the_next_round_goes_on(stage: Stage) -> None:
    nodes = Federation(uneven, dict.fromkeys((2, 4), stage))
    ours = masked(secure=exchange(threshold=3))
    assert ours.start(MemoryGrid(4, nodes.answer), initial(), num_rounds=1, timeout=0.5).arrays == ArrayRecord()
    reasons = ours.reports[1]["reason"].to_list()
    assert set(reasons) == ({"too few updates"} if stage is Stage.REVEAL else {"too few updates", "no answer"})
    nodes.lost = {}
    result = ours.start(MemoryGrid(4, nodes.answer), initial(), num_rounds=1, timeout=0.5)
    assert bits_of(result.arrays) == bits_of(plain_mean(uneven, [1, 2, 3, 4], 1))


def test_nodes_lost__are_waited_for_as_long_as_the_stage_says() -> None:
    began = time.monotonic()
    nodes = Federation(uneven, {2: Stage.CONFIRM})
    masked().start(MemoryGrid(4, nodes.answer), initial(), num_rounds=1, timeout=20)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("n_liars", [1, 2])
def test_wrong_shares__name_who_gave_them_and_fail_the_round_where_too_few_are_right(n_liars: int) -> None:
    """Of four, three open a secret: one may lie."""
    nodes = Federation(uneven)

    def answer(message: Message, node: int, n: int) -> Message | None:
        reply = nodes.answer(message, node, n)
        if node <= n_liars and message.content[KEY]["stage"] == Stage.REVEAL:
            assert reply is not None
            reply.content[KEY]["self_mask"] = [bytes(33)] * 4
        return reply

    ours = masked()
    arrays = ours.start(MemoryGrid(4, answer), initial(), num_rounds=1).arrays
    report = ours.reports[1]
    if n_liars == 1:
        honest = masked()
        expected = honest.start(MemoryGrid(4, Federation(uneven).answer), initial(), num_rounds=1).arrays
        assert {name: one.data for name, one in arrays.items()} == {name: one.data for name, one in expected.items()}
        assert report["kept"].all()
        assert report["reason"].to_list() == ["wrong shares", None, None, None]
    else:
        assert arrays == ArrayRecord()
        assert report["reason"].to_list() == ["wrong shares"] * 2 + ["round failed"] * 2


def test_too_few__for_the_strategy() -> None:
    ours = masked(min_updates=5)
    assert ours.start(MemoryGrid(4, Federation().answer), initial(), num_rounds=1).arrays == ArrayRecord()
    assert ours.reports[1]["reason"].to_list() == ["too few updates"] * 4


def spoiled(spoil: Callable[[Message], Message]) -> Train:
    return lambda message, node, n: spoil(message) if node == 2 else plus_node(message, node, n)


def with_arrays(message: Message, b: npt.NDArray[Any], weight: Any = 1) -> Message:
    record = ArrayRecord({"w": Array(np.zeros((5, 2), np.float32)), "b": Array(b)})
    metrics = MetricRecord({"num-examples": weight})
    return Message(RecordDict({"a": record, "m": metrics}), reply_to=message)


def with_two_records(message: Message) -> Message:
    reply = with_arrays(message, np.zeros(2, np.float32))
    reply.content["more"] = MetricRecord({"num-examples": 2})
    return reply


BAD = {
    "beyond the bound": lambda message: with_arrays(message, np.array([0, 65], np.float32)),
    "not finite or too large": lambda message: with_arrays(message, np.array([0, np.nan], np.float32)),
    "another layout": lambda message: with_arrays(message, np.zeros(3, np.float32)),
    "bad weight": lambda message: with_arrays(message, np.zeros(2, np.float32), 101),
    "bad weight, a list": lambda message: with_arrays(message, np.zeros(2, np.float32), [1, 2]),
    "bad weight, two records": lambda message: with_two_records(message),
    "node failed": lambda message: Message(Error(0, "broken"), reply_to=message),
    "unreadable": lambda message: Message(RecordDict(), reply_to=message),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_update__stays_at_its_node(what: str) -> None:
    train = spoiled(BAD[what])
    nodes = Federation(train)
    ours = masked()
    result = ours.start(MemoryGrid(4, nodes.answer), initial(), num_rounds=1)
    assert ours.reports[1]["reason"].to_list() == [None, what.split(",")[0], None, None]
    assert bits_of(result.arrays) == bits_of(plain_mean(plus_node, [1, 3, 4], 1))
    assert not any(KEY in state for state in nodes.states.values())


def test_an_app_that_raises__tells_nobody_in_which_words(caplog: pytest.LogCaptureFixture) -> None:
    def raising(message: Message, node: int, n: int) -> Message:
        if node == 2:
            msg = "could not convert 'Ada Lovelace'"
            raise ValueError(msg)
        return plus_node(message, node, n)

    nodes = Federation(raising)
    ours = masked()
    ours.start(MemoryGrid(4, nodes.answer), initial(), num_rounds=1)
    assert ours.reports[1]["reason"].to_list() == [None, "node failed", None, None]
    assert [content for node, stage, content in nodes.replies if (node, stage) == (2, Stage.MASK)] == [
        RecordDict({KEY: ConfigRecord({"refused": "node failed"})})
    ]
    assert KEY not in nodes.states[2]
    # At home it is to be read.
    assert "Ada Lovelace" in caplog.text


def test_a_node_without_the_mod__is_left_out() -> None:
    nodes = Federation(uneven)
    plain = ClientApp()

    @plain.train()
    def _(message: Message, context: Context) -> Message:
        return uneven(message, context.node_id, 0)

    def answer(message: Message, node: int, n: int) -> Message | None:
        if node == 2:
            return Message(RecordDict({"m": MetricRecord()}), reply_to=message)
        return nodes.answer(message, node, n)

    ours = masked()
    ours.start(MemoryGrid(4, answer), initial(), num_rounds=1)
    assert ours.reports[1]["reason"].to_list() == [None, "unreadable", None, None]


# What a node does not do


def test_the_mod__sends_no_plain_update() -> None:
    nodes = Federation()
    ours = strategy(fraction_evaluate=0.0)
    ours.start(MemoryGrid(3, nodes.answer), initial(), num_rounds=1)
    assert ours.reports[1]["reason"].to_list() == ["node failed"] * 3
    assert not nodes.trained


def test_the_mod__takes_part_with_enough_only() -> None:
    nodes = Federation(mod=SecureMod(min_threshold=4))
    ours = masked()
    ours.start(MemoryGrid(4, nodes.answer), initial(), num_rounds=1)
    assert ours.reports[1]["reason"].to_list() == ["node failed"] * 4
    assert not nodes.trained


@pytest.mark.parametrize("stage", STAGES[1:])
def test_the_mod__takes_no_step_twice(stage: Stage) -> None:
    """Two requests of one stage might ask for both secrets of a node, or put the same masks on two vectors."""
    nodes = Federation()
    again: list[Message | None] = []

    def answer(message: Message, node: int, n: int) -> Message | None:
        reply = nodes.answer(message, node, n)
        if (node, message.content[KEY]["stage"]) == (2, stage):
            again.append(nodes.answer(message, node, n))
        return reply

    masked().start(MemoryGrid(4, answer), initial(), num_rounds=1)
    (said,) = again
    assert said is not None
    assert said.content == RecordDict({KEY: ConfigRecord({"refused": "node failed"})})
    assert nodes.trained.count(2) == (stage >= Stage.MASK)
    assert KEY not in nodes.states[2]


@pytest.mark.parametrize("stage", [*STAGES[1:], Stage.AGREE, Stage.FINISHED, 7])
def test_the_mod__takes_no_step_of_no_round(stage: int) -> None:
    nodes = Federation()
    message = messages_to(1)[0]
    message.content[KEY] = ConfigRecord({"stage": int(stage)})
    reply = nodes.app(message, Context(1, 1, {}, RecordDict(), {}))
    assert reply.content[KEY] == {"refused": "node failed"}
    assert not nodes.trained


# What cannot be had under masks


def private(rate: Fraction = Fraction(1), clip: float | AdaptiveClip = 1.0, multiplier: int = 1) -> PrivateRounds:
    training = PrivateTraining(Fraction(1000), Fraction(1, 10**5), noise_multiplier=Fraction(multiplier), rate=rate)
    return PrivateRounds(training, clip=clip, expected_updates=4)


def test_strategy__refuses_what_has_no_sum() -> None:
    with pytest.raises(UpdateError, match="sums only"):
        masked(rule=Median)
    with pytest.raises(UpdateError, match="declare bound"):
        masked(secure=exchange(bound=None))
    with pytest.raises(UpdateError, match="rate 1"):
        masked(privacy=private(Fraction(1, 2)))
    with pytest.raises(SecureAggregationError, match="at least 2"):
        exchange(threshold=1)
    rounds = private(clip=AdaptiveClip(1.0))
    with pytest.raises(UpdateError, match="fixed clip"):
        masked(privacy=rounds).start(MemoryGrid(4, Federation().answer), initial(), 1)
    # It was known before any round was charged.
    assert rounds.training.rounds == 0


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan")])
def test_exchange__waits_for_some_time(seconds: float) -> None:
    """With the last one, whoever is silent would be waited for without end."""
    with pytest.raises(UpdateError, match="stage_timeout"):
        exchange(stage_timeout=seconds)


def test_strategy__asks_nobody_where_the_threshold_is_too_low_or_room_too_small() -> None:
    grid = MemoryGrid(6, Federation().answer)
    with pytest.raises(UpdateError, match="give 4 or more"):
        masked().start(grid, initial(), 1)
    rounds = private()
    with pytest.raises(UpdateError, match="give 4 or more"):
        masked(privacy=rounds).start(grid, initial(), 1)
    assert rounds.training.rounds == 0
    with pytest.raises(UpdateError, match="room for 5"):
        masked(secure=exchange(threshold=4, max_updates=5)).start(grid, initial(), 1)
    assert not grid.pushed


def test_start_of_flower__would_send_plain_requests() -> None:
    grid = MemoryGrid(4, Federation().answer)
    with pytest.raises(UpdateError, match="own `start`"):
        FedAvg.start(masked(), grid, initial(), num_rounds=1)
    assert not grid.pushed


# With noise


def test_private_rounds__have_the_noise_of_all_nodes() -> None:
    """Of 10000 values; that the mean square is off by 0.09 would be 6 deviations."""
    ours = masked(secure=SecureExchange(threshold=3), privacy=private(multiplier=2))
    start = ArrayRecord({"w": Array(np.zeros(10_000, np.float32))})

    def untouched(message: Message, node: int, _: int) -> Message:
        record = ArrayRecord({"w": Array(message.content["arrays"]["w"].numpy())})
        return Message(RecordDict({"a": record, "m": MetricRecord({"num-examples": 1})}), reply_to=message)

    result = ours.start(MemoryGrid(4, Federation(untouched).answer), start, num_rounds=1)
    deviation = 2 * 1.0 / 4 * np.sqrt(4 / 3)
    assert np.mean((result.arrays["w"].numpy() / deviation) ** 2) == pytest.approx(1, abs=0.09)
    assert result.train_metrics_clientapp[1]["epsilon"] > 0
    assert ours.reports[1]["kept"].all()


def test_private_rounds__are_charged_before_anything_is_sent() -> None:
    training = PrivateTraining.of_rounds(2, epsilon=Fraction(1), delta=Fraction(1, 10**5))
    rounds = PrivateRounds(training, clip=1.0, expected_updates=4)
    charged: list[int] = []
    nodes = Federation()

    def answer(message: Message, node: int, n: int) -> Message | None:
        charged.append(training.rounds)
        return nodes.answer(message, node, n)

    ours, grid = masked(secure=SecureExchange(threshold=3), privacy=rounds), MemoryGrid(4, answer)
    with pytest.raises(BudgetExhausted):
        ours.start(grid, initial(), num_rounds=3)
    assert charged == [1] * 4 * len(STAGES) + [2] * 4 * len(STAGES)
    assert len(grid.pushed) == len(charged)


def test_private_rounds__ask_no_more_than_a_sum_has_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "MOST_UPDATES", 3)
    grid = MemoryGrid(4, Federation().answer)
    with pytest.raises(UpdateError, match="room for 3"):
        masked(secure=SecureExchange(threshold=3), privacy=private()).start(grid, initial(), 1)
    assert not grid.pushed


def test_private_rounds__are_asked_for_once() -> None:
    grid, sent = MemoryGrid(4, Federation().answer), Sent.of(initial())
    checks = UpdateChecks(like=sent.model, round=1)
    opened = Round(1, checks, private().begin(checks), sent)

    def train() -> RoundResult:
        exchange = SecureExchange(threshold=3)
        return exchange.train(grid, messages_to(4), opened, weight_key="num-examples", timeout=1)

    assert all(record.kept for record in train().records)
    pushed = len(grid.pushed)
    with pytest.raises(BudgetExhausted, match="released already"):
        train()
    assert len(grid.pushed) == pushed


def test_private_rounds__clip_each_change() -> None:
    ours = masked(secure=SecureExchange(threshold=3), privacy=private())
    result = ours.start(MemoryGrid(4, Federation(plus_node).answer), initial(100), num_rounds=2)
    assert np.isfinite(result.arrays["w"].numpy()).all()
    assert np.linalg.norm(result.arrays["w"].numpy()) < 2 * 0.3 * 6 * np.sqrt(202)

"""Rounds of Flower aggregated by rules of shoal: with Flower's own records and messages, over a grid in memory."""

import itertools
import logging
import subprocess
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

pytest.importorskip("flwr", reason="Flower is not installed: pip install 'shoal[flower]'")

from flwr.app import Array, ArrayRecord, ConfigRecord, Error, Message, MetricRecord, RecordDict
from flwr.serverapp import strategy as flower_strategies
from flwr.serverapp.strategy import FedAvg

from memory_grids import (
    Answer,
    MemoryGrid,
    folding,
    initial,
    messages_to,
    plus_node,
    replied,
    sent_arrays,
    strategy,
)
from shoal.federated import (
    AdaptiveClip,
    Bulyan,
    CenteredClipping,
    FedAdam,
    FedAvgM,
    Krum,
    Median,
    MultiKrum,
    NormBound,
    PrivateRounds,
    PrivateTraining,
    Rule,
    TrimmedMean,
    WeightedMean,
)
from shoal.federation.flower_rounds import LOG, pulled
from shoal_engine.errors import BudgetExhausted, UpdateError
from shoal_engine.federated.updates.npy import npy_of_array

# What is aggregated


@pytest.mark.parametrize("rule", [WeightedMean, folding()], ids=["holding", "folding"])
def test_start__gives_what_flower_gives(rule: Rule) -> None:
    shoals = strategy(rule=rule, max_weight=100.0).start(MemoryGrid(4, plus_node), initial(), num_rounds=3)
    flowers = FedAvg().start(MemoryGrid(4, plus_node), initial(), num_rounds=3)
    for name, array in flowers.arrays.items():
        np.testing.assert_allclose(shoals.arrays[name].numpy(), array.numpy(), rtol=1e-6)
    assert shoals.train_metrics_clientapp.keys() == flowers.train_metrics_clientapp.keys() == {1, 2, 3}
    assert shoals.train_metrics_clientapp[3]["loss"] == pytest.approx(flowers.train_metrics_clientapp[3]["loss"])
    assert shoals.evaluate_metrics_clientapp[2]["loss"] == pytest.approx(3.0)
    assert list(shoals.arrays) == ["w", "b"]
    assert shoals.arrays["w"].dtype == "float32"


def test_start_of_flower__runs_the_strategy_too() -> None:
    ours = strategy()
    result = FedAvg.start(ours, MemoryGrid(3, plus_node), initial(), num_rounds=2)
    assert result.arrays["b"].numpy() == pytest.approx(2 * 14 / 6)
    assert ours.reports[2]["kept"].all()


def test_aggregate_train__without_a_round_that_was_configured() -> None:
    replies = [plus_node(message, node, 0) for node, message in enumerate(messages_to(3), 1)]
    arrays, metrics = strategy().aggregate_train(1, replies)
    assert arrays["b"].numpy() == pytest.approx(14 / 6)
    assert metrics["loss"] == pytest.approx(14 / 6)


def test_aggregate_train__of_nothing() -> None:
    assert strategy().aggregate_train(1, []) == (None, None)


def test_start__evaluates_on_the_server_as_flower_does() -> None:
    seen: list[tuple[int, float]] = []

    def evaluate(server_round: int, arrays: ArrayRecord) -> MetricRecord | None:
        seen.append((server_round, float(arrays["b"].numpy()[0])))
        return MetricRecord({"round": server_round}) if server_round else None

    result = strategy(fraction_evaluate=0.0).start(
        MemoryGrid(1, plus_node), initial(), num_rounds=2, evaluate_fn=evaluate
    )
    assert seen == [(0, 0.0), (1, 1.0), (2, 2.0)]
    assert result.evaluate_metrics_serverapp.keys() == {1, 2}
    assert not result.evaluate_metrics_clientapp


def test_start__sends_configs_and_the_round() -> None:
    grid = MemoryGrid(1, plus_node)
    strategy().start(grid, initial(), 1, train_config=ConfigRecord({"lr": 0.5}), evaluate_config=ConfigRecord())
    assert grid.pushed[0].content["config"] == {"lr": 0.5, "server-round": 1}
    assert grid.pushed[0].metadata.group_id == "1"
    assert grid.pushed[0].metadata.message_type == "train"
    assert grid.pushed[1].metadata.message_type == "evaluate"


def test_observe__looks_at_bytes_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[npt.NDArray[Any]] = []

    class Looking(WeightedMean):
        def observe(self, update: Any) -> None:
            seen.extend(update.model.payloads())
            super().observe(update)

    message = messages_to(1)[0]
    reply = plus_node(message, 1, 0)
    strategy(rule=Looking).aggregate_train(1, [reply])
    serialized = [np.frombuffer(array.data, np.uint8) for array in reply.content["arrays"].values()]
    assert all(np.shares_memory(array, data) for array, data in zip(seen, serialized, strict=True))


def test_tensors_in_another_order__are_the_same_tensors() -> None:
    def shuffled(message: Message, node: int, _: int) -> Message:
        arrays = {name: array + 1 for name, array in sent_arrays(message).items()}
        return replied(message, dict(reversed(arrays.items())) if node % 2 else arrays)

    ours = strategy()
    result = ours.start(MemoryGrid(2, shuffled), initial(), num_rounds=1)
    assert ours.reports[1]["kept"].all()
    assert result.arrays["w"].shape == (5, 2)


def counting(message: Message, node: int, _: int) -> Message:
    """Return an answer with a counter, some integers, and values; node 3 sends values that are not finite."""
    arrays = sent_arrays(message)
    changed = {name: np.array(array + node) for name, array in arrays.items()}
    return replied(message, changed | {"w": arrays["w"] + (1 if node < 3 else np.nan)})


COUNTING = {"n_batches": np.array(7), "w": np.zeros(2, np.float32), "places": np.arange(3), "bits": np.uint16([1, 2])}


def test_counters__are_the_largest_of_the_nodes_that_count() -> None:
    """As PyTorch's `num_batches_tracked`, in its dtype; other integers stay as they were sent."""
    ours = strategy(rule=folding(4.0), max_weight=8.0)
    sent = ArrayRecord({name: Array(array) for name, array in COUNTING.items()})
    result = ours.start(MemoryGrid(3, counting), sent, num_rounds=2)
    assert list(result.arrays) == list(COUNTING)
    assert result.arrays["n_batches"].numpy() == 7 + 2 + 2
    assert result.arrays["n_batches"].numpy().dtype == COUNTING["n_batches"].dtype
    for name in ("places", "bits"):
        np.testing.assert_array_equal(result.arrays[name].numpy(), COUNTING[name])
    np.testing.assert_array_equal(result.arrays["w"].numpy(), [2, 2])


def test_tensors_left_out__are_named_once(caplog: pytest.LogCaptureFixture) -> None:
    sent = ArrayRecord({name: Array(array) for name, array in COUNTING.items()})
    with caplog.at_level(logging.INFO, LOG.name):
        strategy(rule=folding(4.0), max_weight=8.0).start(MemoryGrid(3, counting), sent, num_rounds=2)
    warned = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert [text for text in warned if "not averaged" in text] == [
        "not averaged, and sent on as they are: places (int64), bits (uint16); "
        "if they are the bits of bfloat16 numbers, say bfloat16=True"
    ]


def test_counters__are_not_carried_by_private_rounds(caplog: pytest.LogCaptureFixture) -> None:
    sent = ArrayRecord({name: Array(COUNTING[name]) for name in ("n_batches", "w")})
    privacy = PrivateRounds(budget(1), clip=1.0, expected_updates=2)
    with caplog.at_level(logging.INFO, LOG.name):
        result = strategy(privacy=privacy).start(MemoryGrid(2, counting), sent, num_rounds=1)
    assert result.arrays["n_batches"].numpy() == 7
    assert any("not averaged, and sent on as they are: n_batches (int64)" in one.getMessage() for one in caplog.records)


@pytest.mark.parametrize("dtype", ["uint16", "int16"])
def test_bfloat16__sent_as_bits_is_averaged_where_it_is_declared(dtype: str) -> None:
    one = (np.array([1.0, -2.0], np.float32).view(np.uint32) >> 16).astype(np.uint16)

    def training(message: Message, node: int, _: int) -> Message:
        return replied(message, {"a": one.view(dtype), "w": np.ones(2, np.float32)})

    sent = ArrayRecord({"a": Array(np.zeros(2, dtype)), "w": Array(np.zeros(2, np.float32))})
    result = strategy(bfloat16=True).start(MemoryGrid(3, training), sent, num_rounds=2)
    np.testing.assert_array_equal(result.arrays["a"].numpy(), one.view(dtype))
    assert result.arrays["a"].dtype == dtype


def test_bfloat16__whose_record_says_so_is_averaged() -> None:
    """As ml_dtypes' arrays are: NumPy's file format says nothing but their size."""

    def array(bits: int) -> Array:
        return Array("bfloat16", (2,), "numpy.ndarray", npy_of_array(np.full(2, bits, np.uint16).view("V2")))

    def training(message: Message, node: int, _: int) -> Message:
        content = RecordDict({"arrays": ArrayRecord({"a": array(0x3F80)}), "m": MetricRecord({"num-examples": 1})})
        return Message(content, reply_to=message)

    result = strategy().start(MemoryGrid(3, training), ArrayRecord({"a": array(0)}), num_rounds=1)
    assert (result.arrays["a"].dtype, result.arrays["a"].data) == ("bfloat16", array(0x3F80).data)


@pytest.mark.parametrize("rule", [Krum, MultiKrum, Bulyan, TrimmedMean, NormBound, CenteredClipping])
def test_rules__whose_options_are_missing_are_refused_before_anything_is_sent(rule: Rule) -> None:
    with pytest.raises(UpdateError, match=rf"needs .*lambda checks: {rule.__name__}\(checks, "):  # pyright: ignore
        strategy(rule=rule)


def test_weights__are_told_as_claimed() -> None:
    def claiming(message: Message, node: int, n: int) -> Message:
        return replied(message, sent_arrays(message), {1: 3, 2: 1e300, 3: 2.5, 4: -7}[node])

    ours = strategy(max_weight=100.0, fraction_evaluate=0.0)
    ours.start(MemoryGrid(4, claiming), initial(), num_rounds=1)
    assert ours.reports[1]["weight"].to_list() == [3.0, 1e300, 2.5, -7.0]
    assert ours.reports[1]["reason"].to_list() == [None, "bad weight", None, "bad weight"]


def test_evaluation__names_who_does_not_count(caplog: pytest.LogCaptureFixture) -> None:
    def failing(message: Message, node: int, n: int) -> Message | None:
        if message.metadata.message_type == "evaluate" and node > 1:
            return Message(Error(0, "broken"), reply_to=message) if node == 2 else None
        return plus_node(message, node, n)

    with caplog.at_level(logging.INFO, LOG.name):
        strategy().start(MemoryGrid(3, failing), initial(), num_rounds=1, timeout=0.5)
    said = [one.getMessage() for one in caplog.records if "does not count" in one.getMessage()]
    assert said == [
        "aggregate_evaluate: 2 does not count (node failed)",
        "aggregate_evaluate: 3 does not count (no answer)",
    ]


# Replies that are no updates


def answering(bad: Callable[[Message], Message | None]) -> Answer:
    """Return answers of which node 2 gives a bad one."""
    return lambda message, node, n: bad(message) if node == 2 else plus_node(message, node, n)


def pickled(message: Message) -> Message:
    reply = plus_node(message, 2, 0)
    reply.content["arrays"]["w"] = Array("float32", (5, 2), "pickle", b"cos\nsystem\n")
    return reply


def truncated(message: Message) -> Message:
    reply = plus_node(message, 2, 0)
    reply.content["arrays"]["w"].data = reply.content["arrays"]["w"].data[:-4]
    return reply


def hostile(shape: str, name: str = "w", descr: str = "<f4") -> Callable[[Message], Message]:
    """Return an answer of one array with an odd header."""
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    data = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header

    def answer(message: Message) -> Message:
        record = ArrayRecord({name: Array("float32", (1,), "numpy.ndarray", data)})
        return Message(RecordDict({"a": record, "m": MetricRecord({"num-examples": 1})}), reply_to=message)

    return answer


def of_a_long_number(message: Message) -> Message:
    reply = replied(message, {"w": np.zeros(3, np.float32)})
    reply.metadata.group_id = "9" * 5000
    return reply


def of_another_round(message: Message) -> Message:
    reply = plus_node(message, 2, 0)
    reply.metadata.group_id = "17"
    return reply


def with_two_records(message: Message) -> Message:
    reply = plus_node(message, 2, 0)
    reply.content["more"] = ArrayRecord()
    return reply


BAD = {
    "node failed": lambda message: Message(Error(0, "broken"), reply_to=message),
    "unreadable": pickled,
    "unreadable, truncated": truncated,
    "unreadable, two records": with_two_records,
    "unreadable, none": lambda message: Message(RecordDict({"m": MetricRecord({"num-examples": 2})}), reply_to=message),
    "unreadable, too large": hostile(f"(0, {2**62})"),
    "unreadable, of many sides": hostile("(" + "0," * 65 + ")"),
    "unreadable, no name": hostile("(0,)", "\ud800"),
    "unreadable, big-endian": hostile("(0,)", descr=">f4"),
    "another layout, of no round": of_a_long_number,
    "another layout": lambda message: replied(message, {"w": np.zeros((5, 2), np.float32)}),
    "another layout, float64": lambda message: replied(message, {"w": np.zeros((5, 2)), "b": np.zeros(2)}),
    "bad weight": lambda message: replied(message, sent_arrays(message), None),
    "bad weight, negative": lambda message: replied(message, sent_arrays(message), -1),
    "bad weight, huge": lambda message: replied(message, sent_arrays(message), 101),
    "bad weight, no number": lambda message: replied(message, sent_arrays(message), float("nan")),
    "bad weight, a list": lambda message: replied(message, sent_arrays(message), [1, 2]),
    "stale round": of_another_round,
    "not finite or too large": lambda message: replied(
        message, {"w": np.full((5, 2), np.nan, np.float32), "b": np.zeros(2, np.float32)}
    ),
    "no answer": lambda message: None,
}


@pytest.mark.parametrize("rule", [WeightedMean, folding()], ids=["holding", "folding"])
@pytest.mark.parametrize("what", BAD)
def test_bad_replies__are_named_and_do_not_count(what: str, rule: Rule) -> None:
    ours = strategy(rule=rule, max_weight=100.0, fraction_evaluate=0.0)
    result = ours.start(MemoryGrid(3, answering(BAD[what])), initial(), num_rounds=1, timeout=0.5)
    report = ours.reports[1]
    assert report.filter(~pl.col("kept"))["node"].to_list() == ["2"]
    assert report.filter(~pl.col("kept"))["reason"].to_list() == [what.split(",")[0]]
    assert result.arrays["b"].numpy() == pytest.approx((1 + 9) / 4)
    assert result.train_metrics_clientapp[1]["loss"] == pytest.approx((1 + 9) / 4)


def test_reports__have_a_row_for_each_node() -> None:
    ours = strategy(fraction_evaluate=0.0)
    ours.start(MemoryGrid(3, answering(BAD["unreadable"])), initial(), num_rounds=1)
    report = ours.reports[1]
    assert report.columns == ["node", "weight", "norm", "clipped", "distance", "kept", "reason", "bytes", "seconds"]
    assert report["node"].to_list() == ["1", "2", "3"]
    assert report["weight"].to_list() == [1.0, 2.0, 3.0]
    assert report["bytes"].to_list() == [48, 0, 48]


def test_a_node__is_who_was_asked_not_who_it_says_it_is() -> None:
    def lying(message: Message, node: int, n: int) -> Message:
        reply = plus_node(message, node, n)
        reply.metadata.__dict__["_src_node_id"] = 1
        return reply

    ours = strategy(fraction_evaluate=0.0)
    ours.start(MemoryGrid(3, lying), initial(), num_rounds=1)
    assert ours.reports[1]["node"].to_list() == ["1", "2", "3"]
    assert ours.reports[1]["kept"].all()


def test_too_few_updates__leave_the_model_as_it_is() -> None:
    def at_first(message: Message, node: int, n: int) -> Message:
        return plus_node(message, node, n) if message.content["config"]["server-round"] == 1 else pickled(message)

    ours = strategy(min_updates=2, fraction_evaluate=0.0)
    result = ours.start(MemoryGrid(3, at_first), initial(), num_rounds=2)
    assert result.arrays["b"].numpy() == pytest.approx(14 / 6)
    assert result.train_metrics_clientapp.keys() == {1}
    assert ours.reports[2]["reason"].to_list() == ["unreadable"] * 3


def test_too_few_updates__leave_each_node_its_own_reason() -> None:
    ours = strategy(min_updates=3, fraction_evaluate=0.0, max_weight=100.0)
    ours.start(MemoryGrid(3, answering(BAD["not finite or too large"])), initial(), num_rounds=1)
    assert ours.reports[1]["reason"].to_list() == ["too few updates", "not finite or too large", "too few updates"]


def test_too_few_updates__tell_of_the_good_ones() -> None:
    ours = strategy(min_updates=3, fraction_evaluate=0.0)
    ours.start(MemoryGrid(3, answering(BAD["unreadable"])), initial(), num_rounds=1)
    assert sorted(ours.reports[1]["reason"]) == ["too few updates", "too few updates", "unreadable"]


def test_metrics__of_nodes_that_tell_others_are_left_out() -> None:
    def telling(message: Message, node: int, n: int) -> Message:
        if node == 2:
            return replied(message, sent_arrays(message), 1, loss=[1.0, 2.0])
        return replied(message, sent_arrays(message), 1, loss=5.0) if node != 4 else plus_node(message, node, n)

    result = strategy().start(MemoryGrid(3, telling), initial(), num_rounds=1)
    assert result.train_metrics_clientapp[1]["loss"] == 5.0
    assert result.evaluate_metrics_clientapp[1]["loss"] == 5.0


def test_a_model_that_cannot_be_read__is_refused_before_anything_is_sent() -> None:
    grid = MemoryGrid(2, plus_node)
    sent = ArrayRecord({"w": Array("float32", (1,), "torch", b"")})
    with pytest.raises(UpdateError, match="serialized as 'torch'; send arrays of NumPy"):
        strategy().start(grid, sent, num_rounds=1)
    assert not grid.pushed


# Privacy, optimizers, other exchanges


def budget(n_rounds: int, rate: Fraction = Fraction(1), epsilon: int = 20) -> PrivateTraining:
    return PrivateTraining.of_rounds(n_rounds, epsilon=Fraction(epsilon), delta=Fraction(1, 1000), rate=rate)


def test_privacy__refuses_a_round_before_anything_is_sent() -> None:
    privacy = PrivateRounds(budget(2), clip=1.0, expected_updates=2)
    grid, ours = MemoryGrid(2, plus_node), strategy(privacy=privacy)
    with pytest.raises(BudgetExhausted):
        ours.start(grid, initial(), num_rounds=3)
    assert [message.metadata.message_type for message in grid.pushed] == ["train"] * 4
    assert ours.result.train_metrics_clientapp[2].keys() == {"epsilon", "delta"}
    assert 19.5 < ours.result.train_metrics_clientapp[2]["epsilon"] <= 20
    assert np.isfinite(ours.result.arrays["w"].numpy()).all()


def test_privacy__draws_nodes_itself() -> None:
    """A share of fixed size holds another node where one is missing."""
    with pytest.raises(UpdateError, match="fraction_train"):
        strategy(privacy=PrivateRounds(budget(1), clip=1.0, expected_updates=2), fraction_train=0.5)


def test_privacy__clips_and_adds_noise() -> None:
    many = MemoryGrid(200, plus_node)
    privacy = PrivateRounds(budget(1), clip=1.0, expected_updates=200)
    result = strategy(privacy=privacy).start(many, initial(), num_rounds=1)
    # All point the same way, so each of twelve values moves by 1 / sqrt(12), give or take the noise.
    moved = np.concatenate([array.numpy().ravel() for array in result.arrays.values()])
    assert len(np.unique(moved)) == 12
    np.testing.assert_allclose(moved, 12**-0.5, atol=0.1)


def test_privacy__draws_who_takes_part_and_releases_a_round_of_nobody() -> None:
    drawn = MemoryGrid(400, plus_node)
    ours = strategy(privacy=PrivateRounds(budget(1, Fraction(1, 4)), clip=1.0, expected_updates=100))
    ours.start(drawn, initial(), num_rounds=1)
    assert 40 < len(drawn.pushed) < 170
    assert ours.reports[1].height == len(drawn.pushed)


def test_privacy__releases_a_round_of_nobody() -> None:
    class Nobody(PrivateRounds):
        def sample(self, nodes: Sequence[str]) -> list[str]:
            super().sample(nodes)
            return []

    grid = MemoryGrid(2, plus_node)
    result = strategy(privacy=Nobody(budget(3), clip=1.0, expected_updates=1)).start(grid, initial(), num_rounds=3)
    assert not grid.pushed
    assert len(result.train_metrics_clientapp) == 3
    assert np.abs(result.arrays["w"].numpy()).min() > 0


def test_privacy__follows_the_clip_that_adapts() -> None:
    privacy = PrivateRounds(budget(2), clip=AdaptiveClip(clip=1e-3), expected_updates=50)
    strategy(privacy=privacy).start(MemoryGrid(50, plus_node), initial(), num_rounds=2)
    assert isinstance(privacy.clip, AdaptiveClip)
    assert privacy.clip.clip > 1e-3


@pytest.mark.parametrize(
    ("optimizer", "theirs"),
    [
        (
            FedAvgM(learning_rate=0.5, momentum=0.9),
            lambda: flower_strategies.FedAvgM(server_learning_rate=0.5, server_momentum=0.9),
        ),
        (FedAdam(learning_rate=0.1, variant="flower"), lambda: flower_strategies.FedAdam(eta=0.1)),
    ],
    ids=["FedAvgM", "FedAdam"],
)
def test_optimizer__makes_the_model_that_flowers_makes(optimizer: Any, theirs: Callable[[], Any]) -> None:
    one = strategy(optimizer=optimizer).start(MemoryGrid(3, plus_node), initial(), num_rounds=3)
    other = theirs().start(MemoryGrid(3, plus_node), initial(), num_rounds=3)
    for name, array in other.arrays.items():
        np.testing.assert_allclose(one.arrays[name].numpy(), array.numpy(), rtol=1e-5)


def test_optimizer__goes_on_from_its_state() -> None:
    whole = strategy(optimizer=FedAdam(learning_rate=0.1))
    at_once = whole.start(MemoryGrid(3, plus_node), initial(), num_rounds=4)
    first = strategy(optimizer=FedAdam(learning_rate=0.1))
    halfway = first.start(MemoryGrid(3, plus_node), initial(), num_rounds=2)
    second = strategy(optimizer=FedAdam(learning_rate=0.1), optimizer_state=first.optimizer_state)
    rest = second.start(MemoryGrid(3, plus_node), halfway.arrays, num_rounds=2)
    assert second.optimizer_state.rounds == 4
    np.testing.assert_array_equal(rest.arrays["w"].numpy(), at_once.arrays["w"].numpy())


def test_rules__outvote_a_hostile_node() -> None:
    def spoiling(message: Message, node: int, _: int) -> Message:
        step = -1e6 if node == 7 else 1 + node / 100
        return replied(message, {name: array + np.float32(step) for name, array in sent_arrays(message).items()})

    rules: list[Rule] = [Median, partial(TrimmedMean, share=0.2), partial(MultiKrum, f=1)]
    for rule in rules:
        result = strategy(rule=rule).start(MemoryGrid(7, spoiling), initial(), num_rounds=2)
        assert np.abs(result.arrays["b"].numpy() - 2).max() < 0.2


# Replies one at a time


def test_pulled__asks_for_one_at_a_time_and_waits_for_late_ones() -> None:
    grid = MemoryGrid(5, plus_node, late=2)
    replies = list(pulled(grid, grid.push_messages(messages_to(5)), timeout=10))
    assert len(replies) == 5
    assert set(grid.pulls) == {1}
    assert len(grid.pulls) == 15


def test_pulled__gives_up_in_time() -> None:
    grid = MemoryGrid(2, answering(BAD["no answer"]))
    assert len(list(pulled(grid, grid.push_messages(messages_to(2)), timeout=0.2))) == 1


PEAK = """
import sys
import numpy as np
from flwr.app import Array, ArrayRecord
from memory_grids import MemoryGrid, folding, replied, strategy

def large(message, node, n):
    return replied(message, {"w": np.full(1_000_000, node, np.float32)}, node)

def run(n_nodes):
    ours = strategy(rule=folding(128.0, 100), max_weight=128.0, fraction_evaluate=0.0)
    ours.start(MemoryGrid(n_nodes, large), ArrayRecord({"w": Array(np.zeros(1_000_000, np.float32))}), num_rounds=2)
    assert ours.reports[2].height == n_nodes and ours.reports[2]["kept"].all()

run(2)
import tracemalloc
tracemalloc.start()
run(int(sys.argv[1]))
print(tracemalloc.get_traced_memory()[1])
"""


def test_memory__does_not_grow_with_the_number_of_nodes() -> None:
    def peak(n_nodes: int) -> int:
        # Where pytest found the tests and their twins, the new process finds them too.
        command = [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}\n{PEAK}", str(n_nodes)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return int(done.stdout.split()[-1])

    few, many = peak(5), peak(60)
    # A chunk of Flower's is of 10 MiB, and an update here of 4 MB: not even one more is held.
    assert abs(many - few) < 2_000_000, (few, many)


def test_pulled__replies_that_are_there_count_however_long_others_took(monkeypatch: pytest.MonkeyPatch) -> None:
    passed = itertools.count(step=10)
    monkeypatch.setattr("shoal.federation.flower_rounds.time", SimpleNamespace(monotonic=lambda: next(passed)))
    grid = MemoryGrid(3, plus_node)
    assert len(list(pulled(grid, grid.push_messages(messages_to(3)), timeout=1))) == 3

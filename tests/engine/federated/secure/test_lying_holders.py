"""Holders of shares that give wrong ones: the round goes on while enough are right, and names who lied."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive.secure_rounds import Played, parameters_of, wrapped_sum
from shoal_engine.errors import TamperedMessage
from shoal_engine.federated.secure import client as module
from shoal_engine.federated.secure.driving import SecureRound, answered
from shoal_engine.federated.secure.flat_messages import Fields
from shoal_engine.federated.secure.messages import Stage, SurvivorShares
from shoal_engine.federated.secure.parameters import SecureParameters
from shoal_engine.federated.secure.secret_sharing import SHARE_BYTES, HeldShares

ZEROS = bytes(SHARE_BYTES)


def vectors(n: int) -> dict[int, Any]:
    return {node: np.arange(5) * (node + 1) - 3 for node in range(n)}


def lying(message: SurvivorShares, nodes: Iterable[int]) -> SurvivorShares:
    """Return shares of which those of some nodes are others."""
    chosen = set(nodes)
    return replace(
        message,
        self_mask=tuple((v, ZEROS if v in chosen else share) for v, share in message.self_mask),
        mask_key=tuple((v, ZEROS if v in chosen else share) for v, share in message.mask_key),
    )


def revealed(n: int, threshold: int, lost: Mapping[int, Stage], lies: Mapping[int, Iterable[int]]) -> Played:
    """Play a round to its end, in which some holders give wrong shares of some nodes' secrets."""
    round_ = Played(parameters_of(threshold), vectors(n)).until(Stage.REVEAL, lost)
    for node in round_.request.survivors:
        message = round_.clients[node].reveal(round_.request)
        round_.server.receive(lying(message, lies.get(node, ())))
    return round_


@given(data=st.data())
@settings(deadline=None, max_examples=25)
def test_total__holds_with_as_many_liars_as_shares_can_be_spared(data: st.DataObject) -> None:
    n = data.draw(st.integers(4, 8))
    threshold = data.draw(st.integers(n // 2 + 1, n - 1))
    nodes = data.draw(st.permutations(range(n)))
    n_lost = data.draw(st.integers(0, n - threshold))
    lost = {node: data.draw(st.sampled_from([Stage.SHARE, Stage.CONFIRM, Stage.MASK])) for node in nodes[:n_lost]}
    n_liars = data.draw(st.integers(0, n - threshold - n_lost))
    lies = {
        liar: data.draw(st.sets(st.sampled_from(sorted(set(range(n)) - lost.keys())), min_size=1))
        for liar in nodes[n_lost : n_lost + n_liars]
    }
    round_ = revealed(n, threshold, lost, lies)
    assert round_.server.total().tolist() == wrapped_sum([vectors(n)[node] for node in round_.request.survivors])
    assert round_.server.liars == lies.keys()


@pytest.mark.parametrize("who", [[3], [3, 5]])
def test_total__one_liar_too_many_is_named_and_nobody_else(who: list[int]) -> None:
    """Of seven, five open a secret: one is lost, one may lie, or two of all seven."""
    lost = {0: Stage.MASK} if len(who) == 1 else {}
    good = revealed(7, 5, lost, {liar: range(7) for liar in who})
    assert good.server.total().tolist() == wrapped_sum([vectors(7)[node] for node in good.request.survivors])
    bad = revealed(7, 5, lost, {liar: range(7) for liar in [*who, 6]})
    assert bad.server._sum is not None
    before = bad.server._sum.copy()
    with pytest.raises(TamperedMessage, match="wrong shares came from node 3, ") as raised:
        bad.server.total()
    assert raised.value.node == 3
    assert bad.server.liars == {*who, 6}
    assert np.array_equal(bad.server._sum, before)


def given_out(monkeypatch: pytest.MonkeyPatch, node: int, wrong: Iterable[int]) -> Played:
    """Play a round of five in which a node commits itself to, and gives out, shares that do not fit."""
    holders, split = set(wrong), module.split
    round_ = Played(parameters_of(3), vectors(5)).until(Stage.SHARE)

    def dealing(secret: bytes, threshold: int, points: list[int]) -> dict[int, bytes]:
        return {x: ZEROS if x - 1 in holders else share for x, share in split(secret, threshold, points).items()}

    for each, client in round_.clients.items():
        with monkeypatch.context() as patched:
            if each == node:
                patched.setattr(module, "split", dealing)
            round_.server.receive(client.share(round_.roster))
    round_.delivered = round_.server.deliver()
    for each, client in round_.clients.items():
        confirmed = client.confirm(round_.delivered[each])
        assert not confirmed.unreadable
        round_.server.receive(confirmed)
    round_.partners = round_.server.partners()
    for each, client in round_.clients.items():
        round_.server.receive(client.mask(vectors(5)[each], round_.partners[each]))
    round_.request = round_.server.reveal_request()
    for client in round_.clients.values():
        round_.server.receive(client.reveal(round_.request))
    return round_


def test_total__who_gives_out_shares_that_do_not_fit_is_named_and_no_holder(monkeypatch: pytest.MonkeyPatch) -> None:
    round_ = given_out(monkeypatch, 2, [0])
    assert round_.server.total().tolist() == wrapped_sum(list(vectors(5).values()))
    assert round_.server.liars == {2}
    with pytest.raises(TamperedMessage, match="node 2 gave out shares") as raised:
        given_out(monkeypatch, 2, range(5)).server.total()
    assert raised.value.node == 2


def test_confirm__shares_that_were_not_committed_to_cost_one_pair() -> None:
    round_ = Played(parameters_of(3), vectors(5)).until(Stage.CONFIRM)
    delivered = round_.delivered[0]
    bounds = tuple((v, bytes(64) if v == 3 else bound) for v, bound in delivered.commitments)
    confirmed = round_.clients[0].confirm(replace(delivered, commitments=bounds))
    assert confirmed.unreadable == (3,)
    assert [error.node for error in round_.clients[0].tampered] == [3]


@pytest.mark.parametrize("how", ["none", "short", "twice", "stranger"])
def test_receive__commitments_that_are_not_one_for_each_holder(how: str) -> None:
    round_ = Played(parameters_of(3), vectors(5)).until(Stage.SHARE)
    message = round_.clients[0].share(round_.roster)
    first, *others = message.share_commitments
    changed = {
        "none": (),
        "short": ((first[0], first[1][:-1]), *others),
        "twice": (first, *message.share_commitments),
        "stranger": ((99, first[1]), *others),
    }[how]
    with pytest.raises(TamperedMessage) as raised:
        round_.server.receive(replace(message, share_commitments=changed))
    assert raised.value.node == 0


def driven(n_liars: int, threshold: int = 3) -> tuple[SecureRound, Any]:
    """Drive a round of five, in which the first nodes give wrong shares of everybody's mask."""
    kept: dict[int, Fields | None] = {}

    def ask(stage: Stage, told: Mapping[int, Fields]) -> Iterable[tuple[int, Fields]]:
        for place, fields in told.items():
            said, kept[place] = answered(stage, fields, kept.get(place), lambda p=place: vectors(5)[p])
            if stage is Stage.REVEAL and place < n_liars:
                said["self_mask"] = [ZEROS for _ in said["self_mask"]]  # pyright: ignore
            yield place, said

    made = SecureRound(SecureParameters(threshold, bytes(16), 1, 5), list("abcde"))
    return made, ask


def test_driven__report_names_who_lied_and_keeps_what_it_sent() -> None:
    made, ask = driven(2)
    assert made.total(ask).tolist() == wrapped_sum(list(vectors(5).values()))
    assert [(record.kept, record.reason) for record in made.records()] == [(True, "wrong shares")] * 2 + [
        (True, None)
    ] * 3


def test_driven__failed_round_names_who_lied() -> None:
    made, ask = driven(3)
    with pytest.raises(TamperedMessage):
        made.total(ask)
    assert [record.reason for record in made.records("round failed")] == ["wrong shares"] * 3 + ["round failed"] * 2


def test_held_shares__are_what_is_checked() -> None:
    """The two shares of a holder are kept apart: one in the place of the other is a wrong one."""
    round_ = Played(parameters_of(3), vectors(5)).until(Stage.REVEAL)
    client = round_.clients[0]
    client._held[1] = HeldShares(*reversed(client._held[1]))
    for node in round_.request.survivors:
        round_.server.receive(round_.clients[node].reveal(round_.request))
    assert round_.server.total().tolist() == wrapped_sum(list(vectors(5).values()))
    assert round_.server.liars == {0}

"""What a server, a network or other nodes may try, and what comes of it."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from naive.secure_rounds import Played, identities_of, parameters_of, wrapped_sum
from shoal_engine.errors import SecureAggregationError, TamperedMessage, TooFewSurvivors
from shoal_engine.federated.secure import SecureClient
from shoal_engine.federated.secure.messages import MaskedVector, RevealRequest, Stage, SurvivorShares

N = 5
VECTORS = {node: np.arange(5) * (node + 1) - 3 for node in range(N)}


def played(last: Stage, *, signed: bool = False, lost: dict[int, Stage] | None = None) -> Played:
    return Played(parameters_of(4, signed=signed), VECTORS).until(last, lost)


def asked(survivors: list[int], dropped: list[int]) -> RevealRequest:
    p = parameters_of(4)
    return RevealRequest(p.session, p.round, tuple(survivors), tuple(dropped))


@pytest.mark.parametrize(
    ("survivors", "dropped", "match"),
    [
        ([0, 1, 2, 3, 4], [4], "both of its secrets are never revealed"),
        ([1, 2, 3, 4], [0], "lack node 0"),
        ([0, 1, 2, 3, 9], [4], "advertised no keys"),
        ([0, 1, 2, 3, 4], [9], "advertised no keys"),
        ([0, 1, 2, 3], [], "neither survivor nor dropped"),
    ],
)
def test_reveal__refuses(survivors: list[int], dropped: list[int], match: str) -> None:
    client = played(Stage.REVEAL).clients[0]
    with pytest.raises(SecureAggregationError, match=match):
        client.reveal(asked(survivors, dropped))
    # Nothing was given away: the right request is still answered in full.
    assert [v for v, _ in client.reveal(asked([0, 1, 2, 3], [4])).self_mask] == [0, 1, 2, 3]


def test_reveal__too_few_survivors() -> None:
    client = played(Stage.REVEAL).clients[0]
    with pytest.raises(TooFewSurvivors) as raised:
        client.reveal(asked([0, 1, 2], [3, 4]))
    assert (raised.value.left, raised.value.threshold) == (3, 4)


def sparse() -> tuple[Played, int, list[int]]:
    """Return a round of twenty nodes with four neighbors each, one of the nodes, and three of its neighbors."""
    round_ = Played(parameters_of(3, neighbors=4), {v: np.arange(5) + v for v in range(20)}).until(Stage.MASK)
    return round_, 0, list(round_.partners[0].partners[:3])


def test_reveal__too_few_neighbors_survived() -> None:
    """Of those that hold shares of a node: with enough survivors elsewhere, nothing hides it from the server."""
    round_, node, gone = sparse()
    client = round_.clients[node]
    client.mask(np.arange(5), round_.partners[node])
    with pytest.raises(TooFewSurvivors) as raised:
        client.reveal(asked([v for v in range(20) if v not in gone], gone))
    assert raised.value.left == 2


def test_reveal_request__too_few_neighbors_survived() -> None:
    round_, _, gone = sparse()
    for v in range(20):
        if v not in gone:
            round_.server.receive(round_.clients[v].mask(np.arange(5), round_.partners[v]))
    with pytest.raises(TooFewSurvivors):
        round_.server.reveal_request()


def test_reveal_request__too_few_hold_shares_of_one_that_dropped() -> None:
    """Of four in a row on the ring: all others have three holders left, the inner ones of the four have one."""
    round_, _, _ = sparse()
    gone = round_.server._graph._ring[3:7]
    for v in range(20):
        if v not in gone:
            round_.server.receive(round_.clients[v].mask(np.arange(5), round_.partners[v]))
    with pytest.raises(TooFewSurvivors) as raised:
        round_.server.reveal_request()
    assert raised.value.left == 1


def test_reveal__the_other_kind_is_gone_afterwards() -> None:
    """The attack on a single mask: a node is called dropped first, and a survivor later."""
    client = played(Stage.REVEAL).clients[0]
    first = client.reveal(asked([0, 1, 2, 3], [4]))
    assert [v for v, _ in first.mask_key] == [4]
    with pytest.raises(SecureAggregationError, match="each step comes once"):
        client.reveal(asked([0, 1, 2, 3, 4], []))
    assert not client._held


def test_reveal__a_server_that_tells_two_stories_opens_one_secret_at_most() -> None:
    """Some hear that node 4 dropped and the others that it survived: of one secret there are too few shares."""
    threshold = 4
    for told_dropped in range(5):
        clients = played(Stage.REVEAL).clients
        kinds = {"self mask": 0, "mask key": 0}
        for node in range(N):
            lie = node < told_dropped and node != 4
            request = asked([0, 1, 2, 3], [4]) if lie else asked([0, 1, 2, 3, 4], [])
            message = clients[node].reveal(request)
            kinds["self mask"] += 4 in dict(message.self_mask)
            kinds["mask key"] += 4 in dict(message.mask_key)
        assert min(kinds.values()) < threshold
        assert sum(kinds.values()) == N


STEPS: dict[Stage, Callable[[Played, SecureClient], object]] = {
    Stage.ADVERTISE: lambda round_, client: client.advertise(),
    Stage.SHARE: lambda round_, client: client.share(round_.roster),
    Stage.CONFIRM: lambda round_, client: client.confirm(round_.delivered[0]),
    Stage.MASK: lambda round_, client: client.mask(VECTORS[0], round_.partners[0]),
    Stage.AGREE: lambda round_, client: client.agree(round_.request),
    Stage.REVEAL: lambda round_, client: client.reveal(round_.request, round_.signed),
}
ENDS = ["roster", "deliver", "partners", "reveal_request", "signatures", "total"]


@pytest.mark.parametrize("at", list(Stage))
@pytest.mark.parametrize("step", STEPS)
def test_steps__out_of_order(at: Stage, step: Stage) -> None:
    whole = played(Stage.FINISHED, signed=True)
    client = Played(whole.parameters, VECTORS).until(Stage.ADVERTISE).clients[0]
    client._stage = at
    if step is not at:
        with pytest.raises(SecureAggregationError, match=f"is at `{at.name.lower()}`"):
            STEPS[step](whole, client)


@pytest.mark.parametrize("at", list(Stage))
@pytest.mark.parametrize("end", ENDS)
def test_ends__out_of_order(at: Stage, end: str) -> None:
    server = played(at, signed=True).server
    if ENDS.index(end) != min(at, Stage.REVEAL):
        with pytest.raises(SecureAggregationError, match="each step comes once"):
            getattr(server, end)()


def test_mask__one_vector_only() -> None:
    """Two vectors under the same masks would show their difference."""
    round_ = played(Stage.MASK)
    round_.clients[0].mask(VECTORS[0], round_.partners[0])
    with pytest.raises(SecureAggregationError, match="each step comes once"):
        round_.clients[0].mask(VECTORS[1], round_.partners[0])


FOREIGN = [({"round": 2}, "round 2 was given in round 3"), ({"session": b"another session!"}, "another session")]


@pytest.mark.parametrize(("change", "match"), FOREIGN)
def test_client__refuses_another_round_and_session(change: dict[str, Any], match: str) -> None:
    whole = played(Stage.FINISHED, signed=True)
    given = {
        Stage.SHARE: lambda client: client.share(replace(whole.roster, **change)),
        Stage.CONFIRM: lambda client: client.confirm(replace(whole.delivered[0], **change)),
        Stage.MASK: lambda client: client.mask(VECTORS[0], replace(whole.partners[0], **change)),
        Stage.AGREE: lambda client: client.agree(replace(whole.request, **change)),
        Stage.REVEAL: lambda client: client.reveal(replace(whole.request, **change), whole.signed),
    }
    for stage, step in given.items():
        client = played(stage, signed=True).clients[0]
        with pytest.raises(SecureAggregationError, match=match):
            step(client)


@pytest.mark.parametrize(("change", "match"), FOREIGN)
def test_server__refuses_another_round_and_session(change: dict[str, Any], match: str) -> None:
    for stage, step in STEPS.items():
        round_ = played(stage, signed=True)
        message: Any = step(round_, round_.clients[0])
        with pytest.raises(SecureAggregationError, match=match):
            round_.server.receive(replace(message, **change))
        round_.server.receive(message)


def test_client__refuses_a_replay_of_an_earlier_round_of_itself() -> None:
    """Whole messages of a round of the same numbers: keys are fresh, so that nothing of it opens."""
    earlier, now = played(Stage.REVEAL), played(Stage.SHARE)
    with pytest.raises(TamperedMessage, match="not those that node 0 advertised"):
        now.clients[0].share(earlier.roster)
    now = played(Stage.CONFIRM)
    confirmed = now.clients[0].confirm(earlier.delivered[0])
    assert confirmed.unreadable == (1, 2, 3, 4)


@pytest.mark.parametrize("stage", STEPS)
def test_receive__no_message_twice_nor_of_a_stranger(stage: Stage) -> None:
    round_ = played(stage, signed=True)
    message: Any = STEPS[stage](round_, round_.clients[0])
    round_.server.receive(message)
    with pytest.raises(SecureAggregationError, match="heard already"):
        round_.server.receive(message)
    if stage is not Stage.ADVERTISE:
        with pytest.raises(SecureAggregationError, match="not part of this round"):
            round_.server.receive(replace(message, sender=99))


def test_receive__a_vector_that_is_late_is_not_summed() -> None:
    round_ = played(Stage.REVEAL, lost={2: Stage.MASK})
    late = round_.clients[2].mask(VECTORS[2], round_.partners[2])
    with pytest.raises(SecureAggregationError, match="is at `reveal`"):
        round_.server.receive(late)


def with_flipped(shares: tuple[tuple[int, bytes], ...], node: int) -> tuple[tuple[int, bytes], ...]:
    return tuple((v, bytes([text[0] ^ 1]) + text[1:] if v == node else text) for v, text in shares)


def finished(round_: Played) -> Played:
    """Play on from delivered shares."""
    for node, delivered in round_.delivered.items():
        round_.server.receive(round_.clients[node].confirm(delivered))
    round_.partners = round_.server.partners()
    for node, partners in round_.partners.items():
        round_.server.receive(round_.clients[node].mask(VECTORS[node], partners))
    round_.request = round_.server.reveal_request()
    for node in round_.request.survivors:
        round_.server.receive(round_.clients[node].reveal(round_.request))
    return round_


def test_confirm__one_tampered_share_costs_one_pair() -> None:
    round_ = played(Stage.CONFIRM)
    shares = with_flipped(round_.delivered[0].shares, 3)
    round_.delivered[0] = replace(round_.delivered[0], shares=shares)
    finished(round_)
    assert [error.node for error in round_.clients[0].tampered] == [3]
    assert (round_.partners[0].partners, round_.partners[3].partners) == ((1, 2, 4), (1, 2, 4))
    assert round_.server.total().tolist() == wrapped_sum(list(VECTORS.values()))


def test_confirm__a_node_whose_shares_are_all_tampered_counts_as_dropped() -> None:
    round_ = played(Stage.CONFIRM)
    for node in range(N):
        shares = with_flipped(round_.delivered[node].shares, 3)
        round_.delivered[node] = replace(round_.delivered[node], shares=shares)
    finished(round_)
    assert 3 not in round_.partners
    assert round_.server.total().tolist() == wrapped_sum([v for node, v in VECTORS.items() if node != 3])


def test_partners__one_whose_shares_too_few_can_open_is_left_out() -> None:
    """With a threshold of 4 of 5, a node needs three that opened its shares; node 3 has two."""
    round_ = played(Stage.CONFIRM)
    for node in (0, 1):
        shares = with_flipped(round_.delivered[node].shares, 3)
        round_.delivered[node] = replace(round_.delivered[node], shares=shares)
    finished(round_)
    assert sorted(round_.partners) == [0, 1, 2, 4]
    assert {len(p.partners) for p in round_.partners.values()} == {3}
    assert round_.server.total().tolist() == wrapped_sum([v for node, v in VECTORS.items() if node != 3])


def test_confirm__exchanged_shares_are_told() -> None:
    round_ = played(Stage.CONFIRM)
    texts = dict(round_.delivered[0].shares)
    texts[1], texts[2] = texts[2], texts[1]
    round_.clients[0].confirm(replace(round_.delivered[0], shares=tuple(texts.items())))
    assert [error.node for error in round_.clients[0].tampered] == [1, 2]


def test_confirm__of_another_node_or_a_stranger() -> None:
    round_ = played(Stage.CONFIRM)
    delivered = round_.delivered[0]
    with pytest.raises(SecureAggregationError, match="for node 1 came to node 0"):
        round_.clients[0].confirm(round_.delivered[1])
    for more in ((99, b""), (0, b""), delivered.shares[0]):
        with pytest.raises(SecureAggregationError, match="no neighbor"):
            round_.clients[0].confirm(replace(delivered, shares=(*delivered.shares, more)))


def test_partners__too_few_left_after_tampering() -> None:
    round_ = played(Stage.CONFIRM)
    for node in range(N):
        shares = with_flipped(with_flipped(round_.delivered[node].shares, 3), 2)
        round_.delivered[node] = replace(round_.delivered[node], shares=shares)
    with pytest.raises(TooFewSurvivors):
        finished(round_)
    assert not hasattr(round_, "partners")


@pytest.mark.parametrize("kind", ["self_mask", "mask_key"])
def test_total__tampered_share_is_told_and_nothing_unmasked(kind: str) -> None:
    round_ = played(Stage.REVEAL, lost={4: Stage.MASK})
    node = 4 if kind == "mask_key" else 2
    for client in range(4):
        message = round_.clients[client].reveal(round_.request)
        if client == 0:
            shares = tuple((v, s[:-1] + bytes([s[-1] ^ 1]) if v == node else s) for v, s in getattr(message, kind))
            message = replace(message, **{kind: shares})
        round_.server.receive(message)
    assert round_.server._sum is not None
    before = round_.server._sum.copy()
    # Of whom node 0 holds a wrong share is not to blame: node 0 is.
    with pytest.raises(TamperedMessage, match="wrong shares came from node 0") as raised:
        round_.server.total()
    assert raised.value.node == 0
    assert np.array_equal(round_.server._sum, before)


def shares_changed(message: SurvivorShares) -> list[SurvivorShares]:
    (node, share), *others = message.self_mask
    return [
        replace(message, self_mask=tuple(others)),
        replace(message, self_mask=(*message.self_mask, (node, share))),
        replace(message, self_mask=((node, share[:-1]), *others)),
        replace(message, self_mask=tuple(others), mask_key=((node, share),)),
    ]


def test_receive__shares_that_were_not_asked_for() -> None:
    round_ = played(Stage.REVEAL)
    for changed in shares_changed(round_.clients[0].reveal(round_.request)):
        with pytest.raises(TamperedMessage) as raised:
            round_.server.receive(changed)
        assert raised.value.node == 0


@pytest.mark.parametrize("vector", [np.zeros(4, np.uint64), np.zeros(5, np.int64), np.zeros((5, 1), np.uint64)])
def test_receive__vectors_of_another_form(vector: np.ndarray) -> None:
    round_ = played(Stage.MASK)
    p = round_.parameters
    with pytest.raises(TamperedMessage):
        round_.server.receive(MaskedVector(p.session, p.round, 0, vector))


def test_receive__shares_for_others_than_neighbors() -> None:
    round_ = played(Stage.SHARE)
    message = round_.clients[0].share(round_.roster)
    for shares in (message.shares[1:], (*message.shares[1:], (0, b"")), (*message.shares, message.shares[0])):
        with pytest.raises(TamperedMessage):
            round_.server.receive(replace(message, shares=shares))
    with pytest.raises(TamperedMessage):
        round_.server.receive(replace(message, commitment=b""))


def test_receive__complaints_of_strangers() -> None:
    round_ = played(Stage.CONFIRM)
    message = round_.clients[0].confirm(round_.delivered[0])
    with pytest.raises(TamperedMessage):
        round_.server.receive(replace(message, unreadable=(99,)))


@pytest.mark.parametrize("key", [bytes(32), bytes(31)])
def test_receive__keys_of_no_use(key: bytes) -> None:
    round_ = played(Stage.ADVERTISE)
    with pytest.raises(TamperedMessage):
        round_.server.receive(replace(round_.clients[0].advertise(), mask_key=key))


def test_receive__a_key_that_is_there_already_costs_one_node() -> None:
    whole = played(Stage.SHARE).roster.keys
    round_ = played(Stage.ADVERTISE)
    for keys in whole[:4]:
        round_.server.receive(keys)
    for change in (
        {"mask_key": whole[4].encryption_key},
        {"mask_key": whole[0].mask_key},
        {"encryption_key": whole[0].mask_key},
    ):
        with pytest.raises(TamperedMessage) as raised:
            round_.server.receive(replace(whole[4], **change))
        assert raised.value.node == 4
    assert [keys.sender for keys in round_.server.roster().keys] == [0, 1, 2, 3]


@pytest.mark.parametrize("vector", [np.zeros(4, np.int64), np.zeros(5, np.int32), np.zeros(5), np.zeros((1, 5), int)])
def test_mask__vectors_of_another_form(vector: Any) -> None:
    round_ = played(Stage.MASK)
    with pytest.raises(SecureAggregationError, match="make it int64 of shape"):
        round_.clients[0].mask(vector, round_.partners[0])


def test_mask__partners_that_are_none() -> None:
    round_ = played(Stage.MASK)
    for partners in ((1, 2, 3, 99), (0, 1, 2, 3), (1, 1, 2, 3)):
        with pytest.raises(SecureAggregationError, match="not held here"):
            round_.clients[0].mask(VECTORS[0], replace(round_.partners[0], partners=partners))
    with pytest.raises(TooFewSurvivors):
        round_.clients[0].mask(VECTORS[0], replace(round_.partners[0], partners=(1, 2)))


def test_share__keys_exchanged_by_the_server() -> None:
    round_ = played(Stage.SHARE)
    keys = round_.roster.keys
    swapped = replace(keys[0], encryption_key=bytes(range(32)))
    for listed in ((swapped, *keys[1:]), keys[1:]):
        with pytest.raises(TamperedMessage, match="not those that node 0 advertised"):
            round_.clients[0].share(replace(round_.roster, keys=listed))
    for bad in (
        keys[1],
        replace(keys[1], sender=9),
        replace(swapped, sender=9, mask_key=bytes(31)),
        replace(swapped, sender=9, mask_key=bytes(range(32))),
    ):
        with pytest.raises(TamperedMessage, match="leave that node out"):
            round_.clients[0].share(replace(round_.roster, keys=(*keys, bad)))
    low = replace(keys[1], mask_key=bytes(32))
    with pytest.raises(TamperedMessage) as raised:
        round_.clients[0].share(replace(round_.roster, keys=(keys[0], low, *keys[2:])))
    assert raised.value.node == 1
    with pytest.raises(TooFewSurvivors):
        round_.clients[0].share(replace(round_.roster, keys=keys[:3]))
    # After all these refusals it still goes on with the right list.
    assert len(round_.clients[0].share(round_.roster).shares) == N - 1


def test_client__forgets_what_no_further_step_needs() -> None:
    client = played(Stage.CONFIRM).clients[0]
    assert client._masking is None
    client = played(Stage.MASK).clients[0]
    assert client._encryption is None
    client = played(Stage.REVEAL).clients[0]
    assert (client._self_secret, client._pair_keys) == (None, {})


def test_abandon__forgets() -> None:
    client = played(Stage.MASK).clients[0]
    client.abandon()
    assert not client._held
    assert not client._pair_keys
    assert client._self_secret is None
    with pytest.raises(SecureAggregationError, match="is at `finished`"):
        client.reveal(asked([0, 1, 2, 3, 4], []))


def test_secrets__are_not_in_any_repr() -> None:
    round_ = played(Stage.REVEAL)
    message = round_.clients[0].reveal(round_.request)
    assert all(repr(share)[2:-1] not in repr(message) for _, share in message.self_mask)
    lost = SurvivorShares(bytes(16), 0, 1, self_mask=((2, b"of its own"),), mask_key=((3, b"of a pair"),))
    assert "of " not in repr(lost)


def test_errors__survive_pickling() -> None:
    tampered = pickle.loads(pickle.dumps(TamperedMessage("told", node=3)))
    few = pickle.loads(pickle.dumps(TooFewSurvivors("few", left=2, threshold=3)))
    assert (tampered.node, few.left, few.threshold, str(few)) == (3, 2, 3, "few")


class TestSigned:
    def test_share__keys_that_are_not_signed(self) -> None:
        round_ = played(Stage.SHARE, signed=True)
        keys = round_.roster.keys
        for change in ({"signature": b""}, {"signature": keys[2].signature}, {"mask_key": bytes(range(32))}):
            listed = (keys[0], replace(keys[1], **change), *keys[2:])
            with pytest.raises(TamperedMessage) as raised:
                round_.clients[0].share(replace(round_.roster, keys=listed))
            assert raised.value.node == 1

    def test_share__a_node_that_is_not_known(self) -> None:
        round_ = played(Stage.SHARE, signed=True)
        stranger = replace(SecureClient(9, parameters_of(4)).advertise(), signature=round_.roster.keys[0].signature)
        with pytest.raises(TamperedMessage) as raised:
            round_.clients[0].share(replace(round_.roster, keys=(*round_.roster.keys, stranger)))
        assert raised.value.node == 9

    def test_reveal__another_list_than_was_signed(self) -> None:
        round_ = played(Stage.REVEAL, signed=True)
        with pytest.raises(SecureAggregationError, match="another list"):
            round_.clients[0].reveal(asked([0, 1, 2, 3], [4]), round_.signed)

    def test_reveal__two_stories(self) -> None:
        """Two nodes hear that node 4 dropped: neither story has enough signatures."""
        round_ = played(Stage.AGREE, signed=True)
        stories = {node: asked([0, 1, 2, 3], [4]) if node < 2 else asked([0, 1, 2, 3, 4], []) for node in range(N)}
        signed = {node: round_.clients[node].agree(story) for node, story in stories.items()}
        with pytest.raises(TamperedMessage) as raised:
            round_.clients[0].reveal(stories[0], [signed[node] for node in range(4)])
        assert raised.value.node == 2
        for node, story in stories.items():
            honest = [signed[v] for v in range(N) if stories[v] == story]
            with pytest.raises(TooFewSurvivors):
                round_.clients[node].reveal(story, honest)

    def test_reveal__one_signature_counts_once(self) -> None:
        round_ = played(Stage.REVEAL, signed=True)
        with pytest.raises(TamperedMessage, match="signed twice"):
            round_.clients[0].reveal(round_.request, round_.signed[:1] * 4)
        with pytest.raises(TamperedMessage, match="no survivor"):
            round_.clients[0].reveal(round_.request, [replace(round_.signed[0], sender=9)])

    def test_reveal__signatures_of_another_round(self) -> None:
        round_ = played(Stage.REVEAL, signed=True)
        with pytest.raises(SecureAggregationError, match="round 2"):
            round_.clients[0].reveal(round_.request, [replace(s, round=2) for s in round_.signed])

    def test_client__threshold_over_two_thirds(self) -> None:
        identities = identities_of(range(6))
        with pytest.raises(SecureAggregationError, match="signed rounds need 5 to 6"):
            SecureClient(0, parameters_of(4, signed=True), identity=identities[0])
        SecureClient(0, parameters_of(5, signed=True), identity=identities[0])
        with pytest.raises(SecureAggregationError, match="signed rounds need"):
            SecureClient(0, parameters_of(7, signed=True), identity=identities[0])

    def test_client__identity_and_parameters_agree(self) -> None:
        with pytest.raises(SecureAggregationError, match="not given"):
            SecureClient(0, parameters_of(4, signed=True))
        with pytest.raises(SecureAggregationError, match="agree on one"):
            SecureClient(0, parameters_of(4), identity=identities_of(range(4))[0])

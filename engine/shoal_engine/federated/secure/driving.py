"""A round driven over any transport that asks nodes and gives their answers as flat fields.

The server's side is `SecureRound`, the node's is `answered`. Between its messages a node keeps fields, which hold the
secrets of the round and must not leave it.

A node's side of a round put away between two messages, for nodes whose process does not live that long.

The stored fields hold the node's secrets of that round and must not leave the node; nor may it be taken out twice: of a
node's two secrets a share may be given away once, and a copy does not know what another copy gave away.
"""

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias, cast, get_args

from shoal_engine.errors import SecureAggregationError, UpdateError
from shoal_engine.federated.secure import flat_messages as flat
from shoal_engine.federated.secure.client import SecureClient
from shoal_engine.federated.secure.flat_messages import Fields, ToNode
from shoal_engine.federated.secure.key_agreement import KeyPair
from shoal_engine.federated.secure.messages import (
    AdvertisedKeys,
    ConfirmedShares,
    DeliveredShares,
    EncryptedShares,
    MaskedVector,
    Message,
    Partners,
    RevealRequest,
    Roster,
    Stage,
    SurvivorShares,
)
from shoal_engine.federated.secure.parameters import SecureParameters
from shoal_engine.federated.secure.secret_sharing import HeldShares
from shoal_engine.federated.secure.server import SecureServer
from shoal_engine.federated.secure.vectors import Ints
from shoal_engine.federated.updates.round import Reason, UpdateRecord

Ask: TypeAlias = Callable[[Stage, Mapping[int, Fields]], Iterable[tuple[int, "Fields | Reason"]]]
"""Sends each node, by its place, fields of a stage, and yields answers as they come, or why there is none."""

REFUSED: Final = "refused"
"""The field in which a node says why it drops out."""
_ANSWERS: Final[Mapping[Stage, type[Message]]] = {
    Stage.ADVERTISE: AdvertisedKeys,
    Stage.SHARE: EncryptedShares,
    Stage.CONFIRM: ConfirmedShares,
    Stage.MASK: MaskedVector,
    Stage.REVEAL: SurvivorShares,
}
_REASONS: Final = frozenset(get_args(Reason))


def parameter_entries(parameters: SecureParameters) -> Fields:
    """Return parameters as fields; 0 neighbors means all."""
    return {
        "threshold": parameters.threshold,
        "session": parameters.session,
        "round": parameters.round,
        "length": parameters.length,
        "neighbors": parameters.neighbors or 0,
    }


def read_parameters(entries: Mapping[str, Any]) -> SecureParameters:
    """Return the parameters of some fields.

    Raises
    ------
    SecureAggregationError
        One is missing, of another type, or out of range.
    """
    threshold, number, length, neighbors = (
        flat.integer(name, entries) for name in ("threshold", "round", "length", "neighbors")
    )
    return SecureParameters(threshold, flat.octets("session", entries), number, length, neighbors or None)


class StoredClient(SecureClient):
    """A `SecureClient` of an unsigned round that can be put away as fields and taken out again."""

    def fields(self) -> Fields:
        """Return all it knows, secrets of the round included."""
        p = self._parameters
        listed = Roster(p.session, p.round, tuple(self._keys[node] for node in sorted(self._keys)))
        held = sorted(self._held.items())
        return {
            **parameter_entries(p),
            **flat.flattened(listed),
            **flat.of_nodes("pair_keys", tuple(sorted(self._pair_keys.items()))),
            **flat.of_nodes("held_mask_key", tuple((node, shares.mask_key) for node, shares in held)),
            **flat.of_nodes("held_self_mask", tuple((node, shares.self_mask) for node, shares in held)),
            "node": self._node,
            "stage": int(self._stage),
            "encryption": self._encryption.private if self._encryption else b"",
            "masking": self._masking.private if self._masking else b"",
            "self_secret": self._self_secret or b"",
            "neighboring": sorted(self._neighbors),
        }

    @classmethod
    def of_fields(cls, kept: Mapping[str, Any]) -> "StoredClient":
        """Return the client stored as `fields`.

        Raises
        ------
        SecureAggregationError
            It is not whole.
        """
        parameters, stage = read_parameters(kept), flat.integer("stage", kept)
        client = cls(flat.integer("node", kept), parameters)
        encryption, masking = flat.octets("encryption", kept), flat.octets("masking", kept)
        self_masks = dict(flat.by_node("held_self_mask", kept))
        try:
            client._stage = Stage(stage)
            client._encryption = KeyPair.of_private(encryption) if encryption else None
            client._masking = KeyPair.of_private(masking) if masking else None
            client._held = {
                node: HeldShares(share, self_masks[node]) for node, share in flat.by_node("held_mask_key", kept)
            }
        except (KeyError, ValueError):
            msg = "what was kept of a round of secure aggregation is not whole; leave this round"
            raise SecureAggregationError(msg) from None
        client._self_secret = flat.octets("self_secret", kept) or None
        client._keys = {keys.sender: keys for keys in flat.restored(Roster, kept).keys}
        client._pair_keys = dict(flat.by_node("pair_keys", kept))
        client._neighbors = frozenset(flat.ints("neighboring", kept))
        return client


class SecureRound:
    """The server's side of one unsigned round.

    Parameters
    ----------
    parameters : SecureParameters
    nodes : sequence of str
        Who is asked. In the round a node is known by its place here.

    Raises
    ------
    UpdateError
        The threshold is not over half of the nodes that would hold shares; nothing was sent.
    """

    def __init__(self, parameters: SecureParameters, nodes: Sequence[str]) -> None:
        check_asked(parameters, len(nodes))
        self._parameters = parameters
        self._nodes = nodes
        self._server = SecureServer(parameters)
        self._opened = time.monotonic()
        self._out: dict[int, UpdateRecord] = {}
        self._masked: dict[int, UpdateRecord] = {}
        self._liars: frozenset[int] = frozenset()

    def total(self, ask: Ask) -> Ints:
        """Return the sum of the survivors' vectors, (length,) int64.

        Raises
        ------
        TooFewSurvivors
            Too many dropped out, in whichever stage.
        SecureAggregationError
            The sum cannot be unmasked. Nothing is learned then.
        """
        server, parameters = self._server, self._parameters
        places = range(len(self._nodes))
        self._stage(ask, Stage.ADVERTISE, {v: {**parameter_entries(parameters), "node": v} for v in places})
        roster = flat.flattened(server.roster())
        self._stage(ask, Stage.SHARE, dict.fromkeys(self._left(places), roster))
        self._stage(ask, Stage.CONFIRM, _flattened(server.deliver()))
        partners = server.partners()
        for v in self._left(places):
            if v not in partners:
                self._drop(v, "too few partners")
        self._stage(ask, Stage.MASK, _flattened(partners))
        request = server.reveal_request()
        self._stage(ask, Stage.REVEAL, dict.fromkeys(request.survivors, flat.flattened(request)))
        try:
            return server.total()
        finally:
            self._liars = server.liars

    def records(self, failed: Reason | None = None) -> tuple[UpdateRecord, ...]:
        """Return a record for each node: weights and lengths are unknown, so not a number.

        Parameters
        ----------
        failed : Reason, optional
            Why the whole round failed; of nodes that did not drop out.
        """
        found: list[UpdateRecord] = []
        for v, node in enumerate(self._nodes):
            record = self._masked.get(v) or self._out.get(v) or UpdateRecord(node, math.nan)
            if v in self._liars and record.kept:
                # What it sent is in the sum all the same, where there is one.
                record = record.reject("wrong shares") if failed else replace(record, reason="wrong shares")
            found.append(record.reject(failed) if failed and record.kept else record)
        return tuple(sorted(found, key=lambda record: record.node))

    def _left(self, places: Iterable[int]) -> list[int]:
        return [v for v in places if v not in self._out]

    def _drop(self, place: int, reason: Reason) -> None:
        seconds = time.monotonic() - self._opened
        self._out[place] = UpdateRecord(self._nodes[place], math.nan, seconds=seconds).reject(reason)

    def _stage(self, ask: Ask, stage: Stage, entries: Mapping[int, Fields]) -> None:
        """Ask nodes and receive what they answer; whoever gives no good answer drops out."""
        waiting = set(entries)
        for place, answer in ask(stage, entries):
            if place not in waiting:
                continue
            waiting.discard(place)
            reason = answer if isinstance(answer, str) else self._received(stage, place, answer)
            if reason is not None:
                self._drop(place, reason)
        for place in sorted(waiting):
            self._drop(place, "no answer")

    def _received(self, stage: Stage, place: int, answer: Fields) -> Reason | None:
        """Give the server an answer; return why the node drops out, if it does."""
        if REFUSED in answer:
            # The node's own words: only those that are known are passed on.
            said = answer[REFUSED]
            return cast("Reason", said) if isinstance(said, str) and said in _REASONS else "unreadable"
        try:
            message = flat.restored(_ANSWERS[stage], answer)
            if message.sender != place:
                return "unreadable"
            self._server.receive(message)
        except SecureAggregationError:
            return "unreadable"
        if stage is Stage.MASK:
            seconds = time.monotonic() - self._opened
            self._masked[place] = UpdateRecord(
                self._nodes[place], math.nan, n_bytes=8 * self._parameters.length, seconds=seconds
            )
        return None


def answered(
    stage: Stage, entries: Mapping[str, Any], kept: Mapping[str, Any] | None, vector: Callable[[], "Ints | Reason"]
) -> tuple[Fields, Fields | None]:
    """Return a node's answer to one message of a round, and its memory for the next one.

    Parameters
    ----------
    stage : Stage
    entries : mapping of str to a number, bytes or a list
        Message of the server.
    kept : mapping, optional
        Memory of the stage before.
    vector : callable
        Makes the vector of this node's update, or returns the reason not to; called when masks are added.

    Raises
    ------
    SecureAggregationError
        The step was rejected. The node must forget its memory: it dropped out.
    """
    if stage is Stage.ADVERTISE:
        client = StoredClient(flat.integer("node", entries), read_parameters(entries))
        return flat.flattened(client.advertise()), client.fields()
    if kept is None:
        msg = f"`{stage.name.lower()}` was asked of a node that is in no round; leave that node out"
        raise SecureAggregationError(msg)
    client = StoredClient.of_fields(kept)
    match stage:
        case Stage.SHARE:
            said = client.share(flat.restored(Roster, entries))
        case Stage.CONFIRM:
            said = client.confirm(flat.restored(DeliveredShares, entries))
        case Stage.MASK:
            # Before the node trains: what comes twice, or is of no use, must not train it.
            client.check_partners(partners := flat.restored(Partners, entries))
            made = vector()
            if isinstance(made, str):
                return {REFUSED: made}, None
            said = client.mask(made, partners)
        case Stage.REVEAL:
            return flat.flattened(client.reveal(flat.restored(RevealRequest, entries))), None
        case _:
            msg = f"`{stage.name.lower()}` is no stage of an unsigned round; use one version everywhere"
            raise SecureAggregationError(msg)
    return flat.flattened(said), client.fields()


def check_asked(parameters: SecureParameters, n: int, most: int | None = None) -> None:
    """Raise if the threshold is too low for `n` nodes, or a sum has no room for them.

    Raises
    ------
    UpdateError
    """
    holders = n if parameters.neighbors is None else parameters.neighbors + 1
    if 2 * parameters.threshold <= holders:
        msg = f"threshold={parameters.threshold} of {holders} who hold shares; give {holders // 2 + 1} or more"
        raise UpdateError(msg)
    if most is not None and n > most:
        msg = f"{n} nodes are asked, and the sum has room for {most} updates; declare a larger max_updates"
        raise UpdateError(msg)


def _flattened(messages: Mapping[int, ToNode]) -> dict[int, Fields]:
    return {place: flat.flattened(message) for place, message in messages.items()}

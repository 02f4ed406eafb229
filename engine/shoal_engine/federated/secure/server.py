"""The server's side of one round: it passes messages on, and learns the sum of the survivors' vectors."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from shoal_engine.errors import SecureAggregationError, TamperedMessage, TooFewSurvivors
from shoal_engine.federated.secure import roster as rosters
from shoal_engine.federated.secure.key_agreement import KEY_BYTES, SHARE_COMMITMENT_BYTES, is_committed, is_usable
from shoal_engine.federated.secure.masks import Shares, unmask
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
    SignedSurvivors,
    Stage,
    SurvivorShares,
)
from shoal_engine.federated.secure.parameters import SecureParameters, check_node
from shoal_engine.federated.secure.roster import Graph, core, is_connected
from shoal_engine.federated.secure.secret_sharing import SHARE_BYTES

_STAGE_OF: Mapping[type, Stage] = {
    AdvertisedKeys: Stage.ADVERTISE,
    EncryptedShares: Stage.SHARE,
    ConfirmedShares: Stage.CONFIRM,
    MaskedVector: Stage.MASK,
    SignedSurvivors: Stage.AGREE,
    SurvivorShares: Stage.REVEAL,
}


class SecureServer:
    """The server in one round: give `receive` what nodes send, and end each stage by asking for what to send them.

    The stages end with `roster`, `deliver`, `partners`, `reveal_request`, in signed rounds `signatures`, and `total`.
    When to end one, after a time or when all were heard, is for the caller. A stage that cannot end for want of
    nodes stays open: more may come. Masked vectors are added as they come and not kept.

    Parameters
    ----------
    parameters : SecureParameters
    """

    def __init__(self, parameters: SecureParameters) -> None:
        self._parameters = parameters
        self._stage = Stage.ADVERTISE
        self._heard: dict[int, Any] = {}
        self._keys: dict[int, AdvertisedKeys] = {}
        self._publics: set[bytes] = set()
        self._graph = Graph([], None, b"")
        self._commitments: dict[int, bytes] = {}
        self._share_commitments: dict[int, dict[int, bytes]] = {}
        self._liars: set[int] = set()
        self._expected: frozenset[int] = frozenset()
        self._partners: dict[int, frozenset[int]] = {}
        self._sum: npt.NDArray[np.uint64] | None = None
        self._request: RevealRequest | None = None

    @property
    def missing(self) -> frozenset[int]:
        """Which nodes were not heard in this stage; of the first, none are known."""
        return self._expected - self._heard.keys()

    @property
    def liars(self) -> frozenset[int]:
        """Return who gave away, or gave out, shares that are not what they must be; known when the round ended."""
        return frozenset(self._liars)

    def receive(self, message: Message) -> None:
        """Take one message of a node.

        Raises
        ------
        TamperedMessage
            It is no message that the node can have made.
        SecureAggregationError
            It is of another session, round or stage, of a node that is not part of it any more, or comes twice.
        """
        self._parameters.check(message)
        self._stage.expect(_STAGE_OF[type(message)], "the server")
        sender = check_node(message.sender)
        if sender in self._heard or (self._stage is not Stage.ADVERTISE and sender not in self._expected):
            msg = f"node {sender} was heard already, or is not part of this round any more; drop its message"
            raise SecureAggregationError(msg)
        if not self._is_sound(message):
            msg = f"a {type(message).__name__} of node {sender} does not hold what it must; that node counts as dropped"
            raise TamperedMessage(msg, node=sender)
        if isinstance(message, AdvertisedKeys):
            self._publics |= {message.encryption_key, message.mask_key}
        if isinstance(message, MaskedVector):
            if self._sum is None:
                self._sum = np.zeros(self._parameters.length, np.uint64)
            self._sum += message.vector
            self._heard[sender] = None
        else:
            self._heard[sender] = message

    def roster(self) -> Roster:
        """End `advertise`; return the keys, for every node.

        Raises
        ------
        TooFewSurvivors, TamperedMessage, SecureAggregationError
            As of `SecureClient.share`.
        """
        self._stage.expect(Stage.ADVERTISE, "the server")
        p = self._parameters
        listed = Roster(p.session, p.round, tuple(self._heard[node] for node in sorted(self._heard)))
        self._keys = rosters.checked(p, listed)
        self._graph = rosters.graph_of(p, self._keys)
        self._next(Stage.SHARE, self._keys)
        return listed

    def deliver(self) -> dict[int, DeliveredShares]:
        """End `share`; return the message to each node.

        Raises
        ------
        TooFewSurvivors
        """
        self._stage.expect(Stage.SHARE, "the server")
        p, sent = self._parameters, {node: dict(message.shares) for node, message in self._heard.items()}
        rosters.at_least(len(sent), p, "nodes shared their secrets")
        self._commitments = {node: message.commitment for node, message in self._heard.items()}
        self._share_commitments = {node: dict(message.share_commitments) for node, message in self._heard.items()}
        self._next(Stage.CONFIRM, sent)
        return {
            v: DeliveredShares(
                p.session,
                p.round,
                v,
                tuple((u, sent[u][v]) for u in sorted(self._graph.of(v) & sent.keys())),
                tuple((u, self._share_commitments[u][v]) for u in sorted(self._graph.of(v) & sent.keys())),
            )
            for v in sorted(sent)
        }

    def partners(self) -> dict[int, Partners]:
        """End `confirm`; return with whom each node masks. Nodes with too few partners are left out.

        Raises
        ------
        TooFewSurvivors
        """
        self._stage.expect(Stage.CONFIRM, "the server")
        p, confirmed = self._parameters, self._heard.keys()
        rosters.at_least(len(confirmed), p, "nodes confirmed their shares")
        unreadable = {(v, u) for v, message in self._heard.items() for u in message.unreadable}
        # Which of the two is at fault is not to be known; so neither masks with the other, and both go on.
        edges = {
            v: frozenset(u for u in self._graph.of(v) & confirmed if not {(u, v), (v, u)} & unreadable)
            for v in confirmed
        }
        kept = core(edges, p.threshold - 1)
        rosters.at_least(len(kept), p, "nodes have shares enough that could be opened")
        self._partners = kept
        self._next(Stage.MASK, kept)
        return {v: Partners(p.session, p.round, v, tuple(sorted(others))) for v, others in sorted(kept.items())}

    def reveal_request(self) -> RevealRequest:
        """End `mask`; return whose vectors arrived, for each of these. Later ones are rejected.

        Raises
        ------
        TooFewSurvivors
            Fewer nodes than the threshold survived, or of a node fewer holders of its shares.
        SecureAggregationError
            The survivors fall into parts that share no masks, so that each part's sum would show.
        """
        self._stage.expect(Stage.MASK, "the server")
        p, survivors = self._parameters, frozenset(self._heard)
        rosters.at_least(len(survivors), p, "nodes sent their vector")
        masked_with = survivors.union(*(self._partners[v] for v in survivors))
        holders = {v: (self._partners[v] | {v}) & survivors for v in masked_with}
        rosters.at_least(min(map(len, holders.values())), p, "holders of one node's shares sent their vector")
        if not is_connected(survivors, self._partners):
            msg = "the survivors fall into parts that share no masks; begin another round with more neighbors"
            raise SecureAggregationError(msg)
        dropped = masked_with - survivors
        missing = tuple(sorted(self._expected - survivors))
        self._request = RevealRequest(p.session, p.round, tuple(sorted(survivors)), missing)
        self._partners = {v: self._partners[v] for v in survivors | dropped}
        self._next(Stage.AGREE if p.signed else Stage.REVEAL, survivors)
        return self._request

    def signatures(self) -> tuple[SignedSurvivors, ...]:
        """End `agree`; return all signatures, for each survivor.

        Raises
        ------
        TooFewSurvivors
        """
        self._stage.expect(Stage.AGREE, "the server")
        rosters.at_least(len(self._heard), self._parameters, "survivors signed")
        signed = tuple(self._heard[node] for node in sorted(self._heard))
        self._next(Stage.REVEAL, self._heard)
        return signed

    def total(self) -> npt.NDArray[np.int64]:
        """End the round; return the sum of the survivors' vectors, (length,) int64, modulo 2**64.

        Shares that are not what their node committed itself to are left out, and whoever gave them is among `liars`:
        as long as enough are left, the sum is the same as without the lie.

        Raises
        ------
        TooFewSurvivors
            Of some secret there are fewer shares than the threshold; nothing is unmasked.
        TamperedMessage
            Too few right shares of some secret are left, because one holder gave a wrong one; or all of its shares
            are as its node gave them out, and do not give what that node committed itself to. Nothing is unmasked.
        """
        self._stage.expect(Stage.REVEAL, "the server")
        request, total = self._request, self._sum
        assert request is not None, "set when masking ended"
        assert total is not None, "set when masking ended"
        survivors = frozenset(request.survivors)
        dropped = self._partners.keys() - survivors
        self_masks = self._right(_by_node(survivors, ((u, m.self_mask) for u, m in self._heard.items())), 1)
        mask_keys = self._right(_by_node(dropped, ((u, m.mask_key) for u, m in self._heard.items())), 0)
        fewest = min(len(held) for held in (*self_masks.values(), *mask_keys.values()))
        if fewest < self._parameters.threshold and self._liars:
            liars = ", ".join(map(str, sorted(self._liars)))
            msg = f"wrong shares came from node {liars}, and too few right ones are left; begin another without"
            raise TamperedMessage(msg, node=min(self._liars))
        if fewest < self._parameters.threshold:
            msg = f"{fewest} shares of a secret came, {self._parameters.threshold} open it; wait for more survivors"
            raise TooFewSurvivors(msg, left=fewest, threshold=self._parameters.threshold)
        shares = (self_masks, mask_keys)
        self._liars |= unmask(self._parameters, total, self._keys, self._commitments, self._partners, shares)
        self._next(Stage.FINISHED, ())
        self._sum = None
        return total.view(np.int64)

    def _right(self, shares: Shares, kind: int) -> Shares:
        """Return the shares that are what their node committed itself to; note who gave others.

        Parameters
        ----------
        shares : Shares
        kind : 0 or 1
            Shares of the mask key, or of the own mask.
        """
        found: Shares = {}
        for node, held in shares.items():
            bounds = self._share_commitments[node]
            right = {
                holder: share
                for holder, share in held.items()
                if is_committed(self._parameters, share, bounds[holder], kind, node=node, holder=holder)
            }
            self._liars |= held.keys() - right.keys()
            found[node] = right
        return found

    def _is_sound(self, message: Message) -> bool:
        match message:
            case AdvertisedKeys():
                keys = {message.encryption_key, message.mask_key}
                # A list with a key twice is refused by every node: it would cost the round, and not one node.
                return len(keys) == 2 and not keys & self._publics and all(map(is_usable, keys))
            case EncryptedShares(sender=u):
                recipients = [v for v, _ in message.shares]
                complete = len(recipients) == self._graph.degree and self._graph.of(u) == frozenset(recipients)
                bounds = dict(message.share_commitments)
                is_bound = bounds.keys() == self._graph.of(u) | {u} and len(bounds) == len(message.share_commitments)
                sizes = {len(bound) for bound in bounds.values()} == {SHARE_COMMITMENT_BYTES}
                return complete and is_bound and sizes and len(message.commitment) == KEY_BYTES
            case ConfirmedShares(sender=u):
                return self._graph.of(u) >= frozenset(message.unreadable)
            case MaskedVector():
                return message.vector.dtype == np.uint64 and message.vector.shape == (self._parameters.length,)
            case SignedSurvivors():
                return True
            case SurvivorShares(sender=u):
                return self._gives_what_was_asked(u, message)

    def _gives_what_was_asked(self, node: int, message: SurvivorShares) -> bool:
        assert self._request is not None, "set when masking ended"
        survivors, held = frozenset(self._request.survivors), self._partners[node] | {node}
        shares = (*message.self_mask, *message.mask_key)
        return (
            len(message.self_mask) + len(message.mask_key) == len(held)
            and {v for v, _ in message.self_mask} == set(held & survivors)
            and {v for v, _ in message.mask_key} == set(held - survivors)
            and all(len(share) == SHARE_BYTES for _, share in shares)
        )

    def _next(self, stage: Stage, expected: Iterable[int]) -> None:
        self._stage = stage
        self._expected = frozenset(expected)
        self._heard = {}


def _by_node(nodes: Iterable[int], given: Iterable[tuple[int, Iterable[tuple[int, bytes]]]]) -> Shares:
    found: Shares = {node: {} for node in nodes}
    for holder, shares in given:
        for node, share in shares:
            found[node][holder] = share
    return found

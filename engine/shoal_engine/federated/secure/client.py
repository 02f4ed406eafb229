"""One node's side of one round.

What keeps its vector secret is here: every step comes once, masks are applied to one vector only, and of each
node's two secrets at most one share is given away, whatever the server asks for.
"""

import secrets
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from shoal_engine.errors import SecureAggregationError, TamperedMessage
from shoal_engine.federated.secure import key_agreement, roster, secret_sharing
from shoal_engine.federated.secure.key_agreement import KeyPair
from shoal_engine.federated.secure.masks import Mask, apply_masks, pair_sign
from shoal_engine.federated.secure.messages import (
    AdvertisedKeys,
    ConfirmedShares,
    DeliveredShares,
    EncryptedShares,
    MaskedVector,
    Partners,
    RevealRequest,
    Roster,
    SignedSurvivors,
    Stage,
    SurvivorShares,
)
from shoal_engine.federated.secure.parameters import SecureParameters, check_node
from shoal_engine.federated.secure.secret_sharing import SECRET_BYTES, HeldShares, split
from shoal_engine.federated.secure.signatures import Identity


class SecureClient:
    """One node in one round: call the steps in the order of their definition, each once.

    After a `SecureAggregationError` nothing was given away by that step; `abandon` then, unless another message for
    the same step is to be had. A node that is never heard of again counts as dropped.

    Parameters
    ----------
    node : int
        Its number, known to all others.
    parameters : SecureParameters
    identity : Identity, optional
        Needed if the round is signed.

    Raises
    ------
    SecureAggregationError
        The round is signed and there is no identity, or the other way round, or the threshold is too low for it.

    Attributes
    ----------
    tampered : tuple of TamperedMessage
        Whose shares could not be opened; such a node counts as dropped for this one, and this one for it.
    """

    def __init__(self, node: int, parameters: SecureParameters, *, identity: Identity | None = None) -> None:
        self._node = check_node(node)
        self._parameters = parameters
        self._identity = identity
        if parameters.signed != (identity is not None):
            msg = f"signed={parameters.signed}, but an identity was {'' if identity else 'not '}given; agree on one"
            raise SecureAggregationError(msg)
        if identity is not None:
            identity.check(parameters)
        self._stage = Stage.ADVERTISE
        self._encryption: KeyPair | None = KeyPair.fresh()
        self._masking: KeyPair | None = KeyPair.fresh()
        self._self_secret: bytes | None = secrets.token_bytes(SECRET_BYTES)
        self._pair_keys: dict[int, bytes] = {}
        self._keys: dict[int, AdvertisedKeys] = {}
        self._neighbors: frozenset[int] = frozenset()
        self._held: dict[int, HeldShares] = {}
        self._agreed: RevealRequest | None = None
        self.tampered: tuple[TamperedMessage, ...] = ()

    def advertise(self) -> AdvertisedKeys:
        """Return this node's public keys."""
        self._stage.expect(Stage.ADVERTISE, self._who)
        p, encryption, masking = self._parameters, self._pair(self._encryption), self._pair(self._masking)
        signature = b""
        if self._identity is not None:
            signature = self._identity.sign_keys(p, self._node, encryption.public, masking.public)
        self._stage = Stage.SHARE
        return AdvertisedKeys(p.session, p.round, self._node, encryption.public, masking.public, signature)

    def share(self, listed: Roster) -> EncryptedShares:
        """Return shares of this node's two secrets for each neighbor.

        Raises
        ------
        TooFewSurvivors
            Fewer nodes than the threshold are listed.
        TamperedMessage
            Keys are not their node's own, or this node's are not as it advertised them.
        SecureAggregationError
            The threshold is not over half of those who would hold shares.
        """
        self._stage.expect(Stage.SHARE, self._who)
        p, encryption, masking = self._parameters, self._pair(self._encryption), self._pair(self._masking)
        keys = roster.checked(p, listed)
        own = keys.get(self._node)
        if own is None or (own.encryption_key, own.mask_key) != (encryption.public, masking.public):
            msg = f"the list of keys has not those that node {self._node} advertised; leave this round"
            raise TamperedMessage(msg, node=self._node)
        if self._identity is not None:
            for each in keys.values():
                self._identity.check_keys(p, each)
        neighbors = roster.graph_of(p, keys).of(self._node)
        seals = {
            v: key_agreement.encryption_key(
                p, encryption, keys[v].encryption_key, sender=self._node, recipient=v, peer=v
            )
            for v in sorted(neighbors)
        }
        pair_keys = {
            v: key_agreement.pair_mask_key(p, masking, keys[v].mask_key, node=self._node, peer=v) for v in seals
        }
        self._stage = Stage.CONFIRM
        self._keys, self._neighbors, self._pair_keys, self._masking = keys, neighbors, pair_keys, None
        secret = self._secret()
        # The points are the nodes' numbers plus one: 0 would be the secret.
        points = {v: v + 1 for v in (self._node, *seals)}
        of_mask_key = split(masking.private, p.threshold, list(points.values()))
        of_self_mask = split(secret, p.threshold, list(points.values()))
        shares = {v: HeldShares(of_mask_key[x], of_self_mask[x]) for v, x in points.items()}
        self._held = {self._node: shares[self._node]}
        sealed = tuple(
            (v, secret_sharing.seal(p, key, shares[v], sender=self._node, recipient=v)) for v, key in seals.items()
        )
        bound = key_agreement.commitment(p, secret, node=self._node)
        bounds = tuple((v, self._committed(self._node, v, held)) for v, held in sorted(shares.items()))
        return EncryptedShares(p.session, p.round, self._node, bound, sealed, bounds)

    def confirm(self, delivered: DeliveredShares) -> ConfirmedShares:
        """Open the neighbors' messages; name those whose shares do not match their commitments, as `tampered` does.

        Raises
        ------
        SecureAggregationError
            These are another node's, or some are of no neighbor, or come twice.
        """
        self._stage.expect(Stage.CONFIRM, self._who)
        p, encryption = self._parameters, self._pair(self._encryption)
        self._check_recipient(delivered, delivered.recipient)
        sealed = dict(delivered.shares)
        if len(sealed) < len(delivered.shares) or not sealed.keys() <= self._neighbors:
            msg = "shares came twice, or from a node that is no neighbor; deliver one of each neighbor at most"
            raise SecureAggregationError(msg)
        held, tampered, bounds = dict(self._held), list[TamperedMessage](), dict(delivered.commitments)
        for v, text in sorted(sealed.items()):
            key = key_agreement.encryption_key(
                p, encryption, self._keys[v].encryption_key, sender=v, recipient=self._node, peer=v
            )
            try:
                opened = secret_sharing.unseal(p, key, text, sender=v, recipient=self._node)
            except TamperedMessage as error:
                tampered.append(error)
                continue
            if self._committed(v, self._node, opened) == bounds.get(v):
                held[v] = opened
            else:
                msg = f"the shares of node {v} are not those that it committed itself to; go on without that node"
                tampered.append(TamperedMessage(msg, node=v))
        self._stage = Stage.MASK
        self._held, self.tampered, self._encryption = held, tuple(tampered), None
        return ConfirmedShares(p.session, p.round, self._node, tuple(error.node for error in tampered))

    def check_partners(self, partners: Partners) -> None:
        """Refuse partners with whom this node would not mask, before its vector is made.

        Raises
        ------
        TooFewSurvivors, SecureAggregationError
            As of `mask`.
        """
        self._stage.expect(Stage.MASK, self._who)
        self._check_recipient(partners, partners.recipient)
        chosen = frozenset(partners.partners)
        if len(chosen) < len(partners.partners) or not chosen <= self._held.keys() - {self._node}:
            msg = "a partner comes twice, or its shares are not held here; its mask could not be taken off"
            raise SecureAggregationError(msg)
        roster.at_least(len(chosen) + 1, self._parameters, "nodes are left to mask with")

    def mask(self, vector: npt.NDArray[np.int64], partners: Partners) -> MaskedVector:
        """Return this node's vector under its own mask and one for each partner.

        Parameters
        ----------
        vector : (length,) int64
            Not changed. Sums wrap modulo 2**64.
        partners : Partners

        Raises
        ------
        TooFewSurvivors
            With this node they are fewer than the threshold.
        SecureAggregationError
            The vector has another shape or type, or this node holds no shares of a partner.
        """
        self.check_partners(partners)
        p, chosen = self._parameters, frozenset(partners.partners)
        if vector.dtype != np.int64 or vector.shape != (p.length,):
            msg = f"a vector of {vector.dtype}, shape {vector.shape}, was given; make it int64 of shape ({p.length},)"
            raise SecureAggregationError(msg)
        masks = [Mask(key_agreement.self_mask_key(p, self._secret(), node=self._node), 1)]
        masks += [Mask(self._pair_keys[v], pair_sign(self._node, v)) for v in sorted(chosen)]
        self._stage = Stage.REVEAL if self._identity is None else Stage.AGREE
        self._held = {v: self._held[v] for v in (*chosen, self._node)}
        self._self_secret, self._pair_keys = None, {}
        masked = vector.astype(np.uint64)
        apply_masks(masked, masks)
        masked.flags.writeable = False
        return MaskedVector(p.session, p.round, self._node, masked)

    def agree(self, request: RevealRequest) -> SignedSurvivors:
        """Sign who survived; only in signed rounds.

        Raises
        ------
        TooFewSurvivors, SecureAggregationError
            As of `reveal`.
        """
        self._stage.expect(Stage.AGREE, self._who)
        self._check_request(request)
        p, identity = self._parameters, self._identity
        assert identity is not None, "no unsigned round comes to this stage"
        self._stage, self._agreed = Stage.REVEAL, request
        return SignedSurvivors(p.session, p.round, self._node, identity.sign_survivors(p, request))

    def reveal(self, request: RevealRequest, signatures: Iterable[SignedSurvivors] = ()) -> SurvivorShares:
        """Return the shares that take off survivors' own masks and the masks shared with those that dropped.

        Raises
        ------
        TooFewSurvivors
            Fewer holders of this node's shares than the threshold survived, or fewer signed.
        TamperedMessage
            A signature is not of this list of survivors.
        SecureAggregationError
            A node is called both survivor and dropped, or a partner neither, or this node not a survivor; or the
            list is another than this node signed.
        """
        self._stage.expect(Stage.REVEAL, self._who)
        self._check_request(request)
        p = self._parameters
        if self._identity is not None:
            if request != self._agreed:
                msg = "another list of survivors was signed; reveal nothing, the server may be lying"
                raise SecureAggregationError(msg)
            self._identity.check_survivors(p, request, signatures)
        # From here on the shares are gone, so that no second request can have the other kind.
        self._stage = Stage.FINISHED
        held, self._held = self._held, {}
        survivors = frozenset(request.survivors)
        return SurvivorShares(
            p.session,
            p.round,
            self._node,
            self_mask=tuple((v, held[v].self_mask) for v in sorted(held) if v in survivors),
            mask_key=tuple((v, held[v].mask_key) for v in sorted(held) if v not in survivors),
        )

    def abandon(self) -> None:
        """Forget all secrets; this node then counts as dropped."""
        self._stage = Stage.FINISHED
        self._encryption = self._masking = self._self_secret = None
        self._held, self._pair_keys = {}, {}

    def _check_request(self, request: RevealRequest) -> None:
        p, survivors, dropped = self._parameters, frozenset(request.survivors), frozenset(request.dropped)
        p.check(request)
        if both := survivors & dropped:
            msg = f"node {min(both)} is called a survivor and dropped; both of its secrets are never revealed"
            raise SecureAggregationError(msg)
        if not survivors | dropped <= self._keys.keys() or self._node not in survivors:
            msg = f"the survivors lack node {self._node}, or hold one that advertised no keys; reveal nothing"
            raise SecureAggregationError(msg)
        if not self._held.keys() <= survivors | dropped:
            msg = "a partner is called neither survivor nor dropped; its mask would stay on"
            raise SecureAggregationError(msg)
        # No fewer nodes survived than did holders among them.
        roster.at_least(len(survivors & self._held.keys()), p, "holders of this node's shares survived")

    def _committed(self, node: int, holder: int, shares: HeldShares) -> bytes:
        return key_agreement.share_commitment(
            self._parameters, shares.mask_key, shares.self_mask, node=node, holder=holder
        )

    def _check_recipient(self, message: DeliveredShares | Partners, recipient: int) -> None:
        self._parameters.check(message)
        if recipient != self._node:
            msg = f"a {type(message).__name__} for node {recipient} came to node {self._node}; send it there"
            raise SecureAggregationError(msg)

    def _pair(self, pair: KeyPair | None) -> KeyPair:
        assert pair is not None, "no stage that needs a key comes after it was forgotten"
        return pair

    def _secret(self) -> bytes:
        assert self._self_secret is not None, "no stage that needs the secret comes after it was forgotten"
        return self._self_secret

    @property
    def _who(self) -> str:
        return f"node {self._node}"

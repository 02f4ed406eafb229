"""How the server takes the masks off a sum, from shares of one secret of each node."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from shoal_engine.errors import SecureAggregationError, TamperedMessage
from shoal_engine.federated.secure import key_agreement
from shoal_engine.federated.secure.key_agreement import KeyPair
from shoal_engine.federated.secure.masks import Mask, Words, apply_masks, pair_sign
from shoal_engine.federated.secure.messages import AdvertisedKeys
from shoal_engine.federated.secure.parameters import SecureParameters
from shoal_engine.federated.secure.secret_sharing import PRIME, join, weights_at_zero

Shares = dict[int, dict[int, bytes]]
"""By the node whose secret it is, and by holder."""

KEPT: Final = 256
"""Sets of holders whose weights are kept; nodes that all share with all have one in common."""


class Opener:
    """Opens secrets of their shares; the weights of holders that many secrets have in common are computed once."""

    def __init__(self, threshold: int) -> None:
        self._threshold = threshold
        self._weights: dict[tuple[int, ...], dict[int, int]] = {}
        self.liars: set[int] = set()

    def open(self, node: int, shares: Mapping[int, bytes], is_right: Callable[[bytes], bool]) -> bytes:
        """Return the secret of a node, of the shares of those holders that come first.

        If these do not give it, though each is as the node gave it out, the node lied when it gave them out: those of
        other holders may still give it, and sets of neighbors in a ring are tried. The node is then among `liars`.

        Raises
        ------
        TamperedMessage
            No such set gives the secret that the node committed itself to.
        """
        holders = sorted(shares)
        ring = [*holders, *holders]
        for first in range(len(holders) if len(holders) > self._threshold else 1):
            chosen = sorted(ring[first : first + self._threshold])
            secret = self._joined(chosen, shares)
            if secret is not None and is_right(secret):
                return secret
            self.liars.add(node)
        msg = f"node {node} gave out shares that do not give what it committed itself to; begin another round without"
        raise TamperedMessage(msg, node=node)

    def _joined(self, holders: Sequence[int], shares: Mapping[int, bytes]) -> bytes | None:
        """Return the secret of some holders' shares; None where they are of none."""
        points = tuple(holder + 1 for holder in holders)
        if points not in self._weights:
            if len(self._weights) >= KEPT:
                self._weights.clear()
            self._weights[points] = weights_at_zero(points, PRIME)
        try:
            return join({x: shares[x - 1] for x in points}, self._threshold, self._weights[points])
        except SecureAggregationError:
            return None


def unmask(
    parameters: SecureParameters,
    total: Words,
    keys: Mapping[int, AdvertisedKeys],
    commitments: Mapping[int, bytes],
    partners: Mapping[int, frozenset[int]],
    shares: tuple[Shares, Shares],
) -> set[int]:
    """Take all masks off a sum, in place; return the nodes with shares that do not fit.

    Parameters
    ----------
    parameters : SecureParameters
    total : (length,) uint64, in and out
        The sum of the survivors' masked vectors.
    keys, commitments : mapping of int
    partners : mapping of int to frozenset of int
        With whom each node shares masks.
    shares : tuple of two mappings
        Shares of the survivors' own masks, and of the mask keys of those that dropped; as many as the threshold at
        least, each as its node gave it out.

    Raises
    ------
    TamperedMessage
        A secret is not its node's; the sum was not touched.
    """
    self_masks, mask_keys = shares
    opener = Opener(parameters.threshold)
    own = {
        node: opener.open(node, held, lambda s, v=node: _committed(parameters, s, v) == commitments[v])
        for node, held in self_masks.items()
    }
    pairs = {
        node: KeyPair.of_private(
            opener.open(node, held, lambda s, v=node: KeyPair.of_private(s).public == keys[v].mask_key)
        )
        for node, held in mask_keys.items()
    }

    def masks() -> Iterator[Mask]:
        for node, secret in own.items():
            yield Mask(key_agreement.self_mask_key(parameters, secret, node=node), -1)
        for dropped, pair in pairs.items():
            for survivor in sorted(partners[dropped] & own.keys()):
                key = key_agreement.pair_mask_key(
                    parameters, pair, keys[survivor].mask_key, node=dropped, peer=survivor
                )
                # What the survivor added is taken off: the dropped node would have applied the negative.
                yield Mask(key, pair_sign(dropped, survivor))

    apply_masks(total, masks())
    return opener.liars


def _committed(parameters: SecureParameters, secret: bytes, node: int) -> bytes:
    return key_agreement.commitment(parameters, secret, node=node)

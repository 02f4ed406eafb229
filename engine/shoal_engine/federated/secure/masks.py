"""Masks: 64-bit words of AES-256 in counter mode, one whole key for each pair of nodes and round.

A key serves one mask of one round, so that the counter may begin at 0 (Dworkin 2001, NIST SP 800-38A, section 6.5).
Words are added as they come, a piece of the vector at a time for many masks at once, so that memory does not grow
with their number; they are overwritten with zeros afterwards. The keys are Python's and the cipher's, which cannot be.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

from shoal_engine.errors import SecureAggregationError, TamperedMessage
from shoal_engine.federated.secure import key_agreement
from shoal_engine.federated.secure.key_agreement import KeyPair
from shoal_engine.federated.secure.messages import AdvertisedKeys
from shoal_engine.federated.secure.parameters import SecureParameters
from shoal_engine.federated.secure.secret_sharing import PRIME, join, weights_at_zero

Words = npt.NDArray[np.uint64]
Shares = dict[int, dict[int, bytes]]
"""By the node whose secret it is, and by holder."""

CHUNK_WORDS: Final = 1 << 14
"""Words at a time, 128 KiB: with as many zeros and as much of the vector they stay in the second-level cache."""
BATCH: Final = 64
"""Masks at a time; each keeps a cipher's state."""
_ZEROS: Final = bytes(8 * CHUNK_WORDS)
_LITTLE_ENDIAN: Final = np.dtype("<u8")
KEPT: Final = 256
"""Sets of holders whose weights are kept; nodes that all share with all have one in common."""


class Mask(NamedTuple):
    """A mask to be added, or taken off."""

    key: bytes
    sign: Literal[1, -1]


def pair_sign(node: int, peer: int) -> Literal[1, -1]:
    """Return how `node` applies the mask that it shares with `peer`: the two are each other's negative."""
    return 1 if node < peer else -1


def apply_masks(vector: Words, masks: Iterable[Mask]) -> None:
    """Add masks to a vector in place, modulo 2**64.

    Parameters
    ----------
    vector : (n,) uint64, in and out
        Contiguous.
    masks : iterable of Mask
        Keys of 32 bytes.

    Examples
    --------
    >>> vector = np.array([7, 8], np.uint64)
    >>> apply_masks(vector, [Mask(bytes(32), 1), Mask(bytes(32), -1)])
    >>> vector.tolist()
    [7, 8]
    """
    buffer = bytearray(8 * CHUNK_WORDS)
    words = np.frombuffer(buffer, _LITTLE_ENDIAN)
    for batch in _batches(masks):
        ciphers = [(_encryptor(mask.key), mask.sign) for mask in batch]
        for begin in range(0, len(vector), CHUNK_WORDS):
            part = vector[begin : begin + CHUNK_WORDS]
            n_bytes = 8 * len(part)
            for encryptor, sign in ciphers:
                encryptor.update_into(memoryview(_ZEROS)[:n_bytes], memoryview(buffer)[:n_bytes])
                if sign == 1:
                    part += words[: len(part)]
                else:
                    part -= words[: len(part)]
    words[:] = 0


def _batches(masks: Iterable[Mask]) -> Iterator[list[Mask]]:
    remaining = iter(masks)
    while batch := list(islice(remaining, BATCH)):
        yield batch


def _encryptor(key: bytes) -> CipherContext:
    return Cipher(algorithms.AES256(key), modes.CTR(bytes(16))).encryptor()


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

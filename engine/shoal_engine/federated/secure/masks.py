"""Masks: 64-bit words of AES-256 in counter mode, one whole key for each pair of nodes and round.

A key serves one mask of one round, so that the counter may begin at 0 (Dworkin 2001, NIST SP 800-38A, section 6.5).
Words are added as they come, a piece of the vector at a time for many masks at once, so that memory does not grow
with their number; they are overwritten with zeros afterwards. The keys are Python's and the cipher's, which cannot be.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

CHUNK_WORDS: Final = 1 << 14
"""Words at a time, 128 KiB: with as many zeros and as much of the vector they stay in the second-level cache."""
BATCH: Final = 64
"""Masks at a time; each keeps a cipher's state."""

_ZEROS: Final = bytes(8 * CHUNK_WORDS)
_LITTLE_ENDIAN: Final = np.dtype("<u8")

Words = npt.NDArray[np.uint64]


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

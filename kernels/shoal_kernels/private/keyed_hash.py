"""SipHash-2-4: keyed digests of ids, and the keyed scores that select rows and groups.

A score decides which of a unit's own groups and rows are kept. Privacy holds for every fixed key, because a score
depends on nothing but the key and the unit's own data. Pseudorandom scores are needed only so that the choice
favors no group and no row, whoever picked the ids. A pseudorandom function with a 128-bit key is enough.
"""

import numpy as np

from shoal_kernels._jit import inlined
from shoal_kernels._types import OutVector, Vector, Words, kernel

KEY_WORDS = 2
"""A key is two words: its 16 bytes, little endian."""


@inlined
def _left(x: np.uint64, by: int) -> np.uint64:
    """Rotate a word left."""
    return (x << np.uint64(by)) | (x >> np.uint64(64 - by))


@inlined
def _round(a: np.uint64, b: np.uint64, c: np.uint64, d: np.uint64) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Apply SipRound (figure 2.1 of the paper) to the state."""
    # The second half of the round is the first with the roles of a and c exchanged and other rotations.
    a += b
    c += d
    b = _left(b, 13) ^ a
    d = _left(d, 16) ^ c
    a = _left(a, 32)
    c += b
    a += d
    b = _left(b, 17) ^ c
    d = _left(d, 21) ^ a
    c = _left(c, 32)
    return a, b, c, d


@inlined
def _begin(key: Words) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Return the first state."""
    return (
        key[0] ^ np.uint64(0x736F6D6570736575),
        key[1] ^ np.uint64(0x646F72616E646F6D),
        key[0] ^ np.uint64(0x6C7967656E657261),
        key[1] ^ np.uint64(0x7465646279746573),
    )


@inlined
def _absorb(
    a: np.uint64, b: np.uint64, c: np.uint64, d: np.uint64, word: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Take in one word of the message: two rounds."""
    # SipHash calls the state v0 to v3; here a to d. Each word enters v3 before its rounds and v0 after them.
    d ^= word
    a, b, c, d = _round(a, b, c, d)
    a, b, c, d = _round(a, b, c, d)
    return a ^ word, b, c, d


@inlined
def _finish(a: np.uint64, b: np.uint64, c: np.uint64, d: np.uint64) -> np.uint64:
    """Return the digest: four rounds."""
    # The constant separates finalization from one more message word.
    c ^= np.uint64(0xFF)
    for _ in range(4):
        a, b, c, d = _round(a, b, c, d)
    return a ^ b ^ c ^ d


@inlined
def score_pair(key: Words, unit: np.uint64, group: np.uint64) -> np.uint64:
    """Return the score of a unit's group: SipHash of the two words."""
    a, b, c, d = _begin(key)
    a, b, c, d = _absorb(a, b, c, d, unit)
    a, b, c, d = _absorb(a, b, c, d, group)
    # The final word of a message has its length in bytes in the highest byte.
    a, b, c, d = _absorb(a, b, c, d, np.uint64(16) << np.uint64(56))
    return _finish(a, b, c, d)


@inlined
def score_row(key: Words, unit: np.uint64, group: np.uint64, rank: np.uint64) -> np.uint64:
    """Return the score of a row of a unit's group: SipHash of the three words."""
    a, b, c, d = _begin(key)
    a, b, c, d = _absorb(a, b, c, d, unit)
    a, b, c, d = _absorb(a, b, c, d, group)
    a, b, c, d = _absorb(a, b, c, d, rank)
    a, b, c, d = _absorb(a, b, c, d, np.uint64(24) << np.uint64(56))
    return _finish(a, b, c, d)


@kernel
def digest_words(key: Vector[np.uint64], words: Vector[np.uint64], digest: OutVector[np.uint64]) -> None:
    """Digest single words.

    Parameters
    ----------
    key : (2,) uint64
    words : (n,) uint64
    digest : (n,) uint64, out
        SipHash-2-4 of the eight bytes, little endian.
    """
    for i in range(len(words)):
        a, b, c, d = _begin(key)
        a, b, c, d = _absorb(a, b, c, d, words[i])
        a, b, c, d = _absorb(a, b, c, d, np.uint64(8) << np.uint64(56))
        digest[i] = _finish(a, b, c, d)


@kernel
def digest_pairs(
    key: Vector[np.uint64],
    first: Vector[np.uint64],
    second: Vector[np.uint64],
    digest: OutVector[np.uint64],
) -> None:
    """Digest pairs of words.

    Parameters
    ----------
    key : (2,) uint64
    first, second : (n,) uint64
    digest : (n,) uint64, out
        SipHash-2-4 of the sixteen bytes, little endian.
    """
    for i in range(len(first)):
        digest[i] = score_pair(key, first[i], second[i])


@kernel
def digest_bytes(
    key: Vector[np.uint64],
    content: Vector[np.uint8],
    start: Vector[np.int64],
    digest: OutVector[np.uint64],
) -> None:
    """Digest strings of bytes.

    Parameters
    ----------
    key : (2,) uint64
    content : (any,) uint8
    start : (n + 1,) int64
        String i is ``content[start[i] : start[i + 1]]``.
    digest : (n,) uint64, out
        SipHash-2-4 of each string.

    References
    ----------
    Aumasson, Bernstein (2012), SipHash: a fast short-input PRF, section 2; test vector in appendix A.
    """
    for i in range(len(digest)):
        at, length = start[i], start[i + 1] - start[i]
        a, b, c, d = _begin(key)
        # Whole words, little endian, whatever the alignment; then the tail with the length in its highest byte.
        for _ in range(length >> 3):
            word = np.uint64(0)
            for j in range(8):
                word |= np.uint64(content[at + j]) << np.uint64(8 * j)
            a, b, c, d = _absorb(a, b, c, d, word)
            at += 8
        word = np.uint64(length & 0xFF) << np.uint64(56)
        for j in range(length & 7):
            word |= np.uint64(content[at + j]) << np.uint64(8 * j)
        a, b, c, d = _absorb(a, b, c, d, word)
        digest[i] = _finish(a, b, c, d)

"""Randomness: keystreams for noise, numbers from the system's secure source, and orders that nobody can guess.

Every word has an address, so a draw is a function of the key and of its own number: how rows are cut into
batches and shared among threads changes nothing. The address is a block of the cipher::

    draw (32 bits) | attempt (24 bits) | depth (24 bits) | block (48 bits)      each block holds two words

plus a random nonce, modulo 2**128. A draw reads blocks at attempt 0 and depth 0; what single numbers need
beyond that, a further attempt or more digits of a number that is not decided yet, lies at addresses of its own.
No address is ever read for two purposes, so no words are.

Noise made of them is as good as the cipher: exact for uniform words, computationally private with AES
(Dworkin 2001, NIST SP 800-38A, section 6.5: no two blocks under a key may share a counter).
"""

import itertools
import os
from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

from shoal_kernels.shuffling import shuffle

WordArray = npt.NDArray[np.uint64]
Vector = npt.NDArray[np.int64]
Uint64Source: TypeAlias = Callable[[int], WordArray]
"""Gives as many independent, uniform 64-bit words as it is asked for."""

BLOCK_BYTES: Final = 16
KEY_BYTES: Final = 32
CHUNK_WORDS: Final = 1 << 15
"""Words at a time, 256 KiB: they stay in the second-level cache until they are used, and are zeroed then."""
MOST_DRAWS: Final = 1 << 32
MOST_ATTEMPTS: Final = 1 << 24
MOST_BLOCKS: Final = 1 << 48
_ZEROS: Final = bytes(8 * CHUNK_WORDS)
_forks = 0
_CHUNK = 1 << 20
CHUNK = 1 << 20
"""Random words fetched at a time."""


def _forked() -> None:
    global _forks
    _forks += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def _this_process() -> tuple[int, int]:
    """Return what differs in a child, whether Python or foreign code forked."""
    return _forks, os.getpid()


class _Secret(NamedTuple):
    key: bytearray
    nonce: int

    @classmethod
    def fresh(cls) -> "_Secret":
        return cls(bytearray(os.urandom(KEY_BYTES)), int.from_bytes(os.urandom(BLOCK_BYTES), "big"))

    def wipe(self) -> None:
        self.key[:] = bytes(len(self.key))


class DrawWords(Protocol):
    """The words of one draw, by address; the tests have words of their own behind it."""

    def fill(self, first: int, words: WordArray) -> None:
        """Set `words` to the words from number `first` on."""
        ...

    def blocks(self, block: Vector, *, attempt: int) -> WordArray:
        """Return the words of some blocks at an attempt, (n, 2) uint64."""
        ...

    def digits(self, block: int, *, attempt: int, depth: int) -> int:
        """Return 128 more binary digits for one number; `depth` counts from 1."""
        ...


class Keystream:
    """Keystream for the noise of one release: each draw takes the next part.

    Safe to share among threads, but for `close`. After a fork the child's stream has a key and a nonce of its own.

    Examples
    --------
    >>> with Keystream.secure() as stream:
    ...     stream.words(3).dtype
    dtype('uint64')
    """

    def __init__(self, secret: "_Secret", *, fixed: bool) -> None:
        self._fixed = fixed
        self._process = _this_process()
        self._secrets = {self._process: secret}
        self._draws = itertools.count()

    @classmethod
    def secure(cls) -> "Keystream":
        """Return a stream with a key and a nonce from the operating system's secure source."""
        return cls(_Secret.fresh(), fixed=False)

    @classmethod
    def _of_key(cls, key: bytes, nonce: bytes) -> "Keystream":
        """Return the stream of a known key, for tests: who knows the key can take the noise off again."""
        return cls(_Secret(bytearray(key), int.from_bytes(nonce, "big")), fixed=True)

    def next_draw(self) -> "Draw":
        """Return the words of the next draw; no two draws share any.

        Raises
        ------
        RuntimeError
            After 2**32 draws, or after `close`.
        """
        number = next(self._draws)
        if number >= MOST_DRAWS:
            msg = f"{MOST_DRAWS} draws were taken of one key; begin a new stream"
            raise RuntimeError(msg)
        self.secrets()
        return Draw(self, number)

    def words(self, n: int) -> WordArray:
        """Return the first `n` words of the next draw, (n,) uint64."""
        found = np.empty(n, np.uint64)
        self.next_draw().fill(0, found)
        return found

    def close(self) -> None:
        """Overwrite the key with zeros; nothing can be drawn any more, in this process or its children."""
        for secret in self._secrets.values():
            secret.wipe()
        self._secrets.clear()

    def __enter__(self) -> "Keystream":
        """Return the stream itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the stream."""
        self.close()

    def __del__(self) -> None:
        """Leave no key of ours behind in freed memory."""
        if hasattr(self, "_secrets"):
            self.close()

    def secrets(self) -> tuple[bytearray, int]:
        """Return the key and the nonce of this process.

        Raises
        ------
        RuntimeError
            After `close`.
        """
        if not self._secrets:
            msg = "this stream was closed; begin a new one with Keystream.secure()"
            raise RuntimeError(msg)
        process = self._process if self._fixed else _this_process()
        secret = self._secrets.get(process)
        if secret is None:
            self._secrets[self._process].wipe()
            # Atomic, so that all threads of the child get the same; a lock might be held by one that is not there.
            secret = self._secrets.setdefault(process, _Secret.fresh())
        return secret.key, secret.nonce


class Draw:
    """The words of one draw; see `DrawWords`."""

    def __init__(self, stream: Keystream, number: int) -> None:
        self._stream = stream
        self._number = number

    def _address(self, *, attempt: int = 0, depth: int = 0, block: int = 0) -> int:
        if not (0 <= block < MOST_BLOCKS and 0 <= attempt < MOST_ATTEMPTS and 0 <= depth < MOST_ATTEMPTS):
            msg = f"block {block}, attempt {attempt}, depth {depth} lies outside the addresses of a draw"
            raise RuntimeError(msg)
        return self._number << 96 | attempt << 72 | depth << 48 | block

    def fill(self, first: int, words: WordArray) -> None:
        """Set `words` to the words from number `first` on."""
        if first % 2 and len(words):
            # The second word of a block whose first is not asked for.
            block = np.empty(2, np.uint64)
            self.fill(first - 1, block)
            words[0] = block[1]
            block[:] = 0
            first, words = first + 1, words[1:]
        if not len(words):
            return
        self._address(block=(first + len(words) - 1) // 2)
        key, nonce = self._stream.secrets()
        counter = (nonce + self._address(block=first // 2)) % (1 << 128)
        encryptor = _encryptor(key, modes.CTR(counter.to_bytes(BLOCK_BYTES, "big")))
        view = _bytes(words)
        for begin in range(0, len(view), len(_ZEROS)):
            part = view[begin : begin + len(_ZEROS)]
            encryptor.update_into(memoryview(_ZEROS)[: len(part)], part)

    def blocks(self, block: Vector, *, attempt: int) -> WordArray:
        """Return the words of some blocks at an attempt, (n, 2) uint64."""
        key, nonce = self._stream.secrets()
        base = (nonce + self._address(attempt=attempt)) % (1 << 128)
        counter = np.empty((len(block), 2), ">u8")
        low = block.astype(np.uint64) + np.uint64(base % (1 << 64))
        carry = (low < np.uint64(base % (1 << 64))).astype(np.uint64)
        counter[:, 1] = low
        counter[:, 0] = np.uint64(base >> 64) + carry
        # The cipher of each counter alone, as counter mode has it before the text is added. The library asks for
        # room for a block more than it fills.
        found = np.empty((len(block) + 1, 2), np.uint64)
        _encryptor(key, modes.ECB()).update_into(_bytes(counter), _bytes(found))
        return found[:-1]

    def digits(self, block: int, *, attempt: int, depth: int) -> int:
        """Return 128 more binary digits for one number; `depth` counts from 1."""
        key, nonce = self._stream.secrets()
        counter = (nonce + self._address(attempt=attempt, depth=depth, block=block)) % (1 << 128)
        return int.from_bytes(_encryptor(key, modes.ECB()).update(counter.to_bytes(BLOCK_BYTES, "big")), "big")


def _encryptor(key: bytearray, mode: Any) -> CipherContext:
    # Counters are never seen outside, and no block is enciphered twice: codebook mode is safe here.
    return Cipher(algorithms.AES(key), mode).encryptor()


def _bytes(array: npt.NDArray[Any]) -> memoryview:
    return array.view(np.uint8).reshape(-1).data


def secure_uint64s(n: int) -> WordArray:
    """Return `n` words, (n,) uint64, from the operating system."""
    words = np.empty(n, np.uint64)
    for start in range(0, n, _CHUNK):
        part = words[start : start + _CHUNK]
        part[:] = np.frombuffer(os.urandom(part.nbytes), np.uint64)
    return words


def random_order(n: int, source: Uint64Source) -> npt.NDArray[np.int64]:
    """Return a random order of ``0..n-1``; two equal words in a million rows have a probability of 3e-8."""
    return np.argsort(source(n), kind="stable")


def normals(shape: tuple[int, int], source: Uint64Source) -> npt.NDArray[np.float64]:
    """Return independent standard normal numbers: the inverse distribution at the middles of 2**53 steps."""
    from scipy.special import ndtri

    steps = (source(shape[0] * shape[1]) >> np.uint64(11)).astype(np.float64) + 0.5
    # The highest middle rounds to 1, where the distribution ends.
    return ndtri(np.minimum(steps * 2.0**-53, 1 - 2.0**-53)).reshape(shape)


def secure_permutation(n: int) -> npt.NDArray[np.uint32]:
    """Return a random order of ``0..n-1``, each equally likely, from the operating system's secure source.

    Parameters
    ----------
    n : int
        0 to 2**32 - 1.

    Raises
    ------
    ValueError
        If `n` is out of range.
    """
    if not 0 <= n < 1 << 32:
        msg = f"a permutation of {n} was asked for; rows can be shuffled from 0 to {(1 << 32) - 1} at a time"
        raise ValueError(msg)
    order = np.arange(n, dtype=np.uint32)
    state = np.array([n, 0], np.int64)
    while state[0] > 1:
        words = np.frombuffer(os.urandom(4 * min(CHUNK, int(state[0]))), np.uint32)
        shuffle(words, state, order)
    return order

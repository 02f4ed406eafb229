"""Words that a test chooses, in the place of a draw's."""

from collections.abc import Callable

import numpy as np

from shoal_engine.randomness import Draw, Keystream

KEY, NONCE = bytes(range(32)), bytes(range(16))


def known_stream(number: int = 0) -> Keystream:
    """Return the stream of a known key; another number, another stream."""
    return Keystream._of_key(KEY[:-1] + bytes([number]), NONCE)


class Given:
    """The words of a list at the first attempt, and digits from a function; there is no second attempt."""

    def __init__(self, words: np.ndarray, digits: Callable[[int, int], int] | None = None) -> None:
        self._words = words.astype(np.uint64)
        self._digits = digits

    def fill(self, first: int, words: np.ndarray) -> None:
        words[:] = self._words[first : first + len(words)]

    def blocks(self, block: np.ndarray, *, attempt: int) -> np.ndarray:
        msg = "there is no second attempt: the words should have decided"
        raise AssertionError(msg)

    def digits(self, block: int, *, attempt: int, depth: int) -> int:
        assert attempt == 0
        assert self._digits is not None, "the words alone should have decided"
        return self._digits(block, depth)


class Short:
    """The words of a draw, of which only the highest bits are kept."""

    def __init__(self, draw: Draw, bits: int) -> None:
        self._draw = draw
        self._shift = np.uint64(64 - bits)

    def fill(self, first: int, words: np.ndarray) -> None:
        self._draw.fill(first, words)
        words >>= self._shift

    def blocks(self, block: np.ndarray, *, attempt: int) -> np.ndarray:
        return self._draw.blocks(block, attempt=attempt) >> self._shift

    def digits(self, block: int, *, attempt: int, depth: int) -> int:
        return self._draw.digits(block, attempt=attempt, depth=depth)

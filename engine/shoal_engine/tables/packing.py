"""Where each dimension's codes lie in the packed words."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

WORD_BITS = 64


@dataclass(frozen=True, slots=True, eq=False)
class Packing:
    """Fields of d dimensions in 64-bit words; ``code = (words[word] >> shift) & mask``.

    Attributes
    ----------
    word, shift : (d,) int64
    mask : (d,) uint64
    n_words : int
    """

    word: npt.NDArray[np.int64]
    shift: npt.NDArray[np.int64]
    mask: npt.NDArray[np.uint64]
    n_words: int

    def bits(self, word: int) -> int:
        """Return how many low bits of a word are in use."""
        mine = self.word == word
        return int(np.max(self.shift[mine])) + int(self.mask[mine][0]).bit_length()


def field_bits(size: int) -> int:
    """Return the bits of a field for codes below `size`; at least 1."""
    return max(1, (size - 1).bit_length())


def pack_sizes(sizes: Sequence[int]) -> Packing:
    """Lay out fields for dimensions of these sizes.

    The first dimension takes the highest bits of the first word, a field never straddles words, and each
    word's fields end at bit 0: the order of the words is the lexicographic order of the codes.
    """
    words: list[list[int]] = [[]]
    used = 0
    for size in sizes:
        bits = field_bits(size)
        if used + bits > WORD_BITS:
            words.append([])
            used = 0
        words[-1].append(bits)
        used += bits
    word = [w for w, fields in enumerate(words) for _ in fields]
    shift = [sum(fields[i + 1 :]) for fields in words for i in range(len(fields))]
    mask = [(1 << bits) - 1 for fields in words for bits in fields]
    return Packing(np.array(word, np.int64), np.array(shift, np.int64), np.array(mask, np.uint64), len(words))

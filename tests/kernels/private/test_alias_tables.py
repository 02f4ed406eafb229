import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import noise as naive
from shoal_kernels.private.alias_tables import build_alias_table, draw_from_table

WORD_BITS = 16


@st.composite
def shares(draw: st.DrawFn) -> list[int]:
    """Return words for each outcome of a table over words of 16 bits, some of none and some of nearly all."""
    n = 1 << draw(st.integers(1, 8))
    weight = draw(st.lists(st.sampled_from([0, 1, 2, 7, 1000, 65536]), min_size=n, max_size=n))
    total = sum(weight)
    if not total:
        return [1 << WORD_BITS, *[0] * (n - 1)]
    share = [w * (1 << WORD_BITS) // total for w in weight]
    share[draw(st.integers(0, n - 1))] += (1 << WORD_BITS) - sum(share)
    return share


def table(share: list[int]) -> tuple[np.ndarray, int]:
    threshold_bits = WORD_BITS - (len(share).bit_length() - 1)
    entry = np.empty(len(share), np.uint64)
    build_alias_table(np.array(share, np.uint64), threshold_bits, entry)
    return entry, threshold_bits


@given(shares())
@settings(deadline=None)
def test_draw_from_table__every_word_tried(share: list[int]) -> None:
    entry, threshold_bits = table(share)
    words = np.arange(1 << WORD_BITS, dtype=np.uint64)
    drawn, row = np.empty(len(words), np.int64), np.empty(len(words), np.int64)
    n_open = draw_from_table(words, entry, threshold_bits, drawn, row)
    outcome = np.where(drawn < 0, -2 * drawn - 1, 2 * drawn)
    assert np.bincount(outcome, minlength=len(share)).tolist() == share
    assert row[:n_open].tolist() == np.flatnonzero(outcome == len(share) - 1).tolist()


@given(shares(), st.lists(st.integers(0, (1 << WORD_BITS) - 1), max_size=20))
@settings(deadline=None)
def test_draw_from_table__equals_naive(share: list[int], words: list[int]) -> None:
    entry, threshold_bits = table(share)
    drawn, row = np.empty(len(words), np.int64), np.empty(len(words), np.int64)
    n_open = draw_from_table(np.array(words, np.uint64), entry, threshold_bits, drawn, row)
    outcomes = [naive.look_up(word, entry.tolist(), WORD_BITS - threshold_bits, threshold_bits) for word in words]
    assert drawn.tolist() == [-(o + 1) // 2 if o % 2 else o // 2 for o in outcomes]
    assert row[:n_open].tolist() == [i for i, o in enumerate(outcomes) if o == len(share) - 1]


def test_build_alias_table__words_of_64_bits() -> None:
    share = [2**64 - 4, 1, 0, 3]
    entry = np.empty(4, np.uint64)
    build_alias_table(np.array(share, np.uint64), 62, entry)
    # What a column keeps, and what others hand to it, is all that an outcome is met by.
    met = [0] * 4
    for column, word in enumerate(entry.tolist()):
        threshold, alias = divmod(word, 4)
        met[column] += threshold
        met[alias] += 2**62 - threshold
    assert met == share

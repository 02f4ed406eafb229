from collections.abc import Hashable, Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal_kernels.private import id_encoding as kernels

CAPACITY = 64


def _by_first(values: Sequence[Hashable]) -> list[int]:
    order = list(dict.fromkeys(value for value in values if value is not None))
    return [kernels.NO_UNIT if value is None else order.index(value) for value in values]


@given(st.lists(st.integers(0, 3) | st.integers(0, 2**64 - 1) | st.none(), max_size=40), st.integers(0, 9))
@settings(deadline=None)
def test_encode_words__in_order_of_appearance_and_again_in_a_larger_table(words: list[int | None], skip: int) -> None:
    bits = np.array([0 if word is None else word for word in words], np.uint64)
    present = np.array([True] * skip + [word is not None for word in words], np.bool_)
    valid = np.packbits(present, bitorder="little")
    table, state = np.zeros((2 * CAPACITY, 2), np.uint64), np.zeros(3, np.int64)
    codes = np.empty(len(words), np.uint32)
    kernels.encode_words(bits, valid, skip, CAPACITY, table, state, codes)
    assert codes.tolist() == _by_first(words)
    larger = np.zeros((4 * CAPACITY, 2), np.uint64)
    kernels.rehash_words(table, larger)
    state[kernels.ROW] = 0
    kernels.encode_words(bits, valid, skip, CAPACITY, larger, state, codes)
    assert codes.tolist() == _by_first(words)
    seen = np.empty(int(state[kernels.N_CODES]), np.uint64)
    kernels.list_words(larger, seen)
    assert seen.tolist() == list(dict.fromkeys(word for word in words if word is not None))


def test_encode_words__stops_when_full() -> None:
    table, state, codes = np.zeros((4, 2), np.uint64), np.zeros(3, np.int64), np.empty(4, np.uint32)
    kernels.encode_words(np.array([7, 7, 8, 9], np.uint64), np.empty(0, np.uint8), 0, 2, table, state, codes)
    assert state[kernels.ROW] == 3
    assert state[kernels.N_CODES] == 2
    assert codes[:3].tolist() == [0, 0, 1]


_texts = st.text("ab", max_size=3).map(str.encode) | st.binary(max_size=20) | st.text("ab", min_size=8).map(str.encode)


@given(st.lists(_texts, max_size=40), st.booleans())
@settings(deadline=None)
def test_encode_bytes__never_merges_strings_whose_digests_collide(texts: list[bytes], collide: bool) -> None:  # noqa: FBT001
    start = np.cumsum([0, *map(len, texts)]).astype(np.int64)
    digest = np.array([0 if collide else sum(text) % 5 for text in texts], np.uint64)
    content = np.frombuffer(b"".join(texts), np.uint8)
    slot, seen = np.zeros(2 * CAPACITY, np.uint32), np.empty(CAPACITY, np.uint64)
    kept, begin, state = np.empty(len(content), np.uint8), np.zeros(CAPACITY + 1, np.int64), np.zeros(3, np.int64)
    codes = np.empty(len(texts), np.uint32)
    arrays = content, start, digest
    kernels.encode_bytes(*arrays, slot, seen, kept, begin, state, codes)
    assert codes.tolist() == _by_first(texts)
    n = int(state[kernels.N_CODES])
    assert [kept[begin[c] : begin[c + 1]].tobytes() for c in range(n)] == list(dict.fromkeys(texts))
    larger = np.zeros(4 * CAPACITY, np.uint32)
    kernels.fill_slots(seen, n, larger)
    state[kernels.ROW] = 0
    kernels.encode_bytes(*arrays, larger, seen, kept, begin, state, codes)
    assert codes.tolist() == _by_first(texts)
    assert state[kernels.N_CODES] == n

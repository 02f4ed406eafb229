import struct

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from naive.bounding import siphash
from shoal_kernels.private.keyed_hash import digest_bytes, digest_pairs, digest_words


def _key(key: bytes) -> np.ndarray:
    return np.frombuffer(key, np.uint64)


def _digest(key: bytes, messages: list[bytes]) -> list[int]:
    start = np.cumsum([0, *map(len, messages)]).astype(np.int64)
    found = np.empty(len(messages), np.uint64)
    digest_bytes(_key(key), np.frombuffer(b"".join(messages), np.uint8), start, found)
    return found.tolist()


def test_digest_bytes__published_vector() -> None:
    # Aumasson, Bernstein (2012), appendix A: key 00..0f, message 00..0e.
    assert _digest(bytes(range(16)), [bytes(range(15))]) == [0xA129CA6149BE45E5]


@given(st.binary(min_size=16, max_size=16), st.lists(st.binary(max_size=40), max_size=6))
@settings(deadline=None)
def test_digest_bytes__equals_naive(key: bytes, messages: list[bytes]) -> None:
    assert _digest(key, messages) == [siphash(key, message) for message in messages]


@given(st.binary(min_size=16, max_size=16), st.lists(st.tuples(*[st.integers(0, 2**64 - 1)] * 2), max_size=6))
@settings(deadline=None)
def test_digest_pairs__equals_naive(key: bytes, pairs: list[tuple[int, int]]) -> None:
    words = np.array(pairs, np.uint64).reshape(-1, 2)
    found = np.empty(len(pairs), np.uint64)
    digest_pairs(_key(key), words[:, 0].copy(), words[:, 1].copy(), found)
    assert found.tolist() == [siphash(key, struct.pack("<QQ", *pair)) for pair in pairs]


@given(st.binary(min_size=16, max_size=16), st.lists(st.integers(0, 2**64 - 1), max_size=6))
@settings(deadline=None)
def test_digest_words__equals_naive(key: bytes, words: list[int]) -> None:
    found = np.empty(len(words), np.uint64)
    digest_words(_key(key), np.array(words, np.uint64), found)
    assert found.tolist() == [siphash(key, struct.pack("<Q", word)) for word in words]

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal_engine.randomness import CHUNK_WORDS, Keystream

KEY = bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
NONCE = bytes.fromhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")


def known() -> Keystream:
    return Keystream._of_key(KEY, NONCE)


def test_words__nist() -> None:
    """SP 800-38A, F.5.5: the output blocks of AES-256 in counter mode."""
    blocks = (
        "0bdf7df1591716335e9a8b15c860c502"
        "5a6e699d536119065433863c8f657b94"
        "1bc12c9c01610d5d0d8bd6a3378eca62"
        "2956e1c8693536b1bee99c73a31576b6"
    )
    assert known().words(8).astype("<u8").tobytes() == bytes.fromhex(blocks)


@given(st.integers(0, 40), st.integers(0, 40))
def test_fill__any_cut_gives_the_same_words(first: int, n: int) -> None:
    words = np.empty(n, np.uint64)
    known().next_draw().fill(first, words)
    assert words.tolist() == known().words(first + n)[first:].tolist()


def test_fill__more_than_a_chunk() -> None:
    n = 2 * CHUNK_WORDS + 3
    words = known().words(n)
    draw = known().next_draw()
    for first in range(0, n, 1001):
        part = np.empty(min(1001, n - first), np.uint64)
        draw.fill(first, part)
        assert np.array_equal(part, words[first : first + 1001])


def test_blocks__are_those_that_fill_reads() -> None:
    words = known().words(200).reshape(-1, 2)
    block = np.array([99, 0, 5, 5, 17])
    assert np.array_equal(known().next_draw().blocks(block, attempt=0), words[block])


def test_blocks__carry_into_the_high_half() -> None:
    stream = Keystream._of_key(KEY, bytes(8) + b"\xff" * 8)
    words = stream.words(8).reshape(-1, 2)
    again = Keystream._of_key(KEY, bytes(8) + b"\xff" * 8).next_draw()
    assert np.array_equal(again.blocks(np.arange(4), attempt=0), words)


def test_draw__no_address_is_read_twice() -> None:
    stream = known()
    seen = set[int]()
    for _ in range(3):
        draw = stream.next_draw()
        found = [draw.blocks(np.arange(5), attempt=attempt) for attempt in (0, 1, 2)]
        seen |= {int(a) << 64 | int(b) for blocks in found for a, b in blocks.astype(">u8").view("<u8").tolist()}
        seen |= {draw.digits(b, attempt=a, depth=d) for b in range(5) for a in (0, 1) for d in (1, 2)}
    assert len(seen) == 3 * (15 + 20)


def test_draw__addresses_have_ends() -> None:
    draw = known().next_draw()
    for asked in ({"attempt": 1 << 24, "depth": 1}, {"attempt": 0, "depth": 1 << 24}):
        with pytest.raises(RuntimeError, match="outside"):
            draw.digits(0, **asked)


def test_secure__keys_differ() -> None:
    assert Keystream.secure().words(4).tolist() != Keystream.secure().words(4).tolist()


def test_close__zeroes_the_key() -> None:
    stream = Keystream.secure()
    key, _ = stream.secrets()
    draw = stream.next_draw()
    stream.close()
    assert not any(key)
    for take in (stream.next_draw, lambda: draw.fill(0, np.empty(2, np.uint64))):
        with pytest.raises(RuntimeError, match="closed"):
            take()


def test_next_draw__threads_never_share_one() -> None:
    stream = known()
    with ThreadPoolExecutor(8) as pool:
        first = {int(words[0]) for words in pool.map(lambda _: stream.words(2), range(200))}
    assert len(first) == 200


FORK = """
import os
from shoal_engine.randomness import Keystream
stream = Keystream.secure()
draw = stream.next_draw()
stream.words(2)
reader, writer = os.pipe()
if os.fork() == 0:
    os.write(writer, stream.words(2).tobytes() + bytes(draw.blocks(__import__("numpy").arange(1), attempt=0)))
    os._exit(0)
os.wait()
ours = stream.words(2).tobytes() + bytes(draw.blocks(__import__("numpy").arange(1), attempt=0))
theirs = os.read(reader, 100)
assert len(theirs) == len(ours) == 32
assert ours[:16] != theirs[:16] and ours[16:] != theirs[16:]
"""


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="this system does not fork")
def test_secrets__a_forked_child_has_its_own() -> None:
    path = [p for p in sys.path if p]
    code = f"import sys; sys.path[:0] = {path!r}\n{FORK}"
    subprocess.run([sys.executable, "-c", code], check=True)

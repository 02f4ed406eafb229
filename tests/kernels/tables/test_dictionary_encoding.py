import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal_kernels.tables import dictionary_encoding as kernels


def first_seen(values: list[int | None]) -> tuple[list[int], list[int | None]]:
    distinct = list(dict.fromkeys(values))
    return [distinct.index(v) for v in values], distinct


def bits_of(values: list[int | None], start: int) -> np.ndarray:
    if None not in values:
        return np.empty(0, np.uint8)
    return np.packbits([True] * start + [v is not None for v in values], bitorder="little")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.uint64])
@pytest.mark.parametrize("out", [np.uint8, np.uint16, np.uint32])
@settings(deadline=None, max_examples=40)
@given(
    values=st.lists(st.none() | st.integers(0, 60), max_size=40),
    base=st.integers(0, 2**64 - 1),
    start=st.integers(0, 20),
)
def test_encode_integers__equals_first_appearance(
    dtype: type[np.uint8], out: type[np.uint8], values: list[int | None], base: int, start: int
) -> None:
    width = 2 ** (8 * np.dtype(dtype).itemsize)
    base %= width
    # What lies under a null must not be read.
    held = np.array([(base + v) % width if v is not None else (base + 99) % width for v in values], dtype)
    code_at, seen = np.zeros(61, np.uint32), np.zeros(62, np.uint32)
    state, codes = np.array([0, -1, 0]), np.empty(len(values), out)
    valid = bits_of(values, start)
    kernel = kernels.ENCODE_INTEGERS[np.dtype(dtype).name, np.dtype(out).name]
    kernel(held, base, valid, start, code_at, seen, state, codes)
    expected, distinct = first_seen(values)
    assert codes.tolist() == expected
    assert state[kernels.NULL_CODE] == (distinct.index(None) if None in distinct else -1)
    assert state[kernels.N_CODES] == len(distinct)
    assert [int(s) for s, d in zip(seen, distinct, strict=False) if d is not None] == [
        d for d in distinct if d is not None
    ]


SHORT = st.builds(lambda length, prefix: prefix << 32 | length, st.integers(0, 12), st.integers(0, 2**32 - 1))
VIEWS = st.none() | st.tuples(SHORT | st.integers(0, 3), st.integers(0, 3) | st.integers(0, 2**64 - 1))


@settings(deadline=None)
@given(values=st.lists(VIEWS, max_size=60), start=st.integers(0, 20))
def test_encode_views__equals_first_appearance(values: list[tuple[int, int] | None], start: int) -> None:
    views = np.array([(7, 7) if v is None else v for v in values], np.uint64).reshape(-1, 2)
    valid = bits_of([None if v is None else 1 for v in values], start)
    slot, seen = np.zeros(4, np.uint32), np.zeros((2, 2), np.uint64)
    state, codes = np.array([0, -1, 0]), np.empty(len(values), np.uint32)
    texts = np.empty(0, np.uint64)
    at = 0
    while at < len(values):
        kernels.encode_views(views[at:], valid, start + at, texts, slot, seen, state, codes[at:])
        at += int(state[kernels.ROW])
        if state[kernels.N_CODES] == len(seen):
            seen = np.concatenate([seen, np.zeros_like(seen)])
            slot = np.zeros(2 * len(seen), np.uint32)
            kernels.rehash_views(seen, state, texts, slot)
    distinct = list(dict.fromkeys(values))
    assert codes.tolist() == [distinct.index(v) for v in values]
    assert [tuple(view) for view in seen[: len(distinct)].tolist()] == [v or (0, 0) for v in distinct]


@pytest.mark.parametrize("codes", ["uint8", "uint16", "uint32"])
@pytest.mark.parametrize("out", ["uint8", "uint16", "uint32"])
def test_recode__looks_up(codes: str, out: str) -> None:
    table = np.array([5, 0, np.iinfo(out).max], out)
    result = np.empty(4, out)
    kernels.RECODE[codes, out](np.array([2, 0, 1, 2], codes), table, result)
    assert result.tolist() == [np.iinfo(out).max, 5, 0, np.iinfo(out).max]

"""Slow, obvious grouping, merging and encoding."""

import datetime as dt
import decimal
import math
from collections import Counter
from collections.abc import Sequence

Value = str | int | float | bool | dt.date | dt.time | decimal.Decimal | None


def group(rows: Sequence[tuple[int, ...]]) -> tuple[list[tuple[int, ...]], list[int], list[int]]:
    """Return distinct rows in order, how often each occurs, and the place of each row among them."""
    count = Counter(rows)
    tuples = sorted(count)
    return tuples, [count[t] for t in tuples], [tuples.index(row) for row in rows]


def layout(sizes: Sequence[int]) -> list[tuple[int, int, int]]:
    """Return word, shift and mask of each dimension."""
    words: list[list[int]] = [[]]
    for size in sizes:
        bits = 1
        while 2**bits < size:
            bits += 1
        if sum(words[-1]) + bits > 64:
            words.append([])
        words[-1].append(bits)
    return [(w, sum(fields[i + 1 :]), 2 ** fields[i] - 1) for w, fields in enumerate(words) for i in range(len(fields))]


def cells(
    tuple_of_row: Sequence[int], columns: Sequence[Sequence[int]], sizes: Sequence[int], n_tuples: int
) -> tuple[list[int], list[int], list[int]]:
    """Return start, value and count in compressed rows."""
    start, value, count = [0], [], []
    for t in range(n_tuples):
        seen = Counter(
            sum(sizes[:c]) + code
            for c, column in enumerate(columns)
            for code, owner in zip(column, tuple_of_row, strict=True)
            if owner == t
        )
        for v in sorted(seen):
            value.append(v)
            count.append(seen[v])
        start.append(len(value))
    return start, value, count


def encode(values: Sequence[Value]) -> tuple[list[Value], bool, list[int]]:
    """Return distinct values ascending, whether null occurs, and the code of each row."""
    plain = [None if isinstance(v, float) and math.isnan(v) else v for v in values]
    distinct = sorted({v for v in plain if v is not None})  # type: ignore[type-var]
    has_null = None in plain
    return distinct, has_null, [0 if v is None else distinct.index(v) + has_null for v in plain]

"""Slow, obvious bounding of contributions: SipHash on Python's integers, choices by sorting, values as fractions."""

import math
import struct
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

Value = float | int | bool | None
Id = int | str | float | bool | None
_MASK = (1 << 64) - 1


def siphash(key: bytes, message: bytes) -> int:
    """Return SipHash-2-4 (Aumasson, Bernstein 2012, section 2)."""
    k0, k1 = struct.unpack("<QQ", key)
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def left(x: int, by: int) -> int:
        return ((x << by) | (x >> (64 - by))) & _MASK

    def rounds(n: int) -> None:
        for _ in range(n):
            v[0], v[2] = (v[0] + v[1]) & _MASK, (v[2] + v[3]) & _MASK
            v[1], v[3] = left(v[1], 13) ^ v[0], left(v[3], 16) ^ v[2]
            v[0] = left(v[0], 32)
            v[2], v[0] = (v[2] + v[1]) & _MASK, (v[0] + v[3]) & _MASK
            v[1], v[3] = left(v[1], 17) ^ v[2], left(v[3], 21) ^ v[0]
            v[2] = left(v[2], 32)

    padded = message + bytes(7 - len(message) % 8) + bytes([len(message) % 256])
    for (word,) in struct.iter_unpack("<Q", padded):
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def id_bytes(value: Id) -> bytes:
    """Return what stands for one value of an id or a key."""
    if value is None:
        return b""
    if isinstance(value, str):
        return value.encode()
    return struct.pack("<d", value + 0.0) if isinstance(value, float) else struct.pack("<q", int(value))


def digest(key: bytes, values: Sequence[Id]) -> int:
    """Return the keyed digest of an id or a key of one or more columns."""
    first, *rest = (siphash(key, id_bytes(value)) for value in values)
    for other in rest:
        first = siphash(key, struct.pack("<QQ", first, other))
    return first


@dataclass(frozen=True)
class Column:
    """Bounds in steps of ``2**-exponent``, and what stands for missing values (None: nothing does)."""

    low: int
    high: int
    exponent: int
    missing: int | None = None

    def place(self, value: Value, *, size_only: bool = False) -> int | None:
        """Return the nearest point of the grid, ties to even."""
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return self.missing
        low, high = self.low, self.high
        if size_only:
            high = max(abs(low), abs(high))
            low = -high
        if isinstance(value, float) and math.isinf(value):
            return high if value > 0 else low
        scaled = Fraction(value) * Fraction(2) ** self.exponent
        return round(min(max(scaled, Fraction(low)), Fraction(high)))


Row = tuple[tuple[Id, ...], tuple[Id, ...], tuple[Value, ...]]
"""Unit, group, and a value for each column."""


@dataclass(frozen=True)
class Sums:
    """What is known of one group."""

    rows: int
    units: int
    present: tuple[int, ...]
    total: tuple[int, ...]


def group_sums(
    rows: Sequence[Row],
    columns: Sequence[Column],
    key: bytes,
    max_groups: int,
    max_rows: int | None,
    public: Sequence[tuple[Id, ...]] | None = None,
) -> dict[tuple[Id, ...], Sums]:
    """Return the bounded sums of every group."""
    ours: dict[tuple[Id, ...], dict[tuple[Id, ...], list[tuple[int | None, ...]]]]
    ours = defaultdict(lambda: defaultdict(list))
    groups = set(public or [])
    for unit, group, values in rows:
        if None in unit or (public is not None and group not in groups):
            continue
        points = (c.place(v, size_only=max_rows is None) for c, v in zip(columns, values, strict=True))
        ours[unit][group].append(tuple(points))
    groups |= {group for _, group, _ in rows} if public is None else set()
    counted: dict[tuple[Id, ...], list[list[tuple[int | None, ...]]]] = {group: [] for group in groups}
    for unit, mine in ours.items():
        tag = digest(key, unit)
        by_score = sorted(
            mine, key=lambda g: (siphash(key, struct.pack("<QQ", tag, digest(key, g))), [(v is not None, v) for v in g])
        )
        for group in by_score[:max_groups]:
            counted[group].append(_rows(mine[group], columns, key, tag, digest(key, group), max_rows))
    return {group: _sum(parts, len(columns)) for group, parts in counted.items()}


def _rows(
    rows: list[tuple[int | None, ...]],
    columns: Sequence[Column],
    key: bytes,
    unit: int,
    group: int,
    max_rows: int | None,
) -> list[tuple[int | None, ...]]:
    """Return the rows that count of one unit in one group, or the one that holds their clipped sums."""
    if max_rows is None:
        clipped: list[int | None] = []
        for c, column in enumerate(columns):
            held = [row[c] for row in rows if row[c] is not None]
            clipped.append(min(max(sum(held), column.low), column.high) if held else None)  # type: ignore[arg-type]
        return [tuple(clipped)]
    ranked = sorted(rows, key=lambda row: [-math.inf if v is None else v for v in row])
    if len(ranked) <= max_rows:
        return ranked
    best = sorted(range(len(ranked)), key=lambda rank: siphash(key, struct.pack("<QQQ", unit, group, rank)))
    return [ranked[rank] for rank in best[:max_rows]]


def _sum(parts: list[list[tuple[int | None, ...]]], n_columns: int) -> Sums:
    """Add up what counts in one group."""
    rows = [row for part in parts for row in part]
    held = [[row[c] for row in rows if row[c] is not None] for c in range(n_columns)]
    return Sums(len(rows), len(parts), tuple(map(len, held)), tuple(sum(values) for values in held))  # type: ignore[arg-type]

"""Order statistics of many updates, coordinate by coordinate: a sorting network over rows of a tile.

A network compares the same places whatever the values are, so each of its steps is a minimum and a maximum of two
rows, which vectorizes. Floating point numbers are compared as integers of the same order, with -0.0 below 0.0:
a step exchanges or keeps, and never loses a bit pattern. The network is Batcher's odd-even merge sort without the
steps that no wanted rank depends on; eight rows at a time are sorted as they are read, in registers.

References
----------
Batcher (1968), Sorting networks and their applications, AFIPS 32: the merge of two sorted halves.
"""

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from shoal_kernels._jit import Kernel, array_at, float32_at, float64_at, inlined, int32_at, int64_at
from shoal_kernels._types import Floats, Matrix, OutCube, OutMatrix, OutVector, Vector, Words, Words32, kernel_of
from shoal_kernels.aggregation.fixed_point import LANES, across

TILE: Final = 16384
"""Number of values of every update whose squares are summed at a time."""
WIDTH: Final = LANES
"""Number of coordinates of a tile: a hundred updates fit the first cache, and each square has its own lane."""
FEW: Final = 32
"""Up to this many updates are read one tile at a time; of more, runs that short would wait for memory."""
ROOM: Final = 400 << 10
"""Bytes of tiles that are read before they are ordered, within the second cache."""

Pair = tuple[int, int]


def n_tiles(n_updates: int, size: int) -> int:
    """Return the number of tiles read at a time, for values of `size` bytes."""
    return 1 if n_updates <= FEW else max(1, ROOM // (n_updates * WIDTH * size))


def exchanges(n: int, low: int, high: int) -> Words32:
    """Return the steps that put the ranks from `low` to `high` - 1 into their places, once eights are sorted.

    Parameters
    ----------
    n : int
        Rows.
    low, high : int
        0 <= low < high <= n.

    Returns
    -------
    steps : (n_steps, 4) uint32
        Rows a < b < c < d: order (a, c), then (b, d), then (b, c). Where a is b, order (a, c) alone.
    """
    steps = _fused(_needed(_sorting(n), range(low, high)))
    return np.array(steps, np.uint32).reshape(-1, 4)


def _sorting(n: int) -> list[Pair]:
    """Return the comparators of a sorting network after whole eights are sorted, in order.

    Rows beyond `n` would hold the largest value and never move; comparators that touch them are left out.
    """
    pairs: list[Pair] = []

    def compare(a: int, b: int) -> None:
        if b < n:
            pairs.append((a, b))

    def merge(first: int, span: int, step: int) -> None:
        if 2 * step < span:
            merge(first, span, 2 * step)
            merge(first + step, span, 2 * step)
            for a in range(first + step, first + span - step, 2 * step):
                compare(a, a + step)
        else:
            compare(first, first + step)

    def sort(first: int, span: int) -> None:
        # Eights that are complete are sorted while they are read; incomplete ones are sorted here.
        is_sorted = span == 1 or first >= n or (span == 8 and first + 8 <= n)
        if not is_sorted:
            sort(first, span // 2)
            sort(first + span // 2, span // 2)
            merge(first, span, 1)

    sort(0, 1 << (n - 1).bit_length())
    return pairs


def _needed(pairs: list[Pair], wanted: Iterable[int]) -> list[Pair]:
    """Return the comparators on which a wanted row depends."""
    # Backward: a comparator matters if either of its rows does, and then both of its inputs matter.
    rows, kept = set(wanted), list[Pair]()
    for pair in reversed(pairs):
        if not rows.isdisjoint(pair):
            rows.update(pair)
            kept.append(pair)
    return kept[::-1]


def _fused(pairs: list[Pair]) -> list[tuple[int, int, int, int]]:
    """Fuse comparators into steps, of four rows if three comparators follow each other: a third less traffic.

    The first two of three are in one layer of the network and the third is next on both of its rows. All that a
    step depends on is then in layers before its first, so sorting by first layer is a valid order of steps.
    """
    # For each comparator the previous one on either row, and its layer: one more than the later of these.
    before: list[tuple[int, int]] = []
    layer: list[int] = []
    last: dict[int, int] = {}
    for place, (b, c) in enumerate(pairs):
        over, under = last.get(b, -1), last.get(c, -1)
        before.append((over, under))
        layer.append(1 + max((layer[one] for one in (over, under) if one >= 0), default=0))
        last[b] = last[c] = place
    taken: set[int] = set()
    steps: list[tuple[int, tuple[int, int, int, int]]] = []
    for place, (b, c) in enumerate(pairs):
        over, under = before[place]
        free = over >= 0 and under >= 0 and over != under and taken.isdisjoint((place, over, under))
        if free and layer[over] == layer[under] and pairs[over][0] == b and pairs[under][1] == c:
            taken |= {place, over, under}
            steps.append((layer[over], (pairs[under][0], b, c, pairs[over][1])))
    steps += [(layer[place], (a, a, c, c)) for place, (a, c) in enumerate(pairs) if place not in taken]
    return [step for _, step in sorted(steps)]


@inlined
def _key32(value: Any) -> Any:
    """Return an integer with the order of a float32: the bits, with all but the sign flipped if negative."""
    bits = np.float32(value).view(np.int32)
    return np.int32(bits ^ ((bits >> 31) & 0x7FFFFFFF))


@inlined
def _value32(key: Any) -> Any:
    """Return the float32 of a key."""
    return np.int32(key ^ ((key >> 31) & 0x7FFFFFFF)).view(np.float32)


@inlined
def _key64(value: Any) -> Any:
    """Return an integer with the order of a float64."""
    bits = np.float64(value).view(np.int64)
    return np.int64(bits ^ ((bits >> 63) & 0x7FFFFFFFFFFFFFFF))


@inlined
def _value64(key: Any) -> Any:
    """Return the float64 of a key."""
    return np.int64(key ^ ((key >> 63) & 0x7FFFFFFFFFFFFFFF)).view(np.float64)


@inlined
def _ordered(a: Any, b: Any) -> Any:
    return min(a, b), max(a, b)


@inlined
def _order_two(over: npt.NDArray[Any], under: npt.NDArray[Any]) -> None:
    for lane in range(WIDTH):
        over[lane], under[lane] = _ordered(over[lane], under[lane])


@inlined
def _order_four(
    over: npt.NDArray[Any], upper: npt.NDArray[Any], lower: npt.NDArray[Any], under: npt.NDArray[Any]
) -> None:
    for lane in range(WIDTH):
        a, c = _ordered(over[lane], lower[lane])
        b, d = _ordered(upper[lane], under[lane])
        b, c = _ordered(b, c)
        over[lane], upper[lane], lower[lane], under[lane] = a, b, c, d


@inlined
def _add_squares(values: npt.NDArray[Any], lanes: npt.NDArray[Any]) -> None:
    for lane in range(WIDTH):
        # One lane for each coordinate of a tile: no dependency between additions.
        lanes[lane] += values[lane] * values[lane]


def _ranker(value_at: Any, key_at: Any, key_of: Any, value_of: Any, size: int) -> Any:
    """Return the kernel for one dtype, of `size` bytes."""

    @inlined
    def read_eight(
        x0: npt.NDArray[Any],
        x1: npt.NDArray[Any],
        x2: npt.NDArray[Any],
        x3: npt.NDArray[Any],
        x4: npt.NDArray[Any],
        x5: npt.NDArray[Any],
        x6: npt.NDArray[Any],
        x7: npt.NDArray[Any],
        rows: npt.NDArray[Any],
    ) -> None:
        """Sort eight updates by the optimal network of that size, with 19 comparators."""
        for lane in range(WIDTH):
            a, b, c, d = key_of(x0[lane]), key_of(x1[lane]), key_of(x2[lane]), key_of(x3[lane])
            e, f, g, h = key_of(x4[lane]), key_of(x5[lane]), key_of(x6[lane]), key_of(x7[lane])
            (a, c), (b, d), (e, g), (f, h) = _ordered(a, c), _ordered(b, d), _ordered(e, g), _ordered(f, h)
            (a, e), (b, f), (c, g), (d, h) = _ordered(a, e), _ordered(b, f), _ordered(c, g), _ordered(d, h)
            (a, b), (c, d), (e, f), (g, h) = _ordered(a, b), _ordered(c, d), _ordered(e, f), _ordered(g, h)
            (c, e), (d, f) = _ordered(c, e), _ordered(d, f)
            (b, e), (d, g) = _ordered(b, e), _ordered(d, g)
            (b, c), (d, e), (f, g) = _ordered(b, c), _ordered(d, e), _ordered(f, g)
            rows[0, lane], rows[1, lane], rows[2, lane], rows[3, lane] = a, b, c, d
            rows[4, lane], rows[5, lane], rows[6, lane], rows[7, lane] = e, f, g, h

    # Rows are accessed by address, because slicing an array counts a reference, atomically, at each step.

    @inlined
    def values_at(address: np.uint64, row: Any = 0) -> Any:
        return array_at(value_at(address + np.uint64(row) * np.uint64(WIDTH * size)), WIDTH)

    @inlined
    def read_at(addresses: Words, tails: Words, u: int, skip: int) -> Any:
        """Return the tile of an update that begins `skip` values after its first, or its tail if negative."""
        return array_at(value_at(addresses[u] + np.uint64(skip * size) if skip >= 0 else tails[u]), WIDTH)

    @inlined
    def keys_at(address: np.uint64, row: Any) -> Any:
        return array_at(key_at(address + np.uint64(row) * np.uint64(WIDTH * size)), WIDTH)

    @inlined
    def take_steps(steps: Words32, keys: np.uint64) -> None:
        """Apply the steps of the network to the rows of a tile."""
        for step in range(len(steps)):
            a, b, c, d = steps[step, 0], steps[step, 1], steps[step, 2], steps[step, 3]
            if a == b:
                _order_two(keys_at(keys, a), keys_at(keys, c))
            else:
                _order_four(keys_at(keys, a), keys_at(keys, b), keys_at(keys, c), keys_at(keys, d))

    @inlined
    def write_mean(keys: np.uint64, low: int, high: int, sums: Floats, mean: npt.NDArray[Any]) -> None:
        """Write the mean of ranks, summed from the lowest."""
        row = keys_at(keys, low)
        for lane in range(WIDTH):
            sums[lane] = np.float64(value_of(row[lane]))
        for rank in range(low + 1, high):
            row = keys_at(keys, rank)
            for lane in range(WIDTH):
                sums[lane] += np.float64(value_of(row[lane]))
        count = np.float64(high - low)
        for lane in range(len(mean)):
            mean[lane] = sums[lane] / count

    def mean_of_ranks(
        addresses: Vector[np.uint64],
        tails: Vector[np.uint64],
        start: int,
        steps: Matrix[np.uint32],
        low: int,
        high: int,
        keys: OutCube[Any],
        lanes: OutMatrix[Any],
        sums: OutVector[np.float64],
        squares: OutMatrix[np.float64],
        means: OutVector[Any],
    ) -> None:
        """Write the mean of some ranks of each coordinate in one range of many updates, and measure each on the way.

        Parameters
        ----------
        addresses : (n_updates,) uint64
            Address of each array; the caller keeps the arrays alive, contiguous and of one dtype.
        tails : (n_updates,) uint64
            Address of WIDTH values of each: those of the range beyond the last whole tile, then zeros.
        start : int
            First value of the range.
        steps : (n_steps, 4) uint32
            From `exchanges` for the same number of rows and the same ranks.
        low, high : int
            The first rank, and the one after the last; 0 is the lowest.
        keys : (`n_tiles`, n_updates, WIDTH) int32 or int64, as wide as the values, out
            Scratch.
        lanes : (n_updates, LANES) of the values' dtype, out
            Scratch.
        sums : (WIDTH,) float64, out
            Scratch.
        squares : (n_updates, ceil(n / TILE)) float64, out
            As in `fixed_point`. If they are finite, so are all values and means.
        means : (n,) float32 or float64, out
            Summed in float64 in the order of ranks, so that the order of updates does not matter.
        """
        n_updates, n = len(addresses), len(means)
        eight = n_updates // 8 * 8
        key_rows, lane_rows = np.uint64(keys.ctypes.data), np.uint64(lanes.ctypes.data)
        for tile in range(squares.shape[1]):
            lanes[:] = 0
            last = min(n, (tile + 1) * TILE)
            # Read up to len(keys) tiles of every update, in long runs of memory; then order and average each tile.
            for block in range(tile * TILE, last, WIDTH * len(keys)):
                near = min(len(keys), (last - block + WIDTH - 1) // WIDTH)
                for u in range(0, eight, 8):
                    # Eight parallel streams hide the latency; more would evict each other's lines from their sets.
                    for t in range(near):
                        first = block + t * WIDTH
                        skip = start + first if first + WIDTH <= n else -1
                        read_eight(
                            read_at(addresses, tails, u, skip),
                            read_at(addresses, tails, u + 1, skip),
                            read_at(addresses, tails, u + 2, skip),
                            read_at(addresses, tails, u + 3, skip),
                            read_at(addresses, tails, u + 4, skip),
                            read_at(addresses, tails, u + 5, skip),
                            read_at(addresses, tails, u + 6, skip),
                            read_at(addresses, tails, u + 7, skip),
                            array_at(key_at(key_rows + np.uint64((t * n_updates + u) * WIDTH * size)), (8, WIDTH)),
                        )
                        for v in range(u, u + 8):
                            _add_squares(read_at(addresses, tails, v, skip), values_at(lane_rows, v))
                # The last updates, fewer than eight, are read one by one; the network sorts them with the others.
                for u in range(eight, n_updates):
                    for t in range(near):
                        first = block + t * WIDTH
                        skip = start + first if first + WIDTH <= n else -1
                        values, row = read_at(addresses, tails, u, skip), keys_at(key_rows, t * n_updates + u)
                        for lane in range(WIDTH):
                            row[lane] = key_of(values[lane])
                        _add_squares(values, values_at(lane_rows, u))
                for t in range(near):
                    first = block + t * WIDTH
                    rows = key_rows + np.uint64(t * n_updates * WIDTH * size)
                    take_steps(steps, rows)
                    write_mean(rows, low, high, sums, means[first : min(n, first + WIDTH)])
            for u in range(n_updates):
                squares[u, tile] = across(lanes[u])

    return mean_of_ranks


MEAN_OF_RANKS: dict[str, Kernel[Any, None]] = {
    "float32": kernel_of(_ranker(float32_at, int32_at, _key32, _value32, 4), "int32", "float32", "float32"),
    "float64": kernel_of(_ranker(float64_at, int64_at, _key64, _value64, 8), "int64", "float64", "float64"),
}
"""The kernel for each dtype of values."""

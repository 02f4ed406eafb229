"""A linear combination of many arrays, and the squared distance of each to it, in one reading."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from shoal_kernels._jit import Kernel, array_at, float32_at, float64_at, inlined
from shoal_kernels._types import Floats, OutVector, Vector, kernel_of

BLOCK: Final = 2048
"""Number of values of every array at a time: a hundred arrays stay in cache until they are measured."""
LANES: Final = 32
"""Number of parallel sums of squares: a fixed order of addition that vectorizes, the same on every machine."""


@inlined
def _difference(value: Any, other: Any) -> float:
    return np.float64(value) - np.float64(other)


@inlined
def squared_distance(values: npt.NDArray[Any], point: npt.NDArray[Any], lanes: Floats) -> float:
    """Return the sum of squared differences in float64; `lanes` is scratch of LANES entries.

    The error is fewer than ``n / (4 * LANES) + 5 * LANES + 3`` roundings, not counting those of the differences.
    """
    lanes[:] = 0
    whole = len(values) // (4 * LANES) * (4 * LANES)
    for block in range(0, whole, 4 * LANES):
        # Four values per lane at a time: sums are read and written less often.
        for lane in range(block, block + LANES):
            second, third, fourth = lane + LANES, lane + 2 * LANES, lane + 3 * LANES
            a, b = _difference(values[lane], point[lane]), _difference(values[second], point[second])
            c, d = _difference(values[third], point[third]), _difference(values[fourth], point[fourth])
            lanes[lane - block] += (a * a + b * b) + (c * c + d * d)
    total = 0.0
    for lane in range(LANES):
        total += lanes[lane]
    for place in range(whole, len(values)):
        difference = _difference(values[place], point[place])
        total += difference * difference
    return total


@inlined
def _squared_norm(values: npt.NDArray[Any], lanes: Floats) -> float:
    """Return the sum of squares, in the order of `squared_distance`."""
    lanes[:] = 0
    whole = len(values) // (4 * LANES) * (4 * LANES)
    for block in range(0, whole, 4 * LANES):
        for lane in range(block, block + LANES):
            a, b = np.float64(values[lane]), np.float64(values[lane + LANES])
            c, d = np.float64(values[lane + 2 * LANES]), np.float64(values[lane + 3 * LANES])
            lanes[lane - block] += (a * a + b * b) + (c * c + d * d)
    total = 0.0
    for lane in range(LANES):
        total += lanes[lane]
    for place in range(whole, len(values)):
        total += np.float64(values[place]) * np.float64(values[place])
    return total


@inlined
def _add_four(
    a: npt.NDArray[Any],
    b: npt.NDArray[Any],
    c: npt.NDArray[Any],
    d: npt.NDArray[Any],
    of_a: float,
    of_b: float,
    of_c: float,
    of_d: float,
    point: Floats,
) -> None:
    """Add four weighted arrays, reading and writing the sum once."""
    for i in range(len(point)):
        point[i] += (of_a * a[i] + of_b * b[i]) + (of_c * c[i] + of_d * d[i])


def _combiner(value_at: Any) -> Any:
    """Return the kernel for one dtype."""

    @inlined
    def part_of(address: np.uint64, start: int, stop: int) -> Any:
        return array_at(value_at(address), stop)[start:stop]

    def combine(
        addresses: Vector[np.uint64],
        weights: Vector[np.float64],
        used: Vector[np.int64],
        lanes: OutVector[np.float64],
        squares: OutVector[np.float64],
        combination: OutVector[np.float64],
    ) -> None:
        """Add up arrays times weights, in order, and squared differences of each array from the sum.

        Parameters
        ----------
        addresses : (n_arrays,) uint64
            Address of each array; the caller keeps the arrays alive, contiguous and of one dtype.
        weights : (n_arrays,) float64
        used : (n_used,) int64
            Indices of the arrays to be summed; others may contain NaN.
        lanes : (LANES,) float64, out
            Scratch.
        squares : (n_arrays,) float64, out
            Overwritten. Not finite if a value is not.
        combination : (n,) float64, out
        """
        n = len(combination)
        squares[:] = 0
        if not len(used):
            # No sum to keep in cache: each array is read from end to end.
            combination[:] = 0
            for u in range(len(addresses)):
                squares[u] = _squared_norm(part_of(addresses[u], 0, n), lanes)
            return
        for start in range(0, n, BLOCK):
            stop = min(n, start + BLOCK)
            point = combination[start:stop]
            point[:] = 0
            four = len(used) // 4 * 4
            for u in range(0, four, 4):
                a, b, c, d = int(used[u]), int(used[u + 1]), int(used[u + 2]), int(used[u + 3])
                _add_four(
                    part_of(addresses[a], start, stop),
                    part_of(addresses[b], start, stop),
                    part_of(addresses[c], start, stop),
                    part_of(addresses[d], start, stop),
                    weights[a],
                    weights[b],
                    weights[c],
                    weights[d],
                    point,
                )
            for place in range(four, len(used)):
                u = int(used[place])
                values, weight = part_of(addresses[u], start, stop), weights[u]
                for i in range(len(point)):
                    point[i] += weight * values[i]
            for u in range(len(addresses)):
                squares[u] += squared_distance(part_of(addresses[u], start, stop), point, lanes)

    return combine


COMBINE: dict[str, Kernel[Any, None]] = {
    name: kernel_of(_combiner(at)) for name, at in (("float32", float32_at), ("float64", float64_at))
}
"""The kernels for each dtype of values."""

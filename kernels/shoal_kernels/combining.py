"""A linear combination of many arrays, and the squared distance of each to it, in one reading."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import types

from shoal_kernels._jit import Kernel, array_at, float32_at, float64_at, inlined, kernel, vector

BLOCK: Final = 1024
"""Values of every array at a time: those of a hundred arrays stay in the second cache until they are measured."""
LANES: Final = 32
"""Sums of squares side by side: a fixed order of addition that vectorizes, the same on every machine."""


@inlined
def _squared_distance(
    values: npt.NDArray[Any], point: npt.NDArray[np.float64], lanes: npt.NDArray[np.float64]
) -> float:
    """Return the sum of squared differences."""
    lanes[:] = 0
    whole = len(values) // LANES * LANES
    for block in range(0, whole, LANES):
        for lane in range(LANES):
            difference = values[block + lane] - point[block + lane]
            lanes[lane] += difference * difference
    for place in range(whole, len(values)):
        difference = values[place] - point[place]
        lanes[place - whole] += difference * difference
    total = 0.0
    for lane in range(LANES):
        total += lanes[lane]
    return total


def _combiner(value_at: Any) -> Any:
    """Return the kernel for one dtype."""

    def combine(
        addresses: npt.NDArray[np.uint64],
        weights: npt.NDArray[np.float64],
        lanes: npt.NDArray[np.float64],
        squares: npt.NDArray[np.float64],
        combination: npt.NDArray[np.float64],
    ) -> None:
        """Add up arrays times weights, in order, and squared differences of each array from the sum.

        Parameters
        ----------
        addresses : (n_arrays,) uint64
            Of the first value of each; the caller keeps the arrays alive, contiguous and of one dtype.
        weights : (n_arrays,) float64
            An array of weight 0 is not read for the sum, so that it may hold what is no number.
        lanes : (LANES,) float64, out
            Scratch.
        squares : (n_arrays,) float64, out
            Overwritten. Not finite where a value is not.
        combination : (n,) float64, out
        """
        n = len(combination)
        squares[:] = 0
        for start in range(0, n, BLOCK):
            stop = min(n, start + BLOCK)
            point = combination[start:stop]
            point[:] = 0
            for u in range(len(addresses)):
                weight = weights[u]
                if weight != 0:
                    values = array_at(value_at(addresses[u]), stop)[start:stop]
                    for i in range(len(point)):
                        point[i] += weight * values[i]
            for u in range(len(addresses)):
                values = array_at(value_at(addresses[u]), stop)[start:stop]
                squares[u] += _squared_distance(values, point, lanes)

    return combine


COMBINE: dict[str, Kernel[Any, None]] = {
    name: kernel(
        types.void(
            vector(types.uint64), vector(types.float64), types.float64[::1], types.float64[::1], types.float64[::1]
        )
    )(_combiner(at))
    for name, at in (("float32", float32_at), ("float64", float64_at))
}
"""The kernels for each dtype of values."""

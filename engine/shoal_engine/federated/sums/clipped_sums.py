"""Sums of clipped changes in integers: one node moves the sum by no more than a norm that is known exactly.

A change is shortened to the clip, times a weight of at most 1, and rounded to a grid on which the clip is 2**CLIP_BITS
steps long. Rounding moves each of d values by at most half a step, so the added norm is never more than
``2**CLIP_BITS + ceil(sqrt(d) / 2) + 1`` steps: the last step is for what floating numbers round on the way.
"""

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from shoal_engine.errors import UpdateError
from shoal_engine.federated.sums.fixed_point_sums import Floats, norm_of
from shoal_engine.federated.updates.model import Model
from shoal_engine.federated.updates.tensors import widened
from shoal_engine.tables.aligned import aligned_empty, aligned_zeros

Values = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]

CLIP_BITS: Final = 40
"""Of the clip, in steps of the grid: noise of it is so wide that it is Gaussian but for a vanishing chance."""
MOST_UPDATES: Final = 1 << 20
"""Of one sum: as many clips, and their noise, stay within 63 bits."""
SLACK: Final = 2.0**-44
"""Relative margin that is added to computed norms. Each block's sum of squares errs by under 200 roundings of 2**-53,
the difference before it by one, and the exact sum of blocks, the root and the factor by four."""


LEAST_CLIP, LARGEST_CLIP = 2.0**-400, 2.0**400
"""Squares of changes as long as the clip, and its steps, are then ordinary numbers: the least of float64 are rounded by
more than `SLACK`, or to zero, and changes that are longer than a tiny clip would be found shorter."""


def is_clip(clip: float) -> bool:
    """Return whether a clip is in range."""
    return LEAST_CLIP <= clip <= LARGEST_CLIP


def sensitivity(size: int) -> int:
    """Return how far one node moves the sum of `size` values at most, in steps: a Euclidean norm."""
    half = math.isqrt(size) + 1
    return (1 << CLIP_BITS) + -(-half // 2) + 1


class ClippedSum:
    """A sum of clipped changes from a base.

    Parameters
    ----------
    base : Model
        Changes are from it.
    clip : float
        Largest norm that counts in full.
    """

    def __init__(self, base: Model, clip: float) -> None:
        if not is_clip(clip):
            msg = "a clip is above 0 and finite, from 2**-400 to 2**400; give the norm that changes usually have"
            raise UpdateError(msg)
        self.base = base
        self.clip = clip
        self.sums: list[Ints] = [aligned_zeros(tensor.size, np.int64) for tensor in base.layout]

    def norm(self, model: Model) -> float:
        """Return the norm of the change to a model, never below the true one; infinite where it is not finite."""
        from shoal_kernels.aggregation.clipped_changes import BLOCK, MEASURE_CHANGE
        from shoal_kernels.aggregation.linear_combinations import LANES

        lanes, found = aligned_empty(LANES, np.float64), list[Floats]()
        for values, base, _ in self._tensors(model):
            squares = np.empty(-(-len(values) // BLOCK), np.float64)
            MEASURE_CHANGE[values.dtype.name](values, base, lanes, squares)
            found.append(squares)
        return norm_of(np.concatenate(found)) * (1 + SLACK)

    def add(self, model: Model, norm: float, weight: float, times: int = 1) -> None:
        """Add the change to a model, clipped, times a weight of at most 1; `norm` is the result of `norm`.

        With `times` of -1 it is taken back, exactly.
        """
        from shoal_kernels.aggregation.clipped_changes import FOLD_CHANGE

        short = weight * min(self.clip, norm) / norm if norm > 0 else weight
        factor = short / self.clip * 2.0**CLIP_BITS * (1 - SLACK)
        for values, base, sums in self._tensors(model):
            FOLD_CHANGE[values.dtype.name](values, base, times * factor, sums)

    def merge(self, other: "ClippedSum") -> None:
        """Add the sums of another with the same base and clip."""
        for mine, theirs in zip(self.sums, other.sums, strict=True):
            mine += theirs

    def _tensors(self, model: Model) -> "list[tuple[Values, Values, Ints]]":
        """Return each tensor's values, those of the base, and the sums."""
        pairs = zip(model.payloads(), self.base.payloads(), self.sums, self.base.layout, strict=True)
        return [(widened(x, tensor.dtype), widened(c, tensor.dtype), sums) for x, c, sums, tensor in pairs]

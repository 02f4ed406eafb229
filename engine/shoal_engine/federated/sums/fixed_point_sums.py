"""Sums of many updates in 64 bits: on a grid so fine that nothing is lost and so coarse that nothing overflows.

Each value times its weight is rounded once to a multiple of 2**-bits; integers then add up to the same sum in any
order. The grid is the finest on which no single product exceeds 2**51 (where floating point numbers are still exact to
the unit) and no sum exceeds 2**62, whatever values within the bound are sent.

Sums of clipped changes in integers: one node moves the sum by no more than a norm that is known exactly.

A change is shortened to the clip, times a weight of at most 1, and rounded to a grid on which the clip is 2**CLIP_BITS
steps long. Rounding moves each of d values by at most half a step, so the added norm is never more than
``2**CLIP_BITS + ceil(sqrt(d) / 2) + 1`` steps: the last step is for what floating numbers round on the way.
"""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from shoal_engine.errors import UpdateError
from shoal_engine.federated.updates.model import Layout, Model, of_payloads
from shoal_engine.federated.updates.tensors import narrowed, widened
from shoal_engine.tables.buffers import aligned_empty, aligned_zeros
from shoal_engine.threads import in_threads, ranges

Values = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

FEWEST_BITS, MOST_BITS = -900, 900
"""Of the grid, so that its step is an ordinary float64."""
SUM_BITS: Final = 62
FEW_BESIDE: Final = 4096
SHARE_BESIDE: Final = 1024
"""Of a model's values at most so many, and one of as many, are kept beside the grid: more would take long."""
_BITS: Final = {"float32": np.uint32, "float64": np.uint64}
BLOCK: Final = 1 << 14
"""Values that are looked at together: they stay in the first caches."""
_FEWEST_OF_BOUND: Final = 24
"""Binary digits of the bound at weight 1, on a grid that is declared: as many as a float32 has."""
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


def grid_bits(bound: float, largest_weight: float, total_weight: float) -> int:
    """Return how many binary digits after the point are kept.

    Parameters
    ----------
    bound : float
        On the size of a value.
    largest_weight, total_weight : float
        Of one update, and of all together at most.

    Raises
    ------
    UpdateError
        The bound or a weight is not above 0 and finite.
    """
    if not (0 < bound < math.inf and 0 < largest_weight <= total_weight < math.inf):
        msg = "a grid needs a bound and weights that are above 0 and finite; declare them so"
        raise UpdateError(msg)
    # frexp gives x < 2**e; the sum has a bit to spare for what each rounding adds.
    one = math.frexp(bound)[1] + math.frexp(largest_weight)[1]
    every = math.frexp(bound)[1] + math.frexp(total_weight)[1]
    bits = min(51 - one, SUM_BITS - 1 - every)
    if not FEWEST_BITS <= bits <= MOST_BITS:
        msg = "the bound times the weights is too large or too small for a grid; declare one nearer to 1"
        raise UpdateError(msg)
    return bits


def declared_bits(bound: float, max_weight: float, max_updates: int) -> int:
    """Return how many binary digits after the point are kept where all is declared before any update is seen.

    Raises
    ------
    UpdateError
        A number is out of range, or so much is declared that too few digits are left.
    """
    if max_updates < 1:
        msg = "max_updates is at least 1"
        raise UpdateError(msg)
    bits = grid_bits(bound, max_weight, max_weight * max_updates)
    if (left := bits + math.frexp(bound)[1]) < _FEWEST_OF_BOUND:
        msg = f"max_weight and max_updates leave {left} bits to a value of weight 1; declare the largest claimed"
        raise UpdateError(msg)
    return bits


def has_digits(bound: float, weight: float, bits: int) -> bool:
    """Return whether a grid keeps as many digits as a float32 has, of a value of the bound's size times a weight."""
    return bits + math.frexp(bound)[1] + math.frexp(weight)[1] - 1 >= _FEWEST_OF_BOUND


def fold(values: Values, factor: float, sums: Ints) -> None:
    """Add a flat float32 or float64 array times a factor, each product rounded to an integer."""
    from shoal_kernels.aggregation.fixed_point import FOLD

    FOLD[values.dtype.name](values, factor, sums)


def vanishing(values: Values, factor: float) -> Ints:
    """Return the places of values that are not 0 and whose product with a factor is rounded to 0."""
    size, kind = abs(factor), np.finfo(values.dtype)
    # A little above half a step, as products are rounded to float64 first; what is found is looked at again.
    limit = min(0.5 / size * (1 + 2.0**-20), float(kind.max))
    words = values.view(_BITS[values.dtype.name])
    # Without the sign, and 0 above all others: one comparison of integers finds what is small and not 0.
    below = words.dtype.type(2 * int(np.nextafter(values.dtype.type(limit), kind.max).view(words.dtype)))
    scratch = np.empty(min(len(words), BLOCK), words.dtype)
    found: list[Ints] = []
    for start in range(0, len(words), BLOCK):
        block = np.left_shift(words[start : start + BLOCK], 1, out=scratch[: len(words) - start])
        block -= words.dtype.type(1)
        small = block < below
        if small.any():
            found.append(start + np.flatnonzero(small))
    places = np.concatenate(found) if found else np.empty(0, np.int64)
    return places[np.rint(values[places].astype(np.float64) * size) == 0]


def tile_squares(values: Values) -> Floats:
    """Return the sum of squares of each tile of a flat array; inf or NaN if any value is, or if the sum overflows."""
    from shoal_kernels.aggregation.fixed_point import LANES, MEASURE, TILE

    squares = np.empty(-(-len(values) // TILE), np.float64)
    MEASURE[values.dtype.name](values, aligned_empty(LANES, values.dtype), squares)
    return squares


def norm_of(squares: Floats) -> float:
    """Return the root of a sum of squares; inf if any is inf or NaN, or their sum is too large."""
    if not np.isfinite(squares).all():
        return math.inf
    try:
        return math.sqrt(math.fsum(squares))
    except OverflowError:
        return math.inf


def average_many(
    payloads: Sequence[Values], factors: Floats, scale: float, *, n_threads: int = 1
) -> tuple[Values, Floats]:
    """Average the same tensor of many updates.

    Parameters
    ----------
    payloads : sequence of (n,) float32 or float64, all alike
    factors : (n_updates,) float64
        Times the values within the bound they are at most 2**51.
    scale : float
        Times the sum of the products, it is the mean.

    Returns
    -------
    means : (n,) of the payloads' dtype
    squares : (n_updates, n_tiles) float64
        Sums of squares by tile. Where one exceeds the squared bound, the means may be wrong.
    """
    from shoal_kernels.aggregation.fixed_point import AVERAGE_MANY, TILE

    n, dtype = len(payloads[0]), payloads[0].dtype
    means, squares = aligned_empty(n, dtype), np.empty((-(-n // TILE), len(payloads)), np.float64)
    if not n:
        return means, squares.T
    aligned = [values if values.flags.aligned else values.copy() for values in payloads]
    addresses = np.array([values.__array_interface__["data"][0] for values in aligned], np.uint64)

    def part(tiles: tuple[int, int]) -> None:
        first, last = tiles[0] * TILE, min(n, tiles[1] * TILE)
        sums, found = aligned_empty(TILE, np.int64), squares[tiles[0] : tiles[1]]
        AVERAGE_MANY[dtype.name](addresses, factors, scale, first, sums, found, means[first:last])

    in_threads(part, ranges(len(squares), n_threads), n_threads)
    return means, np.ascontiguousarray(squares.T)


class FixedPointSum:
    """A sum of models that is folded, one at a time, in twice the memory of a float32 model.

    Parameters
    ----------
    layout : Layout
    bits : int
        Exponent of the grid.
    sums : list of (n,) int64, optional
        To go on with, in place of zeros.

    Notes
    -----
    A product that is not 0 but would be rounded to 0 is added exactly, outside the grid: models have few such values.
    """

    def __init__(self, layout: Layout, bits: int, sums: list[Ints] | None = None) -> None:
        self.layout = layout
        self.bits = bits
        self.sums = [aligned_zeros(tensor.size, np.int64) for tensor in layout] if sums is None else sums
        self._beside: list[dict[int, Fraction]] = [{} for _ in layout]

    def vanishing(self, model: Model, factor: float) -> list[Ints]:
        """Return for each tensor the places of values that the grid would make 0."""
        scaled = math.ldexp(factor, self.bits)
        pairs = zip(model.payloads(), self.layout, strict=True)
        return [vanishing(widened(values, tensor.dtype), scaled) for values, tensor in pairs]

    def add(self, model: Model, factor: float, beside: list[Ints] | None = None) -> None:
        """Add a model times a factor; `beside` is what `vanishing` found, if it was asked."""
        scaled = math.ldexp(factor, self.bits)
        beside = self.vanishing(model, factor) if beside is None else beside
        for place, (tensor, given) in enumerate(zip(self.layout, model.payloads(), strict=True)):
            values, exact = widened(given, tensor.dtype), self._beside[place]
            fold(values, scaled, self.sums[place])
            for each in beside[place].tolist():
                exact[each] = exact.get(each, Fraction(0)) + Fraction(float(values[each])) * Fraction(scaled)

    def mean(self, total_weight: float) -> Model:
        """Return the sums over a weight, in the dtypes of the layout."""
        from shoal_kernels.aggregation.fixed_point import SCALE

        scale = 1.0 / math.ldexp(total_weight, self.bits)
        found: list[Values] = []
        for tensor, sums, beside in zip(self.layout, self.sums, self._beside, strict=True):
            wide = aligned_empty(tensor.size, np.float64 if tensor.dtype != "float32" else np.float32)
            SCALE[wide.dtype.name](sums, scale, wide)
            for place, product in beside.items():
                wide[place] = float((int(sums[place]) + product) * Fraction(scale))
            found.append(wide if tensor.dtype == wide.dtype.name else narrowed(wide, tensor.dtype))
        return of_payloads(self.layout, found)

    def merge(self, other: "FixedPointSum") -> None:
        """Add the sums of another on the same grid."""
        for mine, theirs in zip(self.sums, other.sums, strict=True):
            mine += theirs
        for mine, theirs in zip(self._beside, other._beside, strict=True):
            for place, product in theirs.items():
                mine[place] = mine.get(place, Fraction(0)) + product


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

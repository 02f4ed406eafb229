"""Updates as vectors of integers, and the sum of such vectors as a model.

The vector of an update is all its tensors one after another, and one number more. Of a mean that number is the weight,
so that a server learns the sum of weighted updates and the sum of weights, and nothing else; of a private sum it is 0.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from shoal_engine.errors import SecureAggregationError, UpdateError
from shoal_engine.federated.privacy.private_averaging import AdaptiveClip, PrivateMean, check_numbers
from shoal_engine.federated.rules.averaging import bounded
from shoal_engine.federated.secure.distributed_noise import DistributedGaussian
from shoal_engine.federated.sums.fixed_point_sums import (
    CLIP_BITS,
    MOST_UPDATES,
    SUM_BITS,
    ClippedSum,
    FixedPointSum,
    declared_bits,
    has_digits,
)
from shoal_engine.federated.updates.model import Layout, Model, of_payloads
from shoal_engine.federated.updates.round import Reason, UpdateChecks, UpdateRecord
from shoal_engine.federated.updates.tensors import narrowed, widened
from shoal_engine.federated.updates.update import Update
from shoal_engine.randomness import Keystream

Ints: TypeAlias = npt.NDArray[np.int64]

_SPARE: Final = Fraction(1, 250)
"""Over sigma**2: what `private_training` charges for the rounding of a value beyond what it costs."""
_LARGEST_SHARE: Final = 1 << 100
"""Of noise that can be drawn."""


def length_of(layout: Layout) -> int:
    """Return how many numbers the vector of an update has."""
    return sum(tensor.size for tensor in layout) + 1


def parts(layout: Layout, vector: Ints) -> list[Ints]:
    """Return the numbers of each tensor, over the vector's memory."""
    ends = np.cumsum([tensor.size for tensor in layout])
    return np.split(vector[:-1], ends[:-1])


@dataclass(frozen=True, slots=True)
class MaskedMean:
    """The weighted mean, on the grid of a `WeightedMean` with the same declared bound, weight and number of updates.

    Attributes
    ----------
    bound : float
        On the size of every value; a node with a larger one drops out.
    max_weight : float
        Of one update.
    max_updates : int
        Number of the round.

    Raises
    ------
    UpdateError
        A number is out of range, or too few digits are left to values.

    Examples
    --------
    >>> mean, like = MaskedMean(8.0, 100.0, 10), Model.of_arrays({"w": np.zeros(2)})
    >>> updates = [Update.of_arrays({"w": [x, x]}, node="", weight=w) for x, w in ((1.0, 3), (5.0, 1))]
    >>> vectors = [mean.vector(update, like) for update in updates]
    >>> mean.released(vectors[0] + vectors[1], like).arrays()["w"]
    array([2., 2.])
    """

    bound: float
    max_weight: float
    max_updates: int

    def __post_init__(self) -> None:
        UpdateChecks(max_weight=self.max_weight)
        declared_bits(self.bound, self.max_weight, self.max_updates)

    @property
    def weight_bits(self) -> int:
        """Return how many binary digits after the point weights keep: numbers of examples are whole, and exact."""
        return SUM_BITS - 1 - math.frexp(self.max_weight * self.max_updates)[1]

    def vector(self, update: Update, like: Model) -> Ints | Reason:
        """Return the vector of an update, or why it does not count."""
        judging = UpdateChecks(like=like, max_weight=self.max_weight)
        record = judging.check(update, UpdateRecord(update.node, float(update.weight)), like.layout)
        steps = round(math.ldexp(record.weight, self.weight_bits)) if record.kept else 0
        if record.kept and not steps:
            record = record.reject("bad weight")
        record = bounded(record, update, self.bound)
        vector, weight = np.zeros(length_of(like.layout), np.int64), math.ldexp(steps, -self.weight_bits)
        sums = self._sum(vector, like)
        if record.kept and not has_digits(self.bound, weight, sums.bits):
            record = record.reject("bad weight")
        # Nothing can be kept beside the numbers that are masked.
        if record.kept and any(map(len, sums.vanishing(update.model, weight))):
            record = record.reject("below the grid")
        if record.reason is not None:
            return record.reason
        sums.add(update.model, weight)
        vector[-1] = steps
        return vector

    def released(self, total: Ints, like: Model) -> Model:
        """Return the mean of updates, from the sum of their vectors.

        Raises
        ------
        SecureAggregationError
            The weights do not add up to anything: vectors were not made here.
        """
        steps = int(total[-1])
        if steps <= 0:
            msg = "the weights under the masks add up to nothing above 0; see that all nodes run the same version"
            raise SecureAggregationError(msg)
        return self._sum(total, like).mean(float(steps / Fraction(2) ** self.weight_bits))

    def _sum(self, vector: Ints, like: Model) -> FixedPointSum:
        bits = declared_bits(self.bound, self.max_weight, self.max_updates)
        return FixedPointSum(like.layout, bits, parts(like.layout, vector))


@dataclass(frozen=True, slots=True)
class MaskedClip:
    """The sum of clipped changes, to which every node adds a share of the noise before it masks.

    The shares of any `threshold` nodes add up to noise of ``share_squared * threshold`` at least, squared, and a sum of
    fewer is never seen: so no one, the server included, ever sees a sum without its noise. (A node that discloses its
    share to the server takes it off: then it protects by what the shares of the others add up to.)

    Attributes
    ----------
    clip : float
        Bound on the norms of changes.
    share_squared : int
        Squared deviation of each node's noise, in steps.
    expected_updates : float
        Divisor of the sum.
    weight_cap : float
        Weights count up to it, as a share of it; 0 if all count alike.

    Raises
    ------
    UpdateError
        A number is out of range.
    """

    clip: float
    share_squared: int
    expected_updates: float
    weight_cap: float = 0.0

    def __post_init__(self) -> None:
        check_numbers(self.clip, self.expected_updates, None if self.weight_cap == 0 else self.weight_cap)
        if not 1 <= self.share_squared <= _LARGEST_SHARE:
            msg = "the noise of one node is an integer of squared steps, from 1 to 2**100; add more of it, or less"
            raise UpdateError(msg)

    @classmethod
    def of_mean(cls, mean: PrivateMean, threshold: int) -> "MaskedClip":
        """Return the masked form of a private mean if nodes add its noise: enough when `threshold` of them are left.

        The noise of many nodes is no discrete Gaussian: how far it is from one, `DistributedGaussian.tau` for each
        value, must be less than the charge for rounding and not needed, about 0.004 / sigma**2.

        Raises
        ------
        UpdateError
            It is not less; or the clip is to adapt, for which a count would be needed.
        """
        clip = check_clip(mean.clip)
        sigma_squared = (mean.permit.noise_multiplier * mean.sensitivity) ** 2
        noise = DistributedGaussian(Fraction(math.ceil(sigma_squared / threshold)) * threshold, threshold, 0)
        if noise.tau * sigma_squared > _SPARE:
            msg = "the noise of this many nodes is too small for each of them; lower the threshold, or add more noise"
            raise UpdateError(msg)
        return cls(clip, int(noise.share_squared), mean.expected_updates, mean.weight_cap or 0.0)

    @property
    def max_updates(self) -> int:
        """Return of how many nodes the sum stays within 63 bits, its noise as well."""
        # Half of the room for clips, half for 16 deviations of all shares together.
        return min(MOST_UPDATES, (1 << 2 * (SUM_BITS - 1) - 8) // self.share_squared)

    def vector(self, update: Update, like: Model) -> Ints | Reason:
        """Return the vector of an update with this node's share of noise, or why it does not count."""
        record = UpdateChecks(like=like).check(update, UpdateRecord(update.node, float(update.weight)), like.layout)
        if record.reason is not None:
            return record.reason
        vector = np.zeros(length_of(like.layout), np.int64)
        clipped = ClippedSum(like, self.clip)
        clipped.sums = parts(like.layout, vector)
        norm = clipped.norm(update.model)
        if not math.isfinite(norm):
            return "not finite or too large"
        weight = min(record.weight, self.weight_cap) / self.weight_cap if self.weight_cap else 1.0
        clipped.add(update.model, norm, weight)
        with Keystream.secure() as stream:
            vector[:-1] = DistributedGaussian(Fraction(self.share_squared), 1, 0).add(vector[:-1], stream)
        return vector

    def released(self, total: Ints, like: Model) -> Model:
        """Return the model plus the noisy mean of changes, from the sum of their vectors."""
        payloads: list[npt.NDArray[Any]] = []
        for tensor, base, sums in zip(like.layout, like.payloads(), parts(like.layout, total), strict=True):
            moved = widened(base, tensor.dtype).astype(np.float64) + sums * self._step
            payloads.append(narrowed(moved, tensor.dtype))
        return of_payloads(like.layout, payloads)

    def std(self, n_shares: int) -> float:
        """Return the standard deviation of the noise on each value of a model of `n_shares` nodes."""
        return math.sqrt(self.share_squared * n_shares) * self._step

    @property
    def _step(self) -> float:
        return self.clip * 2.0**-CLIP_BITS / self.expected_updates


def check_clip(clip: float | AdaptiveClip) -> float:
    """Return a fixed clip.

    Raises
    ------
    UpdateError
        It is one that adapts.
    """
    if isinstance(clip, AdaptiveClip):
        msg = "a clip that adapts needs a count of changes, which masked rounds do not make; give a fixed clip"
        raise UpdateError(msg)
    return clip


def plan_entries(plan: MaskedMean | MaskedClip) -> dict[str, float | int | str]:
    """Return the entries that a node needs to make its vector."""
    entries = asdict(plan)
    if isinstance(plan, MaskedClip):
        # It has more bits than transports have for a number.
        entries["share_squared"] = str(plan.share_squared)
    return entries


def read_plan(entries: Mapping[str, Any]) -> MaskedMean | MaskedClip:
    """Return the plan of some fields.

    Raises
    ------
    UpdateError
        A field is missing, or out of range.
    """
    try:
        if "bound" in entries:
            return MaskedMean(float(entries["bound"]), float(entries["max_weight"]), int(entries["max_updates"]))
        share = str(entries["share_squared"])
        if not re.fullmatch("[1-9][0-9]{0,39}", share):
            raise ValueError
        clip, cap, expected = (float(entries[name]) for name in ("clip", "weight_cap", "expected_updates"))
        return MaskedClip(clip, int(share), expected_updates=expected, weight_cap=cap)
    except (KeyError, ValueError, TypeError, OverflowError):
        msg = "the plan of the masked vector is missing, or not in range; use one version of shoal everywhere"
        raise UpdateError(msg) from None

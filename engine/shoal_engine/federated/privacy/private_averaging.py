"""The private mean of changes (DP-FedAvg: McMahan, Ramage, Talwar, Zhang 2018, algorithm 1, the fixed denominator).

Each node's change from the round's model is clipped, weighted by at most 1 and rounded to whole steps; what is added up
is exact, and gets discrete Gaussian noise once, at the release. The denominator is declared, as the number of nodes
that take part is private. The clip may adapt (Andrew, Thakkar, McMahan, Ramaswamy 2021): in addition to the sum it is
counted, with noise of the same draw, how many more changes were not clipped than the quantile asks for.
"""

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from shoal_engine.differential.samplers import discrete_gaussian
from shoal_engine.errors import UpdateError
from shoal_engine.federated.privacy.private_training import Permit
from shoal_engine.federated.sums.fixed_point_sums import (
    CLIP_BITS,
    LARGEST_CLIP,
    LEAST_CLIP,
    MOST_UPDATES,
    ClippedSum,
    is_clip,
    sensitivity,
)
from shoal_engine.federated.updates.model import Model, of_payloads
from shoal_engine.federated.updates.repeated_updates import Senders
from shoal_engine.federated.updates.round import RoundResult, UpdateChecks, UpdateRecord
from shoal_engine.federated.updates.tensors import narrowed, widened
from shoal_engine.federated.updates.update import Update
from shoal_engine.randomness import Keystream

Ints = npt.NDArray[np.int64]

_LARGEST_RATE: Final = 10.0
_LEAST_SHARE, _LARGEST_SHARE = 1e-6, 0.5
"""So that one change is counted with many steps, and no more than about as many as the clip has."""
CHUNK: Final = 1 << 20
"""Values that get their noise at a time."""


@dataclass(frozen=True, slots=True)
class AdaptiveClip:
    """A clip that follows a quantile of the norms of changes.

    After each round clip * exp(-rate * (b - quantile)) is the next, b being the noisy share of changes that were not
    clipped (Andrew et al. 2021, section 2.1: geometric updates). What is counted of a node is 1 - quantile if its
    change was not clipped and -quantile if it was: at the median the paper's 1/2 and -1/2, whose sum is moved by a node
    half as far as a count of those that were not clipped, and so has half of its noise for the same share of the
    budget. A node that is absent counts 0, neither as clipped nor as not.

    Attributes
    ----------
    clip : float
        Above 0; as those that do not adapt, from 2**-400 to 2**400.
    quantile : float
        Target share of norms that are not clipped, between 0 and 1.
    rate : float
        Above 0, at most 10.
    share : float
        Part of the budget for the count; from 1e-6 to 0.5.
    """

    clip: float
    quantile: float = 0.5
    rate: float = 0.2
    share: float = 0.01

    def __post_init__(self) -> None:
        if not (
            is_clip(self.clip)
            and 0 <= self.quantile <= 1
            and 0 < self.rate <= _LARGEST_RATE
            and _LEAST_SHARE <= self.share <= _LARGEST_SHARE
        ):
            msg = (
                f"an adaptive clip needs a clip above 0, a quantile from 0 to 1, a rate above 0 and at most "
                f"{_LARGEST_RATE:g}, and a share from {_LEAST_SHARE:g} to {_LARGEST_SHARE:g}"
            )
            raise UpdateError(msg)

    def after(self, unclipped: float) -> "AdaptiveClip":
        """Return the next clip after a noisy share of changes was not clipped.

        Noise may take a share of few changes far beyond 0 and 1: what is more than 1 off the quantile counts as 1 off.
        """
        off = min(1.0, max(-1.0, unclipped - self.quantile))
        return replace(self, clip=min(LARGEST_CLIP, max(LEAST_CLIP, self.clip * math.exp(-self.rate * off))))


@dataclass(frozen=True, slots=True, eq=False)
class PrivateRoundResult(RoundResult):
    """Result of a private round.

    Attributes
    ----------
    std : float
        Standard deviation of the noise on each value of the model.
    clip : float or AdaptiveClip
        For the next round.
    """

    std: float
    clip: float | AdaptiveClip


def check_numbers(clip: float | AdaptiveClip, expected_updates: float, weight_cap: float | None) -> None:
    """Raise where a number of a private mean is out of range: before a round of it is charged.

    Raises
    ------
    UpdateError
    """
    if not (
        (isinstance(clip, AdaptiveClip) or is_clip(clip))
        and 0 < expected_updates < math.inf
        and (weight_cap is None or 0 < weight_cap < math.inf)
    ):
        msg = (
            "a private mean needs a clip from 2**-400 to 2**400, expected_updates above 0, and a weight_cap above 0, "
            "all of them finite"
        )
        raise UpdateError(msg)


class PrivateMean:
    """The round's model plus the noisy mean of clipped changes: observe, merge, release once.

    Parameters
    ----------
    checks : UpdateChecks
        With `like`, the round's model; `min_updates` is not looked at, as how many take part is private.
    permit : Permit
        Of `PrivateTraining.begin_round`, before anything was sent.
    clip : float or AdaptiveClip
        Bound on the norms of changes.
    expected_updates : float
        Divisor of the sum: the number of nodes times their sampling rate.
    weight_cap : float, optional
        Cap of claimed weights; a node counts by its share of it. Default: all weigh the same.

    Notes
    -----
    The report shows the operator who was kept and why. It is not private, so neither norms nor who was clipped are
    in it.

    Raises
    ------
    UpdateError
        The round's model is missing, a number is out of range, or the permit is for fewer values.

    Examples
    --------
    >>> from shoal_engine.federated.updates.model import Model
    >>> from shoal_engine.federated.privacy.private_training import PrivateTraining
    >>> training = PrivateTraining(Fraction(5), Fraction(1, 10**5), noise_multiplier=Fraction(2))
    >>> start = Model.of_arrays({"w": np.zeros(3, np.float32)})
    >>> permit = training.begin_round(size=start.size)
    >>> mean = PrivateMean(UpdateChecks(like=start), permit, clip=1.0, expected_updates=100)
    >>> for node in range(100):
    ...     mean.observe(Update.of_arrays({"w": np.full(3, 5, np.float32)}, node=str(node)))
    >>> round(mean.release().std, 4)
    0.02
    """

    def __init__(
        self,
        checks: UpdateChecks,
        permit: Permit,
        *,
        clip: float | AdaptiveClip,
        expected_updates: float,
        weight_cap: float | None = None,
    ) -> None:
        check_numbers(clip, expected_updates, weight_cap)
        if checks.like is None:
            msg = "a private mean needs `like`, the round's model"
            raise UpdateError(msg)
        self.checks = checks
        self.permit = permit
        self.clip = clip
        self.expected_updates = expected_updates
        self.weight_cap = weight_cap
        self._sum = ClippedSum(checks.like, clip.clip if isinstance(clip, AdaptiveClip) else clip)
        self._offset = 0
        self._senders = Senders(once=checks.once)
        if (size := self._sum.base.size + isinstance(clip, AdaptiveClip)) > permit.size:
            msg = f"the round was paid for as one of {permit.size} values, and releases {size}; begin one of that size"
            raise UpdateError(msg)

    @property
    def sensitivity(self) -> int:
        """Return how far one node moves all that is released, in steps: sum and count together."""
        of_sum, of_count = sensitivity(self._sum.base.size), self._step_of_count
        return math.isqrt(of_sum**2 + of_count**2) + bool(of_count)

    @property
    def _step_of_count(self) -> int:
        """Return by how much one node moves the count at most: the share of a squared norm is that of rho."""
        if not isinstance(self.clip, AdaptiveClip):
            return 0
        share = Fraction(self.clip.share)
        return math.isqrt(int(sensitivity(self._sum.base.size) ** 2 * share / (1 - share)))

    @property
    def _steps_of_count(self) -> tuple[int, int]:
        """Return what a change that is not clipped adds to the count, and what one that is clipped takes off it.

        They are as 1 - quantile to quantile, and the larger is `_step_of_count`: so a count of 0 is what the quantile
        asks for, whoever is absent, and at the median a node moves it by half of what telling one from none takes.
        """
        if not isinstance(self.clip, AdaptiveClip):
            return 0, 0
        quantile = Fraction(self.clip.quantile)
        step = self._step_of_count / max(quantile, 1 - quantile)
        return int(step * (1 - quantile)), int(step * quantile)

    def observe(self, update: Update) -> None:
        """Add one update; its memory is free again when this returns.

        A repeated update counts once; if a node sends different updates none counts: the update added first is taken
        back (see `sent_twice`).
        """
        raw = self.checks.record(update)
        record = self.checks.check(update, raw, self._sum.base.layout)
        if record.kept and self.permit.nodes is not None and record.node not in self.permit.nodes:
            record = record.reject("not drawn")
        norm = self._sum.norm(update.model) if record.kept else math.inf
        if record.kept and not math.isfinite(norm):
            record = record.reject("not finite or too large")
        if record.kept:
            self._room(self._senders.would_be_good(record.node))
        self._senders.observe(update, raw, record, self._fold)

    def merge(self, other: "PrivateMean") -> None:
        """Take what another aggregator of the same round has observed.

        Raises
        ------
        UpdateError
            Parameters differ, there are too many, or nodes in common though the checks says that each is heard
            `once`.
        """
        mine, theirs = (
            (one.checks, one.permit, one.clip, one.expected_updates, one.weight_cap, one._sum.base.layout)
            for one in (self, other)
        )
        if mine != theirs or self is other or (self.checks.once and self._senders.common(other._senders)):
            msg = (
                "private means are merged that have the same parameters and, where each node is heard `once`, no node "
                "in common, and none with itself; give both one checks, and leave `once` out"
            )
            raise UpdateError(msg)
        self._room(self._senders.would_all_be_good(other._senders))
        self._sum.merge(other._sum)
        self._offset += other._offset
        self._senders.merge(other._senders, self._fold)

    def _fold(self, model: Model, record: UpdateRecord, times: int) -> None:
        """Add a change as its record says, or with -1 take it back, exactly."""
        norm = self._sum.norm(model)
        weight = 1.0 if self.weight_cap is None else min(record.weight, self.weight_cap) / self.weight_cap
        self._sum.add(model, norm, weight, times)
        below, above = self._steps_of_count
        self._offset += times * (below if norm <= self._sum.clip else -above)

    def release(self, *, _stream: Keystream | None = None) -> PrivateRoundResult:
        """Add noise, once, and return the model.

        Raises
        ------
        BudgetExhausted
            The permit was used before.
        """
        self.permit.use()
        if _stream is not None:
            return self._release(_stream)
        with Keystream.secure() as stream:
            return self._release(stream)

    def _release(self, stream: Keystream) -> PrivateRoundResult:
        sigma_squared = (self.permit.noise_multiplier * self.sensitivity) ** 2
        step = self._sum.clip * 2.0**-CLIP_BITS / self.expected_updates
        payloads: list[npt.NDArray[Any]] = []
        for tensor, base, sums in zip(self._sum.base.layout, self._sum.base.payloads(), self._sum.sums, strict=True):
            moved = np.empty(tensor.size, np.float64)
            for low in range(0, tensor.size, CHUNK):
                part = slice(low, low + CHUNK)
                noisy = sums[part] + discrete_gaussian(stream, sigma_squared, len(sums[part]))
                moved[part] = widened(base[part], tensor.dtype) + noisy * step
            payloads.append(narrowed(moved, tensor.dtype))
        clip = self.clip
        if isinstance(clip, AdaptiveClip):
            count = self._offset + int(discrete_gaussian(stream, sigma_squared, 1)[0])
            off = count / self._step_of_count * max(clip.quantile, 1 - clip.quantile) / self.expected_updates
            clip = clip.after(clip.quantile + off)
        model = of_payloads(self._sum.base.layout, payloads)
        return PrivateRoundResult(model, self._senders.records(), math.sqrt(sigma_squared) * step, clip)

    def _room(self, n: int) -> None:
        if n > MOST_UPDATES:
            msg = f"a private sum has room for {MOST_UPDATES} updates; release this round, and begin another"
            raise UpdateError(msg)

"""FedNova: nodes that take different numbers of local steps pull no harder for it (Wang et al. 2020).

Where each node sends the sum of its steps, FedAvg minimizes another loss than the mean of the nodes': one in which
those that step more weigh more. Here each change is divided by its node's steps before it is averaged.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Final, Literal

from shoal_engine.errors import TooFewUpdates, UpdateError
from shoal_engine.federated.rules.averaging import WeightedMean
from shoal_engine.federated.sums.buffered_updates import BufferedAggregator
from shoal_engine.federated.updates.model import Floats, Model, combined
from shoal_engine.federated.updates.round import RoundResult, UpdateRecord

MOST_STEPS: Final = 2**40
"""Claims beyond are no numbers of steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSteps:
    """How nodes step, and so how far the gradients of n steps carry: |a|_1 of Wang et al., for a vector of weights a.

    Parameters
    ----------
    momentum : float
        Rho of local SGD with momentum, v = rho v + g, started again each round; at least 0 and below 1.
    proximal : float
        Learning rate times FedProx's mu; at least 0 and below 1. Not with `momentum`.

    Raises
    ------
    UpdateError
        A parameter is out of range, or both are given.

    References
    ----------
    Wang, Liu, Liang, Joshi, Poor (2020), Tackling the objective inconsistency problem in heterogeneous federated
    optimization: the general update and its examples of a.

    Examples
    --------
    >>> LocalSteps().length(10), LocalSteps(momentum=0.5).length(2), LocalSteps(proximal=0.5).length(2)
    (10.0, 2.5, 1.5)
    """

    momentum: float = 0.0
    proximal: float = 0.0

    def __post_init__(self) -> None:
        if not (0 <= self.momentum < 1 and 0 <= self.proximal < 1) or (self.momentum and self.proximal):
            msg = "local steps have a momentum or a proximal share, at least 0 and below 1, and not both; give one"
            raise UpdateError(msg)

    def length(self, n_steps: int) -> float:
        """Return the sum of the weights that the gradients of `n_steps` steps have in the change.

        Plain SGD: n. Momentum: the sum over k = 1..n of (1 - rho^k) / (1 - rho). Proximal, with alpha:
        the sum over k = 0..n-1 of (1 - alpha)^k.
        """
        rho, alpha = self.momentum, self.proximal
        if rho:
            fading = -math.expm1(n_steps * math.log(rho)) / (1 - rho)
            return (n_steps - rho * fading) / (1 - rho)
        return -math.expm1(n_steps * math.log1p(-alpha)) / alpha if alpha else float(n_steps)


@dataclass(slots=True)
class NormalizedMean(BufferedAggregator):
    """The weighted mean of changes, each over its node's |a|_1, times the effective number of steps.

    With weights p_i = n_i / n it is tau_eff sum_i p_i (x_i - x) / |a_i|_1, and tau_eff = sum_i p_i |a_i|_1 over the
    updates that count, so that where all nodes step alike it is FedAvg's.

    The sum is that of `WeightedMean`, exact in any order, over weights n_i / |a_i|_1: no update is copied. Its mean,
    rounded to the dtype of the updates, is scaled and rounded once more.

    Parameters
    ----------
    checks : UpdateChecks
        Checks the claimed weights, n_i.
    steps : mapping of str to int, optional
        How many local steps each node took; or given at the release. They are claims like the weights: a node without,
        or with fewer than 1, does not count, for "bad steps".
    local : LocalSteps
    start : Model, optional
        The round's model, where updates are models: the release is the next model. Default: updates are changes,
        and so is the release.
    effective_steps : float, optional
        Tau_eff, where it shall not follow from the updates.
    accumulator : "fixed" | "float64"
        As for `WeightedMean`.
    n_threads : int
        They change no bit of the result.

    References
    ----------
    Wang, Liu, Liang, Joshi, Poor (2020), Tackling the objective inconsistency problem in heterogeneous federated
    optimization: FedNova's update.

    Examples
    --------
    >>> import numpy as np
    >>> from shoal_engine.federated.updates.update import Update
    >>> mean = NormalizedMean()
    >>> for node, change in (("a", [1.0, 0.0]), ("b", [0.0, 3.0])):
    ...     mean.observe(Update.of_arrays({"w": np.array(change)}, node=node))
    >>> mean.release({"a": 1, "b": 3}).model.arrays()["w"]
    array([1., 1.])
    """

    steps: Mapping[str, int] | None = field(default=None, compare=False, repr=False)
    local: LocalSteps = field(default_factory=LocalSteps)
    start: Model | None = field(default=None, compare=False, repr=False)
    effective_steps: float | None = None
    accumulator: Literal["fixed", "float64"] = "fixed"
    n_threads: int = field(default=1, compare=False)

    def __post_init__(self) -> None:
        if self.effective_steps is not None and not 0 < self.effective_steps < math.inf:
            msg = f"effective_steps are above 0 and finite; got {self.effective_steps}"
            raise UpdateError(msg)

    def release(self, steps: Mapping[str, int] | None = None) -> RoundResult:
        """Return the normalized mean, or with `start` the next model.

        Parameters
        ----------
        steps : mapping of str to int, optional
            Instead of those of the construction.

        Raises
        ------
        TooFewUpdates
            Fewer updates are good than are needed.
        UpdateError
            No steps are given, or `start` is of another layout.
        """
        known = self.steps if steps is None else steps
        if known is None:
            msg = "updates are divided by local steps; give `steps` by node, here or at the construction"
            raise UpdateError(msg)
        accepted = self.accepted()
        accepted = accepted.without(
            {
                place: record.reject("bad steps")
                for place, record in enumerate(accepted.records)
                if not 1 <= known.get(record.node, 0) <= MOST_STEPS
            }
        )
        claims = {record.node: Fraction(record.weight) for record in accepted.records}
        lengths = {node: self.local.length(known[node]) for node in claims}
        mean = WeightedMean(self.checks, accumulator=self.accumulator, n_threads=self.n_threads)
        for update, record in zip(accepted.updates, accepted.records, strict=True):
            # A length is at least 1: what was no larger than the checks allows still is not.
            weight = record.weight / lengths[record.node]
            mean._arrived.append((replace(update, weight=weight), replace(record, weight=weight)))
        found = _released(mean, claims, accepted.rejected)
        factor = self._factor([record for record in found.records if record.kept], claims, lengths)
        records = [replace(record, weight=float(claims[record.node])) for record in found.records]
        return RoundResult(_moved(found.model, self.start, factor), (*records, *accepted.rejected))

    def _factor(self, kept: list[UpdateRecord], claims: Mapping[str, Fraction], lengths: Mapping[str, float]) -> float:
        """Return what makes the mean over divided weights the one over claims, times the effective steps; exactly."""
        total = _sum(claims[record.node] for record in kept)
        divided = _sum(Fraction(record.weight) for record in kept)
        if self.effective_steps is not None:
            return float(divided / total * Fraction(self.effective_steps))
        walked = _sum(claims[record.node] * Fraction(lengths[record.node]) for record in kept)
        return float(divided / total * (walked / total))


def _released(mean: WeightedMean, claims: Mapping[str, Fraction], rejected: tuple[UpdateRecord, ...]) -> RoundResult:
    """Return the mean; if it fails, the error has the reasons of all updates, also of those rejected before."""
    try:
        return mean.release()
    except TooFewUpdates as error:
        records = [replace(record, weight=float(claims[record.node])) for record in error.records]
        everyone = tuple(sorted((*records, *rejected), key=lambda record: record.node))
        raise TooFewUpdates(str(error), records=everyone) from None


def _sum(numbers: Iterable[Fraction]) -> Fraction:
    return sum(numbers, Fraction(0))


def _moved(mean: Model, start: Model | None, factor: float) -> Model:
    """Return a mean change times a factor; or the start, moved by as much towards a mean model."""

    def scaled(values: Floats) -> tuple[Floats]:
        return (values * factor,)

    def stepped(values: Floats, mean: Floats) -> tuple[Floats]:
        return (values + factor * (mean - values),)

    models = [mean] if start is None else [start, mean]
    (found,) = combined(scaled if start is None else stepped, models, [models[0].layout])
    return found

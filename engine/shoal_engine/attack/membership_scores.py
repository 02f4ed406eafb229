"""Membership inference from scores: the curve of true and false positives, advantage, and success at few of these."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Struct

from shoal_engine.attack.showing import chance_text, interval_text
from shoal_engine.attack.success_rates import Interval, Trials, check_confidence, difference_interval, trials
from shoal_engine.errors import InputError, PolicyError
from shoal_engine.html_tables import html_summary

Scores = npt.NDArray[np.float64]

FALSE_POSITIVE_RATES = (0.001, 0.01)
"""Rates at which Carlini et al. (2022), table 1, compare attacks."""


class MembershipReport(Struct, frozen=True, kw_only=True):
    """How well scores separate records that a model was trained on from others.

    Attributes
    ----------
    attack : str
    confidence : float
    members, non_members : int
    true_positives, false_positives : Trials, optional
        At the threshold of the attack, if it states one.
    advantage : float
        True minus false positive rate at that threshold, or the largest of the curve.
    advantage_interval : Interval, optional
        Interval of the advantage at a stated threshold.
    auc : float
        Area under the curve: the probability that a member's score is above another's; ties count one half.
    at_false_positive_rate : mapping of str to Trials
        Members found at the threshold that is best among those of at most this rate of false positives.
    """

    attack: str
    confidence: float
    members: int
    non_members: int
    true_positives: Trials | None = None
    false_positives: Trials | None = None
    advantage: float
    advantage_interval: Interval | None = None
    auc: float
    at_false_positive_rate: Mapping[str, Trials]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as the JSON reads."""
        return msgspec.to_builtins(self)

    def _repr_html_(self) -> str:
        """Return the rates as HTML for notebooks."""
        parts = [("true positives", self.true_positives), ("false positives", self.false_positives)]
        parts += [(f"true positives at {rate} false", one) for rate, one in self.at_false_positive_rate.items()]
        rows = [[name, chance_text(one.share), interval_text(one.rate)] for name, one in parts if one is not None]
        advantage = "" if self.advantage_interval is None else interval_text(self.advantage_interval)
        rows += [["advantage", chance_text(self.advantage), advantage], ["area under the curve", f"{self.auc:.3f}", ""]]
        title = f"Membership: {self.attack}, {self.members:,} members and {self.non_members:,} others"
        return html_summary(title, ["", "share", f"{self.confidence:.0%} interval"], rows)


def curve(members: Scores, non_members: Scores) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return false and true positives by threshold, from none to all; equal scores pass together.

    Parameters
    ----------
    members, non_members : (n,) and (m,) float64
        Higher for those that are taken for members.

    Returns
    -------
    false_positives, true_positives : (thresholds + 1,) int64

    Examples
    --------
    >>> [counts.tolist() for counts in curve(np.array([3.0, 1.0]), np.array([1.0, 0.0]))]
    [[0, 0, 1, 2], [0, 1, 2, 2]]
    """
    scores, place = np.unique(-np.concatenate([members, non_members]), return_inverse=True)
    place = place.reshape(-1)
    hits = np.bincount(place[: len(members)], minlength=len(scores))
    errors = np.bincount(place[len(members) :], minlength=len(scores))
    return np.concatenate([[0], np.cumsum(errors)]), np.concatenate([[0], np.cumsum(hits)])


def membership_report(
    attack: str,
    members: Scores,
    non_members: Scores,
    *,
    threshold: float | None,
    false_positive_rates: Sequence[float],
    confidence: float,
) -> MembershipReport:
    """Measure scores of members and non_members.

    Parameters
    ----------
    attack : str
    members, non_members : (n,) and (m,) float64
    threshold : float, optional
        Scores of at least it are taken for members.
    false_positive_rates : sequence of float, from 0 to 1
    confidence : float

    Raises
    ------
    PolicyError
        A rate or the confidence is out of range.
    """
    check_confidence(confidence)
    for rate in false_positive_rates:
        if not 0 <= rate <= 1:
            msg = f"false positive rate {rate}; give shares from 0 to 1, such as 0.001"
            raise PolicyError(msg)
    errors, hits = curve(members, non_members)
    n, m = len(members), len(non_members)
    advantage = float((hits / n - errors / m).max())
    found = alarms = interval = None
    if threshold is not None:
        found = trials(n, float((members >= threshold).sum()), confidence)
        alarms = trials(m, float((non_members >= threshold).sum()), confidence)
        advantage = found.share - alarms.share
        interval = difference_interval(found, alarms)
    steps, heights = np.diff(errors), (hits[1:] + hits[:-1]) / 2
    best = {
        f"{rate:g}": trials(n, float(hits[np.searchsorted(errors, rate * m, "right") - 1]), confidence)
        for rate in false_positive_rates
    }
    return MembershipReport(
        attack=attack,
        confidence=confidence,
        members=n,
        non_members=m,
        true_positives=found,
        false_positives=alarms,
        advantage=advantage,
        advantage_interval=interval,
        auc=float(steps @ heights) / (n * m),
        at_false_positive_rate=best,
    )


def check_losses(name: str, losses: npt.ArrayLike, *, dimensions: int = 1) -> Scores:
    """Return losses as float64.

    Parameters
    ----------
    name : str
        For messages.
    losses : array of numbers
    dimensions : int

    Raises
    ------
    InputError
        They are not numbers of this many dimensions, none at all, or NaN is among them.
    """
    try:
        found = np.asarray(losses, np.float64)
    except (TypeError, ValueError):
        found = np.empty(())
    if found.ndim != dimensions or not found.size or np.isnan(found).any():
        shape = "one number for each record" if dimensions == 1 else "a row for each shadow model, a column a record"
        msg = f"{name} are no losses: give {shape}, at least one and none NaN"
        raise InputError(msg)
    return found

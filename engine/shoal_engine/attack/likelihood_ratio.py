"""The likelihood ratio attack (LiRA): how much likelier a loss is under models trained with a record than without."""

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from shoal_engine.attack.membership_scores import (
    FALSE_POSITIVE_RATES,
    MembershipReport,
    Scores,
    check_losses,
    membership_report,
)
from shoal_engine.errors import InputError, PolicyError

Flags = npt.NDArray[np.bool_]
Variance = Literal["record", "all"]

_FEWEST = 2
"""Shadow models of each kind that a variance needs."""
_MANY = 32
"""Shadow models of a kind from which on each record has a variance of its own: half of 64 (section VI-C)."""
_LEAST_LOSS = 1e-12
"""Losses are taken to be at least this and at most `_MOST_LOSS`, so that the scaled ones are finite."""
_MOST_LOSS = 700.0
_LEAST_DEVIATION = 1e-9


def scaled(losses: Scores) -> Scores:
    """Return log(p / (1 - p)) of the confidence p = exp(-loss), which is nearly normal (equation 3).

    Examples
    --------
    >>> scaled(np.array([np.log(2.0)])).tolist()
    [0.0]
    """
    return -np.log(np.expm1(np.clip(losses, _LEAST_LOSS, _MOST_LOSS))) + 0.0


def likelihood_ratio(
    losses: npt.ArrayLike,
    member: npt.ArrayLike,
    shadow_losses: npt.ArrayLike,
    shadow_member: npt.ArrayLike | None = None,
    *,
    variance: Variance | None = None,
    false_positive_rates: Sequence[float] = FALSE_POSITIVE_RATES,
    confidence: float = 0.95,
) -> MembershipReport:
    """Attack a model by the likelihood of each record's loss among losses of shadow models.

    Parameters
    ----------
    losses : (n,) numbers, at least 0
        Cross-entropy losses of the attacked model, -log of the probability that it gives the right class.
    member : (n,) bool
        Whether it was trained on each record.
    shadow_losses : (s, n) numbers, at least 0
        Losses of shadow models on the same records.
    shadow_member : (s, n) bool, optional
        Whether each was trained on each record: the online attack. Default: none was, the offline attack.
    variance : "record" | "all", optional
        Whether each record has a variance of its own, for 64 shadow models or more, or all share one. Default: by
        that number.
    false_positive_rates : sequence of float, from 0 to 1
        Rates at which true positives are reported.
    confidence : float
        Level of the intervals, above 0 and below 1.

    Returns
    -------
    MembershipReport
        Over all thresholds; the advantage is the largest.

    Raises
    ------
    InputError
        Shapes differ, losses are NaN or negative, some record has fewer than 2 shadow models of a kind, or all
        records are members or none is.
    PolicyError
        The variance, a rate or the confidence is out of range.

    References
    ----------
    Carlini, Chien, Nasr, Song, Terzis, Tramèr (2022), Membership inference attacks from first principles, IEEE S&P
    2022, algorithm 1 (online), equation 4 (offline) and section VI-C (one variance for few shadow models).

    Examples
    --------
    >>> shadows = [[0.9, 0.5, 0.9, 0.5], [0.8, 0.6, 0.8, 0.6]]
    >>> likelihood_ratio([0.1, 0.1, 0.9, 0.5], [True, True, False, False], shadows).advantage
    1.0
    """
    attacked, inside = _checked_losses("losses", losses), _flags("member", member)
    shadows = _checked_losses("shadow_losses", shadow_losses, dimensions=2)
    within = np.zeros(shadows.shape, bool) if shadow_member is None else _flags("shadow_member", shadow_member)
    if not (attacked.shape == inside.shape == shadows.shape[1:]) or within.shape != shadows.shape:
        msg = (
            f"losses {attacked.shape}, member {inside.shape}, shadow_losses {shadows.shape} and shadow_member "
            f"{within.shape} do not fit; give n records in each, and a row for each shadow model"
        )
        raise InputError(msg)
    if inside.all() or not inside.any():
        msg = "all records are members, or none is; success is measured on records of both kinds"
        raise InputError(msg)
    if variance not in (None, *get_args(Variance)):
        msg = f"there is no variance {variance!r}; choose one of {', '.join(get_args(Variance))}"
        raise PolicyError(msg)
    score = membership_scores(
        scaled(attacked), scaled(shadows), within if shadow_member is not None else None, variance
    )
    return membership_report(
        f"likelihood ratio, {'offline' if shadow_member is None else 'online'}",
        score[inside],
        score[~inside],
        threshold=None,
        false_positive_rates=false_positive_rates,
        confidence=confidence,
    )


def membership_scores(at: Scores, shadows: Scores, within: Flags | None, variance: Variance | None) -> Scores:
    """Return the logarithm of the likelihood ratio, or the standard score of the offline attack.

    Parameters
    ----------
    at : (n,) float64
        Scaled losses of the attacked model.
    shadows : (s, n) float64
    within : (s, n) bool, optional
    variance : "record" | "all", optional

    Raises
    ------
    InputError
        Some record has fewer than 2 shadow models of a kind.
    """
    outside = np.ones(shadows.shape, bool) if within is None else ~within
    mean, deviation = _normal(shadows, outside, variance)
    # Offline, 1 - P(Z > at) grows with the standard score, which does not saturate as the probability does.
    standard = (at - mean) / deviation
    if within is None:
        return standard
    mean, deviation_in = _normal(shadows, within, variance)
    standard_in = (at - mean) / deviation_in
    return np.log(deviation) - np.log(deviation_in) + (standard**2 - standard_in**2) / 2


def _normal(shadows: Scores, chosen: Flags, variance: Variance | None) -> tuple[Scores, Scores]:
    """Return the mean of each record over chosen shadow models, and the deviation of each, or of all."""
    models = chosen.sum(axis=0)
    if models.min() < _FEWEST:
        msg = (
            f"some record has fewer than {_FEWEST} shadow models trained with it, or without it; train more, each on "
            "half of the records"
        )
        raise InputError(msg)
    mean = np.where(chosen, shadows, 0.0).sum(axis=0) / models
    square = (np.where(chosen, shadows - mean, 0.0) ** 2).sum(axis=0)
    if variance == "record" or (variance is None and models.min() >= _MANY):
        deviation = np.sqrt(square / models)
    else:
        deviation = np.full(len(mean), np.sqrt(square.sum() / models.sum()))
    return mean, np.maximum(deviation, _LEAST_DEVIATION)


def _checked_losses(name: str, losses: npt.ArrayLike, *, dimensions: int = 1) -> Scores:
    """Return losses; raise InputError if one is negative, as no cross-entropy is."""
    found = check_losses(name, losses, dimensions=dimensions)
    if (found < 0).any():
        msg = f"{name} hold negative numbers, which are no cross-entropy losses; give -log of the right class"
        raise InputError(msg)
    return found


def _flags(name: str, flags: npt.ArrayLike) -> Flags:
    """Return truth values; raise InputError if they are anything else."""
    found: npt.NDArray[Any] = np.asarray(flags)
    if found.dtype != np.bool_:
        msg = f"{name} has dtype {found.dtype}; give true or false for each record"
        raise InputError(msg)
    return found

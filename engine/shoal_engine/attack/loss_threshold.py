"""Membership inference by loss: records on which a model errs little are taken for those it was trained on."""

from collections.abc import Sequence

import numpy.typing as npt

from shoal_engine.attack.membership_scores import (
    FALSE_POSITIVE_RATES,
    MembershipReport,
    check_losses,
    membership_report,
)
from shoal_engine.errors import InputError


def loss_threshold(
    members: npt.ArrayLike,
    non_members: npt.ArrayLike,
    *,
    threshold: float | None = None,
    false_positive_rates: Sequence[float] = FALSE_POSITIVE_RATES,
    confidence: float = 0.95,
) -> MembershipReport:
    """Attack a model by the loss of each record: it is taken for a member if its loss is at most a threshold.

    Parameters
    ----------
    members : (n,) numbers
        Losses of the model on records that it was trained on; inf is a loss.
    non_members : (m,) numbers
        On records of the same population that it was not trained on.
    threshold : float, optional
        Default: the mean loss of the members, which a party may publish.
    false_positive_rates : sequence of float, from 0 to 1
        Rates at which true positives are reported.
    confidence : float
        Level of the intervals, above 0 and below 1.

    Returns
    -------
    MembershipReport
        The advantage is that at the threshold. Against a model trained with epsilon-differential privacy it is at
        most e^epsilon - 1 (Yeom et al., theorem 1).

    Raises
    ------
    InputError
        Losses are missing, NaN or not numbers, or the threshold is NaN.
    PolicyError
        A rate or the confidence is out of range.

    References
    ----------
    Yeom, Giacomelli, Fredrikson, Jha (2018), Privacy risk in machine learning: analyzing the connection to
    overfitting, CSF 2018, section 3: experiment 1 and adversary 2.

    Examples
    --------
    >>> found = loss_threshold([0.1, 0.2, 0.3, 1.0], [0.2, 0.9, 1.5, 2.0], threshold=0.5)
    >>> found.advantage, found.auc
    (0.5, 0.78125)
    """
    inside, outside = check_losses("members", members), check_losses("non_members", non_members)
    at = float(inside.mean()) if threshold is None else threshold
    if at != at:
        msg = "threshold is NaN; give a loss"
        raise InputError(msg)
    return membership_report(
        "loss threshold",
        -inside,
        -outside,
        threshold=-at,
        false_positive_rates=false_positive_rates,
        confidence=confidence,
    )

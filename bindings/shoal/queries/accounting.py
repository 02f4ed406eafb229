"""Compose the cost of releases from the events in their plans and ledgers; find the least noise for a target."""

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from shoal_engine.differential.named_choices import DistributionName, check_choice

if TYPE_CHECKING:
    from shoal_engine.differential.accounting.accountant import Spent
    from shoal_engine.differential.exact_numbers import Exact

LEAST_MOVED = Fraction(1, 10**9)
"""Of a sensitivity, and of a rate."""


def privacy_spent(events: str | Sequence[str], *, delta: "Exact") -> "Spent":
    """Return the least epsilon by which all events together are (epsilon, delta)-private, and by every way.

    Parameters
    ----------
    events : str, or sequence of str
        JSON, as ``plan.event`` and a ledger's lines have it.
    delta : number
        At least 0, below 1.

    Raises
    ------
    NumberError
        Delta is out of range, or an event cannot be read.

    Examples
    --------
    >>> import polars as pl, shoal
    >>> query = shoal.private(pl.DataFrame({"x": [1]}), unit=None, ledger=None).group_by().agg(shoal.dp.count())
    >>> shoal.privacy_spent([query.plan(epsilon="1").event] * 3, delta=0).epsilon
    3.0000000000000004
    """
    from shoal_engine.differential import events as kinds
    from shoal_engine.differential.accounting.accountant import privacy_spent as compose
    from shoal_engine.differential.exact_numbers import exact
    from shoal_engine.errors import NumberError

    texts = [events] if isinstance(events, str) else events
    if not isinstance(texts, list | tuple):
        msg = f"events are JSON as text, or a list of such, and this is a {type(events).__name__}; give `plan.event`"
        raise NumberError(msg)
    composed = kinds.Composed(tuple(map(kinds.from_json, texts)))
    return compose(composed, delta=exact(delta, name="delta", toward="down"))


def least_noise(
    distribution: DistributionName,
    *,
    epsilon: "Exact",
    delta: "Exact",
    times: int = 1,
    rate: "Exact" = 1,
    sensitivity: "Exact" = 1,
) -> Fraction:
    """Return the least scale of noise for which `times` releases are (epsilon, delta)-private, within 0.1 %.

    Parameters
    ----------
    distribution : "laplace" | "gaussian"
        Real noise; of gaussian the scale is sigma.
    epsilon, delta : number
        The target.
    times : int
        Releases, each with noise of its own.
    rate : number
        Probability that a unit is drawn into a release, secretly and independently; 1 where all are in.
    sensitivity : number
        The most that one unit changes a release.

    Raises
    ------
    NumberError
        The distribution is unknown, or a number is out of range.

    Examples
    --------
    >>> float(round(least_noise("gaussian", epsilon="1", delta="1e-5"), 2))
    3.73
    """
    from shoal_engine.differential import events as kinds
    from shoal_engine.differential.accounting.accountant import least_scale
    from shoal_engine.differential.exact_numbers import count, exact
    from shoal_engine.errors import NumberError

    check_choice(distribution, DistributionName, name="distribution", error=NumberError)
    times = count(times, name="times", most=kinds.MOST_TIMES)
    share = exact(rate, name="rate", toward="up")
    moved = exact(sensitivity, name="sensitivity", toward="up")
    if not LEAST_MOVED <= moved <= 1 / LEAST_MOVED or not LEAST_MOVED <= share <= 1:
        msg = "noise needs a sensitivity from 1e-9 to 1e9, and a rate from 1e-9 to 1; count in other units"
        raise NumberError(msg)

    def releases(scale: Fraction) -> kinds.Event:
        once = kinds.Laplace(scale, moved) if distribution == "laplace" else kinds.Gaussian(scale, moved)
        return kinds.Repeated(once if share == 1 else kinds.PoissonSampled(share, once), times)

    target = exact(epsilon, name="epsilon", toward="down")
    return least_scale(releases, epsilon=target, delta=exact(delta, name="delta", toward="down"))

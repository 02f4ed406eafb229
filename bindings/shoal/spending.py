"""What releases cost together, from the events that their plans and ledgers tell; and the least noise for a target."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from fractions import Fraction

    from shoal_engine.differential.accounting.accountant import Spent
    from shoal_engine.differential.exact_numbers import Exact


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
    from shoal_engine.differential.accounting.accountant import privacy_spent as reckon
    from shoal_engine.differential.exact_numbers import exact

    texts = [events] if isinstance(events, str) else events
    told = kinds.Composed(tuple(map(kinds.from_json, texts)))
    return reckon(told, delta=exact(delta, name="delta", toward="down"))


def least_noise(
    law: Literal["laplace", "gaussian"],
    *,
    epsilon: "Exact",
    delta: "Exact",
    times: int = 1,
    rate: "Exact" = 1,
    sensitivity: "Exact" = 1,
) -> "Fraction":
    """Return the least scale of noise for which `times` releases are (epsilon, delta)-private, within 0.1 %.

    Parameters
    ----------
    law : "laplace" | "gaussian"
        Real noise; of gaussian the scale is sigma.
    epsilon, delta : number
        The target.
    times : int
        Releases, each with noise of its own.
    rate : number
        Chance by which whoever releases draws each unit into a release, secretly and anew; 1 where all are in.
    sensitivity : number
        The most that one unit changes a release.

    Raises
    ------
    NumberError
        A number is out of range.

    Examples
    --------
    >>> float(round(least_noise("gaussian", epsilon="1", delta="1e-5"), 2))
    3.73
    """
    from shoal_engine.differential import events as kinds
    from shoal_engine.differential.accounting.calibrating import least_scale
    from shoal_engine.differential.exact_numbers import exact
    from shoal_engine.errors import NumberError

    share = exact(rate, name="rate", toward="up")
    moved = exact(sensitivity, name="sensitivity", toward="up")
    if times < 1 or moved <= 0 or not 0 < share <= 1:
        msg = "noise needs times of at least 1, a sensitivity above 0, and a rate above 0 and at most 1"
        raise NumberError(msg)

    def releases(scale: "Fraction") -> kinds.Event:
        once = kinds.Laplace(scale, moved) if law == "laplace" else kinds.Gaussian(scale, moved)
        return kinds.Repeated(once if share == 1 else kinds.PoissonSampled(share, once), times)

    target = exact(epsilon, name="epsilon", toward="down")
    return least_scale(releases, epsilon=target, delta=exact(delta, name="delta", toward="down"))

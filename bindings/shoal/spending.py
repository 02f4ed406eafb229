"""`privacy_spent`: what releases cost together, from the events that their plans and ledgers tell."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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

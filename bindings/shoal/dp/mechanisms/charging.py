"""What every mechanism does before its draw: read its numbers exactly, and charge a ledger."""

import hashlib
import operator
from fractions import Fraction
from typing import Final, Protocol

import numpy as np

from shoal.queries.charging import LedgerOrPath, ledger_cost, open_ledger
from shoal_engine.differential import events
from shoal_engine.differential.exact_numbers import Exact, check_epsilon, count, positive
from shoal_engine.differential.named_choices import DistributionName
from shoal_engine.errors import InputError, PolicyError
from shoal_engine.ledger import Receipt
from shoal_engine.ledger.entries import text_of

MOST: Final = 1 << 62
"""Bound on scores and answers, to which larger ones are clamped, so that noise cannot overflow 64 bits."""


class Charged(Protocol):
    """A mechanism with an epsilon."""

    @property
    def epsilon(self) -> Exact:
        """Epsilon of one release."""
        ...


def charge(
    mechanism: Charged,
    event: events.Event,
    ledger: LedgerOrPath,
    dataset: str,
    *,
    distribution: DistributionName | None = None,
    change_one: bool = False,
) -> Receipt | None:
    """Charge a ledger durably for one release, and return its receipt."""
    text_of(dataset, name="dataset")
    opened = open_ledger(ledger)
    if opened is None:
        return None
    if change_one and opened.neighbors != "change-one":
        msg = (
            f"the ledger protects {opened.neighbors} neighbors, and randomized response protects change-one only, as "
            "the number of answers is public; use a ledger of change-one"
        )
        raise PolicyError(msg)
    cost = ledger_cost(opened, event, epsilon_of(mechanism.epsilon), Fraction(0))
    policy = hashlib.sha256(repr(mechanism).encode()).hexdigest()
    return opened.debit(
        *cost,
        events=events.to_json(event),
        dataset=dataset,
        policy=policy,
        distribution=distribution,
        label=type(mechanism).__name__,
    )


def epsilon_of(value: Exact) -> Fraction:
    """Return an epsilon exactly; NumberError if it is out of range."""
    found = positive(value, name="epsilon", toward="down")
    check_epsilon(found)
    return found


def sensitivity_of(value: int) -> int:
    """Return a sensitivity; NumberError if it is below 1 or above `MOST`."""
    return count(value, name="sensitivity", most=MOST)


def integer_of(value: object, what: str) -> int:
    """Return an integer, clamped to `MOST`: clamping moves no two values further apart."""
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        found = operator.index(value)  # pyright: ignore[reportArgumentType] - callers may be untyped
    except TypeError:
        msg = f"{what} is an integer, not a {type(value).__name__}; round it before, within the sensitivity"
        raise InputError(msg) from None
    return max(-MOST, min(MOST, found))

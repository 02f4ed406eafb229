"""Budgets that may be spent in any order, by whoever asks next: privacy filters.

``basic``
    Epsilons and deltas add up (Dwork, Roth 2014, theorem 3.16), also where each is chosen by what came before
    (Rogers, Roth, Ullman, Vadhan 2016, theorem 3.1).
``zcdp``
    The rhos of zero-concentrated privacy add up, also where each is chosen by what came before (Whitehouse, Ramdas,
    Rogers, Wu 2023, theorem 1), and the deltas as well.

Amounts are exact fractions, so that a budget can be spent whole: ten tenths of it, or three thirds. Sums whose
denominators would outgrow `MOST_BITS` are rounded up to a grid of 2**-1024, towards more spending. Ledgers of
version 1 kept integers of 2**-64, rounded up where spent and down where declared.
"""

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal, TypeAlias

from shoal_engine.differential.exact_numbers import Exact, check_delta, check_epsilon, exact
from shoal_engine.differential.named_choices import check_choice
from shoal_engine.errors import NumberError

FilterName: TypeAlias = Literal["basic", "zcdp"]
Amounts: TypeAlias = tuple[Fraction, Fraction]

UNIT = Fraction(1, 1 << 64)
"""Of amounts in ledgers of version 1."""
MOST_BITS = 2048
"""Of the denominator of a sum."""
GRAIN = Fraction(1, 1 << 1024)
_FRACTION = re.compile(r"[0-9]{1,2000}(/[0-9]{1,2000})?", re.ASCII)
NAMES: dict[str, tuple[str, str]] = {"basic": ("epsilon", "delta"), "zcdp": ("rho", "delta")}


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be spent in all.

    Attributes
    ----------
    filter : str
        basic or zcdp.
    limits : tuple of two Fraction
        Epsilon or rho, and delta; exact.
    """

    filter: FilterName
    limits: Amounts

    def __post_init__(self) -> None:
        check_choice(self.filter, FilterName, name="filter", error=NumberError)

    @classmethod
    def of(cls, *, epsilon: Exact | None = None, rho: Exact | None = None, delta: Exact = 0) -> "Budget":
        """Return the budget of an epsilon or a rho, and a delta; floats are rounded towards less of it.

        Raises
        ------
        NumberError
            Not exactly one of epsilon and rho is given, or an amount is out of range.
        """
        if (epsilon is None) == (rho is None):
            msg = "a budget is an epsilon or a rho, and a delta; give one of the two, for example epsilon='10'"
            raise NumberError(msg)
        first = rho if epsilon is None else epsilon
        assert first is not None
        amounts = exact(first, name="the budget", toward="down"), exact(delta, name="delta", toward="down")
        if amounts[0] <= 0 or not 0 <= amounts[1] < 1:
            msg = "a budget is above 0, and its delta at least 0 and below 1"
            raise NumberError(msg)
        check_epsilon(amounts[0], name="budget")
        check_delta(amounts[1])
        return cls("basic" if rho is None else "zcdp", amounts)

    @property
    def names(self) -> tuple[str, str]:
        """Return the names of the amounts."""
        return NAMES[self.filter]

    def admits(self, spent: Amounts, cost: Amounts) -> bool:
        """Return whether a cost fits into the budget."""
        return all(done + more <= limit for done, more, limit in zip(spent, cost, self.limits, strict=True))

    def told(self, amounts: Amounts) -> str:
        """Return amounts as people read them."""
        return ", ".join(f"{name} {_rounded(one)}" for name, one in zip(self.names, amounts, strict=True))

    def opening(self) -> str:
        """Return the budget as JSON, for the first line of a ledger."""
        return json.dumps({"filter": self.filter, "limits": [str(limit) for limit in self.limits]}, sort_keys=True)

    @classmethod
    def opened(cls, text: str, version: int) -> "Budget":
        """Return the budget in the first line of a ledger of some version.

        Raises
        ------
        ValueError
            It has no budget.
        """
        try:
            told = json.loads(text)
            kind, (first, delta) = told["filter"], map(str, told["limits"])
            limits = read_amount(first, version), read_amount(delta, version)
        except (KeyError, TypeError, RecursionError) as error:
            raise ValueError(*error.args) from None
        if kind not in NAMES:
            raise ValueError(kind)
        return cls(kind, limits)


def cost_of(first: Exact, delta: Exact) -> Amounts:
    """Return a cost, exactly; floats are rounded toward more of it.

    Raises
    ------
    NumberError
        An amount cannot be read or is negative, or both are 0: what costs nothing needs no ledger.
    """
    first, delta = exact(first, name="the cost", toward="up"), exact(delta, name="delta", toward="up")
    if first < 0 or delta < 0 or not (first or delta):
        msg = "a cost is at least 0, and not nothing; what costs nothing needs no ledger"
        raise NumberError(msg)
    return first, delta


def added(spent: Amounts, cost: Amounts) -> Amounts:
    """Return the spending plus a cost; rounded up where its denominator grows too large."""
    first, delta = (done + more for done, more in zip(spent, cost, strict=True))
    return _bounded(first), _bounded(delta)


def _bounded(total: Fraction) -> Fraction:
    # Towards more that is spent.
    return total if total.denominator.bit_length() <= MOST_BITS else -(-total // GRAIN) * GRAIN


def read_amount(text: str, version: int) -> Fraction:
    """Return an amount that a ledger of some version holds: a ratio, or in version 1 an integer of units of 2**-64.

    Raises
    ------
    ValueError
        It is no amount.
    """
    if _FRACTION.fullmatch(text) is None or (version == 1 and "/" in text):
        raise ValueError(text[:40])
    try:
        found = Fraction(text) if version > 1 else int(text) * UNIT
    except ZeroDivisionError:
        raise ValueError(text[:40]) from None
    if write_amount(found, version) != text:
        raise ValueError(text[:40])
    return found


def write_amount(amount: Fraction, version: int) -> str:
    """Return an amount as a ledger of some version holds it."""
    return str(amount) if version > 1 else str(int(amount / UNIT))


def _rounded(amount: Fraction) -> str:
    """Return six digits of a number, which may be larger than any float."""
    try:
        return f"{float(amount):.6g}"
    except OverflowError:
        return f"{Decimal(int(amount)):.6g}"

"""Budgets that may be spent in any order, by whoever asks next: privacy filters.

``basic``
    Epsilons and deltas add up (Dwork, Roth 2014, theorem 3.16), also where each is chosen by what came before
    (Rogers, Roth, Ullman, Vadhan 2016, theorem 3.1).
``zcdp``
    The rhos of zero-concentrated privacy add up, also where each is chosen by what came before (Whitehouse, Ramdas,
    Rogers, Wu 2023, theorem 1), and the deltas beside them.

Amounts are whole numbers of units of 2**-64: costs are rounded up and limits down, so sums are exact and never favor
whoever spends.
"""

import json
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal, TypeAlias

from shoal_engine.differential.exact_numbers import Exact, check_delta, check_epsilon, exact
from shoal_engine.differential.named_choices import check_choice
from shoal_engine.errors import NumberError

FilterName: TypeAlias = Literal["basic", "zcdp"]
Amounts: TypeAlias = tuple[int, int]

UNIT = Fraction(1, 1 << 64)
NAMES: dict[str, tuple[str, str]] = {"basic": ("epsilon", "delta"), "zcdp": ("rho", "delta")}


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be spent in all.

    Attributes
    ----------
    filter : str
        basic or zcdp.
    limits : tuple of two int
        In units of 2**-64: epsilon or rho, and delta.
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
        return cls("basic" if rho is None else "zcdp", (amounts[0] // UNIT, amounts[1] // UNIT))

    @property
    def names(self) -> tuple[str, str]:
        """Return what the amounts are called."""
        return NAMES[self.filter]

    def admits(self, spent: Amounts, cost: Amounts) -> bool:
        """Tell whether a cost may be added to what is spent."""
        return all(done + more <= limit for done, more, limit in zip(spent, cost, self.limits, strict=True))

    def told(self, amounts: Amounts) -> str:
        """Return amounts as people read them."""
        return ", ".join(f"{name} {_rounded(one * UNIT)}" for name, one in zip(self.names, amounts, strict=True))

    def opening(self) -> str:
        """Return the budget as the first line of a ledger tells it: JSON."""
        return json.dumps({"filter": self.filter, "limits": [str(limit) for limit in self.limits]}, sort_keys=True)

    @classmethod
    def opened(cls, text: str) -> "Budget":
        """Return the budget that the first line of a ledger tells.

        Raises
        ------
        ValueError
            It tells none.
        """
        told = json.loads(text)
        try:
            kind, (first, delta) = told["filter"], map(int, told["limits"])
        except (KeyError, TypeError) as error:
            raise ValueError(*error.args) from None
        if kind not in NAMES or first < 0 or delta < 0:
            raise ValueError(kind)
        return cls(kind, (first, delta))


def cost_of(first: Exact, delta: Exact) -> Amounts:
    """Return a cost in units, rounded up; floats are rounded toward more of it.

    Raises
    ------
    NumberError
        An amount cannot be read or is negative, or both are 0: what costs nothing needs no ledger.
    """
    first, delta = exact(first, name="the cost", toward="up"), exact(delta, name="delta", toward="up")
    if first < 0 or delta < 0 or not (first or delta):
        msg = "a cost is at least 0, and not nothing; what costs nothing needs no ledger"
        raise NumberError(msg)
    return -(-first // UNIT), -(-delta // UNIT)


def _rounded(amount: Fraction) -> str:
    """Return six digits of a number, which may be larger than any float."""
    try:
        return f"{float(amount):.6g}"
    except OverflowError:
        return f"{Decimal(int(amount)):.6g}"

"""Budgets at their bounds: the last exact amount is admitted, and the least beyond it is not."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal_engine.errors import NumberError
from shoal_engine.ledger.budgets import MOST_BITS, Budget, added, cost_of, read_amount, write_amount

TINY = Fraction(1, 1 << 400)
amounts = st.fractions(Fraction(0), Fraction(10))


def test_admits__the_whole_and_nothing_beyond_in_either_amount() -> None:
    budget = Budget.of(epsilon="1", delta="1e-6")
    third, delta = Fraction(1, 3), Fraction(1, 10**6)
    assert budget.admits((2 * third, Fraction(0)), (third, delta))
    assert not budget.admits((2 * third, Fraction(0)), (third + TINY, delta))
    assert not budget.admits((2 * third, Fraction(0)), (third, delta + TINY))
    assert not budget.admits((Fraction(1), Fraction(0)), (TINY, Fraction(0)))


@pytest.mark.parametrize(("epsilon", "delta"), [("0", "0"), ("-1", "0"), ("1", "1"), ("1", "-1e-9")])
def test_budget__refuses_what_is_none(epsilon: str, delta: str) -> None:
    with pytest.raises(NumberError):
        Budget.of(epsilon=epsilon, delta=delta)


def test_budget__is_one_of_epsilon_and_rho() -> None:
    assert Budget.of(epsilon=1).filter == "basic"
    assert Budget.of(rho=1, delta=0).filter == "zcdp"
    for given_amounts in ({}, {"epsilon": 1, "rho": 1}):
        with pytest.raises(NumberError, match="one of the two"):
            Budget.of(**given_amounts)


def test_cost__either_amount_may_be_0_and_not_both() -> None:
    assert cost_of("1/3", 0) == (Fraction(1, 3), 0)
    assert cost_of(0, "1e-9") == (0, Fraction(1, 10**9))
    for first, delta in ((0, 0), ("-1/3", "1e-9"), ("1/3", "-1e-9")):
        with pytest.raises(NumberError, match="at least 0"):
            cost_of(first, delta)


@given(amounts, amounts, amounts, amounts)
def test_added__is_exact_while_it_can_be(one: Fraction, two: Fraction, three: Fraction, four: Fraction) -> None:
    assert added((one, two), (three, four)) == (one + three, two + four)


@pytest.mark.parametrize("bits", [MOST_BITS - 1, MOST_BITS, 3000])
def test_added__rounds_up_by_less_than_a_grain_beyond_the_most_bits(bits: int) -> None:
    """The denominators 2**bits have bits + 1 digits."""
    little = Fraction(1, 1 << bits)
    total, _ = added((Fraction(1), Fraction(0)), (little, Fraction(0)))
    if bits + 1 <= MOST_BITS:
        assert total == 1 + little
    else:
        assert 1 + little < total <= 1 + little + Fraction(1, 1 << 1024)
        assert total.denominator <= 1 << 1024


@given(amounts)
def test_amounts__survive_being_written(amount: Fraction) -> None:
    assert read_amount(write_amount(amount, 2), 2) == amount
    units = Fraction(int(amount * 2**64), 2**64)
    assert write_amount(units, 1) == str(int(units * 2**64))
    assert read_amount(write_amount(units, 1), 1) == units


@pytest.mark.parametrize(("text", "version"), [("1/2", 1), ("2/4", 2), ("1/0", 2), ("-1", 2), ("01", 2), ("", 1)])
def test_read_amount__refuses_what_would_not_be_written(text: str, version: int) -> None:
    with pytest.raises(ValueError):
        read_amount(text, version)


def test_told__six_digits_by_name_and_beyond_floats() -> None:
    assert Budget.of(epsilon=1).told((Fraction(1, 3), Fraction(0))) == "epsilon 0.333333, delta 0"
    assert Budget.of(rho=1).told((Fraction(10**400), Fraction(0))).startswith("rho 1.00000e+400")

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal_engine.differential.exact_numbers import Exact, check_delta, check_epsilon, exact, positive
from shoal_engine.errors import NumberError


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("0.1", Fraction(1, 10)),
        (" 1/3 ", Fraction(1, 3)),
        ("1e-7", Fraction(1, 10**7)),
        ("0.5/0.25", Fraction(2)),
        (3, Fraction(3)),
        (Fraction(2, 7), Fraction(2, 7)),
        (Decimal("0.30"), Fraction(3, 10)),
        (np.int64(4), Fraction(4)),
    ],
)
def test_exact__what_was_written(value: Exact, meant: Fraction) -> None:
    assert exact(value, name="scale") == meant


@given(st.floats(min_value=1e-300, max_value=1e300))
def test_exact__floats_round_toward_more_noise(value: float) -> None:
    up, down = exact(value, name="scale", toward="up"), exact(value, name="epsilon", toward="down")
    assert down <= Fraction(value) <= up
    assert down <= Fraction(repr(value)) <= up
    assert float(up) == float(down) == value


@pytest.mark.parametrize(
    "value",
    ["", "a tenth", "1/0", "nan", "inf", "1/2/3", "1e9999", "9" * 2000, True, None, 0.1, Decimal("NaN"), [1]],
)
def test_exact__refuses(value: object) -> None:
    with pytest.raises(NumberError, match=r"^scale "):
        exact(value, name="scale")  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_exact__no_float_without_end(value: float) -> None:
    with pytest.raises(NumberError, match="finite"):
        exact(value, name="scale", toward="up")


@pytest.mark.parametrize("value", ["0", "-1", Fraction(-1, 3), 0])
def test_positive__refuses_zero_and_below(value: Exact) -> None:
    with pytest.raises(NumberError, match="above 0"):
        positive(value, name="epsilon")


def test_exact__exponents_up_to_400() -> None:
    for text in ("1e400", "9e400", "1e-400"):
        assert exact(text, name="scale") == Fraction(text)
    for text in ("1e401", "1e-401"):
        with pytest.raises(NumberError, match="exponent beyond 400"):
            exact(text, name="scale")


def test_checks__limits_are_those_that_the_messages_tell() -> None:
    for epsilon in ("1e-50", "1e15"):
        check_epsilon(Fraction(epsilon))
    for epsilon in ("0.99e-50", "1.01e15"):
        with pytest.raises(NumberError, match=r"at least 1e-50.* at most 1e15"):
            check_epsilon(Fraction(epsilon))
    for delta in ("0", "1e-250", "0.999"):
        check_delta(Fraction(delta))
    for delta in ("0.99e-250", "1", "-1e-9"):
        with pytest.raises(NumberError, match="below 1, and if not 0 at least 1e-250"):
            check_delta(Fraction(delta))

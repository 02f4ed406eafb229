"""Numbers that set noise, without rounding: noise and charges use the number as it was written."""

import math
import numbers
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Final, Literal

from shoal_engine.errors import NumberError

Exact = str | int | Fraction | Decimal | float

LONGEST: Final = 1_000
"""Characters of a number as text."""
LARGEST_EXPONENT: Final = 400
"""Powers of ten; beyond lies no scale of this world, but numbers that fill the memory."""

LARGEST_EPSILON: Final = Fraction(10**15)
LEAST_EPSILON: Final = Fraction(1, 10**50)
"""Of what anybody would spend: far beyond what protects, and far below what tells anything."""
LEAST_DELTA: Final = Fraction(1, 10**250)
"""Of a delta that is not 0."""

_HOW = "give it as text such as '0.1' or '1/3', or as an int, a Fraction or a Decimal"


def exact(value: Exact, *, name: str, toward: Literal["up", "down"] | None = None) -> Fraction:
    """Return a number as the fraction that was meant.

    A float stands for two numbers: the binary fraction that it is, and the shortest decimal that it prints as,
    which is what was typed. `toward` says which of the two means more noise, and that one is taken.

    Parameters
    ----------
    value : str, int, Fraction, Decimal or float
        Text is a decimal (``"0.1"``, ``"1e-7"``) or a ratio of two (``"1/3"``).
    name : str
        Name of the parameter, for messages.
    toward : "up" | "down", optional
        Direction in which a float is rounded: up for a scale, down for an epsilon. Default: floats are refused.

    Raises
    ------
    NumberError
        `value` is no finite number, is written in more than `LONGEST` characters or with an exponent beyond
        `LARGEST_EXPONENT`, or is a float where `toward` is not given.

    Examples
    --------
    >>> exact("0.1", name="scale"), exact("1/3", name="scale")
    (Fraction(1, 10), Fraction(1, 3))
    >>> exact(0.1, name="epsilon", toward="down")
    Fraction(1, 10)
    >>> exact(0.1, name="scale", toward="up")
    Fraction(3602879701896397, 36028797018963968)
    """
    if isinstance(value, bool):
        raise _unreadable(name)
    if isinstance(value, (int, Fraction)):
        return Fraction(value)
    if isinstance(value, Decimal):
        return _decimal(value, name)
    if isinstance(value, float):
        return _float(float(value), name, toward)
    if isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        return _text(value, name)
    if isinstance(value, numbers.Integral):
        return Fraction(int(value))
    raise _unreadable(name)


def positive(value: Exact, *, name: str, toward: Literal["up", "down"] | None = None) -> Fraction:
    """Return a number as `exact` does; one that is not above 0 is refused.

    Raises
    ------
    NumberError
    """
    found = exact(value, name=name, toward=toward)
    if found <= 0:
        msg = f"{name} must be above 0; there is no noise, or no bound, at 0 or below"
        raise NumberError(msg)
    return found


def check_delta(value: Fraction) -> None:
    """Check that a delta is 0, or from `LEAST_DELTA` to below 1.

    Raises
    ------
    NumberError
    """
    if not (value == 0 or LEAST_DELTA <= value < 1):
        msg = "delta must be at least 0 and below 1, and if not 0 at least 1e-250; with 1 everything could be disclosed"
        raise NumberError(msg)


def check_epsilon(value: Fraction, *, name: str = "epsilon") -> None:
    """Check that an epsilon or a rho is from `LEAST_EPSILON` to `LARGEST_EPSILON`.

    Raises
    ------
    NumberError
    """
    if not LEAST_EPSILON <= value <= LARGEST_EPSILON:
        msg = (
            f"give {'an' if name == 'epsilon' else 'a'} {name} above 0: at least 1e-50, below which no answer is "
            "possible, and at most 1e15, far beyond which nobody is protected"
        )
        raise NumberError(msg)


def count(value: object, *, name: str, least: int = 1, most: int = (1 << 63) - 1) -> int:
    """Return an integer within bounds.

    Raises
    ------
    NumberError
        It is not an integer (neither a bool nor a float is), or out of bounds.

    Examples
    --------
    >>> count(5, name="runs")
    5
    """
    if not isinstance(value, bool) and isinstance(value, numbers.Integral) and least <= int(value) <= most:
        return int(value)
    msg = f"{name} must be an integer of at least {least} and at most {most}; correct it"
    raise NumberError(msg)


def _unreadable(name: str) -> NumberError:
    msg = f"{name} cannot be read as a number; {_HOW}"
    return NumberError(msg)


def _decimal(value: Decimal, name: str) -> Fraction:
    if not value.is_finite():
        msg = f"{name} must be finite; {_HOW}"
        raise NumberError(msg)
    if (value and abs(value.adjusted()) > LARGEST_EXPONENT) or len(value.as_tuple().digits) > LONGEST:
        msg = f"{name} has an exponent beyond {LARGEST_EXPONENT} or over {LONGEST} digits; give a number of usual size"
        raise NumberError(msg)
    return Fraction(value)


def _float(value: float, name: str, toward: Literal["up", "down"] | None) -> Fraction:
    if not math.isfinite(value):
        msg = f"{name} must be finite; {_HOW}"
        raise NumberError(msg)
    if toward not in ("up", "down"):
        msg = f"{name} is a float, which need not be the number that was written; {_HOW}"
        raise NumberError(msg)
    as_it_is, as_printed = Fraction(value), Fraction(repr(value))
    return max(as_it_is, as_printed) if toward == "up" else min(as_it_is, as_printed)


def _text(value: str, name: str) -> Fraction:
    if len(value) > LONGEST:
        msg = f"{name} is written in more than {LONGEST} characters; write a number of ordinary size"
        raise NumberError(msg)
    above, slash, below = value.partition("/")
    try:
        numerator, denominator = Decimal(above.strip()), Decimal(below.strip()) if slash else Decimal(1)
    except InvalidOperation:
        raise _unreadable(name) from None
    found = _decimal(denominator, name)
    if found == 0:
        raise _unreadable(name)
    return _decimal(numerator, name) / found

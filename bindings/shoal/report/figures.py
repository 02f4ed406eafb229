"""Numbers as a report prints them; each value is rounded as its text is."""

from fractions import Fraction

from shoal.report.facts import Bar, Figure

_UP = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
NOT_STATED = Figure(None, "not in the certificate")
NO_LIMIT = Figure(None, "none declared")


def count(number: int) -> Figure:
    """Return an integer with separators.

    Examples
    --------
    >>> count(14021)
    Figure(value=14021, text='14,021')
    """
    return Figure(number, f"{number:,}")


def share(number: float, digits: int = 1) -> Figure:
    """Return a share in percent; a small one is not rounded to 0, nor a large one to all.

    Examples
    --------
    >>> share(0.465), share(0.00001), share(0.0), share(1 / 12, 2)
    (Figure(value=0.465, text='46.5 %'), Figure(value=None, text='<0.1 %'), Figure(value=0, text='0'), \
Figure(value=0.0833, text='8.33 %'))
    """
    if number == 0:
        return Figure(0, "0")
    least = 10.0**-digits
    shown = round(100 * number, digits)
    if shown < least:
        return Figure(None, f"<{least:.{digits}f} %")
    if shown >= 100 and number < 1:
        return Figure(None, f">{100 - least:.{digits}f} %")
    return Figure(round(shown / 100, digits + 2), f"{shown:.{digits}f} %")


def decimal(number: float, digits: int = 4) -> Figure:
    """Return a number with some digits after the point."""
    return Figure(round(number, digits), f"{number:.{digits}f}")


def exact(number: Fraction) -> Figure:
    """Return a privacy amount: as a short decimal, or in powers of ten; rounded up, toward more spent.

    Examples
    --------
    >>> [exact(number).text for number in (Fraction(3, 2), Fraction(2, 10**7), Fraction(1, 10**6), Fraction(0))]
    ['1.5', '2·10⁻⁷', '10⁻⁶', '0']
    """
    if not number:
        return Figure(0, "0")
    power, least = 0, Fraction(1, 1000)
    while number * 10**power < least if power == 0 else number * 10**power < 1:
        power += 1
    scaled = number * 10**power
    digits = 4
    rounded = Fraction(-(-scaled.numerator * 10**digits // scaled.denominator), 10**digits)
    text = f"{float(rounded):.{digits}f}".rstrip("0").rstrip(".")
    value = float(rounded / 10**power)
    if not power:
        return Figure(value, text)
    ten = "10" + str(-power).translate(_UP)
    return Figure(value, ten if text == "1" else f"{text}·{ten}")


def bar(part: float) -> Bar:
    """Return a share as a bar; one that is not 0 is at least 1 percent long."""
    return Bar(share(part), max(round(100 * part, 1), 1.0) if part > 0 else 0.0)

"""The text of a value: what labels, hierarchies and pseudonyms call it."""

from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc


def value_texts(values: pa.Array) -> pa.StringArray:
    """Return the text of each value; times of day without zeros that say nothing.

    Examples
    --------
    >>> import datetime
    >>> value_texts(pa.array([datetime.time(10, 5)], pa.time64("ns"))).to_pylist()
    ['10:05:00']
    """
    if not pa.types.is_time(values.type):
        return pc.cast(values, pa.string())
    for kind in (pa.time32("s"), pa.time32("ms"), pa.time64("us")):
        try:
            return pc.cast(pc.cast(values, kind), pa.string())
        except pa.ArrowInvalid:
            # Some value is more precise.
            continue
    return pc.cast(values, pa.string())


def number_texts(values: pa.Array) -> list[str | None]:
    """Return one text for one number, whether integer, float or decimal: no exponent, no zeros that say nothing.

    Examples
    --------
    >>> number_texts(pa.array([30.0, 2.5])), number_texts(pa.array([30]))
    (['30', '2.5'], ['30'])
    """
    if pa.types.is_integer(values.type):
        return pc.cast(values, pa.string()).to_pylist()
    exact = [None if one is None else Decimal(one) for one in _shortest(values)]
    return [None if one is None else plain_number(one) for one in exact]


def plain_number(number: Decimal) -> str:
    """Return a number without exponent and without zeros that say nothing; NaN and infinities by name."""
    if not number.is_finite():
        return str(number)
    text = f"{number:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def is_number(kind: pa.DataType) -> bool:
    """Return whether a type holds numbers."""
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)


def _shortest(values: pa.Array) -> list[str | None]:
    """Return floats and decimals as the shortest texts that are read back as the same values."""
    if pa.types.is_decimal(values.type):
        return [None if one is None else str(one) for one in values.to_pylist()]
    return pc.cast(values, pa.string()).to_pylist()

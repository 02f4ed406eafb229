"""What was done to the data: events, from which every accountant reckons. They are values, and read and write JSON.

An event says what was drawn and how far one privacy unit can move it; what that costs is for `accounting` to say.
Numbers that set noise are exact: `Fraction` in use, a decimal or a ratio as text in JSON.
"""

from fractions import Fraction
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from shoal_engine.errors import NumberError


class DiscreteLaplace(Struct, frozen=True, tag_field="kind", tag="discrete-laplace"):
    """Integer noise z, in proportion to exp(-abs(z) / scale), on a number that moves by at most `sensitivity`."""

    scale: Fraction
    sensitivity: Fraction


class DiscreteGaussian(Struct, frozen=True, tag_field="kind", tag="discrete-gaussian"):
    """Integer noise z, in proportion to exp(-z**2 / (2 sigma_squared)), on a number that moves by `sensitivity`."""

    sigma_squared: Fraction
    sensitivity: Fraction


class Laplace(Struct, frozen=True, tag_field="kind", tag="laplace"):
    """Real noise of a Laplace law of this scale, on a number that moves by at most `sensitivity`."""

    scale: Fraction
    sensitivity: Fraction


class Gaussian(Struct, frozen=True, tag_field="kind", tag="gaussian"):
    """Real noise of a Gaussian law with standard deviation sigma, on a number that moves by at most `sensitivity`."""

    sigma: Fraction
    sensitivity: Fraction


class PureDP(Struct, frozen=True, tag_field="kind", tag="pure"):
    """Anything that is epsilon-private."""

    epsilon: Fraction


class ApproximateDP(Struct, frozen=True, tag_field="kind", tag="approximate"):
    """Anything that is (epsilon, delta)-private."""

    epsilon: Fraction
    delta: Fraction


class BoundedRange(Struct, frozen=True, tag_field="kind", tag="bounded-range"):
    """Anything whose privacy loss has range epsilon, as that of the exponential mechanism."""

    epsilon: Fraction


class PoissonSampled(Struct, frozen=True, tag_field="kind", tag="poisson-sampled"):
    """An event on a sample that the engine draws itself, each unit with chance `rate`, secretly and anew."""

    rate: Fraction
    event: "Event"


class FixedSizeSampled(Struct, frozen=True, tag_field="kind", tag="fixed-size-sampled"):
    """An event on `size` of `population` units, drawn by the engine itself, secretly and anew, without replacement.

    Neighbors are tables of equal size, one unit exchanged for another; the event says what such a change does.
    """

    size: int
    population: int
    event: "Event"


class Repeated(Struct, frozen=True, tag_field="kind", tag="repeated"):
    """The same event several times, with noise of its own each time."""

    event: "Event"
    times: int


class Composed(Struct, frozen=True, tag_field="kind", tag="composed"):
    """Several events on the same data."""

    events: tuple["Event", ...]


class Parallel(Struct, frozen=True, tag_field="kind", tag="parallel"):
    """Events on parts of the data of which each unit is in one."""

    events: tuple["Event", ...]


Event: TypeAlias = (
    DiscreteLaplace
    | DiscreteGaussian
    | Laplace
    | Gaussian
    | PureDP
    | ApproximateDP
    | BoundedRange
    | PoissonSampled
    | FixedSizeSampled
    | Repeated
    | Composed
    | Parallel
)


def to_json(event: Event) -> str:
    """Return an event as JSON."""
    return msgspec.json.encode(event, enc_hook=_written).decode()


def from_json(text: str) -> Event:
    """Return the event that JSON tells of."""
    try:
        return msgspec.json.decode(text, type=Event, dec_hook=_read)  # pyright: ignore[reportArgumentType]
    except msgspec.DecodeError as error:
        msg = f"this is no event: {error}"
        raise NumberError(msg) from None


def _written(value: Any) -> str:
    if isinstance(value, Fraction):
        return str(value)
    msg = f"an event cannot hold a {type(value).__name__}"
    raise NumberError(msg)


def _read(kind: type, value: Any) -> Fraction:
    if kind is Fraction and isinstance(value, str):
        return Fraction(value)
    msg = "a number of an event is written as text, a decimal or a ratio"
    raise NumberError(msg)

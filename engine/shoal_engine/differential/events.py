"""Privacy events: the facts about a release that every accountant composes. They are values, and read and write JSON.

An event says what was drawn and how far one privacy unit can move it; `accounting` computes the cost.
Numbers that set noise are exact: `Fraction` in use, a decimal or a ratio as text in JSON. An event whose numbers have
no meaning, such as a scale of 0 or a negative epsilon, cannot be made: it raises NumberError.
"""

from fractions import Fraction
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from shoal_engine.differential.exact_numbers import exact
from shoal_engine.errors import NumberError

LARGEST = Fraction(10**75)
"""Of scales, sensitivities and epsilons; none but 0 is below 1 / LARGEST, so that floating numbers hold their ratios
and the squares of these."""
LEAST_DELTA = Fraction(1, 10**300)
"""Of deltas that are not 0."""
MOST_TIMES = 1 << 62
MOST_LEVELS = 60
"""Events within events."""


class DiscreteLaplace(Struct, frozen=True, tag_field="kind", tag="discrete-laplace"):
    """Integer noise z, in proportion to exp(-abs(z) / scale), on a number that moves by at most `sensitivity`."""

    scale: Fraction
    sensitivity: Fraction

    def __post_init__(self) -> None:
        _check_noise(self.scale, self.sensitivity, discrete=True)


class DiscreteGaussian(Struct, frozen=True, tag_field="kind", tag="discrete-gaussian"):
    """Integer noise z, in proportion to exp(-z**2 / (2 sigma_squared)), on a number that moves by `sensitivity`."""

    sigma_squared: Fraction
    sensitivity: Fraction

    def __post_init__(self) -> None:
        _check_noise(self.sigma_squared, self.sensitivity, discrete=True, largest=LARGEST**2)


class Laplace(Struct, frozen=True, tag_field="kind", tag="laplace"):
    """Real Laplace noise of this scale, on a number that moves by at most `sensitivity`."""

    scale: Fraction
    sensitivity: Fraction

    def __post_init__(self) -> None:
        _check_noise(self.scale, self.sensitivity)


class Gaussian(Struct, frozen=True, tag_field="kind", tag="gaussian"):
    """Real Gaussian noise with standard deviation sigma, on a number that moves by at most `sensitivity`."""

    sigma: Fraction
    sensitivity: Fraction

    def __post_init__(self) -> None:
        _check_noise(self.sigma, self.sensitivity)


class PureDP(Struct, frozen=True, tag_field="kind", tag="pure"):
    """Anything that is epsilon-private."""

    epsilon: Fraction

    def __post_init__(self) -> None:
        _check_amounts(self.epsilon)


class ApproximateDP(Struct, frozen=True, tag_field="kind", tag="approximate"):
    """Anything that is (epsilon, delta)-private."""

    epsilon: Fraction
    delta: Fraction

    def __post_init__(self) -> None:
        _check_amounts(self.epsilon, self.delta)


class BoundedRange(Struct, frozen=True, tag_field="kind", tag="bounded-range"):
    """Anything whose privacy loss has range epsilon, as that of the exponential mechanism."""

    epsilon: Fraction

    def __post_init__(self) -> None:
        _check_amounts(self.epsilon)


class PoissonSampled(Struct, frozen=True, tag_field="kind", tag="poisson-sampled"):
    """An event on a sample that the engine draws secretly, each unit independently with probability `rate`."""

    rate: Fraction
    event: "Event"

    def __post_init__(self) -> None:
        _check_number(self.rate, "the rate of a sample")
        _check(0 < self.rate <= 1, "the rate of a sample", "above 0 and at most 1")
        _check_events(self.event)


class FixedSizeSampled(Struct, frozen=True, tag_field="kind", tag="fixed-size-sampled"):
    """An event on `size` of `population` units, drawn secretly by the engine itself, without replacement.

    Neighbors are tables of equal size, one unit exchanged for another; the event says what such a change does.
    """

    size: int
    population: int
    event: "Event"

    def __post_init__(self) -> None:
        _check_count(self.population, "the population of a sample")
        _check_count(self.size, "the size of a sample, its share of the units,")
        _check(self.size <= self.population, "the size of a sample", "at most its population")
        _check_events(self.event)


class Repeated(Struct, frozen=True, tag_field="kind", tag="repeated"):
    """The same event several times, with noise of its own each time."""

    event: "Event"
    times: int

    def __post_init__(self) -> None:
        _check_count(self.times, "the times that an event is repeated")
        _check_events(self.event)


class Composed(Struct, frozen=True, tag_field="kind", tag="composed"):
    """Several events on the same data."""

    events: tuple["Event", ...]

    def __post_init__(self) -> None:
        _check_events(*self.events)


class Parallel(Struct, frozen=True, tag_field="kind", tag="parallel"):
    """Events on disjoint parts of the data; each unit is in one part."""

    events: tuple["Event", ...]

    def __post_init__(self) -> None:
        _check(len(self.events) > 0, "the number of parallel events", "at least 1")
        _check_events(*self.events)


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
    """Return an event as JSON.

    Raises
    ------
    NumberError
        It is no event.
    """
    _check_events(event)
    return msgspec.json.encode(event, enc_hook=_written).decode()


def from_json(text: str) -> Event:
    """Return the event that JSON describes.

    Raises
    ------
    NumberError
        It is no JSON, no event, a number in it has no meaning, or it is nested deeper than `MOST_LEVELS`.
    """
    if not isinstance(text, str | bytes):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        msg = f"an event is JSON as text, and this is of type {type(text).__name__}; give `plan.event`, or a ledger's"
        raise NumberError(msg)
    try:
        event: Event = msgspec.json.decode(text, type=Event, dec_hook=_read)
    except msgspec.DecodeError as error:
        msg = f"this is no event: {error}"
        raise NumberError(msg) from None
    except (UnicodeError, RecursionError):
        msg = "this is no event: it is not text of UTF-8, or nested too deep"
        raise NumberError(msg) from None
    if _levels(event) > MOST_LEVELS:
        msg = f"this event is nested deeper than {MOST_LEVELS} levels; compose it flatly"
        raise NumberError(msg)
    return event


def _levels(event: Event) -> int:
    """Return how many events lie within one another."""
    found, level = 0, [event]
    while level:
        found += 1
        level = [inner for one in level for inner in _inner(one)]
    return found


def _inner(event: Event) -> tuple[Event, ...]:
    """Return the events that one is made of."""
    match event:
        case Composed(events=several) | Parallel(events=several):
            return several
        case Repeated(event=one) | PoissonSampled(event=one) | FixedSizeSampled(event=one):
            return (one,)
        case _:
            return ()


def _written(value: Any) -> str:
    if isinstance(value, Fraction):
        return str(value)
    msg = f"an event cannot hold a {type(value).__name__}"
    raise NumberError(msg)


def _read(kind: type, value: Any) -> Fraction:
    if kind is Fraction and isinstance(value, str):
        return exact(value, name="a number of an event")
    msg = "a number of an event is written as text, a decimal or a ratio"
    raise NumberError(msg)


def _check_noise(
    scale: Fraction, sensitivity: Fraction, *, discrete: bool = False, largest: Fraction = LARGEST
) -> None:
    _check_number(scale, "the scale of noise", 1 / largest, largest)
    _check_number(sensitivity, "a sensitivity")
    _check(scale > 0, "the scale of noise", "above 0")
    _check(sensitivity >= 0, "a sensitivity", "at least 0")
    whole = Fraction(sensitivity).denominator == 1
    _check(whole or not discrete, "the sensitivity under integer noise", "an integer, as what it protects is one")


def _check_amounts(epsilon: Fraction, delta: Fraction = Fraction(0)) -> None:
    _check_number(epsilon, "an epsilon")
    _check_number(delta, "a delta", LEAST_DELTA)
    _check(epsilon >= 0, "an epsilon", "at least 0")
    _check(0 <= delta <= 1, "a delta", "at least 0 and at most 1")


def _check_number(value: object, name: str, least: Fraction = 1 / LARGEST, largest: Fraction = LARGEST) -> None:
    if isinstance(value, bool) or not isinstance(value, int | Fraction):
        _check(fine=False, name=name, how="an exact number, a Fraction or an int")
    elif value:
        size = f"0, or between 1e{_magnitude(least)} and 1e{_magnitude(largest)} in size"
        _check(least <= abs(value) <= largest, name, size)


def _check_count(value: object, name: str) -> None:
    whole = not isinstance(value, bool) and isinstance(value, int) and 1 <= value <= MOST_TIMES
    _check(whole, name, "an integer from 1 to 2**62")


def _check_events(*several: object) -> None:
    for one in several:
        if not isinstance(one, Event):
            msg = f"an event is made of events, not of a {type(one).__name__}; see the kinds in this module"
            raise NumberError(msg)


def _magnitude(power_of_ten: Fraction) -> int:
    """Return the exponent of a power of ten."""
    return len(str(power_of_ten.numerator)) - len(str(power_of_ten.denominator))


def _check(fine: bool, name: str, how: str) -> None:  # noqa: FBT001
    if not fine:
        msg = f"{name} must be {how}; correct the event"
        raise NumberError(msg)

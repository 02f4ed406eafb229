"""Events: what has no meaning cannot be made, nor read."""

import json
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shoal_engine.differential import events
from shoal_engine.differential.accounting.accountant import privacy_spent
from shoal_engine.errors import NumberError

ONE, ZERO = Fraction(1), Fraction(0)
NOISE = (events.DiscreteLaplace, events.DiscreteGaussian, events.Laplace, events.Gaussian)
PURE = events.PureDP(ONE)


@pytest.mark.parametrize("kind", NOISE)
@pytest.mark.parametrize(
    ("scale", "sensitivity"),
    [(0, 1), (-1, 1), (1, -1), (1.0, 1), (True, 1), ("1", 1), (1, None), (Fraction(10**160), 1), (1, Fraction(10**80))],
)
def test_noise__of_no_meaning_cannot_be_made(kind: Any, scale: Any, sensitivity: Any) -> None:
    with pytest.raises(NumberError):
        kind(scale, sensitivity)


@pytest.mark.parametrize("kind", NOISE[:2])
def test_noise__of_integers_protects_integers(kind: Any) -> None:
    """A sensitivity of 3/2 was taken as 1 before."""
    with pytest.raises(NumberError, match="an integer"):
        kind(ONE, Fraction(3, 2))


@pytest.mark.parametrize(
    "make",
    [
        lambda: events.PureDP(-ONE),
        lambda: events.PureDP(0.5),
        lambda: events.PureDP(Fraction(10**80)),
        lambda: events.ApproximateDP(ONE, Fraction(2)),
        lambda: events.ApproximateDP(ONE, Fraction(-1)),
        lambda: events.ApproximateDP(ONE, Fraction(1, 10**310)),
        lambda: events.BoundedRange(-ONE),
        lambda: events.PoissonSampled(ZERO, PURE),
        lambda: events.PoissonSampled(Fraction(2), PURE),
        lambda: events.PoissonSampled(ONE, "pure"),
        lambda: events.FixedSizeSampled(3, 2, PURE),
        lambda: events.FixedSizeSampled(0, 0, PURE),
        lambda: events.FixedSizeSampled(1.5, 2, PURE),
        lambda: events.Repeated(PURE, 0),
        lambda: events.Repeated(PURE, times=True),
        lambda: events.Repeated(PURE, 1.5),
        lambda: events.Repeated(PURE, 1 << 63),
        lambda: events.Repeated(None, 1),
        lambda: events.Composed((PURE, 1)),
        lambda: events.Parallel(()),
        lambda: events.to_json("pure"),
    ],
)
def test_event__of_no_meaning_cannot_be_made(make: Callable[[], object]) -> None:
    with pytest.raises(NumberError):
        make()


@pytest.mark.parametrize(
    "text",
    [
        None,
        5,
        "",
        "{}",
        "[]",
        "\ud800",
        '{"kind":"other"}',
        '{"kind":"pure","epsilon":1}',
        '{"kind":"pure","epsilon":"1/0"}',
        '{"kind":"pure","epsilon":"nan"}',
        '{"kind":"pure","epsilon":"1e9999999"}',
        '{"kind":"laplace","scale":"0","sensitivity":"1"}',
        '{"kind":"repeated","times":-1,"event":{"kind":"pure","epsilon":"1"}}',
        '{"kind":"composed","events":[' * 100 + "]}" * 100,
        '{"kind":"composed","events":[' * 9000 + "]}" * 9000,
        "[" * 100_000,
    ],
)
def test_from_json__of_no_event(text: Any) -> None:
    with pytest.raises(NumberError):
        events.from_json(text)


@pytest.mark.parametrize(
    "event",
    [
        events.PureDP(ZERO),
        events.ApproximateDP(ZERO, Fraction(1, 10**7)),
        events.Repeated(events.ApproximateDP(ZERO, Fraction(1, 10**7)), 3),
        events.Gaussian(ONE, ZERO),
        events.Laplace(ONE, ZERO),
        events.DiscreteLaplace(ONE, ZERO),
        events.DiscreteGaussian(ONE, ZERO),
        events.PoissonSampled(Fraction(1, 2), events.PureDP(ZERO)),
        events.Composed(()),
        events.Composed((events.Gaussian(ONE, ZERO), events.PureDP(ZERO))),
    ],
)
def test_privacy_spent__of_what_tells_nothing_is_0(event: events.Event) -> None:
    assert privacy_spent(event, delta=Fraction(1, 10**6)).epsilon == 0


def test_privacy_spent__deltas_beyond_the_one_given_cost_everything() -> None:
    assert privacy_spent(events.ApproximateDP(ZERO, Fraction(1, 10**5)), delta=Fraction(1, 10**6)).epsilon == float(
        "inf"
    )


NUMBERS = st.one_of(
    st.sampled_from([ZERO, ONE, events.LARGEST, 1 / events.LARGEST, Fraction(10**15), Fraction(1, 10**9)]),
    st.fractions(Fraction(1, 10**6), Fraction(10**6)),
)


@st.composite
def any_event(draw: st.DrawFn) -> str:
    """Return JSON in the form of an event, whose numbers may have no meaning."""
    first, second = str(draw(NUMBERS)), str(draw(NUMBERS))
    leaf = draw(
        st.sampled_from(
            [
                {"kind": "laplace", "scale": first, "sensitivity": second},
                {"kind": "gaussian", "sigma": first, "sensitivity": second},
                {"kind": "discrete-laplace", "scale": first, "sensitivity": "1"},
                {"kind": "discrete-gaussian", "sigma_squared": first, "sensitivity": "1"},
                {"kind": "pure", "epsilon": first},
                {"kind": "bounded-range", "epsilon": first},
                {"kind": "approximate", "epsilon": first, "delta": "1e-9"},
            ]
        )
    )
    wrap = draw(st.sampled_from(["", "repeated", "poisson-sampled", "composed", "parallel"]))
    match wrap:
        case "repeated":
            return json.dumps({"kind": wrap, "times": draw(st.sampled_from([1, 7, 1 << 62])), "event": leaf})
        case "poisson-sampled":
            return json.dumps({"kind": wrap, "rate": draw(st.sampled_from(["1/2", "1e-9", "1"])), "event": leaf})
        case "composed" | "parallel":
            return json.dumps({"kind": wrap, "events": [leaf, {"kind": "pure", "epsilon": second}]})
        case _:
            return json.dumps(leaf)


PURES = [{"kind": "pure", "epsilon": epsilon} for epsilon in ("0", "459211470091/4736312000000")]
LAPLACE = {"kind": "discrete-laplace", "scale": "1" + "0" * 75, "sensitivity": "1"}

SAMPLED = {"kind": "poisson-sampled", "rate": "1", "event": {"kind": "laplace", "scale": "1/76", "sensitivity": "1680"}}


@given(text=any_event(), delta=st.sampled_from([ZERO, Fraction(1, 10**6), Fraction(1, 10**200)]))
@example(text=json.dumps(SAMPLED), delta=Fraction(1, 10**6))
@example(text=json.dumps({"kind": "composed", "events": PURES}), delta=Fraction(1, 10**6))
@example(text=json.dumps({"kind": "repeated", "times": 1 << 62, "event": LAPLACE}), delta=Fraction(1, 10**6))
@settings(deadline=None, max_examples=30)
def test_privacy_spent__answers_or_refuses(text: str, delta: Fraction) -> None:
    try:
        spent = privacy_spent(events.from_json(text), delta=delta)
    except NumberError:
        return
    assert spent.epsilon >= 0
    assert spent.epsilon == min(spent.ways.values())

"""Choosing under a sensitivity above 1: scores in other units are the same choice."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal_engine.differential.mechanisms.selection import Exponential, NoisyMax, PermuteAndFlip
from shoal_engine.errors import NumberError
from shoal_engine.randomness import Keystream

KINDS = [Exponential, PermuteAndFlip, NoisyMax]
scores = st.lists(st.integers(-20, 20), min_size=1, max_size=6)


def stream(key: int) -> Keystream:
    return Keystream._of_key(key.to_bytes(32, "big"), bytes(16))


@pytest.mark.parametrize("kind", KINDS)
@given(scores, st.integers(2, 9), st.integers(0, 2**64))
@settings(deadline=None, max_examples=60)
def test_choices__a_sensitivity_divides_epsilon(
    kind: type[Exponential], scores: list[int], sensitivity: int, key: int
) -> None:
    """Only epsilon / sensitivity counts in every definition, so the same words choose the same candidate."""
    epsilon = Fraction(3, 2)
    told = kind(epsilon, sensitivity).choose(scores, stream(key))
    assert told == kind(epsilon / sensitivity).choose(scores, stream(key))


@pytest.mark.parametrize("kind", KINDS)
def test_choices__refuse_a_negative_epsilon_and_a_sensitivity_of_0(kind: type[Exponential]) -> None:
    for epsilon, sensitivity in ((Fraction(-1), 1), (Fraction(0), 1), (Fraction(1), 0)):
        with pytest.raises(NumberError, match="above 0"):
            kind(epsilon, sensitivity)
    assert kind(Fraction(1), 1).choose([7], stream(1)) == 0

from collections import Counter
from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive import secure_rounds as naive
from shoal_engine.errors import SecureAggregationError, TooFewSurvivors
from shoal_engine.federated.secure.secret_sharing import PRIME, evaluate, join, split, weights_at_zero

SECRETS = st.one_of(st.binary(min_size=32, max_size=32), st.sampled_from([bytes(32), b"\xff" * 32]))
POINTS = st.lists(st.integers(1, 2**63), min_size=2, max_size=7, unique=True)


def test_prime__is_the_least_above_every_secret() -> None:
    """Sixty bases: a composite passes with chance below 4**-60."""
    bases = range(2, 62)
    assert naive.is_prime(PRIME, bases)
    assert not any(naive.is_prime(n, bases) for n in range(2**256 + 1, PRIME, 2))


def test_is_prime__tells_small_ones() -> None:
    small = [n for n in range(5, 200) if all(n % d for d in range(2, n))]
    assert [n for n in range(5, 200, 2) if naive.is_prime(n, [2, 3])] == small


@given(SECRETS, POINTS, st.data())
def test_join__any_threshold_of_the_shares(secret: bytes, points: list[int], data: st.DataObject) -> None:
    threshold = data.draw(st.integers(1, len(points)))
    shares = split(secret, threshold, points)
    for chosen in combinations(points, threshold):
        some = {x: shares[x] for x in chosen}
        assert join(some, threshold) == secret
        values = {x: int.from_bytes(share, "big") for x, share in some.items()}
        assert naive.interpolated_at_zero(values, PRIME).to_bytes(32, "big") == secret


@given(POINTS, st.lists(st.integers(0, PRIME - 1), min_size=7, max_size=7))
def test_weights_at_zero__equal_naive(points: list[int], values: list[int]) -> None:
    ours = sum(w * y for w, y in zip(weights_at_zero(points, PRIME).values(), values, strict=False)) % PRIME
    assert ours == naive.interpolated_at_zero(dict(zip(points, values, strict=False)), PRIME)


@pytest.mark.parametrize("threshold", [2, 3])
def test_evaluate__fewer_shares_fit_every_secret_equally_often(threshold: int) -> None:
    """All polynomials of the field of 7: fewer shares than the threshold have the same chance under each secret."""
    prime = 7
    for points in combinations(range(1, prime), threshold - 1):
        seen = Counter[tuple[int, ...]]()
        for polynomial in product(range(prime), repeat=threshold):
            seen[(polynomial[0], *(evaluate(polynomial, x, prime) for x in points))] += 1
        assert len(seen) == prime**threshold
        assert set(seen.values()) == {1}


@pytest.mark.parametrize("threshold", [1, 2, 3])
def test_weights_at_zero__every_polynomial_of_a_small_field(threshold: int) -> None:
    prime = 5
    for points in combinations(range(1, prime), threshold):
        weights = weights_at_zero(points, prime)
        for polynomial in product(range(prime), repeat=threshold):
            assert sum(weights[x] * evaluate(polynomial, x, prime) for x in points) % prime == polynomial[0]


def test_split__coefficients_are_fresh_and_of_the_whole_field() -> None:
    shares = [split(bytes(32), 2, [1, 2])[1] for _ in range(50)]
    assert len(set(shares)) == 50
    assert max(int.from_bytes(share, "big") for share in shares) > PRIME // 2


@pytest.mark.parametrize("points", [[0, 1], [1, 1], [1, PRIME], [-1, 2]])
def test_split__refuses_points(points: list[int]) -> None:
    with pytest.raises(SecureAggregationError, match="point"):
        split(bytes(32), 2, points)
    with pytest.raises(SecureAggregationError, match="point"):
        weights_at_zero(points, PRIME)


@pytest.mark.parametrize("threshold", [0, 3])
def test_split__refuses_thresholds(threshold: int) -> None:
    with pytest.raises(SecureAggregationError, match="threshold"):
        split(bytes(32), threshold, [1, 2])


def test_split__refuses_secrets_of_other_sizes() -> None:
    with pytest.raises(SecureAggregationError, match="31 bytes"):
        split(bytes(31), 2, [1, 2])


def test_join__counts() -> None:
    shares = split(bytes(32), 2, [1, 2, 3])
    with pytest.raises(TooFewSurvivors) as raised:
        join({1: shares[1]}, 2)
    assert (raised.value.left, raised.value.threshold) == (1, 2)
    with pytest.raises(SecureAggregationError, match="choose 2"):
        join(shares, 2)


def test_join__no_secret_of_32_bytes() -> None:
    with pytest.raises(SecureAggregationError, match="changed"):
        join({1: (2**256).to_bytes(33, "big")}, 1)

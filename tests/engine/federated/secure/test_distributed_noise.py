from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp

from naive import noise as naive
from naive.given_words import known_stream
from naive.secure_rounds import Played, parameters_of
from shoal_engine.errors import NumberError
from shoal_engine.federated.secure.distributed_noise import DistributedGaussian
from shoal_engine.federated.secure.messages import Stage

SHARES = st.fractions(Fraction(1, 4), 60)


def tau_of(noise: DistributedGaussian) -> mpmath.mpf:
    with mpmath.workdps(80):
        share = mpmath.mpf(noise.share_squared.numerator) / noise.share_squared.denominator
        terms = (mpmath.exp(-2 * mpmath.pi**2 * share * k / (k + 1)) for k in range(1, noise.n_least))
        return 10 * mpmath.fsum(terms)


def rho_of(noise: DistributedGaussian, squared: int, length: int, l1: float) -> mpmath.mpf:
    """Return the least of the three bounds of proposition 14, as a rho."""
    with mpmath.workdps(80):
        tau, scale = tau_of(noise), mpmath.sqrt(mpmath.mpf(1) * squared * noise.sigma_squared.denominator)
        scale /= mpmath.sqrt(noise.sigma_squared.numerator)
        l1_scale = scale * l1 / mpmath.sqrt(squared)
        bounds = (
            scale**2 / 2 + tau * length,
            (scale**2 + 2 * l1_scale * tau + tau**2 * length) / 2,
            (scale + tau * mpmath.sqrt(length)) ** 2 / 2,
        )
        return min(bounds)


@given(SHARES, st.integers(1, 60), st.integers(0, 5))
def test_tau__never_below_and_close(share: Fraction, n_least: int, tolerated: int) -> None:
    noise = DistributedGaussian(share * n_least, n_least + tolerated, tolerated)
    with mpmath.workdps(80):
        ours = mpmath.mpf(noise.tau.numerator) / noise.tau.denominator
        assert tau_of(noise) <= ours <= tau_of(noise) * (1 + mpmath.mpf(10) ** -15) + mpmath.mpf(10) ** -400


@pytest.mark.parametrize("n", [64, 65, 66, 1000])
def test_tau__many_nodes(n: int) -> None:
    noise = DistributedGaussian(Fraction(n, 4), n, 0)
    with mpmath.workdps(80):
        assert tau_of(noise) <= mpmath.mpf(noise.tau.numerator) / noise.tau.denominator <= tau_of(noise) * 1.1


@given(SHARES, st.integers(1, 20), st.integers(1, 50), st.integers(1, 10**6), st.integers(1, 50))
def test_rho__never_below_and_close(share: Fraction, n: int, squared: int, length: int, l1: int) -> None:
    noise = DistributedGaussian(share * n, n, 0)
    most = min(float(squared), (squared * length) ** 0.5)
    for given_l1 in (None, l1):
        rho = noise.rho(sensitivity_squared=squared, length=length, sensitivity_l1=given_l1)
        expected = rho_of(noise, squared, length, most if given_l1 is None else min(most, float(l1)))
        with mpmath.workdps(80):
            ours = mpmath.mpf(rho.numerator) / rho.denominator
            assert expected * (1 - mpmath.mpf(10) ** -14) <= ours <= expected * (1 + mpmath.mpf(10) ** -12) + 1e-29


@pytest.mark.parametrize("n", [2, 3, 5])
@pytest.mark.parametrize("share", ["1/4", "1/3", "1/2", "1"])
def test_rho__bounds_divergences_of_sums_as_they_are(share: str, n: int) -> None:
    """Masses of the sum by convolution; divergences of many orders, for a change by 1 and by 2."""
    noise = DistributedGaussian(Fraction(share) * n, n, 0)
    one = np.array([float(naive.gaussian_mass(Fraction(share), z)) for z in range(-14, 15)])
    mass = one
    for _ in range(n - 1):
        mass = np.convolve(mass, one)
    kept = slice(len(mass) // 2 - 10, len(mass) // 2 + 11)
    for change in (1, 2):
        rho = float(noise.rho(sensitivity_squared=change**2, length=1))
        p, q = np.log(mass[kept]), np.log(np.roll(mass, change)[kept])
        for alpha in (1.01, 1.5, 2, 3, 5, 10):
            divergence = logsumexp(alpha * p + (1 - alpha) * q) / (alpha - 1)
            assert divergence <= alpha * rho


def test_rho__one_part_is_a_discrete_gaussian() -> None:
    assert DistributedGaussian(Fraction(8), 3, 2).rho(sensitivity_squared=4, length=10) == Fraction(1, 4)


def test_rho__rounds_up() -> None:
    rho = DistributedGaussian(Fraction(3), 1, 0).rho(sensitivity_squared=1, length=1)
    assert Fraction(1, 6) < rho < Fraction(1, 6) + Fraction(1, 10**29)


@given(SHARES, st.integers(2, 20))
def test_rho__falls_with_noise_and_rises_with_sensitivity(share: Fraction, n: int) -> None:
    less, more = DistributedGaussian(share * n, n, 0), DistributedGaussian(share * n * 2, n, 0)
    assert more.rho(sensitivity_squared=9, length=100) < less.rho(sensitivity_squared=9, length=100)
    assert less.rho(sensitivity_squared=9, length=100) <= less.rho(sensitivity_squared=10, length=100)


@pytest.mark.parametrize(("sigma_squared", "n", "tolerated"), [(1, 5, 0), (1, 3, 3), (1, 3, -1), (0, 1, 0), (-1, 1, 0)])
def test_noise__rejected(sigma_squared: int, n: int, tolerated: int) -> None:
    with pytest.raises(NumberError):
        DistributedGaussian(Fraction(sigma_squared), n, tolerated)


@pytest.mark.parametrize("asked", [(0, 1, None), (1, 0, None), (1, 1, 0)])
def test_rho__rejected(asked: tuple[int, int, int | None]) -> None:
    squared, length, l1 = asked
    with pytest.raises(NumberError):
        DistributedGaussian(Fraction(1), 1, 0).rho(sensitivity_squared=squared, length=length, sensitivity_l1=l1)


def test_add__shapes_and_values() -> None:
    noise = DistributedGaussian(Fraction(50), 5, 0)
    values = np.arange(6).reshape(2, 3)
    drawn = noise.add(values, known_stream(1)) - values
    assert drawn.shape == (2, 3)
    assert drawn.ravel().tolist() == noise.add(np.zeros(6, np.int64), known_stream(1)).tolist()


def test_total__has_the_noise_of_those_that_survived() -> None:
    """Of 20,000 numbers, the noise of six parts of which one is lost: its variance within five deviations."""
    length = 20_000
    noise = DistributedGaussian(Fraction(40), 6, 2)
    vectors = {v: noise.add(np.full(length, v), known_stream(v)) for v in range(6)}
    played = Played(parameters_of(4, length=length), vectors)
    error = played.total({5: Stage.MASK}) - sum(range(5))
    assert abs(error.mean()) < 5 * (50 / length) ** 0.5
    assert abs(error.var() / 50 - 1) < 5 * (2 / length) ** 0.5

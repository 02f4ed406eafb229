"""Mechanisms that claim more privacy than they have: each makes a mistake that somebody made before.

Every mutant is a draw and the claim that it breaks; `test_audit` asks that the audit finds every one.
"""

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from shoal_engine.differential.audit.evidence import Claim
from shoal_engine.differential.samplers import Coins, discrete_gaussian, discrete_laplace
from shoal_engine.randomness import Keystream

Outputs = npt.NDArray[np.int64] | npt.NDArray[np.float64]
Draw = Callable[[bool, int, Keystream], Outputs]
PURE = Claim(1.0)
MUTANTS: dict[str, tuple[Draw, Claim, float]] = {}
"""Draw, claim, and the share of a million runs that it takes."""


def mutant(claim: Claim = PURE, share: float = 0.2) -> Callable[[Draw], Draw]:
    def register(draw: Draw) -> Draw:
        MUTANTS[draw.__name__] = (draw, claim, share)
        return draw

    return register


def laplace(stream: Keystream, scale: Fraction | int, n: int) -> npt.NDArray[np.int64]:
    return discrete_laplace(stream, Fraction(scale), n)


@mutant(share=1.0)
def scale_too_small_by_a_fiftieth(world: int, n: int, stream: Keystream) -> Outputs:
    return world + laplace(stream, Fraction(50, 51), n)


@mutant()
def floating_noise(world: int, n: int, stream: Keystream) -> Outputs:
    uniform = (stream.words(n) >> np.uint64(11)) * 2.0**-53 - 0.5
    return float(world) - np.sign(uniform) * np.log1p(-2 * np.abs(uniform))


@mutant(Claim(0.5, 0.02))
def threshold_off_by_one(world: int, n: int, stream: Keystream) -> Outputs:
    from shoal_engine.differential.queries.choosing_keys import TruncatedGeometric

    rule = TruncatedGeometric(Fraction(1, 2), Fraction(1, 50))
    return rule.keep(np.full(n, 2 if world else 0, np.int64), stream).astype(np.int64)


@mutant()
def rows_of_a_unit_not_bounded(world: int, n: int, stream: Keystream) -> Outputs:
    return 2 * world + laplace(stream, 1, n)


@mutant()
def groups_of_a_unit_not_bounded(world: int, n: int, stream: Keystream) -> Outputs:
    return np.stack([world + laplace(stream, 1, n) for _ in range(2)], axis=1)


@mutant()
def groups_chosen_by_the_order_of_rows(world: int, n: int, stream: Keystream) -> Outputs:
    """Each of ten others keeps the group of its even or odd row number: one row more ahead of them moves all."""
    place = np.arange(10) + world
    return int((place % 2 == 0).sum()) * 2 - 10 + 4 * world + laplace(stream, 1, n)


@mutant()
def noise_reused_across_columns(world: int, n: int, stream: Keystream) -> Outputs:
    noise = laplace(stream, 2, n)
    return np.stack([world + noise, 5 + noise], axis=1)


@mutant()
def noise_reused_across_releases(world: int, n: int, stream: Keystream) -> Outputs:
    noise = laplace(stream, 2, n)
    return np.stack([10 * world + noise, noise - 10 * world], axis=1)


@mutant()
def mean_without_a_split_of_the_budget(world: int, n: int, stream: Keystream) -> Outputs:
    return np.stack([world + laplace(stream, 1, n), 10 * world + laplace(stream, 10, n)], axis=1)


@mutant()
def squares_not_clamped(world: int, n: int, stream: Keystream) -> Outputs:
    return (100 if world else 0) + laplace(stream, 25, n)


@mutant()
def sum_clamped_but_not_its_values(world: int, n: int, stream: Keystream) -> Outputs:
    """Values within -10 and 10 are summed, then clamped: one value may undo all others."""
    return min(10, max(-10, 7 - (20 if world else 0))) + laplace(stream, 10, n)


@mutant()
def nan_turned_to_0_after_clamping(world: int, n: int, stream: Keystream) -> Outputs:
    """Bounds of 5 and 10, twice centered: 0 is 15 from the middle, and values are 5 at most."""
    return (-15 if world else 0) + laplace(stream, 5, n)


@mutant()
def nulls_counted_without_noise(world: int, n: int, stream: Keystream) -> Outputs:
    return np.stack([laplace(stream, 1, n), np.full(n, world, np.int64)], axis=1)


@mutant()
def noise_on_one_side_only(world: int, n: int, stream: Keystream) -> Outputs:
    return world + np.abs(laplace(stream, 1, n))


@mutant()
def noise_rounded_down_to_none(world: int, n: int, stream: Keystream) -> Outputs:
    return world + (laplace(stream, 1, n) // 3) * 3


@mutant()
def sensitivity_of_the_wrong_neighbors(world: int, n: int, stream: Keystream) -> Outputs:
    """One exchanged for another is one less in a group and one more in the next."""
    return np.stack([world + laplace(stream, 1, n), (1 - world) + laplace(stream, 1, n)], axis=1)


@mutant(Claim(1.0, 1e-6))
def gaussian_by_sigma_in_place_of_its_square(world: int, n: int, stream: Keystream) -> Outputs:
    return world + discrete_gaussian(stream, Fraction(5), n)


@mutant()
def response_of_three_kept_as_of_two(world: int, n: int, stream: Keystream) -> Outputs:
    keep = math.e / (1 + math.e)
    uniform = (stream.words(n) >> np.uint64(11)) * 2.0**-53
    other = 1 + (stream.words(n) & np.uint64(1)).astype(np.int64)
    return np.where(uniform < keep, world, (world + other) % 3)


@mutant(Claim(2.0, of_range=True), share=0.05)
def permute_and_flip_billed_as_exponential(world: int, n: int, stream: Keystream) -> Outputs:
    from shoal_engine.differential.mechanisms.selection import PermuteAndFlip

    scores = [0, 1] if world else [1, 0]
    return np.array([PermuteAndFlip(Fraction(2)).choose(scores, stream) for _ in range(n)], np.int64)


@mutant(share=0.05)
def exponential_with_half_the_sensitivity(world: int, n: int, stream: Keystream) -> Outputs:
    from shoal_engine.differential.mechanisms.selection import Exponential

    scores = [1, *[0] * 9] if world else [0, *[1] * 9]
    return np.array([Exponential(Fraction(2)).choose(scores, stream) for _ in range(n)], np.int64)


def sparse(
    answers: list[int], n: int, stream: Keystream, *, of_threshold: float, of_answers: float, tell: bool, stop: bool
) -> npt.NDArray[np.int64]:
    """Return which answers are above 0, or the noisy answers above, and stop at the first or not."""
    k = len(answers)
    threshold = laplace(stream, Fraction(of_threshold), n) if of_threshold else np.zeros(n, np.int64)
    noise = laplace(stream, Fraction(of_answers), n * k).reshape(n, k) if of_answers else np.zeros((n, k), np.int64)
    noisy = np.array(answers) + noise
    above = noisy > threshold[:, None]
    if stop:
        first = np.where(above.any(axis=1), above.argmax(axis=1), k)
        return first if not tell else np.where(first < k, noisy[np.arange(n), np.minimum(first, k - 1)], -1000)
    return above @ (1 << np.arange(k))


@mutant()
def sparse_vector_without_noise_on_answers(world: int, n: int, stream: Keystream) -> Outputs:
    answers = [0, 1] if world else [1, 0]
    return sparse(answers, n, stream, of_threshold=2, of_answers=0, tell=False, stop=False)


@mutant()
def sparse_vector_without_an_end(world: int, n: int, stream: Keystream) -> Outputs:
    answers = [1] * 4 + [0] * 4 if world else [0] * 4 + [1] * 4
    return sparse(answers, n, stream, of_threshold=2, of_answers=2, tell=False, stop=False)


@mutant()
def sparse_vector_that_tells_the_noisy_answer(world: int, n: int, stream: Keystream) -> Outputs:
    answers = [0, 4] if world else [1, 3]
    return sparse(answers, n, stream, of_threshold=2, of_answers=1, tell=True, stop=True)


@mutant()
def sparse_vector_without_noise_on_the_threshold(world: int, n: int, stream: Keystream) -> Outputs:
    answers = [1] * 12 if world else [0] * 12
    return sparse(answers, n, stream, of_threshold=0, of_answers=2, tell=False, stop=True)


@mutant(share=0.05)
def noisy_max_that_tells_its_score(world: int, n: int, stream: Keystream) -> Outputs:
    """Counts that a unit raises all at once need half of the noise, as long as the winner's own stays untold."""
    noisy = world + laplace(stream, 1, 3 * n).reshape(n, 3)
    return np.stack([noisy.argmax(axis=1), noisy.max(axis=1)], axis=1)


@mutant(share=0.05)
def coin_of_a_rounded_probability(world: int, n: int, stream: Keystream) -> Outputs:
    """A chance of exp(-1) / (1 + exp(-1)), rounded to one digit."""
    coins = Coins.of(stream)
    return np.array([world ^ coins.bernoulli(Fraction(2, 10)) for _ in range(n)], np.int64)

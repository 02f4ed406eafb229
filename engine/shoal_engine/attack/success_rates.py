"""How often attacks succeed: Wilson intervals, residual risk against control rows, bounds.

Giomi, Boenisch, Wehmeyer, Tasnádi (2023), "A unified framework for quantifying privacy risk in synthetic data",
PoPETs 2023(2), section 3: an attack on rows of the original also succeeds by what holds for everybody. What it
achieves on control rows, which the release was not made from, is that part; the residual is the release's.
"""

import math
from statistics import NormalDist

from msgspec import Struct

from shoal_engine.errors import InputError, PolicyError


class Risk(Struct, frozen=True):
    """Estimate of a probability and its confidence interval.

    Attributes
    ----------
    value, low, high : float
        From 0 to 1.
    """

    value: float
    low: float
    high: float


class SuccessRate(Struct, frozen=True):
    """Estimate of a rate and the error of it, half the width of its interval.

    Attributes
    ----------
    value, error : float
    """

    value: float
    error: float

    def bounded(self) -> Risk:
        """Return the estimate and its interval, cut to [0, 1].

        Examples
        --------
        >>> SuccessRate(1.1, 0.5).bounded()
        Risk(value=1.0, low=0.6000000000000001, high=1.0)
        """
        low, value, high = (
            min(max(number, 0.0), 1.0) for number in (self.value - self.error, self.value, self.value + self.error)
        )
        return Risk(value, low, high)


class Interval(Struct, frozen=True):
    """Confidence interval of a difference of two probabilities.

    Attributes
    ----------
    low, high : float
        From -1 to 1.
    """

    low: float
    high: float


class Trials(Struct, frozen=True, kw_only=True):
    """Attacks of one kind and how many succeed.

    Attributes
    ----------
    attacks : int
    share : float
        Successes / attacks. An attack among ties counts by its probability.
    rate : Risk
        Wilson's estimate and interval; all 0 without attacks, for then nothing can be tried.
    """

    attacks: int
    share: float
    rate: Risk


class AttackReport(Struct, frozen=True, kw_only=True):
    """Success of an attack on the original rows, on control rows, and of guesses.

    Attributes
    ----------
    attack : str
    confidence : float
        Level of all intervals.
    success : Trials
        On rows that the release was made from.
    baseline : Trials
        The same number of naive random guesses.
    control : Trials, optional
        On rows that the release was not made from.
    risk : Risk
        Residual risk: (success - control) / (1 - control); without control rows, the rate of success.
    requested : int, optional
        Attacks that were asked for, where fewer could be made.
    """

    attack: str
    confidence: float
    success: Trials
    baseline: Trials
    control: Trials | None = None
    risk: Risk
    requested: int | None = None

    @property
    def beats_baseline(self) -> bool:
        """Whether the attack succeeds more often than naive guesses; if not, it measures nothing."""
        return self.success.share > self.baseline.share


def check_confidence(confidence: float) -> None:
    """Raise PolicyError unless a level of confidence is above 0 and below 1."""
    if not isinstance(confidence, int | float) or not 0 < confidence < 1:  # pyright: ignore[reportUnnecessaryIsInstance]
        msg = f"confidence = {confidence!r}; give a level above 0 and below 1, such as 0.95"
        raise PolicyError(msg)


def success_rate(n_attacks: int, n_success: float, confidence: float) -> SuccessRate:
    """Estimate the rate of success of attacks by Wilson's score interval.

    Parameters
    ----------
    n_attacks : int, at least 1
    n_success : float, from 0 to n_attacks
    confidence : float, above 0 and below 1

    Raises
    ------
    InputError
        There is no attack, or successes are negative or more than attacks.
    PolicyError
        The confidence is out of range.

    References
    ----------
    Wilson (1927), Probable inference, the law of succession, and statistical inference, JASA 22(158).

    Examples
    --------
    >>> rate = success_rate(1000, 850, 0.95)
    >>> round(rate.value, 3), round(rate.error, 3)
    (0.849, 0.022)
    """
    check_confidence(confidence)
    if not (n_attacks >= 1 and 0 <= n_success <= n_attacks):
        msg = f"{n_success} of {n_attacks} attacks succeed; a rate needs an attack, and at most as many successes"
        raise InputError(msg)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    variance = n_success * (n_attacks - n_success) / n_attacks
    width = n_attacks + z * z
    return SuccessRate((n_success + z * z / 2) / width, z / width * math.sqrt(variance + z * z / 4))


def residual_success(attack: SuccessRate, control: SuccessRate) -> SuccessRate:
    """Return the share of the margin that control leaves which the attack gains; below 0 if control is above it.

    Errors are propagated as independent: Giomi et al. (2023), equation 2.

    Raises
    ------
    InputError
        Attacks on control rows always succeed: nothing is left to gain.

    Examples
    --------
    >>> round(residual_success(SuccessRate(0.9, 0.02), SuccessRate(0.8, 0.02)).value, 3)
    0.5
    """
    margin = 1 - control.value
    if margin <= 0:
        msg = "every attack on control rows succeeds, so no margin is left; residual risk needs a harder attack"
        raise InputError(msg)
    by_attack = attack.error / margin
    by_control = control.error * (1 - attack.value) / margin**2
    return SuccessRate((attack.value - control.value) / margin, math.hypot(by_attack, by_control))


def trials(attacks: int, successes: float, confidence: float) -> Trials:
    """Return attacks and successes with their interval."""
    if not attacks:
        return Trials(attacks=0, share=0.0, rate=Risk(0.0, 0.0, 0.0))
    rate = success_rate(attacks, successes, confidence).bounded()
    return Trials(attacks=attacks, share=successes / attacks, rate=rate)


def difference_interval(one: Trials, other: Trials) -> Interval:
    """Return the interval of the share of one group less that of another, from the Wilson interval of each.

    References
    ----------
    Newcombe (1998), Interval estimation for the difference between independent proportions, Statistics in Medicine
    17(8), method 10.

    Examples
    --------
    >>> found = difference_interval(trials(70, 56, 0.95), trials(80, 48, 0.95))
    >>> round(found.low, 4), round(found.high, 4)
    (0.0524, 0.3339)
    """
    gain = one.share - other.share
    down = math.hypot(one.share - one.rate.low, other.rate.high - other.share)
    up = math.hypot(one.rate.high - one.share, other.share - other.rate.low)
    return Interval(max(-1.0, gain - down), min(1.0, gain + up))


def attack_report(
    attack: str,
    *,
    success: tuple[int, float],
    baseline: tuple[int, float],
    control: tuple[int, float] | None,
    confidence: float,
    requested: int | None = None,
) -> AttackReport:
    """Report attacks and successes, each given as two numbers.

    Raises
    ------
    PolicyError
        The confidence is out of range.
    """
    check_confidence(confidence)
    made = trials(*success, confidence)
    compared = None if control is None else trials(*control, confidence)
    risk = made.rate
    if control is not None and control[0] and success[0]:
        risk = residual_success(success_rate(*success, confidence), success_rate(*control, confidence)).bounded()
    return AttackReport(
        attack=attack,
        confidence=confidence,
        success=made,
        baseline=trials(*baseline, confidence),
        control=compared,
        risk=risk,
        requested=requested,
    )

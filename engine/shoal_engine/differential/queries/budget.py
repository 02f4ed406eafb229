"""Budget of a query, shared among its parts: the noise of each, and the privacy event of all."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from shoal_engine.differential import events
from shoal_engine.differential.accounting import gaussian
from shoal_engine.differential.accounting.concentrated import rho_for
from shoal_engine.differential.exact_numbers import check_delta, check_epsilon
from shoal_engine.differential.mechanisms.additive import GaussianNoise, LaplaceNoise
from shoal_engine.differential.mechanisms.selection import Exponential
from shoal_engine.differential.named_choices import DistributionName, KeyRule, check_choice
from shoal_engine.differential.queries.choosing_keys import (
    GaussianThreshold,
    LaplaceThreshold,
    Rule,
    TruncatedGeometric,
)
from shoal_engine.differential.queries.estimates import Part
from shoal_engine.errors import PolicyError

Mechanism: TypeAlias = LaplaceNoise | GaussianNoise | Exponential


@dataclass(frozen=True, slots=True)
class QueryBudget:
    """Budget of one release.

    Attributes
    ----------
    epsilon : Fraction, optional
        Above 0. Either it or `rho` is given.
    rho : Fraction, optional
        Above 0: zero-concentrated privacy.
    delta : Fraction
        At least 0, below 1.
    """

    epsilon: Fraction | None = None
    rho: Fraction | None = None
    delta: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        if (self.epsilon is None) == (self.rho is None):
            msg = "a release costs an epsilon or a rho; give one of them, for example epsilon='1', delta='1e-7'"
            raise PolicyError(msg)
        given = self.epsilon if self.rho is None else self.rho
        if given is None or given <= 0:
            msg = "epsilon and rho must be above 0; at 0 no answer is possible"
            raise PolicyError(msg)
        if not 0 <= self.delta < 1:
            msg = "delta must be at least 0 and below 1; with 1 everything could be disclosed"
            raise PolicyError(msg)
        check_epsilon(given, name="rho" if self.epsilon is None else "epsilon")
        check_delta(self.delta)


@dataclass(frozen=True, slots=True)
class Allotment:
    """Share of the budget, and mechanism, of each part of a query.

    Attributes
    ----------
    mechanisms : tuple of (aggregate, part, mechanism)
        In the order of the parts.
    keys : Rule, optional
        Rule that selects keys, and its cost per group.
    event : events.Composed
        All of it, for accountants.
    """

    mechanisms: tuple[Mechanism, ...]
    keys: Rule | None
    event: events.Composed


def allot(
    budget: QueryBudget,
    aggregates: Sequence[Sequence[Part]],
    *,
    key_groups: int,
    key_rule: KeyRule,
    distribution: DistributionName | None,
    factor: int,
) -> Allotment:
    """Share a budget: alike among the aggregates and the choice of keys, and in each alike among its parts.

    Parameters
    ----------
    budget : QueryBudget
    aggregates : sequence of the parts of each
    key_groups : int
        Groups of one unit in the choice of keys; 0 where keys are public.
    key_rule : str
    distribution : str, optional
        Distribution of the noise. Default: the one with the smaller standard deviation.
    factor : int
        Multiple of the change by one unit more or less: 2 if a unit is exchanged for another.

    Raises
    ------
    PolicyError
        Keys are to be chosen without a delta, or Gaussian noise asked for with neither delta nor rho.
    """
    check_choice(key_rule, KeyRule, name="key_rule")
    if distribution is not None:
        check_choice(distribution, DistributionName, name="distribution")
    if key_groups and not budget.delta:
        msg = "which keys occur is private, and choosing among them takes a delta; give one, or the keys as `keys`"
        raise PolicyError(msg)
    share = Fraction(1, len(aggregates) + bool(key_groups))
    shares = [share / len(parts) for parts in aggregates for _ in parts]
    parts = [part for own in aggregates for part in own]
    # Laplace noise needs no delta, so all of it goes to the keys then.
    needs_delta = distribution != "laplace" and budget.rho is None and key_groups > 0
    left = budget.delta / 2 if needs_delta else Fraction(0) if key_groups else budget.delta
    choices = [
        _with_noise(budget, left, parts, shares, one, factor) for one in _distributions(budget, left, distribution)
    ]
    mechanisms = min(choices, key=lambda made: _deviation(parts, made))
    keys, told = None, list[events.Event]()
    if key_groups:
        of_laplace = budget.rho is None and isinstance(mechanisms[0], LaplaceNoise)
        for_keys = budget.delta if of_laplace else budget.delta - left
        keys, event = _key_rule(key_rule, budget, share, for_keys, key_groups * factor)
        told.append(event)
    for part, mechanism in zip(parts, mechanisms, strict=True):
        one = mechanism.event() if isinstance(mechanism, Exponential) else mechanism.event(factor * part.sensitivity)
        told.append(events.Repeated(one, part.groups))
    return Allotment(mechanisms, keys, events.Composed(tuple(told)))


def _key_rule(
    rule: KeyRule, budget: QueryBudget, share: Fraction, delta: Fraction, groups: int
) -> tuple[Rule, events.Event]:
    """Return the rule that selects keys with a share of the budget, and its event."""
    if rule == "gaussian-threshold":
        # Half of delta for what epsilon says of the noise, half for units that are alone in their group.
        alone = delta if budget.epsilon is None else delta / 2
        rho = share * (budget.rho or 0) if budget.epsilon is None else rho_for(share * budget.epsilon, delta - alone)
        variance = groups / (2 * rho)
        if budget.epsilon is not None:
            moved = gaussian.Moved(1, groups, groups, Fraction(1))
            found = gaussian.variances(share * budget.epsilon, delta - alone, (moved,))
            variance = variance if found is None else min(variance, found[0])
        chosen = GaussianThreshold(variance, alone / groups)
        noise = events.DiscreteGaussian(chosen.sigma_squared, Fraction(1))
        single = events.ApproximateDP(Fraction(0), chosen.delta)
        return chosen, events.Repeated(events.Composed((noise, single)), groups)
    # Of groups paid each by itself, rhos add up as halves of squared epsilons.
    each = _root(2 * share * (budget.rho or 0) / groups) if budget.epsilon is None else share * budget.epsilon / groups
    made = (TruncatedGeometric if rule == "truncated-geometric" else LaplaceThreshold)(each, delta / groups)
    return made, events.Repeated(events.ApproximateDP(each, delta / groups), groups)


def _distributions(
    budget: QueryBudget, delta: Fraction, distribution: DistributionName | None
) -> list[DistributionName]:
    """Return the distributions to choose from."""
    gaussian = budget.rho is not None or delta > 0
    if distribution == "gaussian" and not gaussian:
        msg = "Gaussian noise is never private with delta = 0; give a delta or a rho, or use Laplace noise"
        raise PolicyError(msg)
    if distribution == "laplace" and budget.rho is not None:
        msg = "a rho is paid in Gaussian noise; give an epsilon for Laplace noise"
        raise PolicyError(msg)
    if distribution is not None:
        return [distribution]
    return ["gaussian"] if budget.rho is not None else ["laplace", *(["gaussian"] if gaussian else [])]


def _with_noise(
    budget: QueryBudget,
    delta: Fraction,
    parts: Sequence[Part],
    shares: Sequence[Fraction],
    distribution: str,
    factor: int,
) -> tuple[Mechanism, ...]:
    """Return the mechanism of each part under one distribution."""
    total = sum(shares, Fraction(0))
    if distribution == "laplace":
        assert budget.epsilon is not None
        return tuple(_pure(part, budget.epsilon * share, factor) for part, share in zip(parts, shares, strict=True))
    rho = rho_for(budget.epsilon * total, delta) if budget.epsilon is not None else total * (budget.rho or 0)
    made = tuple(_concentrated(part, rho * share / total, factor) for part, share in zip(parts, shares, strict=True))
    if budget.epsilon is None or any(part.is_choice for part in parts):
        # Of a choice no more is known than its rho, so all of it is added up in rhos.
        return made
    analytic = _analytic(budget.epsilon * total, delta, parts, [share / total for share in shares], factor)
    return made if analytic is None else min(made, analytic, key=lambda noise: _deviation(parts, noise))


def _analytic(
    epsilon: Fraction, delta: Fraction, parts: Sequence[Part], shares: Sequence[Fraction], factor: int
) -> tuple[Mechanism, ...] | None:
    """Return Gaussian noise of each part, by the analytic mechanism; None if it cannot be computed."""
    moved = tuple(
        # A unit that is exchanged for another changes its groups and those of the other.
        gaussian.Moved(factor * part.sensitivity, part.groups, factor * part.groups, share)
        for part, share in zip(parts, shares, strict=True)
    )
    found = gaussian.variances(epsilon, delta, moved)
    return None if found is None else tuple(map(GaussianNoise, found))


def _pure(part: Part, epsilon: Fraction, factor: int) -> Mechanism:
    """Return the mechanism of a part that costs at most epsilon."""
    if part.is_choice:
        return Exponential(epsilon / part.groups, factor * part.sensitivity)
    return LaplaceNoise.of_budget(epsilon / part.groups, factor * part.sensitivity)


def _concentrated(part: Part, rho: Fraction, factor: int) -> Mechanism:
    """Return the mechanism of a part that costs at most rho."""
    if part.is_choice:
        return Exponential(_root(8 * rho / part.groups), factor * part.sensitivity)
    return GaussianNoise.of_budget(rho, (factor * part.sensitivity) ** 2 * part.groups)


def _deviation(parts: Sequence[Part], mechanisms: Sequence[Mechanism]) -> float:
    """Return the total noise, each part's relative to its sensitivity."""
    made = zip(parts, mechanisms, strict=True)
    return sum(one.std / part.sensitivity for part, one in made if not isinstance(one, Exponential))


def _root(value: Fraction) -> Fraction:
    """Return a number whose square is at most `value`, and nearly that."""
    bits = 64 + max(0, value.denominator.bit_length() - value.numerator.bit_length())
    return Fraction(math.isqrt((value.numerator << 2 * bits) // value.denominator), 1 << bits)

"""Aggregation rules by name, and the protocols that a federated training is made of."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from shoal_engine.errors import UpdateError
from shoal_engine.federated.rules.table import RULES
from shoal_engine.federated.updates.round import RoundResult, UpdateChecks
from shoal_engine.federated.updates.update import Update
from shoal_engine.observing import Summary

__all__ = ["RULES", "Aggregator", "Privacy", "Rule", "options_missing", "rule_named"]


class Aggregator(Summary[Update], Protocol):
    """Aggregator of one round: observes updates, merges, and is released once."""

    def release(self) -> RoundResult:
        """Return the round's model, once."""
        ...


Rule: TypeAlias = Callable[[UpdateChecks], Aggregator]
"""Makes the aggregator of a round: a class such as `WeightedMean`, or a function for one with parameters."""


class Privacy(Protocol):
    """Makes the rounds of a training private; `PrivateRounds` is one."""

    def sample(self, nodes: Sequence[str]) -> list[str]:
        """Return the nodes that take part in a round, drawn from those that could."""
        ...

    def begin(self, checks: UpdateChecks) -> Aggregator:
        """Charge a round and return its aggregator, whose release adds noise; raise if it may not start."""
        ...

    def note(self, released: RoundResult) -> None:
        """Take the result of a round, for the next one."""
        ...

    def spent(self) -> Mapping[str, float]:
        """Return the privacy spent by all rounds so far, such as rho, epsilon and delta."""
        ...


def options_missing(rule: Callable[..., Any], given: Iterable[str] = ()) -> list[str]:
    """Return the parameters of a rule without a default, other than the first and those that are given.

    Examples
    --------
    >>> options_missing(rule_named("krum")), options_missing(rule_named("krum"), ["f"])
    (['f'], [])
    """
    fixed = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    others = list(inspect.signature(rule).parameters.values())[1:]
    needed = [one.name for one in others if one.default is one.empty and one.kind not in fixed]
    return [name for name in needed if name not in set(given)]


def rule_named(name: str) -> Callable[..., Aggregator]:
    """Return the class of a rule.

    Raises
    ------
    UpdateError
        No rule has this name.

    Examples
    --------
    >>> rule_named("krum")
    <class 'shoal_engine.federated.rules.krum.Krum'>
    """
    if name not in RULES:
        msg = f"no rule is named {name!r}; choose one of {', '.join(RULES)}"
        raise UpdateError(msg)
    return RULES[name]

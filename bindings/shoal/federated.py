"""Federated learning: what is public, and the rules by name.

Updates are observed, aggregators merged, and a round is released once:

>>> from shoal.federated import Admission, Mean, Update
>>> mean = Mean(Admission(min_updates=2))
>>> mean.observe(Update.of_arrays({"weight": [0.0, 0.0]}, node="north"))
>>> mean.observe(Update.of_arrays({"weight": [1.0, 1.0]}, node="south", weight=3))
>>> mean.release().model.arrays()["weight"]
array([0.75, 0.75])
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from shoal_engine.errors import UpdateError

if TYPE_CHECKING:
    from shoal_engine.errors import TooFewUpdates as TooFewUpdates
    from shoal_engine.federated.averaging import Mean as Mean
    from shoal_engine.federated.models import Model as Model
    from shoal_engine.federated.rounds import Admission as Admission
    from shoal_engine.federated.rounds import Aggregate as Aggregate
    from shoal_engine.federated.updates import Update as Update
    from shoal_engine.federated.updates import read_updates as read_updates
    from shoal_engine.federated.updates import write_updates as write_updates

_MODULES = {
    "shoal_engine.federated.averaging": ("Mean",),
    "shoal_engine.federated.models": ("Model",),
    "shoal_engine.federated.rounds": ("Admission", "Aggregate"),
    "shoal_engine.federated.updates": ("Update", "read_updates", "write_updates"),
    "shoal_engine.errors": ("TooFewUpdates", "UpdateError"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

RULES: Final[dict[str, tuple[str, str]]] = {
    "mean": ("shoal_engine.federated.averaging", "Mean"),
    "median": ("shoal_engine.federated.order_rules", "Median"),
    "trimmed-mean": ("shoal_engine.federated.order_rules", "TrimmedMean"),
    "krum": ("shoal_engine.federated.distance_rules", "Krum"),
    "multi-krum": ("shoal_engine.federated.distance_rules", "MultiKrum"),
    "bulyan": ("shoal_engine.federated.distance_rules", "Bulyan"),
    "geometric-median": ("shoal_engine.federated.distance_rules", "GeometricMedian"),
}
"""Where each rule is, by name."""

__all__ = [  # pyright: ignore[reportUnsupportedDunderAll] - loaded at first use
    "RULES",
    "Admission",
    "Aggregate",
    "Aggregator",
    "Mean",
    "Model",
    "Privacy",
    "Rule",
    "ServerOptimizer",
    "TooFewUpdates",
    "Update",
    "UpdateError",
    "read_updates",
    "rule_named",
    "rules",
    "write_updates",
]


class Aggregator(Protocol):
    """What a rule makes for one round."""

    def observe(self, update: "Update") -> None:
        """Take one update."""
        ...

    def merge(self, other: Any) -> None:
        """Take what another aggregator of the same rule has observed."""
        ...

    def release(self) -> "Aggregate":
        """Return the round's model, once."""
        ...


Rule: TypeAlias = "Callable[[Admission], Aggregator]"
"""Makes the aggregator of a round: a class such as `Mean`, or a function for one with parameters."""


class Privacy(Protocol):
    """What makes the rounds of a training private."""

    def sample(self, nodes: Sequence[str]) -> Sequence[str]:
        """Return the nodes that take part in the next round."""
        ...

    def begin(self, size: int) -> None:
        """Charge the next round of so many values; raise where the budget does not hold it, before anything is sent."""
        ...

    def aggregator(self, admission: "Admission", rule: Rule) -> Aggregator:
        """Return the aggregator of a round, whose release adds noise."""
        ...

    def spent(self) -> Mapping[str, float]:
        """Return what all rounds so far have spent, such as rho, epsilon and delta."""
        ...


class ServerOptimizer(Protocol):
    """What makes the next model of the current one and of what a round released."""

    def step(self, current: "Model", released: "Model") -> "Model":
        """Return the next model, of the current one's layout."""
        ...


def rules() -> list[str]:
    """Return the names of the rules that there are."""
    return [name for name, (module, _) in RULES.items() if find_spec(module) is not None]


def rule_named(name: str) -> Callable[..., Aggregator]:
    """Return the class of a rule.

    Raises
    ------
    UpdateError
        There is none of this name.

    Examples
    --------
    >>> rule_named("mean")
    <class 'shoal_engine.federated.averaging.Mean'>
    """
    known = rules()
    if name not in known:
        msg = f"no rule is named {name!r}; choose one of {', '.join(known)}"
        raise UpdateError(msg)
    module, kind = RULES[name]
    return getattr(importlib.import_module(module), kind)


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name not in _HOME:
        msg = f"module 'shoal.federated' has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__

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
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from shoal_engine.errors import UpdateError

if TYPE_CHECKING:
    from shoal.federation.private_rounds import PrivateRounds as PrivateRounds
    from shoal_engine.errors import TooFewUpdates as TooFewUpdates
    from shoal_engine.federated.optimizers.client_corrections import Scaffold as Scaffold
    from shoal_engine.federated.optimizers.client_corrections import controlled_gradient as controlled_gradient
    from shoal_engine.federated.optimizers.client_corrections import next_control as next_control
    from shoal_engine.federated.optimizers.client_corrections import proximal_gradient as proximal_gradient
    from shoal_engine.federated.optimizers.client_corrections import scaffold_update as scaffold_update
    from shoal_engine.federated.optimizers.client_corrections import zero_control as zero_control
    from shoal_engine.federated.optimizers.server_optimizers import FedAdagrad as FedAdagrad
    from shoal_engine.federated.optimizers.server_optimizers import FedAdam as FedAdam
    from shoal_engine.federated.optimizers.server_optimizers import FedAvgM as FedAvgM
    from shoal_engine.federated.optimizers.server_optimizers import FedYogi as FedYogi
    from shoal_engine.federated.optimizers.server_optimizers import ServerOptimizer as ServerOptimizer
    from shoal_engine.federated.privacy.private_averaging import AdaptiveClip as AdaptiveClip
    from shoal_engine.federated.privacy.private_averaging import PrivateMean as PrivateMean
    from shoal_engine.federated.privacy.private_training import PrivateTraining as PrivateTraining
    from shoal_engine.federated.rules.averaging import Mean as Mean
    from shoal_engine.federated.rules.bulyan import Bulyan as Bulyan
    from shoal_engine.federated.rules.centered_clipping import CenteredClipping as CenteredClipping
    from shoal_engine.federated.rules.geometric_median import GeometricMedian as GeometricMedian
    from shoal_engine.federated.rules.krum import Krum as Krum
    from shoal_engine.federated.rules.krum import MultiKrum as MultiKrum
    from shoal_engine.federated.rules.norm_bounding import NormBound as NormBound
    from shoal_engine.federated.rules.normalized_averaging import NormalizedMean as NormalizedMean
    from shoal_engine.federated.rules.order_rules import Median as Median
    from shoal_engine.federated.rules.order_rules import TrimmedMean as TrimmedMean
    from shoal_engine.federated.updates.model import Model as Model
    from shoal_engine.federated.updates.round import Admission as Admission
    from shoal_engine.federated.updates.round import Aggregate as Aggregate
    from shoal_engine.federated.updates.update import Update as Update
    from shoal_engine.federated.updates.update import read_updates as read_updates
    from shoal_engine.federated.updates.update import write_updates as write_updates

_MODULES = {
    "shoal_engine.errors": ("TooFewUpdates",),
    "shoal_engine.federated.rules.averaging": ("Mean",),
    "shoal_engine.federated.rules.bulyan": ("Bulyan",),
    "shoal_engine.federated.optimizers.client_corrections": (
        "Scaffold",
        "controlled_gradient",
        "next_control",
        "proximal_gradient",
        "scaffold_update",
        "zero_control",
    ),
    "shoal_engine.federated.rules.centered_clipping": ("CenteredClipping",),
    "shoal_engine.federated.rules.geometric_median": ("GeometricMedian",),
    "shoal_engine.federated.rules.krum": (
        "Krum",
        "MultiKrum",
    ),
    "shoal_engine.federated.updates.model": ("Model",),
    "shoal_engine.federated.rules.norm_bounding": ("NormBound",),
    "shoal_engine.federated.rules.normalized_averaging": ("NormalizedMean",),
    "shoal_engine.federated.rules.order_rules": (
        "Median",
        "TrimmedMean",
    ),
    "shoal_engine.federated.privacy.private_averaging": (
        "AdaptiveClip",
        "PrivateMean",
    ),
    "shoal_engine.federated.privacy.private_training": ("PrivateTraining",),
    "shoal_engine.federated.updates.round": (
        "Admission",
        "Aggregate",
    ),
    "shoal_engine.federated.optimizers.server_optimizers": (
        "FedAdagrad",
        "FedAdam",
        "FedAvgM",
        "FedYogi",
        "ServerOptimizer",
    ),
    "shoal_engine.federated.updates.update": (
        "Update",
        "read_updates",
        "write_updates",
    ),
    "shoal.federation.private_rounds": ("PrivateRounds",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

RULES: Final = {
    "mean": "Mean",
    "median": "Median",
    "trimmed-mean": "TrimmedMean",
    "krum": "Krum",
    "multi-krum": "MultiKrum",
    "bulyan": "Bulyan",
    "geometric-median": "GeometricMedian",
    "centered-clipping": "CenteredClipping",
    "norm-bound": "NormBound",
}
"""Rules by name: what makes one model of many, on a command line too."""

__all__ = [  # pyright: ignore[reportUnsupportedDunderAll] - loaded at first use
    "RULES",
    "AdaptiveClip",
    "Admission",
    "Aggregate",
    "Aggregator",
    "Bulyan",
    "CenteredClipping",
    "FedAdagrad",
    "FedAdam",
    "FedAvgM",
    "FedYogi",
    "GeometricMedian",
    "Krum",
    "Mean",
    "Median",
    "Model",
    "MultiKrum",
    "NormBound",
    "NormalizedMean",
    "Privacy",
    "PrivateMean",
    "PrivateRounds",
    "PrivateTraining",
    "Rule",
    "Scaffold",
    "ServerOptimizer",
    "TooFewUpdates",
    "TrimmedMean",
    "Update",
    "UpdateError",
    "controlled_gradient",
    "next_control",
    "proximal_gradient",
    "read_updates",
    "rule_named",
    "scaffold_update",
    "write_updates",
    "zero_control",
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
    """What makes the rounds of a training private; `PrivateRounds` is one."""

    def sample(self, nodes: Sequence[str]) -> list[str]:
        """Return who takes part in a round, of those who could."""
        ...

    def begin(self, admission: "Admission") -> Aggregator:
        """Charge a round and return its aggregator, whose release adds noise; raise where it may not start."""
        ...

    def note(self, released: "Aggregate") -> None:
        """Take what the round released, for the next one."""
        ...

    def spent(self) -> Mapping[str, float]:
        """Return what all rounds so far have spent, such as rho, epsilon and delta."""
        ...


def options_missing(rule: Callable[..., Any], given: Iterable[str] = ()) -> list[str]:
    """Return which parameters a rule has no default for, beside the admission and those that are given.

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
        There is none of this name.

    Examples
    --------
    >>> rule_named("mean")
    <class 'shoal_engine.federated.rules.averaging.Mean'>
    """
    if name not in RULES:
        msg = f"no rule is named {name!r}; choose one of {', '.join(RULES)}"
        raise UpdateError(msg)
    return __getattr__(RULES[name])


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

"""Federated learning: updates, aggregation rules, server optimizers and private rounds.

Updates are observed, aggregators merged, and a round is released once:

>>> from shoal.federated import UpdateChecks, WeightedMean, Update
>>> mean = WeightedMean(UpdateChecks(min_updates=2))
>>> mean.observe(Update.of_arrays({"weight": [0.0, 0.0]}, node="north"))
>>> mean.observe(Update.of_arrays({"weight": [1.0, 1.0]}, node="south", weight=3))
>>> mean.release().model.arrays()["weight"]
array([0.75, 0.75])
"""

from typing import Any

from shoal.public_names import LazyNames

# Loaded at first use: rules need numpy and pyarrow. The stub lists the names.
_NAMES = LazyNames(__name__, "federated.pyi")
__all__ = sorted(_NAMES.homes)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    return _NAMES.load(name, globals())


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__

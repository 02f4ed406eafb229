"""Aggregation rules by name: the one list that the API, the command record, the tests and the documentation read."""

from collections.abc import Mapping
from typing import Any, Final

from shoal_engine.federated.rules.averaging import WeightedMean
from shoal_engine.federated.rules.geometric_median import GeometricMedian
from shoal_engine.federated.rules.krum import Bulyan, Krum, MultiKrum
from shoal_engine.federated.rules.norm_clipping import CenteredClipping, NormBound
from shoal_engine.federated.rules.order_rules import Median, TrimmedMean

RULES: Final[Mapping[str, type[Any]]] = {
    "mean": WeightedMean,
    "median": Median,
    "trimmed-mean": TrimmedMean,
    "krum": Krum,
    "multi-krum": MultiKrum,
    "bulyan": Bulyan,
    "geometric-median": GeometricMedian,
    "centered-clipping": CenteredClipping,
    "norm-bound": NormBound,
}
"""Rules by the name that `shoal federate aggregate --rule` takes."""

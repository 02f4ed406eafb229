"""Use data about people without exposing any of them.

`assess` tells how exposed they are, `anonymize` releases a table in which nobody stands out, `verify` recounts
a release from its rows alone. The same functions hang on Polars frames as ``df.shoal`` and ``lf.shoal``.
"""

import importlib
from typing import TYPE_CHECKING, Any

from shoal import namespaces as namespaces  # registers the Polars namespaces

if TYPE_CHECKING:
    from shoal.anonymizing import Anonymized as Anonymized
    from shoal.anonymizing import anonymize as anonymize
    from shoal.anonymizing import anonymize_file as anonymize_file
    from shoal.assessing import assess as assess
    from shoal.hospital import hospital_policy as hospital_policy
    from shoal.hospital import hospital_records as hospital_records
    from shoal.looking import Look as Look
    from shoal.looking import look as look
    from shoal.verifying import Verification as Verification
    from shoal.verifying import verify as verify
    from shoal_engine.anonymity.assessment import Assessment as Assessment
    from shoal_engine.anonymity.assessment import Report as Report
    from shoal_engine.anonymity.policy import Policy as Policy
    from shoal_engine.anonymity.roles import Identifier as Identifier
    from shoal_engine.anonymity.roles import Insensitive as Insensitive
    from shoal_engine.anonymity.roles import QuasiIdentifier as QuasiIdentifier
    from shoal_engine.anonymity.roles import Sensitive as Sensitive
    from shoal_engine.errors import PolicyNotMet as PolicyNotMet
    from shoal_engine.errors import ShoalError as ShoalError
    from shoal_engine.errors import VerificationFailed as VerificationFailed

# Public names by module; loaded at first use, so that importing shoal costs little more than polars.
_MODULES = {
    "shoal.anonymizing": ("Anonymized", "anonymize", "anonymize_file"),
    "shoal.assessing": ("assess",),
    "shoal.hospital": ("hospital_policy", "hospital_records"),
    "shoal.looking": ("Look", "look"),
    "shoal.verifying": ("Verification", "verify"),
    "shoal_engine.anonymity.assessment": ("Assessment", "Report"),
    "shoal_engine.anonymity.hierarchy_specs": ("Dates", "Intervals", "NamedTree", "Order", "Prefix"),
    "shoal_engine.anonymity.policy": ("Policy",),
    "shoal_engine.anonymity.roles": ("Identifier", "Insensitive", "QuasiIdentifier", "Sensitive"),
    "shoal_engine.anonymity.value_models": (
        "Alpha",
        "BetaLikeness",
        "Closeness",
        "DeltaDisclosure",
        "Distinct",
        "Entropy",
        "Recursive",
    ),
    "shoal_engine.errors": (
        "ColumnError",
        "HierarchyError",
        "InputError",
        "OutputError",
        "PolicyError",
        "PolicyNotMet",
        "ShoalError",
        "VerificationFailed",
    ),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__version__ = "0.1.0"
__all__ = sorted(_HOME)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name not in _HOME:
        msg = f"module 'shoal' has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return [*__all__, "__version__"]

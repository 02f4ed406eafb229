"""Use data about people without exposing any of them.

`assess` tells how exposed they are, `anonymize` releases a table in which nobody stands out, `verify` recounts
a release from its rows alone. The same functions hang on Polars frames as ``df.shoal`` and ``lf.shoal``.
"""

import importlib
from typing import TYPE_CHECKING, Any

from shoal import namespaces as namespaces  # registers the Polars namespaces

if TYPE_CHECKING:
    from shoal import dp as dp
    from shoal import federated as federated
    from shoal.anonymizing import Anonymized as Anonymized
    from shoal.anonymizing import anonymize as anonymize
    from shoal.anonymizing import anonymize_file as anonymize_file
    from shoal.assessing import assess as assess
    from shoal.auditing import audit as audit
    from shoal.disclosure import individual_risk as individual_risk
    from shoal.disclosure import risk as risk
    from shoal.discovering import unique_sets as unique_sets
    from shoal.hierarchies import Hierarchy as Hierarchy
    from shoal.hierarchies import build_hierarchy as build_hierarchy
    from shoal.hierarchies import read_hierarchy as read_hierarchy
    from shoal.hospital import hospital_policy as hospital_policy
    from shoal.hospital import hospital_records as hospital_records
    from shoal.identifiers import safe_harbor as safe_harbor
    from shoal.lattices import lattice as lattice
    from shoal.linking import LinkageRisk as LinkageRisk
    from shoal.linking import linkage_risk as linkage_risk
    from shoal.looking import Look as Look
    from shoal.looking import look as look
    from shoal.noising import noise as noise
    from shoal.noising import noise_file as noise_file
    from shoal.querying import Plan as Plan
    from shoal.querying import PrivateRelease as PrivateRelease
    from shoal.querying import private as private
    from shoal.special_uniques import Suda as Suda
    from shoal.special_uniques import suda as suda
    from shoal.spending import least_noise as least_noise
    from shoal.spending import privacy_spent as privacy_spent
    from shoal.suppressing import LocallySuppressed as LocallySuppressed
    from shoal.suppressing import suppress_cells as suppress_cells
    from shoal.transforming import Transformed as Transformed
    from shoal.transforming import add_noise as add_noise
    from shoal.transforming import microaggregate as microaggregate
    from shoal.transforming import post_randomize as post_randomize
    from shoal.transforming import round_values as round_values
    from shoal.transforming import swap_ranks as swap_ranks
    from shoal.transforming import top_bottom_code as top_bottom_code
    from shoal.verifying import Verification as Verification
    from shoal.verifying import verify as verify
    from shoal_engine.anonymity.assessment import Assessment as Assessment
    from shoal_engine.anonymity.assessment import Report as Report
    from shoal_engine.anonymity.full_domain.specs import FullDomain as FullDomain
    from shoal_engine.anonymity.hierarchies.specs import Auto as Auto
    from shoal_engine.anonymity.hierarchies.specs import Dates as Dates
    from shoal_engine.anonymity.hierarchies.specs import Intervals as Intervals
    from shoal_engine.anonymity.hierarchies.specs import NamedTree as NamedTree
    from shoal_engine.anonymity.hierarchies.specs import Order as Order
    from shoal_engine.anonymity.hierarchies.specs import Prefix as Prefix
    from shoal_engine.anonymity.hierarchies.specs import Priority as Priority
    from shoal_engine.anonymity.hierarchies.specs import Redaction as Redaction
    from shoal_engine.anonymity.policy import Policy as Policy
    from shoal_engine.anonymity.roles import Identifier as Identifier
    from shoal_engine.anonymity.roles import Insensitive as Insensitive
    from shoal_engine.anonymity.roles import QuasiIdentifier as QuasiIdentifier
    from shoal_engine.anonymity.roles import Sensitive as Sensitive
    from shoal_engine.anonymity.roles import SetValued as SetValued
    from shoal_engine.anonymity.roles import Undecided as Undecided
    from shoal_engine.anonymity.transform_specs import Microaggregate as Microaggregate
    from shoal_engine.anonymity.transform_specs import Noise as Noise
    from shoal_engine.anonymity.transform_specs import PostRandomize as PostRandomize
    from shoal_engine.anonymity.transform_specs import RankSwap as RankSwap
    from shoal_engine.anonymity.transform_specs import Round as Round
    from shoal_engine.anonymity.transform_specs import TopBottom as TopBottom
    from shoal_engine.declarations.column_format import ColumnFormat as ColumnFormat
    from shoal_engine.declarations.declarations import Declarations as Declarations
    from shoal_engine.declarations.file_format import FileFormat as FileFormat
    from shoal_engine.errors import PolicyNotMet as PolicyNotMet
    from shoal_engine.errors import ShoalError as ShoalError
    from shoal_engine.errors import UndecidedColumns as UndecidedColumns
    from shoal_engine.errors import VerificationFailed as VerificationFailed
    from shoal_engine.findings.finding import Finding as Finding
    from shoal_engine.ledger import Budget as Budget
    from shoal_engine.ledger import Ledger as Ledger
    from shoal_engine.ledger import Receipt as Receipt
    from shoal_engine.risk.report import RiskReport as RiskReport

# Public names by module; loaded at first use, so that importing shoal costs little more than polars.
_MODULES = {
    "shoal.anonymizing": ("Anonymized", "anonymize", "anonymize_file"),
    "shoal.assessing": ("assess",),
    "shoal.auditing": ("audit",),
    "shoal.disclosure": ("individual_risk", "risk"),
    "shoal.identifiers": ("safe_harbor",),
    "shoal.discovering": ("unique_sets",),
    "shoal.lattices": ("lattice",),
    "shoal.hierarchies": ("Hierarchy", "build_hierarchy", "read_hierarchy"),
    "shoal.hospital": ("hospital_policy", "hospital_records"),
    "shoal.linking": ("LinkageRisk", "linkage_risk"),
    "shoal.looking": ("Look", "look"),
    "shoal.noising": ("noise", "noise_file"),
    "shoal.special_uniques": ("Suda", "suda"),
    "shoal.querying": ("Plan", "PrivateRelease", "private"),
    "shoal.spending": ("least_noise", "privacy_spent"),
    "shoal.suppressing": ("LocallySuppressed", "suppress_cells"),
    "shoal.transforming": (
        "Transformed",
        "add_noise",
        "microaggregate",
        "post_randomize",
        "round_values",
        "swap_ranks",
        "top_bottom_code",
    ),
    "shoal.verifying": ("Verification", "verify"),
    "shoal_engine.anonymity.assessment": ("Assessment", "Report"),
    "shoal_engine.anonymity.full_domain.specs": ("FullDomain",),
    "shoal_engine.anonymity.hierarchies.specs": (
        "Auto",
        "Dates",
        "Intervals",
        "NamedTree",
        "Order",
        "Prefix",
        "Priority",
        "Redaction",
    ),
    "shoal_engine.anonymity.policy": ("Policy",),
    "shoal_engine.anonymity.roles": (
        "Identifier",
        "Insensitive",
        "QuasiIdentifier",
        "Sensitive",
        "SetValued",
        "Undecided",
    ),
    "shoal_engine.anonymity.models.people_models": ("DeltaPresence", "KMap"),
    "shoal_engine.anonymity.models.table_models": ("LKC", "AverageRisk", "PopulationUniqueness", "SampleUniqueness"),
    "shoal_engine.anonymity.models.value_models": (
        "Alpha",
        "BetaLikeness",
        "Closeness",
        "DeltaDisclosure",
        "Distinct",
        "Entropy",
        "Recursive",
    ),
    "shoal_engine.anonymity.transform_specs": (
        "Microaggregate",
        "Noise",
        "PostRandomize",
        "RankSwap",
        "Round",
        "TopBottom",
    ),
    "shoal_engine.declarations.column_format": ("ColumnFormat",),
    "shoal_engine.declarations.declarations": ("Declarations",),
    "shoal_engine.declarations.file_format": ("FileFormat",),
    "shoal_engine.errors": (
        "BudgetExhausted",
        "ColumnError",
        "HierarchyError",
        "InputError",
        "LedgerError",
        "NumberError",
        "OutputError",
        "PolicyError",
        "PolicyNotMet",
        "ShoalError",
        "UndecidedColumns",
        "VerificationFailed",
    ),
    "shoal_engine.findings.finding": ("Finding",),
    "shoal_engine.ledger": ("Budget", "Ledger", "Receipt"),
    "shoal_engine.risk.report": ("RiskReport",),
}
_SUBMODULES = ("dp", "federated", "flower")
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__version__ = "0.1.0"
__all__ = sorted(_HOME)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name in _SUBMODULES:
        return importlib.import_module(f"shoal.{name}")
    if name not in _HOME:
        msg = f"module 'shoal' has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return [*__all__, *_SUBMODULES, "__version__"]

"""What a policy promises of a released table, and whether an assessment of it holds every promise."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from shoal_engine.anonymity.criteria.assessment import Assessment, SensitiveReach
from shoal_engine.anonymity.policy.people_models import DeltaPresence, KMap
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.anonymity.policy.roles import QuasiIdentifier
from shoal_engine.anonymity.policy.table_models import (
    LKC,
    AverageRisk,
    SampleUniqueness,
    SizeModel,
    TableModel,
    kind_of,
    of_sizes,
)
from shoal_engine.anonymity.policy.value_models import (
    Alpha,
    BetaLikeness,
    Closeness,
    DeltaDisclosure,
    Distinct,
    Entropy,
    Model,
    Recursive,
)

_ROUNDING = 1e-9
"""Relative slack for figures that two programs add up in different orders; counts have none."""


def released_names(policy: Policy) -> list[str]:
    """Return the columns that quasi-identifiers become; rows with equal values in them form a class."""
    return [column for name, role in policy.quasi_identifiers.items() for column in released_columns(name, role)]


def released_columns(name: str, role: QuasiIdentifier) -> list[str]:
    """Return the columns that one quasi-identifier becomes."""
    return [f"{name}_lower", f"{name}_upper"] if role.output == "bounds" else [name]


def size_promises(policy: Policy) -> list[tuple[str, Callable[[npt.NDArray[np.int64]], bool]]]:
    """Return every model of the class sizes in words, and whether classes of some rows hold it."""

    def judge(model: SizeModel) -> Callable[[npt.NDArray[np.int64]], bool]:
        return lambda sizes: model.holds(model.measure(sizes))

    return [(table_in_words(model), judge(model)) for model in of_sizes(policy.models)]


def broken_promises(policy: Policy, reached: Assessment, *, in_rows: bool = False) -> list[str]:
    """Return what the table misses, in words that hold no value of it and no count below k.

    Parameters
    ----------
    policy : Policy
    reached : Assessment
        An empty table breaks nothing: nobody is in it.
    in_rows : bool
        Rows were counted. Where the policy counts units, only what rows can refute is judged then: a class has no more
        units than rows, and no more values on distinct units than values; shares among units are others than those
        among rows.
    """
    if not reached.rows:
        return []
    refutes = _refuted_by_rows if in_rows and policy.unit else _always
    counted = f"units of {policy.unit!r}" if policy.unit and not in_rows else "rows"
    broken = [] if reached.k >= policy.k else [f"a class has fewer than k = {policy.k} {counted}"]
    broken += [
        f"the table misses {table_in_words(m)}" for m in policy.models if refutes(m) and not _table_holds(m, reached)
    ]
    broken += [
        f"a combination of items misses {policy.k_of(column)}^{role.m}-anonymity of {column!r}"
        for column, role in policy.set_valued.items()
        if not _enough(reached.set_valued.get(column, 0), policy.k_of(column))
    ]
    for column, role in policy.sensitive.items():
        broken += [
            f"a class misses {in_words(model)} of {column!r}"
            for model in role.models
            if refutes(model) and not _holds(model, reached.sensitive[column])
        ]
    return broken


def _always(model: Model | TableModel) -> bool:
    """Judge every model."""
    del model
    return True


def _refuted_by_rows(model: Model | TableModel) -> bool:
    """Tell whether a model that rows miss is missed by their units all the more."""
    of_people = isinstance(model, KMap) and model.counts_people
    return of_people or isinstance(model, Distinct | AverageRisk | SampleUniqueness)


def _enough(rows: int | None, k: int) -> bool:
    """Tell whether enough rows hold every combination of items; there may be none."""
    return rows is None or rows >= k


def field_of(model: Model) -> str:
    """Return the field of `SensitiveReach` that tells what a model binds."""
    match model:
        case Distinct():
            return "l_distinct"
        case Entropy(estimator=estimator):
            return "l_entropy" if estimator == "shannon" else "l_entropy_grassberger"
        case Recursive():
            return "c_recursive"
        case Closeness():
            return "closeness"
        case DeltaDisclosure(absent=absent):
            return "delta_disclosure" if absent == "ignored" else "delta_disclosure_strict"
        case BetaLikeness(enhanced=enhanced):
            return "beta_enhanced" if enhanced else "beta_basic"
        case Alpha(values=values):
            return "alpha_declared" if values else "alpha"


def _holds(model: Model, reach: SensitiveReach) -> bool:
    """Tell whether the worst class meets a model; what was not measured does not."""
    figure: Any = getattr(reach, field_of(model))
    if figure is None:
        return False
    match model:
        case Distinct(l=l):
            return figure >= l
        case Entropy(l=l):
            return figure >= l * (1 - _ROUNDING)
        case Recursive(c=c, l=l):
            return figure[str(l)] < c
        case Closeness(t=t, distance=distance):
            return figure[distance] <= t + _ROUNDING
        case DeltaDisclosure():
            return figure < model.nats
        case BetaLikeness(beta=beta):
            return figure <= beta + _ROUNDING * (1 + beta)
        case Alpha(alpha=alpha):
            return figure <= alpha


def in_words(model: Model) -> str:
    """Return a model with its parameters."""
    match model:
        case Distinct(l=l):
            return f"distinct {l}-diversity"
        case Entropy(l=l, estimator=estimator):
            return f"entropy {l:g}-diversity" + ("" if estimator == "shannon" else f" ({estimator})")
        case Recursive(c=c, l=l):
            return f"recursive ({c:g}, {l})-diversity"
        case Closeness(t=t, distance=distance):
            return f"{t:g}-closeness ({distance} distance)"
        case DeltaDisclosure(delta=delta, absent=absent):
            return f"{delta:g}-disclosure privacy" + ("" if absent == "ignored" else " (absent values infinite)")
        case BetaLikeness(beta=beta, enhanced=enhanced):
            return f"{'enhanced' if enhanced else 'basic'} {beta:g}-likeness"
        case Alpha(alpha=alpha):
            return f"the largest share alpha = {alpha:g}"


def _table_holds(model: TableModel, reached: Assessment) -> bool:
    """Tell whether the table as a whole meets a model; what was not measured does not."""
    figures = reached.table_models
    if isinstance(model, LKC):
        return figures.get("lkc-k", 0) >= model.k and figures.get("lkc-c", 1.0) <= model.c
    if isinstance(model, DeltaPresence):
        return (
            figures.get("presence-least", 0.0) >= model.at_least
            and figures.get("presence-most", math.inf) <= model.at_most
        )
    figure = figures.get(kind_of(model))
    return figure is not None and model.holds(figure)


def table_in_words(model: TableModel) -> str:
    """Return a model of the whole table with its parameters."""
    match model:
        case KMap(k=k):
            return f"{k}-map"
        case LKC(l=l, k=k, c=c):
            return f"LKC-privacy (L = {l}, K = {k}, C = {c:g})"
        case DeltaPresence(at_least=least, at_most=most):
            return f"({least:g}, {most:g})-presence"
        case _:
            return f"{kind_of(model)} of at most {model.at_most:g}"

"""What a policy promises of a released table, and whether an assessment of it holds every promise."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from shoal_engine.anonymity.criteria.assessment import Assessment, SensitiveReach
from shoal_engine.anonymity.policy.people_models import KMap
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.anonymity.policy.roles import QuasiIdentifier
from shoal_engine.anonymity.policy.table_models import (
    AverageRisk,
    SampleUniqueness,
    SizeModel,
    TableModel,
    of_sizes,
)
from shoal_engine.anonymity.policy.value_models import (
    Distinct,
    Model,
)


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

    return [(model.describe(), judge(model)) for model in of_sizes(policy.models)]


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
        f"the table misses {m.describe()}" for m in policy.models if refutes(m) and not m.met_by(reached.table_models)
    ]
    broken += [
        f"a combination of items misses {policy.k_of(column)}^{role.m}-anonymity of {column!r}"
        for column, role in policy.set_valued.items()
        if not _enough(reached.set_valued.get(column, 0), policy.k_of(column))
    ]
    for column, role in policy.sensitive.items():
        broken += [
            f"a class misses {model.describe()} of {column!r}"
            for model in role.models
            if refutes(model) and not _reaches(model, reached.sensitive[column])
        ]
    return broken


def _always(model: Model | TableModel) -> bool:
    """Judge every model."""
    del model
    return True


def _refuted_by_rows(model: Model | TableModel) -> bool:
    """Return whether units miss a model that rows miss."""
    of_people = isinstance(model, KMap) and model.counts_people
    return of_people or isinstance(model, Distinct | AverageRisk | SampleUniqueness)


def _enough(rows: int | None, k: int) -> bool:
    """Return whether enough rows hold every combination of items; there may be none."""
    return rows is None or rows >= k


def _reaches(model: Model, reach: SensitiveReach) -> bool:
    """Return whether the worst class meets a model; a figure that was not measured does not."""
    field, key = model.figure
    figure: Any = getattr(reach, field)
    return figure is not None and model.holds(figure if key is None else figure[key])

"""How exposed a table is as it stands: its own equal tuples are its classes."""

from typing import Any

import msgspec
import numpy as np

from shoal_engine.anonymity.assessment import Assessment, SensitiveReach
from shoal_engine.anonymity.measures import measure, worst
from shoal_engine.anonymity.modeling import models_of
from shoal_engine.anonymity.observation import Table
from shoal_engine.anonymity.policy import Policy
from shoal_engine.anonymity.roles import Closeness, Distinct, Entropy, Recursive, Sensitive


def assess_table(table: Table) -> Assessment:
    """Measure a table's equivalence classes, risk, and what each sensitive column reaches."""
    weight = table.grouped.weight
    return Assessment.of(
        rows=table.n_rows,
        k=int(weight.min()),
        equivalence_classes=weight.size,
        unique_rows=int((weight == 1).sum()),
        sensitive=_reached(table),
    )


def _reached(table: Table) -> dict[str, SensitiveReach]:
    """Measure every sensitive column under the measures that are always told and the models of its policy."""
    policy = _measuring(table.policy)
    modeling = models_of(policy, {name: domain for name, (domain, _) in table.coded.items()})
    if not modeling.columns:
        return {}
    count = np.bincount(table.cells.value, weights=table.cells.count, minlength=modeling.n_values)
    models = modeling.with_reference(count.astype(np.int64))
    tuples = np.arange(table.grouped.n_tuples, dtype=np.int64)
    figures = iter(worst(models, measure(table.cells, tuples, tuples.size, models)).tolist())
    return {name: _reach(role, figures) for name, role in policy.sensitive.items()}


def _measuring(policy: Policy) -> Policy:
    """Return the policy with the measures that are told of every sensitive column ahead of its own models."""
    sensitive: dict[str, Sensitive] = {}
    for name, role in policy.sensitive.items():
        always: list[Any] = [Distinct(l=1), Entropy(l=1)]
        if not any(isinstance(model, Closeness) for model in role.models):
            always.append(Closeness(t=1))
        sensitive[name] = Sensitive(models=(*always, *role.models))
    return msgspec.structs.replace(policy, sensitive=sensitive)


def _reach(role: Sensitive, figures: Any) -> SensitiveReach:
    """Read the figures of one column, one for each of its models, in their order."""
    told = [(model, next(figures)) for model in role.models]
    closeness = {model.distance: figure for model, figure in reversed(told) if isinstance(model, Closeness)}
    return SensitiveReach(
        l_distinct=int(told[0][1]),
        l_entropy=told[1][1],
        t=next(figure for model, figure in told if isinstance(model, Closeness)),
        closeness=closeness,
        c_recursive={str(model.l): figure for model, figure in told if isinstance(model, Recursive)},
    )

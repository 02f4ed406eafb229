"""How exposed a table is as it stands: its own equal tuples are its classes."""

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

from shoal_engine.anonymity.assessment import Assessment, SensitiveReach
from shoal_engine.anonymity.item_sets import least_support
from shoal_engine.anonymity.models.combinations import combinations_reach
from shoal_engine.anonymity.models.measures import worst
from shoal_engine.anonymity.models.modeling import models_of
from shoal_engine.anonymity.models.people import people_figures
from shoal_engine.anonymity.models.table_models import LKC, kind_of, of_sizes
from shoal_engine.anonymity.models.value_models import (
    Alpha,
    BetaLikeness,
    Closeness,
    DeltaDisclosure,
    Distinct,
    Entropy,
    Model,
    Recursive,
)
from shoal_engine.anonymity.observation import Table
from shoal_engine.anonymity.policy import Policy
from shoal_engine.anonymity.roles import Sensitive

_ALWAYS: dict[str, Model] = {
    "l_distinct": Distinct(l=1),
    "l_entropy": Entropy(l=1),
    "l_entropy_grassberger": Entropy(l=1, estimator="grassberger"),
    "delta_disclosure": DeltaDisclosure(delta=1),
    "delta_disclosure_strict": DeltaDisclosure(delta=1, absent="infinite"),
    "beta_basic": BetaLikeness(beta=1),
    "beta_enhanced": BetaLikeness(beta=1, enhanced=True),
    "alpha": Alpha(alpha=1),
}
"""Measures that need no more than the column, by the field that tells them."""
_RANKS = (2, 3, 4, 5)
"""The l of the recursive (c, l)-diversities that are always told."""


def assess_table(table: Table) -> Assessment:
    """Measure a table's equivalence classes, risk, and what each sensitive column reaches."""
    weight = table.grouped.weight
    return Assessment.of(
        rows=table.n_rows,
        k=int(weight.min()),
        equivalence_classes=weight.size,
        unique_rows=int((weight == 1).sum()),
        sensitive=_reached(table),
        table_models=_table_figures(table),
        set_valued={
            name: least_support(sets, table.policy.set_valued[name].m, name) for name, sets in table.sets.items()
        },
    )


def _table_figures(table: Table) -> dict[str, float]:
    """Measure the models that bind the table as a whole."""
    figures = {kind_of(model): model.measure(table.grouped.weight) for model in of_sizes(table.policy.models)}
    for model in table.policy.models:
        if isinstance(model, LKC):
            figures["lkc-k"], figures["lkc-c"] = combinations_reach(table, model.l)
    return figures | people_figures(table)


def _reached(table: Table) -> dict[str, SensitiveReach]:
    """Measure every sensitive column, in one pass over the classes."""
    policy = _measuring(table.policy)
    modeling = models_of(policy, {name: domain for name, (domain, _) in table.coded.items()})
    if not modeling.columns:
        return {}
    count = np.bincount(table.cells.value, weights=table.cells.count, minlength=modeling.n_values)
    models = modeling.with_reference(count.astype(np.int64))
    tuples = np.arange(table.grouped.n_tuples, dtype=np.int64)
    figures = iter(worst(table.cells, tuples, tuples.size, models).tolist())
    return {name: _reach(role, figures) for name, role in table.policy.sensitive.items()}


def _measuring(policy: Policy) -> Policy:
    """Return the policy with the measures that are told of every sensitive column ahead of its own models."""
    return msgspec.structs.replace(
        policy,
        # Without models k = 1 would be refused; measuring does not read k.
        k=max(2, policy.k),
        models=(),
        population="",
        sensitive={name: Sensitive(models=_every_measure(role)) for name, role in policy.sensitive.items()},
    )


def _every_measure(role: Sensitive) -> list[Model]:
    """Return models that stand for every measure, the column's own where they differ; their limits bind nothing."""
    named: dict[str, Model] = {model.distance: model for model in role.models if isinstance(model, Closeness)}
    ranks = {*_RANKS, *(model.l for model in role.models if isinstance(model, Recursive))}
    return [
        *_ALWAYS.values(),
        *({"equal": Closeness(t=1), "ordered": Closeness(t=1, distance="ordered")} | named).values(),
        *(Recursive(c=1, l=l) for l in sorted(ranks)),
        *(model for model in role.models if isinstance(model, Alpha) and model.values),
    ]


def _reach(role: Sensitive, figures: Iterator[float]) -> SensitiveReach:
    """Read the figures of one column, one for each measure, in their order."""
    told = [(model, next(figures)) for model in _every_measure(role)]
    closeness = {model.distance: figure for model, figure in told if isinstance(model, Closeness)}
    first = next((model.distance for model in role.models if isinstance(model, Closeness)), "equal")
    fields: dict[str, Any] = {field: figure for field, (_, figure) in zip(_ALWAYS, told, strict=False)}
    fields["l_distinct"] = int(fields["l_distinct"])
    return SensitiveReach(
        **fields,
        t=closeness[first],
        closeness=closeness,
        c_recursive={str(model.l): figure for model, figure in told if isinstance(model, Recursive)},
        alpha_declared=next((figure for model, figure in told if isinstance(model, Alpha) and model.values), None),
    )

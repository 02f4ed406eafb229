"""Models that are counted in the people behind a table.

A class's people are summed like the counts of a sensitive value that every row has, so the methods meet k-map as
they meet any model of a class. A tuple of the population that is not in the table belongs to no class; only
full-domain generalization, whose classes are known before their rows, counts it where it falls. Elsewhere a class
may fit more people than are counted, which only lowers the risk.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from shoal_engine.anonymity.policy.people_models import DeltaPresence, KMap
from shoal_engine.anonymity.policy.table_models import of_people
from shoal_engine.anonymity.table.population import Ints, Words
from shoal_engine.errors import PolicyError
from shoal_kernels._jit import freeze
from shoal_kernels.criteria import privacy_models as kernel

if TYPE_CHECKING:
    from shoal_engine.anonymity.criteria.binding import BoundTable
    from shoal_engine.anonymity.policy.policy import Policy
    from shoal_engine.anonymity.table.dimensions import Space
    from shoal_engine.anonymity.table.table import Table


def check_method(policy: "Policy", space: "Space", method: str) -> None:
    """Raise PolicyError where a method's classes do not let the models be counted in people."""
    models = of_people(policy.models)
    if models and method == "mondrian-relaxed":
        msg = "people are counted for a model of this policy, and mondrian-relaxed parts rows that look alike; "
        raise PolicyError(msg + "use method tight, mondrian or full-domain")
    presence = next((model for model in models if isinstance(model, DeltaPresence)), None)
    if presence is None:
        return
    apart = all(d.tree is None and (d.role.nulls == "apart" or not d.domain.has_null) for d in space.dimensions)
    if method != "full-domain" and not (method == "mondrian" and apart):
        msg = (
            f"delta-presence needs classes that share nobody, and method {method} may release others; use method "
            "full-domain, or mondrian where no quasi-identifier has a hierarchy or bands, or generalizes nulls"
        )
        raise PolicyError(msg)
    if method == "full-domain" and policy.full_domain.rounds > 1:
        msg = "delta-presence needs classes that share nobody, and local recoding may release others; use `rounds` = 1"
        raise PolicyError(msg)
    if presence.at_least > 0 and (method != "full-domain" or policy.suppress > 0):
        msg = (
            "delta-presence with `at_least` above 0 needs a class for everybody in the population; use method "
            "full-domain and suppress = 0"
        )
        raise PolicyError(msg)


def with_people(table: "BoundTable") -> "BoundTable":
    """Return the table with its people among the cells, and the models that count them among its models."""
    models = of_people(table.policy.models)
    if table.people is None or not models:
        return table
    start, value, count = table.cells
    place, n_values = start[1:], table.n_values
    cells = kernel.Cells(
        start + np.arange(start.size),
        np.insert(value, place, n_values),
        np.insert(count, place, table.people.own),
    )
    return replace(table, cells=freeze(cells), models=_with_rows(table.models, models, n_values))


def bounds_on_people(model: KMap | DeltaPresence) -> list[tuple[int, int, float]]:
    """Return what a model asks of each class, as kernels see it: kind, count and limit of each bound."""
    if isinstance(model, KMap):
        return [(kernel.K_MAP, model.k, 0.0)]
    bounds = [(kernel.PRESENCE_MOST, 0, model.at_most)]
    return [*bounds, (kernel.PRESENCE_LEAST, 0, model.at_least)] if model.at_least > 0 else bounds


def _with_rows(models: kernel.Models, added: Sequence[KMap | DeltaPresence], n_values: int) -> kernel.Models:
    """Return the models with further ones, which bind the last value alone."""
    rows = [bound for model in added for bound in bounds_on_people(model)]
    kind, k, limit = zip(*rows, strict=True)
    n = len(rows)
    return freeze(
        models._replace(
            kind=np.append(models.kind, np.array(kind, np.int64)),
            first=np.append(models.first, np.full(n, n_values)),
            last=np.append(models.last, np.full(n, n_values + 1)),
            count=np.append(models.count, np.array(k, np.int64)),
            limit=np.append(models.limit, np.array(limit)),
            reference=np.append(models.reference, 1.0),
            depth=np.append(models.depth, np.zeros(n, np.int64)),
            tree_start=np.append(models.tree_start, np.full(n, models.ancestor.size)),
        )
    )


def with_outside(table: "BoundTable") -> tuple[Words, Ints, kernel.Cells]:
    """Return the tuples, their rows and cells, those of people outside the table behind them without rows."""
    words, weight, cells = table.grouped.words, table.grouped.weight, table.cells
    if table.people is None or not of_people(table.policy.models):
        return words, weight, cells
    outside = table.people.outside
    start, value, count = cells
    joined = kernel.Cells(
        np.append(start, start[-1] + 1 + np.arange(outside.size)),
        np.append(value, np.full(outside.size, table.n_values)),
        np.append(count, outside),
    )
    return (
        np.concatenate([words, table.people.outside_words], axis=1),
        np.append(weight, np.zeros(outside.size, np.int64)),
        freeze(joined),
    )


def people_figures(table: "Table") -> dict[str, float]:
    """Measure the models counted in people over the equal tuples of a table, by the name of each figure."""
    figures: dict[str, float] = {}
    for model in of_people(table.policy.models):
        assert table.people is not None
        if isinstance(model, KMap):
            figures["k-map"] = float(table.people.own.min())
        else:
            share = table.grouped.weight / table.people.own
            figures["presence-least"] = 0.0 if table.people.outside.size else float(share.min())
            figures["presence-most"] = float(share.max())
    return figures

"""What a table as a whole reaches under the models that bind all its classes, in plain Polars."""

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import polars as pl

from shoal.io.internal_names import internal
from shoal.recount.recounting_units import MEMBERS, ROWS, WEIGHT
from shoal_engine.anonymity.criteria.assessment import Assessment
from shoal_engine.anonymity.policy.people_models import DeltaPresence, KMap
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.anonymity.policy.table_models import (
    LKC,
    AverageRisk,
    PopulationUniqueness,
    SampleUniqueness,
    of_people,
)
from shoal_engine.anonymity.table.units import GRID

_COUNT = internal("count")


def table_figures(
    frame: pl.LazyFrame,
    policy: Policy,
    quasi_identifiers: Sequence[str],
    reached: Assessment,
    classes: pl.DataFrame,
    population: pl.LazyFrame | None,
    unit: str | None = None,
) -> Mapping[str, float]:
    """Return the figure of each model of the policy that binds the table as a whole, by its kind.

    Parameters
    ----------
    frame : pl.LazyFrame
        The released table.
    policy : Policy
    quasi_identifiers : sequence of str
        Released columns whose equal values make a class.
    reached : Assessment
        The classes, as counted.
    classes : pl.DataFrame
        Their labels and rows.
    population : pl.LazyFrame, optional
        People, where a model is counted in them.
    unit : str, optional
        Column whose distinct values are counted in place of rows.
    """
    figures: dict[str, float] = {}
    sizes = classes.get_column(MEMBERS)
    members = int(sizes.sum())
    for model in policy.models:
        match model:
            case AverageRisk():
                figures["average-risk"] = reached.equivalence_classes / max(1, members)
            case SampleUniqueness():
                figures["sample-uniqueness"] = int((sizes == 1).sum()) / max(1, members)
            case PopulationUniqueness():
                figures["population-uniqueness"] = model.measure(sizes.cast(pl.Int64).to_numpy())
            case KMap(counts_people=False):
                figures["k-map"] = _k_map(model, members, reached.k)
            case LKC(l=l):
                columns = _by_quasi_identifier(policy, quasi_identifiers)
                weighed = _weighed(frame, quasi_identifiers, unit)
                found = _combinations(weighed, classes, columns, list(policy.sensitive), l, unit)
                figures["lkc-k"], figures["lkc-c"] = found
            case _:
                pass
    return figures if population is None else figures | _people_figures(policy, classes, population)


def _people_figures(policy: Policy, classes: pl.DataFrame, population: pl.LazyFrame) -> dict[str, float]:
    """Return the figures that are counted in people."""
    from shoal.recount.fitting_people import fit_people

    found = fit_people(classes, classes.get_column(ROWS), population, policy)
    figures: dict[str, float] = {}
    for model in of_people(policy.models):
        match model:
            case KMap():
                figures["k-map"] = float(found.of_class.min(initial=np.iinfo(np.int64).max))
            case DeltaPresence():
                figures["presence-least"] = float(found.share.min(initial=1.0))
                # Counts tell the chance of somebody only where one class fits.
                figures["presence-most"] = math.inf if found.overlap else float(found.share.max(initial=0.0))
    return figures


def _k_map(model: KMap, rows: int, least: int) -> float:
    """Return the largest k, up to the model's own, of which the rows of the smallest class are proof enough."""
    from scipy.stats import poisson

    fraction = model.sampling_fraction or rows / (model.population or rows)

    def proven(k: int) -> bool:
        absent = poisson.pmf(0, fraction * k) if model.estimator == "zero-truncated-poisson" else 0.0
        # The least number of rows that as few or fewer come from k people with the chance asked for.
        enough = float(poisson.ppf((1 - model.significance) * (1 - absent) + absent, fraction * k))
        enough = max(1.0, enough) + 1 if absent else enough + 2
        return least >= min(float(k), enough)

    # More people need more rows.
    return float(bisect_left(range(1, model.k + 1), 1, key=lambda k: int(not proven(k))))


def _by_quasi_identifier(policy: Policy, released: Sequence[str]) -> list[list[str]]:
    """Return the released columns of each quasi-identifier: one, or its two bounds."""
    return [
        [name for name in (column, f"{column}_lower", f"{column}_upper") if name in released]
        for column in policy.quasi_identifiers
    ]


def _weighed(frame: pl.LazyFrame, keys: Sequence[str], unit: str | None) -> pl.LazyFrame:
    """Return the table with what each row weighs in its class."""
    weight = pl.lit(1, pl.Int64) if unit is None else GRID // pl.len().cast(pl.Int64).over([*keys, unit])
    return frame.with_columns(weight.alias(WEIGHT))


def _combinations(
    frame: pl.LazyFrame,
    classes: pl.DataFrame,
    quasi: Sequence[Sequence[str]],
    sensitive: Sequence[str],
    l: int,
    unit: str | None,
) -> tuple[int, float]:
    """Return the fewest rows, and the largest share of a sensitive value, over combinations of `l` of `quasi`.

    Of units, a combination has at least those of its largest class.
    """
    members = pl.col(MEMBERS).sum() if unit is None else pl.col(MEMBERS).max()
    fewest, surest = [], [0.0]
    for chosen in combinations(quasi, min(l, len(quasi))):
        columns = [name for part in chosen for name in part]
        groups = classes.group_by(columns).agg(members)
        fewest.append(groups.select(pl.col(MEMBERS).min()).item() or 0)
        for column in sensitive:
            value = pl.col(column).alias(internal("value"))
            cells = frame.group_by(*columns, value).agg(pl.col(WEIGHT).sum().alias(_COUNT))
            share = cells.group_by(columns).agg(pl.col(_COUNT).max() / pl.col(_COUNT).sum())
            surest.append(share.select(pl.col(_COUNT).max()).collect().item() or 0.0)
    return min(fewest, default=0), max(surest)

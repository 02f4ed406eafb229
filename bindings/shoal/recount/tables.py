"""Measured values of the models that bind a table as a whole, recounted in plain Polars.

People of a population that match each class of a release, counted in NumPy and Polars alone.

A person matches a class if every label of the class covers the person's value.
"""

import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import polars as pl

from shoal.io.lazy_frames import internal, read_to_end, schema_of
from shoal.recount.released_table import Codes, Reading, read_labels
from shoal.recount.units import MEMBERS, ROWS, WEIGHT
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
from shoal_engine.tables.column_names import check_columns

_PEOPLE, _LABEL = internal("people"), internal("label")
_COUNT = internal("count")


@dataclass(frozen=True, slots=True, eq=False)
class Fitting:
    """People of a population and the classes of a release.

    Attributes
    ----------
    of_class : (n_classes,) int64
        Number of people that match each class.
    share : (n_tuples,) float64
        For each distinct tuple of the population, rows / people of its class; 0 if no class matches.
    overlap : bool
        Whether a tuple matches two classes.
    """

    of_class: Codes
    share: npt.NDArray[np.float64]
    overlap: bool


def fit_people(classes: pl.DataFrame, rows: pl.Series, population: pl.LazyFrame, policy: "Policy") -> Fitting:
    """Count the people that match each class.

    Parameters
    ----------
    classes : pl.DataFrame
        The released quasi-identifiers, one row per class.
    rows : pl.Series
        Number of rows of each class.
    population : pl.LazyFrame
    policy : Policy

    Raises
    ------
    ColumnError
        The population lacks a quasi-identifier, or a label cannot be read.
    HierarchyError
        A hierarchy does not cover the population's values.
    """
    schema = schema_of(population)
    check_columns(policy.quasi_identifiers, schema, table="the population", remedy="add it")
    keys = [_as_observed(name, schema[name]) for name in policy.quasi_identifiers]
    tuples = read_to_end(population.group_by(keys).agg(pl.len().alias(_PEOPLE)))
    labels: list[Codes] = []
    readings: list[Reading] = []
    values: list[Codes] = []
    for name, role in policy.quasi_identifiers.items():
        codes, domain = _numbered(tuples.get_column(name))
        values.append(codes)
        parts = [f"{name}_lower", f"{name}_upper"] if role.output == "bounds" else [name]
        distinct = classes.select(parts).unique(maintain_order=True).with_row_index(_LABEL)
        numbered = classes.select(parts).join(distinct, on=parts, how="left", nulls_equal=True, maintain_order="left")
        labels.append(numbered.get_column(_LABEL).cast(pl.Int64).to_numpy())
        readings.append(read_labels(distinct.drop(_LABEL), domain, name, role, policy))
    people = tuples.get_column(_PEOPLE).cast(pl.Int64).to_numpy()
    size = rows.cast(pl.Int64).to_numpy()
    of_class = np.zeros(classes.height, np.int64)
    share, seen, overlap = np.zeros(tuples.height), np.zeros(tuples.height, np.bool_), False
    for c, fitting in _fitting(labels, readings, values):
        of_class[c] = people[fitting].sum()
        overlap |= bool(seen[fitting].any())
        seen[fitting] = True
        share[fitting] = size[c] / max(1, of_class[c])
    return Fitting(of_class, share, overlap)


def _as_observed(name: str, kind: pl.DataType) -> pl.Expr:
    """Return a column normalized like observed tables: NaN is null, zero has no sign, categories are text."""
    column = pl.col(name)
    if kind.is_float():
        return pl.when(column.is_nan()).then(None).otherwise(column + 0.0).alias(name)
    return column.cast(pl.String) if isinstance(kind, pl.Categorical | pl.Enum) else column


def _numbered(values: pl.Series) -> tuple[Codes, pl.Series]:
    """Return dense codes of the values, null first, then ascending, and the distinct values."""
    domain = values.unique().sort(nulls_last=False)
    numbers = domain.to_frame("value").with_row_index("code")
    found = values.to_frame("value").join(numbers, on="value", how="left", nulls_equal=True, maintain_order="left")
    return found.get_column("code").cast(pl.Int64).to_numpy(), domain


def _fitting(
    labels: Sequence[Codes], readings: Sequence[Reading], values: Sequence[Codes]
) -> Iterator[tuple[int, Codes]]:
    """Yield each class with the population tuples that match it.

    Classes with equal labels in the first columns share the remaining population; columns with more
    labels come first, as they leave fewer people.
    """
    order = sorted(range(len(labels)), key=lambda j: (-int(labels[j].max(initial=0)), j))
    todo = [(0, np.arange(len(labels[0])), np.arange(len(values[0])))]
    while todo:
        depth, classes, left = todo.pop()
        if depth == len(order):
            yield from ((int(c), left) for c in classes)
            continue
        j = order[depth]
        mine, own = labels[j][classes], values[j][left]
        by_label = np.argsort(mine, kind="stable")
        for part in np.split(by_label, np.flatnonzero(np.diff(mine[by_label])) + 1):
            fits = readings[j].fits(int(mine[part[0]]), own)
            todo.append((depth + 1, classes[part], left[fits]))


def table_figures(
    frame: pl.LazyFrame,
    policy: Policy,
    quasi_identifiers: Sequence[str],
    measured: Assessment,
    classes: pl.DataFrame,
    population: pl.LazyFrame | None,
    unit: str | None = None,
) -> Mapping[str, float]:
    """Return the measured value of each table-wide model of the policy, by its kind.

    Parameters
    ----------
    frame : pl.LazyFrame
        The released table.
    policy : Policy
    quasi_identifiers : sequence of str
        Released columns whose equal values form a class.
    measured : Assessment
        Counts of the classes.
    classes : pl.DataFrame
        Labels and number of rows of the classes.
    population : pl.LazyFrame, optional
        Table of the population, if a model is counted in people.
    unit : str, optional
        Column whose distinct values are counted instead of rows.
    """
    figures: dict[str, float] = {}
    sizes = classes.get_column(MEMBERS)
    members = int(sizes.sum())
    for model in policy.models:
        match model:
            case AverageRisk():
                figures["average-risk"] = measured.equivalence_classes / max(1, members)
            case SampleUniqueness():
                figures["sample-uniqueness"] = int((sizes == 1).sum()) / max(1, members)
            case PopulationUniqueness():
                figures["population-uniqueness"] = model.measure(sizes.cast(pl.Int64).to_numpy())
            case KMap(counts_people=False):
                figures["k-map"] = _k_map(model, members, measured.k)
            case LKC(l=l):
                columns = _by_quasi_identifier(policy, quasi_identifiers)
                weighed = _weighed(frame, quasi_identifiers, unit)
                found = _combinations(weighed, classes, columns, list(policy.sensitive), l, unit)
                figures["lkc-k"], figures["lkc-c"] = found
            case _:
                pass
    return figures if population is None else figures | _people_figures(policy, classes, population)


def _people_figures(policy: Policy, classes: pl.DataFrame, population: pl.LazyFrame) -> dict[str, float]:
    """Return the measured values of models counted in people."""
    found = fit_people(classes, classes.get_column(ROWS), population, policy)
    figures: dict[str, float] = {}
    for model in of_people(policy.models):
        match model:
            case KMap():
                figures["k-map"] = float(found.of_class.min(initial=np.iinfo(np.int64).max))
            case DeltaPresence():
                figures["presence-least"] = float(found.share.min(initial=1.0))
                # Counts give a person's probability only if one class matches.
                figures["presence-most"] = math.inf if found.overlap else float(found.share.max(initial=0.0))
    return figures


def _k_map(model: KMap, rows: int, least: int) -> float:
    """Return the largest k, up to the model's own, that the size of the smallest class proves."""
    from scipy.stats import poisson

    fraction = model.sampling_fraction or rows / (model.population or rows)

    def proven(k: int) -> bool:
        absent = poisson.pmf(0, fraction * k) if model.estimator == "zero-truncated-poisson" else 0.0
        # The least number of rows such that k people yield as many or fewer with the requested probability.
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
    """Return the table with the weight of each row in its class."""
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
    """Return the fewest rows and the largest share of a sensitive value, over combinations of `l` columns.

    If units are counted, a combination has at least the units of its largest class.
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

"""People of a population that match each class of a release, counted in NumPy and Polars alone.

A person matches a class if every label of the class covers the person's value.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from shoal.io.internal_names import internal
from shoal.io.lazy_frames import read_to_end, schema_of
from shoal.recount.reading_labels import Codes, Reading, read_labels
from shoal_engine.tables.column_names import check_columns

if TYPE_CHECKING:
    from shoal_engine.anonymity.policy.policy import Policy

_COUNT, _LABEL = internal("people"), internal("label")


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
    tuples = read_to_end(population.group_by(keys).agg(pl.len().alias(_COUNT)))
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
    people = tuples.get_column(_COUNT).cast(pl.Int64).to_numpy()
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

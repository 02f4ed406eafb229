"""A table's disclosure risk in one report, from its classes alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Struct

from shoal_engine.errors import PolicyError
from shoal_engine.risk.population_uniques import ESTIMATORS, population_uniques
from shoal_engine.risk.reidentification import (
    AttackerRisk,
    expected_probability,
    journalist_risk,
    marketer_risk,
    prosecutor_risk,
)
from shoal_kernels.criteria.privacy_models import Cells

Vector = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]


class AttributeRisk(Struct, frozen=True, kw_only=True):
    """Probability to guess a sensitive value by the most frequent one.

    Attributes
    ----------
    highest, average : float
        Over the records, given their class.
    baseline : float
        Given nothing but the table's own distribution.
    homogeneous_rows : int
        Rows in classes that hold one value: nothing is left to guess (Machanavajjhala et al. 2007, section 2.1).
    """

    highest: float
    average: float
    baseline: float
    homogeneous_rows: int


def attribute_risk(cells: Cells, size: Vector, first: int, n_values: int) -> AttributeRisk:
    """Measure one sensitive column; null is a value.

    Parameters
    ----------
    cells : Cells
        Sensitive values of each class, all columns numbered through.
    size : (n,) int64, at least 1
        Rows of each class.
    first, n_values : int
        The column's values are numbered from `first`.
    """
    mine = (cells.value >= first) & (cells.value < first + n_values)
    owner = np.repeat(np.arange(size.size), np.diff(cells.start))[mine]
    most = np.zeros(size.size, np.int64)
    np.maximum.at(most, owner, cells.count[mine])
    rows = int(size.sum())
    total = np.bincount(cells.value[mine] - first, weights=cells.count[mine])
    return AttributeRisk(
        highest=float((most / size).max()),
        average=int(most.sum()) / rows,
        baseline=float(total.max()) / rows,
        homogeneous_rows=int(size[most == size].sum()),
    )


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """The population behind the n classes of a sample.

    Attributes
    ----------
    source : "counted" | "estimated"
        From a table of the population, or from weights or a sampling fraction.
    size : (n,) float64
        People of each class, counted or expected.
    probability : (n,) float64
        One over the number of people, or its expectation.
    sampling_fraction : float
        Rows over people, above 0, at most 1.
    uniques : float, optional
        Share of a counted population that is unique in it, in the sample or not.
    """

    source: Literal["counted", "estimated"]
    size: Shares
    probability: Shares
    sampling_fraction: float
    uniques: float | None = None

    @classmethod
    def counted(cls, people: Vector, sampling_fraction: float, uniques: float) -> "People":
        """Return a population whose classes were counted."""
        return cls("counted", people.astype(np.float64), 1.0 / people, sampling_fraction, uniques)

    @classmethod
    def estimated(cls, size: Vector, fraction: Shares) -> "People":
        """Return the population that sampling with these probabilities, one for each class, leads to expect."""
        people = size / fraction
        return cls("estimated", people, expected_probability(size, fraction), int(size.sum()) / float(people.sum()))


class RiskReport(Struct, frozen=True, kw_only=True):
    """Risks of the classes of a table. Figures that need the population are missing if it is not known.

    Attributes
    ----------
    rows, equivalence_classes : int
    sample_uniques : int
        Unique rows of the table.
    threshold : float
        Probability that is taken to be too high.
    prosecutor : AttackerRisk
    journalist : AttackerRisk, optional
    marketer : float
        Share of the records that linking all of them gets right; without a population, the table is all there is.
    population : "counted" | "estimated", optional
    sampling_fraction : float, optional
    k_map : int, optional
        Fewest people of a counted population who share a class that the table has.
    presence : tuple of two floats, optional
        Lowest and highest share of the people of a class of a counted population who are in the table: the bounds
        of delta-presence (Nergiz, Atzori, Clifton 2007, definition 2), null where the population is not counted.
    expected_reidentifications : float, optional
        Sum over the records of the probability to find them in the population: the global risk.
    population_uniques : mapping of str to float
        Share of the population that is unique: `counted`, or estimated by pitman, zayatz, snb and dankar, null
        where one has no estimate.
    attributes : mapping of column to AttributeRisk
    """

    rows: int
    equivalence_classes: int
    sample_uniques: int
    threshold: float
    prosecutor: AttackerRisk
    journalist: AttackerRisk | None = None
    marketer: float
    population: Literal["counted", "estimated"] | None = None
    sampling_fraction: float | None = None
    k_map: int | None = None
    presence: tuple[float, float] | None = None
    expected_reidentifications: float | None = None
    population_uniques: Mapping[str, float | None] = {}
    attributes: Mapping[str, AttributeRisk] = {}

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as the JSON reads."""
        return msgspec.to_builtins(self)


def report_risk(
    size: Vector, people: People | None, attributes: Mapping[str, AttributeRisk], *, threshold: float
) -> RiskReport:
    """Report the risk of n classes.

    Parameters
    ----------
    size : (n,) int64, at least 1
        Rows of each class.
    people : People, optional
        Its classes are in the same order.
    attributes : mapping of sensitive column to its risk
    threshold : float, from 0 to 1

    Raises
    ------
    PolicyError
        The threshold is out of range.
    """
    if not 0 <= threshold <= 1:
        msg = f"threshold = {threshold}; give the probability from which on a record is at risk, from 0 to 1"
        raise PolicyError(msg)
    rows = int(size.sum())
    report = RiskReport(
        rows=rows,
        equivalence_classes=size.size,
        sample_uniques=int((size == 1).sum()),
        threshold=threshold,
        prosecutor=prosecutor_risk(size, threshold),
        marketer=size.size / rows,
        attributes=attributes,
    )
    if people is None:
        return report
    marketer = marketer_risk(size, people.probability)
    return msgspec.structs.replace(
        report,
        journalist=journalist_risk(size, people.size, people.probability, threshold),
        marketer=marketer,
        population=people.source,
        sampling_fraction=people.sampling_fraction,
        k_map=int(people.size.min()) if people.source == "counted" else None,
        presence=_presence(size, people) if people.source == "counted" else None,
        expected_reidentifications=marketer * rows,
        population_uniques=_uniques(size, people.sampling_fraction)
        if people.uniques is None
        else {"counted": people.uniques},
    )


def _presence(size: Vector, people: People) -> tuple[float, float]:
    """Return the bounds of delta-presence; people of classes that the table does not have are absent for certain."""
    present = size / people.size
    all_people = size.sum() / people.sampling_fraction
    # Counts are whole: nobody is elsewhere if fewer than half a person is.
    elsewhere = all_people - people.size.sum() > 1 / 2
    return (0.0 if elsewhere else float(present.min())), float(present.max())


def _uniques(size: Vector, fraction: float) -> dict[str, float | None]:
    """Return every estimate of the share of population uniques."""
    sizes, count = np.unique(size, return_counts=True)
    estimates: dict[str, float | None] = {}
    for name in ESTIMATORS:
        share = population_uniques(sizes, count, sampling_fraction=fraction, estimator=name)
        estimates[name] = None if np.isnan(share) else share
    return estimates

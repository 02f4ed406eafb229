"""The privacy models that bind a table as a whole: promises about the sizes of all its classes, not about one.

Each says what it measures of the class sizes, whether a figure holds it, and from which k on it holds by itself,
so that a method that only knows k can meet it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from msgspec import Meta

from shoal_engine.anonymity.policy.people_models import DeltaPresence, KMap
from shoal_engine.anonymity.policy.value_models import check_finite
from shoal_engine.errors import PolicyError
from shoal_engine.policy_values import MOST, PolicyValue

Sizes = npt.NDArray[np.int64]


class _AtMost(PolicyValue, frozen=True):
    """A model that limits one figure of the class sizes from above.

    Attributes
    ----------
    at_most : float
    """

    at_most: float

    def _check(self) -> None:
        """Check that the limit is a number."""
        check_finite("at_most", self.at_most)

    def holds(self, figure: float) -> bool:
        """Return whether a figure is low enough; NaN is not."""
        return figure <= self.at_most

    def met_by(self, figures: Mapping[str, float]) -> bool:
        """Return whether the figures of a table meet the model; a missing one does not."""
        return self.holds(figures.get(self.tag(), math.nan))

    def describe(self) -> str:
        """Return the model with its parameters, in words."""
        return f"{self.tag()} of at most {self.at_most:g}"


class AverageRisk(_AtMost, frozen=True, tag_field="kind", tag="average-risk"):
    """The mean over rows of 1 / (rows of the class), which is classes / rows, is at most `at_most`.

    The marketer risk of El Emam, Dankar 2008 for a table that is its own population; ARX's
    AverageReidentificationRisk, which likewise looks at released rows only. pycanon does not have it.
    """

    at_most: Annotated[float, Meta(gt=0, le=1)]

    def measure(self, sizes: Sizes) -> float:
        """Return the average risk of classes of these rows, (n_classes,) int64."""
        return sizes.size / max(1, int(sizes.sum()))

    def sufficient_k(self, n_rows: int) -> int:
        """Return the k whose classes always hold the model."""
        del n_rows
        return math.ceil(1 / self.at_most) if self.at_most > 1 / MOST else MOST


class SampleUniqueness(_AtMost, frozen=True, tag_field="kind", tag="sample-uniqueness"):
    """At most the share `at_most` of the rows are unique; ARX's SampleUniqueness."""

    at_most: Annotated[float, Meta(ge=0, le=1)]

    def measure(self, sizes: Sizes) -> float:
        """Return the share of unique rows, for classes of these rows."""
        return int((sizes == 1).sum()) / max(1, int(sizes.sum()))

    def sufficient_k(self, n_rows: int) -> int:
        """Return the k whose classes always hold the model."""
        del n_rows
        return 2


class PopulationUniqueness(_AtMost, frozen=True, tag_field="kind", tag="population-uniqueness"):
    """At most the share `at_most` of the people are unique in the population, as estimated from the classes.

    Attributes
    ----------
    at_most : float
    population : int, optional
        People from whom the table was drawn.
    sampling_fraction : float, optional
        Or the share of them that is in the table.
    estimator : str
        pitman, zayatz, snb or dankar; see `shoal_engine.risk.population_uniques`.

    Notes
    -----
    As ARX's PopulationUniqueness: an estimate of 0 where the table has unique rows is no answer and does
    not hold. pycanon does not have the model.
    """

    at_most: Annotated[float, Meta(ge=0, le=1)]
    population: Annotated[int, Meta(ge=1, le=MOST)] | None = None
    sampling_fraction: Annotated[float, Meta(gt=0, le=1)] | None = None
    estimator: Literal["pitman", "zayatz", "snb", "dankar"] = "dankar"

    def _check(self) -> None:
        """Check that the population is known, in one way."""
        check_finite("at_most", self.at_most)
        if (self.population is None) == (self.sampling_fraction is None):
            msg = "population-uniqueness needs the population's size: either `population` or `sampling_fraction`"
            raise PolicyError(msg)

    def measure(self, sizes: Sizes) -> float:
        """Return the share of unique people; NaN where the estimator has no answer."""
        from shoal_engine.risk.population_uniques import population_uniques

        rows = int(sizes.sum())
        size, count = np.unique(sizes, return_counts=True)
        if not rows or size[0] > 1:
            return 0.0
        fraction = self.sampling_fraction or min(1.0, rows / (self.population or rows))
        return population_uniques(size, count, sampling_fraction=fraction, estimator=self.estimator) or math.nan

    def sufficient_k(self, n_rows: int) -> int:
        """Return the k whose classes always hold the model.

        Raises
        ------
        PolicyError
            The population is smaller than the table.
        """
        if self.population is not None and self.population < n_rows:
            msg = f"population = {self.population} is smaller than the table; it counts all who could be in it"
            raise PolicyError(msg)
        return 2


class LKC(PolicyValue, frozen=True, tag_field="kind", tag="lkc"):
    """Who knows at most `l` quasi-identifiers of a person finds `k` rows, and no sensitive value likelier than `c`.

    LKC-privacy (Mohammed et al. 2009, definition 3.1): every combination of values of at most `l` quasi-identifiers
    that occurs is shared by at least `k` rows, and every value of every sensitive column has at most the share
    `c` of these. Neither ARX nor pycanon has it.

    Notes
    -----
    A release meets it by classes of k rows in which no value exceeds c: every combination is a union of classes, and
    holds at least as many rows and no larger share. That is stricter than the model where `l` is small.
    """

    l: Annotated[int, Meta(ge=1, le=MOST)]
    k: Annotated[int, Meta(ge=2, le=MOST)]
    c: Annotated[float, Meta(gt=0, le=1)]

    def _check(self) -> None:
        """Check that the limit is a number."""
        check_finite("c", self.c)

    def sufficient_k(self, n_rows: int) -> int:
        """Return the k that classes need where no value exceeds the share c."""
        del n_rows
        return self.k

    def met_by(self, figures: Mapping[str, float]) -> bool:
        """Return whether the figures of a table meet the model; missing ones do not."""
        return figures.get("lkc-k", 0) >= self.k and figures.get("lkc-c", 1.0) <= self.c

    def describe(self) -> str:
        """Return the model with its parameters, in words."""
        return f"LKC-privacy (L = {self.l}, K = {self.k}, C = {self.c:g})"


SizeModel: TypeAlias = AverageRisk | SampleUniqueness | PopulationUniqueness | KMap
"""Models that follow from the sizes of all classes."""
TableModel: TypeAlias = SizeModel | LKC | DeltaPresence


def of_sizes(models: Sequence[TableModel]) -> list[SizeModel]:
    """Return the models that follow from the sizes of all classes alone."""
    return [m for m in models if isinstance(m, SizeModel) and not (isinstance(m, KMap) and m.counts_people)]


def of_people(models: Sequence[TableModel]) -> list[KMap | DeltaPresence]:
    """Return the models that are counted in a table of the population."""
    return [m for m in models if isinstance(m, KMap | DeltaPresence) and m.counts_people]


def sizes_hold(models: Sequence[TableModel], sizes: Sizes) -> bool:
    """Return whether classes of these rows, (n_classes,) int64, hold every model that follows from their sizes."""
    return all(model.holds(model.measure(sizes)) for model in of_sizes(models))


def least_and_sufficient_k(k: int, models: Sequence[TableModel], n_rows: int) -> tuple[int, int]:
    """Return the k that every class of a table of `n_rows` needs, and one from which on every model holds."""
    bound = [*of_sizes(models), *(model for model in models if isinstance(model, LKC))]
    least = max([k, *(model.sufficient_k(n_rows) for model in bound if isinstance(model, KMap | LKC))])
    return least, max([least, *(model.sufficient_k(n_rows) for model in bound)])


def accepts_of(models: Sequence[TableModel]) -> Callable[[Sizes], bool] | None:
    """Return whether classes of some rows hold every model that no k of a single class stands for; None without."""
    bound = [model for model in of_sizes(models) if not isinstance(model, KMap)]
    if not bound:
        return None
    return lambda sizes: all(model.holds(model.measure(sizes)) for model in bound)

"""The privacy models that bind the people behind the rows: k-map, counted or estimated, and delta-presence."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import numpy.typing as npt
from msgspec import Meta

from shoal_engine.anonymity.policy.hierarchies import counts_rows
from shoal_engine.anonymity.policy.value_models import check_finite
from shoal_engine.errors import PolicyError
from shoal_engine.policy_values import MOST, PolicyValue

if TYPE_CHECKING:
    from shoal_engine.anonymity.policy.roles import QuasiIdentifier

Sizes = npt.NDArray[np.int64]


class KMap(PolicyValue, frozen=True, tag_field="kind", tag="k-map"):
    """Every class stands for at least `k` people of the population (Sweeney 2001, k-map), counted or estimated.

    With neither `population` nor `sampling_fraction` people are counted in a table of them, which comes with the
    policy or the call: whoever a class's labels fit is one of its people, in the table or not.

    Otherwise the rows of a class of k people are taken as Poisson distributed with mean k times the sampling
    fraction (El Emam, Dankar 2008, D3; Pannekoek 1999), without 0 for the zero-truncated estimator (D4). A class
    is large enough where k people give that many rows with a probability of at most `significance`.

    Attributes
    ----------
    k : int
    population : int, optional
        Number of people from whom the table was drawn.
    sampling_fraction : float, optional
        Or the share of them that is in the table.
    estimator : str
        poisson or zero-truncated-poisson.
    significance : float
        Chance of a class that is thought too large; above 0.

    Notes
    -----
    Agrees with ARX's KMap: where people are estimated no class needs more than `k` rows, and poisson asks for one
    row more than the chance alone; where they are counted, the table of people is what ARX calls the data, and
    the table to release its research subset. pycanon does not have the model.
    """

    k: Annotated[int, Meta(ge=2, le=MOST)]
    population: Annotated[int, Meta(ge=1, le=MOST)] | None = None
    sampling_fraction: Annotated[float, Meta(gt=0, le=1)] | None = None
    estimator: Literal["poisson", "zero-truncated-poisson"] = "poisson"
    significance: Annotated[float, Meta(gt=0, lt=1)] = 0.01

    def _check(self) -> None:
        """Check that the population is known, in one way."""
        if self.population is not None and self.sampling_fraction is not None:
            msg = "k-map has the population's size twice; keep `population` or `sampling_fraction`"
            raise PolicyError(msg)
        check_finite("significance", self.significance)

    def measure(self, sizes: Sizes) -> float:
        """Return the largest k that all classes of these rows meet, up to the model's own."""
        rows, least = int(sizes.sum()), int(sizes.min(initial=np.iinfo(np.int64).max))
        met, missed = 0, self.k + 1
        while missed - met > 1:
            middle = (met + missed) // 2
            met, missed = (middle, missed) if least >= self._least_rows(middle, rows) else (met, middle)
        return float(met)

    @property
    def counts_people(self) -> bool:
        """Return whether people are counted in a table of them."""
        return self.population is None and self.sampling_fraction is None

    def holds(self, figure: float) -> bool:
        """Return whether the k that is met is enough."""
        return figure >= self.k

    def met_by(self, figures: Mapping[str, float]) -> bool:
        """Return whether the figures of a table meet the model; a missing one does not."""
        return self.holds(figures.get(self.tag(), 0.0))

    def describe(self) -> str:
        """Return the model with its parameters, in words."""
        return f"{self.k}-map"

    def sufficient_k(self, n_rows: int) -> int:
        """Return the rows that a class of a table of `n_rows` needs.

        Raises
        ------
        PolicyError
            The population is smaller than the table.
        """
        return self._least_rows(self.k, n_rows)

    def _least_rows(self, k: int, n_rows: int) -> int:
        """Return the rows that show that a class stands for `k` people."""
        fraction = self.sampling_fraction
        if self.population is not None:
            if self.population < n_rows:
                msg = f"population = {self.population} is smaller than the table; it counts all who could be in it"
                raise PolicyError(msg)
            fraction = n_rows / self.population
        assert fraction is not None
        mean = fraction * k
        truncated = self.estimator == "zero-truncated-poisson"
        chance = math.exp(-mean)
        total, seen, rows = -math.expm1(-mean) if truncated else 1.0, 0.0 if truncated else chance, int(truncated)
        if truncated:
            chance *= mean
            seen = chance
        # Where more rows are needed than the table has, it does not matter how many.
        while seen / total < 1 - self.significance and rows < min(k, n_rows + 1):
            rows += 1
            chance *= mean / rows
            seen += chance
        return min(k, rows + (1 if truncated else 2))


class DeltaPresence(PolicyValue, frozen=True, tag_field="kind", tag="delta-presence"):
    """Whoever sees the release takes a person of the population to be in it with a chance within these limits.

    Delta-presence (Nergiz, Atzori, Clifton 2007, definition 1): the chance of a person is the rows of the class that
    fits them over the people whom it fits, and 0 where none does; it is at least `at_least` and at most `at_most`
    for everybody in a table of the population, which comes with the policy or the call.

    Attributes
    ----------
    at_most : float
    at_least : float
        Above 0 everybody of the population has to fit a class, so no row can be left out.

    Notes
    -----
    The chances follow from counts only where nobody fits two classes (section 3 of the paper speaks of
    generalizations that do not overlap). With classes of one row each for {1, 2} and {2, 3} and one person of each
    value, two of three equally likely tables hold person 2, and two hold person 1, whose class says one half. So
    methods whose classes may overlap refuse the model. ARX's DPresence bounds every class likewise; with `at_least`
    above 0 it still leaves classes out, although the people of these then have chance 0.
    """

    at_most: Annotated[float, Meta(gt=0, le=1)]
    at_least: Annotated[float, Meta(ge=0, lt=1)] = 0.0

    def _check(self) -> None:
        """Check that the limits leave something between them."""
        check_finite("at_most", self.at_most)
        check_finite("at_least", self.at_least)
        if self.at_least > self.at_most:
            msg = f"at_least = {self.at_least:g} exceeds at_most = {self.at_most:g}; exchange them"
            raise PolicyError(msg)

    @property
    def counts_people(self) -> bool:
        """Return True: people are always counted in a table of them."""
        return True

    def met_by(self, figures: Mapping[str, float]) -> bool:
        """Return whether the figures of a table meet the model; missing ones do not."""
        least, most = figures.get("presence-least", 0.0), figures.get("presence-most", math.inf)
        return least >= self.at_least and most <= self.at_most

    def describe(self) -> str:
        """Return the model with its parameters, in words."""
        return f"({self.at_least:g}, {self.at_most:g})-presence"


def check_countable(quasi_identifiers: "Mapping[str, QuasiIdentifier]") -> None:
    """Raise PolicyError where a released column would not let anyone count the people whom it fits."""
    for name, role in quasi_identifiers.items():
        reason = None
        if role.output in ("center", "mean"):
            reason = f"output = '{role.output}' does not tell whom a class fits; use 'label' or 'bounds'"
        elif role.transform is not None:
            reason = "a transform moves values of the table and not those of the people; leave it out"
        elif counts_rows(role.hierarchy):
            reason = "a hierarchy grown from the table's rows is not one of the people; declare it"
        if reason is not None:
            msg = f"people are counted for a model of this policy, and for {name!r} {reason}"
            raise PolicyError(msg)

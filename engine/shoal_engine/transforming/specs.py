"""Transformations in a policy: how a column's values change before classes are formed.

The methods of statistical disclosure control for single values. Each is applied to the whole column first;
classes are then formed over the values that result, so that every model holds as without it.
"""

import math
from collections.abc import Mapping
from typing import Annotated, Literal, Protocol, TypeAlias

from msgspec import Meta

from shoal_engine.errors import PolicyError
from shoal_engine.policy_values import MOST, PolicyValue


class Microaggregate(PolicyValue, frozen=True, tag_field="kind", tag="microaggregate"):
    """Numbers or dates are replaced by the mean or median of a group of at least `k` near rows.

    Attributes
    ----------
    k : int
        Rows of a group at least.
    method : str
        mdav (k to 2k - 1 rows a group; Domingo-Ferrer, Torra 2005), v-mdav (Solanas, Martinez-Balleste 2006)
        or univariate (each column on its own, with the least loss there is; Hansen, Mukherjee 2003).
    aggregate : str
        mean or median, column by column.
    group : str, optional
        Columns with the same group are grouped together, standardized; all say the same otherwise.
    gain : float
        v-mdav alone: how readily a group grows; its authors take 0.2 for scattered and 1.1 for clustered data.
    """

    k: Annotated[int, Meta(ge=2, le=MOST)]
    method: Literal["mdav", "v-mdav", "univariate"] = "mdav"
    aggregate: Literal["mean", "median"] = "mean"
    group: str | None = None
    gain: Annotated[float, Meta(ge=0)] = 0.2

    def _check(self) -> None:
        """Check that the gain is a number."""
        _check_finite("gain", self.gain)


class TopBottom(PolicyValue, frozen=True, tag_field="kind", tag="top-bottom"):
    """Numbers below `lower` become `lower`, numbers above `upper` become `upper`."""

    lower: int | float | None = None
    upper: int | float | None = None

    def _check(self) -> None:
        """Check that there is a bound, and that they are in order."""
        if self.lower is None and self.upper is None:
            msg = "top-bottom coding needs `lower`, `upper` or both"
            raise PolicyError(msg)
        for name, bound in (("lower", self.lower), ("upper", self.upper)):
            _check_finite(name, bound or 0)
        if self.lower is not None and self.upper is not None and self.lower > self.upper:
            msg = "top-bottom coding needs `lower` at most `upper`"
            raise PolicyError(msg)


class Round(PolicyValue, frozen=True, tag_field="kind", tag="round"):
    """Numbers become multiples of `base`: the nearest, halves to the even one, or a neighboring one at random.

    Attributes
    ----------
    base : number
        Above 0.
    random : bool
        Up with the probability of the remainder over the base, else down: unbiased for every number.
    """

    base: int | float
    random: bool = False

    def _check(self) -> None:
        """Check that the base is a positive number."""
        _check_finite("base", self.base)
        if self.base <= 0:
            msg = "`base` of a rounding must be above 0, for example base = 10"
            raise PolicyError(msg)


class PostRandomize(PolicyValue, frozen=True, tag_field="kind", tag="pram"):
    """Values change into others of their column at random, expected frequencies unchanged (PRAM).

    Invariant matrices by two stages (Gouweleeuw, Kooiman, Willenborg, de Wolf 1998, section 4).

    Attributes
    ----------
    pd : float
        Probability that the first stage keeps a value, above 0; others become any other value, all alike.
    alpha : float
        Probability that a row enters the two stages at all.
    """

    pd: Annotated[float, Meta(gt=0, le=1)]
    alpha: Annotated[float, Meta(ge=0, le=1)] = 0.5


class RankSwap(PolicyValue, frozen=True, tag_field="kind", tag="rank-swap"):
    """Values are exchanged between rows whose ranks differ by at most `share` of the rows (Moore 1996)."""

    share: Annotated[float, Meta(gt=0, le=1)]


class Noise(PolicyValue, frozen=True, tag_field="kind", tag="noise"):
    """Normal noise is added to numbers or dates (Kim 1986). This is not differential privacy.

    Attributes
    ----------
    variance : float
        Variance of the noise as a share of the column's, above 0.
    method : str
        additive: independent by column; correlated: with the correlations of the columns of the group.
    group : str, optional
        Columns with the same group are perturbed together; all say the same otherwise.
    preserve : bool
        Shrink the sum towards the mean so that mean and variance (correlated: covariances) stay as expected.
    """

    variance: Annotated[float, Meta(gt=0)]
    method: Literal["additive", "correlated"] = "additive"
    group: str | None = None
    preserve: bool = False

    def _check(self) -> None:
        """Check that the variance is a number."""
        _check_finite("variance", self.variance)


Transform: TypeAlias = Microaggregate | TopBottom | Round | PostRandomize | RankSwap | Noise


class Transformed(Protocol):
    """A role that may have a transformation."""

    @property
    def transform(self) -> Transform | None:
        """Return the transformation."""
        ...


def grouped_columns(columns: Mapping[str, Transformed]) -> list[tuple[list[str], Transform]]:
    """Return the transformations in the order of the columns, each with the columns that it takes together.

    Raises
    ------
    PolicyError
        Columns of one group ask for different things.
    """
    parts: list[tuple[list[str], Transform]] = []
    place: dict[str, int] = {}
    for name, role in columns.items():
        transform = role.transform
        group = getattr(transform, "group", None)
        if transform is None:
            continue
        if group is None or group not in place:
            parts.append(([name], transform))
            if group is not None:
                place[group] = len(parts) - 1
            continue
        names, first = parts[place[group]]
        if first != transform:
            msg = f"`{names[0]}` and `{name}` are of group '{group}' and their transforms differ; make them equal"
            raise PolicyError(msg)
        names.append(name)
    return parts


def _check_finite(name: str, number: float) -> None:
    if not math.isfinite(number):
        msg = f"`{name}` must be a finite number"
        raise PolicyError(msg)

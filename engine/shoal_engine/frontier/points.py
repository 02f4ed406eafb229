"""What was tried, each with its risk and its usefulness, and those that no other beats."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct


class Tried(Protocol):
    """A release, a budget of answers or a training that was tried."""

    @property
    def risk(self) -> float:
        """Return what the picture draws to the right, 0 to 1."""
        ...

    @property
    def usefulness(self) -> float:
        """Return what the picture draws upwards."""
        ...

    @property
    def label(self) -> str:
        """Return what was tried, in words."""
        ...

    @property
    def worth(self) -> str:
        """Return its usefulness, in words."""
        ...

    @property
    def limited(self) -> Mapping[str, tuple[str, float | None]]:
        """Return what `Limits` can be set to, by the names of these: words and figure."""
        ...


class Point(Struct, frozen=True, kw_only=True):
    """One release that was tried.

    Attributes
    ----------
    method : str
    k : int
        As the policy asks for it.
    guarantee : float
        1 / rows of the smallest class: nobody's record is found with a higher probability, whatever is known.
    risk, mean_risk : float
        Highest and mean probability of the right record: the larger of guarantee and attack for the highest, the
        attack's for the mean.
    error, error_at_95 : float
        Median and 95th percentile of the relative errors of the workload.
    loss : float
        Normalized certainty penalty, 0 to 1.
    suppressed : float
        Share of the rows that are left out.
    classes : int
    accuracy : float, optional
        That of a model trained on the release, on raw rows that are not in it.
    """

    method: str
    k: int
    guarantee: float
    risk: float
    mean_risk: float
    error: float
    error_at_95: float
    loss: float
    suppressed: float
    classes: int
    accuracy: float | None = None

    @property
    def usefulness(self) -> float:
        """Return what the picture draws upwards: the accuracy, or 1 less the median error; not below 0."""
        return self.accuracy if self.accuracy is not None else max(0.0, 1.0 - self.error)

    @property
    def label(self) -> str:
        """Return what was tried, in words."""
        return f"{self.method} with k = {self.k}"

    @property
    def worth(self) -> str:
        """Return its usefulness, in words."""
        accuracy = self.accuracy
        return f"median error {self.error:.2%} of an answer" if accuracy is None else f"accuracy {accuracy:.3g}"

    @property
    def limited(self) -> dict[str, tuple[str, float | None]]:
        """Return what limits can be set to."""
        return {
            "max_risk": ("highest risk", self.risk),
            "max_mean_risk": ("mean risk", self.mean_risk),
            "max_error": ("error of 95 % of the answers", self.error_at_95),
            "min_accuracy": ("accuracy", self.accuracy),
        }


def beats(one: Tried, other: Tried) -> bool:
    """Return whether one has no more risk and no less usefulness than another, and either is strictly better."""
    mine, theirs = (one.risk, -one.usefulness), (other.risk, -other.usefulness)
    return all(a <= b for a, b in zip(mine, theirs, strict=True)) and mine != theirs


def front(points: Sequence[Tried]) -> list[bool]:
    """Return for each point whether no other beats it: the Pareto front.

    Examples
    --------
    >>> def point(risk, error):
    ...     return Point(method="tight", k=2, guarantee=risk, risk=risk, mean_risk=risk, error=error, error_at_95=error,
    ...         loss=0.0, suppressed=0.0, classes=1)
    >>> front([point(0.5, 0.01), point(0.1, 0.05), point(0.2, 0.06)])
    [True, True, False]
    """
    return [not any(beats(other, one) for other in points) for one in points]

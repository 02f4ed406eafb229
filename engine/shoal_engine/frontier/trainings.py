"""Federated trainings that were tried: accuracy against epsilon, rounds and parties."""

import math
from collections.abc import Sequence

import numpy as np
from msgspec import Struct


class TrainingPoint(Struct, frozen=True, kw_only=True):
    """Accuracy of a federated training that was run several times.

    Attributes
    ----------
    method : str
        Epsilon and rounds, in words.
    epsilon : float, optional
        Budget of the whole training, a party with all its rows being the unit; None where no noise is added.
    delta : float
        0 where no noise is added.
    rounds, parties : int
    risk : float
        Bound on the advantage of a test whether a party took part, 0 to 1; 1 where nothing is promised.
    accuracy : float
        Mean on rows that nobody trained on.
    low, high : float
        95 % interval of that mean, over repeats: other splits of the rows, and other noise.
    """

    method: str
    epsilon: float | None
    delta: float
    rounds: int
    parties: int
    risk: float
    accuracy: float
    low: float
    high: float

    @property
    def usefulness(self) -> float:
        """Return the accuracy."""
        return self.accuracy

    @property
    def label(self) -> str:
        """Return what was tried, in words."""
        return f"{self.method} and {self.parties} parties"

    @property
    def worth(self) -> str:
        """Return its usefulness, in words."""
        return f"accuracy {self.accuracy:.3f} ({self.low:.3f} to {self.high:.3f})"

    @property
    def limited(self) -> dict[str, tuple[str, float | None]]:
        """Return what limits can be set to."""
        return {"max_risk": ("membership advantage", self.risk), "min_accuracy": ("accuracy", self.accuracy)}


def interval(accuracies: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean and the ends of its 95 % interval by Student's t, within 0 and 1.

    Parameters
    ----------
    accuracies : sequence of float
        Of repeats, at least two.

    Examples
    --------
    >>> [round(one, 3) for one in interval([0.9, 0.92, 0.94])]
    [0.92, 0.87, 0.97]
    """
    from scipy.special import stdtrit

    n = len(accuracies)
    mean = float(np.mean(accuracies))
    half = float(stdtrit(n - 1, 0.975)) * float(np.std(accuracies, ddof=1)) / math.sqrt(n)
    return mean, max(0.0, mean - half), min(1.0, mean + half)

"""Four hospitals that see different patients, and a model of a disease that each can train on its own rows.

The patients are those of the Wisconsin diagnostic breast cancer data (Street, Wolberg, Mangasarian 1993), which
scikit-learn brings along. Who comes to which hospital is fixed: hospitals differ in size and in how many are ill.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Weights: TypeAlias = dict[str, npt.NDArray[np.float32]]

_SEED: Final = 7
"""Of who goes where: another one gives other patients, and much the same table."""
_TESTED: Final = (90, 53)
"""Healthy and ill patients whom nobody trains on."""
_RATE, _DECAY = 0.5, 1e-3
"""Of the descent."""
STEPS: Final = 5
"""Of gradient descent between two rounds."""
CLIP: Final = 0.3
"""Of the length of what one round changes: less than most hospitals' changes, as noise grows with it."""

# Center and spread of the ten measurements as mean, error and worst: round numbers that a protocol would fix
# beforehand, so that no statistic of a hospital's patients leaves it.
_CENTERS: Final = (
    (14, 20, 90, 650, 0.1, 0.1, 0.09, 0.05, 0.18, 0.063),
    (0.4, 1.2, 3, 40, 0.007, 0.025, 0.03, 0.012, 0.02, 0.004),
    (16, 25, 110, 900, 0.13, 0.25, 0.27, 0.11, 0.29, 0.084),
)
_SPREADS: Final = (
    (3.5, 4, 25, 350, 0.014, 0.05, 0.08, 0.04, 0.03, 0.007),
    (0.3, 0.5, 2, 45, 0.003, 0.02, 0.03, 0.006, 0.008, 0.003),
    (5, 6, 35, 600, 0.02, 0.16, 0.2, 0.07, 0.06, 0.02),
)
_FARTHEST: Final = 4.0
"""Spreads from the center at which a measurement is cut."""


@dataclass(frozen=True, slots=True)
class Hospital:
    """Who comes to a hospital.

    Attributes
    ----------
    name, kind : str
    healthy, ill : int
        Patients.
    """

    name: str
    kind: str
    healthy: int
    ill: int


HOSPITALS: Final = (
    Hospital("north", "screening center", 160, 4),
    Hospital("east", "general hospital", 60, 40),
    Hospital("south", "cancer center", 6, 105),
    Hospital("west", "small clinic", 41, 10),
)
HOSTILE: Final = 3
"""The smallest one, where one is."""


@dataclass(frozen=True, slots=True)
class Patients:
    """Rows of patients.

    Attributes
    ----------
    measured : (n, 30) float64
        In spreads from the center.
    ill : (n,) float64
        1 or 0.
    """

    measured: Floats
    ill: Floats

    def __len__(self) -> int:
        return len(self.ill)

    def taught(self, model: Weights, steps: int) -> Weights:
        """Return a logistic regression after some steps of gradient descent over all rows, from a model."""
        weight, bias = model["weight"].astype(np.float64), float(model["bias"][0])
        for _ in range(steps):
            # tanh does not overflow, whatever model came in.
            wrong = 0.5 + 0.5 * np.tanh((self.measured @ weight + bias) / 2) - self.ill
            weight = weight - _RATE * (self.measured.T @ wrong / len(self) + _DECAY * weight)
            bias = bias - _RATE * float(wrong.mean())
        return {"weight": weight.astype(np.float32), "bias": np.array([bias], np.float32)}

    def accuracy(self, model: Weights) -> float:
        """Return the accuracy of a model."""
        told = self.measured @ model["weight"].astype(np.float64) + float(model["bias"][0]) > 0
        return float(np.mean(told == (self.ill > 0)))


def untaught() -> Weights:
    """Return the model that all begin with."""
    return {"weight": np.zeros(30, np.float32), "bias": np.zeros(1, np.float32)}


def reversed_update(sent: Weights, taught: Weights, times: float = 10.0) -> Weights:
    """Return the update of a hostile hospital: the opposite of its training, many times as far."""
    return {name: (array - times * (taught[name] - array)).astype(np.float32) for name, array in sent.items()}


@cache
def patients(seed: int | tuple[int, ...] = _SEED) -> tuple[tuple[Patients, ...], Patients]:
    """Return the patients of each hospital, and those whom nobody trains on."""
    from sklearn.datasets import load_breast_cancer  # pyright: ignore[reportMissingImports, reportUnknownVariableType]

    read: Any = load_breast_cancer()
    centers, spreads = np.array(_CENTERS).ravel(), np.array(_SPREADS).ravel()
    measured = np.clip((read.data - centers) / spreads, -_FARTHEST, _FARTHEST)
    ill = 1.0 - read.target
    generator = np.random.default_rng(seed)
    queues = [generator.permutation(np.flatnonzero(ill == each)) for each in (0.0, 1.0)]
    counts = [_TESTED, *((one.healthy, one.ill) for one in HOSPITALS)]
    found: list[Patients] = []
    first = [0, 0]
    for taken in counts:
        rows = np.concatenate([queues[kind][first[kind] : first[kind] + taken[kind]] for kind in (0, 1)])
        first = [first[kind] + taken[kind] for kind in (0, 1)]
        found.append(Patients(measured[rows], ill[rows]))
    return tuple(found[1:]), found[0]


def pooled() -> Patients:
    """Return the patients of all hospitals, as if rows could leave home."""
    return joined(patients()[0])


def joined(homes: Sequence[Patients]) -> Patients:
    """Return the patients of several hospitals as those of one."""
    return Patients(np.concatenate([one.measured for one in homes]), np.concatenate([one.ill for one in homes]))


def parties_of(homes: Sequence[Patients], n: int) -> list[Patients]:
    """Return the same patients at n parties: the largest is halved until there are n, or the two smallest join.

    Halves take every other patient, so that both see the same kinds.
    """
    found = sorted(homes, key=len)
    while len(found) > n:
        found = sorted([joined(found[:2]), *found[2:]], key=len)
    while len(found) < n:
        *others, largest = found
        halves = [Patients(largest.measured[side::2], largest.ill[side::2]) for side in (0, 1)]
        found = sorted([*others, *halves], key=len)
    return found

"""Handwritten digits at many clients, and a small network that they train together.

The experiment of McMahan, Moore, Ramage, Hampson, Agüera y Arcas (2017), Communication-efficient learning of deep
networks from decentralized data, section 3, in small: their 2NN, two hidden layers of ReLU and a softmax, trained by
one epoch of minibatches of 10 at each client, and averaged by examples. Images are the 1797 of 8 x 8 that scikit-learn
brings along, in place of the 70,000 of MNIST.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from shoal.federated import Model, PrivateRounds, Rule, TooFewUpdates, Update, UpdateChecks, WeightedMean

Array: TypeAlias = npt.NDArray[Any]
Ints: TypeAlias = npt.NDArray[np.int64]
Partition: TypeAlias = Callable[["Images", int, np.random.Generator], list[Ints]]

MISSING: Final = "scikit-learn, which brings the digits, is not installed: pip install scikit-learn"
TRAINED: Final = 1440
"""Images that clients hold; nobody trains on the others."""
UNITS: Final = (64, 32, 32, 10)
"""Pixels, both hidden layers, digits."""
SIZE: Final = sum((before + 1) * after for before, after in pairwise(UNITS))
"""Of the network, which is one flat vector: clients send it as a single tensor."""
BATCH: Final = 10
_SPLIT_SEED: Final = 7


@dataclass(frozen=True, slots=True)
class Images:
    """Images of digits.

    Attributes
    ----------
    pixels : (n, 64) float
        From 0 to 1.
    digits : (n,) int64
    """

    pixels: Array
    digits: Ints

    def __len__(self) -> int:
        return len(self.digits)

    def at(self, places: Ints) -> "Images":
        """Return some of them."""
        return Images(self.pixels[places], self.digits[places])


@dataclass(frozen=True, slots=True)
class Setting:
    """How a training goes.

    Attributes
    ----------
    clients : int
    fraction : float
        Share of the clients drawn for each round; at least one is.
    rate : float
        Step size of the descent.
    hostile : int
        Clients, drawn once, that send the opposite of what they learned.
    times : float
        How many times as far the hostile ones go.
    """

    clients: int
    fraction: float
    rate: float
    hostile: int = 0
    times: float = 1.0


def present() -> bool:
    """Return whether scikit-learn is there."""
    return find_spec("sklearn") is not None


@cache
def digits() -> tuple[Images, Images]:
    """Return the images that clients hold, and those that nobody trains on: the same ones at any time."""
    from sklearn.datasets import load_digits

    read: Any = load_digits()
    # The images of a writer follow each other: unless mixed, other writers would be tested than were trained on.
    order = np.random.default_rng(_SPLIT_SEED).permutation(len(read.target))
    images = Images((read.data / 16).astype(np.float32), read.target.astype(np.int64)).at(order)
    return images.at(np.arange(TRAINED)), images.at(np.arange(TRAINED, len(images)))


def evenly(images: Images, n: int, random: np.random.Generator) -> list[Ints]:
    """Return which images each of `n` clients holds: as many each, at random (IID)."""
    return np.array_split(random.permutation(len(images)), n)


def two_shards(images: Images, n: int, random: np.random.Generator) -> list[Ints]:
    """Return which images each of `n` clients holds: two of 2n shards of the images sorted by digit (not IID).

    Most clients see two digits only.
    """
    # Mixed before they are sorted, so that shards of a digit differ from seed to seed.
    mixed = random.permutation(len(images))
    shards = np.array_split(mixed[np.argsort(images.digits[mixed], kind="stable")], 2 * n)
    drawn = random.permutation(2 * n)
    return [np.concatenate([shards[drawn[2 * place]], shards[drawn[2 * place + 1]]]) for place in range(n)]


def untaught(random: np.random.Generator) -> Array:
    """Return the network that a training begins with (He et al. 2015), float32."""
    network = np.zeros(SIZE, np.float32)
    for weight, _ in _layers(network):
        weight[:] = random.normal(0, np.sqrt(2 / len(weight)), weight.shape)
    return network


def loss(network: Array, images: Images) -> float:
    """Return the mean cross-entropy, which is what the descent goes down."""
    _, _, odds = _forward(network, images.pixels)
    return -float(np.mean(np.log(odds[np.arange(len(images)), images.digits])))


def gradient(network: Array, images: Images) -> Array:
    """Return the slope of the loss in each weight, in the dtype of the network."""
    first, second, wrong = _forward(network, images.pixels)
    wrong[np.arange(len(images)), images.digits] -= 1
    wrong /= len(images)
    _, (weight2, _), (weight3, _) = _layers(network)
    wrong_second = (wrong @ weight3.T) * (second > 0)
    wrong_first = (wrong_second @ weight2.T) * (first > 0)
    slopes = np.empty_like(network)
    reached = ((images.pixels, wrong_first), (first, wrong_second), (second, wrong))
    for (weight, bias), (before, after) in zip(_layers(slopes), reached, strict=True):
        np.matmul(before.T, after, out=weight)
        after.sum(0, out=bias)
    return slopes


def taught(network: Array, images: Images, rate: float, random: np.random.Generator) -> Array:
    """Return the network after one epoch of minibatches."""
    order = random.permutation(len(images))
    for low in range(0, len(images), BATCH):
        network = network - rate * gradient(network, images.at(order[low : low + BATCH]))
    return network


def accuracy(network: Array, images: Images) -> float:
    """Return the share that a network classifies correctly."""
    return float(np.mean(_forward(network, images.pixels)[2].argmax(1) == images.digits))


def rounds(
    setting: Setting,
    partition: Partition,
    seed: int,
    *,
    rule: Rule = WeightedMean,
    private: PrivateRounds | None = None,
    data: tuple[Images, Images] | None = None,
) -> Iterator[float]:
    """Train, and yield after each round the share of the test images that are classified correctly.

    Parameters
    ----------
    setting : Setting
    partition : Partition
    seed : int
        Of all that is drawn, but for what protects nodes.
    rule : Rule
        Makes one network of many.
    private : PrivateRounds, optional
        Draws the clients of each round, and takes the place of the rule.
    data : pair of Images, optional
        Trained on and tested on; the digits unless given.
    """
    trained, tested = data or digits()
    random = np.random.default_rng(seed)
    homes = [trained.at(places) for places in partition(trained, setting.clients, random)]
    names = [f"client{place:03d}" for place in range(setting.clients)]
    hostile = frozenset(random.permutation(setting.clients)[: setting.hostile].tolist())
    network = untaught(random)
    several = max(1, round(setting.fraction * setting.clients))
    while True:
        checks = UpdateChecks(like=Model.of_arrays({"network": network}))
        if private is None:
            chosen: Sequence[int] = sorted(random.choice(setting.clients, several, replace=False).tolist())
            aggregator = rule(checks)
        else:
            chosen = sorted(map(names.index, private.sample(names)))
            aggregator = private.begin(checks)
        for place in chosen:
            # Under hostile clients a mean may run away until nothing is finite.
            with np.errstate(over="ignore", invalid="ignore"):
                sent = taught(network, homes[place], setting.rate, random)
                if place in hostile:
                    sent = network - setting.times * (sent - network)
            aggregator.observe(Update.of_arrays({"network": sent}, node=names[place], weight=len(homes[place])))
        # A round in which nobody sent finite numbers changes nothing.
        with suppress(TooFewUpdates):
            released = aggregator.release()
            network = released.model.arrays()["network"]
            if private is not None:
                private.note(released)
        with np.errstate(over="ignore", invalid="ignore"):
            reached = accuracy(network, tested)
        yield reached


def rounds_to(target: float, accuracies: Iterator[float], cap: int) -> int | None:
    """Return after how many rounds a target is reached first; None where `cap` rounds do not reach it."""
    for number, reached in zip(range(1, cap + 1), accuracies, strict=False):
        if reached >= target:
            return number
    return None


def _layers(network: Array) -> list[tuple[Array, Array]]:
    """Return the weights and the bias of each layer, as views."""
    found: list[tuple[Array, Array]] = []
    low = 0
    for before, after in pairwise(UNITS):
        middle, high = low + before * after, low + before * after + after
        found.append((network[low:middle].reshape(before, after), network[middle:high]))
        low = high
    return found


def _forward(network: Array, pixels: Array) -> tuple[Array, Array, Array]:
    """Return both hidden layers, and the probabilities of each digit."""
    (weight1, bias1), (weight2, bias2), (weight3, bias3) = _layers(network)
    first = np.maximum(pixels @ weight1 + bias1, 0)
    second = np.maximum(first @ weight2 + bias2, 0)
    told = second @ weight3 + bias3
    odds = np.exp(told - told.max(1, keepdims=True))
    return first, second, odds / odds.sum(1, keepdims=True)

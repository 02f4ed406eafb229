"""Server optimizers: from a round's mean, a step of SGD with momentum, Adagrad, Adam or Yogi.

Each optimizer is frozen hyperparameters and two pure functions. The mean of what nodes sent comes from any aggregator::

    state = optimizer.init(model)
    state, model = optimizer.update(state, model, mean.release().model, averaged="models")

`averaged` says what the mean is of: "models", as most nodes return them, or "changes" of the round's model. The change
Delta_t is the mean itself in the second case, the mean less the model in the first. Models keep their dtypes; moments
are float64 for tensors of float64, else float32; the arithmetic between is float64. Keep the server's model in at least
32 bits: a small step is lost in the rounding of 16.

Weights are those of the aggregator. Algorithm 2 of Reddi et al. writes the plain mean; Flower weighs by examples.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from shoal_engine.errors import UpdateError
from shoal_engine.federated.optimizers.server_states import Averaged, ServerState, check_rates, stepped
from shoal_engine.federated.updates.model import Floats, Model, filled, wide_layout

Variant: TypeAlias = Literal["paper", "flower"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FedAvgM:
    """SGD with momentum: m_t = momentum m_(t-1) + Delta_t, x_(t+1) = x_t + learning_rate m_t.

    Flower's FedAvgM is the same.

    Parameters
    ----------
    learning_rate : float
        With 1, and no momentum, the step is plain averaging.
    momentum : float
        At least 0 and below 1; Hsu et al. use 0.9.

    References
    ----------
    Hsu, Qi, Brown (2019), Measuring the effects of non-identical data distribution for federated visual
    classification: FedAvgM; their learning rate is 1.

    Examples
    --------
    >>> import numpy as np
    >>> model = Model.of_arrays({"w": np.array([1.0, 1.0])})
    >>> optimizer = FedAvgM(learning_rate=0.5, momentum=0.5)
    >>> state = optimizer.init(model)
    >>> for _ in range(2):
    ...     change = Model.of_arrays({"w": np.array([0.0, 1.0])})
    ...     state, model = optimizer.update(state, model, change, averaged="changes")
    >>> model.arrays()["w"]
    array([1.  , 2.25])
    """

    learning_rate: float = 1.0
    momentum: float = 0.9

    def __post_init__(self) -> None:
        check_rates(self.learning_rate, self.momentum)

    def init(self, model: Model) -> ServerState:
        """Return the state before the first round."""
        return ServerState(0, {"momentum": filled(wide_layout(model.layout), 0.0)})

    def update(
        self, state: ServerState, model: Model, aggregate: Model, *, averaged: Averaged
    ) -> tuple[ServerState, Model]:
        """Return the next state and model.

        Raises
        ------
        UpdateError
            Layouts differ, the state is another optimizer's, or a result is not finite.
        """

        def step(values: Floats, change: Floats, momentum: Floats) -> tuple[Floats, ...]:
            momentum *= self.momentum
            momentum += change
            values += self.learning_rate * momentum
            return values, momentum

        return stepped(("momentum",), step, state, model, aggregate, averaged)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Adaptive(ABC):
    """Base of the three optimizers of Algorithm 2: a first moment, and steps scaled by a second one."""

    learning_rate: float
    beta_1: float = 0.9
    tau: float = 1e-3
    variant: Variant = "paper"

    def __post_init__(self) -> None:
        check_rates(self.learning_rate, self.beta_1)
        # Below, squares underflow, and tau is all that keeps the first step finite.
        if not 1e-150 < self.tau < 1e150:
            msg = f"tau is above 0, and an ordinary number; got {self.tau}"
            raise UpdateError(msg)
        if self.variant not in ("paper", "flower"):
            msg = f"variant is 'paper' or 'flower'; got {self.variant!r}"
            raise UpdateError(msg)

    @property
    def _names(self) -> tuple[str, ...]:
        # Without decay the first moment is the change of the round: nothing is kept of it.
        return ("second", "first") if self.beta_1 else ("second",)

    def init(self, model: Model) -> ServerState:
        """Return the state before the first round."""
        layout = wide_layout(model.layout)
        begun = {"first": 0.0, "second": self.tau**2 if self.variant == "paper" else 0.0}
        return ServerState(0, {name: filled(layout, begun[name]) for name in self._names})

    def update(
        self, state: ServerState, model: Model, aggregate: Model, *, averaged: Averaged
    ) -> tuple[ServerState, Model]:
        """Return the next state and model.

        Raises
        ------
        UpdateError
            Layouts differ, the state is another optimizer's, or a result is not finite.
        """
        rate = self._rate(state.rounds + 1)

        def step(values: Floats, change: Floats, second: Floats, *kept: Floats) -> tuple[Floats, ...]:
            self._gather(second, change * change)
            for first in kept:
                first *= self.beta_1
                first += (1 - self.beta_1) * change
            moved = rate * (kept[0] if kept else change)
            moved /= np.sqrt(second) + self.tau
            values += moved
            return values, second, *kept

        return stepped(self._names, step, state, model, aggregate, averaged)

    def _rate(self, round_number: int) -> float:
        """Return the learning rate of a round; the first is 1."""
        return self.learning_rate

    @abstractmethod
    def _gather(self, second: Floats, squares: Floats) -> None:
        """Take the squares of a change into the second moment, in place; both may be overwritten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FedAdagrad(_Adaptive):
    """Adagrad on the server: v_t = v_(t-1) + Delta_t^2, x_(t+1) = x_t + learning_rate m_t / (sqrt(v_t) + tau).

    Parameters
    ----------
    learning_rate : float
        Eta of the paper.
    beta_1 : float
        m_t = beta_1 m_(t-1) + (1 - beta_1) Delta_t; with 0, as in the paper's experiments and always in Flower, m_t is
        Delta_t and is not kept.
    tau : float
        Above 0; the larger, the less steps adapt.
    variant : "paper" | "flower"
        Where v begins: at tau^2, the least that Algorithm 2 allows, or at 0.

    References
    ----------
    Reddi et al. (2021), Adaptive federated optimization, Algorithm 2.

    Examples
    --------
    >>> model = Model.of_arrays({"w": np.array([1.0, 1.0])})
    >>> optimizer = FedAdagrad(learning_rate=0.1, variant="flower")
    >>> change = Model.of_arrays({"w": np.array([-0.1, 0.13])})
    >>> state, model = optimizer.update(optimizer.init(model), model, change, averaged="changes")
    >>> model.arrays()["w"].round(6)
    array([0.90099 , 1.099237])
    """

    beta_1: float = 0.0

    def _gather(self, second: Floats, squares: Floats) -> None:
        second += squares


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decaying(_Adaptive):
    """With a second moment that forgets."""

    beta_2: float = 0.99

    def __post_init__(self) -> None:
        _Adaptive.__post_init__(self)
        check_rates(self.learning_rate, self.beta_2)


@dataclass(frozen=True, slots=True, kw_only=True)
class FedAdam(_Decaying):
    """Adam on the server: v_t = beta_2 v_(t-1) + (1 - beta_2) Delta_t^2, and FedAdagrad's step.

    Parameters
    ----------
    learning_rate : float
        Eta of the paper.
    beta_1, beta_2 : float
        At least 0 and below 1; 0.9 and 0.99 in the paper's experiments.
    tau : float
        Above 0; the larger, the less steps adapt.
    variant : "paper" | "flower"
        Algorithm 2 begins with v = tau^2 and corrects no bias. Flower begins with v = 0 and multiplies the learning
        rate of round t = 1, 2, ... by sqrt(1 - beta_2^(t+1)) / (1 - beta_1^(t+1)). That is Adam's correction (Kingma
        and Ba 2015, section 2) one round ahead: there the exponents are t, so that Flower's first step is shorter by
        a factor of (1 + beta_1) / sqrt(1 + beta_2).

    References
    ----------
    Reddi et al. (2021), Adaptive federated optimization, Algorithm 2.

    Examples
    --------
    >>> model = Model.of_arrays({"w": np.array([1.0, 1.0])})
    >>> change = Model.of_arrays({"w": np.array([-0.1, 0.13])})
    >>> for optimizer in (FedAdam(learning_rate=0.1), FedAdam(learning_rate=0.1, variant="flower")):
    ...     _, moved = optimizer.update(optimizer.init(model), model, change, averaged="changes")
    ...     print(moved.arrays()["w"].round(6))
    [0.909497 1.092606]
    [0.932504 1.068943]
    """

    def _rate(self, round_number: int) -> float:
        if self.variant == "paper":
            return self.learning_rate
        power = round_number + 1.0
        return self.learning_rate * (1 - self.beta_2**power) ** 0.5 / (1 - self.beta_1**power)

    def _gather(self, second: Floats, squares: Floats) -> None:
        second *= self.beta_2
        squares *= 1 - self.beta_2
        second += squares


@dataclass(frozen=True, slots=True, kw_only=True)
class FedYogi(_Decaying):
    """Yogi on the server: v_t = v_(t-1) - (1 - beta_2) Delta_t^2 sign(v_(t-1) - Delta_t^2), and FedAdagrad's step.

    Parameters
    ----------
    learning_rate : float
        Eta of the paper.
    beta_1, beta_2 : float
        At least 0 and below 1; 0.9 and 0.99 in the paper's experiments.
    tau : float
        Above 0; the larger, the less steps adapt.
    variant : "paper" | "flower"
        Where v begins: at tau^2, the least that Algorithm 2 allows, or at 0. Neither corrects a bias.

    References
    ----------
    Reddi et al. (2021), Adaptive federated optimization, Algorithm 2.

    Examples
    --------
    >>> model = Model.of_arrays({"w": np.array([1.0, 1.0])})
    >>> optimizer = FedYogi(learning_rate=0.01, variant="flower")
    >>> change = Model.of_arrays({"w": np.array([-0.1, 0.13])})
    >>> state, model = optimizer.update(optimizer.init(model), model, change, averaged="changes")
    >>> model.arrays()["w"].round(6)
    array([0.990909, 1.009286])
    """

    def _gather(self, second: Floats, squares: Floats) -> None:
        signs = np.sign(second - squares)
        squares *= 1 - self.beta_2
        squares *= signs
        second -= squares


ServerOptimizer: TypeAlias = FedAvgM | FedAdagrad | FedAdam | FedYogi

__all__ = ["FedAdagrad", "FedAdam", "FedAvgM", "FedYogi", "ServerOptimizer"]

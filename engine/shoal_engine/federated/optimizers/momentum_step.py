"""The server's step with momentum."""

from dataclasses import dataclass

from shoal_engine.federated.optimizers.server_states import ServerState
from shoal_engine.federated.optimizers.server_steps import Averaged, check_rates, stepped
from shoal_engine.federated.updates.blockwise import Floats, filled, wide_layout
from shoal_engine.federated.updates.model import Model


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

"""How a server's step runs: one pass over the model, the mean and the moments, into the next model and moments."""

from typing import Literal, TypeAlias

import numpy as np

from shoal_engine.errors import UpdateError
from shoal_engine.federated.optimizers.server_states import ServerState
from shoal_engine.federated.updates.blockwise import Floats, Rule, combined, wide_layout
from shoal_engine.federated.updates.model import Model

Averaged: TypeAlias = Literal["models", "changes"]
"""What a mean is of: models, or their changes from the round's."""


def check_rates(learning_rate: float, decay: float) -> None:
    """Raise where hyperparameters are out of range.

    Raises
    ------
    UpdateError
    """
    if not (0 < learning_rate < np.inf and 0 <= decay < 1):
        msg = f"a learning rate is above 0 and finite, a decay at least 0 and below 1; got {learning_rate} and {decay}"
        raise UpdateError(msg)


def stepped(
    names: tuple[str, ...], step: Rule, state: ServerState, model: Model, aggregate: Model, averaged: Averaged
) -> tuple[ServerState, Model]:
    """Return the next state and model.

    Parameters
    ----------
    names : tuple of str
        Names of the moments.
    step : Rule
        From blocks of the model, the change and each moment to those of the next model and moments.
    state, model, aggregate, averaged
        As `update` was given them.

    Raises
    ------
    UpdateError
        Layouts differ, the state is another optimizer's, or a result is not finite.
    """
    if averaged not in ("models", "changes"):
        msg = f"averaged is 'models' or 'changes', whatever nodes sent; got {averaged!r}"
        raise UpdateError(msg)
    layout = wide_layout(model.layout)
    moments = state.of(names, layout)

    def rule(values: Floats, change: Floats, *kept: Floats) -> tuple[Floats, ...]:
        if averaged == "models":
            change -= values
        return tuple(step(values, change, *kept))

    following, *found = combined(rule, [model, aggregate, *moments], [model.layout, *[layout] * len(names)])
    return ServerState(state.rounds + 1, dict(zip(names, found, strict=True))), following

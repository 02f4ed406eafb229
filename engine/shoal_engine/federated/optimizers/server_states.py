"""State of a server optimizer between rounds: a few models, which go into an Arrow IPC file and come back."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, TypeAlias

import numpy as np
import pyarrow as pa

from shoal_engine.errors import UpdateError
from shoal_engine.federated.updates.model import Floats, Layout, Model, Rule, combined, wide_layout

Averaged: TypeAlias = Literal["models", "changes"]
"""What a mean is of: models, or their changes from the round's."""

_MOMENT, _ROUNDS = b"shoal.moment", b"shoal.rounds"


@dataclass(frozen=True, slots=True, eq=False)
class ServerState:
    """Moments after some rounds.

    Attributes
    ----------
    rounds : int
        How many updates made it.
    moments : mapping of str to Model
        By the names that the optimizer gives them; at least one, all of one layout.

    Examples
    --------
    >>> import io
    >>> import numpy as np
    >>> state, target = ServerState(3, {"momentum": Model.of_arrays({"w": np.ones(2)})}), io.BytesIO()
    >>> write_state(target, state)
    >>> read = pa.ipc.open_file(target.getvalue())
    >>> read.num_record_batches, read.schema.names
    (1, ['w'])
    """

    rounds: int
    moments: Mapping[str, Model]

    def of(self, names: tuple[str, ...], layout: Layout) -> list[Model]:
        """Return the moments of these names.

        Raises
        ------
        UpdateError
            They are others, or of a model of another layout.
        """
        if set(self.moments) != set(names) or any(one.layout != layout for one in self.moments.values()):
            msg = f"the state is not of this optimizer and model, which keep {', '.join(names)}; begin with `init`"
            raise UpdateError(msg)
        return [self.moments[name] for name in names]


def write_state(target: str | Path | BinaryIO, state: ServerState) -> None:
    """Write a state into an Arrow IPC file, a batch for each moment."""
    schema = next(iter(state.moments.values())).batch.schema
    with pa.ipc.new_file(str(target) if isinstance(target, Path) else target, schema) as writer:
        for name, moment in state.moments.items():
            metadata = {_MOMENT: name.encode(), _ROUNDS: str(state.rounds).encode()}
            writer.write_batch(moment.batch, custom_metadata=metadata)


def read_state(path: str | Path) -> ServerState:
    """Return the state in an Arrow IPC file, over the mapped file, without copying.

    Raises
    ------
    UpdateError
        The file is missing, damaged, or no state.
    """
    try:
        reader = pa.ipc.open_file(pa.memory_map(str(path)))
        moments: dict[str, Model] = {}
        rounds: set[int] = set()
        for place in range(reader.num_record_batches):
            batch, metadata = reader.get_batch_with_custom_metadata(place)
            moments[metadata[_MOMENT].decode()] = Model(batch)
            rounds.add(int(metadata[_ROUNDS]))
        (of_all,) = rounds
    except (OSError, pa.ArrowInvalid, KeyError, TypeError, ValueError):
        msg = f"the state in {str(path)!r} cannot be read; give an Arrow IPC file that `write_state` wrote, whole"
        raise UpdateError(msg) from None
    return ServerState(of_all, moments)


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

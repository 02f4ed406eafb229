"""What nodes add to their gradients so that many local steps on different data do not pull a model apart.

FedProx pulls each step back towards the round's model. SCAFFOLD shifts each gradient by how much the node's differ from
everybody's, which both sides keep as control variates.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from shoal_engine.errors import UpdateError
from shoal_engine.federated.optimizers.server_states import ServerState
from shoal_engine.federated.updates.model import Floats, Model, combined, filled, wide_layout
from shoal_engine.federated.updates.round import RoundResult
from shoal_engine.federated.updates.update import Update

_CONTROL: Final = "control/"
"""Before the names of tensors that hold a change of a control variate."""


def proximal_gradient(model: Model, global_model: Model, mu: float) -> Model:
    """Return what FedProx adds to a gradient: mu (w - w_t), of mu/2 |w - w_t|^2 added to the loss.

    Parameters
    ----------
    model : Model
        Model of the node, w.
    global_model : Model
        Model at the start of the round, w_t.
    mu : float
        At least 0; with 0 it is FedAvg.

    Raises
    ------
    UpdateError
        `mu` is below 0 or not finite, or the models differ in names or shapes.

    References
    ----------
    Li, Sahu, Zaheer, Sanjabi, Talwalkar, Smith (2020), Federated optimization in heterogeneous networks:
    the local objective.

    Examples
    --------
    >>> import numpy as np
    >>> local, begun = Model.of_arrays({"w": np.array([1.5])}), Model.of_arrays({"w": np.array([1.0])})
    >>> proximal_gradient(local, begun, 0.1).arrays()["w"]
    array([0.05])
    """
    if not 0 <= mu < float("inf"):
        msg = f"mu is at least 0 and finite; got {mu}"
        raise UpdateError(msg)

    def pull(w: Floats, begun: Floats) -> Floats:
        return mu * (w - begun)

    return _combined(pull, model, global_model)


def zero_control(model: Model) -> Model:
    """Return the control variate of a node before its first round: float64 for tensors of float64, else float32."""
    return filled(wide_layout(model.layout), 0.0)


def controlled_gradient(gradient: Model, server_control: Model, node_control: Model) -> Model:
    """Return the gradient of a step of SCAFFOLD: g_i(y_i) + c - c_i.

    Raises
    ------
    UpdateError
        Names or shapes differ.

    References
    ----------
    Karimireddy, Kale, Mohri, Reddi, Stich, Suresh (2020), SCAFFOLD: stochastic controlled averaging for federated
    learning, Algorithm 1: the local step, which subtracts `learning_rate` times this.
    """

    def shifted(g: Floats, c: Floats, c_i: Floats) -> Floats:
        return g + c - c_i

    return _combined(shifted, gradient, server_control, node_control)


def next_control(
    node_control: Model,
    server_control: Model,
    global_model: Model,
    local_model: Model,
    *,
    n_steps: int,
    learning_rate: float,
) -> Model:
    """Return a node's control variate after a round, by option II: c_i - c + (x - y_i) / (n_steps learning_rate).

    Option I needs no function: there the next control variate is the gradient at the round's model, g_i(x), over as
    much of the node's data as can be afforded. It is steadier and costs that pass; option II costs nothing.

    Parameters
    ----------
    node_control, server_control : Model
        As they were in the round.
    global_model, local_model : Model
        Before and after the node's steps.
    n_steps : int
        At least 1.
    learning_rate : float
        Of each step of plain SGD; above 0.

    Raises
    ------
    UpdateError
        Names or shapes differ, or `n_steps` or `learning_rate` is out of range.

    References
    ----------
    Karimireddy et al. (2020), SCAFFOLD, Algorithm 1, option II.
    """
    if n_steps < 1 or not 0 < learning_rate < float("inf"):
        msg = f"a node takes at least 1 step, at a rate above 0 and finite; got {n_steps} and {learning_rate}"
        raise UpdateError(msg)
    scale = 1 / (n_steps * learning_rate)

    def following(c_i: Floats, c: Floats, x: Floats, y_i: Floats) -> Floats:
        return c_i - c + scale * (x - y_i)

    return _combined(following, node_control, server_control, global_model, local_model)


def scaffold_update(
    local_model: Model,
    global_model: Model,
    next_control: Model,
    node_control: Model,
    *,
    node: str,
    round: int | None = None,
) -> Update:
    """Return the update that a node of SCAFFOLD sends: both changes, y_i - x and c_i+ - c_i, as one update.

    They are accepted or rejected together. All weigh the same: with other weights the server's
    variate would not be the mean of the nodes'. A node whose update did not count keeps the variate it had.

    Raises
    ------
    UpdateError
        Names or shapes differ.

    References
    ----------
    Karimireddy et al. (2020), SCAFFOLD, Algorithm 1: what is communicated.
    """
    change, of_control = _combined(_less, local_model, global_model), _combined(_less, next_control, node_control)
    marked = [one.with_name(_CONTROL + one.name) for one in of_control.batch.schema]
    fields, columns = [*change.batch.schema, *marked], [*change.batch.columns, *of_control.batch.columns]
    joined = Model(pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields)))
    return Update(joined, node, round=round)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaffold:
    """SCAFFOLD on the server: x + learning_rate mean(y_i - x), c + |S|/N mean(c_i+ - c_i).

    Parameters
    ----------
    n_nodes : int
        N, all that may take part, now or later.
    learning_rate : float
        Eta_g of the paper.

    References
    ----------
    Karimireddy et al. (2020), SCAFFOLD, Algorithm 1: the server's step.

    Examples
    --------
    Two nodes, a step each at rate 0.5, on the losses (w - 1)^2 / 2 and (w - 3)^2 / 2.

    >>> import numpy as np
    >>> from shoal_engine.federated.rules.averaging import WeightedMean
    >>> model = Model.of_arrays({"w": np.array([0.0])})
    >>> server, own, mean = Scaffold(n_nodes=2), zero_control(model), WeightedMean()
    >>> state = server.init(model)
    >>> for node, center in (("a", 1.0), ("b", 3.0)):
    ...     c, gradient = state.moments["control"], Model.of_arrays({"w": model.arrays()["w"] - center})
    ...     step = controlled_gradient(gradient, c, own).arrays()["w"]
    ...     local = Model.of_arrays({"w": model.arrays()["w"] - 0.5 * step})
    ...     following = next_control(own, c, model, local, n_steps=1, learning_rate=0.5)
    ...     mean.observe(scaffold_update(local, model, following, own, node=node))
    >>> state, model = server.update(state, model, mean.release())
    >>> model.arrays()["w"], state.moments["control"].arrays()["w"]
    (array([1.]), array([-2.]))
    """

    n_nodes: int
    learning_rate: float = 1.0

    def __post_init__(self) -> None:
        if self.n_nodes < 1 or not 0 < self.learning_rate < float("inf"):
            msg = f"give at least 1 node and a rate above 0; got {self.n_nodes} and {self.learning_rate}"
            raise UpdateError(msg)

    def init(self, model: Model) -> ServerState:
        """Return the state before the first round; ``state.moments["control"]`` goes to the nodes with the model."""
        return ServerState(0, {"control": zero_control(model)})

    def update(self, state: ServerState, model: Model, aggregate: RoundResult) -> tuple[ServerState, Model]:
        """Return the next state and model.

        Parameters
        ----------
        state : ServerState
        model : Model
            Number of the round.
        aggregate : RoundResult
            The plain mean of updates from `scaffold_update`; |S| is how many of them were kept.

        Raises
        ------
        UpdateError
            The aggregate is of other updates, or of more than `n_nodes`; or a result is not finite.
        """
        n_kept = sum(record.kept for record in aggregate.records)
        if n_kept > self.n_nodes:
            msg = f"{n_kept} updates count, of {self.n_nodes} nodes; declare n_nodes as all that may take part"
            raise UpdateError(msg)
        (control,) = state.of(("control",), wide_layout(model.layout))
        change, of_control = _parted(aggregate.model)
        control = _added(control, n_kept / self.n_nodes, of_control)
        return ServerState(state.rounds + 1, {"control": control}), _added(model, self.learning_rate, change)


def _parted(joined: Model) -> tuple[Model, Model]:
    """Return the model and the control variate that `scaffold_update` joined."""
    half = joined.batch.num_columns // 2
    schema, columns = joined.batch.schema, joined.batch.columns
    if not half or [_CONTROL + name for name in schema.names[:half]] != schema.names[half:]:
        msg = "the aggregate is not of updates that `scaffold_update` made; send those"
        raise UpdateError(msg)
    plain = [one.with_name(one.name.removeprefix(_CONTROL)) for one in list(schema)[half:]]
    return (
        Model(pa.RecordBatch.from_arrays(columns[:half], schema=pa.schema(list(schema)[:half]))),
        Model(pa.RecordBatch.from_arrays(columns[half:], schema=pa.schema(plain))),
    )


def _added(model: Model, factor: float, change: Model) -> Model:
    """Return a model plus a factor times a change."""

    def added(values: Floats, mean: Floats) -> Floats:
        return values + factor * mean

    return _combined(added, model, change)


def _less(values: Floats, others: Floats) -> Floats:
    return values - others


def _combined(formula: Callable[..., Floats], first: Model, *others: Model) -> Model:
    """Return a model like the first, each value by a formula."""
    (found,) = combined(lambda *blocks: (formula(*blocks),), [first, *others], [first.layout])
    return found

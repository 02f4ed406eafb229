"""FedProx and SCAFFOLD: formulas on numbers, and where rounds end on least squares that differ by node."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pytest

from shoal_engine.errors import UpdateError
from shoal_engine.federated.optimizers.client_corrections import (
    Scaffold,
    controlled_gradient,
    next_control,
    proximal_gradient,
    scaffold_update,
    zero_control,
)
from shoal_engine.federated.optimizers.server_states import read_state, write_state
from shoal_engine.federated.rules.averaging import WeightedMean
from shoal_engine.federated.updates.model import Model
from shoal_engine.federated.updates.round import UpdateChecks
from shoal_engine.federated.updates.update import Update

Floats = npt.NDArray[np.float64]
Pull = Callable[[Floats, Floats, float], Floats]

N_NODES, N_FEATURES, N_STEPS, RATE = 4, 3, 8, 0.3


def model_of(values: object, dtype: str = "float64") -> Model:
    return Model.of_arrays({"w": np.array(values, dtype)})


def array_of(model: Model) -> Floats:
    return model.arrays()["w"]


class LeastSquares:
    """Nodes with data of their own: the loss of node i is |X_i w - y_i|^2 / (2 rows)."""

    def __init__(self) -> None:
        random = np.random.default_rng(11)
        self.hessians: list[Floats] = []
        self.sides: list[Floats] = []
        for _ in range(N_NODES):
            features = random.normal(size=(12, N_FEATURES)) * random.uniform(0.2, 1.2, N_FEATURES)
            # Each node has another truth: without that, nobody drifts.
            targets = features @ random.normal(size=N_FEATURES) * 2
            self.hessians.append(features.T @ features / 12)
            self.sides.append(features.T @ targets / 12)

    def gradient(self, node: int, w: Floats) -> Floats:
        return self.hessians[node] @ w - self.sides[node]

    def optimum(self) -> Floats:
        return np.linalg.solve(sum(self.hessians, np.zeros((3, 3))), sum(self.sides, np.zeros(3)))

    def fed_avg(self, rounds: int, mu: float = 0.0, pull: Pull = lambda w, begun, mu: mu * (w - begun)) -> Floats:
        model = np.zeros(N_FEATURES)
        for _ in range(rounds):
            sent: list[Floats] = []
            for node in range(N_NODES):
                local = model
                for _ in range(N_STEPS):
                    local = local - RATE * (self.gradient(node, local) + pull(local, model, mu))
                sent.append(local)
            model = np.mean(sent, axis=0)
        return model


@pytest.fixture(scope="module")
def problem() -> LeastSquares:
    return LeastSquares()


class Federation:
    """SCAFFOLD as its users would run it."""

    def __init__(self, problem: LeastSquares, option: Literal[1, 2], learning_rate: float = 1.0) -> None:
        self.problem, self.option = problem, option
        self.server = Scaffold(n_nodes=N_NODES, learning_rate=learning_rate)
        self.model = model_of(np.zeros(N_FEATURES))
        self.state = self.server.init(self.model)
        self.controls = [zero_control(self.model)] * N_NODES

    def round(self, nodes: list[int]) -> None:
        control, mean = self.state.moments["control"], WeightedMean(UpdateChecks(round=self.state.rounds))
        for node in nodes:
            local = self.model
            for _ in range(N_STEPS):
                gradient = model_of(self.problem.gradient(node, array_of(local)))
                step = controlled_gradient(gradient, control, self.controls[node])
                local = model_of(array_of(local) - RATE * array_of(step))
            if self.option == 1:
                following = model_of(self.problem.gradient(node, array_of(self.model)))
            else:
                following = next_control(
                    self.controls[node], control, self.model, local, n_steps=N_STEPS, learning_rate=RATE
                )
            mean.observe(
                scaffold_update(
                    local, self.model, following, self.controls[node], node=str(node), round=self.state.rounds
                )
            )
            self.controls[node] = following
        self.state, self.model = self.server.update(self.state, self.model, mean.release())


@pytest.mark.parametrize("option", [1, 2])
def test_scaffold__ends_at_the_joint_optimum_where_averaging_drifts(
    problem: LeastSquares, option: Literal[1, 2]
) -> None:
    federation = Federation(problem, option)
    for _ in range(150):
        federation.round(list(range(N_NODES)))
    drift = np.linalg.norm(problem.fed_avg(150) - problem.optimum())
    assert drift > 0.1
    assert np.linalg.norm(array_of(federation.model) - problem.optimum()) < 1e-9
    # There each node's variate is its gradient at the optimum, and they add up to nothing.
    for node, control in enumerate(federation.controls):
        assert array_of(control) == pytest.approx(problem.gradient(node, problem.optimum()), abs=1e-8)
    assert array_of(federation.state.moments["control"]) == pytest.approx(0, abs=1e-9)


def test_fed_avg__drift_is_a_fixed_point(problem: LeastSquares) -> None:
    """More rounds do not help: the margin above is not one of patience."""
    assert problem.fed_avg(150) == pytest.approx(problem.fed_avg(200), abs=1e-9)


@pytest.mark.parametrize("option", [1, 2])
def test_scaffold__with_some_nodes_a_round(problem: LeastSquares, option: Literal[1, 2]) -> None:
    federation, random = Federation(problem, option, learning_rate=0.5), np.random.default_rng(4)
    for _ in range(400):
        federation.round(random.choice(N_NODES, 2, replace=False).tolist())
        mean = np.mean([array_of(control) for control in federation.controls], axis=0)
        # What the server adds a share of at a time is the mean of all variates, those of absent nodes too.
        assert array_of(federation.state.moments["control"]) == pytest.approx(mean, abs=1e-10)
    assert np.linalg.norm(array_of(federation.model) - problem.optimum()) < 1e-6


def test_next_control__is_the_mean_gradient_of_the_steps(problem: LeastSquares) -> None:
    """Karimireddy et al. (2020): without rounding, option II averages the gradients that were taken."""
    begun = model_of([1.0, -1.0, 2.0])
    control, own = model_of([0.5, 0.25, -1.0]), model_of([-0.5, 1.0, 0.0])
    local, gradients = begun, list[Floats]()
    for _ in range(5):
        gradients.append(problem.gradient(0, array_of(local)))
        step = controlled_gradient(model_of(gradients[-1]), control, own)
        local = model_of(array_of(local) - 0.1 * array_of(step))
    found = next_control(own, control, begun, local, n_steps=5, learning_rate=0.1)
    assert array_of(found) == pytest.approx(np.mean(gradients, axis=0), rel=1e-12)


def test_proximal_gradient__is_that_of_its_term() -> None:
    random = np.random.default_rng(5)
    local, begun, mu = random.normal(size=4), random.normal(size=4), 0.7

    def term(w: Floats) -> float:
        return mu / 2 * float((w - begun) @ (w - begun))

    found = array_of(proximal_gradient(model_of(local), model_of(begun), mu))
    slopes = [(term(local + 1e-5 * e) - term(local - 1e-5 * e)) / 2e-5 for e in np.eye(4)]
    assert found == pytest.approx(slopes, rel=1e-8)


def test_fed_prox__drifts_less(problem: LeastSquares) -> None:
    """The pull trades speed for drift."""

    def pull(w: Floats, begun: Floats, mu: float) -> Floats:
        return array_of(proximal_gradient(model_of(w), model_of(begun), mu))

    assert problem.fed_avg(3, 0.5, pull) == pytest.approx(problem.fed_avg(3, 0.5), rel=1e-14)
    drifts = [np.linalg.norm(problem.fed_avg(600, mu) - problem.optimum()) for mu in (0.0, 0.5, 2.0)]
    assert drifts[2] < 0.6 * drifts[1] < 0.6 * 0.9 * drifts[0]


def test_scaffold__state_and_updates_in_float32(tmp_path: Path) -> None:
    model = model_of([1.0, 2.0], "float16")
    server = Scaffold(n_nodes=4, learning_rate=0.5)
    state = server.init(model)
    update = scaffold_update(
        model_of([1.5, 1.0], "float16"), model, model_of([4.0, 8.0], "float32"), zero_control(model), node="a"
    )
    assert [(t.name, t.dtype) for t in update.model.layout] == [("w", "float16"), ("control/w", "float32")]
    mean = WeightedMean()
    mean.observe(update)
    state, following = server.update(state, model, mean.release())
    assert following.layout == model.layout
    assert array_of(following).tolist() == [1.25, 1.5]
    assert array_of(state.moments["control"]).tolist() == [1.0, 2.0]
    write_state(tmp_path / "state.arrow", state)
    assert array_of(read_state(tmp_path / "state.arrow").moments["control"]).tolist() == [1.0, 2.0]


def test_scaffold__refuses_what_does_not_fit() -> None:
    model = model_of([1.0, 2.0])
    server = Scaffold(n_nodes=1)
    state, mean, crowd = server.init(model), WeightedMean(), WeightedMean()
    mean.observe(Update(model, "a"))
    for node in "ab":
        crowd.observe(scaffold_update(model, model, zero_control(model), zero_control(model), node=node))
    with pytest.raises(UpdateError, match="scaffold_update"):
        server.update(state, model, mean.release())
    with pytest.raises(UpdateError, match="2 updates count, of 1 nodes"):
        server.update(state, model, crowd.release())


@pytest.mark.parametrize(("n_nodes", "rate"), [(0, 1.0), (1, 0.0), (1, float("inf"))])
def test_scaffold__out_of_range(n_nodes: int, rate: float) -> None:
    with pytest.raises(UpdateError):
        Scaffold(n_nodes=n_nodes, learning_rate=rate)


@pytest.mark.parametrize(("n_steps", "rate"), [(0, 1.0), (1, 0.0), (1, float("nan"))])
def test_next_control__out_of_range(n_steps: int, rate: float) -> None:
    model = model_of([1.0])
    with pytest.raises(UpdateError):
        next_control(model, model, model, model, n_steps=n_steps, learning_rate=rate)


@pytest.mark.parametrize("mu", [-1.0, float("inf"), float("nan")])
def test_proximal_gradient__out_of_range(mu: float) -> None:
    with pytest.raises(UpdateError):
        proximal_gradient(model_of([1.0]), model_of([1.0]), mu)


def test_proximal_gradient__other_shapes() -> None:
    with pytest.raises(UpdateError, match="same names and shapes"):
        proximal_gradient(model_of([1.0]), model_of([1.0, 2.0]), 1.0)

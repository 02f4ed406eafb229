"""Server optimizers beside Flower's, beside the paper written out in numbers, and what they refuse."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shoal_engine.errors import UpdateError
from shoal_engine.federated.optimizers.server_optimizers import FedAdagrad, FedAdam, FedAvgM, FedYogi, ServerOptimizer
from shoal_engine.federated.optimizers.server_states import ServerState, read_state, write_state
from shoal_engine.federated.rules.averaging import WeightedMean
from shoal_engine.federated.updates.model import Model
from shoal_engine.federated.updates.update import Update, write_updates

GOLDEN = json.loads((Path(__file__).parents[3] / "golden" / "flower_optimizers.json").read_text())
KINDS: dict[str, Callable[..., ServerOptimizer]] = {
    "FedAdagrad": FedAdagrad,
    "FedAdam": FedAdam,
    "FedAvgM": FedAvgM,
    "FedYogi": FedYogi,
}
OURS = {"eta": "learning_rate", "server_learning_rate": "learning_rate", "server_momentum": "momentum"}
ALL: list[ServerOptimizer] = [
    FedAvgM(learning_rate=0.5),
    FedAdagrad(learning_rate=0.5),
    FedAdagrad(learning_rate=0.5, beta_1=0.5, variant="flower"),
    FedAdam(learning_rate=0.1),
    FedAdam(learning_rate=0.1, variant="flower"),
    FedYogi(learning_rate=0.1),
    FedYogi(learning_rate=0.1, variant="flower"),
]
every = pytest.mark.parametrize("optimizer", ALL, ids=repr)


def model_of(*values: float, dtype: str = "float64") -> Model:
    return Model.of_arrays({"w": np.array(values, dtype)})


def values_of(model: Model) -> list[float]:
    return model.arrays()["w"].tolist()


def arrays_of(listed: dict[str, Any]) -> dict[str, np.ndarray]:
    return {name: np.array(values) for name, values in listed.items()}


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: f"{case['strategy']} {case['parameters']}")
def test_update__agrees_with_flower(case: dict[str, Any]) -> None:
    variant = {} if case["strategy"] == "FedAvgM" else {"variant": "flower"}
    parameters = {OURS.get(name, name): value for name, value in case["parameters"].items()}
    optimizer = KINDS[case["strategy"]](**parameters, **variant)
    model = Model.of_arrays(arrays_of(GOLDEN["first"]))
    state = optimizer.init(model)
    for sent, expected in zip(GOLDEN["sent"], case["models"], strict=True):
        mean = WeightedMean()
        for place, (arrays, weight) in enumerate(zip(sent, GOLDEN["weights"], strict=True)):
            mean.observe(Update.of_arrays(arrays_of(arrays), node=str(place), weight=weight))
        state, model = optimizer.update(state, model, mean.release().model, averaged="models")
        for name, values in model.arrays().items():
            np.testing.assert_allclose(values, expected[name], rtol=1e-13, atol=1e-15)


KNOWN = [
    (
        FedAdagrad(learning_rate=0.1, tau=1e-3, variant="flower"),
        [0.900990099, 1.0992366412, 1.0993377483, 1.0996884735],
        [0.8307759102, 1.1695647847, 1.1697166571, 1.1702432461],
    ),
    (
        FedYogi(learning_rate=0.01, tau=1e-3, variant="flower"),
        [0.9909090909, 1.0092857143, 1.009375, 1.0096969697],
        [0.9783613232, 1.022027672, 1.0222052071, 1.0228415418],
    ),
    (FedAvgM(learning_rate=0.5, momentum=0.9), [0.95, 1.065, 1.075, 1.16], [0.855, 1.1885, 1.2175, 1.464]),
]


@pytest.mark.parametrize(("optimizer", "first", "second"), KNOWN)
@pytest.mark.parametrize("averaged", ["models", "changes"])
def test_update__known_answers(
    optimizer: ServerOptimizer, first: list[float], second: list[float], averaged: Any
) -> None:
    changes = ([0.1, -0.2, 0.3, 0], [0.5, 0.4, -0.1, 0.2], [-0.3, 0.1, 0.2, 0.4])
    model = model_of(1, 1, 1, 1)
    state = optimizer.init(model)
    for expected in (first, second):
        mean = WeightedMean()
        for place, (change, weight) in enumerate(zip(changes, (10, 20, 70), strict=True)):
            sent = np.array(change) + (np.array(values_of(model)) if averaged == "models" else 0)
            mean.observe(Update.of_arrays({"w": sent}, node=str(place), weight=weight))
        state, model = optimizer.update(state, model, mean.release().model, averaged=averaged)
        assert values_of(model) == pytest.approx(expected, abs=5e-10)
    assert state.rounds == 2


def algorithm_2(kind: str, changes: list[float], rate: float, beta_1: float, beta_2: float, tau: float) -> list[float]:
    """Algorithm 2 of the paper for one number, as it is printed there."""
    x, m, v, found = 0.0, 0.0, tau**2, list[float]()
    for change in changes:
        m = beta_1 * m + (1 - beta_1) * change
        if kind == "FedAdagrad":
            v = v + change**2
        elif kind == "FedYogi":
            v = v - (1 - beta_2) * change**2 * float(np.sign(v - change**2))
        else:
            v = beta_2 * v + (1 - beta_2) * change**2
        x = x + rate * m / (v**0.5 + tau)
        found.append(x)
    return found


@pytest.mark.parametrize("beta_1", [0.0, 0.9])
@pytest.mark.parametrize("kind", ["FedAdagrad", "FedAdam", "FedYogi"])
def test_update__is_the_papers_algorithm(kind: str, beta_1: float) -> None:
    # 0.25 is tau: the sign in Yogi's first round is 0.
    changes = [0.25, 3.0, -1e-3, 0.0, 1e-4, -2.0]
    decays = {} if kind == "FedAdagrad" else {"beta_2": 0.75}
    optimizer = KINDS[kind](learning_rate=0.3, tau=0.25, beta_1=beta_1, **decays)
    model = model_of(0.0)
    state, found = optimizer.init(model), list[float]()
    for change in changes:
        state, model = optimizer.update(state, model, model_of(change), averaged="changes")
        found += values_of(model)
    assert found == pytest.approx(algorithm_2(kind, changes, 0.3, beta_1, 0.75, 0.25), rel=1e-13)


@every
def test_update__leaves_what_it_was_given(optimizer: ServerOptimizer) -> None:
    model, change = model_of(1.0, 2.0), model_of(0.5, -0.5)
    state = optimizer.init(model)
    before = [values_of(one) for one in (model, change, *state.moments.values())]
    one = optimizer.update(state, model, change, averaged="changes")
    again = optimizer.update(state, model, change, averaged="changes")
    assert [values_of(one) for one in (model, change, *state.moments.values())] == before
    assert values_of(one[1]) == values_of(again[1])
    assert state.rounds == 0


@every
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_update__keeps_dtypes_and_rounds_once(optimizer: ServerOptimizer, dtype: str) -> None:
    model, change = model_of(1.0, -2.0, dtype=dtype), model_of(0.3, 0.1, dtype=dtype)
    state, found = optimizer.update(optimizer.init(model), model, change, averaged="changes")
    assert found.layout == model.layout
    kept = "float64" if dtype == "float64" else "float32"
    assert {one.layout[0].dtype for one in state.moments.values()} == {kept}
    wide = model_of(*values_of(model)), model_of(*values_of(change))
    _, exact = optimizer.update(optimizer.init(wide[0]), *wide, averaged="changes")
    # Moments of one round are not rounded before they are used, but for where they begin.
    assert values_of(found) == pytest.approx(np.array(values_of(exact)).astype(dtype).tolist(), rel=1e-7)


def test_update__bfloat16() -> None:
    bits = np.array([0x3F80, 0x4000], np.uint16)  # 1 and 2
    model = Model.of_arrays({"w": bits}, bfloat16=True)
    optimizer = FedAvgM(learning_rate=0.5)
    _, found = optimizer.update(optimizer.init(model), model, model, averaged="changes")
    assert found.layout == model.layout
    assert found.arrays()["w"].tolist() == [0x3FC0, 0x4040]  # 1.5 and 3


def test_update__change_may_be_wider_than_the_model() -> None:
    optimizer = FedAvgM(momentum=0.0)
    model = model_of(1.0, dtype="float32")
    _, found = optimizer.update(optimizer.init(model), model, model_of(2.0**-23), averaged="changes")
    assert values_of(found) == [1 + 2.0**-23]


@every
def test_update__whatever_the_blocks(optimizer: ServerOptimizer, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(3)
    shapes = {"a": (7, 5), "empty": (0, 3), "one": (), "b": (11,)}
    model, change = (Model.of_arrays({name: random.normal(size=s) for name, s in shapes.items()}) for _ in range(2))

    def found() -> list[bytes]:
        state, following = optimizer.update(optimizer.init(model), model, change, averaged="models")
        return [values.tobytes() for one in (following, *state.moments.values()) for values in one.payloads()]

    whole = found()
    monkeypatch.setattr("shoal_engine.federated.updates.model.BLOCK", 4)
    assert found() == whole


@every
def test_state__goes_through_a_file(optimizer: ServerOptimizer, tmp_path: Path) -> None:
    model, change = model_of(1.0, 2.0, dtype="float32"), model_of(0.5, -0.25, dtype="float32")
    state, model = optimizer.update(optimizer.init(model), model, change, averaged="changes")
    write_state(tmp_path / "state.arrow", state)
    read = read_state(tmp_path / "state.arrow")
    assert read.rounds == 1
    one, two = (optimizer.update(s, model, change, averaged="changes") for s in (state, read))
    assert one[1].batch.equals(two[1].batch)
    assert all(one[0].moments[name].batch.equals(two[0].moments[name].batch) for name in state.moments)


def test_read_state__what_is_no_state(tmp_path: Path) -> None:
    path = tmp_path / "updates.arrow"
    for damage in (
        lambda: None,
        lambda: path.write_bytes(b"no Arrow"),
        lambda: write_updates(path, [Update(model_of(1.0), "a")]),
    ):
        damage()
        with pytest.raises(UpdateError, match="cannot be read"):
            read_state(path)


@every
@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e200])
def test_update__not_finite(optimizer: ServerOptimizer, bad: float) -> None:
    """A moment that is not finite would stay so forever."""
    model = model_of(1.0, 2.0)
    if isinstance(optimizer, FedAvgM) and bad == 1e200:
        model, bad = model_of(1.0, 2.0, dtype="float32"), 1e39
    with pytest.raises(UpdateError, match="finite"):
        optimizer.update(optimizer.init(model), model, model_of(0.0, bad), averaged="changes")


@every
def test_update__refuses_what_does_not_fit(optimizer: ServerOptimizer) -> None:
    model = model_of(1.0, 2.0)
    state = optimizer.init(model)
    with pytest.raises(UpdateError, match="same names and shapes"):
        optimizer.update(state, model, model_of(1.0), averaged="changes")
    with pytest.raises(UpdateError, match="begin with `init`"):
        optimizer.update(state, model_of(1.0), model_of(1.0), averaged="changes")
    with pytest.raises(UpdateError, match="begin with `init`"):
        optimizer.update(ServerState(0, {"other": model}), model, model, averaged="changes")
    with pytest.raises(UpdateError, match="'models' or 'changes'"):
        optimizer.update(state, model, model, averaged="deltas")  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    "made",
    [
        lambda: FedAvgM(learning_rate=0.0),
        lambda: FedAvgM(momentum=1.0),
        lambda: FedAdam(learning_rate=float("nan")),
        lambda: FedAdam(learning_rate=1.0, beta_2=1.0),
        lambda: FedYogi(learning_rate=1.0, beta_1=-0.1),
        lambda: FedAdagrad(learning_rate=1.0, tau=0.0),
        lambda: FedAdagrad(learning_rate=1.0, variant="tff"),  # pyright: ignore[reportArgumentType]
    ],
)
def test_hyperparameters__out_of_range(made: Callable[[], ServerOptimizer]) -> None:
    with pytest.raises(UpdateError):
        made()


@every
def test_update__converges(optimizer: ServerOptimizer) -> None:
    """Nodes that each go half way to a target of their own: the mean target is where rounds end."""
    targets, model = (np.array([3.0, -1.0]), np.array([1.0, 2.0])), model_of(0.0, 0.0)
    state = optimizer.init(model)
    for _ in range(400):
        mean = WeightedMean()
        for place, target in enumerate(targets):
            sent = 0.5 * (np.array(values_of(model)) + target)
            mean.observe(Update.of_arrays({"w": sent}, node=str(place)))
        state, model = optimizer.update(state, model, mean.release().model, averaged="models")
    assert values_of(model) == pytest.approx([2.0, 0.5], abs=0.02)

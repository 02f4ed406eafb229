"""Models and updates: memory that others hold, shapes and dtypes in the schema, files that a round can be run from."""

import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal_engine.errors import UpdateError
from shoal_engine.federated.updates.model import Model
from shoal_engine.federated.updates.tensors import Tensor, narrowed, widened
from shoal_engine.federated.updates.update import Update, read_updates, write_updates

ARRAYS: dict[str, Any] = {
    "weight": np.arange(12, dtype=np.float32).reshape(3, 4),
    "bias": np.array(3.5),
    "half": np.arange(6, dtype=np.float16).reshape(2, 1, 3),
    "empty": np.zeros((0, 5), np.float32),
}


def test_model__is_over_the_memory_of_its_arrays() -> None:
    model = Model.of_arrays(ARRAYS)
    for name, array in model.arrays().items():
        assert array.shape == ARRAYS[name].shape
        assert array.dtype == ARRAYS[name].dtype
        assert not array.flags.writeable
        assert array.size == 0 or np.shares_memory(array, ARRAYS[name])
    assert model.size == 19
    assert model.n_bytes == 12 * 4 + 8 + 6 * 2


def test_model__tells_shapes_and_dtypes_in_its_schema() -> None:
    model = Model.of_arrays({**ARRAYS, "brain": np.zeros((2, 2), np.uint16)}, bfloat16=True)
    assert Model(pa.RecordBatch.from_arrays(model.batch.columns, schema=model.batch.schema)).layout == (
        Tensor("weight", (3, 4), "float32"),
        Tensor("bias", (), "float64"),
        Tensor("half", (2, 1, 3), "float16"),
        Tensor("empty", (0, 5), "float32"),
        Tensor("brain", (2, 2), "bfloat16"),
    )


class Torchlike:
    """What PyTorch's tensors have that is used: detach, and an array protocol."""

    def __init__(self, array: Any) -> None:
        self._array = array

    def detach(self) -> "Torchlike":
        return self

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        del dtype, copy
        return self._array


def test_model__wraps_what_has_an_array_protocol() -> None:
    array = np.ones(5, np.float32)
    (values,) = Model.of_arrays({"w": Torchlike(array)}).payloads()
    assert np.shares_memory(values, array)


def test_model__strided_arrays_are_copied() -> None:
    (values,) = Model.of_arrays({"w": np.arange(10.0)[::2]}).payloads()
    assert values.tolist() == [0, 2, 4, 6, 8]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Model.of_arrays({}),
        lambda: Model.of_arrays({"w": np.arange(3)}),
        lambda: Model.of_arrays({"w": np.array(["a"])}),
        lambda: Model.of_arrays({"w": np.zeros(3, ">f4")}),
        lambda: Model.of_arrays({"w": np.zeros(3, np.uint16)}),
        lambda: Model(pa.record_batch({"w": [1.0]})),
        lambda: Model(pa.RecordBatch.from_arrays([], schema=pa.schema([]))),
    ],
)
def test_model__refuses_what_is_no_tensor_of_floating_numbers(make: Any) -> None:
    with pytest.raises(UpdateError):
        make()


def test_files__hold_a_round(tmp_path: Path) -> None:
    sent = [Update.of_arrays(ARRAYS, node=f"n{i}", weight=i + 0.1, round=7) for i in range(3)]
    path = tmp_path / "round.arrow"
    assert write_updates(path, sent) == 3
    for one, again in zip(sent, read_updates(path), strict=True):
        assert (again.node, again.weight, again.round) == (one.node, one.weight, 7)
        assert again.model.layout == one.model.layout
        for name, array in again.model.arrays().items():
            assert np.array_equal(array, ARRAYS[name])


def test_files__are_mapped_and_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.arrow"
    write_updates(path, [Update.of_arrays({"w": np.ones(1_000_000, np.float32)}, node="a")])
    before = pa.total_allocated_bytes()
    (update,) = read_updates(path)
    assert update.model.payloads()[0].sum() == 1_000_000
    assert pa.total_allocated_bytes() - before < 100_000


def test_files__say_less_and_are_still_read(tmp_path: Path) -> None:
    model = Model.of_arrays({"w": np.ones(2)})
    with pa.ipc.new_file(str(tmp_path / "ward-3.arrow"), model.batch.schema) as writer:
        writer.write_batch(model.batch)
    (update,) = read_updates(tmp_path / "ward-3.arrow")
    assert (update.node, update.weight, update.round) == ("ward-3", 1.0, None)


def test_model__refuses_tensors_that_are_not_whole() -> None:
    kind = pa.fixed_shape_tensor(pa.float32(), [3])
    storage = pa.FixedSizeListArray.from_arrays(pa.array([1.0, None, 3.0], pa.float32()), 3)
    schema = pa.schema([pa.field("w", kind, nullable=False)])
    with pytest.raises(UpdateError, match="missing values"):
        Model(pa.RecordBatch.from_arrays([pa.ExtensionArray.from_storage(kind, storage)], schema=schema))


def test_files__damaged_anywhere_are_refused_or_hold_whole_tensors(tmp_path: Path) -> None:
    """Kernels read as many values as a layout says, so a file must not claim more than it holds."""
    path, rng = tmp_path / "round.arrow", np.random.default_rng(1)
    arrays = {"w": np.ones(50, np.float32), "b": np.ones((2, 3))}
    write_updates(path, [Update.of_arrays(arrays, node=f"n{i}", weight=3, round=1) for i in range(2)])
    whole = path.read_bytes()
    for _ in range(2000):
        damaged = bytearray(whole)
        for place in rng.integers(len(whole), size=2):
            damaged[place] = rng.integers(256)
        other = tmp_path / "damaged.arrow"
        other.write_bytes(damaged)
        try:
            for update in read_updates(other):
                for values, tensor in zip(update.model.payloads(), update.model.layout, strict=True):
                    assert values.size == tensor.size
        except UpdateError:
            pass


def test_files__refuse_what_does_not_fit(tmp_path: Path) -> None:
    one, two = (Update.of_arrays({"w": np.ones(n)}, node=str(n)) for n in (1, 2))
    with pytest.raises(UpdateError, match="same tensors"):
        write_updates(tmp_path / "mixed.arrow", [one, two])
    with pytest.raises(UpdateError, match="no update"):
        write_updates(tmp_path / "none.arrow", [])
    (tmp_path / "damaged.arrow").write_bytes(b"ARROW1 and nothing")
    for name in ("damaged.arrow", "missing.arrow"):
        with pytest.raises(UpdateError, match="cannot be read"):
            list(read_updates(tmp_path / name))


@given(st.lists(st.floats(-3e38, 3e38), min_size=1, max_size=50))
def test_bfloat16__is_rounded_once_to_nearest_ties_to_even(values: list[float]) -> None:
    """Against both neighbors, in exact arithmetic."""
    bits = narrowed(np.array(values), "bfloat16")
    for value, mine in zip(values, bits.tolist(), strict=True):
        if mine & 0x7FFF == 0x7F80:
            assert abs(value) >= 2.0**127 * (2 - 2.0**-8)
            continue
        error = abs(_exact(mine) - Fraction(value))
        for other in (mine - 1, mine + 1):
            if 0 <= other & 0x7FFF < 0x7F80 and (other ^ mine) & 0x8000 == 0:
                apart = abs(_exact(other) - Fraction(value))
                assert error < apart or (error == apart and mine % 2 == 0)


def _exact(bits: int) -> Fraction:
    return Fraction(float(widened(np.array([bits], np.uint16), "bfloat16")[0]))


@pytest.mark.parametrize(("value", "bits"), [(1 + 2.0**-8, 0x3F80), (1 + 3 * 2.0**-8, 0x3F82), (-0.0, 0x8000)])
def test_bfloat16__known_bits(value: float, bits: int) -> None:
    assert narrowed(np.array([value]), "bfloat16").tolist() == [bits]


def test_bfloat16__rounding_twice_would_differ() -> None:
    # A little above half a step: float32 alone would make it a tie, and the tie would go down.
    value = 1 + 2.0**-8 + 2.0**-40
    assert narrowed(np.array([value]), "bfloat16").tolist() == [0x3F81]
    assert math.isclose(float(np.float32(value)), 1 + 2.0**-8)

"""Four hospitals: who comes where, what each teaches a model, and the whole demonstration."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shoal.demo.hospital_federation import hospital_federation
from shoal.demo.hospital_training import HOSPITALS, HOSTILE, patients, pooled, reversed_update, untaught
from shoal_engine.errors import InputError

needs_data = pytest.mark.skipif(find_spec("sklearn") is None, reason="scikit-learn is not installed")
needs_flower = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("flwr", "ray", "sklearn")),
    reason="Flower's simulation is not installed: pip install 'shoal[demo]'",
)


@needs_data
def test_patients__are_where_it_says_and_in_one_place_only() -> None:
    homes, tested = patients()
    assert [(int((home.ill == 0).sum()), int(home.ill.sum())) for home in homes] == [
        (one.healthy, one.ill) for one in HOSPITALS
    ]
    assert len(tested) + sum(map(len, homes)) == 569
    rows = np.concatenate([pooled().measured, tested.measured])
    assert len(np.unique(rows, axis=0)) == len(rows)
    assert np.abs(rows).max() <= 4


@needs_data
def test_taught__learns_and_is_the_same_each_time() -> None:
    _, tested = patients()
    model = pooled().taught(untaught(), 50)
    assert tested.accuracy(model) > 0.95
    np.testing.assert_array_equal(model["weight"], pooled().taught(untaught(), 50)["weight"])
    assert {name: array.dtype.name for name, array in model.items()} == {"weight": "float32", "bias": "float32"}


@needs_data
@pytest.mark.filterwarnings("error")
def test_taught__takes_whatever_model_comes() -> None:
    model = {"weight": np.full(30, 1e30, np.float32), "bias": np.full(1, -1e30, np.float32)}
    assert np.isfinite(patients()[0][0].taught(model, 3)["weight"]).all()


def test_reversed_update__goes_the_other_way() -> None:
    sent, taught = untaught(), {"weight": np.ones(30, np.float32), "bias": np.ones(1, np.float32)}
    np.testing.assert_array_equal(reversed_update(sent, taught)["weight"], np.full(30, -10))


@pytest.mark.skipif(find_spec("flwr") is not None, reason="nothing is missing here")
def test_hospital_federation__says_what_to_install() -> None:
    with pytest.raises(InputError, match=r"hospitals need flwr.*pip install 'shoal\[demo\]'"):
        hospital_federation()


@needs_flower
def test_train__answers_for_its_hospital() -> None:
    from flwr.app import ConfigRecord, Context, Message, RecordDict, UserConfig
    from flwr.supercore.task_identity import TaskIdentity

    from shoal.demo.hospital_apps import _record, client_app

    TaskIdentity.task_id = TaskIdentity.run_id = TaskIdentity.node_id = 1

    def answer(place: int, *, hostile: bool) -> Any:
        content = RecordDict({"arrays": _record(untaught()), "config": ConfigRecord({"hostile": hostile})})
        config = UserConfig({"partition-id": place})
        context = Context(run_id=1, node_id=2, node_config=config, state=RecordDict(), run_config=UserConfig())
        return client_app(Message(content, 2, "train"), context).content

    assert answer(0, hostile=False)["metrics"]["num-examples"] == 164
    assert len(pooled()) == sum(answer(place, hostile=True)["metrics"]["num-examples"] for place in range(4))
    good = answer(HOSTILE, hostile=False)["arrays"]["weight"].numpy()
    bad = answer(HOSTILE, hostile=True)["arrays"]["weight"].numpy()
    np.testing.assert_allclose(bad, -10 * good, rtol=1e-6)


@needs_flower
def test_demo__from_another_folder(tmp_path: Path) -> None:
    path = ":".join(str(Path(entry).resolve()) for entry in sys.path if entry)
    code = "from shoal_cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "federate", "demo", "--json", "--rounds", "4"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)["accuracies"]
    (masked,) = (one["accuracy"] for one in found if one["trained_by"] == "all together, masked")
    plain = [one for one in found[4:-1] if one["trained_by"] != "all together, masked"]
    together = {(one["rule"], one["remark"].split(",")[0]): one["accuracy"] for one in plain}
    # Two grids, of which neither loses a digit that matters.
    assert masked == pytest.approx(together["mean", ""], abs=0.01)
    alone = [one["accuracy"] for one in found[:4]]
    assert found[-1]["accuracy"] >= together["mean", ""] > sum(alone) / 4
    assert together["mean", "one sends the opposite"] < 0.5
    (median,) = (one for one in found if one["rule"] == "median")
    assert median["accuracy"] > 0.9
    assert not list(tmp_path.iterdir())

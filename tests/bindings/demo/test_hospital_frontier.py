"""What privacy costs the hospitals: trainings against plain arithmetic, their noise, and what is refused."""

import json
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import shoal
from shoal.demo.hospital_frontier import hospital_frontier, trained
from shoal.demo.hospital_training import CLIP, STEPS, joined, parties_of, patients, untaught
from shoal.report.frontier import frontier_of
from shoal_cli.commands import cli
from shoal_engine.frontier.recommendation import Limits

pytestmark = pytest.mark.skipif(find_spec("sklearn") is None, reason="scikit-learn is not installed")


def flat(model: Any) -> Any:
    return np.concatenate([np.asarray(model["weight"], np.float64), np.asarray(model["bias"], np.float64)])


@pytest.mark.parametrize("n", [2, 4, 7, 64])
def test_parties__hold_the_same_patients(n: int) -> None:
    homes, _ = patients()
    found = parties_of(homes, n)
    assert len(found) == n
    rows, expected = (np.column_stack([one.measured, one.ill]) for one in (joined(found), joined(homes)))
    np.testing.assert_array_equal(np.sort(rows, axis=0), np.sort(expected, axis=0))


def test_without_noise__is_federated_averaging() -> None:
    homes = parties_of(patients()[0], 6)
    model = untaught()
    for _ in range(3):
        taught = [one.taught(model, STEPS) for one in homes]
        weights = [len(one) for one in homes]
        model = {
            name: np.average([one[name] for one in taught], axis=0, weights=weights).astype(np.float32)
            for name in model
        }
    np.testing.assert_allclose(flat(trained(homes, 3, None)), flat(model), atol=1e-5)


def test_noise__has_the_deviation_that_is_paid_for() -> None:
    """Of 30 trainings with 31 values: the deviation's own error is 2.3 %, so 15 % off has probability below 1e-9."""
    homes, noise = parties_of(patients()[0], 8), Fraction(4)
    changes = [flat(one.taught(untaught(), STEPS)) for one in homes]
    clipped = [one * min(1.0, CLIP / float(np.linalg.norm(one))) for one in changes]
    off = [flat(trained(homes, 1, noise)) - np.mean(clipped, axis=0) for _ in range(30)]
    assert np.std(off) == pytest.approx(float(noise) * CLIP / len(homes), rel=0.15)


def test_frontier__of_noise_and_none() -> None:
    """At epsilon 2 trainings of 64 parties have accuracy 0.955 with a deviation of 0.02: a mean of 3 is above 0.8."""
    found = hospital_frontier(
        epsilon=[None, 2], rounds=[5], parties=[64], seed=1, repeats=3, limits=Limits(max_risk=0.8, min_accuracy=0.8)
    )
    private, plain = found.points
    assert (private.risk, plain.risk) == (pytest.approx(0.7616, abs=1e-3), 1.0)
    assert found.lines["majority"] < private.accuracy
    assert found.lines["majority"] == pytest.approx(90 / 143)
    assert found.recommendation is not None
    assert (found.recommendation.place, found.recommendation.met) == (0, True)
    assert private.low <= private.accuracy <= private.high
    again = hospital_frontier(epsilon=[None], rounds=[5], parties=[64], seed=1, repeats=3).points[0]
    assert again == plain
    assert frontier_of(found.to_dict()) is not None
    assert found.frame["front"].to_list() == [True, plain.accuracy > private.accuracy]


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"epsilon": []}, shoal.NumberError, "nothing is to be tried"),
        ({"epsilon": [0]}, shoal.NumberError, "epsilon"),
        ({"parties": [1]}, shoal.NumberError, "parties"),
        ({"rounds": [0]}, shoal.NumberError, "rounds"),
        ({"repeats": 1}, shoal.NumberError, "repeats"),
        ({"limits": Limits(max_error=0.5)}, shoal.PolicyError, "leave the others out"),
    ],
)
def test_refused(given: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        hospital_frontier(**{"epsilon": [None], "rounds": [1], "parties": [4], "seed": 1} | given)


def test_command__recommends_first_and_fits_80_columns(tmp_path: Path) -> None:
    output = tmp_path / "frontier.json"
    line = ["federate", "frontier", "--epsilon", "none", "--rounds", "1,2", "--parties", "4", "--repeats", "2"]
    line += ["--seed", "1", "-o", str(output)]
    ran = CliRunner().invoke(cli, [*line, "--min-accuracy", ".8"], catch_exceptions=False)
    lines = ran.output.splitlines()
    assert lines[0].startswith("Take no noise,")
    assert max(map(len, lines)) <= 80
    ran = CliRunner().invoke(cli, [*line, "--max-risk", ".5", "--json"], standalone_mode=False, catch_exceptions=False)
    assert ran.return_value == 2
    assert json.loads(ran.output) == json.loads(output.read_text())

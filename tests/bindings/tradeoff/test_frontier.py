"""A sweep of releases: each point against a release that is made by itself, identities, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

import shoal
from shoal_cli.commands import cli

ROWS = 600


def people() -> pl.DataFrame:
    random = np.random.default_rng(5)
    age = random.integers(20, 70, ROWS)
    return pl.DataFrame(
        {
            "age": age,
            "sex": random.choice(["F", "M"], ROWS),
            "zip": [f"{code:05}" for code in random.integers(10_000, 10_060, ROWS)],
            "ill": np.where(random.random(ROWS) < age / 80, "yes", "no"),
        }
    )


def policy(k: int = 2) -> shoal.Policy:
    return shoal.Policy.of(k=k, quasi_identifiers=["age", "sex", "zip"], sensitive=["ill"])


@pytest.mark.parametrize("method", ["mondrian", "tight", "mondrian-relaxed"])
def test_points__are_those_of_releases_made_one_by_one(method: Any) -> None:
    found = shoal.frontier(people(), policy(), k=[3, 8], method=[method], seed=3)
    for point, k in zip(found.points, (3, 8), strict=True):
        release = shoal.anonymize(people(), policy(k), method=method)
        assert (point.method, point.k) == (method, k)
        assert point.loss == pytest.approx(release.report.loss.ncp)
        assert point.risk <= 1 / k
        assert point.guarantee >= 1 / release.report.k - 1e-12
        useful = shoal.utility(release, people(), queries=300, seed=3).error()
        assert (point.error, point.error_at_95) == pytest.approx((useful.median, useful.at_95))


def test_mean_risk__of_disjoint_classes_is_classes_by_rows() -> None:
    """Everything is known and each label holds one class: the right record has 1 / its class, summed to 1 a class."""
    (point,) = shoal.frontier(people(), policy(), k=[5], method=["mondrian"], seed=1).points
    assert point.mean_risk >= point.classes / ROWS - 1e-9
    assert point.mean_risk == pytest.approx(point.classes / ROWS, rel=0.02)


def test_risk__never_grows_with_less_knowledge() -> None:
    all_known = shoal.frontier(people(), policy(), k=[5], seed=1).points[0]
    age_known = shoal.frontier(people(), policy(), k=[5], seed=1, known=["age"])
    assert age_known.points[0].mean_risk < all_known.mean_risk
    assert "sex, zip: not known to the adversary" in age_known.notes


def test_recommendation__in_the_result_and_its_json(tmp_path: Path) -> None:
    found = shoal.frontier(people(), policy(), k=[4, 12, 40], seed=1, limits=shoal.Limits(max_risk=0.09))
    assert found.recommendation is not None
    assert found.points[found.recommendation.place].k == 12
    read = json.loads(json.dumps(found.to_dict()))
    assert [one["chosen"] for one in read["points"]] == [False, True, False]
    assert read["lines"]["raw rows"] == 1.0
    assert found.frame["k"].to_list() == [4, 12, 40]


def test_not_reached__is_said_and_the_others_are_measured() -> None:
    found = shoal.frontier(people(), policy(), k=[5, ROWS + 1], seed=1)
    assert [one.k for one in found.points] == [5]
    assert [one.k for one in found.not_reached] == [ROWS + 1]
    with pytest.raises(shoal.PolicyNotMet, match="no release of the sweep"):
        shoal.frontier(people(), policy(), k=[ROWS + 1], seed=1)


def test_target__is_learned_from_each_release() -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is an extra")
    found = shoal.frontier(people(), policy(), k=[3, 60], seed=1, target="ill")
    assert all(one.accuracy is not None and 0.4 < one.accuracy < 0.9 for one in found.points)
    assert found.rows == 420
    assert "180 rows were held out to test models, and are in no release" in found.notes
    assert set(found.lines) == {"raw", "without quasi-identifiers", "majority"}


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"k": []}, shoal.NumberError, "at least one integer"),
        ({"k": [1]}, shoal.NumberError, "at least 2"),
        ({"k": [2.5]}, shoal.NumberError, "integer"),
        ({"k": [2], "method": []}, shoal.PolicyError, "no method"),
        ({"k": [2], "method": ["best"]}, shoal.PolicyError, "no method 'best'"),
        ({"k": [2], "known": ["ill"]}, shoal.PolicyError, "'ill' is not a quasi-identifier"),
        ({"k": [2], "workload": ["job = 'x'"]}, shoal.ColumnError, "job"),
        ({"k": [2], "workload": []}, shoal.InputError, "no question"),
    ],
)
def test_refused(given: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        shoal.frontier(people(), policy(), seed=1, **given)


def test_table_without_rows() -> None:
    with pytest.raises(shoal.InputError, match="no rows"):
        shoal.frontier(people().clear(), policy(), k=[2], seed=1)


def test_command__recommends_first_and_fits_80_columns(tmp_path: Path) -> None:
    people().write_csv(tmp_path / "people.csv")
    (tmp_path / "p.toml").write_text(policy().to_toml())
    where = [str(tmp_path / "people.csv"), "--policy", str(tmp_path / "p.toml"), "--seed", "1"]
    ran = CliRunner().invoke(cli, ["frontier", *where, "-k", "4,12", "--max-risk", ".09"], catch_exceptions=False)
    assert ran.exit_code == 0
    lines = ran.output.splitlines()
    assert lines[0].startswith("Take tight with k = 12")
    assert max(map(len, lines)) <= 80
    output = tmp_path / "frontier.json"
    line = ["frontier", *where, "-k", "4", "--max-risk", ".09", "-o", str(output), "--json"]
    ran = CliRunner().invoke(cli, line, standalone_mode=False, catch_exceptions=False)
    assert ran.return_value == 2
    assert json.loads(ran.output) == json.loads(output.read_text())
    assert CliRunner().invoke(cli, ["frontier", *where, "-k", "4,x"]).exit_code != 0
    assert CliRunner().invoke(cli, ["frontier", *where, "-k", "4", "--min-accuracy", ".5"]).exit_code != 0

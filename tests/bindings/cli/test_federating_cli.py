"""`shoal federate aggregate`: models from files of updates."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import shoal.federated
from shoal.federated import TooFewUpdates, Update, UpdateChecks, read_updates, rule_named, write_updates
from shoal.federation.aggregate import aggregate_files
from shoal_cli.commands import cli
from shoal_cli.main import run


def update(node: str, value: float, weight: float = 1.0, round: int | None = None, size: int = 3) -> Update:
    arrays = {"w": np.full((size, 2), value, np.float32), "b": np.full(1, -value, np.float64)}
    return Update.of_arrays(arrays, node=node, weight=weight, round=round)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_updates(Path("north.arrow"), [update("north", 1, 1), update("south", 4, 2)])
    write_updates(Path("east.arrow"), [update("east", 10, 3)])
    return tmp_path


@pytest.fixture
def call(files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def called(line: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["shoal", "federate", "aggregate", *line.split()])
        monkeypatch.setattr("signal.signal", lambda number, handler: None)
        with pytest.raises(SystemExit) as caught:
            run(cli)
        out, err = capsys.readouterr()
        assert isinstance(caught.value.code, int)
        return caught.value.code, out, err

    return called


def body_of(call: Any, line: str) -> dict[str, Any]:
    code, out, err = call(line + " --json")
    assert (code, err) == (0, "")
    return json.loads(out)


def made(path: str = "model.arrow") -> Update:
    (found,) = read_updates(path)
    return found


def test_aggregate__weighs_by_what_is_claimed(call: Any) -> None:
    body = body_of(call, "north.arrow east.arrow --rule mean -o model.arrow")
    assert body.keys() == {"model", "rule", "weight", "tensors", "updates"}
    assert body["weight"] == 6
    assert body["tensors"][0] == {"name": "w", "shape": [3, 2], "dtype": "float32"}
    assert [one["node"] for one in body["updates"]] == ["east", "north", "south"]
    arrays = made().model.arrays()
    np.testing.assert_array_equal(arrays["w"], np.full((3, 2), np.float32(39 / 6)))
    np.testing.assert_array_equal(arrays["b"], [-39 / 6])


def test_aggregate__equal_weights(call: Any) -> None:
    assert body_of(call, "north.arrow east.arrow --rule mean --weights equal -o model.arrow")["weight"] == 3
    np.testing.assert_array_equal(made().model.arrays()["b"], [-5])


def test_aggregate__weights_of_a_table(call: Any) -> None:
    pl.DataFrame({"node": ["north", "south"], "weight": [3, 1]}).write_csv("weights.csv")
    body = body_of(call, "north.arrow east.arrow --rule mean --weights weights.csv -o model.arrow")
    assert made().model.arrays()["b"] == pytest.approx(-7 / 4)
    assert [(one["node"], one["reason"]) for one in body["updates"] if not one["kept"]] == [("east", "bad weight")]
    assert body["updates"][0]["weight"] is None


def test_aggregate__models_are_updates_again(call: Any) -> None:
    body_of(call, "north.arrow --rule mean -o region.ipc")
    body_of(call, "region.ipc east.arrow --rule mean -o model.arrow")
    assert (made("region.ipc").node, made("region.ipc").weight) == ("region", 3)
    np.testing.assert_array_equal(made().model.arrays()["b"], [-39 / 6])


def test_aggregate__globs_and_folders(call: Any) -> None:
    assert len(body_of(call, "*.arrow --rule mean -o model.ipc")["updates"]) == 3
    Path("model.ipc").unlink()
    Path("out").mkdir()
    Path("in").mkdir()
    Path("east.arrow").rename("in/east.arrow")
    assert len(body_of(call, "in --rule mean -o out/model.arrow")["updates"]) == 1


def test_aggregate__parameters_of_the_rule(call: Any) -> None:
    body = body_of(call, "*.arrow --rule mean --set bound=5 -o model.ipc")
    assert [one["reason"] for one in body["updates"]] == ["beyond the bound", None, None]
    assert made("model.ipc").model.arrays()["b"] == pytest.approx(-3)
    body_of(call, "*.arrow --rule mean --set accumulator=float64 --set n_threads=2 -o model.ipc")
    assert made("model.ipc").model.arrays()["b"] == pytest.approx(-39 / 6)


def test_aggregate__rounds_and_claims(call: Any) -> None:
    write_updates(Path("late.arrow"), [update("late", 9, 1, 7), update("big", 9, 50, 8), update("good", 2, 1, 8)])
    body = body_of(call, "late.arrow --rule mean --round 8 --max-weight 10 -o model.ipc")
    assert [one["reason"] for one in body["updates"]] == ["bad weight", None, "stale round"]
    assert made("model.ipc").round == 8


def test_aggregate__tells_people_who_counts(call: Any) -> None:
    write_updates(Path("other.arrow"), [update("[bold]other", 1, size=4)])
    code, out, _ = call("*.arrow --rule mean -o model.ipc")
    assert code == 0
    assert "[bold]other" in out
    assert "no: another layout" in out
    assert "model.ipc: 7 values, of 3 updates by mean" in out


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("*.arrow --rule average -o m.ipc", "no rule is named 'average'; choose one of mean"),
        ("*.arrow --rule mean --set f=1 -o m.ipc", "the rule 'mean' takes no f; it takes bound, max_updates"),
        ("*.arrow --rule mean --set f -o m.ipc", "--set takes NAME=VALUE; got 'f'"),
        ("*.arrow --rule mean --set bound=5 --set max_updates=3 -o m.ipc", "declare both"),
        ("*.arrow --rule mean --min-updates 4 -o m.ipc", "4 good updates are needed, and there are 3"),
        ("*.arrow --rule mean --max-weight 0 -o m.ipc", "max_weight above 0"),
        ("gone.arrow --rule mean -o m.ipc", "no file at 'gone.arrow'"),
        ("damaged.arrow --rule mean -o m.ipc", "the updates in 'damaged.arrow' cannot be read"),
        ("plain.arrow --rule mean -o m.ipc", "tensor 'x' is of Arrow type"),
        ("*.arrow --rule mean -o north.arrow", "is part of the input"),
        ("north.arrow --rule mean -o gone/m.ipc", "folder 'gone' does not exist"),
        ("north.arrow --rule mean --weights gone.csv -o m.ipc", "no file at 'gone.csv'"),
        ("north.arrow --rule mean --weights twice.csv -o m.ipc", "name a node twice"),
        ("north.arrow --rule mean --weights plain.csv -o m.ipc", "the columns node and weight"),
        ("--rule mean -o m.ipc", "Missing argument"),
        ("north.arrow -o m.ipc", "Missing option '--rule'"),
    ],
)
def test_aggregate__errors_leave_nothing_behind(call: Any, line: str, message: str) -> None:
    if "damaged" in line:
        Path("damaged.arrow").write_bytes(Path("north.arrow").read_bytes()[:-40])
    if "plain.arrow" in line:
        pl.DataFrame({"x": [1]}).write_ipc("plain.arrow")
    pl.DataFrame({"x": [1]}).write_csv("plain.csv")
    pl.DataFrame({"node": ["a", "a"], "weight": [1, 2]}).write_csv("twice.csv")
    before = sorted(Path().iterdir())
    code, out, err = call(line)
    assert (code, out) == (1, "")
    assert message in err
    code, out, _ = call(line + " --json")
    assert json.loads(out)["exit_code"] == code == 1
    assert sorted(Path().iterdir()) == before


@pytest.mark.parametrize(
    "line",
    [
        "--rule krum",
        "--rule krum --set f=1.5",
        "--rule krum --set f=many",
        "--rule krum --set f=true",
        "--rule centered-clipping --set radius=1 --set center=model",
        "--rule mean --set accumulator=float16",
        "--rule trimmed-mean --set share=[0.1]",
        f"--rule mean --set bound={10**400}",
    ],
)
def test_aggregate__parameters_that_are_none_of_the_rule(call: Any, line: str) -> None:
    code, _, err = call(f"north.arrow {line} -o model.arrow")
    assert code == 1
    assert "the rule" in err
    assert not Path("model.arrow").exists()


def test_aggregate_files__a_failed_round_keeps_the_old_model(files: Path) -> None:
    aggregate_files(["east.arrow"], "model.ipc", rule="mean")
    old = Path("model.ipc").read_bytes()
    with pytest.raises(TooFewUpdates):
        aggregate_files(["north.arrow"], "model.ipc", rule="mean", checks=UpdateChecks(min_updates=9))
    assert Path("model.ipc").read_bytes() == old
    assert not list(Path().glob(".*.part"))


def test_federated__is_complete() -> None:
    names = set(shoal.federated.__all__)
    assert all(getattr(shoal.federated, name) is not None for name in names)
    assert set(dir(shoal.federated)) == names
    with pytest.raises(AttributeError, match="no attribute 'Meen'"):
        _ = shoal.federated.Meen


@pytest.mark.parametrize("name", shoal.federated.RULES)
def test_rule_named__finds_each_rule(name: str) -> None:
    assert rule_named(name).__name__ == shoal.federated.RULES[name].__name__


@pytest.mark.parametrize(
    ("rule", "settings"),
    [
        ("median", ""),
        ("trimmed-mean", "--set share=0.2"),
        ("krum", "--set f=1"),
        ("multi-krum", "--set f=1"),
        ("bulyan", "--set f=1"),
        ("geometric-median", ""),
        ("norm-bound", "--set limit=1000"),
    ],
)
def test_aggregate__by_each_rule(call: Any, rule: str, settings: str) -> None:
    write_updates(Path("seven.arrow"), [update(f"n{i}", 1 + i / 100) for i in range(7)])
    body = body_of(call, f"seven.arrow --rule {rule} {settings} -o model.ipc")
    assert len(body["updates"]) == 7
    assert 1 <= float(made("model.ipc").model.arrays()["w"][0, 0]) <= 1.06

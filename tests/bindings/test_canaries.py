"""Canaries in identifiers, small classes, sensitive values and numbers: no output, log or error may hold them."""

import json
import logging
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import shoal
from shoal_cli.commands import cli
from shoal_cli.main import run

NAME, RARE, SICK, NUMBER, LOST = "c4n4ryname", "c4n4ryrare", "c4n4rysick", "987654321", "c4n4rylost"
POLICY = """
k = {k}
suppress = {suppress}
[identifier.name]
[identifier.id]
action = "pseudonym"
key_env = "SHOAL_TEST_KEY"
[quasi_identifier.town]
hierarchy = {{ kind = "tree", nodes = {{ "*" = {towns} }} }}
[quasi_identifier.age]
[sensitive.sick]
models = [{{ kind = "distinct", l = {l} }}]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOAL_TEST_KEY", "k" * 32)
    rows = range(40)
    people = pl.DataFrame(
        {
            "name": [f"{NAME}{i}" for i in rows],
            "id": [f"{NAME}id{i}" for i in rows],
            "town": ["here", "there"] * 19 + [RARE, RARE],
            "age": [20 + i % 9 for i in rows[:-1]] + [int(NUMBER)],
            "sick": ["flu", "gout", "flu"] * 13 + [SICK],
            "notes": [f"{LOST}{i}" for i in rows],
        }
    )
    people.write_csv("in.csv")
    people.write_parquet("in.parquet")
    (tmp_path / "broken.csv").write_bytes((tmp_path / "in.csv").read_bytes() + f'"{LOST}'.encode())
    (tmp_path / "broken.parquet").write_bytes((tmp_path / "in.parquet").read_bytes()[:-50])
    towns = json.dumps(["here", "there", RARE])
    policies = {
        "policy": POLICY.format(k=3, l=2, suppress=0.0, towns=towns),
        "suppress": POLICY.format(k=3, l=2, suppress=0.2, towns=towns),
        "uncovered": POLICY.format(k=3, l=2, suppress=0.0, towns='["here", "there"]'),
        "diverse": POLICY.format(k=3, l=9, suppress=0.0, towns=towns),
        "large": POLICY.format(k=41, l=2, suppress=0.0, towns=towns),
        "keyless": POLICY.format(k=3, l=2, suppress=0.0, towns=towns).replace("SHOAL_TEST_KEY", "SHOAL_NO_KEY"),
    }
    for name, text in policies.items():
        (tmp_path / f"{name}.toml").write_text(text)
    return tmp_path


def called(line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["shoal", *line.split()])
    # The handler of the command line is not for the process of the tests.
    monkeypatch.setattr("signal.signal", lambda number, handler: None)
    with pytest.raises(SystemExit) as caught:
        run(cli)
    out, err = capsys.readouterr()
    assert isinstance(caught.value.code, int)
    return caught.value.code, out + err


COMMANDS = [
    ("look in.csv --policy-out out/new.toml", 0),
    ("look in.parquet --json", 0),
    ("assess in.csv --policy policy.toml", 0),
    ("assess in.parquet --policy policy.toml --json", 0),
    ("anonymize in.csv out/a.csv --policy policy.toml --certificate out/c.json", 0),
    ("anonymize in.parquet out/a.parquet --policy policy.toml --certificate out/d.json --json", 0),
    ("anonymize in.parquet out/a.ipc --policy policy.toml --method mondrian", 0),
    ("anonymize in.csv out/b.csv --policy policy.toml --method mondrian-relaxed", 0),
    ("anonymize in.parquet out/s.parquet --policy suppress.toml --certificate out/e.json", 0),
    ("verify in.csv --policy policy.toml", 3),
    ("verify in.csv --policy policy.toml --json", 3),
    ("anonymize in.csv out/n.csv --policy uncovered.toml", 1),
    ("anonymize in.csv out/n.csv --policy keyless.toml", 1),
    ("anonymize broken.csv out/n.csv --policy policy.toml", 1),
    ("anonymize broken.parquet out/n.csv --policy policy.toml", 1),
    ("look broken.csv", 1),
    ("assess broken.parquet --policy policy.toml", 1),
    ("anonymize in.csv out/n.csv --policy diverse.toml", 2),
    ("anonymize in.csv out/n.csv --policy large.toml --json", 2),
    ("anonymize in.csv out/n.csv -k 3 -q nam", 1),
    ("attack linkage in.csv --known in.parquet --truth name -c town -c age -s sick", 0),
    ("attack linkage in.parquet --known in.csv --policy policy.toml --raw in.parquet --mismatches 1 --json", 0),
    ("attack linkage in.csv --known in.csv --also in.parquet --kept sick -c town -c age", 0),
    ("attack membership in.csv --members in.csv --outsiders in.parquet -c age", 0),
    ("attack linkage in.csv --known broken.csv -c town", 1),
    ("attack linkage in.csv --known in.csv -c town --tolerance town=1", 1),
    ("attack linkage in.csv --known in.csv --policy uncovered.toml -c town --truth notes --sensitive nothing", 1),
]


@pytest.mark.parametrize(("line", "code"), COMMANDS)
def test_commands__tell_no_canary(
    line: str,
    code: int,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    (folder / "out").mkdir()
    found, told = called(line, capsys, monkeypatch)
    assert found == code, told
    told += caplog.text
    for canary in (NAME, RARE, SICK, NUMBER, LOST, "k" * 32):
        assert canary not in told
    for file in (folder / "out").iterdir():
        texts = [file.read_bytes(), decoded(file).encode()]
        # Sensitive values are released as they are; towns and ages may be the ends of an interval.
        hidden = [NAME, LOST, "k" * 32]
        if file.suffix == ".toml":
            hidden += [RARE, SICK, NUMBER]
        elif file.suffix == ".json":
            # The policy itself names towns.
            hidden += [SICK, NUMBER]
        for canary in hidden:
            assert not any(canary.encode() in text for text in texts), file
    if code:
        assert list((folder / "out").iterdir()) == []


def decoded(file: Path) -> str:
    """The file's content as its readers see it."""
    match file.suffix:
        case ".parquet":
            return repr(pl.read_parquet(file).to_dicts()) + repr(pl.read_parquet_metadata(file))
        case ".ipc":
            return repr(pl.read_ipc(file).to_dicts())
        case _:
            return file.read_text()


def test_release__small_classes_lose_their_values(folder: Path) -> None:
    # Two rows of the rare town: any label of it alone would be a class of two.
    policy = shoal.Policy.load("policy.toml")
    for method in ("tight", "mondrian", "mondrian-relaxed"):
        found = shoal.anonymize(folder / "in.parquet", policy, method=method)
        assert RARE not in found.frame["town"].to_list()
        assert NUMBER not in found.frame["age"].to_list()


def test_pseudonyms__same_person_same_key_same_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = shoal.Policy.load("policy.toml")
    frames = [shoal.anonymize(folder / "in.parquet", policy).frame for _ in range(2)]
    ids = [set(frame["id"]) for frame in frames]
    assert ids[0] == ids[1]
    assert len(ids[0]) == 40
    monkeypatch.setenv("SHOAL_TEST_KEY", "j" * 32)
    assert not ids[0] & set(shoal.anonymize(folder / "in.parquet", policy).frame["id"])


def test_errors__from_python_hold_no_canary(folder: Path) -> None:
    def attempt(name: str, source: str) -> Any:
        return shoal.anonymize(folder / source, shoal.Policy.load(f"{name}.toml"))

    cases = [
        ("uncovered", "in.csv"),
        ("diverse", "in.csv"),
        ("large", "in.csv"),
        ("policy", "broken.csv"),
        ("policy", "broken.parquet"),
    ]
    for name, source in cases:
        with pytest.raises(shoal.ShoalError) as caught:
            attempt(name, source)
        told = str(caught.value) + repr(caught.value) + repr(getattr(caught.value, "nearest", ""))
        assert "c4n4ry" not in told
        assert NUMBER not in told

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import shoal
from shoal_cli.commands import cli
from shoal_cli.main import run

CHILD = {**os.environ, "PYTHONPATH": ":".join(sys.path)}
FIGURES = {"rows", "k", "equivalence_classes", "unique_rows", "risk", "sensitive", "table_models", "set_valued"} | {
    "unit",
    "units",
}
ADULT = Path(__file__).parents[3] / ".." / "shared" / "data" / "adult"


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rows = range(60)
    frame = pl.DataFrame({"age": [20 + i % 17 for i in rows], "zip": [f"0{2100 + i % 9}" for i in rows]})
    frame.with_columns(sick=pl.Series(["flu", "gout", "hiv"] * 20), name=pl.Series([f"n{i}" for i in rows])).write_csv(
        "in.csv"
    )
    Path("policy.toml").write_text(
        "k = 3\n[identifier.name]\n[quasi_identifier.age]\n[quasi_identifier.zip]\n"
        "[sensitive.sick]\nmodels = [{ kind = 'distinct', l = 2 }]\n"
    )
    return tmp_path


def shoal_cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["shoal", *line.split()])
    # The handler of the command line is not for the process of the tests.
    monkeypatch.setattr("signal.signal", lambda number, handler: None)
    with pytest.raises(SystemExit) as caught:
        run(cli)
    out, err = capsys.readouterr()
    assert isinstance(caught.value.code, int)
    return caught.value.code, out, err


@pytest.fixture
def call(people: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    return lambda line: shoal_cli(monkeypatch, capsys, line)


def figures(call: Any, line: str) -> dict[str, Any]:
    code, out, err = call(line + " --json")
    assert (code, err) == (0, "")
    return json.loads(out)


def test_anonymize__json_holds_every_figure(call: Any) -> None:
    body = figures(call, "anonymize in.csv out.parquet --policy policy.toml --certificate c.json")
    assert body.keys() >= FIGURES | {"suppressed_rows", "seconds", "peak_bytes", "loss"}
    assert body["loss"].keys() == {"ncp", "discernibility", "average_class_size"}
    assert body["risk"].keys() == {"highest", "average"}
    assert body["sensitive"]["sick"].keys() >= {"l_distinct", "l_entropy", "t"}
    assert body["rows"] == 60
    assert body["k"] >= 3
    paper = json.loads(Path("c.json").read_text())
    assert paper["verified"] is True
    assert paper["figures"]["k"] == body["k"]
    verified = figures(call, "verify out.parquet --policy policy.toml")
    assert verified.keys() >= FIGURES
    assert (verified["met"], verified["k"]) == (True, body["k"])


def test_assess__json_by_policy_and_by_columns(call: Any) -> None:
    by_policy = figures(call, "assess in.csv --policy policy.toml")
    by_columns = figures(call, "assess in.csv -q age -q zip -s sick")
    assert by_policy.keys() == FIGURES | {"findings", "undecided"}
    assert by_policy == by_columns


def test_assess__a_figure_without_bound_is_null(call: Any) -> None:
    text = Path("policy.toml").read_text().replace("kind = 'distinct', l = 2", "kind = 'recursive', c = 2, l = 2")
    Path("policy.toml").write_text(text)
    body = figures(call, "assess in.csv --policy policy.toml")
    assert body["sensitive"]["sick"]["c_recursive"]["2"] is None


@pytest.mark.parametrize(
    "line", ["-k 4 -q age", "-k 4 -q age -q zip -s sick --l 2 --t 0.5", "-k 4 -q age --suppress 0.1 --method mondrian"]
)
def test_anonymize__columns_instead_of_a_policy(line: str, call: Any) -> None:
    assert figures(call, f"anonymize in.csv out.csv {line}")["k"] >= 4


def test_look__writes_a_policy_to_be_completed(call: Any) -> None:
    body = figures(call, "look in.csv --policy-out new.toml")
    assert {row["column"] for row in body["columns"]} == {"age", "zip", "sick", "name"}
    assert "combinations" in body
    with pytest.raises(shoal.PolicyError, match="k"):
        shoal.Policy.load("new.toml")


def test_commands__tables_for_people(call: Any) -> None:
    Path("[b].csv").write_bytes(Path("in.csv").read_bytes().replace(b"age", b"[/x]"))
    for line in (
        "look [b].csv --policy-out new.toml",
        "assess [b].csv -q [/x] -s sick",
        "anonymize [b].csv [out].csv -k 3 -q [/x] -s sick",
        "anonymize in.csv out.csv --policy policy.toml",
        "verify out.csv --policy policy.toml",
        "schema",
    ):
        code, out, err = call(line)
        assert (code, err) == (0, ""), line
        assert out


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        ("anonymize in.csv out.csv -q age", 1, "no default k"),
        ("anonymize in.csv out.csv -k 3", 1, "name the quasi-identifiers"),
        ("anonymize in.csv out.csv -k 3 -q age --policy policy.toml", 1, "not both"),
        ("anonymize in.csv out.csv -k 9 --policy policy.toml", 1, "not both"),
        ("anonymize in.csv out.csv -k 1 -q age", 1, "k"),
        ("anonymize in.csv out.csv -k x -q age", 1, "x"),
        ("anonymize in.csv out.csv -k 3 -q age --method loose", 1, "loose"),
        ("anonymize in.csv out.csv -k 3 -q age --suppress 1", 1, "suppress"),
        ("anonymize in.csv out.csv -k 3 -q age --t 2 -s sick", 1, "t"),
        ("anonymize in.csv out.csv -k 3 -q age --threads 0", 1, "threads"),
        ("anonymize in.csv in.csv -k 3 -q age", 1, "part of the input"),
        ("anonymize in.csv", 1, "OUTPUT"),
        ("anonymize in.csv out.csv -k 61 -q age", 2, "k = 60"),
        ("anonymize in.csv out.csv -k 3 -q age -s sick --l 4", 2, "distinct l = 3"),
        ("verify in.csv --policy policy.toml", 3, ""),
        ("verify in.csv --policy no.toml", 1, "no.toml"),
        ("verify in.csv", 1, "policy"),
        ("look no.csv", 1, "no file"),
        ("look in.csv --policy-out in.csv", 1, "part of the input"),
        ("assess in.csv", 1, "name the quasi-identifiers"),
        ("assess in.csv -q agee", 1, "did you mean 'age'"),
        ("nonsense", 1, "nonsense"),
        ("--nonsense", 1, "nonsense"),
    ],
)
def test_exit_codes__say_what_happened(line: str, code: int, told: str, call: Any) -> None:
    before = sorted(Path().iterdir())
    found, out, err = call(line)
    assert found == code
    assert told in err
    assert (code == 3) == bool(out)
    found, out, err = call(line + " --json")
    assert (found, err) == (code, "")
    body = json.loads(out)
    if code != 3:
        assert body["exit_code"] == code
        assert told in body["message"]
        assert ("nearest" in body) == (code == 2)
    assert sorted(Path().iterdir()) == before


def test_version__is_told(call: Any) -> None:
    assert call("--version")[:2] == (0, f"shoal {shoal.__version__}\n")


def test_demo__writes_release_and_certificate(call: Any) -> None:
    body = figures(call, "demo --rows 1000 --output demo")
    assert body["after"]["k"] > body["before"]["k"]
    for file in body["files"].values():
        assert Path(file).stat().st_size


LOADED = "import sys; {}; print([m for m in ('numba', 'polars', 'pyarrow', 'pandas', 'rich') if m in sys.modules])"


@pytest.mark.parametrize(
    ("statement", "loaded"),
    [
        ("import shoal", ["polars"]),
        ("import shoal; shoal.Policy.of(k=2, quasi_identifiers=['a'])", ["polars"]),
        ("import shoal_cli", []),
    ],
)
def test_import__loads_nothing_heavy(statement: str, loaded: list[str]) -> None:
    line = [sys.executable, "-c", LOADED.format(statement)]
    run = subprocess.run(line, env=CHILD, capture_output=True, text=True, check=True)
    assert run.stdout == f"{loaded}\n"


@pytest.mark.parametrize("option", ["--help", "--version", "anonymize --help", "schema"])
def test_help__loads_nothing_heavy(option: str) -> None:
    statement = (
        f"import shoal_cli\nsys.argv = ['shoal', *'{option}'.split()]\n"
        "try: shoal_cli.main()\nexcept SystemExit as e: assert e.code == 0, e.code\n"
        "heavy = [m for m in ('numba', 'polars', 'pyarrow', 'pandas') if m in sys.modules]\nassert not heavy, heavy"
    )
    run = subprocess.run(
        [sys.executable, "-c", "import sys\n" + statement], env=CHILD, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout


def test_schema__is_a_json_schema(call: Any) -> None:
    body = json.loads(call("schema")[1])
    properties = body["$defs"]["Policy"]["properties"]
    assert properties.keys() >= {"k", "suppress", "order", "identifier", "quasi_identifier", "sensitive", "insensitive"}


def test_warm__compiles_every_kernel(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from shoal_kernels import _ahead, _jit

    compiled: list[Any] = []
    monkeypatch.setattr(_ahead, "start", lambda kernels, processes: None)
    monkeypatch.setattr(_jit.Kernel, "compile_unless_busy", lambda kernel: None)
    monkeypatch.setattr(_jit.Kernel, "compile", lambda kernel: compiled.append(kernel))
    body = figures(call, "warm")
    assert body["kernels"] == len(compiled) == len(_jit.registered())


def test_warm__compiles_the_kernels_of_every_module() -> None:
    """In a process of its own, where nothing was imported: a module that is missed compiles when first called."""
    script = """
import importlib, pathlib
import shoal_kernels
from shoal_kernels import _ahead, _jit
_ahead.start = lambda kernels, processes: None
_jit.Kernel.compile_unless_busy = lambda kernel: None
_jit.Kernel.compile = lambda kernel: compiled.add(id(kernel))
compiled = set()
from shoal.warming import warm
_, count = warm()
root = pathlib.Path(shoal_kernels.__file__).parent
found = set()
for path in sorted(root.rglob("*.py")):
    parts = [part for part in path.relative_to(root).with_suffix("").parts if part != "__init__"]
    module = importlib.import_module(".".join(["shoal_kernels", *parts]))
    for value in vars(module).values():
        found |= {id(each) for each in (value.values() if isinstance(value, dict) else [value])
                  if isinstance(each, _jit.Kernel)}
assert found <= compiled, len(found - compiled)
assert count == len(compiled) == len(_jit.registered())
print(count)
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 100


@pytest.mark.shared
@pytest.mark.skipif(not ADULT.exists(), reason="the real data folder is not beside the checkout")
def test_adult__goes_through_look_anonymize_verify(call: Any) -> None:
    source = ADULT / "adult.csv"
    assert figures(call, f"look {source}")["columns"]
    names = ("sex", "age", "race", "marital-status", "education", "native-country", "workclass", "occupation")
    columns = " ".join(f"-q {name}" for name in names)
    before = figures(call, f"assess {source} {columns} -s salary-class")
    body = figures(call, f"anonymize {source} out.csv -k 10 {columns} -s salary-class --l 2")
    assert (before["rows"], body["rows"]) == (30162, 30162)
    assert body["k"] >= 10
    assert body["sensitive"]["salary-class"]["l_distinct"] == 2
    Path("adult.toml").write_text(
        shoal.Policy.of(k=10, quasi_identifiers=names, sensitive=["salary-class"], l=2).to_toml()
    )
    assert figures(call, "verify out.csv --policy adult.toml")["k"] == body["k"]


def test_risk__json_holds_the_report_and_tables_its_figures(call: Any) -> None:
    code, out, _ = call("risk in.csv -q age -q zip -s sick --sampling-fraction 0.1 --threshold 0.5 --json")
    body = json.loads(out)
    expected = shoal.risk(
        "in.csv",
        shoal.Policy.of(k=2, quasi_identifiers=["age", "zip"], sensitive=["sick"]),
        sampling_fraction=0.1,
        threshold=0.5,
    )
    assert (code, body["rows"], body["marketer"]) == (0, 60, pytest.approx(expected.marketer))
    assert body["safe_harbor"] == shoal.safe_harbor("in.csv").to_dicts()
    code, out, _ = call("risk in.csv -q age -q zip -s sick --population in.csv")
    assert code == 0
    assert "k-map" in out
    assert call("risk in.csv -q age --sampling-fraction 2")[0] == 1


def test_debug__traces_places_and_kinds_of_errors_and_no_message(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        try:
            {}["4711"]
        except KeyError as error:
            msg = "the cell 4711"
            raise ValueError(msg) from error

    monkeypatch.setattr("shoal.anonymity.assess.assess", broken)
    for line in ("--debug assess in.csv -q age", "assess in.csv -q age --debug"):
        code, _, err = call(line)
        assert code == 1
        assert "4711" not in err
        assert err.index("raised builtins.KeyError") < err.index("raised builtins.ValueError")
        assert "test_cli.py:" in err
        assert "--debug and report" in err
    assert "raised builtins" not in call("assess in.csv -q age")[2]


def test_debug__shows_what_an_error_of_ours_came_from(call: Any) -> None:
    Path("broken.parquet").write_bytes(b"PAR1 this is no parquet PAR1")
    code, _, err = call("assess broken.parquet -q age --debug")
    assert code == 1
    assert "raised shoal_engine.errors.InputError" in err
    assert "raised polars" in err


def test_debug__after_the_end_of_options_is_a_name(call: Any) -> None:
    assert "'--debug'" in call("assess -q age -- --debug")[2]

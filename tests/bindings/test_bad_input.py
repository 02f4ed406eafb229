"""Every kind of bad input gets a typed error that names column and remedy, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import shoal

PEOPLE = pl.DataFrame({"age": [20, 21, 30, 31], "zip": ["02108", "02109", "10001", "10002"], "s": list("xyxy")})
AGE = shoal.Policy.of(k=2, quasi_identifiers=["age"])
CHILD = {**os.environ, "PYTHONPATH": ":".join(sys.path)}


def refused(frame: object, folder: Path, policy: shoal.Policy, kind: type[Exception], match: str) -> None:
    """Both ways to anonymize refuse, and neither leaves a file."""
    before = sorted(folder.iterdir())
    with pytest.raises(kind, match=match):
        shoal.anonymize(frame, policy)
    with pytest.raises(kind, match=match):
        shoal.anonymize_file(frame, folder / "out.parquet", policy, certificate=folder / "c.json")
    assert sorted(folder.iterdir()) == before


def test_columns__an_unknown_one_is_named_with_the_nearest(tmp_path: Path) -> None:
    policy = shoal.Policy.of(k=2, quasi_identifiers=["agee"])
    refused(PEOPLE, tmp_path, policy, shoal.ColumnError, "'agee'.*did you mean 'age'")
    with pytest.raises(shoal.ColumnError, match="'agee'"):
        shoal.assess(PEOPLE, policy)


def test_columns__duplicates_in_a_csv_header(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("age,age\n1,2\n3,4\n")
    refused(tmp_path / "in.csv", tmp_path, AGE, shoal.ColumnError, "'age' appears more than once")


def test_columns__duplicates_in_pandas_and_arrow(tmp_path: Path) -> None:
    twice = pd.DataFrame([[1, 2], [3, 4]], columns=["age", "age"])
    refused(twice, tmp_path, AGE, shoal.ColumnError, "'age' appears more than once")
    table = pa.table([pa.array([1, 2]), pa.array([1, 2])], names=["age", "age"])
    refused(table, tmp_path, AGE, shoal.ColumnError, "'age' appears more than once")


def test_columns__all_null(tmp_path: Path) -> None:
    for kind in (pl.Int64, pl.String, pl.Null):
        frame = pl.DataFrame({"age": pl.Series([None, None], dtype=kind)})
        refused(frame, tmp_path, AGE, shoal.ColumnError, "'age'")
    refused(pl.DataFrame({"age": [float("nan")] * 3}), tmp_path, AGE, shoal.ColumnError, "'age' is null in every row")


@pytest.mark.parametrize(
    "values",
    [
        pl.Series([[1], [2]]),
        pl.Series([{"x": 1}, {"x": 2}]),
        pl.Series([b"a", b"b"]),
        pl.Series([1, 2], dtype=pl.Int128),
        pl.Series([object(), object()], dtype=pl.Object),
    ],
)
def test_columns__unsupported_types(values: pl.Series, tmp_path: Path) -> None:
    refused(pl.DataFrame({"age": values}), tmp_path, AGE, shoal.ColumnError, "['`]age['`]")
    policy = shoal.Policy.of(k=2, quasi_identifiers=["n"], sensitive=["age"])
    refused(pl.DataFrame({"age": values, "n": [1, 2]}), tmp_path, policy, shoal.ColumnError, "['`]age['`]")


def test_columns__infinite_numbers(tmp_path: Path) -> None:
    refused(pl.DataFrame({"age": [1.0, float("inf")]}), tmp_path, AGE, shoal.ColumnError, "`age` holds numbers")


def test_columns__two_outputs_of_one_name(tmp_path: Path) -> None:
    policy = shoal.Policy(
        k=2,
        quasi_identifiers={"age": shoal.QuasiIdentifier(output="bounds")},
        insensitive={"age_lower": shoal.Insensitive()},
    )
    refused(PEOPLE.with_columns(age_lower=1), tmp_path, policy, shoal.ColumnError, "'age_lower'")


def test_columns__values_outside_a_hierarchy(tmp_path: Path) -> None:
    hierarchies = {
        "age": [shoal.Intervals(width=[5], lower=0, upper=30)],
        "zip": [shoal.Order(values=["02108"]), shoal.NamedTree(nodes={"*": ["02108"]})],
    }
    for column, choices in hierarchies.items():
        for hierarchy in choices:
            policy = shoal.Policy(k=2, quasi_identifiers={column: shoal.QuasiIdentifier(hierarchy=hierarchy)})
            refused(PEOPLE, tmp_path, policy, shoal.HierarchyError, f"`{column}` does not cover the data")


def test_k__below_two_and_above_the_rows(tmp_path: Path) -> None:
    for k in (1, 0, -1):
        with pytest.raises(shoal.PolicyError, match="k"):
            shoal.Policy.of(k=k, quasi_identifiers=["age"])
    refused(PEOPLE, tmp_path, shoal.Policy.of(k=5, quasi_identifiers=["age"]), shoal.PolicyNotMet, "k = 4")
    refused(PEOPLE[:1], tmp_path, AGE, shoal.PolicyNotMet, "no k protects a single row")


def test_table__empty(tmp_path: Path) -> None:
    refused(PEOPLE[:0], tmp_path, AGE, shoal.InputError, "no rows")
    (tmp_path / "in.csv").write_text("age\n")
    refused(tmp_path / "in.csv", tmp_path, AGE, shoal.InputError, "no rows")
    for call in (lambda: shoal.assess(PEOPLE[:0], AGE), lambda: shoal.look(PEOPLE[:0])):
        with pytest.raises(shoal.InputError):
            call()


def test_files__missing_or_of_unknown_format(tmp_path: Path) -> None:
    refused(tmp_path / "no.parquet", tmp_path, AGE, shoal.InputError, "no file")
    (tmp_path / "in.xls").write_text("age\n1\n")
    refused(tmp_path / "in.xls", tmp_path, AGE, shoal.InputError, "cannot detect one format")
    refused(pl.scan_parquet(tmp_path / "no.parquet"), tmp_path, AGE, shoal.InputError, "cannot be resolved")


def test_files__truncated_or_garbled(tmp_path: Path) -> None:
    rows = pl.DataFrame({"age": range(5000), "s": [f"c4n4ry{i}" for i in range(5000)]})
    rows.write_parquet(tmp_path / "in.parquet")
    rows.write_ipc(tmp_path / "in.ipc")
    rows.write_csv(tmp_path / "in.csv")
    policy = shoal.Policy.of(k=2, quasi_identifiers=["age"], insensitive=["s"])
    for name in ("in.parquet", "in.ipc", "in.csv"):
        whole = (tmp_path / name).read_bytes()
        parts = [b"", b"\0" * 64, whole[: len(whole) // 2], whole[: len(whole) // 2] + b"\0" * (len(whole) // 2)]
        # A cut between two lines of CSV cannot be told.
        for part in parts[:1] if name == "in.csv" else parts:
            (tmp_path / name).write_bytes(part)
            refused(tmp_path / name, tmp_path, policy, shoal.InputError, "truncated")
    (tmp_path / "in.csv").write_text("age,zip,s\n1,2,3\n4,5")
    refused(tmp_path / "in.csv", tmp_path, AGE, shoal.InputError, "truncated")


def test_output__inside_the_input(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    PEOPLE.write_parquet(folder / "a.parquet")
    (tmp_path / "link.parquet").symlink_to(folder / "a.parquet")
    cases = [
        (folder / "a.parquet", folder / "a.parquet"),
        (folder / "a.parquet", tmp_path / "link.parquet"),
        (folder, folder / "out.parquet"),
        (folder / "*.parquet", folder / "out.parquet"),
        (tmp_path / "**" / "a*.parquet", folder / "a2.parquet"),
    ]
    for source, output in cases:
        with pytest.raises(shoal.OutputError, match="part of the input"):
            shoal.anonymize_file(source, output, AGE)
        with pytest.raises(shoal.OutputError, match="part of the input"):
            shoal.anonymize_file(source, tmp_path / "fine.parquet", AGE, certificate=output)
    shoal.anonymize_file(folder / "a*.parquet", folder / "out.parquet", AGE)
    assert sorted(f.name for f in folder.iterdir()) == ["a.parquet", "out.parquet"]
    assert pl.read_parquet(folder / "a.parquet").equals(PEOPLE)


def test_output__cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "is.parquet").mkdir()
    for output in ("no/out.parquet", "is.parquet", "out.xls"):
        with pytest.raises(shoal.OutputError):
            shoal.anonymize_file(PEOPLE, tmp_path / output, AGE)
    policy = shoal.Policy.of(k=2, quasi_identifiers=["age"], insensitive=["l"])
    with pytest.raises(shoal.OutputError, match="'l' has type"):
        shoal.anonymize_file(PEOPLE.with_columns(l=pl.lit([1])), tmp_path / "out.csv", policy)
    assert [f.name for f in tmp_path.iterdir()] == ["is.parquet"]


LIMITED = """
import resource, sys, polars as pl, shoal
people = pl.DataFrame({"age": [i % 50 for i in range(200_000)], "row": range(200_000)})
policy = shoal.Policy.of(k=2, quasi_identifiers=["age"], insensitive=["row"])
shoal.anonymize(people, policy)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
for kind in ("parquet", "csv", "ipc"):
    try:
        shoal.anonymize_file(people, f"{sys.argv[1]}/out.{kind}", policy)
    except shoal.OutputError as error:
        print(kind, "nothing was left behind" in str(error))
"""


def test_output__no_space_left(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)], env=CHILD, capture_output=True, text=True, check=False
    )
    assert run.stdout.split("\n") == ["parquet True", "csv True", "ipc True", ""], run.stderr
    assert list(tmp_path.iterdir()) == []


PAUSED = """
import sys, time
from shoal.io import writing
import shoal_cli
honest = writing.write
def write(*args, **options):
    honest(*args, **options)
    print("writing", flush=True)
    time.sleep(60)
writing.write = write
sys.argv = ["shoal", "anonymize", sys.argv[1], sys.argv[2], "-k", "2", "-q", "age", "--certificate", sys.argv[3]]
shoal_cli.main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_output__an_interrupted_run_leaves_nothing(number: signal.Signals, tmp_path: Path) -> None:
    PEOPLE.write_parquet(tmp_path / "in.parquet")
    out, paper = tmp_path / "out.parquet", tmp_path / "c.json"
    arguments = [sys.executable, "-c", PAUSED, str(tmp_path / "in.parquet"), str(out), str(paper)]
    with subprocess.Popen(arguments, env=CHILD, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "writing\n"
        time.sleep(0.05)
        run.send_signal(number)
        _, told = run.communicate(timeout=30)
    assert not out.exists()
    assert not paper.exists()
    if number == signal.SIGKILL:
        assert run.returncode == -signal.SIGKILL
    else:
        assert (run.returncode, told.strip()) == (130, "shoal: interrupted; nothing was left behind")
        assert [f.name for f in tmp_path.iterdir()] == ["in.parquet"]


def test_errors__hold_no_cell_of_the_table(tmp_path: Path) -> None:
    """Nor do tracebacks: their causes would be printed with them."""
    import traceback

    (tmp_path / "in.csv").write_text('age\n1\n"c4n4ry\n')
    mixed = pd.DataFrame({"age": [1, "c4n4ry", b"c4n4ry"]})
    for frame in (tmp_path / "in.csv", mixed):
        with pytest.raises(shoal.ShoalError) as caught:
            shoal.anonymize(frame, AGE)
        assert "c4n4ry" not in "".join(traceback.format_exception(caught.value))

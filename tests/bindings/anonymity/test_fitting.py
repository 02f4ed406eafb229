"""A recoding gives its own table the release of `anonymize`, and later tables classes that cover each row."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pyarrow as pa
import pytest

import shoal
from benches.census import census
from benches.census_policies import everyday, hierarchical
from shoal_cli import main

FIRST, LATER = census(3000, seed=1), census(3000, seed=2)
EVERYDAY = everyday(5, order="sorted")
ROLES = {
    "tight": EVERYDAY,
    "mondrian": msgspec.structs.replace(
        EVERYDAY, quasi_identifiers=EVERYDAY.quasi_identifiers | {"age": shoal.QuasiIdentifier(output="bounds")}
    ),
    "tight, bands": msgspec.structs.replace(
        EVERYDAY, quasi_identifiers=EVERYDAY.quasi_identifiers | {"age": shoal.QuasiIdentifier(output="bands")}
    ),
    "full-domain": msgspec.structs.replace(hierarchical(5, suppress=0.05), order="sorted"),
}


@pytest.mark.parametrize("method", list(ROLES))
def test_apply__to_its_own_table_is_anonymize(method: Any, tmp_path: Path) -> None:
    policy = ROLES[method]
    method = method.partition(",")[0]
    shoal.fit(FIRST, policy, method=method).save(tmp_path / "recoding.arrow")
    assert (tmp_path / "recoding.arrow").stat().st_mode & 0o077 == 0
    recoding = shoal.Recoding.load(tmp_path / "recoding.arrow")
    assert msgspec.structs.replace(recoding.policy, folder="") == policy
    once = shoal.anonymize(FIRST, policy, method=method)
    again = recoding.apply(FIRST, suppress=policy.suppress)
    assert again.frame.equals(once.frame)
    assert again.report.k == once.report.k


@pytest.mark.parametrize("method", list(ROLES))
def test_apply__covers_what_it_has_not_seen(method: Any) -> None:
    policy = msgspec.structs.replace(ROLES[method], insensitive={"row": shoal.Insensitive()}, sensitive={})
    method = method.partition(",")[0]
    fitted = shoal.fit(FIRST, policy=msgspec.structs.replace(policy, insensitive={}), method=method)
    later = LATER.with_row_index("row")
    recoding = shoal.Recoding(of_policy(fitted, policy))
    released = recoding.apply(later, suppress=1.0)
    frame, report = released.frame, released.report
    assert 0 < report.suppressed_rows < later.height
    assert report.k >= 5
    assert shoal.verify(frame, policy).met
    # Every label covers the value of its row.
    both = frame.join(later, on="row", suffix=" was")
    if method == "mondrian":
        ages = both.select((pl.col("age") >= pl.col("age_lower")) & (pl.col("age") <= pl.col("age_upper")))
    else:
        ends = pl.col("age").shoal.bounds().struct
        ages = both.select((pl.col("age was") >= ends.field("lower")) & (pl.col("age was") <= ends.field("upper")))
    assert ages.to_series().all()
    stated = both.select(pl.col("zip").str.strip_chars_end("*"), "zip was")
    assert all(was.startswith(label) for label, was in stated.iter_rows())


def of_policy(recoding: shoal.Recoding, policy: shoal.Policy) -> Any:
    return replace(recoding._fitted, policy=policy)


def test_apply__refuses_to_leave_out_more_than_declared() -> None:
    recoding = shoal.fit(FIRST, EVERYDAY)
    with pytest.raises(shoal.PolicyNotMet, match="of the rows are in no class") as caught:
        recoding.apply(LATER, suppress=0.01)
    assert caught.value.nearest["suppress"] > 0.01
    with pytest.raises(shoal.PolicyError, match="share of rows"):
        recoding.apply(LATER, suppress=2)
    other = LATER.with_columns(pl.col("age").cast(pl.String))
    with pytest.raises(shoal.ColumnError, match="'age' is large_string here"):
        recoding.apply(other, suppress=1)


def test_apply__counts_units() -> None:
    visits = pl.DataFrame({"who": [f"p{i % 40}" for i in range(400)], "age": [20 + i % 40 // 4 for i in range(400)]})
    policy = shoal.Policy(
        k=4, unit="who", identifiers={"who": shoal.Identifier()}, quasi_identifiers={"age": shoal.QuasiIdentifier()}
    )
    recoding = shoal.fit(visits, policy)
    assert recoding.apply(visits, suppress=0).report.units == 40
    # Ten rows of one person are no class of four.
    with pytest.raises(shoal.PolicyNotMet):
        recoding.apply(visits.filter(pl.col("who") == "p1"), suppress=0.5)


def test_load__refuses_what_is_not_a_recoding(tmp_path: Path) -> None:
    path = tmp_path / "recoding.arrow"
    shoal.fit(FIRST, EVERYDAY).save(path)
    whole = path.read_bytes()
    with pa.OSFile(str(path)) as source:
        table = pa.ipc.open_file(source).read_all()
    facts = json.loads(table.schema.metadata[b"shoal.recoding"])
    for wrong in (whole[:100], b"", whole[:-2000]):
        path.write_bytes(wrong)
        with pytest.raises(shoal.InputError, match="cannot be read as a recoding"):
            shoal.Recoding.load(path)
    for change, message in (({"version": 9}, "version 9"), ({"digest": "0"}, "was changed")):
        changed = table.replace_schema_metadata({b"shoal.recoding": json.dumps(facts | change)})
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, changed.schema) as writer:
            writer.write_table(changed)
        with pytest.raises(shoal.InputError, match=message):
            shoal.Recoding.load(path)


def test_fit_and_apply__as_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    FIRST.write_parquet(tmp_path / "first.parquet")
    LATER.write_parquet(tmp_path / "later.parquet")
    (tmp_path / "policy.toml").write_text(EVERYDAY.to_toml())
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, "fit", "first.parquet", "-p", "policy.toml", "-o", "r.arrow") == 0
    code = run(
        monkeypatch,
        "apply",
        "r.arrow",
        "later.parquet",
        "o.parquet",
        "--suppress",
        ".9",
        "--certificate",
        "c.json",
    )
    assert code in (0, 4)
    assert shoal.verify("o.parquet", certificate="c.json").met
    shown = capsys.readouterr().out
    assert max(len(line) for line in shown.splitlines()) <= 80


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["shoal", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)

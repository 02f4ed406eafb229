import datetime as dt
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings

import shoal
from naive import releases
from naive.releases import Case, cases
from shoal.io import reading, writing


@pytest.mark.parametrize("kind", ["parquet", "csv", "tsv", "ipc"])
@given(case=cases(max_rows=20))
@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.too_slow])
def test_anonymize_file__the_file_holds_the_release(
    kind: str, tmp_path_factory: pytest.TempPathFactory, case: Case
) -> None:
    folder = tmp_path_factory.mktemp("out")
    policy = shoal.Policy.from_toml(case.policy.to_toml().replace('"shuffled"', '"sorted"'))
    try:
        expected = shoal.anonymize(case.frame, policy)
    except shoal.PolicyNotMet:
        with pytest.raises(shoal.PolicyNotMet):
            shoal.anonymize_file(case.frame, folder / f"out.{kind}", policy)
        assert list(folder.iterdir()) == []
        return
    report = shoal.anonymize_file(case.frame, folder / f"out.{kind}", policy, certificate=folder / "c.json")
    assert sorted(f.name for f in folder.iterdir()) == ["c.json", f"out.{kind}"]
    same = ("rows", "k", "equivalence_classes", "unique_rows", "suppressed_rows")
    assert all(getattr(report, name) == getattr(expected.report, name) for name in same)
    # Sums of shares may be added in another order.
    assert report.loss.ncp == pytest.approx(expected.report.loss.ncp)
    assert report.sensitive["disease"].t == pytest.approx(expected.report.sensitive["disease"].t)
    if kind not in ("csv", "tsv"):
        read = reading.scan(folder / f"out.{kind}").collect()
        assert read.rows() == expected.frame.rows()
    found = shoal.verify(folder / f"out.{kind}", policy)
    assert found.met, found
    assert found.assessment.k == report.k
    assert releases.misses(policy, expected.frame) == []


def test_scan__csv_codes_with_leading_zeros_stay_text(tmp_path: Path) -> None:
    lines = [f"{10000 + i},{i}" for i in range(20_000)] + ["02108,7"]
    (tmp_path / "in.csv").write_text("zip,n\n" + "\n".join(lines) + "\n")
    frame = reading.scan(tmp_path / "in.csv").collect()
    assert frame.schema == {"zip": pl.String, "n": pl.Int64}
    assert frame["zip"][-1] == "02108"


def test_scan__csv_types_hold_for_every_row_and_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y,z\n" + "1,1,1\n" * 20_000 + "1,1.5,1\n")
    (tmp_path / "b.csv").write_text("x,y,z\nlast,2,1.5\n")
    frame = reading.scan(tmp_path / "*.csv").collect()
    assert frame.schema == {"x": pl.String, "y": pl.Float64, "z": pl.Float64}
    assert frame.row(-1) == ("last", 2.0, 1.5)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_scan__finds_the_separator(separator: str, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(separator.join("abc") + "\n" + separator.join("123") + "\n")
    assert reading.scan(tmp_path / "in.csv").collect().rows() == [(1, 2, 3)]


@pytest.mark.parametrize("kind", ["parquet", "csv", "ipc"])
def test_scan__names_with_brackets_are_files_before_they_are_globs(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"in[1].{kind}"
    getattr(pl.DataFrame({"a": [1]}), f"write_{kind}")(path)
    getattr(pl.DataFrame({"a": [2]}), f"write_{kind}")(tmp_path / f"in1.{kind}")
    assert reading.scan(path).collect().rows() == [(1,)]


@pytest.mark.parametrize("kind", ["parquet", "csv", "ipc"])
def test_scan__folders_and_globs(kind: str, tmp_path: Path) -> None:
    for i in range(3):
        getattr(pl.DataFrame({"a": [i]}), f"write_{kind}")(tmp_path / f"part{i}.{kind}")
    (tmp_path / ".draft.part").write_text("")
    for source in (tmp_path, str(tmp_path / f"*.{kind}"), tmp_path / f"part[012].{kind}"):
        assert reading.scan(source).collect()["a"].to_list() == [0, 1, 2]


def test_scan__formats_do_not_mix(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1]}).write_csv(tmp_path / "in.csv")
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "in.parquet")
    with pytest.raises(shoal.InputError, match="one format"):
        reading.scan(tmp_path)


def test_anonymize_file__labels_that_csv_could_misread(tmp_path: Path) -> None:
    values = ["", "null", "NA", ' "quoted" ', "a,b", "01", "1", "2024-01-01", "true", "x\ny", None]
    people = pl.DataFrame({"a": values * 3, "row": range(33)})
    for kind in ("parquet", "csv", "ipc"):
        for names in (["a"], ["a", "row"]):
            roles = {n: shoal.QuasiIdentifier(hierarchy=shoal.Prefix() if n == "row" else None) for n in names}
            policy = shoal.Policy(k=3, quasi_identifiers={"a": roles["a"]})
            report = shoal.anonymize_file(people, tmp_path / f"out.{kind}", policy)
            assert report.equivalence_classes == len(values)


def test_anonymize_file__types_survive(tmp_path: Path) -> None:
    berlin = dt.datetime(2024, 3, 31, 5, tzinfo=dt.UTC)
    carried = {
        "d": [Decimal("1.50"), None],
        "t": [dt.time(1), None],
        "z": [berlin, None],
        "b": [True, None],
        "c": pl.Series(["x", None], dtype=pl.Categorical),
        "f": [1e-300, None],
    }
    people = pl.DataFrame({"a": [1, 1], **carried})
    policy = shoal.Policy.of(k=2, quasi_identifiers=["a"], insensitive=list(carried))
    for kind in ("parquet", "csv", "ipc"):
        shoal.anonymize_file(people, tmp_path / f"out.{kind}", policy)
        found = reading.scan(tmp_path / f"out.{kind}").collect()
        assert found.height == 2
        if kind != "csv":
            assert set(found.drop("a").rows()) == set(people.drop("a").rows())


def test_written_whole__keeps_what_was_there_when_the_block_fails(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("before")

    def interrupted() -> None:
        with writing.written_whole(path) as draft:
            draft.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
    with writing.written_whole(path) as draft:
        draft.write_text("after")
    assert path.read_text() == "after"
    assert list(tmp_path.iterdir()) == [path]

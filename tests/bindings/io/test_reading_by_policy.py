"""Files read for a policy: what roles ask for, what stayed text, and what verification makes of a release."""

import datetime as dt
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import shoal


def _write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_anonymize__says_what_stayed_text(tmp_path: Path) -> None:
    rows = "".join(f"{20 + i % 4},{250 + i % 3}.{i % 2}0\n" for i in range(24))
    source = _write(tmp_path / "in.csv", f"age,dx\n{rows}")
    policy = shoal.Policy.of(k=2, quasi_identifiers=["age"], sensitive=["dx"])
    found = [one for one in shoal.anonymize(source, policy).findings if one.code == "read-as-text"]
    assert [one.columns for one in found] == [("dx",)]
    assert "24 of its values" in found[0].text
    assert found[0].severity == "note"
    one = _write(tmp_path / "one.csv", f"age,dx\n{rows.replace('.00', '').replace('.10', '')}4e,250\n25,250\n")
    policy = shoal.Policy.of(k=2, quasi_identifiers=["age"], sensitive=["dx"], suppress=0.1)
    (note,) = [one for one in shoal.anonymize(one, policy).findings if one.code == "read-as-text"]
    # A count below k is not told.
    assert "fewer than 2 of its values" in note.text
    assert note.columns == ("age",)


def test_anonymize__a_role_that_needs_numbers_declares_them(tmp_path: Path) -> None:
    source = _write(
        tmp_path / "in.csv", "lat,day\n34.0500,2020-01-05\n34.0600,2020-01-06\n35.1000,2020-02-05\n35.2000,2020-02-06\n"
    )
    intervals = shoal.Intervals(width=[0.5], lower=34.0, upper=36.0)
    roles = {"lat": shoal.QuasiIdentifier(hierarchy=intervals), "day": shoal.QuasiIdentifier(output="bounds")}
    frame = shoal.anonymize(source, shoal.Policy(k=2, quasi_identifiers=roles)).frame
    assert set(frame["lat"]) == {"[34.0, 34.5)", "[35, 35.5)"}
    assert frame.schema["day_lower"] == pl.Date


def test_assess__reads_as_the_policy_declares(tmp_path: Path) -> None:
    source = _write(tmp_path / "in.csv", "a;b\n1.000;NA\n1000;-9\n01000;x\n")
    toml = "k = 2\n[quasi_identifier.a]\n[quasi_identifier.b]\n[file]\nnulls = ['NA', '-9']\n"
    text = shoal.Policy.from_toml(toml)
    assert shoal.assess(source, text).equivalence_classes == 3
    number = shoal.Policy.from_toml(toml + "[column.a]\ntype='integer'\nthousands_sign='.'\ndecimal_sign=','\n")
    assert shoal.assess(source, number).equivalence_classes == 2
    with pytest.raises(shoal.ColumnError, match=r"'aa'.*did you mean 'a'"):
        shoal.assess(source, shoal.Policy.from_toml(toml + "[column.aa]\ntype='text'\n"))


@pytest.mark.parametrize(
    "codes",
    [
        ["1E3", "1E3", "1000", "1000.0"],
        ["01.5", "1.5", "001.50", "1.5"],
        ["2024-01-05", "2024-01-05T00:00:00", "2024-01-05 00:00:00", "2024-01-05"],
        ["true", "True", "true", "TRUE"],
        ["1", "1.0", "1", "01"],
        ["10:00", "10:00:00", "10:00", "10:00:00.000"],
        [" a", "a", " a", "a "],
    ],
)
def test_verify__labels_of_a_file_are_text(codes: list[str], tmp_path: Path) -> None:
    released = _write(tmp_path / "out.csv", "code,x\n" + "".join(f"{code},{i}\n" for i, code in enumerate(codes)))
    policy = shoal.Policy.of(k=2, quasi_identifiers=["code"], insensitive=["x"])
    found = shoal.verify(released, policy)
    assert found.assessment.k == 1
    assert found.assessment.equivalence_classes == len(set(codes))
    assert not found.met


_N = 40
_PEOPLE = pl.DataFrame(
    {
        "age": [20 + i % 9 for i in range(_N)],
        "born": [dt.date(1958, 1, 1) + dt.timedelta(37 * i) for i in range(_N)],
        "seen": [dt.datetime(2024, 1, 1, 8) + dt.timedelta(hours=7 * i) for i in range(_N)],
        "at": [dt.time(i % 24, 7 * i % 60) for i in range(_N)],
        "pay": pl.Series([f"{i % 7}.{i % 10}5" for i in range(_N)]).cast(pl.Decimal(10, 2)),
        "score": [i / 8 for i in range(_N)],
        "member": [i % 3 == 0 for i in range(_N)],
        "code": [f"0{i % 5}" for i in range(_N)],
        "dx": ["abc"[i % 3] for i in range(_N)],
        "n": [i % 4 for i in range(_N)],
    }
)


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet", "arrow"])
@pytest.mark.parametrize("output", ["label", "bounds", "bands", "center", "mean"])
def test_verify__confirms_what_anonymize_wrote(output: Any, suffix: str, tmp_path: Path) -> None:
    able = {
        "label": ["age", "born", "seen", "pay", "score", "member", "code"],
        "bounds": ["age", "born", "seen", "pay", "score"],
        "bands": ["age", "born", "seen", "pay", "score"],
        "center": ["age", "born", "seen", "pay", "score"],
        "mean": ["age", "pay", "score"],
    }
    roles = {name: shoal.QuasiIdentifier(output=output) for name in able[output]}
    closeness = shoal.Closeness(t=0.9, distance="ordered")
    sensitive = {"dx": shoal.Sensitive(l=2), "n": shoal.Sensitive(models=[closeness])}
    policy = shoal.Policy(k=4, quasi_identifiers=roles, sensitive=sensitive)
    path, paper = tmp_path / f"out.{suffix}", tmp_path / "paper.json"
    report = shoal.anonymize_file(_PEOPLE, path, policy, certificate=paper)
    found = shoal.verify(path, policy, certificate=paper)
    assert found.broken == ()
    assert (found.assessment.k, found.assessment.equivalence_classes) == (report.k, report.equivalence_classes)
    assert found.assessment.sensitive["n"].closeness == report.sensitive["n"].closeness


def test_verify__a_declared_column_is_released_in_iso(tmp_path: Path) -> None:
    rows = "".join(f"{20 + i % 2},{1 + i % 5:02}.03.58\n" for i in range(20))
    source = _write(tmp_path / "in.csv", f"age,onset\n{rows}")
    onset = shoal.ColumnFormat(type="date", format="%d.%m.%y", pivot=1930)
    closeness = shoal.Closeness(t=0.9, distance="ordered")
    policy = shoal.Policy(
        k=4,
        quasi_identifiers={"age": shoal.QuasiIdentifier()},
        sensitive={"onset": shoal.Sensitive(models=[closeness])},
        column={"onset": onset},
    )
    report = shoal.anonymize_file(source, tmp_path / "out.csv", policy)
    assert "1958-03-01" in (tmp_path / "out.csv").read_text()
    found = shoal.verify(tmp_path / "out.csv", policy)
    assert found.met
    assert found.assessment.sensitive["onset"].closeness == report.sensitive["onset"].closeness


def test_verify__a_certificate_is_of_one_table_and_policy(tmp_path: Path) -> None:
    policy = shoal.Policy.of(k=4, quasi_identifiers=["age"])
    path, paper = tmp_path / "out.csv", tmp_path / "paper.json"
    shoal.anonymize_file(_PEOPLE, path, policy, certificate=paper)
    other = shoal.Policy.of(k=3, quasi_identifiers=["age"])
    assert any("another policy" in one for one in shoal.verify(path, other, certificate=paper).broken)
    path.write_text(path.read_text() + path.read_text().splitlines()[1] + "\n")
    assert any("digest differs" in one for one in shoal.verify(path, policy, certificate=paper).broken)
    assert shoal.verify(path, policy).met
    paper.write_text("{}")
    with pytest.raises(shoal.InputError, match="not a certificate"):
        shoal.verify(path, policy, certificate=paper)


def test_verify__a_certificate_of_a_frame() -> None:
    policy = shoal.Policy.of(k=4, quasi_identifiers=["age"])
    made = shoal.anonymize(_PEOPLE, policy)
    paper = made.certificate()
    assert shoal.verify(made.frame, policy, certificate=paper).met
    assert not shoal.verify(made.frame.reverse().vstack(made.frame), policy, certificate=paper).met


def test_verify__a_population_of_dates_against_bounds_of_a_file(tmp_path: Path) -> None:
    policy = shoal.Policy(
        k=2,
        models=[shoal.KMap(k=4)],
        quasi_identifiers={"born": shoal.QuasiIdentifier(output="bounds")},
    )
    sample = _PEOPLE.select("born").gather_every(2)
    shoal.anonymize_file(sample, tmp_path / "out.csv", policy, population=_PEOPLE.select("born"))
    assert shoal.verify(tmp_path / "out.csv", policy, population=_PEOPLE.select("born")).met


def test_anonymize__writes_to_standard_output_after_verification(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from shoal_cli.commands import cli

    text = "age,dx\n" + "".join(f"{20 + i % 4},{'ab'[i % 2]}\n" for i in range(16))
    asked = ["anonymize", "-", "-", "-k", "2", "-q", "age"]
    result = CliRunner().invoke(cli, asked, input=text.encode(), standalone_mode=False)
    assert result.exception is None
    lines = result.stdout.splitlines()
    assert lines[0] == "age"
    assert len(lines) == 17
    assert "k = 2 is met" in result.stderr
    refused = CliRunner().invoke(cli, ["anonymize", "-", "-", "-k", "99", "-q", "age"], input=text.encode())
    assert refused.exit_code != 0
    assert refused.stdout == ""


def test_anonymize__values_that_look_alike_are_found(tmp_path: Path) -> None:
    rows = "".join(f"{30 + i % 3},{dx}\n" for i, dx in enumerate(["HIV", "HIV ", "flu", "cold", "hiv", "flu"] * 2))
    source = _write(tmp_path / "in.csv", f"age,dx\n{rows}")
    policy = shoal.Policy.of(k=2, quasi_identifiers=["age"], sensitive=["dx"], l=2)
    (found,) = [one for one in shoal.anonymize(source, policy).findings if one.code == "look-alike-values"]
    assert found.share == pytest.approx(0.5)
    unbound = shoal.Policy.of(k=2, quasi_identifiers=["age"], sensitive=["dx"])
    assert "look-alike-values" not in {one.code for one in shoal.anonymize(source, unbound).findings}

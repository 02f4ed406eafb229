"""Pseudonyms of one unit do not join its rows into something that few share."""

import hashlib
import hmac
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOAL_KEY", KEY)


def policy_of(link: Any = None, *, k: int = 2, unit: str = "pid", **fields: Any) -> shoal.Policy:
    return shoal.Policy(
        **{
            "k": k,
            "unit": unit,
            "order": "sorted",
            "identifiers": {"pid": shoal.Identifier(action="pseudonym", key_env="SHOAL_KEY", link=link)},
            "quasi_identifiers": {"age": shoal.QuasiIdentifier()},
        }
        | fields
    )


def visits(rows: list[tuple[str, int]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"pid": pl.String, "age": pl.Int64}, orient="row")


SPREAD = visits([("a", 20), ("b", 20), ("c", 20), ("a", 80), ("d", 80), ("e", 80)])
"""`a` alone has rows in both classes."""


def test_anonymize__pseudonyms_differ_from_class_to_class() -> None:
    release = shoal.anonymize(SPREAD, policy_of()).frame
    assert release.height == 6
    assert release["pid"].n_unique() == 6
    assert shoal.anonymize(SPREAD, policy_of()).frame.equals(release)


def test_anonymize__pseudonyms_join_the_rows_of_a_class() -> None:
    table = visits([("a", 20), ("a", 20), ("b", 20), ("c", 80), ("d", 80)])
    release = shoal.anonymize(table, policy_of()).frame
    assert sorted(release.group_by("age", "pid").len()["len"]) == [1, 1, 1, 2]


def test_anonymize__pseudonym_of_a_class_is_an_hmac_under_the_key_of_the_class() -> None:
    release = shoal.anonymize(SPREAD, policy_of()).frame
    for age in ("20", "80"):
        of_class = hmac.digest(KEY.encode(), json.dumps([age]).encode(), "sha512")
        expected = hmac.new(of_class, b"a", hashlib.sha256).hexdigest()[:32]
        assert expected in release.filter(age=age)["pid"].to_list()


def test_anonymize__a_shared_link_is_refused_where_few_share_the_joined_rows(tmp_path: Path) -> None:
    for ask in (
        lambda: shoal.anonymize(SPREAD, policy_of("table")),
        lambda: shoal.anonymize_file(SPREAD, tmp_path / "out.csv", policy_of("table")),
    ):
        with pytest.raises(shoal.PolicyNotMet, match="link = 'class'") as caught:
            ask()
        assert caught.value.nearest == {"link": "class"}
    assert not list(tmp_path.iterdir())


def test_anonymize__a_shared_link_stands_where_enough_share_the_joined_rows() -> None:
    table = visits([(name, age) for name in "abc" for age in (20, 80)])
    release = shoal.anonymize(table, policy_of("table"))
    assert release.frame["pid"].n_unique() == 3
    assert shoal.verify(release.frame, policy_of("table")).met
    assert shoal.verify(release.frame, policy_of("table")).assessment.units == 3


def test_anonymize__how_many_rows_a_class_holds_of_somebody_counts_too() -> None:
    table = visits([("a", 20), ("a", 20), ("b", 20), ("c", 20)])
    assert shoal.anonymize(table, policy_of("class")).report.k == 3
    with pytest.raises(shoal.PolicyNotMet):
        shoal.anonymize(table, policy_of("table"))


def test_anonymize__joined_rows_hold_the_models_too() -> None:
    rows = [("a", 20, "x"), ("b", 20, "x"), ("c", 20, "y"), ("d", 20, "y"), ("a", 80, "x"), ("b", 80, "y")]
    rows += [("c", 50, "x"), ("d", 50, "y")]
    table = pl.DataFrame(rows, schema={"pid": pl.String, "age": pl.Int64, "dx": pl.String}, orient="row")
    levels = {"age": shoal.QuasiIdentifier(hierarchy=shoal.Intervals(width=[1], lower=0, upper=100))}
    how = {"quasi_identifiers": levels, "full_domain": shoal.FullDomain(levels={"age": 0})}
    bound = how | {"sensitive": {"dx": shoal.Sensitive(l=2)}}
    assert shoal.anonymize(table, policy_of("table", **how), method="full-domain").report.k == 2
    assert shoal.anonymize(table, policy_of("class", **bound), method="full-domain").report.k == 2
    with pytest.raises(shoal.PolicyNotMet):
        shoal.anonymize(table, policy_of("table", **bound), method="full-domain")


def test_verify__finds_joined_rows_that_few_share() -> None:
    released = pl.DataFrame({"pid": list("abcade"), "age": ["20"] * 3 + ["80"] * 3})
    broken = shoal.verify(released, policy_of("table")).broken
    assert broken == ("rows joined by the pseudonym 'pid' show a combination of classes that fewer than k = 2 share",)


@given(
    rows=st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 3)), min_size=4, max_size=24),
    method=st.sampled_from(["tight", "mondrian", "mondrian-relaxed"]),
)
@settings(deadline=None, max_examples=60)
def test_anonymize__joined_rows_are_shared_by_k(rows: list[tuple[str, int]], method: Any) -> None:
    table = visits(rows)
    try:
        release = shoal.anonymize(table, policy_of("table"), method=method).frame
    except shoal.PolicyNotMet:
        return
    traces: dict[Any, list[str]] = defaultdict(list)
    for name in release["pid"].unique():
        traces[tuple(sorted(release.filter(pid=name)["age"]))].append(name)
    assert min(map(len, traces.values())) >= 2


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".arrow"])
def test_verify__counts_pseudonyms(tmp_path: Path, suffix: str) -> None:
    table = visits([(f"p{n % 7}", 20 + n % 5) for n in range(40)])
    policy = policy_of(k=3)
    report = shoal.anonymize_file(table, tmp_path / f"out{suffix}", policy)
    found = shoal.verify(tmp_path / f"out{suffix}", policy)
    assert found.met
    assert found.assessment.k == report.k >= 3
    assert found.assessment.unit == "pid"
    assert [finding.code for finding in found.findings] == []
    few = pl.DataFrame({"pid": ["a", "a", "b"], "age": ["1", "1", "1"]})
    assert shoal.verify(few, policy).broken == ("a class has fewer than k = 3 units of 'pid'",)


def test_verify__says_that_units_are_not_there(tmp_path: Path) -> None:
    table = visits([(f"p{n % 7}", 20 + n % 5) for n in range(40)])
    policy = policy_of(k=3, identifiers={"pid": shoal.Identifier()})
    report = shoal.anonymize_file(table, tmp_path / "out.parquet", policy)
    assert report.unit == "pid"
    found = shoal.verify(tmp_path / "out.parquet", policy)
    assert found.met
    assert found.assessment.unit == ""
    assert [finding.code for finding in found.open_findings] == ["units-not-counted"]


def test_findings__an_identifier_that_repeats_without_a_unit() -> None:
    dropped = policy_of(unit="", identifiers={"pid": shoal.Identifier()})
    found = shoal.anonymize(SPREAD, dropped).findings
    assert [(f.code, f.severity, f.columns) for f in found] == [("repeated-identifier", "medium", ("pid",))]
    assert found[0].share == pytest.approx(2 / 6)
    joined = shoal.anonymize(SPREAD, policy_of(unit="")).findings
    assert [(f.code, f.severity) for f in joined] == [("repeated-identifier", "high")]
    released = shoal.anonymize(SPREAD, policy_of(unit="")).frame
    assert released["pid"].n_unique() == 5
    assert [f.code for f in shoal.verify(released, policy_of(unit="")).findings] == ["repeated-identifier"]
    once = visits([(f"{n}", 20) for n in range(4)])
    assert shoal.anonymize(once, policy_of(unit="")).findings == ()
    assert shoal.anonymize(SPREAD, policy_of()).findings == ()


def test_policy__a_dropped_identifier_links_nothing() -> None:
    with pytest.raises(shoal.PolicyError, match="links no rows"):
        shoal.Identifier(link="table")

"""What a release does not protect is stated by whoever makes it, and by whoever verifies it alike."""

import json
import pickle
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import shoal
from benches import adult
from shoal_engine.anonymity.policy.hierarchies import Prefix
from shoal_engine.anonymity.policy.methods import METHODS

K = 4


@pytest.fixture(scope="module")
def people() -> pl.DataFrame:
    """Return people whose harbor is given twice, whose birth date gives their age, and whose cost is their own."""
    draw = np.random.default_rng(11)
    n = 400
    town = draw.choice(["Arles", "Brest", "Calais"], n, p=[0.6, 0.3, 0.1])
    days = draw.integers(0, 365 * 60, n)
    born = [date(1930, 1, 1) + timedelta(int(day)) for day in days]
    return pl.DataFrame(
        {
            "town": town,
            "harbor": [name[0] for name in town],
            "age": [2000 - day.year for day in born],
            "born": born,
            "sex": draw.choice(["f", "m"], n),
            "room": draw.integers(1, 5, n),
            "cost": draw.permutation(n) / 100,
            "dx": draw.choice(["x", "y", "z"], n),
        }
    )


def of_code(findings: Any, code: str) -> list[shoal.Finding]:
    return [finding for finding in findings if finding.code == code]


def unique_share(frame: pl.DataFrame, columns: list[str]) -> float:
    return frame.select(pl.struct(columns).is_unique().mean()).item()


@pytest.mark.parametrize("method", METHODS)
def test_release_and_verification__state_the_same(people: pl.DataFrame, method: Any) -> None:
    quasi = {"age": shoal.QuasiIdentifier(hierarchy=shoal.Intervals(width=[10, 30], lower=0, upper=90))}
    quasi["sex"] = shoal.QuasiIdentifier(hierarchy=Prefix())
    policy = shoal.Policy(
        k=K,
        suppress=0.1,
        quasi_identifiers=quasi,
        insensitive={"cost": shoal.Insensitive(), "room": shoal.Insensitive()},
        sensitive={"dx": shoal.Sensitive()},
    )
    release = shoal.anonymize(people, policy, method=method)
    assert of_code(release.findings, "kept-unique")[0].share == 1.0
    assert of_code(release.findings, "kept-unique")[0].columns == ("cost", "room")
    assert shoal.verify(release.frame, policy).findings == release.findings
    assert release.open_findings == release.findings
    single = release.frame.filter(pl.col("dx").n_unique().over("age", "sex") == 1).height / release.frame.height
    assert [f.share for f in of_code(release.findings, "one-sensitive-value")] == ([single] if single else [])


def test_kept_unique_with_quasi_identifiers(people: pl.DataFrame) -> None:
    policy = shoal.Policy.of(k=K, quasi_identifiers=["age", "sex"], insensitive=["room"])
    release = shoal.anonymize(people, policy)
    share = unique_share(release.frame, ["age", "sex", "room"])
    assert share > 0
    assert [(f.code, f.share) for f in release.findings] == [
        ("kept-unique-with-quasi-identifiers", pytest.approx(share))
    ]


def test_suppressed_rows__do_not_count() -> None:
    people = pl.DataFrame({"zip": ["10"] * 8 + ["99"], "note": ["a"] * 8 + ["unique"]})
    quasi = {"zip": shoal.QuasiIdentifier(hierarchy=Prefix())}
    policy = shoal.Policy(k=4, suppress=0.2, quasi_identifiers=quasi, insensitive={"note": shoal.Insensitive()})
    release = shoal.anonymize(people, policy)
    assert release.report.suppressed_rows == 1
    assert release.findings == ()


@pytest.mark.parametrize("suffix", ["parquet", "csv", "ipc"])
@pytest.mark.parametrize("lazy", [False, True])
def test_files__state_what_frames_do(people: pl.DataFrame, tmp_path: Path, suffix: str, lazy: bool) -> None:  # noqa: FBT001
    policy = shoal.Policy.of(k=K, quasi_identifiers=["age", "sex"], insensitive=["cost", "room"], sensitive=["dx"])
    output = tmp_path / f"out.{suffix}"
    report = shoal.anonymize_file(people.lazy() if lazy else people, output, policy, certificate=tmp_path / "c.json")
    assert len(of_code(report.findings, "kept-unique")) == 1
    assert shoal.verify(output, policy).findings == report.findings
    document = json.loads((tmp_path / "c.json").read_text())
    assert [finding["code"] for finding in document["findings"]] == [finding.code for finding in report.findings]
    assert document["findings"] == document["figures"]["findings"]


KEPT = {
    "float": [1.5, None, -2.5, 2.5],
    "decimal": [Decimal("1.50"), None, Decimal("2.50"), Decimal("3.50")],
    "date": [date(2020, 1, 1), date(2020, 1, 2), None, date(2020, 1, 3)],
    "text": ["a", "b", None, "c"],
    "boolean": [True, False, None, True],
    "list": [[1], [1, 2], [], None],
    "struct": [{"a": 1, "b": "x"}, {"a": 2, "b": "x"}, {"a": None, "b": None}, {"a": 1, "b": "y"}],
    "list of structs": [[{"a": 1}], [{"a": 2}], [], [{"a": None}]],
    "duration": [timedelta(1), timedelta(2), None, timedelta(3)],
}


@pytest.mark.parametrize("values", KEPT.values(), ids=KEPT)
def test_kept_columns__of_any_type(values: list[Any]) -> None:
    people = pl.DataFrame({"age": [1, 2, 3, 4] * 2, "kept": values + values[:1] * 4}, strict=False)
    policy = shoal.Policy.of(k=4, quasi_identifiers=["age"], insensitive=["kept"])
    release = shoal.anonymize(people, policy)
    distinct = len({repr(value) for value in values[1:] if value != values[0]})
    (found,) = of_code(release.findings, "kept-unique")
    assert found.share == distinct / 8
    assert json.loads(json.dumps(release.certificate()))["findings"]


def test_kept_columns__of_categories() -> None:
    people = pl.DataFrame({"age": [1] * 4, "kept": pl.Series(["a", "b", "b", None], dtype=pl.Categorical)})
    release = shoal.anonymize(people, shoal.Policy.of(k=4, quasi_identifiers=["age"], insensitive=["kept"]))
    assert of_code(release.findings, "kept-unique")[0].share == 0.5


def test_kept_columns__none() -> None:
    people = pl.DataFrame({"age": [1, 1, 2, 2]})
    assert shoal.anonymize(people, shoal.Policy.of(k=2, quasi_identifiers=["age"])).findings == ()


def determined(people: pl.DataFrame, quasi: list[str], **roles: list[str]) -> dict[tuple[str, ...], shoal.Finding]:
    release = shoal.anonymize(people, shoal.Policy.of(k=K, quasi_identifiers=quasi, **roles))
    return {f.columns: f for f in of_code(release.findings, "kept-determines-quasi-identifier")}


def test_determines__copies(people: pl.DataFrame) -> None:
    rare = people.with_columns(town=pl.when(pl.int_range(pl.len()) < 2).then(pl.lit("Dax")).otherwise("town"))
    rare = rare.with_columns(harbor=pl.col("town").str.head(1))
    found = determined(rare, ["town", "sex"], insensitive=["harbor", "room"])
    assert set(found) == {("harbor", "town")}
    assert found["harbor", "town"].severity == "high"
    assert found["harbor", "town"].share == 1.0


def test_determines__what_is_released_exactly_is_but_a_note(people: pl.DataFrame) -> None:
    found = determined(people, ["town"], insensitive=["harbor"])
    assert found["harbor", "town"].severity == "note"


def test_determines__birth_date_beside_age_and_age_beside_birth_date(people: pl.DataFrame) -> None:
    assert set(determined(people, ["age", "sex"], insensitive=["born", "cost"])) == {("born", "age")}
    assert set(determined(people, ["born", "sex"], insensitive=["age", "cost"])) == {("age", "born")}


def test_determines__a_refinement_and_what_follows() -> None:
    draw = np.random.default_rng(2)
    chiefdom = draw.integers(0, 12, 300)
    people = pl.DataFrame(
        {"chiefdom": [f"c{c}" for c in chiefdom], "district": [f"d{c // 4}" for c in chiefdom], "age": [*range(300)]}
    )
    assert determined(people, ["district", "age"], insensitive=["chiefdom"]).keys() == {("chiefdom", "district")}
    narrowing = determined(people, ["chiefdom", "age"], insensitive=["district"])["district", "chiefdom"]
    assert narrowing.severity in ("medium", "note")
    assert "follows from" in narrowing.text


def test_determines__of_sensitive_columns_only_what_states_a_quasi_identifier(people: pl.DataFrame) -> None:
    assert set(determined(people, ["town", "age"], sensitive=["harbor"])) == {("harbor", "town")}
    assert determined(people, ["born", "sex"], sensitive=["dx", "room"]) == {}


def test_determines__does_not_depend_on_the_order_of_rows(people: pl.DataFrame) -> None:
    first = determined(people, ["age", "town"], insensitive=["born", "harbor"])
    assert determined(people.reverse(), ["age", "town"], insensitive=["born", "harbor"]) == first


def test_determines__sets_that_are_released() -> None:
    draw = np.random.default_rng(3)
    town = draw.integers(0, 60, 200)
    columns = {"town": [f"t{t}" for t in town], "drugs": [[f"d{t}"] for t in town], "age": draw.integers(20, 60, 200)}
    quasi = {"town": shoal.QuasiIdentifier(), "age": shoal.QuasiIdentifier()}
    policy = shoal.Policy(k=3, quasi_identifiers=quasi, set_valued={"drugs": shoal.SetValued(m=1, k=2)})
    release = shoal.anonymize(pl.DataFrame(columns), policy)
    assert [f.columns for f in of_code(release.findings, "kept-determines-quasi-identifier")] == [("drugs", "town")]


def test_verify__states_from_the_release_alone_what_narrows_its_labels(people: pl.DataFrame) -> None:
    policy = shoal.Policy.of(k=40, quasi_identifiers=["age", "sex", "dx"], insensitive=["born", "room"])
    release = shoal.anonymize(people, policy)
    found = of_code(shoal.verify(release.frame, policy).findings, "kept-determines-quasi-identifier")
    assert [finding.columns for finding in found] == [("born", "age")]
    assert [f.columns for f in of_code(release.findings, found[0].code)] == [("born", "age")]
    bounds = {"age": shoal.QuasiIdentifier(output="bounds"), "sex": shoal.QuasiIdentifier()}
    policy = shoal.Policy(k=40, quasi_identifiers=bounds, insensitive={"born": shoal.Insensitive()})
    found = of_code(
        shoal.verify(shoal.anonymize(people, policy).frame, policy).findings, "kept-determines-quasi-identifier"
    )
    assert [finding.columns for finding in found] == [("born", "age")]


def test_assess__states_what_no_release_changes(people: pl.DataFrame) -> None:
    policy = shoal.Policy.of(k=K, quasi_identifiers=["age"], insensitive=["cost"], sensitive=["dx"])
    assert [(f.code, f.share) for f in shoal.assess(people, policy).findings] == [("kept-unique", 1.0)]


def test_accept__is_carried_with_its_reason(people: pl.DataFrame) -> None:
    policy = shoal.Policy(
        k=K,
        quasi_identifiers={"age": shoal.QuasiIdentifier()},
        insensitive={"cost": shoal.Insensitive()},
        accept={"kept-unique": "costs are drawn at random"},
    )
    release = shoal.anonymize(people, policy)
    (accepted,) = of_code(release.findings, "kept-unique")
    assert accepted.accepted == "costs are drawn at random"
    assert accepted not in release.open_findings
    assert len(release.open_findings) == len(release.findings) - 1
    assert release.certificate()["findings"][release.findings.index(accepted)]["accepted"] == accepted.accepted
    assert shoal.verify(release.frame, policy).open_findings == release.open_findings


def test_repr__mentions_the_findings(people: pl.DataFrame) -> None:
    release = shoal.anonymize(people, shoal.Policy.of(k=K, quasi_identifiers=["age"], insensitive=["cost"]))
    assert f"findings={len(release.findings)}" in repr(release)
    html = release._repr_html_()
    assert f"{len(release.findings)} findings" in html
    assert "kept column cost" in html


@pytest.mark.shared
@pytest.mark.skipif(not adult.present(), reason=adult.MISSING)
def test_one_sensitive_value__on_adult() -> None:
    """Known: about 36 % of rows lie in classes with one salary class, at k = 10 with all else quasi-identifying."""
    quasi = [name for name in adult.read().columns if name != adult.SENSITIVE]
    release = shoal.anonymize(adult.read(), shoal.Policy.of(k=10, quasi_identifiers=quasi, sensitive=[adult.SENSITIVE]))
    counted = release.frame.select((pl.col(adult.SENSITIVE).n_unique().over(quasi) == 1).mean()).item()
    (found,) = release.findings
    assert (found.code, found.share) == ("one-sensitive-value", pytest.approx(counted))
    assert 0.33 < counted < 0.39


# Undecided columns.

UNDECIDED = shoal.Policy.from_toml(
    'k = 4\n[quasi_identifier.age]\n[undecided.cost]\nproposal = "quasi_identifier"\n'
    "[undecided.visits]\n[undecided.gone]"
)


def with_visits(people: pl.DataFrame) -> pl.DataFrame:
    return people.with_columns(visits=pl.concat_list("room", "sex"))


@pytest.mark.parametrize(
    "release",
    [
        lambda frame, folder: shoal.anonymize(frame, UNDECIDED),
        lambda frame, folder: shoal.anonymize(frame.lazy(), UNDECIDED, method="full-domain"),
        lambda frame, folder: frame.shoal.anonymize(UNDECIDED),
        lambda frame, folder: shoal.anonymize_file(frame, folder / "out.parquet", UNDECIDED),
        lambda frame, folder: shoal.verify(frame, UNDECIDED),
        lambda frame, folder: frame.lazy().shoal.verify(UNDECIDED),
    ],
)
def test_undecided__nothing_is_released(people: pl.DataFrame, tmp_path: Path, release: Any) -> None:
    with pytest.raises(shoal.UndecidedColumns, match="3 columns are undecided") as caught:
        release(with_visits(people), tmp_path)
    assert list(tmp_path.iterdir()) == []
    cost, visits, gone = caught.value.columns
    assert (cost.name, cost.distinct, cost.separation, cost.proposal) == ("cost", 1.0, 1.0, "quasi_identifier")
    assert visits.distinct == with_visits(people)["visits"].n_unique() / people.height
    assert not gone.present
    message = str(caught.value)
    assert "cost: 100 % of values distinct, 100 % of row pairs told apart; proposed: quasi_identifier" in message
    assert "gone: not in this table" in message
    assert "[quasi_identifier.COLUMN]" in message


def test_undecided__separation_is_of_row_pairs() -> None:
    frame = pl.DataFrame({"age": [1] * 4, "x": ["a", "a", None, None]})
    with pytest.raises(shoal.UndecidedColumns) as caught:
        shoal.anonymize(frame, shoal.Policy.from_toml("k = 2\n[quasi_identifier.age]\n[undecided.x]"))
    (seen,) = caught.value.columns
    assert (seen.distinct, seen.separation) == (0.5, pytest.approx(1 - 2 / 6))


def test_undecided__values_without_place_in_arrow_and_no_rows() -> None:
    policy = shoal.Policy.from_toml("k = 2\n[undecided.x]\n[undecided.y]")
    frame = pl.DataFrame({"x": [1, 2], "y": [1, 1]}, schema={"x": pl.Int128, "y": pl.Int64})
    with pytest.raises(shoal.UndecidedColumns, match="x: its values cannot be compared"):
        shoal.anonymize(frame, policy)
    with pytest.raises(shoal.UndecidedColumns):
        shoal.anonymize(frame.clear(), policy)


def test_undecided__is_a_policy_error_that_can_be_pickled(people: pl.DataFrame) -> None:
    with pytest.raises(shoal.PolicyError) as caught:
        shoal.anonymize(people, UNDECIDED)
    assert isinstance(caught.value, shoal.UndecidedColumns)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.columns, str(again)) == (caught.value.columns, str(caught.value))


def test_undecided__measuring_is_no_release(people: pl.DataFrame) -> None:
    policy = shoal.Policy.from_toml("k = 4\n[quasi_identifier.age]\n[undecided.cost]")
    assert shoal.assess(people, policy).rows == people.height
    assert shoal.risk(people, policy).rows == people.height
    with pytest.raises(shoal.PolicyError, match="no quasi-identifier"):
        shoal.assess(people, shoal.Policy.from_toml("k = 4\n[undecided.age]"))

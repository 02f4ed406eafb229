"""Safe Harbor findings: what must be found, what must not, and that no value is shown."""

from datetime import date, datetime
from typing import Any

import polars as pl
import pytest

import shoal
from shoal.profile.safe_harbor import BY_SHAPE, RESTRICTED_ZIP3
from shoal.profile.shapes import SHAPES


@pytest.mark.parametrize(
    ("name", "values", "paragraph", "share"),
    [
        ("seen", [date(2020, 3, 1), date(2021, 1, 1)], "(C)", 1.0),
        ("seen", [datetime(2020, 1, 1, 0, 0), datetime(2020, 2, 1, 9, 30)], "(C)", 1.0),
        ("seen", ["2020-03-01", "2021-01-05"], "(C)", 1.0),
        ("age", [30, 89, 90, None], "(C)", 1 / 3),
        ("age", ["90+", "91+"], "(C)", 0.5),
        ("zip", ["021", "02138"], "(B)", 0.5),
        ("zip", ["021", "036", "893", "100"], "(B)", 0.5),
        ("zip", [2138, 60601], "(B)", 1.0),
        ("zip", [36, 606], "(B)", 0.5),
        ("contact", ["a@b.org", "none", None], "(F)", 0.5),
        ("note", ["write to a@b.org today", "nothing"], "(F)", 0.5),
        ("x", ["123-45-6789", "987-65-4321"], "(G)", 1.0),
        ("x", ["10.0.0.1"], "(O)", 1.0),
        ("x", ["https://example.org/a", "www.example.org"], "(N)", 1.0),
        ("x", ["+1 617 555 0100"], "(D)/(E)", 1.0),
        ("mrn", [1, 2, 3], "(H)", None),
        ("fax", [1, 2, 3], "(E)", None),
        ("last_name", ["b", "a"], "(A)", None),
    ],
)
def test_safe_harbor__finds(name: str, values: list[Any], paragraph: str, share: float | None) -> None:
    found = shoal.safe_harbor(pl.DataFrame({name: values}))
    row = found.filter(paragraph=paragraph).row(0, named=True)
    assert row["column"] == name
    assert row["share"] == (share if share is None else pytest.approx(share))
    told = " ".join(str(cell) for line in found.select("identifier", "evidence").rows() for cell in line)
    assert not any(str(value) in told.split() for value in values if isinstance(value, str))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("year", [date(2020, 1, 1), date(2021, 1, 1)]),
        ("age", [1, 50, 89]),
        ("age", ["89", "90+", "90 or older"]),
        ("zip", ["021", "606", None]),
        ("cost", [1.5, 200.0]),
        ("sex", ["f", "m"]),
        ("nothing", [None, None]),
        ("units", [12345, 54321]),
    ],
)
def test_safe_harbor__finds_nothing(name: str, values: list[Any]) -> None:
    assert shoal.safe_harbor(pl.DataFrame({name: values})).is_empty()


def test_safe_harbor__dates_are_no_telephone_numbers() -> None:
    found = shoal.safe_harbor(
        pl.DataFrame({"seen": ["2020-03-01", "2021-01-05"], "then": ["12.03.2020", "13.03.2020"]})
    )
    assert found["paragraph"].to_list() == ["(C)", "(C)"]


def test_restricted_zips__are_the_17_of_the_guidance() -> None:
    assert len(set(RESTRICTED_ZIP3)) == 17
    assert all(len(zip3) == 3 and zip3.isdigit() for zip3 in RESTRICTED_ZIP3)


def test_rules__read_shapes_that_there_are() -> None:
    assert set(BY_SHAPE) <= set(SHAPES)


@pytest.mark.parametrize(
    ("name", "values", "share"),
    [
        ("age", ["[92, 104]", "[30, 34]"], 0.5),
        ("age", ["{92, 94}", "{30, 34}", "*"], 1 / 3),
        ("age", ["[85, 90)", "[90, 120)"], None),
        ("age", ["[90, 95)", "[95, 100)"], 1.0),
        ("age", ["[40, 45)", "[85, 89]"], None),
        ("age", ["[85, 90]"], 1.0),
        ("age", [">=90", "≥90", ">89", "89.5"], 0.25),
        ("age_lower", [30, 92], 0.5),
        ("age_upper", ["34", "104"], 0.5),
        ("Alter", ["[88, 93]"], 1.0),
        ("admitted", ["[2019-01-05, 2019-01-06]", "*"], 0.5),
        ("admitted", ["{2019-01-05, 2019-03-06}"], 1.0),
        ("admitted", ["[05.01.2019, 06.01.2019]"], 1.0),
        ("admitted", ["[2019-01-05T10:00:00, 2019-01-06T11:30:00]"], 1.0),
        ("admitted_lower", ["2019-01-05", "2019-01-06"], 1.0),
        ("admitted_lower", [date(2019, 1, 5), None], 1.0),
        ("admitted", ["2024-05", "2024-06"], 1.0),
        ("admitted", ["2024-W20", "2024-W21"], 1.0),
        ("admitted", ["2024-Q2", "2024-Q3"], 1.0),
        ("admitted", ["May", "June", "May"], 1.0),
        ("admitted", ["Friday", "Monday"], 1.0),
        ("admitted", ["{Friday, Monday}", "*", "May", "*"], None),
        ("admitted", ["May", "{June, July}", "*", "*"], 0.5),
        ("x", ["02138", "02139", "*", "*"], 0.5),
        ("admitted", ["[3 May 2020, 4 May 2020]"], 1.0),
        ("admitted", ["03.01.58", "04.01.58"], 1.0),
        ("admitted", ["2024", "2020-2029", "[2019, 2021]"], None),
        ("admitted", ["[2019-01-01, 2019-12-31]", "2020-01-01"], None),
        ("contact", ["{a@b.org, c@d.org}", "*"], 0.5),
        ("zip", ["123**", "606**"], None),
        ("zip", ["1234*", "606**"], 0.5),
        ("zip", ["036**", "606**"], 0.5),
        ("zip", ["{021, 606}", "*"], None),
        ("zip", ["{021, 036}", "*"], 0.5),
        ("zip", ["[02138, 02139]", "*"], 0.5),
        ("zip", ["**138", "606**"], 0.5),
        ("zip_lower", ["02138", "02139"], 1.0),
        ("plz", ["01067", "80331"], 1.0),
    ],
)
def test_safe_harbor__reads_labels_of_a_release(name: str, values: list[Any], share: float | None) -> None:
    found = shoal.safe_harbor(pl.DataFrame({name: values}))
    if share is None:
        assert found.is_empty()
    else:
        assert found["share"].to_list() == [pytest.approx(share)]
        text = " ".join(found["evidence"])
        assert not any(str(value) in text for value in values)


def test_safe_harbor__reads_a_release_back_from_its_file(tmp_path: Any) -> None:
    days = [date(2019, 1, 3 + i) for i in range(6)]
    visits = pl.DataFrame({"age": [85, 88, 92, 104, 30, 31], "admitted": days, "zip": ["02138", "02139"] * 3})
    columns = {
        "age": shoal.QuasiIdentifier(),
        "admitted": shoal.QuasiIdentifier(output="bounds"),
        "zip": shoal.QuasiIdentifier(hierarchy=shoal.Prefix()),
    }
    policy = shoal.Policy(k=2, quasi_identifiers=columns)
    release = shoal.anonymize(visits, policy).frame
    release.write_csv(tmp_path / "out.csv")
    for frame in (release, tmp_path / "out.csv"):
        found = shoal.safe_harbor(frame).select("column", "paragraph").rows()
        assert ("age", "(C)") in found
        assert {("admitted_lower", "(C)"), ("admitted_upper", "(C)")} <= set(found)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("telephone", ["yes", "no", "yes", "no"]),
        ("HasCrCard", [0, 1, 1, 0]),
        ("address", ["U", "R", "U"]),
        ("city", ["*", "*"]),
        ("JobSatisfaction", [1, 2, 3, 4]),
    ],
)
def test_safe_harbor__a_name_that_the_values_contradict_is_no_finding(name: str, values: list[Any]) -> None:
    assert shoal.safe_harbor(pl.DataFrame({name: values})).is_empty()


@pytest.mark.parametrize(
    ("name", "paragraph"),
    [
        ("Nachname", "(A)"),
        ("prénom", "(A)"),
        ("Telefonnummer", "(D)"),
        ("dirección", "(B)"),
        ("data urodzenia", "(C)"),
        ("Patientennummer", "(H)"),
        ("Номер карты", "(H)"),
    ],
)
def test_safe_harbor__knows_names_in_other_languages(name: str, paragraph: str) -> None:
    found = shoal.safe_harbor(pl.DataFrame({name: ["11111x", "22222y", "33333z"]}))
    assert found["paragraph"].to_list() == [paragraph]

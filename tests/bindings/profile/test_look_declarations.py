"""What a look proposes to declare: types and forms of text, texts for null, and how a file is written."""

import re
import tomllib
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import shoal
from shoal.profile.look import Look, look
from shoal_cli.rendering_profile import look_lines
from shoal_engine.anonymity.policy.policy import Policy


def _one(name: str, values: list[str | None]) -> dict[str, Any]:
    found = look(pl.DataFrame({name: values})).declarations
    return found.row(0, named=True) if found.height else {}


def _column(found: Look, name: str) -> Any:
    """Return the declaration of a column as the policy has it, also where it is commented out."""
    _, _, tail = found.policy_toml(k=2).partition("# How texts are read.")
    lines = [
        line.removeprefix("# ") for line in tail.splitlines()[1:] if "values fit" not in line and "not fit" not in line
    ]
    return tomllib.loads("\n".join(lines))["column"][name]


@pytest.mark.parametrize(
    ("values", "declared", "sure"),
    [
        (["31.12.1999", "01.01.2000"], {"type": "date", "format": "%d.%m.%Y"}, True),
        (["12/31/1999", "01/02/2000"], {"type": "date", "format": "%m/%d/%Y"}, True),
        (["31/12/1999", "01/02/2000"], {"type": "date", "format": "%d/%m/%Y"}, True),
        (["01/02/1999", "03/04/2000"], {"type": "date", "format": "%d/%m/%Y"}, False),
        (["03-JAN-1958", "14-FEB-1960"], {"type": "date", "format": "%d-%b-%Y"}, True),
        (["Jan 3, 2020", "Feb 14, 2019"], {"type": "date", "format": "%b %d, %Y"}, True),
        (["1980-01-05", "05/02/1980"], {"type": "date", "format": "%Y-%m-%d"}, False),
        (["1980-01-05 10:00:00.123", "1980-01-06 10:00:00.5"], {"type": "datetime"}, True),
        (["05.03.2020 12:30", "16.03.2020 07:10"], {"type": "datetime", "format": "%d.%m.%Y %H:%M"}, True),
        (["7:05 PM", "11:30 AM"], {"type": "time", "format": "%I:%M %p"}, True),
        (["2345,50", "12.345,75"], {"type": "float", "decimal_sign": ",", "thousands_sign": "."}, True),
        (["1,234.50", "12,345.75"], {"type": "float", "decimal_sign": ".", "thousands_sign": ","}, True),
        (["1\u00a0234,50", "12\u00a0345,75"], {"type": "float", "decimal_sign": ",", "thousands_sign": "\u00a0"}, True),
        (["1'234.50", "12'345.75"], {"type": "float", "decimal_sign": ".", "thousands_sign": "'"}, True),
        (["1.234", "12.345"], {"type": "float"}, False),
        (["12.10", "3.00"], {"type": "float"}, False),
        (["30", "NA", "?", "34"], {"type": "integer", "nulls": ["NA", "?"]}, True),
        (["30", "NA", "-9", "34"], {"type": "integer", "nulls": ["NA", "-9"]}, False),
        (["m", "f", "NULL", "f"], {"type": "text", "nulls": ["NULL"]}, False),
    ],
)
def test_look__proposes_what_texts_are(values: list[str | None], declared: dict[str, Any], sure: bool) -> None:  # noqa: FBT001
    found = look(pl.DataFrame({"x": values}))
    assert _column(found, "x") == declared
    assert found.declarations.item(0, "sure") is sure
    assert ("x" in tomllib.loads(found.policy_toml(k=2)).get("column", {})) is sure


def test_look__two_digit_years_need_a_person() -> None:
    found = look(pl.DataFrame({"born": ["03.01.58", "31.12.99"]}))
    declared = _column(found, "born")
    assert (declared["type"], declared["format"]) == ("date", "%d.%m.%y")
    assert declared["pivot"] < 1958
    assert "century" in found.declarations.item(0, "note")


@pytest.mark.parametrize(
    "values", [["042", "250.1"], ["02138", "10001"], ["a", "b"], [None, None], ["A1", "B2"], ["1", "2"]]
)
def test_look__codes_and_words_are_not_declared(values: list[str | None]) -> None:
    assert _one("x", values) == {}


def test_look__digits_of_a_diagnosis_are_no_number() -> None:
    assert _one("diagnosis", ["250.10", "401.90"]) == {}


def test_look__codes_for_missing_integers() -> None:
    found = look(pl.DataFrame({"age": [30, 41, -9, 52], "code": [1, 2, 3, 4], "big": [1, 50, 99, 60]}))
    assert found.declarations["column"].to_list() == ["age"]
    assert _column(found, "age") == {"type": "integer", "nulls": ["-9"]}


def test_look__says_what_share_does_not_fit() -> None:
    row = _one("seen", ["31.12.1999"] * 49 + ["soon"])
    assert row["fit"] == pytest.approx(0.98)
    assert "2.0 % of values do not fit" in row["declaration"]
    assert "soon" not in row["declaration"]
    assert row["sure"] is False


@pytest.mark.parametrize(
    ("encoding", "header"),
    [("cp1252", "Größe;Alter"), ("cp1250", "věk;příjmení"), ("cp1251", "возраст;пол"), ("cp1253", "ηλικία;φύλο")],
)
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\n\n"])
def test_look__a_file_in_another_encoding(encoding: str, header: str, ending: str, tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    file.write_bytes(f"{header}\n1,80;30\n1,75;31{ending}".encode(encoding))
    found = look(file)
    assert found.frame["column"].to_list() == header.split(";")
    assert tomllib.loads(found.policy_toml(k=2))["file"] == {"encoding": encoding, "separator": ";"}


def test_look__a_file_with_a_byte_order_mark_says_its_encoding_itself(tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    file.write_bytes("Größe,Alter\n1,30\n2,31\n".encode("utf-16"))
    found = look(file)
    assert found.frame["column"].to_list() == ["Größe", "Alter"]
    assert "file" not in tomllib.loads(found.policy_toml(k=2))


def test_look__the_policy_reads_the_file_as_proposed(tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    lines = "".join(f"{day}.03.2020;{day},50;{code}\n" for day, code in zip(range(13, 25), "ababababacab", strict=True))
    file.write_text("seen;cost;ward\n" + lines)
    text = look(file).policy_toml(k=2).replace("[undecided.cost]", "[quasi_identifier.cost]")
    text = text.replace("[undecided.ward]", "[insensitive.ward]")
    policy = Policy.from_toml(re.sub(r"proposal = .*", "", text))
    read = shoal.read_table(file, file=policy.file, columns=policy.column).collect()
    assert read.dtypes == [pl.Date, pl.Float64, pl.String]


def test_look_lines__fit_a_terminal_and_begin_with_what_is_undecided() -> None:
    long = "a_name_that_is_longer_than_the_table_has_room_for"
    frame = pl.DataFrame(
        {
            "age": [30, 41, 52, 30] * 10,
            long: ["03.01.58", "31.12.99", "01.01.00", "05.05.70"] * 10,
            "fnlwgt": [i // 2 for i in range(40)],
            "class": ["low", "low", "high", "high"] * 10,
            "größe": [1.5, 1.6, 1.7, 1.8] * 10,
        }
    )
    found = look(frame)
    lines = list(look_lines(found, "folder/people.csv", None))
    assert [line for line in lines if len(line) > 80] == []
    assert lines[0] == "people.csv   40 rows, 5 columns, every row read"
    assert lines[2].startswith("  ✗ 2 columns are undecided, and no row is unique on them together")
    assert "quasi-identifiers" in lines[4]
    assert any(long in line for line in lines)
    assert lines[-1] == "next: shoal look folder/people.csv --policy-out policy.toml"


def test_look__unique_shares_equal_naive() -> None:
    frame = pl.DataFrame(
        {"p": [1, 1, 2, 3], "q": ["x", "x", "y", "y"], "age": [30, 31, 31, 31], "sex": ["m", "f", "f", "f"]}
    )
    found = look(frame)
    assert found.undecided == ("p", "q")
    assert (found.unique_on_undecided, found.unique_on_quasi_identifiers) == (0.5, 0.25)
    assert look(frame.select("age")).unique_on_undecided is None
    assert look(frame.select("p")).unique_on_quasi_identifiers is None
    assert found.to_dict()["undecided"] == ["p", "q"]


def test_look__its_policy_is_refused_until_a_person_decides() -> None:
    people = pl.DataFrame({"age": [30, 30, 41, 41], "fnlwgt": [7, 7, 8, 9], "flag": ["y", "n", "y", "n"]})
    text = look(people).policy_toml(k=2)
    with pytest.raises(shoal.PolicyError, match=r"(?s)fnlwgt.*flag"):
        shoal.anonymize(people, Policy.from_toml(text))
    assert tomllib.loads(text)["undecided"] == {
        "fnlwgt": {"proposal": "quasi_identifier"},
        "flag": {"proposal": "quasi_identifier"},
    }
    assert "75% distinct, 83% of row pairs differ" in text
    assert "insensitive." not in text

import itertools
import re
import tomllib
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import assume, given, settings

from shoal.demo.hospital import hospital_records
from shoal.profile.look import look
from shoal.profile.shapes import shape_shares
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.errors import InputError, PolicyError

ADULT = Path(__file__).parents[3] / ".." / "shared" / "data" / "adult" / "adult.csv"


def _role(name: str, values: list[Any], dtype: Any = None) -> str:
    frame = pl.DataFrame({name: pl.Series(name, values, dtype=dtype, strict=False)})
    return look(frame).frame["role"].item()


@pytest.mark.parametrize(
    ("values", "role"),
    [
        (["ann@example.org", "bob@mail.example.com"], "identifier"),
        (["+1 212 555 0101", "(212) 555-0199"], "identifier"),
        (["212-555-0101", "030 1234 5678"], "identifier"),
        (["123-45-6789", "987-65-4321"], "identifier"),
        (["192.168.0.1", "10.0.0.255"], "identifier"),
        (["DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432"], "identifier"),
        (["4111 1111 1111 1111", "5500005555555559", "378282246310005"], "identifier"),
        (["123e4567-e89b-12d3-a456-426614174000"], "identifier"),
        (["called ann@example.org twice", "nothing", "nothing"], "identifier"),
        (["10001", "60601-1234"], "quasi_identifier"),
        (["2020-01-31", "1999-12-01"], "quasi_identifier"),
        (["31.01.2020", "1/12/1999"], "quasi_identifier"),
        (["red", "green", "red"], "undecided"),
        (["12.5", "13.25"], "undecided"),
    ],
)
def test_look__role_by_shape(values: list[str], role: str) -> None:
    assert _role("x", values) == role


@pytest.mark.parametrize(
    ("name", "values", "role"),
    [
        ("name", ["Ann", "Bob", "Eve"], "identifier"),
        ("LastName", ["Lee", "Fox", "Lee"], "identifier"),
        ("user-name", ["ann1", "bob2", "eve3"], "identifier"),
        ("Phone", [2125550101, 2125550102, 2125550103], "identifier"),
        ("patient_id", ["a1", "b2", "a1"], "identifier"),
        ("city_name", ["Ulm", "Bonn", "Ulm"], "quasi_identifier"),
        ("birthDate", ["1", "2", "3"], "quasi_identifier"),
        ("sex", ["1", "2", "1"], "quasi_identifier"),
        ("marital-status", ["1", "2", "3"], "quasi_identifier"),
        ("ZIP", ["1", "2", "3"], "quasi_identifier"),
        ("postal code", ["1", "2", "3"], "quasi_identifier"),
        ("diagnosis", ["flu", "gout", "flu"], "sensitive"),
        ("disease_name", ["flu", "gout", "flu"], "sensitive"),
        ("annual income", ["low", "high", "mid"], "sensitive"),
        ("religion", ["x", "y", "z"], "sensitive"),
        ("salary-class", ["low", "high", "low"], "sensitive"),
        ("filename_extension", ["csv", "txt", "csv"], "undecided"),
        ("sextant", ["a", "b", "c"], "undecided"),
        ("passage", ["a", "b", "c"], "undecided"),
    ],
)
def test_look__role_by_name(name: str, values: list[Any], role: str) -> None:
    assert _role(name, values) == role


@pytest.mark.parametrize(
    ("values", "dtype", "role"),
    [
        ([date(2020, 1, 1), date(2020, 1, 2)], pl.Date, "quasi_identifier"),
        ([datetime(2020, 1, 1, 5), None], pl.Datetime, "quasi_identifier"),
        ([time(8, 30), time(9, 5)], pl.Time, "quasi_identifier"),
        ([timedelta(1), timedelta(2)], pl.Duration, "quasi_identifier"),
        (list(range(30)), pl.Int64, "identifier"),
        ([1, 2, 1] * 10, pl.Int8, "undecided"),
        ([x / 7 for x in range(30)], pl.Float64, "undecided"),
        ([4111111111111111, 5500005555555559] * 20, pl.Int64, "identifier"),
        ([True, False], pl.Boolean, "undecided"),
        (["a", "b", "a"], pl.Categorical, "undecided"),
        (["10001", "10002"], pl.Enum(["10001", "10002"]), "quasi_identifier"),
        (["1.20", "3.40"], pl.Decimal(10, 2), "undecided"),
        ([[1], [2]], pl.List(pl.Int64), "identifier"),
        ([{"a": 1}, {"a": 2}], pl.Struct({"a": pl.Int64}), "identifier"),
        ([b"x", b"y"], pl.Binary, "identifier"),
        ([None, None], pl.String, "undecided"),
        ([None, None], pl.Null, "undecided"),
    ],
)
def test_look__role_by_type(values: list[Any], dtype: Any, role: str) -> None:
    assert _role("x", values, dtype) == role


def test_look__card_numbers_need_their_check_digit() -> None:
    valid, broken = "4111111111111111", "4111111111111112"
    assert shape_shares(pl.Series("x", [valid, broken]))["card"] == 0.5


def _luhn(number: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(number)):
        d = int(digit) * (2 if place % 2 else 1)
        total += d - 9 if d > 9 else d
    return total % 10 == 0


@settings(deadline=None)
@given(st.lists(st.from_regex(r"\A[0-9]{13,19}\Z"), min_size=1, max_size=8))
def test_shape_shares__luhn_equals_naive(numbers: list[str]) -> None:
    share = shape_shares(pl.Series("x", numbers))["card"]
    assert share == pytest.approx(sum(map(_luhn, numbers)) / len(numbers))


def test_look__names_of_people_without_a_hint() -> None:
    first, last = ["Ann", "Bob", "Zoë", "José"], ["Miller", "O'Brien", "Smith-Jones", "Núñez"]
    people = [f"{a} {b}" for a, b in itertools.product(first, last)]
    assert _role("x", people) == "identifier"
    assert _role("x", ["Blue Cross"] * 50 + ["Red Cross"] * 50) == "undecided"


def test_look__free_text_is_dropped() -> None:
    notes = [f"seen on ward {i % 20}, sleeps badly and asks for the window to be open" for i in range(24)]
    assert _role("x", notes) == "identifier"


def test_look__nearly_distinct_text_is_an_identifier() -> None:
    assert _role("x", [f"k{i}" for i in range(40)]) == "identifier"
    assert _role("x", [f"k{i}" for i in range(10)]) == "undecided"


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(0, 3)), min_size=1, max_size=12))
def test_look__distinctness_and_separation_equal_naive(values: list[int | None]) -> None:
    row = look(pl.DataFrame({"x": pl.Series(values, dtype=pl.Int64)})).frame.row(0, named=True)
    pairs = list(itertools.combinations(values, 2))
    assert row["distinctness"] == pytest.approx(len(set(values)) / len(values))
    assert row["separation"] == pytest.approx(sum(a != b for a, b in pairs) / len(pairs) if pairs else 0.0)
    assert row["nulls"] == pytest.approx(values.count(None) / len(values))


_COLUMN = st.lists(st.one_of(st.none(), st.sampled_from("ab")), min_size=8, max_size=8)


@settings(deadline=None)
@given(age=_COLUMN, sex=_COLUMN, city=_COLUMN)
def test_look__combinations_equal_naive(age: list[Any], sex: list[Any], city: list[Any]) -> None:
    table = {"age": age, "sex": sex, "city": city}
    assume(all(any(column) and len(set(column)) > 1 for column in table.values()))
    found = look(pl.DataFrame(table, schema=dict.fromkeys(table, pl.String))).combinations
    assert found.height == 4
    for names, unique, separation in found.iter_rows():
        rows = list(zip(*(table[name] for name in names), strict=True))
        pairs = list(itertools.combinations(rows, 2))
        assert unique == pytest.approx(sum(rows.count(row) == 1 for row in rows) / len(rows))
        assert separation == pytest.approx(sum(a != b for a, b in pairs) / len(pairs))
    assert found["unique_rows"].is_sorted(descending=True)


def test_look__combinations_over_every_type() -> None:
    frame = pl.DataFrame(
        {
            "age": [1, 2, None],
            "sex": pl.Series(["m", "f", "m"], dtype=pl.Categorical),
            "city": pl.Series(["x", "y", "x"], dtype=pl.Enum(["y", "x"])),
            "married": [True, False, None],
            "born": [date(2000, 1, 1), None, date(2001, 1, 1)],
            "height": pl.Series(["1.80", "1.90", None], dtype=pl.Decimal(4, 2)),
            "weight": [70.5, float("nan"), None],
        }
    )
    found = look(frame)
    assert set(found.frame["role"]) == {"quasi_identifier"}
    assert found.combinations.height == 21 + 35


def test_look__work_on_many_columns_is_bounded() -> None:
    frame = pl.DataFrame({f"age_{i}": [i + 3, 1, 2] for i in range(40)})
    assert look(frame).combinations.height == 45 + 120


def test_look__sample_examines_fewer_rows() -> None:
    found = look(hospital_records(1000, seed=2), sample_rows=100)
    assert (found.rows, found.examined_rows) == (1000, 100)


def test_look__lazy_and_eager_agree() -> None:
    records = hospital_records(500, seed=2)
    assert look(records.lazy()).frame.equals(look(records).frame)


def test_look__hospital_roles() -> None:
    found = look(hospital_records(5000, seed=2)).frame
    assert dict(found.select("column", "role").iter_rows()) == {
        "record": "identifier",
        "name": "identifier",
        "birth_date": "quasi_identifier",
        "zip": "quasi_identifier",
        "sex": "quasi_identifier",
        "occupation": "quasi_identifier",
        "diagnosis": "sensitive",
        "admission_date": "quasi_identifier",
        "cost": "undecided",
    }


@pytest.mark.shared
@pytest.mark.skipif(not ADULT.exists(), reason="the real data folder is not beside the checkout")
def test_look__adult_roles() -> None:
    found = look(pl.read_csv(ADULT, separator=";")).frame
    assert found.filter(role="sensitive")["column"].to_list() == ["salary-class"]
    assert found.filter(role="quasi_identifier").height == 8


@pytest.mark.parametrize("frame", [pl.DataFrame(), pl.DataFrame({"a": []})])
def test_look__empty_table_refused(frame: pl.DataFrame) -> None:
    with pytest.raises(InputError, match="no rows"):
        look(frame)


def test_look__sample_of_nothing_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 row"):
        look(pl.DataFrame({"a": [1]}), sample_rows=0)


def test_look__one_row() -> None:
    found = look(pl.DataFrame({"age": [1], "sex": ["m"]}))
    assert found.frame["separation"].to_list() == [0.0, 0.0]
    assert found.combinations.row(0) == (["age", "sex"], 1.0, 0.0)


def test_policy_toml__parses_with_k() -> None:
    found = look(hospital_records(500, seed=2))
    policy = Policy.from_toml(found.policy_toml(k=7))
    assert policy.k == 7
    roles = dict(found.frame.select("column", "role").iter_rows())
    assert set(policy.columns) == set(roles)
    assert set(policy.quasi_identifiers) == {name for name, role in roles.items() if role == "quasi_identifier"}


def test_policy_toml__without_k_is_no_policy_until_chosen() -> None:
    text = look(hospital_records(500, seed=2)).policy_toml(k=None)
    assert "k" not in tomllib.loads(text)
    with pytest.raises(PolicyError, match="no `k`"):
        Policy.from_toml(text)
    assert Policy.from_toml(text.replace("# k = 10\n", "k = 12\n")).k == 12


@pytest.mark.parametrize("name", ['a"b', "a.b", "a\nb", "a\\b", "Größe", "x]", "#", " ", "a\x7fb"])
def test_policy_toml__any_column_name(name: str) -> None:
    frame = pl.DataFrame({"age": [1, 2], name: [1, 1]})
    assert set(Policy.from_toml(look(frame).policy_toml(k=2)).columns) == {"age", name}


def test_policy_toml__says_when_no_quasi_identifier_was_found() -> None:
    text = look(pl.DataFrame({"x": ["a", "a"]})).policy_toml(k=2)
    assert "No quasi-identifier was found" in text


def test_look__no_cell_value_in_anything_it_says() -> None:
    canaries = [
        "CANARYcell",
        "Canary Person",
        "canary@example.org",
        "4111111111111111",
        "99950",
        "1917-07-17",
    ]
    columns = ["ward", "name", "contact", "payment", "zip", "birth_date"]
    usual = ["ward", "Ann Lee", "ann@example.com", "5500005555555559", "10001", "1980-01-02"]
    rows = [usual] * 29 + [canaries]
    frame = pl.DataFrame(rows, schema=columns, orient="row").with_columns(
        pl.col("birth_date").str.to_date(),
        age=pl.Series([40] * 29 + [113]),
        diagnosis=pl.lit("CANARYdisease"),
    )
    found = look(frame)
    said = "\n".join(
        [
            repr(found),
            found._repr_html_(),
            found.frame.write_json(),
            found.combinations.write_json(),
            found.policy_toml(k=2),
            found.policy_toml(k=None),
        ]
    )
    for canary in [*canaries, *usual[1:], "CANARYdisease"]:
        assert canary not in said
    assert not re.search(r"\b113\b", said)


def test_look__the_public_name_stays_a_function() -> None:
    import shoal

    # A module of the same name would take its place once imported.
    pl.DataFrame({"age": [1, 2]}).shoal.look()
    assert shoal.look is look

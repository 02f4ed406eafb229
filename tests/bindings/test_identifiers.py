"""Safe Harbor findings: what must be found, what must not, and that no value is told."""

from datetime import date, datetime
from typing import Any

import polars as pl
import pytest

import shoal
from shoal._look_patterns import SHAPES
from shoal._safe_harbor_rules import BY_SHAPE, RESTRICTED_ZIP3


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

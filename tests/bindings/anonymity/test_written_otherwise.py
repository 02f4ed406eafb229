"""Times of day as quasi-identifiers, and hierarchies whose leaves are written otherwise than the data."""

import datetime as dt
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import shoal

_TIMES = pl.DataFrame({"at": [dt.time(10, 0), dt.time(10, 5), dt.time(11, 0), dt.time(12, 0)], "dx": list("abab")})


def _policy(**role: Any) -> shoal.Policy:
    return shoal.Policy(k=2, quasi_identifiers={"at": shoal.QuasiIdentifier(**role)})


def test_anonymize__a_time_of_day_is_ordered(tmp_path: Path) -> None:
    made = shoal.anonymize(_TIMES, _policy())
    assert sorted(set(made.frame["at"])) == ["[10:00:00, 10:05:00]", "[11:00:00, 12:00:00]"]
    bounds = shoal.anonymize(_TIMES, _policy(output="bounds")).frame
    assert bounds.schema == {"at_lower": pl.Time, "at_upper": pl.Time}
    center = shoal.anonymize(_TIMES, _policy(output="center", kind="time")).frame
    assert sorted(set(center["at"])) == [dt.time(10, 2, 30), dt.time(11, 30)]
    sets = shoal.anonymize(_TIMES, _policy(kind="category")).frame
    assert sorted(set(sets["at"])) == ["{10:00:00, 10:05:00}", "{11:00:00, 12:00:00}"]
    path = tmp_path / "in.csv"
    path.write_text("at,dx\n10:00:00,a\n10:05:00,b\n11:00:00,a\n12:00:00,b\n")
    read = shoal.anonymize(path, _policy()).frame
    assert sorted(set(read["at"])) == sorted(set(made.frame["at"]))


@pytest.mark.parametrize("suffix", ["csv", "parquet", "arrow"])
@pytest.mark.parametrize("output", ["label", "bounds", "center"])
def test_verify__confirms_times(output: str, suffix: str, tmp_path: Path) -> None:
    policy = _policy(output=output)
    shoal.anonymize_file(_TIMES, tmp_path / f"out.{suffix}", policy)
    assert shoal.verify(tmp_path / f"out.{suffix}", policy).met


def test_anonymize__times_take_no_dates() -> None:
    with pytest.raises(shoal.ShoalError, match="time"):
        shoal.anonymize(_TIMES, _policy(hierarchy=shoal.Dates()))
    with pytest.raises(shoal.ShoalError, match="mean"):
        shoal.anonymize(_TIMES, _policy(output="mean"))


_AGES = pl.DataFrame({"age": [30, 31, 32, 33]})


def _tree(path: Path, rows: str, frame: pl.DataFrame = _AGES) -> list[str]:
    (path / "tree.csv").write_text(rows)
    hierarchy = shoal.NamedTree(file=str(path / "tree.csv"))
    name = frame.columns[0]
    policy = shoal.Policy(k=2, quasi_identifiers={name: shoal.QuasiIdentifier(hierarchy=hierarchy)})
    return sorted(set(shoal.anonymize(frame, policy).frame[name]))


@pytest.mark.parametrize(
    "rows",
    [
        "30;a;*\n31;a;*\n32;b;*\n33;b;*\n",
        "30,a,*\n31,a,*\n32,b,*\n33,b,*\n",
        "30\ta\t*\n31\ta\t*\n32\tb\t*\n33\tb\t*\n",
        "30.0;a;*\n31.0;a;*\n32.0;b;*\n33.0;b;*\n",
        "030;a;*\n031;a;*\n032;b;*\n033;b;*\n",
        "30 ;a;*\n31 ;a;*\n32 ;b;*\n33 ;b;*\n",
        "3e1;a;*\n31;a;*\n32;b;*\n33;b;*\n",
    ],
)
def test_hierarchy_file__leaves_are_numbers_however_written(rows: str, tmp_path: Path) -> None:
    assert _tree(tmp_path, rows) == ["a", "b"]
    assert _tree(tmp_path, rows, _AGES.cast(pl.Float64)) == ["a", "b"]


@pytest.mark.parametrize(
    ("rows", "values", "told"),
    [
        ("age;l1;l2\n30;a;*\n31;a;*\n", ["30", "31"], "header line; remove row 1"),
        ("30;a;*\n31;a;*\n", ["30", "31", "c4n"], "1 of 3 distinct values"),
        ("30 ;a;*\n31 ;a;*\n", ["30", "31"], "but for blanks"),
        ("Flu;a;*\nCold;a;*\n", ["flu", "cold"], "but for upper and lower case"),
        ("1;a;*\n2;a;*\n", ["01", "02"], "but for zeros"),
        ("05.01.2020;a;*\n06.01.2020;a;*\n", ["2020-01-05", "2020-01-06"], "order of year, month and day"),
    ],
)
def test_hierarchy_file__says_how_to_mend_it(rows: str, values: list[str], told: str, tmp_path: Path) -> None:
    with pytest.raises(shoal.HierarchyError, match=told) as raised:
        _tree(tmp_path, rows, pl.DataFrame({"x": values}))
    assert "c4n" not in str(raised.value)
    assert not any(value in str(raised.value) for value in values if len(value) > 2)

"""Attacks on rows of plain values from frames: columns of any type, what is asked for, what is refused."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import shoal
from shoal_engine.errors import ColumnError, InputError, PolicyError, ShoalError

PEOPLE = pl.DataFrame(
    {
        "age": [30, 41, 52, 63, None],
        "job": ["a", "b", "a", "c", "b"],
        "born": [dt.date(1990, 1, 1), dt.date(1979, 5, 4), None, dt.date(1957, 2, 2), dt.date(1990, 1, 1)],
        "well": [True, False, True, None, True],
        "pay": [1.5, 2.5, 3.5, 4.5, 5.5],
    }
)


def attack(name: str, original: Any, release: Any, **options: Any) -> Any:
    """Run an attack with columns that any of them needs."""
    needed: dict[str, dict[str, Any]] = {
        "singling_out": {"seed": 1},
        "linkability": {"left": ["age", "job"], "right": ["born", "pay"]},
        "inference": {"known": ["age", "job"], "secret": "born"},
        "attribution": {"keys": ["age", "job"], "secret": "pay"},
    }
    function: Callable[..., Any] = getattr(shoal.attack, name)
    return function(original, release, **(needed[name] | options))


NAMES = ["singling_out", "linkability", "inference", "attribution"]


@pytest.mark.parametrize("name", NAMES)
def test_attacks__find_the_original_in_itself(name: str) -> None:
    """Every row differs from the others in each pair of columns, nulls included."""
    found = attack(name, PEOPLE, PEOPLE)
    if name == "attribution":
        assert found.report.original.left_out == 1.0
    else:
        assert found.success.share == 1.0
        assert found.beats_baseline
        assert found.control is None
        assert found.risk == found.success.rate


@pytest.mark.parametrize("name", NAMES)
def test_attacks__order_of_rows_does_not_matter(name: str) -> None:
    first, then = (attack(name, PEOPLE, release, control=PEOPLE.head(2)) for release in (PEOPLE, PEOPLE.reverse()))
    assert first.report == then.report


@pytest.mark.parametrize("name", NAMES)
def test_attacks__types_that_are_read_alike(name: str, tmp_path: Path) -> None:
    path = tmp_path / "release.parquet"
    PEOPLE.write_parquet(path)
    coded = PEOPLE.with_columns(pl.col("job").cast(pl.Categorical), pl.col("age").cast(pl.Int16))
    expected = attack(name, PEOPLE, PEOPLE).report
    for release in (path, PEOPLE.lazy(), PEOPLE.to_arrow(), coded):
        assert attack(name, PEOPLE, release).report == expected


@pytest.mark.parametrize("name", NAMES)
def test_attacks__per_row_only_on_request(name: str) -> None:
    asked = {"per_predicate" if name == "singling_out" else "per_person": True}
    assert attack(name, PEOPLE, PEOPLE).frame is None
    found = attack(name, PEOPLE, PEOPLE, control=PEOPLE, **asked)
    assert "frame" not in repr(found)
    assert "frame" not in found.to_dict()
    if name == "singling_out":
        assert found.frame.columns == ["predicate", "success"]
        assert found.frame.height == found.success.attacks
    else:
        assert found.frame.columns == ["table", "row", "probability"]
        assert found.frame["table"].to_list() == ["original"] * 5 + ["control"] * 5


def test_singling_out__predicates_can_be_read() -> None:
    found = shoal.attack.singling_out(
        PEOPLE, PEOPLE, columns=["age", "job"], mode="univariate", seed=2, per_predicate=True
    )
    assert found.frame is not None
    # At most the least value, and at least the largest, is that value as long as no table goes beyond.
    numbers = [f"age = {age}" for age in (30, 30, 41, 52, 63, 63)]
    assert sorted(found.frame["predicate"]) == [*numbers, "age is null", "job = c"]
    wider = pl.DataFrame({"age": [29, 64], "job": ["x", "x"]})
    more = shoal.attack.singling_out(wider, PEOPLE, columns=["age"], mode="univariate", seed=2, per_predicate=True)
    assert more.frame is not None
    assert {"age <= 30", "age >= 63"} < {*more.frame["predicate"]}
    both = shoal.attack.singling_out(PEOPLE, PEOPLE, columns=["job", "age"], n_columns=2, seed=2, per_predicate=True)
    assert both.frame is not None
    # The median age is 46.5; beyond it at least, below it at most.
    expected = ["job = a and age <= 30", "job = a and age >= 52", "job = b and age <= 41", "job = b and age is null"]
    assert sorted(both.frame["predicate"]) == [*expected, "job = c and age >= 63"]


def test_attacks__control_without_the_released_people() -> None:
    others = PEOPLE.with_columns(pl.col("age") + 100, pl.lit("z").alias("job"))
    found = shoal.attack.inference(PEOPLE, PEOPLE, known=["age", "job"], secret="pay", control=others, tolerance=0)
    assert found.control is not None
    assert found.control.share < found.success.share
    assert found.risk.value < found.success.rate.value


def test_attacks__fewer_rows_than_attacks() -> None:
    found = shoal.attack.linkability(PEOPLE, PEOPLE, left=["age"], right=["pay"], n_attacks=2000, seed=1)
    assert (found.success.attacks, found.report.requested) == (5, 2000)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"release": PEOPLE.with_columns(pl.col("age").cast(pl.String))}, ColumnError, "large_string in the release"),
        ({"original": PEOPLE.drop("age")}, ColumnError, "the original does not have"),
        ({"control": PEOPLE.drop("age")}, ColumnError, "the control does not have"),
        ({"control": PEOPLE.clear()}, InputError, "no rows"),
        ({"original": PEOPLE.clear()}, InputError, "no rows"),
        ({"release": PEOPLE.with_columns(age=pl.lit(None))}, ColumnError, "has type null"),
        ({"release": PEOPLE.with_columns(age=[[1]])}, ColumnError, "age"),
        ({"control": "nowhere.parquet"}, InputError, "nowhere"),
        ({"confidence": 1.0}, PolicyError, "confidence"),
        ({"n_attacks": 0, "seed": 1}, PolicyError, "at least"),
        ({"n_attacks": 2, "seed": -1}, PolicyError, "seed"),
    ],
)
def test_attacks__bad_input(name: str, change: dict[str, Any], error: type[ShoalError], text: str) -> None:
    tables = {"original": PEOPLE, "release": PEOPLE}
    with pytest.raises(error, match=text):
        attack(name, **(tables | change))


@pytest.mark.parametrize(
    ("name", "change", "text"),
    [
        ("linkability", {"right": ["job"]}, "`job` is in both parts"),
        ("linkability", {"left": []}, "at least one column"),
        ("linkability", {"n_attacks": 3}, "give a seed"),
        ("inference", {"secret": "job"}, "both known and to be guessed"),
        ("attribution", {"secret": "job"}, "both known and to be guessed"),
        ("singling_out", {"columns": []}, "at least one column"),
        ("singling_out", {"n_columns": 6}, "from 1 to 5"),
    ],
)
def test_attacks__bad_choices(name: str, change: dict[str, Any], text: str) -> None:
    with pytest.raises(PolicyError, match=text):
        attack(name, PEOPLE, PEOPLE, **change)


def test_losses__are_taken_from_series() -> None:
    found = shoal.attack.loss_threshold(pl.Series([0.1, 0.2]), pl.Series([0.3, 0.4]), threshold=0.25)
    assert found.advantage == 1.0
    ratio = shoal.attack.likelihood_ratio(
        pl.Series([0.1, 0.9]), pl.Series([True, False]), pl.DataFrame({"a": [0.9, 0.8], "b": [0.9, 0.8]}).to_numpy()
    )
    assert ratio.advantage == 1.0

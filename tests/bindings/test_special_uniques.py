from datetime import date

import polars as pl
import pytest

import shoal
from naive import uniques as naive

PEOPLE = pl.DataFrame(
    {
        "name": ["x", "y", None, "x", "y", "z", None, "x"],
        "born": [date(1990, 1, d) for d in (1, 1, 1, 2, 2, 3, 3, 1)],
        "weight": [70.5, 70.5, None, 60.0, float("nan"), 60.0, 60.0, 70.5],
        "smokes": [True, False, None, True, True, False, False, True],
    }
)


def test_suda__text_dates_numbers_and_nulls_are_values() -> None:
    """Equal to counting, NaN being a null; sdcMicro's figures for text are all zero."""
    rows = PEOPLE.fill_nan(None).rows()
    found = shoal.suda(PEOPLE, PEOPLE.columns)
    minimal = [naive.minimal(rows, i, 4) for i in range(len(rows))]
    assert found.frame["msus"].to_list() == [len(own) for own in minimal]
    scores = [float(sum(naive.worth(len(columns), 4, 4) for columns in own)) for own in minimal]
    assert found.frame["score"].to_list() == scores
    assert found.frame["dis"].to_list() == pytest.approx(naive.dis(rows, scores, 0.01))
    assert (found.rows, found.msus, found.score) == (8, sum(map(len, minimal)), sum(scores))
    assert found.sets["rows"].sum() == found.msus
    assert found.columns["column"].to_list() == PEOPLE.columns
    assert repr(found) == "Suda(8 rows, 6 unique, 22 minimal sample uniques)"


def test_suda__a_population_that_is_known_whole_leaves_no_doubt() -> None:
    found = shoal.suda(PEOPLE, ["name", "born"], dis_fraction=1.0)
    assert set(found.frame.filter(pl.col("score") > 0)["dis"]) == {1.0}


def test_suda__refuses_what_is_not_there() -> None:
    with pytest.raises(shoal.ColumnError, match="age"):
        shoal.suda(PEOPLE, ["age"])
    with pytest.raises(shoal.PolicyError, match="once"):
        shoal.suda(PEOPLE, ["name", "name"])
    with pytest.raises(shoal.InputError, match="rows"):
        shoal.suda(PEOPLE.clear(), ["name"])

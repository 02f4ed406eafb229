"""Two releases of the same people, and membership."""

from typing import Any

import polars as pl
import pytest

import shoal
from shoal_engine.errors import ColumnError, InputError, PolicyError

FIRST = pl.DataFrame({"age": ["[20, 29]"] * 3 + ["[30, 39]"] * 3, "pay": [1, 2, 2, 3, 4, 5], "id": range(6)})
SECOND = pl.DataFrame({"age": ["[20, 24]"] * 3 + ["[25, 39]"] * 3, "pay": [1, 2, 5, 2, 3, 4], "id": [0, 1, 5, 2, 3, 4]})


def test_intersection__candidates_have_equal_kept_values_in_both() -> None:
    known = pl.DataFrame({"age": [22, 27, 35]})
    found = shoal.attack.intersection(FIRST, SECOND, known, kept=["pay"], per_person=True)
    assert found.people is not None
    # 22: pay 1, 2 and one of the two 2; 27: of 1, 2, 2 and 2, 3, 4; 35: of 3, 4, 5 and 2, 3, 4.
    assert found.people["candidates"].to_list() == [2, 1, 2]
    assert found.figures.pinned == pytest.approx(1 / 3)
    assert found.figures.both.mean == pytest.approx((1 / 2 + 1 + 1 / 2) / 3)


def test_intersection__truth_counts_the_right_record_alone() -> None:
    known = pl.DataFrame({"age": [22, 27, 22], "id": [0, 2, 4]})
    figures = shoal.attack.intersection(FIRST, SECOND, known, kept=["pay"], truth="id").figures
    assert figures.both.mean == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert figures.pinned == pytest.approx(1 / 3)


def test_intersection__of_a_release_with_itself_adds_no_less_than_nothing() -> None:
    known = pl.DataFrame({"age": [22, 35]})
    figures = shoal.attack.intersection(FIRST, FIRST, known, kept=["pay"]).figures
    assert figures.first == figures.second == figures.both == figures.both_weighted


def test_intersection__weights_favor_rows_of_narrow_labels() -> None:
    first = pl.DataFrame({"age": ["[20, 21]"] * 2 + ["[20, 39]"] * 2, "pay": [1, 2, 3, 4], "id": range(4)})
    known = pl.DataFrame({"age": [20, 21, 39], "id": [0, 1, 2]})
    figures = shoal.attack.intersection(first, first, known, kept=["pay"], truth="id").figures
    assert figures.both.p50 == pytest.approx(1 / 4)
    # Of 20, 21 and 39, a label of two values weighs 1 / 2 and one of all three 1 / 3.
    assert figures.both_weighted.p50 == pytest.approx((1 / 2) / (2 / 2 + 2 / 3))
    assert figures.highest == figures.both_weighted.highest == 1 / 2


def test_intersection__policy_names_the_kept_columns() -> None:
    policy = shoal.Policy.of(k=2, quasi_identifiers=["age"], insensitive=["pay"])
    figures = shoal.attack.intersection(FIRST, SECOND, pl.DataFrame({"age": [22, 35, 35]}), policy).figures
    assert figures.kept == ("pay",)
    assert figures.to_dict()["highest"] == figures.highest
    alone = shoal.attack.intersection(FIRST, SECOND, pl.DataFrame({"age": [22]}), policy)
    with pytest.raises(InputError, match="fewer than k"):
        alone.to_dict()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({}, PolicyError, "kept"),
        ({"kept": []}, PolicyError, "kept"),
        ({"kept": ["job"]}, ColumnError, "job"),
        ({"kept": ["pay"], "columns": ["sex"]}, ColumnError, "sex"),
    ],
)
def test_intersection__bad_input(options: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        shoal.attack.intersection(FIRST, SECOND, pl.DataFrame({"age": [22]}), **options)


def test_intersection__kept_columns_of_other_types() -> None:
    other = SECOND.with_columns(pl.col("pay").cast(pl.String))
    with pytest.raises(ColumnError, match="types"):
        shoal.attack.intersection(FIRST, other, pl.DataFrame({"age": [22]}), kept=["pay"])


def test_membership__advantage_is_the_difference_of_the_rates() -> None:
    members, others = pl.DataFrame({"age": [22, 27, 35]}), pl.DataFrame({"age": [22, 50, 60, 70]})
    found = shoal.attack.membership(FIRST, members, others)
    assert (found.found_members, found.found_outsiders) == (1.0, 0.25)
    assert found.advantage == 0.75
    assert found.best_advantage >= found.advantage
    # One of four outsiders is fewer than k.
    assert found.to_dict()["found_outsiders"] is None


def test_membership__nobody_is_compatible() -> None:
    released = FIRST.with_columns(sex=pl.Series(["F"] * 3 + ["M"] * 3))
    wrong = pl.DataFrame({"age": [22, 35], "sex": ["M", "F"]})
    with pytest.raises(InputError, match="no class"):
        shoal.attack.membership(released, wrong, wrong, columns=["age", "sex"])

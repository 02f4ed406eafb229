"""Estimates from releases: by hand, against counting, and what they refuse."""

from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal
from shoal.usefulness.conditions import conditions_of
from shoal_engine.errors import ColumnError, InputError, PolicyError, ShoalError

# Class A: ages 20 to 29, of 3 rows; class B: 25 to 34, of 3 rows; class C: age 40, of 2 rows.
RELEASE = pl.DataFrame(
    {
        "age": ["[20, 29]"] * 3 + ["[25, 34]"] * 3 + ["40"] * 2,
        "job": ["{cook, nurse}"] * 3 + ["cook"] * 3 + ["{cook, nurse}"] * 2,
        "ill": ["flu", "flu", "hiv", "hiv", "hiv", "hiv", "flu", "ulcer"],
        "cost": [1, 2, 3, 4, 5, 6, 7, 8],
    }
)
POLICY = shoal.Policy.of(k=2, quasi_identifiers=["age", "job"], sensitive=["ill"], insensitive=["cost"])


def rows_of(where: Any, **options: Any) -> float:
    return shoal.estimate(RELEASE, where, policy=POLICY, **options).rows


def test_estimate__everything() -> None:
    found = shoal.estimate(RELEASE, policy=POLICY)
    assert (found.rows, found.lowest, found.highest, found.mean) == (8.0, 8, 8, None)


def test_estimate__columns_kept_as_they_are_are_counted() -> None:
    assert rows_of("ill = 'flu'") == 3.0
    assert rows_of("cost >= 3 and ill = 'hiv'") == 4.0
    assert shoal.estimate(RELEASE, "ill = 'flu'", mean="cost", policy=POLICY).mean == pytest.approx(10 / 3)


def test_estimate__ends_and_members_occur() -> None:
    # Of the two jobs of class C one row is of each, and class A has one of each besides a third.
    jobs = {job: rows_of({"job": job}) for job in ("cook", "nurse")}
    assert sum(jobs.values()) == pytest.approx(8)
    assert 2 <= jobs["nurse"] <= 3
    assert 5 <= jobs["cook"] <= 6
    assert rows_of("age = 20") >= 1
    assert rows_of("age = 34") >= 1


def test_estimate__bounds_hold_whatever_lies_behind_the_labels() -> None:
    found = shoal.estimate(RELEASE, "age between 20 and 30", policy=POLICY)
    assert (found.lowest, found.highest) == (3, 6)
    assert found.lowest <= found.rows <= found.highest


@pytest.mark.parametrize(
    "where",
    [
        "age between 25 and 40 and job = 'cook'",
        {"age": (25, 40), "job": "cook"},
        {"age": (25, 40), "job": ["cook"]},
        pl.col("age").is_between(25, 40) & (pl.col("job") == "cook"),
        "job in ('cook') and age >= 25 and age <= 40",
        {"age": ("25", "40"), "job": "cook"},
    ],
)
def test_estimate__one_condition_written_in_many_ways(where: Any) -> None:
    assert rows_of(where) == pytest.approx(rows_of({"age": (25, 40), "job": "cook"}))
    assert set(conditions_of(where)) == {"age", "job"}


def test_estimate__or_within_one_column() -> None:
    assert rows_of("(ill = 'flu' or ill = 'ulcer') and cost > 1") == 3.0


@pytest.mark.parametrize(
    ("where", "error", "text"),
    [
        ("age > 3 or job = 'cook'", InputError, "age, job together"),
        ("age > cost", InputError, "age, cost together"),
        ("selec ( from", InputError, "cannot be parsed"),
        ("1 = 1", InputError, "names no column"),
        ("agee > 3", ColumnError, "did you mean 'age'"),
        ("max(age) > 3", ColumnError, "do not aggregate"),
        ("cost > 'abc'", ColumnError, None),
        ({"age": (1, 2, 3)}, InputError, "3 ends"),
        (17, InputError, "int"),
    ],
)
def test_estimate__refuses(where: Any, error: type[ShoalError], text: str | None) -> None:
    if text is None:
        # Compared as texts.
        assert rows_of(where) == 0.0
        return
    with pytest.raises(error, match=text):
        rows_of(where)


def test_estimate__needs_a_policy() -> None:
    with pytest.raises(PolicyError, match="policy="):
        shoal.estimate(RELEASE, "age = 20")


def test_estimate__dropped_columns_and_means_of_text() -> None:
    policy = shoal.Policy(
        k=2, quasi_identifiers={"age": shoal.QuasiIdentifier()}, identifiers={"name": shoal.Identifier()}
    )
    with pytest.raises(ColumnError, match="identifier"):
        shoal.estimate(RELEASE.select("age"), "name = 'x'", policy=policy)
    with pytest.raises(ColumnError, match="no mean"):
        shoal.estimate(RELEASE, mean="ill", policy=POLICY)
    with pytest.raises(InputError, match="no row"):
        shoal.estimate(RELEASE.clear(), "age = 20", policy=POLICY)


def spread_evenly(role: shoal.QuasiIdentifier, labels: Sequence[str], where: str) -> shoal.Estimate:
    policy = shoal.Policy(k=2, quasi_identifiers={"x": role})
    return shoal.estimate(pl.DataFrame({"x": labels}), where, policy=policy)


def test_estimate__declared_intervals_are_spread_evenly() -> None:
    role = shoal.QuasiIdentifier(hierarchy=shoal.Intervals(width=[10, 50], lower=0, upper=100))
    found = spread_evenly(role, ["[20, 30)"] * 10 + ["[0, 50)"] * 10, "x between 25 and 29")
    assert found.rows == pytest.approx(5 + 1)
    assert found.notes == ("x: labels do not name values that occur: rows are spread evenly over what they cover",)


def test_estimate__nodes_masks_and_dates_are_spread_evenly() -> None:
    tree = shoal.QuasiIdentifier(hierarchy=shoal.NamedTree(nodes={"any": {"north": ["a", "b", "c"], "south": ["d"]}}))
    assert spread_evenly(tree, ["north"] * 6 + ["d"] * 2, "x in ('a', 'd')").rows == pytest.approx(4)
    mask = shoal.QuasiIdentifier(hierarchy=shoal.Prefix())
    assert spread_evenly(mask, ["123**"] * 10 + ["12345"] * 2, "x = '12345'").rows == pytest.approx(2.1)
    dates = shoal.QuasiIdentifier(kind="date", hierarchy=shoal.Dates(levels=["month", "year"]))
    found = spread_evenly(dates, ["2023-06"] * 30 + ["2024"] * 366, "x between '2023-06-10' and '2023-06-19'")
    assert found.rows == pytest.approx(10)
    letters = pytest.raises(ColumnError, match="masks")
    with letters:
        spread_evenly(mask, ["ab***", "cd***"], "x = 'abcde'")
    with pytest.raises(PolicyError, match="grown"):
        spread_evenly(shoal.QuasiIdentifier(hierarchy=shoal.Auto()), ["a", "b"], "x = 'a'")


@pytest.mark.parametrize("output", ["label", "bounds"])
def test_estimate__numbers_dates_and_nulls(output: Any) -> None:
    frame = pl.DataFrame(
        {
            "x": [1.5, 2.25, None, 9.0, 9.5, None],
            "day": pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 1, 6), eager=True),
        }
    )
    role = shoal.QuasiIdentifier(output=output)
    policy = shoal.Policy(k=2, quasi_identifiers={"x": role, "day": role})
    release = shoal.anonymize(frame, policy)
    assert shoal.estimate(release, "x is null").rows == 2
    assert shoal.estimate(release, "x < 3").rows == 2
    assert shoal.estimate(release, mean="x").mean == pytest.approx(22.25 / 4)
    assert shoal.estimate(release, "day >= '2024-01-01'").rows == 6


rows = st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["a", "b", "c, d"])), min_size=4, max_size=30)


@given(rows, st.integers(0, 5), st.sampled_from(["tight", "mondrian", "full-domain"]))
@settings(max_examples=25, deadline=None)
def test_estimate__sums_to_all_rows_and_lies_between_its_bounds(
    people: list[tuple[int, str]], age: int, method: Any
) -> None:
    frame = pl.DataFrame(people, schema=["age", "job"], orient="row")
    policy = shoal.Policy(
        k=2,
        quasi_identifiers={name: shoal.QuasiIdentifier() for name in ("age", "job")},
        full_domain=shoal.FullDomain(objective="entropy"),
    )
    release = shoal.anonymize(frame, policy, method=method)
    try:
        parts = [shoal.estimate(release, f"age {sign} {age}") for sign in ("<=", ">")]
    except ColumnError:
        # Every age is behind `*`.
        assert (release.frame["age"] == "*").all()
        return
    assert sum(part.rows for part in parts) == pytest.approx(frame.height)
    true = frame.filter(pl.col("age") <= age).height
    assert parts[0].lowest - 1e-9 <= parts[0].rows <= parts[0].highest + 1e-9
    if method != "full-domain":
        assert parts[0].lowest <= true <= parts[0].highest

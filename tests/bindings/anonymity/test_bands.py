"""Releases whose numbers are bands: grouped, verified, estimated, and refused."""

import datetime as dt
from itertools import combinations

import numpy as np
import polars as pl
import pytest

import shoal

RANDOM = np.random.default_rng(3)
PEOPLE = pl.DataFrame(
    {
        "age": RANDOM.binomial(70, 0.35, 400) + RANDOM.integers(10, 30, 400),
        "born": pl.Series(RANDOM.integers(0, 9000, 400)).cast(pl.Int32).cast(pl.Date),
        "sex": RANDOM.choice(["f", "m"], 400),
        "ill": RANDOM.choice(["flu", "gout", "hiv"], 400),
    }
)


def policy(*, k: int = 5, output: str = "bands", **more: object) -> shoal.Policy:
    numbers = shoal.QuasiIdentifier(output=output)  # type: ignore[arg-type]
    quasi = {"age": numbers, "born": numbers, "sex": shoal.QuasiIdentifier()}
    return shoal.Policy(k=k, quasi_identifiers=quasi, sensitive={"ill": shoal.Sensitive(l=2)}, order="sorted", **more)  # type: ignore[arg-type]


def ends_of(labels: pl.Series, dtype: type[pl.DataType]) -> pl.DataFrame:
    """Ends of the distinct labels."""
    frame = labels.cast(pl.String).unique().sort().to_frame("label")
    return frame.select("label", pl.col("label").shoal.bounds(dtype).alias("ends")).unnest("ends")  # type: ignore[attr-defined]


@pytest.mark.parametrize("method", ["tight", "mondrian", "mondrian-relaxed"])
def test_bands__are_few_nest_and_verify(method: str) -> None:
    found = shoal.anonymize(PEOPLE, policy(), method=method)  # type: ignore[arg-type]
    plain = shoal.anonymize(PEOPLE, policy(output="label"), method=method)  # type: ignore[arg-type]
    assert shoal.verify(found.frame, policy()).met
    for name, dtype in (("age", pl.Int64), ("born", pl.Date)):
        ends = ends_of(found.frame[name], dtype)
        for (a, b), (c, d) in combinations(ends.select("lower", "upper").rows(), 2):
            assert b < c or d < a or (a <= c and d <= b) or (c <= a and b <= d)
        assert ends.height < plain.frame[name].n_unique()


def test_bands__rows_are_grouped_by_the_widest() -> None:
    frame = shoal.anonymize(PEOPLE, policy()).frame.select(pl.col("age").cast(pl.String))
    ends = ends_of(frame["age"], pl.Int64)
    # Bands that no other band of the release holds are disjoint, and every row lies in one of them.
    held = ends.join_where(
        ends, pl.col("lower") >= pl.col("lower_right"), pl.col("upper") <= pl.col("upper_right")
    ).filter(pl.col("label") != pl.col("label_right"))
    widest = ends.join(held, on="label", how="anti")
    assert widest.sort("lower").select((pl.col("lower") > pl.col("upper").shift(1)).all()).item()
    own = frame.join(ends, left_on="age", right_on="label")
    grouped = own.join_where(
        widest.rename({"lower": "from", "upper": "to"}),
        pl.col("lower") >= pl.col("from"),
        pl.col("upper") <= pl.col("to"),
    )
    assert grouped.group_by("label").len()["len"].sum() == PEOPLE.height
    true = [
        PEOPLE.filter(pl.col("age").is_between(low, high)).height
        for low, high in widest.select("lower", "upper").rows()
    ]
    assert sorted(true) == sorted(grouped.group_by("label").len()["len"].to_list())


@pytest.mark.parametrize("method", ["tight", "mondrian"])
def test_bands__do_not_depend_on_the_order_of_rows(method: str) -> None:
    one, other = (
        shoal.anonymize(frame, policy(), method=method).frame  # type: ignore[arg-type]
        for frame in (PEOPLE, PEOPLE.sample(fraction=1.0, shuffle=True, seed=1))
    )
    assert one.equals(other)


def test_bands__nulls_that_are_generalized_are_anything() -> None:
    people = pl.DataFrame({"age": [30, 31, None, 60, 61, 62]})
    role = shoal.QuasiIdentifier(output="bands", nulls="generalize")
    asked = shoal.Policy(k=3, quasi_identifiers={"age": role})
    found = shoal.anonymize(people, asked)
    assert sorted(set(found.frame["age"].cast(pl.String))) == ["*", "[60, 62]"]
    assert shoal.verify(found.frame, asked).met


def test_bands__name_no_value_of_suppressed_rows() -> None:
    people = pl.DataFrame({"age": [30, 31, 32, 60, 61, 62, 117], "sex": ["f"] * 6 + [None]})
    quasi = {"age": shoal.QuasiIdentifier(output="bands"), "sex": shoal.QuasiIdentifier()}
    asked = shoal.Policy(k=6, suppress=0.2, quasi_identifiers=quasi)
    found = shoal.anonymize(people, asked)
    assert set(found.frame["age"].cast(pl.String)) == {"[30, 62]"}
    assert found.report.loss.ncp == pytest.approx((6 * 32 / 87 / 2 + 1) / 7)


def test_bands__nulls_kept_apart_are_no_part_of_the_top_band() -> None:
    people = pl.DataFrame({"age": [30, 62, None, None]})
    asked = shoal.Policy(k=2, quasi_identifiers={"age": shoal.QuasiIdentifier(output="bands")})
    found = shoal.anonymize(people, asked)
    assert set(found.frame["age"].cast(pl.String)) == {"[30, 62]", None}
    assert found.report.loss.ncp == 0.5


def test_bands__people_of_a_population_are_counted_by_them() -> None:
    asked = policy(models=[shoal.KMap(k=8)])
    population = pl.concat([PEOPLE, PEOPLE.with_columns(pl.col("age") + 1)])
    found = shoal.anonymize(PEOPLE, asked, population=population)
    assert shoal.verify(found.frame, asked, population=population).met
    with pytest.raises(shoal.PolicyError, match="bands"):
        shoal.anonymize(
            PEOPLE, policy(models=[shoal.DeltaPresence(at_most=0.9)]), method="mondrian", population=population
        )


def test_bands__of_a_release_promise_no_ends() -> None:
    released = pl.DataFrame({"age": ["[20, 23]"] * 4 + ["25"] * 2})
    asked = shoal.Policy(k=2, quasi_identifiers={"age": shoal.QuasiIdentifier(output="bands")})
    found = shoal.estimate(released, "age = 21", policy=asked)
    assert (found.rows, found.lowest, found.highest) == (1.0, 0, 4)
    assert shoal.estimate(released, "age = 20", policy=asked).lowest == 0
    assert shoal.estimate(released, "age = 25", policy=asked).rows == 2
    days = pl.DataFrame({"day": ["[2024-01-30, 2024-02-02]"] * 4})
    by_day = shoal.Policy(k=2, quasi_identifiers={"day": shoal.QuasiIdentifier(output="bands")})
    assert shoal.estimate(days, pl.col("day") == dt.date(2024, 2, 1), policy=by_day).rows == 1.0


@pytest.mark.parametrize("role", [{"kind": "category"}, {"hierarchy": shoal.Intervals(width=[5], lower=0, upper=100)}])
def test_bands__need_a_line(role: dict[str, object]) -> None:
    with pytest.raises(shoal.PolicyError, match="output = 'bands'"):
        shoal.QuasiIdentifier(output="bands", **role)  # type: ignore[arg-type]


def test_bands__are_no_levels_of_a_full_domain() -> None:
    with pytest.raises(shoal.PolicyError, match="method tight or mondrian"):
        shoal.anonymize(PEOPLE, policy(), method="full-domain")

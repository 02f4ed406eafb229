"""Releases as rows of single values: every label holds, known values occur, counts are as estimated."""

import polars as pl
import pytest

import shoal
from shoal_engine.errors import NumberError

RELEASE = pl.DataFrame(
    {
        "age": ["[20, 29]"] * 3 + ["[25, 34]"] * 4 + ["40"] * 2 + [None] * 2,
        "job": ["{cook, nurse}"] * 3 + ["cook"] * 4 + ["{cook, nurse}"] * 4,
        "ill": ["flu"] * 6 + ["hiv"] * 5,
    }
)
POLICY = shoal.Policy.of(k=2, quasi_identifiers=["age", "job"], sensitive=["ill"])


def test_spread__values_lie_within_their_labels_and_known_ones_occur() -> None:
    found = shoal.spread(RELEASE, policy=POLICY, seed=3)
    assert found.columns == RELEASE.columns
    assert found["ill"].equals(RELEASE["ill"])
    ages = found["age"].to_list()
    assert {20, 29} <= set(ages[:3]) <= {20, 25, 29}
    assert {25, 34} <= set(ages[3:7]) <= {25, 29, 34}
    assert ages[7:] == [40, 40, None, None]
    for first in (0, 7, 9):
        assert {"cook", "nurse"} == set(found["job"][first : first + (3 if first == 0 else 2)])


def test_spread__counts_are_as_estimated_up_to_rounding() -> None:
    labels = ["[0, 9]"] * 500 + ["3"] * 300 + ["[0, 5]"] * 200 + ["5"] * 10
    policy = shoal.Policy.of(k=2, quasi_identifiers=["x"])
    frame = pl.DataFrame({"x": labels})
    found = shoal.spread(frame, policy=policy, seed=1)["x"]
    for value in (0, 3, 5, 9):
        rows = found.filter(found == value).len()
        assert abs(rows - shoal.estimate(frame, {"x": value}, policy=policy).rows) <= 2


def test_spread__repeats_by_seed_and_refuses_a_negative_one() -> None:
    assert shoal.spread(RELEASE, policy=POLICY, seed=3).equals(shoal.spread(RELEASE, policy=POLICY, seed=3))
    with pytest.raises(NumberError, match="seed"):
        shoal.spread(RELEASE, policy=POLICY, seed=-3)


def test_spread__bounds_become_one_column() -> None:
    frame = pl.DataFrame({"age": [1, 2, 3, 7, 8, 9]})
    policy = shoal.Policy(k=3, quasi_identifiers={"age": shoal.QuasiIdentifier(output="bounds")})
    found = shoal.spread(shoal.anonymize(frame, policy), seed=1)
    assert found.columns == ["age"]
    assert {1, 3, 7, 9} <= set(found["age"])

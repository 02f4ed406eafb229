from collections import Counter

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import shoal

RANDOM = np.random.default_rng(8)
N = 500
TABLE = pl.DataFrame(
    {
        "job": pl.Series(RANDOM.choice(["clerk", "cook", "smith"], N), dtype=pl.Enum(["smith", "cook", "clerk"])),
        "age": RANDOM.integers(18, 90, N),
        "pay": RANDOM.lognormal(10.0, 1.0, N).round(2),
        "day": pl.Series(RANDOM.integers(0, 400, N).astype(np.int32)).cast(pl.Date),
    }
)


def test_microaggregate__groups_of_k_and_the_rest_as_it_was() -> None:
    for method in ("mdav", "v-mdav"):
        found = shoal.microaggregate(TABLE, ["age", "pay"], k=5, method=method)
        assert_frame_equal(found.frame.drop("age", "pay"), TABLE.drop("age", "pay"))
        assert found.frame.columns == TABLE.columns
        assert found.frame.group_by("age", "pay").len()["len"].min() >= 5
        assert found.frame["pay"].mean() == pytest.approx(TABLE["pay"].mean())
        before, after = (frame.select("age", "pay").to_numpy() for frame in (TABLE, found.frame))
        lost = np.square(before - after).sum(axis=0) / np.square(before - before.mean(axis=0)).sum(axis=0)
        assert found.loss_percent == pytest.approx(100 * lost.mean())
    alone = shoal.microaggregate(TABLE, ["age", "pay"], k=5, method="univariate")
    assert alone.frame.group_by("pay").len()["len"].min() >= 5
    # No grouping of one column loses less than the best one.
    assert shoal.microaggregate(TABLE, ["pay"], k=5, method="univariate").loss_percent <= found.loss_percent


def test_transforms__frames_of_other_kinds_and_files(tmp_path: object) -> None:
    plain = TABLE.select("age", "pay")
    plain.write_parquet(f"{tmp_path}/t.parquet")
    expected = shoal.round_values(plain, ["age"], base=7).frame
    for frame in (plain.lazy(), plain.to_pandas(), plain.to_arrow(), duckdb.sql("from plain"), f"{tmp_path}/t.parquet"):
        assert_frame_equal(shoal.round_values(frame, ["age"], base=7).frame, expected)
    # What comes out is a frame by the same interface.
    assert pd.DataFrame(pl.DataFrame(shoal.round_values(plain, ["age"], base=7))).shape == (N, 2)


def test_transforms__values_keep_their_type_where_they_are_the_former_ones() -> None:
    columns = ["job", "age", "day"]
    swapped = shoal.swap_ranks(TABLE, columns, share=0.1).frame
    assert swapped.schema == TABLE.schema
    assert all(Counter(swapped[name]) == Counter(TABLE[name]) for name in columns)
    changed = shoal.post_randomize(TABLE, columns, pd=0.5, alpha=1.0)
    assert changed.frame.schema == TABLE.schema
    assert 0.3 < changed.changed["job"] < 0.7
    assert changed.loss_percent is None
    assert shoal.top_bottom_code(TABLE, ["age"], upper=65).frame.schema == TABLE.schema


def test_transforms__noise_is_of_the_size_asked_for() -> None:
    found = shoal.add_noise(TABLE, ["age", "pay"], variance=0.25, method="correlated")
    # 500 squares of a standard normal: standard error 6 % of 25.
    assert found.loss_percent == pytest.approx(25, abs=9)
    assert found.changed == {"age": 1.0, "pay": 1.0}


def test_transforms__bad_input() -> None:
    with pytest.raises(shoal.ColumnError, match=r"'agee'.*did you mean 'age'"):
        shoal.add_noise(TABLE, ["agee"], variance=0.1)
    for columns in (["age", "age"], "age", []):
        with pytest.raises(shoal.PolicyError, match="each once"):
            shoal.add_noise(TABLE, columns, variance=0.1)
    with pytest.raises(shoal.PolicyError, match="> 0"):
        shoal.add_noise(TABLE, ["age"], variance=-0.1)
    with pytest.raises(shoal.PolicyError, match="k"):
        shoal.microaggregate(TABLE, ["age"], k=1)
    with pytest.raises(shoal.PolicyError, match="method"):
        shoal.microaggregate(TABLE, ["age"], k=2, method="mean-shift")
    with pytest.raises(shoal.PolicyNotMet, match="k = 501"):
        shoal.microaggregate(TABLE, ["age"], k=501)
    with pytest.raises(shoal.ColumnError, match="`job` has type large_string"):
        shoal.microaggregate(TABLE, ["job"], k=2)
    with pytest.raises(shoal.ColumnError, match="not finite"):
        shoal.round_values(pl.DataFrame({"a": [1.0, float("-inf")]}), ["a"], base=1)
    with pytest.raises(shoal.ColumnError, match="Int128"):
        shoal.round_values(pl.DataFrame({"a": pl.Series([1], dtype=pl.Int128)}), ["a"], base=1)
    with pytest.raises(shoal.InputError, match="no rows"):
        shoal.top_bottom_code(TABLE[:0], ["age"], upper=3)
    with pytest.raises(shoal.PolicyError, match="`lower`, `upper` or both"):
        shoal.top_bottom_code(TABLE, ["age"])


def test_linkage_risk__falls_with_k() -> None:
    shares = []
    for k in (2, 5, 20):
        masked = shoal.microaggregate(TABLE, ["age", "pay"], k=k)
        shares.append(shoal.linkage_risk(TABLE, masked, ["age", "pay"]).share)
    assert shares == sorted(shares, reverse=True)
    # A group of k rows hides its members behind k equal records.
    assert shares[0] <= 1 / 2
    assert shares[2] <= 1 / 20


def test_linkage_risk__methods_and_figures() -> None:
    for method in ("distance", "probability", "interval"):
        columns = ["age", "pay"] if method != "probability" else ["job", "age", "pay", "day"]
        same = shoal.linkage_risk(TABLE, TABLE, columns, method=method)
        assert (same.rows, same.by_chance) == (N, 1 / N)
        assert same.share == same.chance.mean() == 1.0
    noisy = shoal.add_noise(TABLE, ["age", "pay"], variance=0.01)
    shares = [
        shoal.linkage_risk(TABLE, noisy, ["age", "pay"], method="interval", width=width).share
        for width in (0.0, 0.1, 10.0)
    ]
    assert shares == sorted(shares)
    assert (shares[0], shares[2]) == (0.0, 1.0)


def test_linkage_risk__bad_input() -> None:
    with pytest.raises(shoal.InputError, match="500 rows and the masked table 499"):
        shoal.linkage_risk(TABLE, TABLE[1:], ["age"])
    with pytest.raises(shoal.PolicyError, match="each once"):
        shoal.linkage_risk(TABLE, TABLE, ["age", "age"])
    with pytest.raises(shoal.PolicyError, match="there is no method 'guess'"):
        shoal.linkage_risk(TABLE, TABLE, ["age"], method="guess")
    with pytest.raises(shoal.PolicyError, match="width = nan"):
        shoal.linkage_risk(TABLE, TABLE, ["age"], method="interval", width=float("nan"))
    with pytest.raises(shoal.ColumnError, match="`job` has type"):
        shoal.linkage_risk(TABLE, TABLE, ["job"])
    gaps = TABLE.with_columns(age=pl.lit(None, pl.Int64))
    with pytest.raises(shoal.ColumnError, match="`age` holds nulls"):
        shoal.linkage_risk(TABLE, gaps, ["age"])
    assert shoal.linkage_risk(gaps, gaps, ["age"], method="probability").share == pytest.approx(1 / N)

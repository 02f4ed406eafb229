import polars as pl
import pytest
from polars.testing import assert_frame_equal

from shoal.demo.hospital import hospital_policy, hospital_records
from shoal_engine.anonymity.policy.policy import Policy


@pytest.fixture(scope="module")
def records() -> pl.DataFrame:
    return hospital_records(20_000, seed=7)


def _years(frame: pl.DataFrame) -> pl.Series:
    return (frame["admission_date"] - frame["birth_date"]).dt.total_days() / 365.25


def test_hospital_records__schema(records: pl.DataFrame) -> None:
    assert dict(records.schema) == {
        "record": pl.String,
        "name": pl.String,
        "birth_date": pl.Date,
        "zip": pl.String,
        "sex": pl.String,
        "occupation": pl.String,
        "diagnosis": pl.String,
        "admission_date": pl.Date,
        "cost": pl.Float64,
    }
    assert records.height == 20_000


def test_hospital_records__same_seed_same_table() -> None:
    assert_frame_equal(hospital_records(500, seed=3), hospital_records(500, seed=3))


def test_hospital_records__other_seed_other_table() -> None:
    assert not hospital_records(500, seed=3).equals(hospital_records(500, seed=4))


def test_hospital_records__one_row() -> None:
    assert hospital_records(1, seed=1).height == 1


@pytest.mark.parametrize("n_rows", [0, -1])
def test_hospital_records__no_rows_refused(n_rows: int) -> None:
    with pytest.raises(ValueError, match="at least 1 row"):
        hospital_records(n_rows, seed=1)


def test_hospital_records__record_numbers_unique(records: pl.DataFrame) -> None:
    assert records["record"].n_unique() == records.height


def test_hospital_records__nulls_only_where_declared(records: pl.DataFrame) -> None:
    missing = {name for name, n in records.null_count().row(0, named=True).items() if n}
    assert missing == {"occupation", "zip"}


def test_hospital_records__zip_has_five_digits(records: pl.DataFrame) -> None:
    assert records["zip"].drop_nulls().str.contains(r"^\d{5}$").all()


def test_hospital_records__zip_is_skewed(records: pl.DataFrame) -> None:
    counts = records["zip"].drop_nulls().value_counts(sort=True)["count"]
    assert counts.head(len(counts) // 10).sum() > 0.25 * counts.sum()


def test_hospital_records__nobody_born_after_admission(records: pl.DataFrame) -> None:
    assert (records["birth_date"] <= records["admission_date"]).all()


def test_hospital_records__diagnosis_follows_sex(records: pl.DataFrame) -> None:
    by = records.filter(pl.col("diagnosis").is_in(["O80 delivery", "C61 prostate cancer"]))
    assert by.group_by("diagnosis").agg(pl.col("sex").n_unique())["sex"].to_list() == [1, 1]


def test_hospital_records__diagnosis_follows_age(records: pl.DataFrame) -> None:
    ages = records.with_columns(age=_years(records)).group_by("diagnosis").agg(pl.col("age").median())
    median = dict(ages.iter_rows())
    assert median["J21 bronchiolitis"] < 5 < 40 < median["I50 heart failure"]


def test_hospital_records__occupation_follows_age(records: pl.DataFrame) -> None:
    by_age = records.with_columns(age=_years(records)).drop_nulls("occupation")
    assert by_age.filter(occupation="judge")["age"].min() > 18
    assert (by_age.filter(pl.col("age") < 4)["occupation"] == "child").all()


def test_hospital_records__cost_has_heavy_tail(records: pl.DataFrame) -> None:
    cost = records["cost"]
    assert cost.min() > 0
    assert cost.quantile(0.999) > 8 * cost.median()
    by = dict(records.group_by("diagnosis").agg(pl.col("cost").median()).iter_rows())
    assert by["C91 lymphoid leukemia"] > 5 * by["A09 gastroenteritis"]


def test_hospital_policy__names_every_column(records: pl.DataFrame) -> None:
    assert set(hospital_policy().columns) == set(records.columns)


def test_hospital_policy__survives_toml() -> None:
    policy = hospital_policy()
    assert Policy.from_toml(policy.to_toml()) == policy


def test_hospital_policy__unnamed_people() -> None:
    policy = hospital_policy()
    assert set(policy.identifiers) == {"record", "name"}
    assert policy.k == 10

"""Errors of workloads and marginals: by hand, against counting, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import shoal
from benches import adult
from shoal.usefulness.marginals import binning_of, pair_distances
from shoal.usefulness.tables import CodedRows, PlainTable
from shoal.usefulness.workload import LEAST_SHARE
from shoal_engine.errors import ColumnError, InputError, NumberError, PolicyError

PEOPLE = pl.DataFrame(
    {
        "age": [20, 21, 22, 23, 40, 41, 42, 43] * 5,
        "job": ["cook", "cook", "nurse", "nurse"] * 10,
        "cost": list(range(40)),
        "ill": ["flu", "hiv", "flu", "flu", "ulcer", "flu", "hiv", "flu"] * 5,
        "name": [f"person {i}" for i in range(40)],
    }
)
POLICY = shoal.Policy.of(k=4, quasi_identifiers=["age", "job"], sensitive=["ill"], insensitive=["cost"])


@pytest.fixture(scope="module")
def release() -> shoal.Anonymized:
    return shoal.anonymize(PEOPLE, POLICY)


def test_utility__the_raw_table_has_no_error(release: shoal.Anonymized) -> None:
    found = shoal.utility(release, PEOPLE, seed=1, queries=60)
    assert found.error(table="raw").mean == 0.0
    assert found.error().answers == 60
    assert {one.kind for one in found.workload} == {"all", "count", "range", "mean"}
    assert [one.mean for one in found.marginals if one.table == "raw"] == [0.0]


def test_utility__a_release_without_loss_has_no_error() -> None:
    frame = pl.DataFrame({"age": [30, 30, 50, 50], "ill": ["a", "b", "a", "a"]})
    policy = shoal.Policy.of(k=2, quasi_identifiers=["age"], sensitive=["ill"])
    found = shoal.utility(shoal.anonymize(frame, policy), frame, seed=1, queries=20)
    assert found.error().mean == pytest.approx(0.0, abs=1e-12)
    assert found.marginals[0].worst == pytest.approx(0.0, abs=1e-12)


def test_utility__trivial_sanitization_spreads_evenly_over_the_values(release: shoal.Anonymized) -> None:
    # 25 of 40 rows have flu, one of three values; half of the rows are cooks, one of two.
    found = shoal.utility(release, PEOPLE, workload=[{"ill": "flu"}, {"job": "cook"}])
    no_sensitive = found.queries["error without sensitive columns"].to_list()
    assert no_sensitive == pytest.approx([(25 - 40 / 3) / 25, 0.0])
    assert found.queries["error without quasi-identifiers"].to_list() == pytest.approx([0.0, 0.0])
    assert found.seed is None


def test_utility__declared_questions_of_every_kind(release: shoal.Anonymized) -> None:
    asked = ["age >= 40", shoal.Query({"age": (20, 23)}), shoal.Query("ill = 'flu'", mean="cost")]
    found = shoal.utility(release, PEOPLE, workload=asked)
    assert found.queries["kind"].to_list() == ["count", "range", "mean"]
    assert found.queries["error release"].to_list() == pytest.approx([0.0] * 3)
    with pytest.raises(InputError, match="no question of kind"):
        found.error(kind="median")


def test_utility__says_nothing_of_a_value_in_its_figures(release: shoal.Anonymized) -> None:
    told = str(shoal.utility(release, PEOPLE, seed=1, queries=30).to_dict()) + repr(release)
    assert not any(value in told for value in ("flu", "cook", "person"))


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"workload": []}, InputError, "no question"),
        ({"workload": ["name = 'x'"]}, ColumnError, "does not have"),
        ({"workload": [shoal.Query({}, mean="ill")]}, ColumnError, "column of numbers"),
        ({"queries": 0}, NumberError, "at least 1"),
        ({"seed": -1}, NumberError, "at least 0"),
    ],
)
def test_utility__refuses(release: shoal.Anonymized, options: dict[str, Any], error: type, text: str) -> None:
    with pytest.raises(error, match=text):
        shoal.utility(release, PEOPLE, **options)


def test_utility__refuses_other_tables(release: shoal.Anonymized) -> None:
    with pytest.raises(ColumnError, match="the raw table"):
        shoal.utility(release, PEOPLE.drop("job"))
    with pytest.raises(InputError, match="no row"):
        shoal.utility(release, PEOPLE.clear())
    with pytest.raises(PolicyError, match="policy="):
        shoal.utility(release.frame, PEOPLE)


def test_workload__questions_are_met_by_enough_rows_and_repeat_by_seed() -> None:
    drawn = shoal.Workload.drawn(PEOPLE, ["age", "job", "cost", "ill"], queries=90, seed=7)
    assert drawn == shoal.Workload.drawn(PEOPLE, ["age", "job", "cost", "ill"], queries=90, seed=7)
    assert {one.kind for one in drawn.queries} == {"count", "range", "mean"}
    for one in drawn.queries:
        assert isinstance(one.where, dict)
        assert 1 <= len(one.where) <= 3
        rows = PEOPLE
        for name, wanted in one.where.items():
            rows = rows.filter(
                pl.col(name).is_between(*wanted) if isinstance(wanted, tuple) else pl.col(name) == wanted
            )
        assert rows.height >= LEAST_SHARE * PEOPLE.height
    assert shoal.Workload.drawn(PEOPLE, ["job"], queries=5).seed is not None


def test_utility__columns_that_cannot_be_compared_are_left_out_and_named() -> None:
    frame = PEOPLE.with_columns(tags=pl.Series([["x"], ["y"]] * 20), zip=pl.Series(["ab1", "ab2"] * 20))
    roles = {"age": shoal.QuasiIdentifier(), "zip": shoal.QuasiIdentifier(hierarchy=shoal.Prefix())}
    policy = shoal.Policy(k=4, quasi_identifiers=roles, insensitive={"tags": shoal.Insensitive()})
    found = shoal.utility(shoal.anonymize(frame, policy), frame, seed=1, queries=9)
    assert found.notes == ("zip, tags: left out, as labels or values cannot be compared",)
    assert set(found.queries["columns"]) == {"age"}


def test_workload__nothing_to_ask() -> None:
    with pytest.raises(InputError, match="declare the workload"):
        shoal.Workload.drawn(pl.DataFrame({"a": [None, None]}), ["a"], queries=3, seed=1)


def test_pair_distances__equal_counting() -> None:
    half = PlainTable(CodedRows(PEOPLE), dropped=["job"])
    raw = PlainTable(CodedRows(PEOPLE))
    binnings = {name: binning_of(PEOPLE[name]) for name in ("job", "ill")}
    found = pair_distances(half, raw, binnings)["job", "ill"]
    # Every illness is spread evenly over the two jobs.
    counts = PEOPLE.group_by("job", "ill").len()
    of_ill = dict(PEOPLE.group_by("ill").len().rows())
    true = {(job, ill): rows for job, ill, rows in counts.rows()}
    expected = sum(abs(true.get((job, ill), 0) - of_ill[ill] / 2) for job in ("cook", "nurse") for ill in of_ill)
    assert found == pytest.approx(expected / 80)


def test_binning__null_and_rare_values_have_their_own_bins() -> None:
    numbers = binning_of(pl.Series([None, *range(100)]))
    assert numbers.bin_of(pl.Series([None, 0, 99])).tolist() == [0, *numbers.bin_of(pl.Series([0, 99])).tolist()]
    assert np.bincount(numbers.bin_of(pl.Series(range(100)))).max() <= 8
    names = binning_of(pl.Series(["a", "b", None]))
    assert names.bin_of(pl.Series(["zz", None, "a"])).tolist()[:2] == [1, 0]


@pytest.mark.shared
@pytest.mark.skipif(not adult.present(), reason=adult.MISSING)
def test_utility__of_adult_meets_its_marks() -> None:
    frame = adult.read().sample(fraction=0.7, seed=1, shuffle=True)
    policy = shoal.Policy.of(k=10, quasi_identifiers=adult.QUASI_IDENTIFIERS, sensitive=[adult.SENSITIVE])
    found = shoal.utility(shoal.anonymize(frame, policy), frame, seed=1, queries=300)
    assert found.error().median <= 0.02
    assert found.error().at_95 <= 0.20
    assert found.error("without quasi-identifiers").at_95 > 0.5


def test_utility__reads_files(tmp_path: Path, release: shoal.Anonymized) -> None:
    raw, released, policy = tmp_path / "raw.csv", tmp_path / "released.csv", tmp_path / "policy.toml"
    PEOPLE.write_csv(raw)
    release.frame.write_csv(released)
    policy.write_text(POLICY.to_toml())
    found = shoal.utility(released, raw, policy=policy, workload=["age >= 40", shoal.Query({}, mean="age")])
    assert found.queries["error release"].to_list() == pytest.approx([0.0, 0.0], abs=0.02)

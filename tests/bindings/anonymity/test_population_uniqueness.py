import math
from typing import Any

import numpy as np
import polars as pl
import pytest

import shoal

pytest.importorskip("shoal_engine.risk.population_uniques")
PITMAN = shoal.PopulationUniqueness(at_most=0.001, sampling_fraction=0.1, estimator="pitman")


def test_measure__classes_without_single_rows_have_none() -> None:
    assert PITMAN.measure(np.array([2, 2, 5])) == 0.0
    assert PITMAN.measure(np.array([], np.int64)) == 0.0


def test_measure__grows_with_single_rows() -> None:
    few, many = np.array([1] * 5 + [4] * 50), np.array([1] * 60 + [2] * 20)
    assert 0 < PITMAN.measure(few) < PITMAN.measure(many) <= 1
    assert not PITMAN.holds(math.nan)


def test_sufficient_k__population_smaller_than_the_table() -> None:
    with pytest.raises(shoal.PolicyError, match="smaller than the table"):
        shoal.PopulationUniqueness(at_most=0.1, population=10).sufficient_k(11)


@pytest.mark.parametrize("method", ["mondrian", "tight"])
def test_anonymize__release_holds_the_share(method: Any) -> None:
    rng = np.random.default_rng(5)
    frame = pl.DataFrame({"x": rng.integers(0, 60, 900), "y": rng.integers(0, 9, 900)})
    roles = {"x": shoal.QuasiIdentifier(), "y": shoal.QuasiIdentifier()}
    model = shoal.PopulationUniqueness(at_most=0.0001, population=20_000, estimator="pitman")
    policy = shoal.Policy(k=1, models=[model], quasi_identifiers=roles)
    assert not shoal.verify(frame, policy).met
    assert shoal.assess(frame, policy).table_models == pytest.approx(
        shoal.verify(frame, policy).assessment.table_models
    )
    release = shoal.anonymize(frame, policy, method=method)
    assert shoal.verify(release.frame, policy).met
    assert release.report.table_models["population-uniqueness"] <= 0.0001

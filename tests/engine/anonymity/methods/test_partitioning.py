import polars as pl
import pytest

import shoal

TABLE = pl.DataFrame({"a": [1, 1, 2, 2, None, None], "s": ["x", "y", "x", "y", "z", "z"]})


def policy(t: float, *, nulls: str = "apart", suppress: float = 0.0) -> shoal.Policy:
    return shoal.Policy(
        k=2,
        suppress=suppress,
        quasi_identifiers={"a": shoal.QuasiIdentifier(nulls=nulls)},
        sensitive={"s": shoal.Sensitive(models=[shoal.Closeness(t=t)])},
    )


def test_partition__closeness_is_to_the_rows_that_are_released() -> None:
    # Without the nulls, whose class is far from the table, the rest is exactly as x and y are spread in it.
    for method in ("tight", "mondrian"):
        found = shoal.anonymize(TABLE, policy(0.1, suppress=0.4), method=method)
        assert found.report.suppressed_rows == 2
        assert found.report.sensitive["s"].t == pytest.approx(0.0)
        assert found.report.equivalence_classes == 2


def test_partition__nulls_apart_that_cannot_be_met_are_told() -> None:
    with pytest.raises(shoal.PolicyNotMet, match="'a'"):
        shoal.anonymize(TABLE, policy(0.1))
    found = shoal.anonymize(TABLE, policy(0.1, nulls="generalize"))
    assert found.report.equivalence_classes == 1

"""Where other tools are known to be wrong, or lose rows: each is right here, by `assess` and by `verify`."""

from typing import Any

import polars as pl
import pytest

import shoal
from shoal_engine.anonymity.criteria.assessment import Assessment, SensitiveReach


def assessment_of(frame: Any, route: str, *models: Any) -> Assessment:
    """Measure column s over classes of equal a."""
    policy = shoal.Policy(
        k=2,
        quasi_identifiers={"a": shoal.QuasiIdentifier()},
        sensitive={"s": shoal.Sensitive(models=models or [shoal.Distinct(l=1)])},
    )
    return shoal.assess(frame, policy) if route == "assess" else shoal.verify(frame, policy).assessment


def reach_of(frame: Any, route: str, *models: Any) -> SensitiveReach:
    return assessment_of(frame, route, *models).sensitive["s"]


both = pytest.mark.parametrize("route", ["assess", "verify"])


@both
def test_recursive__takes_the_most_frequent_value_first(route: str) -> None:
    """Counts 8, 1 and 1 with l = 3: r1 < c * r3 asks for c above 8."""
    frame = pl.DataFrame({"a": ["x"] * 10, "s": list("uuuuuuuuvw")})
    model = shoal.Recursive(c=8, l=3)
    assert reach_of(frame, route, model).c_recursive["3"] == 8.0
    policy = shoal.Policy(
        k=2, quasi_identifiers={"a": shoal.QuasiIdentifier()}, sensitive={"s": shoal.Sensitive(models=[model])}
    )
    assert not shoal.verify(frame, policy).met


@both
@pytest.mark.parametrize("n", [1, 2, 3, 5, 7, 49])
def test_entropy__of_equal_counts_is_their_number(n: int, route: str) -> None:
    frame = pl.DataFrame({"a": ["x"] * 3 * n, "s": [str(i) for i in range(n)] * 3})
    assert reach_of(frame, route).l_entropy == pytest.approx(n, rel=1e-14)
    policy = shoal.Policy(
        k=2,
        quasi_identifiers={"a": shoal.QuasiIdentifier()},
        sensitive={"s": shoal.Sensitive(models=[shoal.Entropy(l=n)])},
    )
    assert shoal.anonymize(frame, policy).report.rows == 3 * n


@both
def test_nulls__of_quasi_identifiers_are_rows_like_others(route: str) -> None:
    frame = pl.DataFrame({"a": ["x", "x", None, None, None], "s": list("uvuuu")})
    found = assessment_of(frame, route)
    assert (found.rows, found.k, found.equivalence_classes) == (5, 2, 2)
    assert found.sensitive["s"].l_distinct == 1


@both
def test_index__of_a_data_frame_does_not_matter(route: str) -> None:
    pandas = pytest.importorskip("pandas")
    plain = pandas.DataFrame({"a": list("xxyyy"), "s": list("uvuuv")})
    moved = plain.set_index(pandas.Index([7, 7, 0, -3, 99]))
    assert assessment_of(moved, route) == assessment_of(plain, route)


@both
@pytest.mark.parametrize("distance", ["equal", "ordered"])
def test_closeness__of_a_constant_is_zero(distance: Any, route: str) -> None:
    frame = pl.DataFrame({"a": list("xxyyy"), "s": [5] * 5})
    assert reach_of(frame, route, shoal.Closeness(t=0, distance=distance)).t == 0.0


@both
def test_categories__that_are_not_used_are_no_classes(route: str) -> None:
    categories = pl.Enum(["x", "y", "never", "nor this"])
    frame = pl.DataFrame(
        {"a": pl.Series(list("xxyyy"), dtype=categories), "s": pl.Series(list("xyxxy"), dtype=categories)}
    )
    found = assessment_of(frame, route)
    assert (found.equivalence_classes, found.k) == (2, 2)
    assert found.sensitive["s"].l_distinct == 2


@both
def test_delta_disclosure__of_an_absent_value_as_declared(route: str) -> None:
    frame = pl.DataFrame({"a": list("xxyyyy"), "s": list("uuuvvv")})
    models = [shoal.DeltaDisclosure(delta=1), shoal.DeltaDisclosure(delta=1, absent="infinite")]
    found = reach_of(frame, route, *models)
    assert found.delta_disclosure == pytest.approx(0.6931471805599453)  # all of x against half of the table
    assert found.delta_disclosure_strict == float("inf")


@both
def test_closeness__salaries_of_li_2007(route: str) -> None:
    """Section 4.1: the class of 3, 4 and 5 thousand lies at 0.375, that of 6, 8 and 11 at 0.167."""
    table = pl.DataFrame({"a": list("xxxyyyzzz"), "s": [3, 4, 5, 6, 11, 8, 7, 9, 10]})
    model = shoal.Closeness(t=1, distance="ordered")
    assert reach_of(table, route, model).t == pytest.approx(0.375, abs=1e-12)
    swapped = pl.DataFrame({"a": list("wwwyyywww"), "s": table["s"]})
    assert reach_of(swapped, route, model).t == pytest.approx(1 / 6, abs=1e-12)

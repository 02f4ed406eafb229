"""Releases under models that the union of two good classes may break, where several classes say the same."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal
from naive import releases
from naive.releases import Case

BREAKABLE = [
    [shoal.Entropy(l=2, estimator="grassberger")],
    [shoal.DeltaDisclosure(delta=1.2)],
    [shoal.DeltaDisclosure(delta=2.0, log="binary")],
]
METHODS = ["tight", "mondrian", "mondrian-relaxed"]


def test_relaxed__parts_of_equal_rows_hold_together() -> None:
    frame = pl.DataFrame({"q": [0, 0, 1, 0, 0, 2], "disease": ["gout", "flu", "hiv", "flu", "gout", "flu"]})
    policy = shoal.Policy(
        k=2,
        quasi_identifiers={"q": shoal.QuasiIdentifier()},
        sensitive={"disease": shoal.Sensitive(models=BREAKABLE[0])},
    )
    found = shoal.anonymize(frame, policy, method="mondrian-relaxed")
    assert releases.misses(policy, found.frame) == []


@pytest.mark.parametrize("method", METHODS)
@given(data=st.data(), rows=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=4, max_size=30))
@settings(deadline=None, max_examples=40)
def test_releases__hold_whatever_classes_say(method: str, data: st.DataObject, rows: list[tuple[int, int]]) -> None:
    sick = data.draw(st.lists(st.sampled_from(releases.DISEASES), min_size=len(rows), max_size=len(rows)))
    output = data.draw(st.sampled_from(["label", "center", "mean"]))
    policy = shoal.Policy(
        k=2,
        suppress=data.draw(st.sampled_from([0.0, 0.3])),
        quasi_identifiers={"x": shoal.QuasiIdentifier(output=output), "y": shoal.QuasiIdentifier(output=output)},
        sensitive={"disease": shoal.Sensitive(models=data.draw(st.sampled_from(BREAKABLE)))},
        insensitive={"row": shoal.Insensitive()},
    )
    frame = pl.DataFrame(rows, schema=["x", "y"], orient="row").with_columns(
        disease=pl.Series(sick), row=pl.int_range(len(rows))
    )
    case = Case(frame, policy)
    try:
        found = shoal.anonymize(case.frame, policy, method=method)  # type: ignore[arg-type]
    except shoal.PolicyNotMet:
        # Then not even one class of all rows does.
        everyone = frame.select("disease", x=pl.lit("*"), y=pl.lit("*"))
        assert releases.misses(policy, everyone) or policy.suppress
        return
    assert releases.misses(policy, found.frame) == []


@pytest.mark.parametrize("method", METHODS)
@given(data=st.data())
@settings(deadline=None, max_examples=40)
def test_ordered_closeness__holds_where_suppression_takes_the_last_of_a_value(method: str, data: st.DataObject) -> None:
    n = data.draw(st.integers(6, 30))
    grades = data.draw(st.lists(st.sampled_from([1, 2, 2, 3, 3, 3, 9]), min_size=n, max_size=n))
    ages = data.draw(st.lists(st.integers(0, 5), min_size=n, max_size=n))
    t = data.draw(st.sampled_from([0.1, 0.2, 0.35]))
    policy = shoal.Policy(
        k=2,
        suppress=0.5,
        quasi_identifiers={"age": shoal.QuasiIdentifier()},
        sensitive={"grade": shoal.Sensitive(models=[shoal.Closeness(t=t, distance="ordered")])},
    )
    # Were the promise missed, this would end in VerificationFailed.
    found = shoal.anonymize(pl.DataFrame({"age": ages, "grade": grades}), policy, method=method)  # type: ignore[arg-type]
    assert found.report.sensitive["grade"].t <= t + 1e-9

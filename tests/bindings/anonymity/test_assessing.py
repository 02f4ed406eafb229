from collections import Counter

import polars as pl
import pytest
from hypothesis import given, settings

import shoal
from naive.releases import Case, cases


@given(case=cases())
@settings(deadline=None, max_examples=60)
def test_assess__agrees_with_counting_rows(case: Case) -> None:
    found = shoal.assess(case.frame, case.policy)
    names = list(case.policy.quasi_identifiers)
    sizes = Counter(case.frame.select(names).rows())
    assert found.rows == case.frame.height
    assert found.k == min(sizes.values())
    assert found.equivalence_classes == len(sizes)
    assert found.unique_rows == sum(n == 1 for n in sizes.values())
    assert found.risk.highest == pytest.approx(1 / found.k)
    assert found.risk.average == pytest.approx(len(sizes) / case.frame.height)
    values = {key: set() for key in sizes}
    for key, value in zip(case.frame.select(names).rows(), case.frame["disease"], strict=True):
        values[key].add(value)
    assert found.sensitive["disease"].l_distinct == min(map(len, values.values()))


def test_assess__several_sensitive_columns() -> None:
    people = pl.DataFrame({"a": [1, 1, 2, 2], "s": list("xyxy"), "u": [None, None, 1, 2]})
    found = shoal.assess(people, shoal.Policy.of(k=2, quasi_identifiers=["a"], sensitive=["s", "u"]))
    assert (found.sensitive["s"].l_distinct, found.sensitive["s"].t) == (2, 0.0)
    assert (found.sensitive["u"].l_distinct, found.sensitive["u"].t) == (1, 0.5)

from collections import Counter
from itertools import combinations
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal

MODELS = [
    shoal.AverageRisk(at_most=0.2),
    shoal.SampleUniqueness(at_most=0.05),
    shoal.KMap(k=6, population=300),
    shoal.KMap(k=6, sampling_fraction=0.2, estimator="zero-truncated-poisson", significance=0.05),
    shoal.LKC(l=1, k=4, c=0.8),
    shoal.LKC(l=2, k=3, c=0.8),
]
ROWS = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from("abcd"), st.sampled_from([1, 2, None])), min_size=40, max_size=90
)


def policy_of(model: Any, k: int = 1) -> shoal.Policy:
    return shoal.Policy(
        k=k,
        models=[model],
        suppress=0.1,
        quasi_identifiers={
            "x": shoal.QuasiIdentifier(output="bounds"),
            "y": shoal.QuasiIdentifier(nulls="generalize"),
        },
        sensitive={"s": shoal.Sensitive()},
    )


def frame_of(rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"x": pl.Int64, "y": pl.String, "s": pl.Int64}, orient="row")


@given(rows=ROWS, model=st.sampled_from(MODELS), method=st.sampled_from(["mondrian", "tight"]))
@settings(deadline=None, max_examples=50)
def test_anonymize__release_holds_the_model_of_the_table(rows: list[Any], model: Any, method: Any) -> None:
    policy = policy_of(model)
    try:
        release = shoal.anonymize(frame_of(rows), policy, method=method)
    except shoal.PolicyNotMet:
        return
    assert shoal.verify(release.frame, policy).met
    classes = Counter(release.frame.select("x_lower", "x_upper", "y").rows())
    rows_left = classes.total()
    match model:
        case shoal.AverageRisk(at_most=limit):
            assert len(classes) / rows_left <= limit
        case shoal.SampleUniqueness(at_most=limit):
            assert list(classes.values()).count(1) / rows_left <= limit
        case shoal.KMap():
            assert min(classes.values()) >= model.sufficient_k(rows_left)
        case shoal.LKC(l=l, k=k, c=c):
            for columns in combinations([["x_lower", "x_upper"], ["y"]], l):
                names = [name for part in columns for name in part]
                groups = Counter(release.frame.select(names).rows())
                cells = Counter(release.frame.select(*names, "s").rows())
                assert min(groups.values()) >= k
                assert all(n / groups[key[:-1]] <= c for key, n in cells.items())


@given(rows=ROWS, l=st.integers(1, 3))
@settings(deadline=None, max_examples=30)
def test_assess__lkc_counts_every_combination(rows: list[Any], l: int) -> None:
    found = shoal.assess(frame_of(rows), policy_of(shoal.LKC(l=l, k=2, c=0.5))).table_models
    fewest, surest = len(rows), 0.0
    for size in range(1, l + 1):
        for columns in combinations((0, 1), size):
            groups = Counter(tuple(row[j] for j in columns) for row in rows)
            cells = Counter((*(row[j] for j in columns), row[2]) for row in rows)
            fewest = min(fewest, *groups.values())
            surest = max(surest, *(n / groups[key[:-1]] for key, n in cells.items()))
    assert (found["lkc-k"], found["lkc-c"]) == (fewest, pytest.approx(surest))


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_verify__tells_what_a_table_misses(model: Any) -> None:
    rows = [(i, "a", 1) for i in range(20)]
    frame = frame_of(rows).select(x_lower="x", x_upper="x", y="y", s="s")
    found = shoal.verify(frame, policy_of(model))
    assert len([told for told in found.broken if told.startswith("the table misses")]) == 1


@given(rows=ROWS, model=st.sampled_from(MODELS[:4]))
@settings(deadline=None, max_examples=30)
def test_assess__agrees_with_the_recount(rows: list[Any], model: Any) -> None:
    policy = shoal.Policy(k=1, models=[model], quasi_identifiers={"y": shoal.QuasiIdentifier()})
    frame = frame_of(rows).select("y")
    assessed = shoal.assess(frame, policy).table_models
    assert assessed == pytest.approx(shoal.verify(frame, policy).assessment.table_models)

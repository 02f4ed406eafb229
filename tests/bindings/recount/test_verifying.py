import polars as pl
import pytest
from hypothesis import given, settings

import shoal
from naive import releases
from naive.releases import Case, cases


@given(case=cases())
@settings(deadline=None, max_examples=60)
def test_verify__judges_any_table_as_counting_does(case: Case) -> None:
    frame = case.frame.select(
        *(
            pl.col(n.removesuffix("_lower").removesuffix("_upper")).alias(n)
            for n in releases.released_columns(case.policy)
        ),
        "disease",
        "row",
    )
    found = shoal.verify(frame, case.policy)
    assert found.met == (not releases.misses(case.policy, frame))


def test_verify__an_identifier_that_is_still_there_is_told() -> None:
    policy = shoal.Policy(
        k=2, quasi_identifiers={"a": shoal.QuasiIdentifier()}, identifiers={"name": shoal.Identifier()}
    )
    found = shoal.verify(pl.DataFrame({"a": ["1", "1"], "name": ["x", "y"]}), policy)
    assert not found.met
    assert "'name'" in found.broken[0]
    assert "'name'" in repr(found)


def test_verify__a_missing_column_is_named() -> None:
    policy = shoal.Policy.of(k=2, quasi_identifiers=["a"], sensitive=["s"])
    with pytest.raises(shoal.ColumnError, match="'s'"):
        shoal.verify(pl.DataFrame({"a": ["1", "1"]}), policy)


def test_verify__two_models_of_one_kind_are_both_asked() -> None:
    people = pl.DataFrame({"a": [1] * 6, "s": list("xxxyyz")})
    for models in (
        [shoal.Recursive(c=1.5, l=2), shoal.Recursive(c=0.5, l=2)],
        [shoal.Distinct(l=1), shoal.Distinct(l=4)],
    ):
        policy = shoal.Policy(
            k=2, quasi_identifiers={"a": shoal.QuasiIdentifier()}, sensitive={"s": shoal.Sensitive(models=models)}
        )
        assert len(shoal.verify(people, policy).broken) == 1

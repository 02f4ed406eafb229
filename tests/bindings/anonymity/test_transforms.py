"""Transformations in a policy: applied first, then classes as without them."""

import random
from collections import Counter

import numpy as np
import polars as pl
import pytest

import shoal

N = 400
MIXED = np.random.default_rng(3)
PEOPLE = pl.DataFrame(
    {
        "age": MIXED.integers(18, 90, N),
        "income": np.round(MIXED.lognormal(10.0, 1.0, N), 2),
        "job": MIXED.choice(["clerk", "cook", "smith"], N, p=[0.7, 0.2, 0.1]),
        "illness": MIXED.choice(["flu", "gout", "hiv", "mumps"], N),
        "row": np.arange(N),
    }
).with_columns(income=pl.when(pl.col("row") % 10 == 0).then(None).otherwise("income"))

KINDS = {
    "microaggregate": shoal.Microaggregate(k=6),
    "top-bottom": shoal.TopBottom(lower=20, upper=80),
    "round": shoal.Round(base=10),
    "random round": shoal.Round(base=10, random=True),
    "pram": shoal.PostRandomize(pd=0.7),
    "rank-swap": shoal.RankSwap(share=0.1),
    "noise": shoal.Noise(variance=0.2),
}


def policy(transform: object, *, k: int = 5, column: str = "age", **role: object) -> shoal.Policy:
    return shoal.Policy(
        k=k,
        quasi_identifiers={
            column: shoal.QuasiIdentifier(transform=transform, **role),
            "job": shoal.QuasiIdentifier(),
        },
        sensitive={"illness": shoal.Sensitive(models=[shoal.Distinct(l=2)])},
        insensitive={"row": shoal.Insensitive()},
    )


@pytest.mark.parametrize("method", ["tight", "mondrian", "mondrian-relaxed"])
@pytest.mark.parametrize("kind", KINDS)
def test_anonymize__holds_its_policy_over_transformed_values(kind: str, method: str) -> None:
    for column in ("age", "income"):
        asked = policy(KINDS[kind], column=column, output="bounds")
        release = shoal.anonymize(PEOPLE, asked, method=method)
        assert shoal.verify(release, asked).met
        assert release.report.notes[0].startswith(f"{kind.split()[-1]} of '{column}': ")
        assert asked == shoal.Policy.from_toml(asked.to_toml())
        # Every null stays one, and every value stays a value.
        nulls = PEOPLE.filter(pl.col(column).is_null())["row"]
        released = release.frame.filter(pl.col(f"{column}_lower").is_null())["row"]
        assert set(nulls) == set(released)


def test_anonymize__microaggregated_rows_need_no_generalization() -> None:
    """Where one group takes all quasi-identifiers, and its k is the policy's, its groups are the classes."""
    role = shoal.QuasiIdentifier(output="mean", transform=shoal.Microaggregate(k=5, group="all"))
    asked = shoal.Policy(k=5, quasi_identifiers={"age": role, "income": role})
    release = shoal.anonymize(PEOPLE.drop_nulls(), asked)
    assert release.report.loss.ncp == 0
    assert set(release.frame.group_by("age", "income").len()["len"]) <= set(range(5, 10))
    assert release.report.notes[0].startswith("microaggregate of 'age' and 'income': information loss ")


def test_anonymize__groups_follow_neither_order_nor_batches() -> None:
    role = shoal.QuasiIdentifier(transform=shoal.Microaggregate(k=3, group="all"))
    asked = shoal.Policy(
        k=3,
        order="sorted",
        quasi_identifiers={"age": role, "income": role, "job": shoal.QuasiIdentifier()},
        sensitive={"illness": shoal.Sensitive()},
    )
    # Many rows of equal numbers, told apart by job and illness alone.
    coarse = PEOPLE.with_columns(pl.col("age") // 30, (pl.col("income") / 1e4).floor())
    first = shoal.anonymize(coarse, asked).frame
    parts = [coarse[150:], coarse[:50], coarse[50:150]]
    random.Random(1).shuffle(parts)
    assert shoal.anonymize(pl.concat(parts, rechunk=False), asked, n_threads=1).frame.equals(first)


def test_anonymize__a_swapped_column_holds_the_same_values() -> None:
    asked = policy(shoal.RankSwap(share=0.05), k=2, output="bounds")
    released = shoal.anonymize(PEOPLE[:, :], asked).frame.sort("row")
    assert released.height == N
    # Ages of a class are among the swapped ones, which are the table's own.
    assert set(released["age_lower"]) | set(released["age_upper"]) <= set(PEOPLE["age"])


def test_anonymize__randomness_differs_from_run_to_run() -> None:
    asked = policy(shoal.Noise(variance=1.0), k=2, output="bounds")
    first, then = (shoal.anonymize(PEOPLE, asked).frame.sort("row")["age_lower"] for _ in range(2))
    assert (first != then).mean() > 0.9


def test_assess__tells_of_the_table_as_it_is() -> None:
    asked = policy(shoal.TopBottom(upper=18))
    assert shoal.assess(PEOPLE, asked) == shoal.assess(PEOPLE, policy(None))


def test_anonymize__a_transformed_column_may_have_a_hierarchy() -> None:
    steps = shoal.Intervals(width=[20], lower=0, upper=120)
    asked = policy(shoal.Round(base=5), hierarchy=steps)
    released = shoal.anonymize(PEOPLE, asked).frame["age"]
    assert set(released) <= {f"[{low}, {low + 20})" for low in range(0, 120, 20)} | {
        f"{n}" for n in range(0, 120, 5)
    } | {"*"}


@pytest.mark.parametrize(
    ("toml", "match"),
    [
        ("{ kind = 'microaggregate' }", "missing required field `k`.*transform = "),
        ("{ kind = 'microaggregate', k = 1 }", ">= 2"),
        ("{ kind = 'microaggregate', k = 3, gain = -1.0 }", ">= 0"),
        ("{ kind = 'mdav', k = 3 }", "transform"),
        ("{ kind = 'top-bottom' }", "`lower`, `upper` or both"),
        ("{ kind = 'top-bottom', lower = 5, upper = 4 }", "`lower` at most `upper`"),
        ("{ kind = 'round', base = 0 }", "above 0"),
        ("{ kind = 'round', base = inf }", "finite"),
        ("{ kind = 'pram', pd = 0.0 }", "> 0"),
        ("{ kind = 'pram', pd = 1.1 }", "<= 1"),
        ("{ kind = 'rank-swap', share = 0.0 }", "> 0"),
        ("{ kind = 'noise', variance = -0.5 }", "> 0"),
        ("{ kind = 'noise', variance = nan }", "finite|> 0"),
    ],
)
def test_policy__refuses_a_transform(toml: str, match: str) -> None:
    with pytest.raises(shoal.PolicyError, match=match):
        shoal.Policy.from_toml(f"k = 2\n[quasi_identifier.age]\ntransform = {toml}")


def test_policy__columns_of_a_group_ask_for_the_same() -> None:
    roles = {
        name: shoal.QuasiIdentifier(transform=shoal.Microaggregate(k=k, group="g")) for name, k in (("a", 3), ("b", 4))
    }
    with pytest.raises(shoal.PolicyError, match="`a` and `b` are of group 'g'"):
        shoal.Policy(k=2, quasi_identifiers=roles)


def test_anonymize__dates_are_grouped_and_perturbed() -> None:
    born = PEOPLE.with_columns(born=pl.date(1950, 1, 1) + pl.duration(days=pl.col("age") * 37))
    for kind in ("microaggregate", "noise", "rank-swap", "pram"):
        asked = policy(KINDS[kind], column="born", output="bounds")
        release = shoal.anonymize(born, asked)
        assert release.frame.schema["born_lower"] == pl.Date
        assert shoal.verify(release, asked).met


def test_anonymize__columns_that_cannot_take_their_transform() -> None:
    for kind in ("microaggregate", "top-bottom", "round", "random round", "noise"):
        with pytest.raises(shoal.ColumnError, match="`word` has type large_string"):
            shoal.anonymize(PEOPLE.with_columns(word=pl.col("job")), policy(KINDS[kind], column="word"))
    with pytest.raises(shoal.PolicyNotMet, match="k = 401 asks for more rows"):
        shoal.anonymize(PEOPLE, policy(shoal.Microaggregate(k=401)))
    with pytest.raises(shoal.PolicyNotMet, match="reaches no other row"):
        shoal.anonymize(PEOPLE, policy(shoal.RankSwap(share=0.001)))
    with pytest.raises(shoal.ColumnError, match="not finite"):
        shoal.anonymize(PEOPLE.with_columns(age=pl.lit(float("inf"))), policy(KINDS["noise"]))


def test_anonymize__text_can_be_randomized_and_swapped() -> None:
    for transform in (shoal.PostRandomize(pd=0.5, alpha=1.0), shoal.RankSwap(share=0.5)):
        asked = shoal.Policy(
            k=2,
            quasi_identifiers={"job": shoal.QuasiIdentifier(transform=transform)},
            insensitive={"row": shoal.Insensitive()},
        )
        release = shoal.anonymize(PEOPLE, asked)
        released = release.frame.sort("row")["job"]
        assert set(released) == set(PEOPLE["job"])
        assert 0.05 < (released != PEOPLE["job"]).mean() < 0.95
        assert release.report.notes[0].endswith(" % of the values differ")
        if isinstance(transform, shoal.RankSwap):
            assert Counter(released) == Counter(PEOPLE["job"])

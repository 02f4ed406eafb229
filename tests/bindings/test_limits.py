"""Every number of a policy at and beyond its limits: an error of ours, or a release that holds what was asked."""

import typing
from collections.abc import Iterator
from typing import Any

import msgspec
import polars as pl
import pytest

import shoal
from shoal_engine.policy_values import PolicyValue

NUMBERS: list[Any] = [
    *(-(2**63) - 1, -1, 0, 1, 2, 70, 1001, 10**12, 10**12 + 1, 2**31, 2**62, 2**63 - 1, 2**63, 2**64, 10**20, 10**400),
    *(-1.0, -0.0, 5e-324, 1e-300, 0.5, 1.0, 1.5, 1e12, 1e300, 1.7e308, float("inf"), float("-inf"), float("nan")),
    *(True, "7", None, [3], 2 + 0j),
]
TABLE = pl.DataFrame(
    {
        "n": [i % 5 for i in range(20)],
        "z": [f"{i % 4:03d}" for i in range(20)],
        "d": pl.Series(range(20)).cast(pl.Date),
        "s": ["x", "y"] * 10,
        "m": [["u"], ["u", "v"]] * 10,
    }
)

HIERARCHIES: dict[str, list[PolicyValue]] = {
    "n": [
        shoal.Intervals(width=[2, 4], lower=0, upper=8, origin=0, bottom=0, top=8, minimum=0, maximum=8),
        shoal.Intervals(bounds=[[0, 2, 4, 8], [0, 8]]),
        shoal.Intervals(width=[1], lower=0, upper=8, fanout=[2]),
        shoal.Order(fanout=[2, 2]),
        shoal.Priority(levels=3),
        shoal.Auto(levels=3, fanout=3),
    ],
    "z": [
        shoal.Redaction(keep=[2, 1], length=3, alphabet=10),
        shoal.Prefix(keep=[2, 1]),
    ],
    "d": [shoal.Dates(levels=["day", "year"])],
}
TRANSFORMS: list[PolicyValue] = [
    shoal.Microaggregate(k=2, method="v-mdav", gain=0.2),
    shoal.TopBottom(lower=1, upper=3),
    shoal.Round(base=2),
    shoal.PostRandomize(pd=0.9, alpha=0.1),
    shoal.RankSwap(share=0.5),
    shoal.Noise(variance=0.1),
]
SENSITIVE: list[PolicyValue] = [
    shoal.Distinct(l=2),
    shoal.Entropy(l=1.5),
    shoal.Entropy(l=1.5, estimator="grassberger"),
    shoal.Recursive(c=2.0, l=2),
    shoal.Closeness(t=0.5),
    shoal.DeltaDisclosure(delta=2.0),
    shoal.BetaLikeness(beta=2.0),
    shoal.Alpha(alpha=0.9),
]
OF_TABLE: list[PolicyValue] = [
    shoal.AverageRisk(at_most=0.5),
    shoal.SampleUniqueness(at_most=0.5),
    shoal.PopulationUniqueness(at_most=0.5, sampling_fraction=0.5),
    shoal.PopulationUniqueness(at_most=0.5, population=100),
    shoal.KMap(k=3, sampling_fraction=0.5, significance=0.1),
    shoal.KMap(k=3, population=100, estimator="zero-truncated-poisson"),
    shoal.LKC(l=1, k=2, c=0.9),
]


def numeric(kind: Any) -> bool:
    """Whether a field may hold a number, in a list or not."""
    parts = typing.get_args(kind)
    return kind in (int, float) or any(numeric(part) for part in parts)


def variants(value: PolicyValue) -> Iterator[dict[str, Any]]:
    """The value as a policy says it, with each number replaced by each extreme one."""
    plain = msgspec.to_builtins(value)
    kinds = typing.get_type_hints(type(value), include_extras=False)
    for name in value.__struct_fields__:
        if not numeric(kinds[name]):
            continue
        now = getattr(value, name)
        for number in NUMBERS:
            replaced = number
            if isinstance(now, list | tuple) and now:
                replaced = [[number, *now[0][1:]], *now[1:]] if isinstance(now[0], list | tuple) else [number, *now[1:]]
            yield plain | {name: replaced}


def released(**sections: Any) -> str:
    """Build the policy and release, or return the error."""
    described = {
        "k": 2,
        "quasi_identifiers": {"n": {}},
        "sensitive": {"s": {}},
        **sections,
    }
    try:
        policy = shoal.Policy(**described)
        found = shoal.anonymize(TABLE, policy)
    except shoal.ShoalError as error:
        return type(error).__name__
    assert found.report.k >= min(2, policy.k)
    return "released"


@pytest.mark.parametrize("number", NUMBERS, ids=str)
def test_policy__its_own_numbers(number: Any) -> None:
    for sections in (
        {"k": number},
        {"suppress": number},
        {"set_valued": {"m": {"m": number}}},
        {"set_valued": {"m": {"m": 1, "k": number}}},
        {"full_domain": {"balance": number}},
        {"full_domain": {"max_steps": number, "search": "top-down"}},
        {"full_domain": {"rounds": number}},
        {"full_domain": {"weights": {"n": number}}},
        {"full_domain": {"levels": {"n": number}}},
        *({"sensitive": {"s": {name: number}}} for name in ("l", "t", "delta", "beta", "alpha")),
    ):
        released(**sections)


@pytest.mark.parametrize("value", SENSITIVE, ids=repr)
def test_models_of_a_column__any_number(value: PolicyValue) -> None:
    for said in variants(value):
        released(sensitive={"s": {"models": [said]}})


@pytest.mark.parametrize("value", OF_TABLE, ids=repr)
def test_models_of_the_table__any_number(value: PolicyValue) -> None:
    for said in variants(value):
        released(models=[said])


@pytest.mark.parametrize(("column", "value"), [(c, v) for c, some in HIERARCHIES.items() for v in some], ids=repr)
def test_hierarchies__any_number(column: str, value: PolicyValue) -> None:
    for said in variants(value):
        released(quasi_identifiers={column: {"hierarchy": said}})


@pytest.mark.parametrize("value", TRANSFORMS, ids=repr)
def test_transforms__any_number(value: PolicyValue) -> None:
    for said in variants(value):
        released(quasi_identifiers={"n": {"transform": said}})


def test_sweep__knows_every_value_with_numbers() -> None:
    """A new model, hierarchy or transformation with a number has to be listed above."""

    def kinds(parent: type[PolicyValue]) -> Iterator[type[PolicyValue]]:
        for kind in parent.__subclasses__():
            yield kind
            yield from kinds(kind)

    swept = {type(value) for some in (*HIERARCHIES.values(), TRANSFORMS, SENSITIVE, OF_TABLE) for value in some}
    swept |= {kind for kind in kinds(PolicyValue) if kind.__name__ in ("FullDomain", "Sensitive", "SetValued")}
    swept |= {kind for kind in swept for kind in kind.__mro__}
    missing = {
        kind.__name__
        for kind in kinds(PolicyValue)
        if any(numeric(one) for one in typing.get_type_hints(kind).values()) and kind not in swept
    }
    # The first needs a table of people; the others are about files, whose own tests sweep them.
    assert missing <= {"DeltaPresence", "FileFormat", "ColumnFormat"}

"""Centers, means and figures of numbers at the ends of their types."""

import datetime as dt
import json
import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal
from shoal_engine.anonymity.release import recoding
from shoal_engine.anonymity.table.dimensions import bind_column
from shoal_engine.tables.columns import ColumnEncoder


def of_one_class(values: pl.Series, output: Any) -> Any:
    """What stands for all values as one class."""
    policy = shoal.Policy(k=len(values), quasi_identifiers={"q": shoal.QuasiIdentifier(output=output)})
    (value,) = set(shoal.anonymize(values.alias("q").to_frame(), policy).frame["q"])
    return value


@pytest.mark.parametrize("unit", ["ns", "us", "ms"])
@given(ends=st.tuples(*[st.integers(-(2**63) + 1, 2**63 - 1)] * 2))
@settings(deadline=None, max_examples=20)
def test_center__of_datetimes_is_the_floor_of_the_middle(unit: Any, ends: tuple[int, int]) -> None:
    values = pl.Series("q", ends, dtype=pl.Int64).cast(pl.Datetime(unit))
    policy = shoal.Policy(k=2, quasi_identifiers={"q": shoal.QuasiIdentifier(output="center")})
    found = shoal.anonymize(values.to_frame(), policy).frame["q"].cast(pl.Int64)
    assert set(found) == {math.floor(Fraction(sum(ends), 2))}


def test_center__of_dates_and_times_in_a_zone() -> None:
    assert of_one_class(pl.Series([dt.date(1, 1, 1), dt.date(9999, 12, 31)]), "center") == dt.date(5000, 7, 2)
    zoned = pl.Series([-(2**62), 2**62 + 2]).cast(pl.Datetime("ns", "Europe/Berlin"))
    policy = shoal.Policy(k=2, quasi_identifiers={"q": shoal.QuasiIdentifier(output="center")})
    found = shoal.anonymize(zoned.alias("q").to_frame(), policy).frame["q"]
    assert found.dtype == zoned.dtype
    assert set(found.cast(pl.Int64)) == {1}


NUMBERS = [
    [5e-324, 5e-324],
    [0.0, 5e-324],
    [-5e-324, -5e-324],
    [1.7e308, 1.6e308],
    [-1.7e308, 1.7e308],
    [1.7e308, 1.7e308, -1.7e308],
    [0.1, 0.1, 0.1],
    [1, 2, 6],
    [2**63 - 1, 2**63 - 1],
    [2**53 + 1, 2**53 + 1],
    [-(2**63), 2**63 - 1],
    [Decimal(10**37 + 1), Decimal(10**37 + 3)],
]


@pytest.mark.parametrize("output", ["center", "mean"])
@pytest.mark.parametrize("numbers", NUMBERS)
def test_center_and_mean__lie_within_their_class(numbers: list[Any], output: str) -> None:
    found = of_one_class(pl.Series(numbers), output)
    assert float(min(numbers)) <= found <= float(max(numbers))
    exact = [Fraction(number) for number in numbers]
    true = sum(exact) / len(exact) if output == "mean" else (min(exact) + max(exact)) / 2
    scale = max(abs(number) for number in exact)
    assert abs(Fraction(found) - true) <= scale / 2**51 + Fraction(5e-324)


def test_mean__of_weighted_huge_values_beside_a_class_of_nulls() -> None:
    table = pl.DataFrame({"q": [1.7e308] * 5 + [None] * 5})
    policy = shoal.Policy(k=5, quasi_identifiers={"q": shoal.QuasiIdentifier(output="mean")})
    assert set(shoal.anonymize(table, policy).frame["q"]) == {1.7e308, None}


def test_representatives__outside_their_class_are_not_released(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = recoding._released  # pyright: ignore[reportPrivateUsage]

    def moved(name: str, values: Any) -> Any:
        import pyarrow.compute as pc

        return honest(name, pc.add(values, 100.0))

    monkeypatch.setattr(recoding, "_released", moved)
    for output in ("center", "mean"):
        with pytest.raises(shoal.VerificationFailed, match=f"{output} of 'q' lies outside"):
            of_one_class(pl.Series([1, 2]), output)


@pytest.mark.parametrize(
    "values",
    [
        pl.Series([Decimal(10**30 + i) for i in range(8)], dtype=pl.Decimal(38, 0)),
        pl.Series([Decimal(10**22 + i).scaleb(-8) for i in range(8)], dtype=pl.Decimal(38, 8)),
        pl.Series([i * 5e-324 for i in range(8)]),
        pl.Series([(2 * i - 7) / 7 * 1.7e308 for i in range(8)]),
        pl.Series([2**63 - 8 + i for i in range(8)]),
        pl.Series([2**64 - 8 + i for i in range(8)], dtype=pl.UInt64),
    ],
)
def test_loss__of_equidistant_values_whatever_their_size(values: pl.Series) -> None:
    table = pl.DataFrame({"q": values})
    found = shoal.anonymize(table, shoal.Policy.of(k=2, quasi_identifiers=["q"]), utility=True)
    assert found.report.loss.ncp == pytest.approx(1 / 7)
    assert json.loads(json.dumps(found.certificate(), allow_nan=False))["figures"]["loss"]["ncp"] == pytest.approx(
        1 / 7
    )


def test_loss__is_zero_where_every_class_is_one_value() -> None:
    table = pl.DataFrame({"x": [0.0, 0.0, 5e-324, 5e-324]})
    assert shoal.anonymize(table, shoal.Policy.of(k=2, quasi_identifiers=["x"])).report.loss.ncp == 0


def test_certificate__of_unbounded_figures_is_json() -> None:
    table = pl.DataFrame({"q": [1, 1, 2, 2], "s": list("abcd"), "one": ["x"] * 4})
    models = [shoal.DeltaDisclosure(delta=9), shoal.DeltaDisclosure(delta=9, absent="infinite")]
    del models[1]
    policy = shoal.Policy(
        k=2, quasi_identifiers={"q": shoal.QuasiIdentifier()}, sensitive={"s": shoal.Sensitive(models=models)},
        insensitive={"one": shoal.Insensitive()},
    )  # fmt: skip
    json.dumps(shoal.anonymize(table, policy, utility=True).certificate(), allow_nan=False)


LARGE = 10**30


@given(
    numbers=st.lists(st.integers(-LARGE, LARGE).map(lambda n: Decimal(n) / 1000), min_size=1, max_size=9, unique=True)
)
@settings(deadline=None, max_examples=50)
def test_positions__of_decimals_are_exact(numbers: list[Decimal]) -> None:
    encoder = ColumnEncoder("q")
    encoder.observe(pl.Series(numbers, dtype=pl.Decimal(38, 3)).to_arrow())
    found = bind_column("q", shoal.QuasiIdentifier(), encoder.finish()[0]).position
    assert found is not None
    exact = sorted(map(Fraction, numbers))
    span = exact[-1] - exact[0] or Fraction(1)
    assert found.tolist() == [float((number - exact[0]) / span) for number in exact]


def test_microaggregation__of_huge_values_loses_what_it_loses_of_small_ones() -> None:
    small = pl.DataFrame({"x": [1.7, 1.6, 1.5, 1.2]})
    for method in ("mdav", "univariate"):
        huge, plain = (shoal.microaggregate(table, ["x"], k=2, method=method) for table in (small * 1e308, small))
        assert huge.frame["x"].to_list() == pytest.approx((plain.frame["x"] * 1e308).to_list())
        assert huge.loss_percent == pytest.approx(plain.loss_percent)


def test_utility__of_huge_values_is_finite_where_it_does_not_follow_the_unit() -> None:
    numbers = [-1.7, 1.7, 1.6, 1.1, -0.3, 0.4]
    figures = []
    for unit in (1.0, 1e308):
        table = pl.DataFrame({"x": [unit * number for number in numbers], "y": range(6)})
        found = shoal.anonymize(table, shoal.Policy.of(k=2, quasi_identifiers=["x", "y"]), utility=True)
        kept = found.utility.filter(pl.col("measure").is_in(["il1s", "correlation_loss", "eigenvalue_difference"]))
        figures.append(kept["value"].to_list())
    assert figures[0] == pytest.approx(figures[1])

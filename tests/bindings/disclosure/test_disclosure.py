"""Disclosure risk against counting rows, against integrals, and against published figures."""

from collections import Counter
from fractions import Fraction
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate

import shoal
from naive.releases import Case, cases
from shoal_engine.risk.reidentification import expected_probability

POLICY = shoal.Policy.of(k=2, quasi_identifiers=["a", "b"], sensitive=["s"])
SAMPLE = pl.DataFrame({"a": [1, 1, 1, 2, 2, None], "b": list("xxxxyz"), "s": ["p", "p", "q", None, "q", "p"]})
POPULATION = pl.concat([SAMPLE, SAMPLE, SAMPLE.head(3), pl.DataFrame({"a": [9], "b": ["x"], "s": ["p"]})])


@given(case=cases(), threshold=st.sampled_from([0.0, 0.2, 0.5, 1.0]))
@settings(deadline=None, max_examples=60)
def test_risk__prosecutor_and_attributes_agree_with_counting_rows(case: Case, threshold: float) -> None:
    found = shoal.risk(case.frame, case.policy, threshold=threshold)
    keys = case.frame.select(list(case.policy.quasi_identifiers)).rows()
    values = case.frame["disease"].to_list()
    sizes, pairs = Counter(keys), Counter(zip(keys, values, strict=True))
    chances = [Fraction(1, sizes[key]) for key in keys]
    assert found.prosecutor.highest == pytest.approx(float(max(chances)))
    assert found.prosecutor.lowest == pytest.approx(float(min(chances)))
    assert found.prosecutor.average == pytest.approx(float(sum(chances) / len(keys)))
    assert found.prosecutor.above_threshold == pytest.approx(sum(c > threshold for c in chances) / len(keys))
    assert found.sample_uniques == sum(c == 1 for c in chances)
    best = {key: max(n for (other, _), n in pairs.items() if other == key) for key in sizes}
    attribute = found.attributes["disease"]
    assert attribute.highest == pytest.approx(max(best[key] / sizes[key] for key in sizes))
    assert attribute.average == pytest.approx(sum(best[key] / sizes[key] for key in keys) / len(keys))
    assert attribute.baseline == pytest.approx(max(Counter(values).values()) / len(keys))
    assert attribute.homogeneous_rows == sum(best[key] == sizes[key] for key in keys)


def test_risk__population_counted_by_sql() -> None:
    found = shoal.risk(SAMPLE, POLICY, population=POPULATION)
    sql = """
        with f as (select a, b, count(*) f from sample group by all),
             p as (select a, b, count(*) p from population group by all)
        select max(1.0 / p), min(1.0 / p), sum(f / p) / sum(f), count(*) / sum(p), min(p), sum(f / p),
               sum(f) filter (1.0 / p > 0.2) / sum(f)
        from f join p on f.a is not distinct from p.a and f.b = p.b
    """
    present = """
        with f as (select a, b, count(*) f from sample group by all),
             p as (select a, b, count(*) p from population group by all)
        select min(coalesce(f, 0) / p), max(coalesce(f, 0) / p)
        from p left join f on f.a is not distinct from p.a and f.b = p.b
    """
    with duckdb.connect() as db:
        db.register("sample", SAMPLE.to_arrow())
        db.register("population", POPULATION.to_arrow())
        row: Any = db.execute(sql).fetchone()
        bounds: Any = db.execute(present).fetchone()
    assert found.presence == pytest.approx(bounds)
    journalist = found.journalist
    assert journalist is not None
    assert (journalist.highest, journalist.lowest) == pytest.approx(row[:2])
    assert found.marketer == pytest.approx(row[2])
    assert journalist.average == pytest.approx(max(row[2], row[3]))
    assert (found.k_map, found.expected_reidentifications) == pytest.approx((row[4], row[5]))
    assert journalist.above_threshold == pytest.approx(row[6])
    assert (found.population, found.sampling_fraction) == ("counted", pytest.approx(6 / 16))


@given(size=st.integers(1, 60), p=st.floats(0.02, 0.999))
@settings(deadline=None)
def test_expected_probability__is_an_integral(size: int, p: float) -> None:
    """E[1/F] is the integral of E[u^(F-1)] over u; for a negative binomial F that is p^f u^(f-1) / (1-(1-p)u)^f."""
    area = integrate.quad(lambda u: p**size * u ** (size - 1) / (1 - (1 - p) * u) ** size, 0, 1, points=[1 - p])[0]
    assert expected_probability(np.array([size]), np.array([p]))[0] == pytest.approx(area, rel=1e-5)


def test_expected_probability__closed_forms() -> None:
    """Franconi and Polettini 2004: f = 1 and f = 2; a sample of everyone leaves 1/f."""
    p = np.array([0.001, 0.1, 0.5, 0.9])
    q = 1 - p
    one = expected_probability(np.ones(4, np.int64), p)
    assert one == pytest.approx(p / q * np.log(1 / p))
    assert expected_probability(np.full(4, 2), p) == pytest.approx(p / q**2 * (p * np.log(p) + q))
    assert expected_probability(np.array([1, 4]), np.ones(2)).tolist() == [1.0, 0.25]


@pytest.mark.parametrize("p", [Fraction(1, 1000), Fraction(1, 10), Fraction(9, 10)])
@pytest.mark.parametrize("size", [3, 30, 49, 50, 51, 400])
def test_expected_probability__sums_the_distribution(size: int, p: Fraction) -> None:
    """The series of 1/F in exact fractions, term k being k! f! / (f+k)! (1-p)^k."""
    term, total, k = Fraction(1), Fraction(0), 0
    while term > Fraction(1, 10**14) and k < 300:
        total += term
        k += 1
        term *= Fraction(k, size + k) * (1 - p)
    found = expected_probability(np.array([size]), np.array([float(p)]))[0]
    assert found == pytest.approx(float(p / size * total), rel=1e-3 if size == 3 else 1e-9)


def test_expected_probability__large_classes() -> None:
    size = np.array([2_000, 10**6, 10**9])
    assert expected_probability(size, np.full(3, 0.01)) == pytest.approx(0.01 / (size - 0.99), rel=1e-3)


def test_individual_risk__weights_row_by_row() -> None:
    people = SAMPLE.with_columns(w=pl.Series([10.0, 20.0, 30.0, 7.0, 1.0, 50.0]))
    found = shoal.individual_risk(people, POLICY, weights="w")
    assert found["class_size"].to_list() == [3, 3, 3, 1, 1, 1]
    assert found["people"].to_list() == pytest.approx([60, 60, 60, 7, 1, 50])
    chance = expected_probability(np.array([3, 3, 3, 1, 1, 1]), np.array([0.05, 0.05, 0.05, 1 / 7, 1, 0.02]))
    assert found["risk"].to_list() == pytest.approx(chance)
    report = shoal.risk(people, POLICY, weights="w")
    assert report.expected_reidentifications == pytest.approx(chance.sum())
    assert report.sampling_fraction == pytest.approx(6 / 118)


def test_individual_risk__figures_of_sdcmicro() -> None:
    """What `indivRisk` of sdcMicro must give by its own tests (test_indivRisk.R, weighted, method exact)."""
    people = pl.DataFrame(
        {
            "a": list("23223312"),
            "b": list("33333343"),
            "c": list("13121111"),
            "w": [18.0, 45.5, 39.0, 17.0, 92.0, 8.0, 123.5, 51.0],
        }
    )
    found = shoal.individual_risk(people, shoal.Policy.of(k=2, quasi_identifiers=["a", "b", "c"]), weights="w")
    published = [0.01355297, 0.08579129, 0.01355297, 0.17707583, 0.01877883, 0.01877883, 0.03931625, 0.01355297]
    assert found["risk"].to_list() == pytest.approx(published, abs=5e-9)


@given(order=st.permutations(range(12)))
@settings(deadline=None, max_examples=20)
def test_risk__order_of_weights_does_not_matter(order: list[int]) -> None:
    people = pl.DataFrame({"a": [1, 2] * 6, "w": [1 + 10.0**power for power in range(-12, 0)]})
    policy = shoal.Policy.of(k=2, quasi_identifiers=["a"])
    assert shoal.risk(people, policy, weights="w") == shoal.risk(people[order], policy, weights="w")


def test_risk__numbers_declared_categories_may_be_any() -> None:
    people = pl.DataFrame({"a": [1.0, float("nan"), float("inf"), 1.0]})
    policy = shoal.Policy(k=2, quasi_identifiers={"a": shoal.QuasiIdentifier(kind="category")})
    assert shoal.risk(people, policy, population=people).equivalence_classes == 3


def test_risk__uniques_of_a_counted_population_are_counted() -> None:
    sample, population = pl.DataFrame({"a": [0, 0, 1, 2]}), pl.DataFrame({"a": [0] * 4 + [1] * 3 + [2, 3]})
    found = shoal.risk(sample, shoal.Policy.of(k=2, quasi_identifiers=["a"]), population=population)
    assert found.population_uniques == {"counted": pytest.approx(2 / 9)}


def test_risk__sampling_fraction_gives_all_estimates() -> None:
    found = shoal.risk(SAMPLE, POLICY, sampling_fraction=0.3)
    assert set(found.population_uniques) == {"pitman", "zayatz", "snb", "dankar"}
    assert found.population_uniques["snb"] is None
    assert found.to_dict()["population_uniques"]["snb"] is None
    assert found.k_map is None


def test_risk__nothing_known_of_the_population() -> None:
    found = shoal.risk(SAMPLE, POLICY)
    assert found.journalist is None
    assert (found.marketer, found.population_uniques) == (pytest.approx(4 / 6), {})
    with pytest.raises(shoal.PolicyError, match="the population is not described"):
        shoal.individual_risk(SAMPLE, POLICY)


@pytest.mark.parametrize("population", [SAMPLE.head(5), pl.concat([SAMPLE.head(4), SAMPLE.head(4)])])
def test_risk__population_smaller_than_the_sample(population: pl.DataFrame) -> None:
    with pytest.raises(shoal.InputError, match="population smaller than the sample"):
        shoal.risk(SAMPLE, POLICY, population=population)


@pytest.mark.parametrize("fraction", [0.0, -1.0, 1.01, float("nan")])
def test_risk__fraction_out_of_range(fraction: float) -> None:
    with pytest.raises(shoal.PolicyError, match="sampling_fraction"):
        shoal.risk(SAMPLE, POLICY, sampling_fraction=fraction)


@pytest.mark.parametrize("weights", [[1.0, None], [1.0, 0.5], [1.0, float("inf")], ["1", "2"]])
def test_risk__weights_that_are_none(weights: list[Any]) -> None:
    people = pl.DataFrame({"a": [1, 2], "w": weights})
    with pytest.raises(shoal.ColumnError, match="weights 'w'"):
        shoal.risk(people, shoal.Policy.of(k=2, quasi_identifiers=["a"]), weights="w")


@pytest.mark.parametrize(
    "options",
    [{"threshold": 1.5}, {"population": POPULATION, "sampling_fraction": 0.5}, {"weights": "a"}],
)
def test_risk__contradictions(options: dict[str, Any]) -> None:
    with pytest.raises(shoal.PolicyError):
        shoal.risk(SAMPLE, POLICY, **options)


def test_risk__order_and_threads_do_not_matter() -> None:
    turned = SAMPLE.reverse()
    first = shoal.risk(SAMPLE, POLICY, population=POPULATION, n_threads=1)
    assert first == shoal.risk(turned, POLICY, population=POPULATION.reverse(), n_threads=2)

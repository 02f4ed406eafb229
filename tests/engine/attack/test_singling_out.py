"""Predicates that single out, and the extrapolation to as many control rows as the original has."""

import math
from collections.abc import Sequence
from itertools import combinations, product
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive.row_attacks import matches
from shoal_engine.attack.plain_rows import PlainTables
from shoal_engine.attack.predicates import NO_CODE, Predicates, at_random
from shoal_engine.attack.singling_out import (
    expected_alone,
    singling_out,
    singling_out_integral,
    size_correction,
)
from shoal_engine.attack.success_rates import AttackReport
from shoal_engine.errors import PolicyError

Table = Sequence[tuple[Any, ...]]
TYPES = (pa.int64(), pa.string())


def tables(*given: Table) -> PlainTables:
    arrays = [
        {name: pa.array([row[i] for row in rows], TYPES[i]) for i, name in enumerate("xy"[: len(rows[0])])}
        for rows in given
    ]
    return PlainTables.of(arrays, list(arrays[0]))


def attack(given: PlainTables, **options: Any) -> tuple[AttackReport, Predicates, np.ndarray]:
    chosen: dict[str, Any] = {
        "mode": "multivariate",
        "n_columns": 2,
        "n_attacks": 100,
        "max_attempts": 10_000,
        "seed": 1,
        "confidence": 0.95,
        "n_threads": 1,
    }
    return singling_out(given, **(chosen | options))


def held(row: tuple[Any, ...], predicate: tuple[tuple[str, Any], ...]) -> bool:
    """Evaluate a conjunction on plain values, as a query language would: a null fulfills nothing but `null`."""
    for value, (comparison, bound) in zip(row, predicate, strict=True):
        if comparison == "null":
            right = value is None
        elif comparison == "any":
            right = True
        elif value is None:
            right = False
        else:
            right = {"==": value == bound, ">=": value >= bound, "<=": value <= bound}[comparison]
        if not right:
            return False
    return True


def predicates_of(release: Table, d: int) -> set[tuple[tuple[str, Any], ...]]:
    """Return every predicate of all columns of some record, as the definition has it."""
    numbers = sorted(row[0] for row in {*release} if row[0] is not None)
    median = float(np.median(numbers)) if numbers else math.nan
    found = set()
    for row in release:
        parts: list[tuple[str, Any]] = []
        for j, value in enumerate(row[:d]):
            if value is None:
                parts.append(("null", None))
            elif j:
                parts.append(("==", value))
            else:
                parts.append((">=" if value > median else "<=", value))
        found.add(tuple(parts))
    return found


rows_of_two = st.tuples(st.one_of(st.none(), st.integers(0, 3)), st.one_of(st.none(), st.sampled_from("ab")))
some_rows = st.lists(rows_of_two, min_size=1, max_size=8)


@given(some_rows, some_rows)
@settings(deadline=None, max_examples=200)
def test_multivariate__equals_definition(release: Table, original: Table) -> None:
    report, predicates, success = attack(tables(release, original))
    alone = [p for p in predicates_of(release, 2) if sum(held(row, p) for row in {*release}) == 1]
    hits = [p for p in alone if sum(held(row, p) for row in {*original}) == 1]
    assert report.success.attacks == len(alone) == len(predicates.column)
    assert success.sum() == len(hits)


@given(some_rows, some_rows)
@settings(deadline=None, max_examples=200)
def test_univariate__equals_definition(release: Table, original: Table) -> None:
    report, _, success = attack(tables(release, original), mode="univariate")
    alone: list[tuple[tuple[str, Any], ...]] = []
    numbers = [row[0] for row in release if row[0] is not None]
    for j in range(2):
        values = {row[j] for row in release}
        candidates = [("null", None) if value is None else ("==", value) for value in values]
        if not j and numbers:
            candidates += [("<=", min(numbers)), (">=", max(numbers))]
        whole = [(one, ("any", None)) if not j else (("any", None), one) for one in candidates]
        alone += [p for p in whole if sum(held(row, p) for row in {*release}) == 1]
    hits = [p for p in alone if sum(held(row, p) for row in {*original}) == 1]
    assert (report.success.attacks, success.sum()) == (len(alone), len(hits))


def test_univariate__distinct_values() -> None:
    """Of four texts each is singled out by itself."""
    four = [(None, value) for value in "abcd"]
    report, predicates, _ = attack(tables(four, four), mode="univariate")
    assert report.success.attacks == 4
    assert sorted(predicates.low[:, 0].tolist()) == [0, 1, 2, 3]


def test_singling_out__duplicates_count_once() -> None:
    twice = [(1, "a"), (1, "a"), (2, "b"), (2, "b")]
    assert attack(tables(twice, twice))[0].success.attacks == 2


def test_singling_out__a_release_of_equal_rows_yields_no_guess() -> None:
    report, predicates, success = attack(
        tables([(1, "a"), (1, "b"), (2, "a"), (2, "b")], [(1, "a")]), mode="univariate"
    )
    assert report.success.attacks == len(predicates.column) == len(success) == 0
    assert report.risk.high == 0
    assert report.requested == 100


def test_singling_out__reproducible_whatever_the_order_and_the_threads() -> None:
    random = np.random.default_rng(0)
    release = [(int(number), str(number // 3)) for number in random.integers(0, 500, 400)]
    options = {"n_attacks": 20, "max_attempts": 300}
    one = attack(tables(release, release), **options)
    other = attack(tables(release[::-1], release), n_threads=3, **options)
    assert one[0] == other[0]
    assert one[1].keys() == other[1].keys()
    assert one[1].keys() != attack(tables(release, release), seed=2, **options)[1].keys()
    assert one[0].success.attacks == 20 == len({*one[1].keys()})


def test_singling_out__guesses_do_not_depend_on_the_original() -> None:
    release = [(number, "ab"[number % 2]) for number in range(0, 90, 3)]
    first = attack(tables(release, release), n_attacks=5)[1]
    other = [(number, "abc"[number % 3]) for number in range(-50, 200)]
    assert len(attack(tables(release, other), n_attacks=5)[1].column) == len(first.column)


def test_singling_out__control_of_equal_size() -> None:
    people = [(i, "a") for i in range(50)]
    others = [(i + 1000, "a") for i in range(50)]
    report = attack(tables(people, people, others), mode="univariate")[0]
    assert report.success.share == 1.0
    assert report.control is not None
    # Nothing but the ends of numbers may hold for one of the others.
    assert report.control.share <= 2 / report.control.attacks
    assert report.risk.value == pytest.approx(report.success.rate.value, abs=0.1)


@given(some_rows, st.integers(0, 2**32))
@settings(deadline=None, max_examples=50)
def test_at_random__comparisons_of_values_that_the_release_has(release: Table, seed: int) -> None:
    given = tables(release, [(9, "z"), (None, None)])
    columns = list(given.columns.values())
    found = at_random(columns, np.random.default_rng(seed), n_columns=1, count=40)
    for (j,), (low,), (high,), (unlike,) in zip(found.column, found.low, found.high, found.unlike, strict=True):
        column = columns[j]
        kept = {code for code in range(column.size) if low <= code <= high and code != unlike}
        null, values = {*range(column.first)}, {*range(column.first, column.size)}
        allowed = [values]
        for code in {*column.codes[0].tolist()}:
            allowed += [{code}, values - {code}] if code not in null else [null]
            if column.numbers is not None and code not in null:
                allowed += [{c for c in values if c > code}, {c for c in values if c < code}]
                allowed += [{c for c in values if c >= code}, {c for c in values if c <= code}]
        assert kept in allowed


def test_predicates__count_rows_equals_naive() -> None:
    random = np.random.default_rng(1)
    codes = random.integers(0, 5, (3, 40)).astype(np.uint32)
    column = np.array(list(combinations(range(3), 2)), np.int64)
    low, high = (random.integers(0, 5, column.shape).astype(np.uint32) for _ in range(2))
    found = Predicates(column, low, high, np.full(column.shape, NO_CODE)).count_rows(codes, 40)
    fields = [list(zip(*rows, strict=True)) for rows in zip(column, low, high, strict=True)]
    rows = codes.T.tolist()
    assert found.tolist() == [matches(rows, [(c, a, b, int(NO_CODE)) for c, a, b in one]) for one in fields]


def test_singling_out_integral__equals_a_sum() -> None:
    for n, low, high in product((1, 2, 50), (0.0, 0.1), (0.1, 0.7, 1.0)):
        edges = np.linspace(low, high, 200_001)
        weight = (edges[1:] + edges[:-1]) / 2
        expected = float((n * weight * (1 - weight) ** (n - 1)).sum() * (high - low) / len(weight))
        assert singling_out_integral(n, low, high) == pytest.approx(expected, abs=1e-8)
    with pytest.raises(PolicyError, match="the lower one first"):
        singling_out_integral(3, 0.5, 0.4)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=4), st.integers(1, 6))
def test_expected_alone__equals_every_sample(counts: list[int], size: int) -> None:
    n = 6
    samples = list(combinations(range(n), size))
    expected = sum(sum(sum(i < count for i in sample) == 1 for sample in samples) / len(samples) for count in counts)
    assert expected_alone(np.array(counts), n, size) == pytest.approx(expected, abs=1e-9)


def test_size_correction__of_rare_predicates_is_the_ratio_of_sizes() -> None:
    """Predicates that one in a million fulfills single out in proportion to the people asked."""
    assert size_correction(np.array([1] * 5 + [0] * 995), 2000, 10_000) == pytest.approx(5, rel=0.02)


def test_size_correction__of_a_known_weight() -> None:
    """Counts of predicates whose weights are even from 0 to some limit, as the model has them."""
    random = np.random.default_rng(2)
    weight = random.random(40_000) * 4e-4
    counts = random.binomial(5000, weight)
    expected = singling_out_integral(40_000, 0, 4e-4) / singling_out_integral(5000, 0, 4e-4)
    assert size_correction(counts, 5000, 40_000) == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"mode": "both"}, "there is no mode"),
        ({"n_columns": 3}, "from 1 to 2"),
        ({"n_columns": 0}, "from 1 to 2"),
        ({"n_attacks": 0}, "at least 1"),
        ({"max_attempts": 0}, "at least 1"),
        ({"seed": -1}, "seed = -1"),
        ({"confidence": 1}, "confidence"),
    ],
)
def test_singling_out__out_of_range(options: dict[str, Any], text: str) -> None:
    with pytest.raises(PolicyError, match=text):
        attack(tables([(1, "a")], [(1, "a")]), **options)

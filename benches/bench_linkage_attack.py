"""People looked up in a generalized release; the floor compares every person with every class."""

import numpy as np
import polars as pl
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import shoal
from benches.census import QUASI_IDENTIFIERS, census
from benches.partitioning import classes, table_of
from benches.scale import N_ROWS
from shoal_engine.attack.matching import ReleasedClasses, match
from shoal_engine.attack.partitions import known_of_tuples, partition_classes

KNOWN = len(QUASI_IDENTIFIERS) - 2
N_PEOPLE = max(1, N_ROWS // 10)
WRONG = 0.05

Case = tuple[ReleasedClasses, np.ndarray]


@pytest.fixture(scope="module")
def case() -> Case:
    """Return a release of tight, k = 10, and a register with some wrong values."""
    frame = census(N_ROWS, seed=1)
    roles = {name: shoal.QuasiIdentifier() for name in QUASI_IDENTIFIERS}
    roles["zip"] = shoal.QuasiIdentifier(hierarchy=shoal.Prefix())
    policy = shoal.Policy(k=10, quasi_identifiers=roles, sensitive={"diagnosis": shoal.Sensitive()})
    table = table_of(frame, policy)
    released, _ = partition_classes(table, classes(table, "mondrian"))
    random = np.random.default_rng(1)
    known = known_of_tuples(table)[:KNOWN, random.integers(0, table.grouped.n_tuples, N_PEOPLE)]
    wrong = random.random(known.shape) < WRONG
    for j, labels in enumerate(released.columns[:KNOWN]):
        known[j, wrong[j]] = random.integers(0, labels.n_values, int(wrong[j].sum()))
    return ReleasedClasses(released.columns[:KNOWN], released.size, released.sensitive), np.ascontiguousarray(known)


def floor(released: ReleasedClasses, known: np.ndarray) -> np.ndarray:
    """Count the compatible rows person by person, column by column."""
    covers: list[np.ndarray] = []
    for labels in released.columns:
        cover = np.zeros((labels.n_values, labels.n_labels), np.bool_)
        for label, low, high in zip(labels.label, labels.low, labels.high, strict=True):
            cover[low : high + 1, label] = True
        covers.append(cover)
    rows = np.empty(known.shape[1], np.int64)
    for t, person in enumerate(known.T):
        agrees = np.ones(released.n_classes, np.bool_)
        for value, labels, cover in zip(person, released.columns, covers, strict=True):
            agrees &= cover[value][labels.of_class]
        rows[t] = released.size[agrees].sum()
    return rows


@pytest.mark.benchmark(group="linkage attack")
def test_match(benchmark: BenchmarkFixture, case: Case) -> None:
    found = benchmark(match, *case)
    assert (found.rows == floor(*case)).all()


@pytest.mark.benchmark(group="linkage attack")
def test_match__counts_alone(benchmark: BenchmarkFixture, case: Case) -> None:
    released, known = case
    alone = ReleasedClasses(released.columns, released.size, {})
    assert (benchmark(match, alone, known).rows == floor(*case)).all()


@pytest.mark.benchmark(group="linkage attack")
def test_match__one_mismatch(benchmark: BenchmarkFixture, case: Case) -> None:
    found = benchmark(match, *case, mismatches=1)
    assert (found.rows >= floor(*case)).all()


@pytest.mark.benchmark(group="linkage attack")
def test_match__brute_force(benchmark: BenchmarkFixture, case: Case) -> None:
    assert benchmark(floor, *case).any()


@pytest.mark.benchmark(group="linkage attack on files")
def test_linkage(benchmark: BenchmarkFixture) -> None:
    frame = census(N_ROWS, seed=1)
    policy = shoal.Policy.of(k=10, quasi_identifiers=["age", "sex"], sensitive=["diagnosis"])
    release = shoal.anonymize(frame, policy, method="mondrian").frame
    register = frame.head(N_PEOPLE).select("age", "sex", pl.lit("x").alias("note"))
    assert benchmark(shoal.attack.linkage, release, register, policy).figures.answers.people == N_PEOPLE

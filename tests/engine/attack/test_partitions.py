"""An attack from codes finds what the attack on the release of the same classes finds."""

from typing import Any

import numpy as np
import polars as pl
import pytest

import shoal
from benches.partitioning import classes, table_of
from shoal_engine.attack.partitions import attack_partition, partition_classes


def people() -> pl.DataFrame:
    n = 400
    return pl.DataFrame(
        {
            "id": range(n),
            "age": [None if i % 97 == 5 else 20 + (7 * i * i) % 50 for i in range(n)],
            "zip": [f"{10000 + (i * i) % 977}" for i in range(n)],
            "job": [["a", "b", "c", "d"][i * i % 4] for i in range(n)],
            "ill": [["flu", "hiv", "gout"][(i + i // 9) % 3] for i in range(n)],
        }
    )


def policy() -> shoal.Policy:
    return shoal.Policy(
        k=4,
        quasi_identifiers={
            "age": shoal.QuasiIdentifier(),
            "zip": shoal.QuasiIdentifier(hierarchy=shoal.Prefix()),
            "job": shoal.QuasiIdentifier(),
        },
        sensitive={"ill": shoal.Sensitive()},
        insensitive={"id": shoal.Insensitive()},
    )


@pytest.mark.parametrize("method", ["tight", "mondrian"])
@pytest.mark.parametrize("known", [["age", "zip", "job"], ["zip", "job"], ["zip"]])
def test_attack_partition__equals_the_attack_on_the_release(method: Any, known: list[str]) -> None:
    # Null is a value of its own from codes, and not known in a register.
    frame = people().drop_nulls()
    released = shoal.anonymize(frame, policy(), method=method).frame
    table = table_of(frame, policy())
    found = attack_partition(table, classes(table, method), known=known)
    expected = shoal.attack.linkage(released, frame, policy(), columns=known, truth="id").figures.answers
    for name in ("people", "rows", "classes", "empty"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name)), name
    for name in ("even", "weighted", "claimed"):
        for part in ("mean", "p95", "highest"):
            assert getattr(getattr(found, name), part) == pytest.approx(getattr(getattr(expected, name), part)), part
    assert found.sensitive["ill"].doubled == pytest.approx(expected.sensitive["ill"].doubled)


def test_partition_classes__null_lies_in_its_own_class_and_suppressed_rows_in_none() -> None:
    table = table_of(people(), policy())
    of_tuple = classes(table, "tight")
    found = attack_partition(table, of_tuple)
    assert found.empty == 0
    assert found.highest <= 1 / 4
    some = np.arange(0, table.grouped.n_tuples, 7)
    assert attack_partition(table, of_tuple, tuples=some).people == table.grouped.weight[some].sum()
    of_tuple[of_tuple == of_tuple.max()] = -1
    kept, merged = partition_classes(table, of_tuple)
    assert ((merged < 0) == (of_tuple < 0)).all()
    assert kept.size.sum() == table.grouped.weight[of_tuple >= 0].sum()
    assert kept.sensitive["ill"].rows.sum() == kept.size.sum()

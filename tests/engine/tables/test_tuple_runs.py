"""Tuples in runs are those of one grouping of all rows, however rows are cut, in memory and in files."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shoal_engine.tables import tuple_runs
from shoal_engine.tables.grouping import group
from shoal_engine.tables.tuple_runs import TupleRuns

SIZES = [5, 2**30, 2**31, 3]
ROWS = st.lists(st.tuples(*(st.integers(0, min(size - 1, 4)) for size in SIZES)), min_size=1, max_size=60)
"""Two words of codes, with many equal tuples."""


def filled(rows: list[tuple[int, ...]], cut: int, folder: Path | None) -> TupleRuns:
    runs = TupleRuns(folder)
    for first in range(0, len(rows), cut):
        columns = [np.array(column, np.uint32) for column in zip(*rows[first : first + cut], strict=True)]
        found = group(columns, SIZES, n_threads=1)
        runs.add([found.codes(j) for j in range(len(SIZES))], found.weight)
    return runs


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=50)
@given(ROWS, st.integers(1, 60), st.sampled_from([None, "runs"]))
def test_finish__as_one_grouping(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: list[tuple[int, ...]], cut: int, folder: str | None
) -> None:
    monkeypatch.setattr(tuple_runs, "RANGE_TUPLES", 7)
    # Final codes are in another order than provisional ones.
    tables = [np.arange(size)[::-1].copy() if size < 10 else np.arange(8) for size in SIZES]
    whole = group(
        [tables[j][[row[j] for row in rows]].astype(np.uint32) for j in range(len(SIZES))], SIZES, n_threads=1
    )
    where = None if folder is None else tmp_path / folder
    if where is not None:
        where.mkdir(exist_ok=True)
    runs = filled(rows, cut, where)
    assert runs.count(0, SIZES[0]).tolist() == [sum(row[0] == code for row in rows) for code in range(SIZES[0])]
    _, words, weight = runs.finish(tables, SIZES, n_threads=2)
    assert words.tolist() == whole.words.tolist()
    assert weight.tolist() == whole.weight.tolist()
    assert where is None or not list(where.iterdir())


def test_merge__renumbers() -> None:
    left, right = filled([(0, 0, 0, 0)], 1, None), filled([(1, 0, 0, 0), (0, 0, 0, 0)], 2, None)
    left.merge(right, [np.array([1, 0], np.uint32), *(np.arange(1, dtype=np.uint32) for _ in SIZES[1:])])
    _, words, weight = left.finish(
        [np.arange(size) if size < 10 else np.arange(8) for size in SIZES], SIZES, n_threads=1
    )
    assert words.shape == (2, 2)
    assert weight.tolist() == [2, 1]

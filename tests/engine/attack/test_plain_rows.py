import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from shoal_engine.attack.plain_rows import PlainTables, choose_rows, plain_column
from shoal_engine.errors import ColumnError, InputError, PolicyError


def coordinates(*tables: list[Any], kind: pa.DataType | None = None) -> list[list[float]]:
    column = plain_column("x", [pa.array(table, kind) for table in tables])
    point = column.coordinates()
    return [point[codes].tolist() for codes in column.codes]


def gap(one: float, other: float) -> float:
    return min(abs(one - other), 1.0)


def test_coordinates__numbers_by_the_range_of_all_tables() -> None:
    assert coordinates([0, 5], [10, 2]) == [[0.0, 0.5], [1.0, 0.2]]
    assert coordinates([7, 7], [7]) == [[0.0, 0.0], [0.0]]


def test_coordinates__dates_are_numbers() -> None:
    days = [dt.date(2020, 1, 1), dt.date(2020, 1, 11)]
    assert coordinates(days, [dt.date(2020, 1, 6)]) == [[0.0, 1.0], [0.5]]


@pytest.mark.parametrize("values", [[1.0, None, 2.0], ["a", None, "b"], [True, None, False]])
def test_coordinates__null_is_one_apart_from_values_and_not_from_null(values: list[Any]) -> None:
    (first, null, second), (_, other) = coordinates(values, values[:2])
    assert gap(first, null) == gap(second, null) == gap(first, second) == 1.0
    assert gap(null, other) == 0.0


def test_coordinates__only_nulls() -> None:
    assert len({*map(tuple, coordinates([None], [None], kind=pa.int64()))}) == 1


def test_coordinates__range_beyond_floats() -> None:
    with pytest.raises(ColumnError, match="too large"):
        coordinates([-1.7e308], [1.7e308])


def test_plain_column__numbers_of_two_types_are_compared_as_numbers() -> None:
    column = plain_column("x", [pa.array([1, 2]), pa.array([2.0, 1.0, 1.5])])
    assert column.codes[0].tolist() == [0, 2]
    assert column.codes[1].tolist() == [2, 0, 1]


def test_plain_column__dictionary_is_its_text() -> None:
    column = plain_column("x", [pa.array(["b", "a"]).dictionary_encode(), pa.array(["a"])])
    assert [codes.tolist() for codes in column.codes] == [[1, 0], [0]]


@pytest.mark.parametrize(
    ("release", "original", "text"),
    [
        (["1-2"], [1], "large_string in the release and int64 in the original"),
        ([1], [dt.date(2020, 1, 1)], "int64 in the release and date32"),
        ([True], [1], "bool in the release"),
    ],
)
def test_plain_column__other_types(release: list[Any], original: list[Any], text: str) -> None:
    with pytest.raises(ColumnError, match=text):
        plain_column("x", [pa.array(release), pa.array(original)])


def test_plain_column__not_finite() -> None:
    with pytest.raises(ColumnError, match="not finite"):
        plain_column("x", [pa.array([np.inf]), pa.array([1.0])])


def test_plain_tables__no_rows() -> None:
    tables = [{"x": pa.array([1])}, {"x": pa.array([1])}, {"x": pa.array([], pa.int64())}]
    with pytest.raises(InputError, match="the control has no rows"):
        PlainTables.of(tables, ["x"])


def test_choose_rows() -> None:
    assert choose_rows(4, None, None, 1).tolist() == [0, 1, 2, 3]
    assert choose_rows(4, 9, 1, 1).tolist() == [0, 1, 2, 3]
    drawn = choose_rows(1000, 50, 3, 1)
    assert len({*drawn.tolist()}) == 50
    assert drawn.tolist() == choose_rows(1000, 50, 3, 1).tolist() != choose_rows(1000, 50, 4, 1).tolist()
    assert drawn.tolist() != choose_rows(1000, 50, 3, 2).tolist()


@pytest.mark.parametrize(
    ("n", "seed", "text"), [(2, None, "give a seed"), (0, 1, "at least one"), (2, -1, "seed = -1")]
)
def test_choose_rows__out_of_range(n: int, seed: int | None, text: str) -> None:
    with pytest.raises(PolicyError, match=text):
        choose_rows(4, n, seed, 1)

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import tight as naive
from naive.tables import Table, tables
from shoal_kernels._types import Matrix, Vector, kernel
from shoal_kernels.partitioning.bounding_boxes import box_loss, enclose, make_box, make_points, popcount
from shoal_kernels.tables.dimensions import Dimensions


@kernel
def _loss(
    dims: Dimensions,
    words: Matrix[np.uint64],
    weight: Vector[np.int64],
    everyone: Vector[np.int64],
    members: Vector[np.int64],
) -> tuple[float, int]:
    points = make_points(dims, words, weight, everyone)
    box = make_box(dims)
    rows = enclose(points, members, box)
    return box_loss(dims, points.all_ordered, points.cap, box.low, box.high, box.bits), rows


@kernel
def _popcount(x: np.uint64) -> int:
    return int(popcount(x))


def loss(table: Table, members: list[int]) -> tuple[float, int]:
    dims = table.dimensions()
    weight, everyone = np.array(table.weight, np.int64), np.arange(len(table.codes))
    return _loss(dims, table.words(dims), weight, everyone, np.array(members, np.int64))


@given(tables(), st.data())
@settings(deadline=None, max_examples=60)
def test_box_loss__equals_naive(table: Table, data: st.DataObject) -> None:
    n = len(table.codes)
    members = sorted(data.draw(st.sets(st.integers(0, n - 1), min_size=1)))
    found, rows = loss(table, members)
    assert abs(found - naive.loss(table, members)) < 1e-6
    assert rows == sum(table.weight[i] for i in members)


@given(tables())
@settings(deadline=None, max_examples=20)
def test_box_loss__one_tuple_loses_nothing(table: Table) -> None:
    assert loss(table, [0])[0] == 0.0


@given(st.integers(0, 2**64 - 1))
@settings(deadline=None)
def test_popcount__equals_python(x: int) -> None:
    assert _popcount(np.uint64(x)) == x.bit_count()

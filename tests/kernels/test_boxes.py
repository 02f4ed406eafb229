import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import tight as naive
from naive.tables import Table, tables
from shoal_kernels.boxes import box_loss, enclose, make_box, make_field, popcount


def loss(table: Table, members: list[int]) -> tuple[float, int]:
    dims = table.dimensions()
    everyone = np.arange(len(table.codes))
    field = make_field(dims, table.words(dims), np.array(table.weight, np.int64), everyone)
    box = make_box(dims)
    rows = enclose(field, np.array(members, np.int64), box)
    return box_loss(dims, field.plain, field.cap, box.low, box.high, box.bits), rows


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
    assert popcount(np.uint64(x)) == x.bit_count()

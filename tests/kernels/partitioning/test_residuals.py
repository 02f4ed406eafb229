import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import bottom_up as naive
from naive.tables import Table, tables
from shoal_kernels.partitioning.residuals import total_loss


def grouped(found: list[int], n_classes: int) -> list[list[int]]:
    return [[i for i, c in enumerate(found) if c == wanted] for wanted in range(n_classes)]


def lost(table: Table, class_id: list[int], n_classes: int) -> float:
    dims, loss = table.dimensions(), np.zeros(1)
    weight = np.array(table.weight, np.int64)
    everyone = np.arange(len(table.codes))
    total_loss(dims, table.words(dims), weight, everyone, np.array(class_id, np.int64), n_classes, loss)
    return float(loss[0])


@given(tables(max_rows=40), st.integers(1, 6))
@settings(deadline=None)
def test_total_loss__equals_naive(table: Table, n_classes: int) -> None:
    n_classes = min(n_classes, len(table.codes))
    class_id = [i % n_classes for i in range(len(table.codes))]
    expected = naive.total_loss(table, grouped(class_id, n_classes))
    assert lost(table, class_id, n_classes) == pytest.approx(expected, abs=1e-9)

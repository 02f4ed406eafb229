import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal_engine.utility.information_loss import numeric_utility


def measured(original: list[list[float]], released: list[list[float]]) -> dict[tuple[str, str | None], float]:
    names = [f"c{j}" for j in range(len(original[0]))]
    rows = numeric_utility(names, np.array(original, float), np.array(released, float))
    return {(row.measure, row.column): row.value for row in rows}


def test_numeric_utility__by_hand() -> None:
    found = measured([[1, 10], [2, 20], [3, 30]], [[1, 20], [2, 20], [3, 20]])
    assert found["mean_squared_error", "c0"] == 0.0
    assert found["mean_squared_error", "c1"] == pytest.approx(200 / 3)
    assert found["il1s", "c0"] == 0.0
    assert found["il1s", "c1"] == pytest.approx(20 / 3 / (math.sqrt(2) * 10))
    assert found["il1s", None] == pytest.approx(found["il1s", "c1"] / 2)
    assert found["mean_squared_error", None] == pytest.approx(100 / 3)
    assert found["correlation_loss", "c0"] == pytest.approx(1.0)
    # Correlation 1 before; a constant column correlates with nothing.
    assert found["correlation_loss", None] == pytest.approx(1.0)
    # Eigenvalues 2 and 0 before, 1 and 1 after: what was 0 is not any more.
    assert found["eigenvalue_difference", None] == math.inf


def test_numeric_utility__eigenvalues_and_correlation_by_another_route() -> None:
    random = np.random.default_rng(1)
    first = random.normal(size=(50, 3)) @ random.normal(size=(3, 3))
    then = first + 0.5 * random.normal(size=first.shape)
    found = measured(first.tolist(), then.tolist())
    before, after = (np.corrcoef(matrix, rowvar=False) for matrix in (first, then))
    eigen = [np.sort(np.linalg.eigvals(matrix).real)[::-1] for matrix in (before, after)]
    assert found["eigenvalue_difference", None] == pytest.approx((np.abs(eigen[0] - eigen[1]) / eigen[0]).sum())
    gaps = [abs(before[i, j] - after[i, j]) for i in range(3) for j in range(i)]
    assert found["correlation_loss", None] == pytest.approx(np.mean(gaps))
    first_gaps = [abs(before[0, j] - after[0, j]) for j in (1, 2)]
    assert found["correlation_loss", "c0"] == pytest.approx(np.mean(first_gaps))
    # sdcMicro's dUtility, method IL1s, is the sum over rows and columns.
    total = (np.abs(first - then) / (math.sqrt(2) * first.std(axis=0, ddof=1))).sum()
    assert found["il1s", None] * 150 == pytest.approx(total)


@given(st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=1, max_size=20))
@settings(deadline=None)
def test_numeric_utility__nothing_changed_is_nothing_lost(rows: list[tuple[float, float]]) -> None:
    assert all(value == 0 for value in measured([*map(list, rows)], [*map(list, rows)]).values())


def test_numeric_utility__constant_columns_and_nulls() -> None:
    found = measured([[5, 1], [5, 2], [5, math.nan]], [[5, 1], [6, 2], [5, 7]])
    assert found["il1s", "c0"] == math.inf
    assert found["mean_squared_error", "c1"] == 0.0
    assert found["correlation_loss", None] == pytest.approx(1.0)
    alone = measured([[1], [2]], [[1], [2]])
    assert math.isnan(alone["correlation_loss", None])
    assert alone["eigenvalue_difference", None] == 0.0
    nothing = measured([[math.nan, 1]], [[1, 1]])
    assert math.isnan(nothing["mean_squared_error", "c0"])
    assert math.isnan(nothing["eigenvalue_difference", None])

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import uniques as naive
from shoal_engine.errors import InputError
from shoal_engine.risk.discovery import Discovery, discover

Rows = list[tuple[int, ...]]


def ours(rows: Rows, max_size: int | None = None, **options: object) -> Discovery:
    codes = [np.unique(column, return_inverse=True)[1].astype(np.uint32) for column in zip(*rows, strict=True)]
    sizes = [int(column.max()) + 1 for column in codes]
    chosen = {"alpha": 1.0, "measure": "separation", "n_threads": 1, **options}
    return discover(codes, sizes, max_size=max_size, **chosen)  # pyright: ignore


@st.composite
def tables(draw: st.DrawFn) -> tuple[Rows, int]:
    d = draw(st.integers(1, 5))
    most = draw(st.lists(st.sampled_from([0, 2, 5, 40]), min_size=d, max_size=d))
    rows = draw(st.lists(st.tuples(*(st.integers(0, m) for m in most)), min_size=1, max_size=15))
    return rows, draw(st.integers(1, d))


@given(tables(), st.sampled_from([0.3, 0.75, 1.0]), st.sampled_from(["separation", "distinctness"]), st.integers(1, 2))
@settings(deadline=None, max_examples=150)
def test_discover__equals_naive(case: tuple[Rows, int], alpha: float, measure: str, n_threads: int) -> None:
    rows, max_size = case
    found = ours(rows, max_size, alpha=alpha, measure=measure, n_threads=n_threads)
    assert found.sets == naive.subsets(len(rows[0]), max_size)
    n = len(rows)
    enough: list[naive.Set] = []
    for number, columns in enumerate(found.sets):
        counts = naive.counts(rows, columns).values()
        assert found.distinct[number] == len(counts)
        assert found.alone[number] == sum(c == 1 for c in counts)
        separation = naive.separation(rows, columns)
        assert found.separation[number] == pytest.approx(separation)
        share = separation if measure == "separation" else len(counts) / n
        if share >= alpha - 1e-12:
            enough.append(columns)
    assert [columns for columns, yes in zip(found.sets, found.enough, strict=True) if yes] == enough
    minimal = [columns for columns in enough if not any(set(other) < set(columns) for other in enough)]
    assert [columns for columns, yes in zip(found.sets, found.minimal, strict=True) if yes] == minimal


@pytest.mark.parametrize(
    ("options", "told"), [({"alpha": 0.0}, "alpha"), ({"alpha": 1.1}, "alpha"), ({"measure": "area"}, "area")]
)
def test_discover__refuses(options: dict[str, object], told: str) -> None:
    with pytest.raises(InputError, match=told):
        ours([(0, 1)], **options)

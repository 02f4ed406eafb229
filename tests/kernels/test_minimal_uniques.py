import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import uniques as naive
from shoal_engine.risk.column_sets import smaller_sets
from shoal_kernels.minimal_uniques import score_uniques


@given(st.integers(1, 4).flatmap(lambda d: st.tuples(st.just(d), st.lists(st.integers(0, 2**d - 1), max_size=130))))
@settings(deadline=None)
def test_score_uniques__finds_the_minimal_of_the_marked_sets(case: tuple[int, list[int]]) -> None:
    """Row i is unique in every set that contains one of the columns drawn for it, or all of them."""
    d, drawn = case
    sets = naive.subsets(d, d)
    n = len(drawn)
    unique = np.zeros((len(sets), -(-n // 64)), np.uint64)
    for i, columns in enumerate(drawn):
        for number, set_ in enumerate(sets):
            if len(set_) == d or any(columns >> j & 1 for j in set_):
                unique[number, i // 64] |= np.uint64(1 << i % 64)
    worth = np.arange(d + 1, dtype=np.float64) * 10
    score, msus, smallest = np.zeros(n), np.zeros(n, np.int64), np.zeros(n, np.int64)
    n_rows = np.zeros(len(sets), np.int64)
    size = np.array([len(set_) for set_ in sets])
    score_uniques(unique, smaller_sets(sets, d), size, worth, 0, unique.shape[1], score, msus, smallest, n_rows)
    for i, columns in enumerate(drawn):
        n_columns = columns.bit_count()
        assert msus[i] == max(1, n_columns)
        assert smallest[i] == (1 if n_columns else d)
        assert score[i] == worth[1] * n_columns if n_columns else worth[d]
    assert n_rows.sum() == msus.sum()

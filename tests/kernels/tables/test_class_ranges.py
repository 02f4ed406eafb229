import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from naive.tables import Table, tables
from shoal_kernels.tables.class_ranges import class_extents
from shoal_kernels.tables.dimensions import SET


@given(tables(), st.data())
@settings(deadline=None)
def test_class_extents__equals_looking_at_each_class(table: Table, data: st.DataObject) -> None:
    n = len(table.codes)
    classes = data.draw(st.lists(st.integers(-1, 3), min_size=n, max_size=n))
    dims, d, m = table.dimensions(), len(table.sizes), 4
    low, high = np.full((d, m), 99), np.full((d, m), 99)
    bits = np.full((m, int(dims.bit_words.sum())), 7, np.uint64)
    class_extents(dims, table.words(dims), np.array(classes, np.int64), low, high, bits)
    for c in range(m):
        for j in range(d):
            codes = {table.codes[i][j] for i in range(n) if classes[i] == c}
            assert low[j, c] == min(codes, default=table.sizes[j])
            assert high[j, c] == max(codes, default=-1)
            if table.kinds[j] == SET:
                first = int(dims.bit_start[j])
                words = bits[c, first : first + int(dims.bit_words[j])].tolist()
                assert {64 * w + b for w, word in enumerate(words) for b in range(64) if word >> b & 1} == codes

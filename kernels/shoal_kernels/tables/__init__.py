"""Tables as kernels see them: codes, packed tuples, groups of equal rows, sets of items."""

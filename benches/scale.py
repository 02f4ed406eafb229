"""How large the tables of the benchmarks are."""

import os
from typing import Final

N_ROWS: Final = int(float(os.environ.get("SHOAL_BENCH_ROWS", "2000")))
"""Rows; small unless the environment says otherwise, so that the test suite can run every benchmark once."""

PEER_ROWS: Final = min(N_ROWS, 30_000)
"""Rows for the peers, which take minutes beyond."""

"""The door to Numba: what is compiled once is loaded by the next process, closures over compiled functions too."""

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import numpy as np
from shoal_kernels.changes import FOLD_CHANGE, MEASURE_CHANGE
from shoal_kernels.combining import LANES
hits = 0
for name in ("float32", "float64"):
    hits += sum(MEASURE_CHANGE[name].compile().stats.cache_hits.values())
    squares = np.empty(1)
    MEASURE_CHANGE[name](np.array([3, 4], name), np.zeros(2, name), np.empty(LANES), squares)
    assert squares.tolist() == [25.0]
print(hits, [kernel._place for kernel in MEASURE_CHANGE.values()], [kernel._place for kernel in FOLD_CHANGE.values()])
"""


def test_kernels_made_by_closures__are_compiled_in_one_process_and_loaded_in_the_next(tmp_path: Path) -> None:
    command = [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}\n{SCRIPT}"]
    environment = {**os.environ, "SHOAL_CACHE_DIR": str(tmp_path)}
    said = [
        subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout for _ in range(2)
    ]
    # Of one name there are two: they are told apart by the order in which they are declared.
    assert said == ["0 [0, 1] [0, 1]\n", "2 [0, 1] [0, 1]\n"]

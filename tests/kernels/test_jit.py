"""The door to Numba: what kernels refuse, that they run as Python, and that the next process loads what is compiled."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from shoal_kernels import _jit
from shoal_kernels.criteria.class_measures import check_classes, measure_worst, sum_by_class
from shoal_kernels.criteria.privacy_models import Cells, Models
from shoal_kernels.partitioning.bounding_boxes import popcount

SCRIPT = """
import numpy as np
from shoal_kernels.aggregation.clipped_changes import FOLD_CHANGE, MEASURE_CHANGE
from shoal_kernels.aggregation.linear_combinations import LANES
hits = 0
for name in ("float32", "float64"):
    hits += sum(MEASURE_CHANGE[name].compile().stats.cache_hits.values())
    squares = np.empty(1)
    MEASURE_CHANGE[name](np.array([3, 4], name), np.zeros(2, name), np.empty(LANES), squares)
    assert squares.tolist() == [25.0]
print(hits, [[kernel.ordinal for kernel in kernels.values()] for kernels in (MEASURE_CHANGE, FOLD_CHANGE)])
"""


def test_kernels_made_by_closures__are_compiled_in_one_process_and_loaded_in_the_next(tmp_path: Path) -> None:
    command = [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}\n{SCRIPT}"]
    environment = {**os.environ, "SHOAL_CACHE_DIR": str(tmp_path)}
    said = [
        subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout for _ in range(2)
    ]
    # Of one name there are two: they are told apart by the order in which they are declared.
    assert said == ["0 [[0, 1], [0, 1]]\n", "2 [[0, 1], [0, 1]]\n"]


UNKNOWN_KIND = 99
I, F = np.int64, np.float64


def one_class(kind: int) -> tuple[Models, Cells]:
    """Return a class of four rows with two values, and one model of a kind that binds them."""
    models = Models(
        np.array([1], I),
        np.array([kind], I),
        np.array([0], I),
        np.array([2], I),
        np.array([1], I),
        np.array([1.0], F),
        np.array([0.5, 0.5], F),
        np.array([0], I),
        np.array([0], I),
        np.array([], I),
    )
    return _jit.freeze(models), _jit.freeze(Cells(np.array([0, 2], I), np.array([0, 1], I), np.array([2, 2], I)))


def test_kernel__a_wrong_dtype_names_kernel_and_argument() -> None:
    with pytest.raises(TypeError, match=r"sum_by_class takes weight as .*int64.*float64"):
        sum_by_class(np.ones(3), np.zeros(3, I), np.zeros(1, I))  # type: ignore[arg-type]


def test_kernel__a_wrong_layout_names_the_argument() -> None:
    with pytest.raises(TypeError, match="takes class_of_tuple as"):
        sum_by_class(np.ones(3, I), np.zeros(6, I)[::2], np.zeros(1, I))


def test_kernel__a_missing_argument_lists_them() -> None:
    with pytest.raises(TypeError, match="sum_by_class takes 3 arguments by position: weight, class_of_tuple"):
        sum_by_class(np.ones(3, I), np.zeros(3, I))  # type: ignore[call-arg]


def test_models__an_unknown_kind_is_refused_by_every_kernel_that_reads_it() -> None:
    models, cells = one_class(UNKNOWN_KIND)
    by_class, start, size = np.array([0], I), np.array([0, 1], I), np.array([4], I)
    with pytest.raises(ValueError, match="kind of model"):
        check_classes(models, cells, by_class, start, size, np.zeros(1, np.uint8))
    with pytest.raises(ValueError, match="kind of model"):
        measure_worst(models, cells, by_class, start, np.zeros(1))


def run(code: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
    )


def test_interpreted__kernels_are_python_functions_with_the_same_results() -> None:
    code = """
import polars as pl, shoal
from shoal_kernels import _jit
people = pl.DataFrame({"age": [21, 22, 23, 44, 45, 46], "job": ["a", "b", "a", "c", "c", "b"]})
policy = shoal.Policy(k=3, order="sorted", quasi_identifiers={"age": shoal.QuasiIdentifier()},
                      sensitive={"job": shoal.Sensitive(l=2)})
print(shoal.anonymize(people, policy).frame.rows(), _jit.INTERPRETED)
"""
    compiled, interpreted = run(code, NUMBA_DISABLE_JIT="0").stdout, run(code, NUMBA_DISABLE_JIT="1").stdout
    assert compiled.endswith("False\n")
    assert interpreted.endswith("True\n")
    assert compiled.removesuffix("False\n") == interpreted.removesuffix("True\n")


def test_logging__a_root_logger_at_debug_hears_nothing_of_numba(tmp_path: Path) -> None:
    code = """
import logging; logging.basicConfig(level=logging.DEBUG)
import numpy as np
from shoal_kernels.criteria.class_measures import sum_by_class
sum_by_class(np.ones(3, np.int64), np.zeros(3, np.int64), np.zeros(1, np.int64))
"""
    # In a folder of its own, so that the kernel is compiled.
    assert "numba" not in run(code, SHOAL_CACHE_DIR=str(tmp_path)).stderr


LINKED = """
import numpy as np
from numba import types
from shoal_kernels import _jit

@_jit.lean
def third(values, i):
    return values[i] % 3

@_jit.inlined
def value_at(values, i):
    if i < 0:
        raise IndexError(f"no place {i}")
    return values[i]

@_jit.inner
def total(values):
    found = 0
    for i in range(values.size):
        found += third(values, i) * value_at(values, i)
    return found

@_jit.inner
def both(values, i):
    return total(np.sort(values)) + value_at(values, i)

@_jit.kernel(types.int64(_jit.vector(types.int64), types.int64))
def whole(values, i):
    return both(values, i) + total(values)

values = np.array([5, 1, 3], np.int64)
print(whole(values, 0), [len(part.overloads) for part in (third, value_at, total, both)])
try:
    whole(values, -1)
except IndexError as error:
    print(error)
"""
"""A kernel of parts within parts, some reached in two ways; one raises what is put together while it runs."""


def test_kernel__takes_its_parts_in_and_needs_none_of_them_once_it_is_cached(tmp_path: Path) -> None:
    (tmp_path / "linked.py").write_text(LINKED)
    path = os.pathsep.join([str(tmp_path), *sys.path])
    said = [run("import linked", PYTHONPATH=path, SHOAL_CACHE_DIR=str(tmp_path)).stdout for _ in range(2)]
    # Both kinds of array, the kernel's own and the sorted copy, reach the parts.
    assert said == ["27 [2, 2, 2, 1]\nno place -1\n", "27 [0, 0, 0, 0]\nno place -1\n"]


def test_kernel__without_linking_gives_the_same_results(tmp_path: Path) -> None:
    (tmp_path / "linked.py").write_text(LINKED)
    path = os.pathsep.join([str(tmp_path), *sys.path])
    code = "import sys, warnings; sys.modules['shoal_kernels._linking'] = None; warnings.simplefilter('default')"
    done = run(f"{code}\nimport linked", PYTHONPATH=path, SHOAL_CACHE_DIR=str(tmp_path / "kept"))
    assert done.stdout == "27 [2, 2, 2, 1]\nno place -1\n"
    assert "every process compiles its kernels anew" in done.stderr
    assert not (tmp_path / "kept").exists()


def test_linking__the_installed_numba_is_supported() -> None:
    assert _jit._linking is not None


def test_part__is_refused_to_python() -> None:
    with pytest.raises(TypeError, match="popcount is a part of kernels"):
        popcount(np.uint64(3))

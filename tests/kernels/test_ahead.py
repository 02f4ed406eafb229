"""Kernels compiled by other processes, while this one does other things."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shoal_kernels._jit import INTERPRETED

pytestmark = pytest.mark.skipif(INTERPRETED, reason="nothing is compiled")

FOUR = """
from numba import types
from shoal_kernels import _jit

def made(step):
    def kernel(values):
        total = 0
        for i in range(values.size):
            total += values[i] * step
        return total
    return kernel

KERNELS = [_jit.kernel(types.int64(_jit.vector(types.int64)))(made(step)) for step in (1, 10, 100, 1000)]
"""
START = """
import time
import numpy as np
import four
from shoal_kernels import _ahead
values = np.array([1, 2, 3], np.int64)
hits = lambda: [sum(one._compiled.stats.cache_hits.values()) for one in four.KERNELS if one._compiled]
_ahead.start(four.KERNELS, processes=2)
"""


def call(path: Path, code: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    (path / "four.py").write_text(FOUR)
    places = os.pathsep.join([str(path), *sys.path])
    settings = {**os.environ, "PYTHONPATH": places, "SHOAL_CACHE_DIR": str(path / "kept"), **environment}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", START + code], capture_output=True, text=True, check=True, env=settings
    )


def kept(path: Path) -> int:
    return len([each for each in (path / "kept").iterdir() if each.name != "lock"])


def test_start__others_compile_and_this_process_loads(tmp_path: Path) -> None:
    done = call(tmp_path, "_ahead.finish(); print([one(values) for one in four.KERNELS], hits())")
    assert (done.stdout, done.stderr) == ("[6, 60, 600, 6000] [1, 1, 1, 1]\n", "")


def test_start__each_kernel_is_compiled_once_whoever_does(tmp_path: Path) -> None:
    code = """
import pathlib
for one in reversed(four.KERNELS):
    one.compile_unless_busy()
print([one(values) for one in four.KERNELS])
_ahead.finish()
"""
    done = call(tmp_path, code)
    assert (done.stdout, done.stderr, kept(tmp_path)) == ("[6, 60, 600, 6000]\n", "", 4)


def test_start__nothing_is_started_where_all_is_kept(tmp_path: Path) -> None:
    call(tmp_path, "_ahead.finish()")
    assert call(tmp_path, "print(len(_ahead._running))").stdout == "0\n"


def test_start__nothing_is_started_where_nothing_can_be_kept(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = call(tmp_path, "print(len(_ahead._running))", SHOAL_CACHE_DIR=str(tmp_path / "file" / "kept"))
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_start__processes_end_with_this_one_and_say_nothing(tmp_path: Path) -> None:
    done = call(tmp_path, "print(*[one.pid for one in _ahead._running])")
    assert done.stderr == ""
    for process in map(int, done.stdout.split()):
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def test_start__a_process_that_cannot_run_is_no_matter(tmp_path: Path) -> None:
    code = "print([one(values) for one in four.KERNELS])"
    broken = "import sys; sys.executable = '/nowhere/python'\n"
    (tmp_path / "kept").mkdir(mode=0o700)
    settings = {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path]), "SHOAL_CACHE_DIR": str(tmp_path / "kept")}
    (tmp_path / "four.py").write_text(FOUR)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", broken + START + code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **settings},
    )
    assert (done.stdout, done.stderr) == ("[6, 60, 600, 6000]\n", "")


def test_start__a_forked_child_leaves_the_processes_alone(tmp_path: Path) -> None:
    if not hasattr(os, "fork"):
        pytest.skip("processes do not fork here")
    code = """
import os, sys
child = os.fork()
if child == 0:
    sys.exit(0 if not _ahead._running else 1)
print(os.waitpid(child, 0)[1])
_ahead.finish()
"""
    done = call(tmp_path, code)
    assert (done.stdout, done.stderr, kept(tmp_path)) == ("0\n", "", 4)

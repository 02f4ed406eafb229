"""Compile kernels in other processes, for Numba compiles one at a time in each.

They share no more than the cache: whoever comes first compiles a kernel, others find it there. So what they do changes
no result, and where they fail the process that started them compiles by itself.
"""

import atexit
import contextlib
import importlib
import json
import os
import pkgutil
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Final

from shoal_kernels import _jit

Kernels = Sequence["_jit.Kernel[Any, Any]"]

_START: Final = """
import json, sys
places, parent, wanted = json.loads(sys.argv[1])
sys.path[:] = places
from shoal_kernels._ahead import compile_for
compile_for(parent, wanted)
"""
_MOST_PROCESSES: Final = 8
"""Each takes some 300 MB."""

_running: list["subprocess.Popen[bytes]"] = []


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def start(kernels: Kernels, *, processes: int) -> None:
    """Begin to compile kernels that are not kept yet, in processes that end with this one.

    Parameters
    ----------
    kernels : sequence of Kernel
        In the order in which they are compiled: first what takes longest.
    processes : int
        The most; none are started where nothing is missing or nothing can be kept.
    """
    _running[:] = [process for process in _running if process.poll() is None]
    missing = [one for one in kernels if not one.is_kept()]
    if _jit.INTERPRETED or not sys.executable or not any(one.can_be_kept() for one in missing[:1]):
        return
    wanted = [(one.python.__module__, one.python.__qualname__, one.ordinal) for one in missing]
    command = [sys.executable, "-P", "-c", _START, json.dumps([sys.path, os.getpid(), wanted])]
    nowhere = subprocess.DEVNULL
    for _ in range(min(processes, len(missing), _MOST_PROCESSES)):
        with contextlib.suppress(OSError):
            _running.append(subprocess.Popen(command, stdin=nowhere, stdout=nowhere, stderr=nowhere))


@atexit.register
def stop() -> None:
    """End the processes that are still compiling."""
    while _running:
        process = _running.pop()
        with contextlib.suppress(OSError):
            process.terminate()
        process.wait()


def _forget() -> None:
    """Leave the processes to the one that started them: this one was forked from it."""
    while _running:
        _running.pop().returncode = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def finish() -> None:
    """Wait until the processes have compiled what they were started for."""
    while _running:
        _running.pop().wait()


def compile_all(first: Kernels = ()) -> int:
    """Compile every kernel of the package, on all cores, and return how many there are.

    Parameters
    ----------
    first : sequence of Kernel
        Those that take longest, so that no core is left with one of them at the end.
    """
    package = sys.modules[__name__.partition(".")[0]]
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    kernels = _jit.registered()
    order = sorted(kernels, key=lambda one: one not in first)
    start(order, processes=cores() - 1)
    for one in order:
        one.compile_unless_busy()
    for one in kernels:
        one.compile()
    finish()
    return len(kernels)


def compile_for(parent: int, wanted: Sequence[tuple[str, str, int]]) -> None:
    """Compile kernels by their names, as long as the process that wants them is there."""
    for module, _, _ in wanted:
        importlib.import_module(module)
    named = {(one.python.__module__, one.python.__qualname__, one.ordinal): one for one in _jit.registered()}
    for module, qualname, ordinal in wanted:
        if sys.platform != "win32" and os.getppid() != parent:
            return
        named[module, qualname, ordinal].compile_unless_busy()

"""Detection of processes forked after work began, which lack the worker threads and would deadlock.

Calls in such a process raise `ForkError` instead.
"""

import os
from pathlib import Path

from shoal_engine.errors import ForkError

_THREADS = Path("/proc/self/task")
_used = False
_orphaned = False


def check_process() -> None:
    """Record that this process is in use; called before any work on a frame.

    Raises
    ------
    ForkError
        The process was forked from one that was in use.
    """
    global _used
    if _orphaned:
        msg = (
            "this process was forked after shoal or Polars had begun work in its parent, so threads are missing; "
            'start processes by "spawn" or "forkserver": multiprocessing.get_context("spawn")'
        )
        raise ForkError(msg)
    _used = True


def _pool_runs() -> bool:
    """Return whether Polars has started its threads, if thread names can be read."""
    try:
        return any((thread / "comm").read_text().startswith("polars-0") for thread in _THREADS.iterdir())
    except OSError:
        return False


def _before() -> None:
    """Record in the parent whether it is in use, for the child."""
    global _used
    _used = _used or _pool_runs()


def _in_child() -> None:
    """Record in the child that the threads of its parent are missing."""
    global _orphaned
    _orphaned = _orphaned or _used


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_child=_in_child)

"""A process that was forked after work began has none of the threads that did it, and would wait for them for ever.

What is asked for there is refused instead.
"""

import os
from pathlib import Path

from shoal_engine.errors import ForkError

_THREADS = Path("/proc/self/task")
_used = False
_orphaned = False


def check_process() -> None:
    """Note that this process is in use; called before any work on a frame.

    Raises
    ------
    ForkError
        The process was forked from one that was in use.
    """
    global _used
    if _orphaned:
        msg = (
            "this process was forked from one in which shoal or Polars had begun work, so its threads are missing; "
            'start processes by "spawn" or "forkserver": multiprocessing.get_context("spawn")'
        )
        raise ForkError(msg)
    _used = True


def _pool_runs() -> bool:
    """Return whether Polars has begun work by itself, where threads have names that can be read."""
    try:
        return any((thread / "comm").read_text().startswith("polars-0") for thread in _THREADS.iterdir())
    except OSError:
        return False


def _before() -> None:
    """Note in the parent what the child cannot find out."""
    global _used
    _used = _used or _pool_runs()


def _in_child() -> None:
    """Note in the child that the threads of its parent are missing."""
    global _orphaned
    _orphaned = _orphaned or _used


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_child=_in_child)

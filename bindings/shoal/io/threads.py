"""Number of threads of a task."""

import os

MOST_THREADS = 1 << 16


def threads(n_threads: int | None) -> int:
    """Return the number of threads: `n_threads`, or one per core that this process may use."""
    if n_threads is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    from shoal_engine.differential.exact_numbers import count

    return count(n_threads, name="n_threads", most=MOST_THREADS)

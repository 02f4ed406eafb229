"""How many threads a task uses."""

import os

MOST_THREADS = 1 << 16


def threads(n_threads: int | None) -> int:
    """Return how many threads to use: as asked, else one for each core that this process may use."""
    if n_threads is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    from shoal_engine.differential.exact_numbers import count

    return count(n_threads, name="n_threads", most=MOST_THREADS)

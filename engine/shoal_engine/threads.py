"""Work on row ranges in threads: kernels release the interpreter's lock, so plain threads are enough."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

S = TypeVar("S")
T = TypeVar("T")


def in_threads(task: Callable[[S], T], parts: Iterable[S], n_threads: int) -> list[T]:
    """Return ``task(part)`` for each part, in order, at most `n_threads` at a time."""
    parts = list(parts)
    if n_threads <= 1 or len(parts) <= 1:
        return [task(part) for part in parts]
    with ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(task, parts))


def ranges(n: int, n_parts: int) -> list[tuple[int, int]]:
    """Cut ``0..n`` into at most `n_parts` ranges of nearly equal length, none empty."""
    n_parts = max(1, min(n_parts, n))
    return [(n * p // n_parts, n * (p + 1) // n_parts) for p in range(n_parts)]


def one_ahead(items: Iterable[T]) -> Iterator[T]:
    """Yield items in order while a thread makes the next one.

    Examples
    --------
    >>> list(one_ahead(n * n for n in range(4)))
    [0, 1, 4, 9]
    """
    source = iter(items)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: list(islice(source, 1)))
        while found := waiting.result():
            waiting = pool.submit(lambda: list(islice(source, 1)))
            yield from found

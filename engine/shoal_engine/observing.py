"""Observe, merge, finish: the shape of every mergeable summary, and the one loop that fills it.

A summary observes batches, merges with other summaries of the same kind, and is finished once. Any cut of the input
and any order of merging give the same bytes. A private group-by observes record batches, `finish(key)` returns exact
totals, and their `release` adds noise; a federated rule observes updates, and `release` returns the next model.
"""

from collections.abc import Iterable
from typing import Any, Protocol, TypeVar

Batch_contra = TypeVar("Batch_contra", contravariant=True)


class Summary(Protocol[Batch_contra]):
    """A mergeable summary of batches; what finishes it differs by kind."""

    def observe(self, batch: Batch_contra, /) -> None:
        """Add one batch."""
        ...

    def merge(self, other: Any, /) -> None:
        """Add everything that another summary of the same kind has observed."""
        ...


AnySummary = TypeVar("AnySummary", bound=Summary[Any])


def observe_all(summary: AnySummary, batches: Iterable[Any]) -> AnySummary:
    """Observe every batch, one at a time, and return the summary.

    Examples
    --------
    >>> class Total:
    ...     value = 0
    ...
    ...     def observe(self, batch: int) -> None:
    ...         self.value += batch
    ...
    ...     def merge(self, other: "Total") -> None:
    ...         self.value += other.value
    >>> observe_all(Total(), [1, 2, 3]).value
    6
    """
    for batch in batches:
        summary.observe(batch)
        # Not held while the next one is waited for.
        del batch
    return summary


def merge_all(first: AnySummary, others: Iterable[AnySummary]) -> AnySummary:
    """Merge summaries of one kind into the first, and return it."""
    for other in others:
        first.merge(other)
    return first

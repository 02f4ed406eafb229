"""Compilation of kernels before their first use, on all cores."""

from pathlib import Path
from typing import Any


def warm() -> tuple[Path | None, int]:
    """Compile all kernels into the cache.

    Returns
    -------
    path or None
        Cache directory of the compiled kernels; None if no cache can be written.
    int
        Number of kernels.
    """
    from shoal_kernels import _ahead, _cache
    from shoal_kernels._jit import registered

    count = _ahead.compile_all(_largest("tight") + _largest("full-domain") + _largest("mondrian"))
    kept = all(kernel.is_kept() for kernel in registered())
    return _cache.directory() if kept else None, count


def compile_ahead(method: str) -> None:
    """Begin to compile, in other processes, what takes longest of what a release needs; nothing if it is there.

    Parameters
    ----------
    method : str
        By which the release is made; see `shoal.anonymize`.
    """
    from shoal_kernels import _ahead

    _ahead.start(_largest(method), processes=_ahead.cores() - 1)


def _largest(method: str) -> list[Any]:
    """Return the kernels of a method that take longest to compile, first those that this process comes to last."""
    from shoal_kernels.criteria.class_measures import check_classes, measure_worst

    if method == "tight":
        from shoal_kernels.partitioning.bottom_up import group_bottom_up
        from shoal_kernels.partitioning.residuals import total_loss
        from shoal_kernels.partitioning.tight import cut_block, tight_classes

        return [tight_classes, group_bottom_up, cut_block, measure_worst, check_classes, total_loss]
    if method == "full-domain":
        from shoal_kernels.full_domain.walk import evaluate_node, rows_of_first_failure, walk

        return [walk, evaluate_node, rows_of_first_failure, measure_worst, check_classes]
    from shoal_kernels.partitioning.mondrian import cut_tuples
    from shoal_kernels.partitioning.mondrian_packed import cut_keys

    return [cut_tuples, cut_keys, measure_worst, check_classes]

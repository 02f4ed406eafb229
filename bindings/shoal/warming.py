"""Compile every kernel ahead of its first use."""

import importlib
import pkgutil
from pathlib import Path


def warm() -> tuple[Path | None, int]:
    """Compile all kernels into the cache.

    Returns
    -------
    path or None
        Where the compiled kernels are kept; None where nothing can be written, so that nothing was kept.
    int
        Number of kernels.
    """
    import shoal_kernels
    from shoal_kernels._jit import cache_directory, registered

    for module in pkgutil.walk_packages(shoal_kernels.__path__, "shoal_kernels."):
        importlib.import_module(module.name)
    kernels = registered()
    for kernel in kernels:
        kernel.compile()
    return cache_directory(), len(kernels)

"""Compilation of all kernels before their first use."""

import importlib
import pkgutil
from pathlib import Path


def warm() -> tuple[Path | None, int]:
    """Compile all kernels into the cache.

    Returns
    -------
    path or None
        Cache directory of the compiled kernels; None if no cache can be written.
    int
        Number of kernels.
    """
    import shoal_kernels
    from shoal_kernels import _cache
    from shoal_kernels._jit import registered

    for module in pkgutil.walk_packages(shoal_kernels.__path__, "shoal_kernels."):
        importlib.import_module(module.name)
    kernels = registered()
    for kernel in kernels:
        kernel.compile()
    kept = all(kernel.file is not None and kernel.file.exists() for kernel in kernels)
    return _cache.directory() if kept else None, len(kernels)

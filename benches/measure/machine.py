"""On what the figures were made."""

import importlib.metadata
import platform
from pathlib import Path

from shoal.io.threads import threads

PACKAGES = ("shoal", "numba", "numpy", "polars", "pyarrow")


def machine() -> str:
    """Return processor, cores and versions in one line."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    return f"{_processor()}, {threads(None)} cores; Python {platform.python_version()}, {versions}"


def _processor() -> str:
    """Return the processor's name."""
    told = Path("/proc/cpuinfo")
    names = [
        line.partition(":")[2].strip()
        for line in (told.read_text().splitlines() if told.exists() else [])
        if line.startswith("model name")
    ]
    return names[0] if names else platform.processor() or platform.machine()

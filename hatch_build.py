"""Wheels with compiled kernels, so that the first command of a fresh environment compiles nothing.

Nothing is compiled unless it is asked for::

    HATCH_BUILD_HOOK_ENABLE_CUSTOM=true python -m build --wheel

on a machine of the architecture that the wheel is for, with the Python and the versions of Numba, llvmlite and NumPy
that it is for; with others the kernels in it are left alone, and compiled as without them. Kernels are kept as always
(``SHOAL_CACHE_DIR``), for those who build call this twice.
"""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CPUS = {"x86_64": "x86-64-v3", "amd64": "x86-64-v3", "aarch64": "generic", "arm64": "generic"}
"""What is compiled for; `shoal_kernels._cache_key.PORTABLE` says what a CPU must have to run it."""
_COMPILE = """
import json
from shoal_kernels import _ahead, _jit
_ahead.compile_all()
paths = [(one.__qualname__, one.file and one.file.path()) for one in _jit.registered()]
print(json.dumps([(name, path and str(path)) for name, path in paths]))
"""


class CompiledKernels(BuildHookInterface[Any]):
    """Compiles all kernels for a CPU that most machines of this architecture have, and takes them into the wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and give the builder which files there are, and what the wheel runs on."""
        if version == "editable":
            return
        settings = {
            "NUMBA_CPU_NAME": CPUS[platform.machine().lower()],
            "NUMBA_CPU_FEATURES": "",
            "PYTHONPATH": str(Path(self.root) / "kernels"),
        }
        command = [sys.executable, "-c", _COMPILE]
        done = subprocess.run(command, check=True, env={**os.environ, **settings}, stdout=subprocess.PIPE)
        for name, path in json.loads(done.stdout):
            if path is None:
                msg = f"the kernel {name} was not kept; the warnings above say why"
                raise RuntimeError(msg)
            build_data["force_include"][path] = f"shoal_kernels/_compiled/{Path(path).name}"
        build_data["pure_python"] = False
        build_data["tag"] = _tag()


def _tag() -> str:
    """Return the tag of a wheel for this Python and this architecture."""
    from packaging.tags import platform_tags

    python = f"cp{sys.version_info.major}{sys.version_info.minor}"
    where = next(iter(platform_tags()))
    if sys.platform == "linux":
        # Compiled kernels name what they call, and the process finds it: they need no version of the C library.
        where = f"manylinux_2_17_{platform.machine()}"
    return f"{python}-{python}-{where}"

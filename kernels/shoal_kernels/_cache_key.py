"""What a compiled kernel depends on: sources, versions, switches of the compiler, and the CPU that runs it.

Where its sources lie is not among them, so every environment and every checkout of the same sources shares kernels.
"""

import functools
import hashlib
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import llvmlite
import numba
import numpy as np
from llvmlite import binding
from numba import config
from numba.core.registry import cpu_target

FORMAT: Final = 1
"""Of the files; counted up when what they hold changes."""

_SWITCHES: Final = (
    "OPT",
    "LOOP_VECTORIZE",
    "SLP_VECTORIZE",
    "BOUNDSCHECK",
    "DEBUGINFO_DEFAULT",
    "LLVM_REFPRUNE_PASS",
    "LLVM_REFPRUNE_FLAGS",
    "LLVM_PASS_TIMINGS",
    "ENABLE_PROFILING",
)
"""Settings of Numba that change what is compiled."""

_X86_64_V3: Final = (
    "cx16 sahf popcnt sse3 sse4.1 sse4.2 ssse3 avx avx2 bmi bmi2 f16c fma lzcnt movbe xsave".split()  # noqa: SIM905
)
"""What a CPU of this level has, by LLVM's names: https://gitlab.com/x86-psABIs/x86-64-ABI, table 3.1."""

PORTABLE: Final[dict[str, tuple[str, Sequence[str]]]] = {
    "x86_64": ("x86-64-v3", _X86_64_V3),
    "amd64": ("x86-64-v3", _X86_64_V3),
    "aarch64": ("generic", ("neon",)),
    "arm64": ("generic", ("neon",)),
}
"""For each architecture the CPU that wheels are built for, and what a CPU must have to run them."""

Target = tuple[str, str, str]
"""Triple, CPU and features."""


@functools.cache
def sources() -> bytes:
    """Return a digest of all kernel sources, by their places in the package; empty where no source can be read."""
    package = Path(__file__).parent
    found = sorted((path.relative_to(package).as_posix(), path) for path in package.rglob("*.py"))
    if not found:
        return b""
    digest = hashlib.sha256()
    for name, path in found:
        text = path.read_bytes()
        digest.update(f"{name} {len(text)}\n".encode() + text)
    return digest.digest()


@functools.cache
def versions() -> str:
    """Return the versions and switches that compiled code depends on."""
    numpy = ".".join(np.__version__.split(".")[:2])
    python = f"{sys.implementation.cache_tag}{getattr(sys, 'abiflags', '')}"
    switches = [f"{name}={getattr(config, name, None)}" for name in _SWITCHES]
    return f"{FORMAT} {numba.__version__} {llvmlite.__version__} {numpy} {python} {' '.join(switches)}"


@functools.cache
def targets() -> tuple[Target, ...]:
    """Return what code may be compiled for to run here: what is compiled here, then what wheels hold."""
    native: Target = cpu_target.target_context.codegen().magic_tuple()
    portable, needed = PORTABLE.get(platform.machine().lower(), ("", ()))
    if not portable or config.CPU_NAME is not None or config.CPU_FEATURES is not None or not config.ENABLE_AVX:
        return (native,)
    try:
        features = binding.get_host_cpu_features()
    except RuntimeError:
        return (native,)
    if not all(features.get(name) for name in needed):
        return (native,)
    return (native, (native[0], portable, ""))


def keys(module: str, parts: Sequence[str]) -> list[str]:
    """Return the keys under which a kernel may be kept, first the one of what is compiled here.

    Parameters
    ----------
    module : str
        In which the kernel's function is defined; if it is outside this package, its source counts as well.
    parts : sequence of str
        What the kernel is: names, signature, options.
    """
    fixed = [versions(), module, *parts]
    digest = hashlib.sha256(sources())
    if module.partition(".")[0] != __name__.partition(".")[0]:
        digest.update(Path(str(sys.modules[module].__file__)).read_bytes())
    for part in fixed:
        digest.update(f"\n{len(part)} {part}".encode())
    found: list[str] = []
    for target in targets():
        one = digest.copy()
        one.update(f"\n{target}".encode())
        found.append(one.hexdigest()[:32])
    return found

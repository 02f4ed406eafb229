"""A compiled kernel as bytes, and the kernel that bytes hold.

It builds on names that Numba does not promise to keep. Where one is gone, importing this file raises ImportError.
"""

# pyright: reportPrivateUsage=false
import importlib
import pickle
from typing import Any

from llvmlite import binding
from numba.core import serialize
from numba.core.compiler import CompileResult
from numba.core.environment import Environment

try:
    _REBUILD = CompileResult._rebuild.__code__
except AttributeError as error:
    raise ImportError(str(error)) from error
_FIELDS = ("libdata", "fndesc", "env", "signature", "objectmode", "lifted", "typeann", "reload_init", "referenced_envs")
if _REBUILD.co_varnames[2 : _REBUILD.co_argcount] != _FIELDS or not hasattr(CompileResult, "_reduce"):
    msg = "this version of Numba keeps compiled functions in another way"
    raise ImportError(msg)


def pack(compiled: CompileResult) -> bytes | None:
    """Return a compiled kernel as bytes, or None where it holds what only this process has."""
    library = compiled.library
    names = [variable.name for variable in library._final_module.global_variables]
    if library.has_dynamic_globals or compiled.lifted or any("numba.unresolved" in name for name in names):
        return None
    reduced = list(compiled._replace(type_annotation="")._reduce())
    name, kind, (code, _) = reduced[0]
    # Numba keeps the kernel's IR as well, for callers. Nothing calls a kernel but Python, by one function.
    entry = f'define void @"{compiled.fndesc.llvm_cpython_wrapper_name}"() {{ ret void }}'
    reduced[0] = (name, kind, (code, binding.parse_assembly(entry).as_bitcode()))
    environments = [
        (name, environment.globals.get("__name__"), list(environment.consts))
        for name, environment in library.environments.items()
    ]
    return serialize.dumps((tuple(reduced), environments))


def unpack(context: Any, packed: bytes) -> CompileResult:
    """Return the kernel that `pack` made bytes of; they must be trusted, for code is loaded and run."""
    reduced, environments = pickle.loads(packed)
    compiled = CompileResult._rebuild(context, *reduced)
    if not compiled.library.get_pointer_to_function(compiled.fndesc.llvm_cpython_wrapper_name):
        msg = "a packed kernel has no entry"
        raise ValueError(msg)
    kept: list[Environment] = []
    for name, module, constants in environments:
        # Numba makes functions of array expressions, which are in no module.
        environment = Environment({} if module is None else vars(importlib.import_module(module)))
        environment.consts[:] = constants
        environment.env_name = name
        compiled.library.codegen.set_env(name, environment)
        kept.append(environment)
    return compiled._replace(referenced_envs=(*compiled.referenced_envs, *kept))

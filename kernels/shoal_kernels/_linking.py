"""How a kernel is put together: one library, optimized and emitted once.

By itself Numba makes machine code of every compiled function, and once more of its copy in each function that calls
it, where it is optimized again. Parts of kernels are called by nothing else: here they stay LLVM IR until a kernel
takes them in, all that it reaches and each once, as functions of its own (`internal`), so that LLVM knows every call
of them. This takes half the time.

It builds on names that Numba does not promise to keep. Where one is gone, importing this file raises ImportError.
"""

from collections.abc import Callable
from typing import Any, NoReturn

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler, CompileResult
from numba.core.environment import lookup_environment
from numba.core.registry import CPUDispatcher

if not {"_final_module", "_linking_libraries", "_reload_init"} <= set(JITCodeLibrary.finalize.__code__.co_names):
    msg = "this version of Numba links libraries in another way"
    raise ImportError(msg)


class _PartLibrary(JITCodeLibrary):
    """The IR of a part, with the libraries that it calls; nothing is made of it here."""

    def finalize(self) -> None:
        """Let two parts define one function, as they do for exceptions of one shape; there is no more to do."""
        for name in _defined(self):
            self._final_module.get_function(name).linkage = "weak_odr"
        self._finalized = True


class _KernelLibrary(JITCodeLibrary):
    """A kernel with all parts that it reaches."""

    def finalize(self) -> None:
        """Take in the parts; then link Numba's own libraries, optimize, and emit one object."""
        own = _defined(self)
        reached = self._reached()
        for library in reached:
            if isinstance(library, _PartLibrary):
                self._reload_init.update(library._reload_init)
                self._final_module.link_in(library._final_module, preserve=True)
        for name in _defined(self) - own:
            self._final_module.get_function(name).linkage = "internal"
        self._linking_libraries = [library for library in reached if not isinstance(library, _PartLibrary)]
        super().finalize()
        for variable in self._final_module.global_variables:
            # Parts put exceptions together with objects of Python, which Numba hands to code when it has an address:
            # without them the first such exception never returns.
            environment = lookup_environment(variable.name)
            if environment is not None:
                self._codegen.set_env(variable.name, environment)

    def _reached(self) -> list[Any]:
        """Return the libraries that are called here and by parts, each once, in a fixed order."""
        reached: dict[Any, None] = {}
        pending: list[Any] = [self]
        while pending:
            for library in pending.pop()._linking_libraries:
                if library not in reached:
                    reached[library] = None
                    if isinstance(library, _PartLibrary):
                        pending.append(library)
        return list(reached)


def _defined(library: Any) -> set[str]:
    """Return the names of the functions that a library defines."""
    return {function.name for function in library._final_module.functions if not function.is_declaration}


class KernelCompiler(Compiler):
    """Compiles a kernel; for ``numba.njit(pipeline_class=...)``."""

    def compile_extra(self, func: Callable[..., Any]) -> Any:
        """Compile `func` into a library that takes in its parts."""
        self.state.flags.no_cfunc_wrapper = True
        self.state.library = _KernelLibrary(self.state.targetctx.codegen(), func.__qualname__)
        self.state.library.enable_object_caching()
        return super().compile_extra(func)


class _PartCompiler(Compiler):
    """Compiles a part, as far as IR."""

    def compile_extra(self, func: Callable[..., Any]) -> CompileResult:
        """Compile `func`, and let callers find it under its library, for it has no address."""
        flags, context = self.state.flags, self.state.targetctx
        flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
        self.state.library = library = _PartLibrary(context.codegen(), func.__qualname__)
        result = super().compile_extra(func)
        context.insert_user_function(library, result.fndesc, [library])
        return result._replace(entry_point=library)


class Part(CPUDispatcher):
    """A function that only kernels call.

    It may call itself, but no part that calls it in turn, and it may not go back to Python (`numba.objmode`).

    Parameters
    ----------
    function : callable
    options
        As for ``numba.njit``.
    """

    def __init__(self, function: Callable[..., Any], **options: Any) -> None:
        options = {"nopython": True, "boundscheck": None, **options}
        super().__init__(function, targetoptions=options, pipeline_class=_PartCompiler)

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise TypeError: there is no machine code of a part alone."""
        msg = f"{self.__qualname__} is a part of kernels: only compiled functions call it"
        raise TypeError(msg)

    def add_overload(self, cres: CompileResult) -> None:
        """Keep a compiled signature for callers, and not for Python."""
        self.overloads[tuple(cres.signature.args)] = cres

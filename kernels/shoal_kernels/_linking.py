"""How a kernel is put together: one library, optimized and emitted once.

By itself Numba makes machine code of every compiled function, and once more of its copy in each function that calls
it, where it is optimized again. Parts of kernels are called by nothing else: here they stay LLVM IR until a kernel
takes them in, all that it reaches and each once, as functions of its own (`internal`), so that LLVM knows every call
of them. This takes half the time.

What a kernel's library shows to others is named after the kernel alone, so kernels that were compiled in different
processes can be loaded into one; and it names source files from their package on, so it is the same in every folder.

It builds on names that Numba does not promise to keep. Where one is gone, importing this file raises ImportError.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler, CompilerBase, CompileResult
from numba.core.environment import Environment, lookup_environment
from numba.core.registry import CPUDispatcher
from numba.core.types import unliteral

_names = set(JITCodeLibrary.finalize.__code__.co_names)
if not (_names.issuperset({"_final_module", "_linking_libraries"}) and hasattr(CompilerBase, "_compile_bytecode")):
    msg = "this version of Numba links libraries in another way"
    raise ImportError(msg)


class _PartLibrary(JITCodeLibrary):
    """The IR of a part, with the libraries that it calls; nothing is made of it here."""

    def finalize(self) -> None:
        """Let two parts define one function, as they do for exceptions of one shape; there is no more to do."""
        for name in _defined(self):
            self._final_module.get_function(name).linkage = "weak_odr"
        self._finalized = True


class KernelLibrary(JITCodeLibrary):
    """A kernel with everything that it reaches.

    Attributes
    ----------
    environments : dict of str to Environment
        Those of the parts, under the names that they have here.
    """

    def __init__(self, codegen: Any, name: str, kernel: str) -> None:
        super().__init__(codegen, name)
        self._kernel = kernel
        self.environments: dict[str, Environment] = {}

    def finalize(self) -> None:
        """Take in all parts and Numba's own libraries; then optimize, and emit one object."""
        own = _defined(self)
        own_variables = {variable.name for variable in self._final_module.global_variables}
        # Parts first: of Numba's libraries only those functions are taken in that are called by what is there already.
        for library in sorted(self._reached(), key=lambda library: not isinstance(library, _PartLibrary)):
            if "_reload_init" in _names:
                self._reload_init.update(library._reload_init)
            part = isinstance(library, _PartLibrary)
            module = library._final_module if part else library._get_module_for_linking()
            self._final_module.link_in(module, preserve=True)
        self._linking_libraries = []
        for name in _defined(self) - own:
            self._final_module.get_function(name).linkage = "internal"
        for variable in self._final_module.global_variables:
            # Numba numbers what it compiles, and begins anew in each process.
            environment = lookup_environment(variable.name)
            if environment is not None and variable.name not in own_variables:
                variable.name = f"{variable.name}.{self._kernel}"
                self.environments[variable.name] = environment
        super().finalize()
        used = {variable.name for variable in self._final_module.global_variables}
        self.environments = {name: environment for name, environment in self.environments.items() if name in used}
        for name, environment in self.environments.items():
            # Parts put exceptions together with objects of Python, which Numba hands to code when it has an address:
            # without them the first such exception never returns.
            self._codegen.set_env(name, environment)

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


class _Compiler(Compiler):
    """Compiles functions of files that are named from their package on."""

    def _compile_bytecode(self) -> Any:
        identity = self.state.func_id
        path = Path(identity.filename)
        if path.is_absolute():
            depth = identity.modname.count(".") + (2 if path.name == "__init__.py" else 1)
            identity.filename = "/".join(path.parts[-depth:])
        return super()._compile_bytecode()


class KernelCompiler(_Compiler):
    """Compiles a kernel; for ``numba.njit(pipeline_class=...)``, of a class with `kernel` and `ordinal` set.

    Attributes
    ----------
    kernel : str
        A name that no other kernel has.
    ordinal : int
        Among the kernels whose functions have the same name.
    """

    kernel: str
    ordinal: int

    def compile_extra(self, func: Callable[..., Any]) -> Any:
        """Compile `func` into a library that takes in its parts."""
        self.state.flags.no_cfunc_wrapper = True
        self.state.library = KernelLibrary(self.state.targetctx.codegen(), func.__qualname__, self.kernel)
        self.state.library.enable_object_caching()
        return super().compile_extra(func)

    def _compile_bytecode(self) -> Any:
        identity = self.state.func_id
        identity.unique_id, identity.unique_name = self.ordinal, f"{identity.func_qualname}${self.ordinal}"
        return super()._compile_bytecode()


def compiler_of(kernel: str, ordinal: int) -> type[KernelCompiler]:
    """Return what compiles one kernel; see `KernelCompiler`."""
    return type("KernelCompiler", (KernelCompiler,), {"kernel": kernel, "ordinal": ordinal})


class _PartCompiler(_Compiler):
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

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """Compile for the types of arguments; Numba by itself also compiles ``f(x, 0)`` apart, for the constant."""
        named = {name: unliteral(kind) for name, kind in kws.items()}
        return super().get_call_template(tuple(map(unliteral, args)), named)

    def add_overload(self, cres: CompileResult) -> None:
        """Keep a compiled signature for callers, and not for Python."""
        self.overloads[tuple(cres.signature.args)] = cres

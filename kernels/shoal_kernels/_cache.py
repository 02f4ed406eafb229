"""Where compiled kernels are kept: one file for each, in a folder of the user and in the package.

A file is code that will run, so it is read only where nobody else could have written it: it and its folder belong to
the user or to the administrator, and others cannot write to them. It begins with a digest, checked before anything is
unpickled; what is damaged is compiled again. Where nothing can be kept, kernels are compiled in each process, and a
warning says so once.
"""

import contextlib
import functools
import hashlib
import os
import re
import stat
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import platformdirs

from shoal_kernels import _cache_key
from shoal_kernels._locks import ByteLocks

PACKAGED: Final = Path(__file__).parent / "_compiled"
"""What a wheel may bring: kernels compiled for a CPU that most machines have."""
_HEAD: Final = b"shoal kernel\n"
_WRITABLE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH
_PATIENCE: Final = 300.0
"""Seconds to wait for another process that compiles the same kernel: several times what the largest takes."""
_DAY: Final = 86400
_KEPT_DAYS: Final = 60
"""Files in the user's folder go when they were last written or used so long ago."""
_FILES: Final = re.compile(r"[\w.]+\.(\d+\.[0-9a-f]{32}|\d+-[0-9a-f]{16}\.draft)")
"""Names of files: a kernel and its key; or what a process is writing."""


@functools.cache
def say_once(message: str) -> None:
    """Warn, once in a process."""
    warnings.warn(message, RuntimeWarning, stacklevel=2)


def directory() -> Path:
    """Return the user's folder of kernels: ``SHOAL_CACHE_DIR``, or one in the user's cache directory."""
    return Path(os.environ.get("SHOAL_CACHE_DIR") or platformdirs.user_cache_path("shoal") / "kernels").absolute()


class Untrusted(Exception):  # noqa: N818
    """Somebody else could have written what is there."""


class Folder:
    """A folder of compiled kernels.

    Parameters
    ----------
    path : Path
    like : Path, optional
        A file of code that runs anyway. Whoever owns it, or is let write to it by its mode, is trusted here too.
    """

    def __init__(self, path: Path, *, like: Path | None = None) -> None:
        self.path = path
        self.locks = ByteLocks(path / "lock")
        self._pruned = False
        self._owners, self._writable = {0}, _WRITABLE_BY_OTHERS
        if hasattr(os, "geteuid"):
            self._owners.add(os.geteuid())
        if like is not None and like.exists():
            found = like.stat()
            self._owners.add(found.st_uid)
            self._writable &= ~found.st_mode

    def make(self) -> None:
        """Make the folder, for nobody else.

        Raises
        ------
        OSError
            It cannot be made.
        """
        if not self.path.is_dir():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.mkdir(mode=0o700, exist_ok=True)

    def is_writable(self) -> bool:
        """Return whether kernels can be kept here; the folder is made if it is not there."""
        try:
            self.make()
            self._check(self.path.stat(), self.path)
        except (OSError, Untrusted):
            return False
        return os.access(self.path, os.W_OK | os.X_OK)

    def read(self, name: str, key: str) -> bytes | None:
        """Return what was kept under a name and a key, or None where it is not there or damaged.

        Raises
        ------
        Untrusted
            Somebody else could have written it.
        """
        path = self.path / f"{name}.{key}"
        flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
        try:
            with open(os.open(path, flags), "rb") as file:
                found = os.fstat(file.fileno())
                self._check(self.path.stat(), self.path)
                self._check(found, path)
                content = file.read() or b""
        except OSError:
            return None
        if time.time() - found.st_mtime > _KEPT_DAYS * _DAY / 2:
            with contextlib.suppress(OSError):
                os.utime(path)
        start = len(_HEAD) + hashlib.sha256().digest_size
        packed = content[start:]
        return packed if content[:start] == _HEAD + _digest(name, key, packed) else None

    def write(self, name: str, key: str, packed: bytes) -> None:
        """Keep bytes under a name and a key; the first time in a process, drop what was not used for long.

        Raises
        ------
        OSError
            The folder cannot be written.
        Untrusted
            Others can write to it.
        """
        self.make()
        self._check(self.path.stat(), self.path)
        draft = self.path / f"{name}.{os.getpid()}-{os.urandom(8).hex()}.draft"
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o644)
        try:
            with open(file, "wb") as opened:
                opened.write(_HEAD + _digest(name, key, packed) + packed)
            draft.replace(self.path / f"{name}.{key}")
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        self._prune()

    def _check(self, found: os.stat_result, path: Path) -> None:
        """Raise Untrusted where somebody else could have written to what was found."""
        if not hasattr(os, "geteuid"):
            # Windows: folders of a user admit others only where the user says so.
            return
        if found.st_uid not in self._owners:
            msg = f"{path} belongs to another user"
            raise Untrusted(msg)
        if found.st_mode & self._writable:
            msg = f"{path} can be written by others (`chmod go-w` makes it yours alone)"
            raise Untrusted(msg)

    def _prune(self) -> None:
        """Remove kernels that nothing has used for long, and what killed processes were writing."""
        if self._pruned:
            return
        self._pruned = True
        with contextlib.suppress(OSError):
            for path in self.path.iterdir():
                if _FILES.fullmatch(path.name) and time.time() - path.stat().st_mtime > _KEPT_DAYS * _DAY:
                    path.unlink()


def _digest(name: str, key: str, packed: bytes) -> bytes:
    """Return the digest of a file's content and of the name that it is kept under."""
    return hashlib.sha256(f"{name}.{key}\n".encode() + packed).digest()


@functools.cache
def _folders(directory: Path) -> tuple[Folder, Folder]:
    """Return the user's folder, and the one of the package."""
    return Folder(directory), Folder(PACKAGED, like=Path(__file__))


class KernelFile:
    """One kernel in the cache; Numba asks it for what is compiled, as it asks its own caches.

    Parameters
    ----------
    module, qualname : str
        Source file of the kernel's function.
    ordinal : int
        Among the kernels of that name, in the order of declaration.
    parts : sequence of str
        What else the kernel is: signature, options.
    pack, unpack : callable
        Turn a compile result into bytes (None where it cannot be kept), and a context and bytes into a compile result.
    """

    def __init__(
        self,
        module: str,
        qualname: str,
        ordinal: int,
        parts: Sequence[str],
        *,
        pack: Callable[[Any], bytes | None],
        unpack: Callable[[Any, bytes], Any],
    ) -> None:
        self.name = re.sub(r"[^\w.]", "", f"{module}.{qualname}.{ordinal}")
        self._pack, self._unpack = pack, unpack
        self._folder, packaged = _folders(directory())
        self.cache_path = str(self._folder.path)
        self._keys: list[str] = []
        if _cache_key.sources():
            self._keys = _cache_key.keys(module, [qualname, str(ordinal), *parts])
        self._places = [(folder, key) for folder in (self._folder, packaged) for key in self._keys]
        self._byte = int.from_bytes(hashlib.sha256(self.name.encode()).digest()[:4], "big") >> 1

    def exists(self) -> bool:
        """Return whether there is a file to load the kernel from."""
        return self.path() is not None

    def path(self) -> Path | None:
        """Return the file to load the kernel from, or None."""
        paths = [folder.path / f"{self.name}.{key}" for folder, key in self._places]
        return next((path for path in paths if path.is_file()), None)

    def can_be_kept(self) -> bool:
        """Return whether this process may write the file; if so, its folder is there."""
        return bool(self._keys) and self._folder.is_writable()

    def try_lock(self) -> bool:
        """Return whether this process may compile the kernel now; if so, it has to `unlock`."""
        self._make()
        return self._folder.locks.try_lock(self._byte)

    def unlock(self) -> None:
        """Let other processes have the kernel."""
        self._folder.locks.unlock(self._byte)

    def held(self) -> AbstractContextManager[None]:
        """Hold the kernel against other processes, waiting while one compiles it."""
        self._make()
        return self._folder.locks.held(self._byte, at_most=_PATIENCE)

    def _make(self) -> None:
        """Make the folder that the lock is in; where that fails, there is nothing to share."""
        with contextlib.suppress(OSError):
            self._folder.make()

    def load_overload(self, signature: Any, context: Any) -> Any:
        """Return the kernel that was kept, or None."""
        del signature
        context.refresh()
        for folder, key in self._places:
            try:
                packed = folder.read(self.name, key)
            except Untrusted as error:
                say_once(f"compiled kernels there are not used, and shoal compiles anew: {error}")
                continue
            if packed is not None:
                with contextlib.suppress(Exception):
                    return self._unpack(context, packed)
        return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep a compiled kernel; where that cannot be, say why."""
        del signature
        if not self._keys:
            say_once("no compiled kernels are kept: the sources of shoal_kernels cannot be read beside it")
            return
        packed = None
        with contextlib.suppress(Exception):
            packed = self._pack(compiled)
        if packed is None:
            say_once(f"the compiled kernel {self.name} cannot be kept; every process compiles it again")
            return
        try:
            self._folder.write(self.name, self._keys[0], packed)
        except (OSError, Untrusted) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            say_once(
                f"compiled kernels cannot be kept in {self._folder.path}: {reason}; every process compiles anew "
                "until SHOAL_CACHE_DIR names a folder of yours"
            )

    def flush(self) -> None:
        """Forget nothing; Numba asks for it when a function is recompiled, which kernels are not."""

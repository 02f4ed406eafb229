"""Locks between processes: one file, and in it one byte for each thing that is locked.

The system takes a lock back when the process that holds it ends, in whatever way.
"""

import contextlib
import os
import sys
import time
from collections.abc import Generator
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _lock(file: int, byte: int) -> None:
        os.lseek(file, byte, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

    def _unlock(file: int, byte: int) -> None:
        os.lseek(file, byte, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(file: int, byte: int) -> None:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)

    def _unlock(file: int, byte: int) -> None:
        fcntl.lockf(file, fcntl.LOCK_UN, 1, byte)


_PAUSE = 0.02


class ByteLocks:
    """Locks on bytes of a file, held by one process at a time.

    They keep processes apart, not threads. Locks that cannot be had (a folder that is read-only, a file system that
    has none) are granted: they spare work, and nothing depends on them.

    Parameters
    ----------
    path : Path
        Made at the first lock, and never removed: whoever waits holds it open.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def try_lock(self, byte: int) -> bool:
        """Lock a byte; return False where another process holds it."""
        try:
            if self._file is None:
                flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
                self._file = os.open(self._path, flags, 0o600)
        except OSError:
            return True
        try:
            _lock(self._file, byte)
        except (BlockingIOError, PermissionError):
            return False
        except OSError:
            return True
        return True

    def unlock(self, byte: int) -> None:
        """Give a byte back."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                _unlock(self._file, byte)

    @contextlib.contextmanager
    def held(self, byte: int, *, at_most: float) -> Generator[None]:
        """Hold a byte, waiting for it at most the given seconds: a holder may have been stopped."""
        end = time.monotonic() + at_most
        while not self.try_lock(byte) and time.monotonic() < end:
            time.sleep(_PAUSE)
        try:
            yield
        finally:
            self.unlock(byte)

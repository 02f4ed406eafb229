"""Folders for unfinished work beside what it becomes: private, locked while their process lives, cleared after it died.

The system takes a lock back however a process ends, so whoever can lock the file of a folder knows that its owner is
gone, and removes the folder. A kill leaves hidden files until the next run in that folder, and none that it takes for
a result.
"""

import contextlib
import os
import secrets
import shutil
import sys
from collections.abc import Generator
from pathlib import Path

_PREFIX, _SUFFIX = ".shoal-", ".unfinished"
_LOCK = "lock"

if sys.platform == "win32":

    def _locked(descriptor: int) -> bool:
        """Return False: a folder of another process is never known to be abandoned."""
        return False

else:
    import fcntl

    def _locked(descriptor: int) -> bool:
        """Return whether a file could be locked; False where the file system has no locks."""
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


@contextlib.contextmanager
def scratch_folder(parent: Path) -> Generator[Path]:
    """Yield a new hidden folder in `parent` that only its owner can read; remove it, whatever happens.

    Folders that dead processes left in `parent` are removed first. A folder that cannot be removed is a note of the
    error.

    Raises
    ------
    OSError
        The folder cannot be made.
    """
    clear_abandoned(parent)
    folder = parent / f"{_PREFIX}{os.getpid()}-{secrets.token_hex(8)}{_SUFFIX}"
    folder.mkdir(mode=0o700)
    lock = -1
    try:
        lock = os.open(folder / f"{_LOCK}.new", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        _locked(lock)
        # Named only when it is locked: nobody takes a folder for abandoned that is just being made.
        (folder / f"{_LOCK}.new").rename(folder / _LOCK)
        yield folder
    except BaseException as error:
        _remove(folder, error)
        raise
    else:
        _remove(folder, None)
    finally:
        if lock >= 0:
            os.close(lock)


def clear_abandoned(parent: Path) -> None:
    """Remove the folders that dead processes left in `parent`; leave what cannot be removed."""
    with contextlib.suppress(OSError):
        for folder in parent.glob(f"{_PREFIX}*{_SUFFIX}"):
            # Locks are of processes: our own folders look free to us.
            if not folder.name.startswith(f"{_PREFIX}{os.getpid()}-"):
                _clear(folder)


def _clear(folder: Path) -> None:
    """Remove a folder if its owner is gone."""
    with contextlib.suppress(OSError):
        lock = os.open(folder / _LOCK, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
        try:
            if _locked(lock):
                shutil.rmtree(folder)
        finally:
            os.close(lock)


def _remove(folder: Path, error: BaseException | None) -> None:
    """Remove our own folder; what cannot be removed is a note of `error`."""
    try:
        shutil.rmtree(folder)
    except OSError as left:
        if error is not None:
            reason = os.strerror(left.errno) if left.errno else "the system refused"
            error.add_note(f"{str(folder)!r} may be left behind, as it cannot be removed: {reason}")

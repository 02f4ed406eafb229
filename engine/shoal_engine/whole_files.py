"""Files that are on the disk, whole, when a function returns: written next to their place, synced, renamed."""

import contextlib
import os
import secrets
from collections.abc import Generator
from pathlib import Path

from shoal_engine.scratch_folders import scratch_folder


def draft_beside(path: Path) -> Path:
    """Return a hidden name next to a file that no other writer uses: not another thread, nor one long dead."""
    return path.with_name(f".{secrets.token_hex(8)}.part")


@contextlib.contextmanager
def draft_of(path: Path) -> Generator[Path]:
    """Yield a hidden path beside `path`, in a `scratch_folder`; rename it to `path` on success, remove it on failure.

    Readers find the old file or the new one, whole. The rename lasts only after a `sync` of the folder.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    with scratch_folder(path.parent) as folder:
        draft = folder / "draft"
        yield draft
        sync(draft)
        draft.replace(path)


def write_new(path: Path, text: str) -> None:
    """Write a file that was not there; nothing is left behind where that fails.

    Raises
    ------
    OSError
        It is there already, or cannot be written.
    """
    with path.open("x", encoding="utf-8") as file:
        try:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            sync(path.parent)
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def write_over(path: Path, text: str) -> None:
    """Replace the text of a file.

    Raises
    ------
    OSError
        It cannot be written.
    """
    with draft_of(path) as draft:
        draft.write_text(text, encoding="utf-8")
    # The rename has to last as well, or a crash brings back the older text.
    sync(path.parent)


def reason(error: OSError) -> str:
    """Return the system's reason for an error; never the text of another library."""
    return os.strerror(error.errno) if error.errno else "the system refused without a reason"


def sync(path: Path) -> None:
    """Make a file durable, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Small files that are on the disk, whole, when a function returns."""

import os
import secrets
from pathlib import Path
from typing import TextIO


def draft_beside(path: Path) -> Path:
    """Return a hidden name next to a file that no other writer uses: not another thread, nor one long dead."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")


def write_new(path: Path, text: str) -> None:
    """Write a file that was not there; nothing is left behind where that fails.

    Raises
    ------
    OSError
        It is there already, or cannot be written.
    """
    with path.open("x", encoding="utf-8") as file:
        try:
            _fill(file, text)
            sync_folder(path.parent)
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def write_over(path: Path, text: str) -> None:
    """Replace the text of a file: readers find the old or the new, whole.

    Raises
    ------
    OSError
        It cannot be written.
    """
    draft = draft_beside(path)
    try:
        with draft.open("x", encoding="utf-8") as file:
            _fill(file, text)
        draft.replace(path)
        # The rename has to last as well, or a crash brings back the older text.
        sync_folder(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make names durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _fill(file: TextIO, text: str) -> None:
    """Write text, down to the disk."""
    file.write(text)
    file.flush()
    os.fsync(file.fileno())

"""Facts about the run that made a release: input, date, and who ran it if that was declared."""

import getpass
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shoal.io.files import sources
from shoal.io.frames import IntoFrame
from shoal_engine.errors import InputError

ACCOUNT = "@account"
"""Asks for the name of the operating system's account, which is never taken unasked."""


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class Origin:
    """Input, date and person of a release.

    Attributes
    ----------
    date : str
        UTC, ISO 8601 in seconds.
    files : tuple of (Path, int, int)
        Files of the input with size in bytes and time of change in nanoseconds; empty for a table in memory.
    by : str, optional
        Who ran it, as declared.
    by_account : bool
        `by` is the name of the operating system's account.
    """

    date: str
    files: tuple[tuple[Path, int, int], ...] = ()
    by: str | None = None
    by_account: bool = False

    @classmethod
    def now(cls, frame: IntoFrame, by: str | None = None) -> "Origin":
        """Return the facts of a run that begins now.

        Parameters
        ----------
        frame : frame, table or path
        by : str, optional
            Name of whoever runs it; ``"@account"`` for the name of the operating system's account.

        Raises
        ------
        InputError
            The name is empty, or the account has no name.
        """
        if by is not None and not by.strip():
            msg = f"`by` is empty; give a name, or {ACCOUNT!r} for the name of this account, or leave it out"
            raise InputError(msg)
        date = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        return cls(date, _files(frame), _account() if by == ACCOUNT else by, by == ACCOUNT)

    def input_facts(self, rows: int | None, columns: int | None) -> dict[str, Any]:
        """Return name, files, bytes, rows and columns of the input."""
        names = [path.name for path, _, _ in self.files]
        return {
            "name": _named(names),
            "files": len(self.files),
            "bytes": sum(size for _, size, _ in self.files) if self.files else None,
            "rows": rows,
            "columns": columns,
        }

    def input_digest(self) -> str | None:
        """Return the SHA-256 of the input; None for a table in memory, or if a file changed since the run began."""
        try:
            if not self.files or any(_seen(path) != (path, size, time) for path, size, time in self.files):
                return None
            return joint_digest([path for path, _, _ in self.files])
        except OSError:
            return None


def joint_digest(files: Sequence[Path]) -> str:
    """Return the SHA-256 of one file; of several, that of the sorted digests as JSON."""
    digests = sorted(file_digest(path) for path in files)
    return digests[0] if len(digests) == 1 else hashlib.sha256(json.dumps(digests).encode()).hexdigest()


def _files(frame: IntoFrame) -> tuple[tuple[Path, int, int], ...]:
    """Return the files behind a path; no file for a table in memory."""
    if not isinstance(frame, str | Path):
        return ()
    return tuple(_seen(path) for path in sources(frame))


def _seen(path: Path) -> tuple[Path, int, int]:
    """Return a file with its size and time of change."""
    found = path.stat()
    return path, found.st_size, found.st_mtime_ns


def _named(names: Sequence[str]) -> str:
    """Return the name of the input."""
    if not names:
        return "a table in memory"
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more files"


def _account() -> str:
    """Return the name of the operating system's account."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        msg = f"this account has no name, and by = {ACCOUNT!r} asks for it; give a name"
        raise InputError(msg) from None

"""Create a ledger under a temporary name, then rename it, so that no half of one is ever found."""

import contextlib
import os
import sqlite3
from pathlib import Path

from shoal_engine.errors import LedgerError
from shoal_engine.ledger import rows
from shoal_engine.ledger.anchor import Anchor
from shoal_engine.ledger.entries import Entry
from shoal_engine.whole_files import draft_beside, sync


def make(path: Path, first: Entry, anchor: Anchor | None) -> None:
    """Make a ledger that only its owner can read, and before it its anchor.

    A crash between the two leaves an anchor without a ledger, and never a ledger without the anchor it was asked for.

    Raises
    ------
    LedgerError
        The ledger or its anchor is there already, or cannot be written.
    """
    _check_free(path, anchor)
    draft = draft_beside(path)
    try:
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        rows.fill(draft, first)
        if anchor is not None:
            anchor.create(first.mark)
        try:
            # A link, as a rename would write over a ledger that was made meanwhile.
            os.link(draft, path)
        except BaseException:
            if anchor is not None:
                anchor.remove()
            raise
        sync(path.parent)
    except FileExistsError:
        raise _taken(path) from None
    except (OSError, sqlite3.Error) as error:
        how = error.strerror if isinstance(error, OSError) else error
        msg = f"no ledger can be made at {str(path)!r}: {how}; choose a folder that is there and can be written"
        raise LedgerError(msg) from None
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()


def _check_free(path: Path, anchor: Anchor | None) -> None:
    """Raise if a name is in use, or has a log next to it that SQLite would add to the new file."""
    if os.path.lexists(path):
        raise _taken(path)
    for suffix in ("-wal", "-journal"):
        log = path.with_name(path.name + suffix)
        if os.path.lexists(log):
            msg = f"no ledger can be made at {str(path)!r}: there is {log.name!r}, of a file that is gone"
            raise LedgerError(msg + "; choose another name, or remove it")
    if anchor is not None and anchor.path == Path(os.path.realpath(path)):
        msg = f"{str(path)!r} is asked for as the ledger and as its anchor; keep the anchor in a file of its own"
        raise LedgerError(msg)


def _taken(path: Path) -> LedgerError:
    return LedgerError(f"there is a file at {str(path)!r} already; a ledger is never written over, choose another name")

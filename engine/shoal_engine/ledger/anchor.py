"""An anchor: a small file, best kept elsewhere, that holds the newest line of a ledger and so detects an older copy.

Order of writing: a line is committed first, then the ledger is locked again, and its newest line *of then* is put into
the anchor; the receipt comes last. Three things follow.

* The anchor never names a line that the ledger might not hold: a crash before the commit leaves both as they were, one
  after it leaves an anchor that is a line behind. Written before the commit, a crash between the two would leave an
  honest ledger that its anchor refuses for ever.
* It never moves back: writers take turns under the ledger's lock, and each writes the newest line, not its own.
* It is never behind a receipt. The line it misses after a crash was charged to somebody who got no receipt, so no noise
  was drawn for it, and whoever puts an older copy in its place gives back what nobody used.

Whoever reads takes the anchor first and the lines after it, as lines are only added: the other way round, a line that
is added meanwhile would look like one that was lost.
"""

import contextlib
import os
import re
from pathlib import Path

from shoal_engine.errors import LedgerError
from shoal_engine.ledger.entries import Mark
from shoal_engine.whole_files import write_new, write_over

_FORM = re.compile(r"([0-9]{1,18}) ([0-9a-f]{64})\n?", re.ASCII)
_LONGEST = 100
"""Bytes; more is no anchor, and is not read."""


class Anchor:
    """The file.

    Parameters
    ----------
    path : path
        Where it is; links are followed, so that a file on another disk stays there.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(os.path.realpath(path))

    def create(self, mark: Mark) -> None:
        """Write the anchor of a new ledger.

        Raises
        ------
        LedgerError
            The file is there already, perhaps for another ledger, or cannot be written.
        """
        try:
            write_new(self.path, _text(mark))
        except FileExistsError:
            how = "there is a file already, and it may be the anchor of another ledger; choose another name"
            raise self._refused(how) from None
        except OSError as error:
            how = f"it cannot be made: {error.strerror}; choose a folder that is there and can be written"
            raise self._refused(how) from None

    def remove(self) -> None:
        """Take back an anchor whose ledger was not made."""
        with contextlib.suppress(OSError):
            self.path.unlink()

    def read(self) -> Mark:
        """Return the line that the anchor proves.

        Raises
        ------
        LedgerError
            The file is missing, cannot be read, or is no anchor.
        """
        try:
            with self.path.open("rb") as file:
                found = _FORM.fullmatch(file.read(_LONGEST).decode("ascii", "replace"))
        except FileNotFoundError:
            how = "it is not there, and without it no older copy can be told; put it back, or find out who took it"
            raise self._refused(how) from None
        except OSError as error:
            how = f"it cannot be read: {error.strerror}; see to its permissions and its disk"
            raise self._refused(how) from None
        if found is None:
            how = "it is not the number and the hash of a line; give the ledger's own anchor, or put back its text"
            raise self._refused(how)
        return Mark(int(found[1]), found[2])

    def check_writable(self) -> None:
        """Raise, before anything is charged, if the anchor cannot be renewed in its folder.

        Raises
        ------
        LedgerError
        """
        if not os.access(self.path.parent, os.W_OK | os.X_OK):
            how = "its folder cannot be written; see to its permissions"
            raise self._refused(how)

    def write(self, mark: Mark) -> None:
        """Put a newer line into the anchor; only under the lock of the ledger.

        Raises
        ------
        OSError
            It cannot be written.
        """
        write_over(self.path, _text(mark))

    def _refused(self, how: str) -> LedgerError:
        return LedgerError(f"the anchor at {str(self.path)!r} cannot be used: {how}; nothing was charged")


def _text(mark: Mark) -> str:
    return f"{mark.number} {mark.hash}\n"

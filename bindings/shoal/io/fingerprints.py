"""What tells data from other data in a ledger, and tells nothing else of them.

Whoever holds the ledger may compute fingerprints of data that they guess. So nothing goes in that depends on the rows:
a digest of content, or of sizes, confirms a guess of it, and one row more or less changes both, which no noise hides.
What goes in is what is known without looking at any row: where the files are, when each was written last (so that a
file that was written anew is told from the one before), and the names and types of the columns. That is enough to tell
whether two lines are about the same files; it proves nothing about what they held.
"""

import hashlib
import json
from pathlib import Path

import polars as pl

from shoal.io.files import sources
from shoal.io.frames import IntoFrame
from shoal.io.lazy_frames import schema_of


def fingerprint(frame: IntoFrame, lazy: pl.LazyFrame) -> str:
    """Return the fingerprint of a frame, as ``sha256:`` and a digest.

    Parameters
    ----------
    frame : frame, table or path
        As it was given; only of paths are files known.
    lazy : pl.LazyFrame
        The same, opened.

    Raises
    ------
    InputError
        There is no file at the path.

    Examples
    --------
    >>> frame = pl.DataFrame({"x": [1]})
    >>> fingerprint(frame, frame.lazy()) == fingerprint(frame * 2, frame.lazy())
    True
    """
    files = sources(frame) if isinstance(frame, str | Path) else []
    told = {
        "files": [[str(file.resolve()), file.stat().st_mtime_ns] for file in files],
        "columns": [[name, str(kind)] for name, kind in schema_of(lazy).items()],
    }
    return f"sha256:{hashlib.sha256(json.dumps(told).encode('utf-8', 'surrogatepass')).hexdigest()}"

"""Fingerprints that identify data in a ledger without revealing anything about the rows.

A holder of the ledger can compute fingerprints of guessed data. So a fingerprint must not depend on the rows:
a digest of contents or sizes confirms a guess, and one row more or less changes both without any noise.
It covers only facts known without reading a row: paths of the files, modification times (a rewritten file differs
from the one before), and names and types of the columns. That shows whether two entries are about the same files; it
proves nothing about their contents.
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
        As given by the user; files are known only for paths.
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
    facts = {
        "files": [[str(file.resolve()), file.stat().st_mtime_ns] for file in files],
        "columns": [[name, str(kind)] for name, kind in schema_of(lazy).items()],
    }
    return f"sha256:{hashlib.sha256(json.dumps(facts).encode('utf-8', 'surrogatepass')).hexdigest()}"

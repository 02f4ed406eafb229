"""Charge a ledger for a release: open the ledger, state the cost in its own measure, and fingerprint the data.

Fingerprints that identify data in a ledger without revealing anything about the rows.

A holder of the ledger can compute fingerprints of guessed data. So a fingerprint must not depend on the rows:
a digest of contents or sizes confirms a guess, and one row more or less changes both without any noise.
It covers only facts known without reading a row: paths of the files, modification times (a rewritten file differs
from the one before), and names and types of the columns. That shows whether two entries are about the same files; it
proves nothing about their contents.
"""

import hashlib
import json
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, Union

import polars as pl

from shoal.io.files import sources
from shoal.io.frames import IntoFrame
from shoal.io.lazy_frames import schema_of
from shoal_engine.errors import PolicyError

if TYPE_CHECKING:
    from shoal_engine.differential.events import Event
    from shoal_engine.ledger import Ledger

LedgerOrPath: TypeAlias = Union["Ledger", str, Path, None]
"""A ledger, or its path; None, said on purpose, charges nothing."""


def open_ledger(ledger: LedgerOrPath) -> "Ledger | None":
    """Return the ledger to charge, or None.

    Raises
    ------
    LedgerError
        The file is not a ledger, or is damaged.
    PolicyError
        The argument is neither a ledger nor a path.
    """
    if isinstance(ledger, str | Path):
        from shoal_engine.ledger import Ledger

        return Ledger(ledger)
    if ledger is not None and not hasattr(ledger, "debit"):
        msg = f"a ledger is a Ledger or the path of one, not a {type(ledger).__name__}; None charges nothing"
        raise PolicyError(msg)
    return ledger


def ledger_cost(
    ledger: "Ledger", event: "Event", epsilon: Fraction | None, delta: Fraction
) -> tuple[Fraction, Fraction]:
    """Return the cost of an event in a ledger's own measure: epsilon or rho, and delta.

    Raises
    ------
    PolicyError
        The ledger adds up epsilons, and the event has none.
    """
    from shoal_engine.differential.accounting.concentrated import delta_of, rho_of

    if ledger.budget.filter == "zcdp":
        return rho_of(event), delta_of(event)
    if epsilon is None:
        msg = "the ledger adds up epsilons, and a rho is asked for; give an epsilon, or use a ledger of rhos"
        raise PolicyError(msg)
    return epsilon, delta


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

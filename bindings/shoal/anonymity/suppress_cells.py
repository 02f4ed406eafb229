"""`suppress_cells`: local suppression, which sets single cells to null until every row matches k rows."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from shoal.io.frames import IntoFrame, rebuilt_frame
from shoal.io.observing import collected, observe
from shoal.io.reading_by_policy import read_by_policy
from shoal.io.threads import threads
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.errors import PolicyError, VerificationFailed

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LocallySuppressed:
    """A verified table with suppressed cells.

    Attributes
    ----------
    frame : pl.DataFrame
        All columns, rows in order, categories as text; also exported through the Arrow PyCapsule interface.
    cells : dict of str to int
        Number of cells suppressed in each quasi-identifier, without those that were null before.
    least_matches : int
        Smallest number of rows that match a row, including itself.
    """

    frame: pl.DataFrame = field(repr=False)
    cells: dict[str, int]
    least_matches: int

    @property
    def total(self) -> int:
        """Return the number of suppressed cells."""
        return sum(self.cells.values())

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Export the rows as a stream of record batches."""
        return self.frame.__arrow_c_stream__(requested_schema)


def suppress_cells(
    frame: IntoFrame,
    quasi_identifiers: Sequence[str],
    *,
    k: int,
    worth: Sequence[int] | None = None,
    n_threads: int | None = None,
) -> LocallySuppressed:
    """Set few cells to null so that each row matches at least k rows, where a null matches anything.

    This is the guarantee of sdcMicro's localSuppression, and no more. It does not bound the risk from an
    intruder who knows a person's values: ``(a, null)`` counts as matched by ``(a, y)``, which an intruder who
    knows that the person is ``(a, x)`` rules out, and a few rows of nulls alone would match all others. Use
    `shoal.anonymize`, where null is a value and a class has k equal rows, to protect people.

    Parameters
    ----------
    frame : frame, table or path
    quasi_identifiers : sequence of str
        At most 16 columns. An existing null also matches any value.
    k : int
        Minimum number of matching rows, at least 2.
    worth : sequence of int, optional
        Worth of a cell of each column, at least 1; cells worth less are suppressed first. Default: equal.
    n_threads : int, optional
        Number of threads. Default: all cores that this process may use.

    Raises
    ------
    ColumnError, InputError
        A column is missing or cannot be observed, or there are too many.
    PolicyError
        No column is given, k is below 2, or `worth` does not fit the columns.
    PolicyNotMet
        The table has fewer than k rows.
    VerificationFailed
        The result, recounted by independent code, fails; nothing is returned.

    Examples
    --------
    >>> import polars as pl, shoal
    >>> people = pl.DataFrame({"sex": ["f", "f", "f", "m"], "zip": ["1", "1", "1", "1"]})
    >>> shoal.suppress_cells(people, ["sex", "zip"], k=2).frame["sex"].to_list()
    ['f', 'f', 'f', None]
    """
    from shoal_engine.transforming.local_suppression import kept_cells

    policy = Policy.of(k=k, quasi_identifiers=quasi_identifiers)
    if k < 2:
        msg = f"k = {k} protects nobody; give k of at least 2"
        raise PolicyError(msg)
    names = list(policy.quasi_identifiers)
    worths = np.array(worth if worth is not None else [1] * len(names), np.int64)
    if worths.size != len(names) or (worths < 1).any():
        msg = "`worth` is an integer of at least 1 for each quasi-identifier, in their order"
        raise PolicyError(msg)
    n_threads = threads(n_threads)
    lazy = read_by_policy(frame, policy).frame
    whole = collected(lazy, lazy.collect_schema().names())
    table = observe(whole.lazy(), policy, carry=True, n_threads=n_threads, in_order=True).finish()
    sizes = [dimension.size for dimension in table.space.dimensions]
    kept = kept_cells(table.grouped, sizes, worths, k=k, n_threads=n_threads)[table.grouped.tuple_of_row]
    released = whole.with_columns(
        pl.when(pl.Series((kept >> j) & 1 == 1)).then(pl.col(name)).alias(name) for j, name in enumerate(names)
    )
    least = int(matches(released, names, k).min())
    if least < k:
        msg = (
            "the recounted result has a row that too few rows match; it was discarded, report this bug with k and types"
        )
        raise VerificationFailed(msg)
    cells = {name: released[name].null_count() - whole[name].null_count() for name in names}
    return LocallySuppressed(rebuilt_frame(released), cells, least)


def matches(frame: pl.DataFrame, columns: Sequence[str], enough: int) -> Ints:
    """Count the rows that match each row, where a null matches anything; may stop at `enough`.

    Shares no code with the kernels. Rows with nulls in the same columns form a pattern. A row of one pattern and
    one of another match if they agree on the columns without null in both; larger patterns are counted first.
    """
    ranks = frame.select(pl.col(name).rank("dense").fill_null(0).cast(pl.Int64) for name in columns).to_numpy()
    pattern = ((ranks > 0) << np.arange(len(columns))).sum(axis=1)
    masks, sizes = np.unique(pattern, return_counts=True)
    members = {int(mask): np.flatnonzero(pattern == mask) for mask in masks}
    by_size = masks[np.argsort(-sizes, kind="stable")].tolist()
    found = np.zeros(frame.height, np.int64)
    for mine, rows in members.items():
        left = rows
        for theirs in [mine, *(mask for mask in by_size if mask != mine)]:
            shared = [j for j in range(len(columns)) if (mine & theirs) >> j & 1]
            found[left] += _agreeing(ranks[left][:, shared], ranks[members[theirs]][:, shared])
            left = left[found[left] < enough]
            if not left.size:
                break
    return found


def _agreeing(rows: Ints, others: Ints) -> Ints:
    """Return the number of rows of `others` that equal each row."""
    both = np.concatenate([rows, others])
    key = np.zeros(len(both), np.int64)
    for column in both.T:
        width = int(column.max(initial=0)) + 1
        if int(key.max(initial=0)) >= 2**62 // width:
            key = np.unique(key, return_inverse=True)[1].astype(np.int64)
        key = key * width + column
    wanted, there = key[: len(rows)], np.sort(key[len(rows) :])
    return np.searchsorted(there, wanted, side="right") - np.searchsorted(there, wanted, side="left")

"""Local suppression: single cells are taken out until every row is matched by at least k.

A suppressed cell matches any value, as in sdcMicro (Hundepool et al. 2012, "Statistical Disclosure Control",
section 3.2.2.4); what that does not promise, `shoal.suppress_cells` says. Every tuple first keeps the set of
columns of most worth on which at least k rows agree with it. Whatever cells other rows lose, these rows still match
it: where they kept a cell it agrees, where they did not it matches anything. So every row is matched by k rows,
itself among them. Then, tuple by tuple, more cells are kept where rows that are settled match by cells that they
lost; see `shoal_kernels.masking.local_suppression.keep_more`.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from shoal_engine.errors import InputError, PolicyNotMet
from shoal_engine.tables.grouping import Grouped
from shoal_engine.threads import in_threads, ranges

Ints = npt.NDArray[np.int64]

MOST_COLUMNS = 16
BLOCK_TUPLES = 32_768
"""Tuples among which suppressed cells are sought that match; comparing grows with the square of it."""


def kept_cells(grouped: Grouped, sizes: Sequence[int], worth: Ints, *, k: int, n_threads: int) -> Ints:
    """Choose the cells that every distinct tuple keeps.

    Parameters
    ----------
    grouped : Grouped
    sizes : d numbers of codes
    worth : (d,) int64
        Weight of a cell of each column, at least 1.
    k : int
        Rows that must match each row, at least 2.
    n_threads : int

    Returns
    -------
    (n,) int64
        Bit j is set if column j is kept.

    Raises
    ------
    InputError
        There are too many columns.
    PolicyNotMet
        The table has fewer than k rows.
    """
    from shoal_kernels.masking.local_suppression import choose_kept, keep_more

    d, n = len(sizes), grouped.n_tuples
    if d > MOST_COLUMNS:
        msg = f"{d} quasi-identifiers; cells of at most {MOST_COLUMNS} can be suppressed together, choose fewer"
        raise InputError(msg)
    if grouped.n_rows < k:
        msg = f"k = {k} asks for more rows than the table has, and no suppression adds any"
        raise PolicyNotMet(msg, nearest={"k": grouped.n_rows})
    codes = np.stack([grouped.codes(j) for j in range(d)])
    tuples, bounds = np.empty((d + 1, n), np.uint32), np.empty((d + 1, n + 1), np.uint32)
    tuples[0], bounds[0, :2] = np.arange(n), (0, n)
    n_runs = np.zeros(d + 1, np.int64)
    n_runs[0] = 1
    first, place = np.zeros(max(sizes), np.int64), np.empty(max(sizes), np.int64)
    kept, kept_worth = np.zeros(n, np.int64), np.zeros(n, np.int64)
    left_out = np.empty(n, np.uint32)
    choose_kept(codes, grouped.weight, worth, k, tuples, bounds, left_out, first, place, n_runs, kept, kept_worth)

    def settle(block: tuple[int, int]) -> Ints:
        span = slice(*block)
        mine = kept[span].astype(np.uint16)
        lacking = np.flatnonzero(mine != (1 << d) - 1)
        # Those that lose most go first: what they lose matches most of the others.
        order = lacking[np.argsort(kept_worth[span][lacking], kind="stable")]
        keep_more(_narrow(codes[:, span]), grouped.weight[span], worth, k, order, mine)
        return mine.astype(np.int64)

    blocks = ranges(n, -(-n // BLOCK_TUPLES))
    return np.concatenate(in_threads(settle, blocks, n_threads))


def _narrow(codes: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint16]:
    """Return codes encoded again, column by column: a block has no more of them than tuples."""
    return np.stack([np.unique(column, return_inverse=True)[1].astype(np.uint16) for column in codes])

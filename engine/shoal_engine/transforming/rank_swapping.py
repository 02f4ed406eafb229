"""Rank swapping: values are exchanged between rows that are near in their order."""

import numpy as np

from shoal_engine.errors import PolicyNotMet
from shoal_engine.randomness.secure_source import Uint64Source, random_order
from shoal_engine.transforming.coded_columns import CodedColumn
from shoal_engine.transforming.specs import RankSwap
from shoal_kernels.masking.rank_swapping import pair_ranks


def swap_ranks(column: CodedColumn, spec: RankSwap, source: Uint64Source) -> CodedColumn:
    """Exchange values between rows whose ranks differ by at most a share of the rows; a null stays null.

    Every value is still there as often as before. Rows of equal values are ranked at random. Any type of
    values will do; they are ordered as a column's domain is.

    Raises
    ------
    PolicyNotMet
        The share of the rows is less than one rank.
    """
    n_nulls = int(column.domain.has_null)
    rows = np.flatnonzero(column.codes >= n_nulls)
    reach = int(spec.share * rows.size)
    if rows.size and not reach:
        msg = f"rank swapping of `{column.name}` with share = {spec.share} reaches no other row; use a larger share"
        raise PolicyNotMet(msg)
    rows = rows[random_order(rows.size, source)]
    ranked = rows[np.argsort(column.codes[rows], kind="stable")]
    partner = np.empty(rows.size, np.int64)
    pair_ranks(source(rows.size), reach, partner)
    codes = column.codes.copy()
    codes[ranked] = column.codes[ranked[partner]]
    return CodedColumn(column.name, column.domain, codes)

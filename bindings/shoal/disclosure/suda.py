"""`suda`: special uniques detection, rows that are unique on few columns."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import polars as pl

from shoal.io.frames import IntoFrame, into_lazy
from shoal.io.observing import observe
from shoal.io.threads import threads
from shoal_engine.anonymity.policy.policy import Policy


@dataclass(frozen=True, slots=True)
class Suda:
    """Special uniques of a table.

    Attributes
    ----------
    frame : pl.DataFrame
        One row for each row of the table, in its order: `score`; `dis`, the probability that a match is correct, null
        without sampling fraction; `minimal_uniques`, the number of minimal column sets that make the row unique; and
        `smallest_size`, the size of the smallest such set, null if the row has no such set.
    columns : pl.DataFrame
        One row per quasi-identifier: number of `minimal_uniques` with it, and `contribution`, its share of scores.
    sizes : pl.DataFrame
        Number of minimal uniques by number of columns.
    """

    frame: pl.DataFrame = field(repr=False)
    columns: pl.DataFrame
    sizes: pl.DataFrame


def suda(
    frame: IntoFrame,
    quasi_identifiers: Sequence[str],
    *,
    max_size: int | None = None,
    sampling_fraction: float | None = None,
    scores: Literal["elliot", "share"] = "elliot",
    n_threads: int | None = None,
) -> Suda:
    """Find the minimal sample uniques of every row: minimal sets of columns on which it is unique.

    Parameters
    ----------
    frame : frame, table or path
    quasi_identifiers : sequence of str
        Columns that an intruder may know, of any type; null is a value. At most 62 columns.
    max_size : int, optional
        Maximum number of columns that an intruder knows. Default: all.
    sampling_fraction : float, optional
        Rows / people, in (0, 1]; needed for `dis`.
    scores : "elliot" | "share"
        Score of a set of k out of d columns: (d - k)! (Elliot et al. 2002; sdcMicro's
        default), or (2^(d-k) - 1) k! (d-k)! / d! (sdcMicro with ``original_scores = FALSE``).
    n_threads : int, optional
        Number of threads. Default: all cores that this process may use.

    Raises
    ------
    ColumnError, InputError
        A column is missing or cannot be observed, or there are too many.
    PolicyError
        No column is given, `max_size` is below 1, or the sampling fraction is out of range.

    References
    ----------
    Elliot, M. J., Manning, A. M., Ford, R. W. (2002), A computational algorithm for handling the special uniques
    problem. Manning, A. M., Haglin, D. J., Keane, J. A. (2008), A recursive search algorithm for statistical
    disclosure assessment. sdcMicro's suda2 ignores columns of text; here values of any type count.

    Examples
    --------
    >>> import polars as pl, shoal
    >>> people = pl.DataFrame({"sex": ["f", "f", "f", "m"], "age": [30, 30, 40, 30]})
    >>> shoal.suda(people, ["sex", "age"]).frame["score"].to_list()
    [0.0, 0.0, 1.0, 1.0]
    """
    from shoal_engine.risk.minimal_uniques import dis_scores, minimal_uniques, suda_scores

    policy = Policy.of(k=2, quasi_identifiers=quasi_identifiers)
    table = observe(into_lazy(frame), policy, carry=True, n_threads=threads(n_threads), in_order=True).finish()
    found = minimal_uniques(table.grouped, [one.size for one in table.space.dimensions], max_size=max_size)
    score, parts = suda_scores(found, scores)
    sizes, n = found.size, found.n_tuples
    smallest = np.full(n, found.n_columns + 1)
    np.minimum.at(smallest, found.owner, sizes)
    by_tuple = pl.DataFrame(
        {"score": score, "minimal_uniques": np.bincount(found.owner, minlength=n), "smallest_size": smallest}
    ).with_columns(smallest_size=pl.when(pl.col("minimal_uniques") > 0).then("smallest_size"))
    chance = pl.lit(None, pl.Float64)
    if sampling_fraction is not None:
        chance = pl.Series(dis_scores(score, table.grouped.weight, found.n_columns, sampling_fraction))
    by_tuple = by_tuple.with_columns(dis=chance).select("score", "dis", "minimal_uniques", "smallest_size")
    total = float(score.sum())
    columns = pl.DataFrame(
        {
            "column": table.space.names,
            "minimal_uniques": [int(((found.mask >> j) & 1).sum()) for j in range(found.n_columns)],
            "contribution": (parts @ score) / total if total else np.zeros(found.n_columns),
        }
    )
    counted = np.bincount(sizes, minlength=found.n_columns + 1)[1:]
    by_size = pl.DataFrame({"size": np.arange(1, found.n_columns + 1), "minimal_uniques": counted})
    assert table.grouped.tuple_of_row is not None
    return Suda(by_tuple[table.grouped.tuple_of_row], columns, by_size)

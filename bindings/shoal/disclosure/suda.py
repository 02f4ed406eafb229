"""`suda`: rows that few columns single out."""

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
        One row for each row of the table, in its order: `score`; `dis`, the chance that a match is correct, null
        without sampling fraction; `minimal_uniques`, how many sets of columns single the row out; and
        `smallest_size`, the columns of the smallest, null where there is none.
    columns : pl.DataFrame
        For each quasi-identifier: `minimal_uniques` that it is part of, and `contribution`, its share of all scores.
    sizes : pl.DataFrame
        Minimal uniques by their number of columns.
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
    """Find the minimal sample uniques of every row: sets of columns that single it out, and no smaller set does.

    Parameters
    ----------
    frame : frame, table or path
    quasi_identifiers : sequence of str
        What an intruder may know, of any type; null is a value. At most 62 columns.
    max_size : int, optional
        Most columns that an intruder may know at once; all of them unless given.
    sampling_fraction : float, optional
        Rows over people, above 0, at most 1; needed for `dis`.
    scores : "elliot" | "share"
        How much a small set counts: (d - k)! for one of k out of d columns (Elliot et al. 2002; sdcMicro's
        default), or (2^(d-k) - 1) k! (d-k)! / d! (sdcMicro with ``original_scores = FALSE``).
    n_threads : int, optional
        All cores that this process may use, unless given.

    Raises
    ------
    ColumnError, InputError
        A column is missing or cannot be observed, or there are too many.
    PolicyError
        There is no column, `max_size` is below 1, or the sampling fraction is out of range.

    References
    ----------
    Elliot, M. J., Manning, A. M., Ford, R. W. (2002), A computational algorithm for handling the special uniques
    problem. Manning, A. M., Haglin, D. J., Keane, J. A. (2008), A recursive search algorithm for statistical
    disclosure assessment. sdcMicro's suda2 finds nothing in columns of text; here any value is one.

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

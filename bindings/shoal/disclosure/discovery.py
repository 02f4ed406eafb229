"""`unique_sets`: which sets of columns tell rows apart, so that together they are quasi-identifiers."""

from collections.abc import Sequence
from typing import Literal

import polars as pl

from shoal.io.frames import IntoFrame, into_lazy
from shoal.io.lazy_frames import schema_of
from shoal.io.observing import coded_columns, column_list
from shoal.io.threads import threads


def unique_sets(
    frame: IntoFrame,
    columns: Sequence[str] | None = None,
    *,
    max_size: int | None = None,
    alpha: float = 1.0,
    measure: Literal["separation", "distinctness"] = "separation",
    n_threads: int | None = None,
) -> pl.DataFrame:
    """Measure how well every set of columns tells rows apart.

    Parameters
    ----------
    frame : frame, table or path
        Values of any type; a null is a value like another.
    columns : sequence of str, optional
        All columns unless given.
    max_size : int, optional
        Columns of a set at most; all sizes unless given.
    alpha : float
        Share that a set is to reach to tell rows apart; above 0, at most 1. With 1 every row differs from all others.
    measure : "separation" | "distinctness"
        What `alpha` is a share of: pairs of rows that differ, or distinct tuples among the rows.
    n_threads : int, optional
        All cores that this process may use, unless given.

    Returns
    -------
    pl.DataFrame
        One row a set, smaller sets first, then in the order of the columns: ``columns``, ``size``, ``distinct``
        (distinct tuples), ``distinctness`` (distinct / rows), ``separation`` (share of row pairs told apart),
        ``unique_rows`` (share of the rows that no other equals), ``tells_apart`` (the set reaches `alpha`) and
        ``minimal`` (and no proper subset does).

    Raises
    ------
    ColumnError, InputError, PolicyError
        A column is missing or cannot be encoded, the table has no rows, a parameter is out of range, there are
        too many sets of columns, or no column or one twice is named.

    References
    ----------
    Motwani, Xu (2007), Efficient algorithms for masking and finding quasi-identifiers. Heise et al. (2013), Scalable
    discovery of unique column combinations, PVLDB 7(4).

    Examples
    --------
    >>> import polars as pl, shoal
    >>> people = pl.DataFrame({"age": [30, 30, 31], "job": ["a", "b", "a"]})
    >>> shoal.unique_sets(people).filter("minimal")["columns"].to_list()
    [['age', 'job']]
    """
    from shoal_engine.risk.discovery import discover

    lazy = into_lazy(frame)
    names = column_list(schema_of(lazy).names() if columns is None else columns)
    n_threads = threads(n_threads)
    codes, sizes = coded_columns(lazy, names, n_threads=n_threads)
    found = discover(codes, sizes, max_size=max_size, alpha=alpha, measure=measure, n_threads=n_threads)
    return pl.DataFrame(
        {
            "columns": pl.Series([[names[j] for j in set_] for set_ in found.sets], dtype=pl.List(pl.String)),
            "size": [len(set_) for set_ in found.sets],
            "distinct": found.distinct,
            "distinctness": found.distinct / found.n_rows,
            "separation": found.separation,
            "unique_rows": found.alone / found.n_rows,
            "tells_apart": found.enough,
            "minimal": found.minimal,
        }
    )

"""`unique_sets`: sets of columns that make rows unique and so are quasi-identifiers."""

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
    """Measure separation and distinctness of every set of columns.

    Parameters
    ----------
    frame : frame, table or path
        Values of any type; null is a value.
    columns : sequence of str, optional
        Columns to combine. Default: all.
    max_size : int, optional
        Maximum number of columns of a set. Default: no limit.
    alpha : float
        Minimum share for a set to be reported in ``tells_apart``; in (0, 1]. With 1 every row differs from all others.
    measure : "separation" | "distinctness"
        Meaning of `alpha`: share of row pairs that differ, or distinct tuples / rows.
    n_threads : int, optional
        Number of threads. Default: all cores that this process may use.

    Returns
    -------
    pl.DataFrame
        One row per set, smaller sets first, then in the order of the columns: ``columns``, ``size``, ``distinct``
        (distinct tuples), ``distinctness`` (distinct / rows), ``separation`` (share of row pairs that differ),
        ``unique_rows`` (share of rows that are unique), ``tells_apart`` (whether the set reaches `alpha`) and
        ``minimal`` (whether no proper subset does).

    Raises
    ------
    ColumnError, InputError, PolicyError
        A column is missing or cannot be encoded, the table has no rows, a parameter is out of range, there are
        too many sets of columns, or `columns` is empty or has duplicates.

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

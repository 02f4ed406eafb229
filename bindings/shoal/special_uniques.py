"""`suda`: how easily each row stands out, by the small sets of columns in which it is unique."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from shoal.frames import IntoFrame, into_lazy
from shoal.observing import coded_columns, column_list, threads


@dataclass(frozen=True, slots=True, repr=False)
class Suda:
    """Minimal sample uniques (MSUs): sets of columns in which a row is unique, and in no proper subset.

    Attributes
    ----------
    frame : pl.DataFrame
        One row for each row of the table, in its order: ``score``, ``dis`` (calibrated, 0 to 1), ``msus`` (how many
        it has) and ``smallest`` (columns of the smallest); zero where there is none.
    columns : pl.DataFrame
        ``column`` and ``contribution_percent``: share of all scores that comes of MSUs with the column. An MSU
        counts for each of its columns, so they add up to more than 100.
    sets : pl.DataFrame
        ``columns``, ``size`` and ``rows``: of how many rows the set is an MSU; sets with none are left out.
    rows : int
    unique_rows : int
        Rows unique in all columns together.
    msus : int
        MSUs of all rows.
    score : float
        Sum of the scores.
    """

    frame: pl.DataFrame = field(repr=False)
    columns: pl.DataFrame = field(repr=False)
    sets: pl.DataFrame = field(repr=False)
    rows: int
    unique_rows: int
    msus: int
    score: float

    def __repr__(self) -> str:
        return f"Suda({self.rows} rows, {self.unique_rows} unique, {self.msus} minimal sample uniques)"

    def _repr_html_(self) -> str:
        return self.columns._repr_html_()  # pyright: ignore[reportPrivateUsage]


def suda(
    frame: IntoFrame,
    quasi_identifiers: Sequence[str],
    *,
    max_size: int | None = None,
    dis_fraction: float = 0.01,
    n_threads: int | None = None,
) -> Suda:
    """Score every row by the minimal sets of columns in which it is unique (SUDA2).

    Parameters
    ----------
    frame : frame, table or path
        Values of any type; a null is a value like another (sdcMicro leaves missing values out of MSUs).
    quasi_identifiers : sequence of str
    max_size : int, optional
        Columns of an MSU at most; all sizes unless given.
    dis_fraction : float
        Share of the population that the table samples; above 0, at most 1.
    n_threads : int, optional
        All cores that this process may use, unless given.

    Returns
    -------
    Suda
        Scores and contributions as sdcMicro's suda2 defines them with original scores: an MSU of k of d columns
        adds (d - k)!; with `max_size` M, the product of d - i for i from k to M (Elliot et al.).

    Raises
    ------
    ColumnError, InputError, PolicyError
        A column is missing or cannot be encoded, the table has no rows, a parameter is out of range, there are
        too many sets of columns, or no column or one twice is named.

    Notes
    -----
    DIS counts every unique row and every pair; sdcMicro's suda2 misses unique rows whose hash meets that of another
    row, so that its DIS scores of large tables are somewhat lower or higher; its scores are the same.

    References
    ----------
    Elliot, Manning, Ford (2002), IJUFKS 10(5). Manning, Haglin, Keane (2008), DMKD 16. Skinner, Elliot (2002),
    JRSS B 64(4).

    Examples
    --------
    >>> import polars as pl, shoal
    >>> people = pl.DataFrame({"age": [30, 30, 31, 31], "job": ["a", "b", "a", "c"], "sex": ["f", "f", "m", "m"]})
    >>> shoal.suda(people, ["age", "job", "sex"]).frame["score"].to_list()
    [2.0, 2.0, 2.0, 2.0]
    """
    from shoal_engine.risk.minimal_uniques import find_minimal_uniques

    names = column_list(quasi_identifiers)
    n_threads = threads(n_threads)
    codes, sizes = coded_columns(into_lazy(frame), names, n_threads=n_threads)
    found = find_minimal_uniques(codes, sizes, max_size=max_size, dis_fraction=dis_fraction, n_threads=n_threads)
    rows = {"score": found.score, "dis": found.dis, "msus": found.n_minimal, "smallest": found.smallest}
    sets = pl.DataFrame(
        {
            "columns": pl.Series([[names[j] for j in columns] for columns in found.sets], dtype=pl.List(pl.String)),
            "size": [len(columns) for columns in found.sets],
            "rows": found.n_rows,
        }
    )
    return Suda(
        pl.DataFrame(rows),
        pl.DataFrame({"column": names, "contribution_percent": 100 * found.contribution}),
        sets.filter(pl.col("rows") > 0),
        len(found.score),
        found.n_unique,
        int(found.n_rows.sum()),
        found.total,
    )

"""`utility`: errors of a workload and of marginals on a release, next to the raw table and to trivial sanitization."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from shoal.anonymity.anonymize import Anonymized
from shoal.io.frames import IntoFrame
from shoal.io.lazy_frames import read_to_end
from shoal.io.reading_by_policy import read_by_policy
from shoal.usefulness.comparison import Comparison
from shoal.usefulness.conditions import Where
from shoal.usefulness.marginals import binning_of, pair_distances
from shoal.usefulness.read_release import ReadRelease, load_policy
from shoal.usefulness.tables import CodedRows, PlainTable, ReadTable
from shoal.usefulness.workload import KINDS, Query, Workload
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.errors import InputError
from shoal_engine.html_tables import html_summary
from shoal_engine.tables.column_names import check_columns
from shoal_engine.utility.answer_errors import ErrorSummary, summarize

Floats = npt.NDArray[np.float64]

RELEASE, RAW = "release", "raw"
NO_QUASI, NO_SENSITIVE = "without quasi-identifiers", "without sensitive columns"
DRAWN = 600
"""Questions that are drawn unless somebody says how many."""


@dataclass(frozen=True, slots=True)
class WorkloadFigure:
    """Errors of the questions of one kind on one table.

    Attributes
    ----------
    table : str
        release, raw, or the raw table without its quasi-identifiers or its sensitive columns.
    kind : str
        count, range, mean, or all.
    error : ErrorSummary
        Relative errors. Counts below 0.5 % of the rows are divided by that many rows, means by no less than a
        thousandth of the mean absolute value of their column.
    """

    table: str
    kind: str
    error: ErrorSummary


@dataclass(frozen=True, slots=True)
class MarginalFigure:
    """Distances of the marginals of all pairs of columns from those of the raw table.

    Attributes
    ----------
    table : str
    pairs : int
    mean, worst : float
        Total variation distance, 0 to 1; NaN without pairs.
    worst_pair : tuple of str
    """

    table: str
    pairs: int
    mean: float
    worst: float
    worst_pair: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Utility:
    """Usefulness of a release, measured.

    Attributes
    ----------
    rows : int
        Rows of the release.
    workload : tuple of WorkloadFigure
        By table, then by kind.
    marginals : tuple of MarginalFigure
        By table.
    seed : int or None
        Seed that the workload was drawn with; None where it was declared.
    notes : tuple of str
    queries : pl.DataFrame
        Error of each question by table. Its conditions name values: not a part of `to_dict`.
    """

    rows: int
    workload: tuple[WorkloadFigure, ...]
    marginals: tuple[MarginalFigure, ...]
    seed: int | None
    notes: tuple[str, ...] = ()
    queries: pl.DataFrame = field(default_factory=pl.DataFrame, repr=False)

    def error(self, table: str = RELEASE, kind: str = "all") -> ErrorSummary:
        """Return the errors of one table in questions of one kind.

        Raises
        ------
        InputError
            Nothing of the kind was measured.
        """
        for one in self.workload:
            if (one.table, one.kind) == (table, kind):
                return one.error
        msg = (
            f"no question of kind {kind!r} was measured on table {table!r}; see `Utility.workload` for those that were"
        )
        raise InputError(msg)

    @property
    def frame(self) -> pl.DataFrame:
        """Return the workload's figures: table, kind, answers, median, mean and at_95."""
        return pl.DataFrame([{"table": one.table, "kind": one.kind, **asdict(one.error)} for one in self.workload])

    def to_dict(self) -> dict[str, Any]:
        """Return every figure for JSON; no value of any cell."""
        return {
            "rows": self.rows,
            "seed": self.seed,
            "workload": self.frame.to_dicts(),
            "marginals": [asdict(one) for one in self.marginals],
            "notes": list(self.notes),
        }

    def __repr__(self) -> str:
        """Return a one-line summary."""
        own, trivial = self.error(), self.error(NO_QUASI)
        return (
            f"Utility(rows={self.rows}, queries={own.answers}, median_error={own.median:.4f}, "
            f"error_at_95={own.at_95:.4f}, without_quasi_identifiers_at_95={trivial.at_95:.4f})"
        )

    def _repr_html_(self) -> str:
        """Return the figures of all questions as HTML."""
        rows = [
            [one.table, f"{one.error.median:.2%}", f"{one.error.at_95:.2%}"]
            for one in self.workload
            if one.kind == "all"
        ]
        title = f"Utility: errors of {self.error().answers:,} answers"
        return html_summary(title, ["", "median", "95 % at most"], rows, self.notes)


def utility(
    release: Anonymized | IntoFrame,
    raw: IntoFrame,
    *,
    policy: Policy | str | Path | None = None,
    workload: Workload | Sequence[Query | Where] | None = None,
    queries: int = DRAWN,
    seed: int | None = None,
) -> Utility:
    """Measure the errors that a reader of a release makes.

    Counts, ranges and means are estimated from the release as `shoal.estimate` does, and counted in the raw table;
    so are the marginals of all pairs of columns. The same is done for trivial sanitization, the raw table with all
    quasi-identifiers dropped and with all sensitive columns dropped: a release that is no better is not worth its
    risk (Brickell, Shmatikov 2008). There all that is known of a dropped column are its values.

    Parameters
    ----------
    release : Anonymized, frame, table or path
    raw : frame, table or path
        The table that the release was made of.
    policy : Policy or path, optional
        Policy of the release; needed unless the release is an `Anonymized`.
    workload : Workload or sequence, optional
        Questions: a `Query`, or conditions as for `shoal.estimate`. Default: drawn; see `Workload.drawn`.
    queries : int
        Number of questions to draw.
    seed : int, optional
        Seed of the drawn workload. Default: from the secure source of the system; the result states it.

    Returns
    -------
    Utility

    Raises
    ------
    ColumnError
        The workload names a column that the release or the raw table does not have.
    InputError
        The workload is empty, or a table cannot be read.
    PolicyError
        No policy is given.

    References
    ----------
    Brickell, Shmatikov (2008), The cost of privacy: destruction of data-mining utility in anonymized data
    publishing: trivial sanitization.

    Examples
    --------
    >>> import polars as pl, shoal
    >>> people = pl.DataFrame({"age": [21, 22, 23, 44, 45, 46], "ill": list("aababb")})
    >>> policy = shoal.Policy.of(k=3, quasi_identifiers=["age"], sensitive=["ill"])
    >>> found = shoal.utility(shoal.anonymize(people, policy), people, workload=["age > 30 and ill = 'b'"])
    >>> found.error().median, found.error(table="without sensitive columns").median
    (0.0, 0.25)
    """
    read = ReadRelease(release, load_policy(policy))
    named = read.policy.columns
    frame = read_to_end(read_by_policy(raw, read.policy).frame)
    released = [*read.generalized, *read.kept]
    check_columns(released, frame.columns, table="the raw table", remedy="give the table of this release")
    if frame.is_empty():
        msg = "the raw table holds no row, so no answer can be compared; give the table that the release was made of"
        raise InputError(msg)
    coded = CodedRows(frame)
    usable = PlainTable(coded, released).readable(read.readable(released))
    asked = _asked(workload, frame, usable, queries, seed)
    for one in asked.queries:
        read.check(one.columns, by="the workload")
    tables: dict[str, ReadTable] = {
        RELEASE: read,
        RAW: PlainTable(coded),
        NO_QUASI: PlainTable(coded, read.policy.quasi_identifiers),
    }
    if read.policy.sensitive:
        tables[NO_SENSITIVE] = PlainTable(coded, read.policy.sensitive)
    comparison = Comparison(asked, tables[RAW])
    errors = {name: comparison.errors(table) for name, table in tables.items()}
    left = [name for name in released if name not in usable and name in named]
    notes = [
        *read.notes(usable),
        *([f"{', '.join(left)}: left out, as labels or values cannot be compared"] * bool(left)),
    ]
    return Utility(
        rows=read.rows.height,
        workload=tuple(_workload_figures(errors, asked)),
        marginals=tuple(_marginal_figures(tables, usable)),
        seed=asked.seed,
        notes=tuple(notes),
        queries=_by_query(errors, asked),
    )


def _asked(
    workload: Workload | Sequence[Query | Where] | None,
    raw: pl.DataFrame,
    columns: Sequence[str],
    queries: int,
    seed: int | None,
) -> Workload:
    """Return the workload, drawn where none is given."""
    if workload is None:
        return Workload.drawn(raw, columns, queries=queries, seed=seed)
    return as_workload(workload)


def as_workload(questions: Workload | Sequence[Query | Where]) -> Workload:
    """Return a workload as it is, or that of declared questions."""
    return questions if isinstance(questions, Workload) else Workload.of(questions)


def _workload_figures(errors: Mapping[str, Floats], asked: Workload) -> list[WorkloadFigure]:
    """Return the summary of all questions and of each kind, by table."""
    kinds = np.array([one.kind for one in asked.queries])
    present = [kind for kind in KINDS if (kinds == kind).any()]
    return [
        WorkloadFigure(table, kind, summarize(found if kind == "all" else found[kinds == kind]))
        for table, found in errors.items()
        for kind in ("all", *present)
    ]


def _marginal_figures(tables: Mapping[str, ReadTable], columns: Sequence[str]) -> list[MarginalFigure]:
    """Return the distances of marginals, by table."""
    raw = tables[RAW]
    binnings = {name: binning_of(raw.rows.get_column(name)) for name in columns}
    found: list[MarginalFigure] = []
    for table, read in tables.items():
        distance = pair_distances(read, raw, binnings)
        if not distance:
            found.append(MarginalFigure(table, 0, float("nan"), float("nan"), ()))
            continue
        worst = max(distance, key=lambda pair: distance[pair])
        mean = float(np.mean(list(distance.values())))
        found.append(MarginalFigure(table, len(distance), mean, distance[worst], worst))
    return found


def _by_query(errors: Mapping[str, Floats], asked: Workload) -> pl.DataFrame:
    """Return the error of each question by table."""
    about = [", ".join(one.columns) for one in asked.queries]
    return pl.DataFrame(
        {
            "kind": [one.kind for one in asked.queries],
            "columns": about,
            "where": [str(one.where) for one in asked.queries],
            **{f"error {table}": found for table, found in errors.items()},
        }
    )

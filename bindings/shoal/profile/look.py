"""`look`: profile of a table, with a guessed role for each column and the column sets that make rows unique."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from shoal.io.frames import IntoFrame
from shoal.io.lazy_frames import read_to_end
from shoal.profile.columns import Evidence, gather, riskiest, unique_share
from shoal.profile.declarations import Proposal, described, propose
from shoal.profile.file import opened
from shoal.profile.policy import write
from shoal.profile.rules import Verdict, classify_all
from shoal_engine.declarations import FileFormat
from shoal_engine.errors import InputError

EXAMINED_ROWS = 1_000_000
"""Default number of rows examined of a larger table."""
_COMBINED_ROWS = 100_000
_SCHEMA: dict[str, Any] = {
    "column": pl.String,
    "type": pl.String,
    "role": pl.String,
    "proposal": pl.String,
    "reason": pl.String,
    "distinct": pl.Int64,
    "distinctness": pl.Float64,
    "unique_rows": pl.Float64,
    "separation": pl.Float64,
    "nulls": pl.Float64,
}


@dataclass(frozen=True, slots=True, repr=False)
class Look:
    """Profile of a table: names of columns and shares, never a cell's value.

    Attributes
    ----------
    frame : pl.DataFrame
        One row a column: ``column``, ``type``, ``role`` (identifier, quasi_identifier, sensitive or undecided),
        ``proposal`` (of an undecided column: identifier or quasi_identifier), ``reason``, ``distinct`` (distinct
        values), ``distinctness`` (distinct values / rows), ``unique_rows`` (share of rows with a unique value in this
        column), ``separation`` (share of row pairs that differ), ``nulls`` (share of rows).
    combinations : pl.DataFrame
        Pairs and triples of quasi-identifiers, riskiest first: ``columns``, ``unique_rows`` (share of the
        rows that are unique in these columns), ``separation``.
    unique_on_undecided : float or None
        Share of examined rows that are unique on all undecided columns together; None if no column is undecided.
    unique_on_quasi_identifiers : float or None
        The same for all columns guessed to be quasi-identifiers.
    rows : int
        Number of rows of the table.
    examined_rows : int
        Number of rows behind the shares. More rows are unique in a sample than in the whole table.
    combined_rows : int
        Number of rows behind `combinations`; at most `examined_rows`.
    declarations : pl.DataFrame
        Proposed declarations of texts as numbers, dates or nulls: ``column``, ``declaration``
        in words, ``fit`` (share of values that fit), ``note`` (open question), ``sure`` (all values fit and
        nothing is in doubt).
    file : FileFormat
        Encoding and separator of a delimited file, if unusual.
    """

    frame: pl.DataFrame
    combinations: pl.DataFrame
    unique_on_undecided: float | None
    unique_on_quasi_identifiers: float | None
    rows: int
    examined_rows: int
    combined_rows: int
    declarations: pl.DataFrame
    file: FileFormat = field(default_factory=FileFormat)
    _classified: Sequence[tuple[Evidence, Verdict]] = field(default=())
    _proposals: Sequence[Proposal] = field(default=())

    def __repr__(self) -> str:
        roles = self.frame["role"].to_list()
        counts = ", ".join(f"{roles.count(role)} {role}" for role in sorted(set(roles)))
        return f"Look({self.rows} rows, {len(roles)} columns: {counts})"

    def _repr_html_(self) -> str:
        return self.frame._repr_html_()  # pyright: ignore[reportPrivateUsage]

    @property
    def undecided(self) -> tuple[str, ...]:
        """Names of the columns that a person has to decide on."""
        return tuple(seen.name for seen, verdict in self._classified if verdict.role == "undecided")

    def to_dict(self) -> dict[str, Any]:
        """Return the profile as plain values."""
        return {
            "rows": self.rows,
            "examined_rows": self.examined_rows,
            "undecided": list(self.undecided),
            "unique_on_undecided": self.unique_on_undecided,
            "unique_on_quasi_identifiers": self.unique_on_quasi_identifiers,
            "columns": self.frame.to_dicts(),
            "combined_rows": self.combined_rows,
            "combinations": self.combinations.to_dicts(),
            "declarations": self.declarations.to_dicts(),
            "file": {name: value for name in ("encoding", "separator") if (value := getattr(self.file, name))},
        }

    def policy_toml(self, k: int | None) -> str:
        """Return the profile as a commented draft policy in TOML; undecided columns block a release.

        Parameters
        ----------
        k : int or None
            Minimum number of rows of every class. None leaves it commented out: the text is a policy only once
            somebody has chosen.
        """
        return write(self._classified, k, self._proposals, self.file)


def look(frame: IntoFrame, *, sample_rows: int | None = None) -> Look:
    """Guess the role of every column, and find the columns that make rows unique.

    Values count before names, in the languages of Europe. A column that no rule fits is undecided: a person
    decides, and only a person calls a column insensitive.

    Parameters
    ----------
    frame : IntoFrame
        Any table; a lazy one is read once for its number of rows and once for the examined rows.
    sample_rows : int, optional
        Maximum number of rows to examine, evenly spread over the table. Default: `EXAMINED_ROWS`.

    Raises
    ------
    InputError
        The table has no rows or no columns.
    ValueError
        `sample_rows` is below 1.

    Examples
    --------
    >>> from shoal.demo.hospital import hospital_records
    >>> found = look(hospital_records(1000, seed=1))
    >>> found.frame.filter(role="sensitive")["column"].to_list()
    ['diagnosis']
    >>> found.undecided
    ('cost',)
    """
    if sample_rows is not None and sample_rows < 1:
        msg = f"sample_rows={sample_rows} asked for, at least 1 row is needed; leave it out to let shoal choose"
        raise ValueError(msg)
    lazy, file = opened(frame)
    names = lazy.collect_schema().names()
    rows = int(read_to_end(lazy.select(pl.len())).item()) if names else 0
    if rows == 0:
        msg = "the table holds no rows, there is nothing to look at; give one with rows and columns"
        raise InputError(msg)
    step = -(-rows // (sample_rows or EXAMINED_ROWS))
    table = read_to_end(lazy.gather_every(step) if step > 1 else lazy)
    evidence = [gather(column) for column in table.get_columns()]
    classified = list(zip(evidence, classify_all(evidence), strict=True))
    columns = table.get_columns()
    proposals = [found for one, seen in zip(columns, evidence, strict=True) if (found := propose(one, seen.distinct))]
    candidates = [seen for seen, verdict in classified if verdict.role == "quasi_identifier"]
    undecided = [seen.name for seen, verdict in classified if verdict.role == "undecided"]
    combined = table.gather_every(-(-table.height // _COMBINED_ROWS))
    return Look(
        frame=_described(classified),
        combinations=riskiest(combined, candidates),
        unique_on_undecided=unique_share(table, undecided),
        unique_on_quasi_identifiers=unique_share(table, [seen.name for seen in candidates]),
        rows=rows,
        examined_rows=table.height,
        combined_rows=combined.height,
        declarations=_declared(proposals),
        file=file,
        _classified=tuple(classified),
        _proposals=tuple(proposals),
    )


def _declared(proposals: Sequence[Proposal]) -> pl.DataFrame:
    """Return one row for each proposed declaration."""
    rows = [(one.column, described(one), one.fit, one.note, one.is_sure) for one in proposals]
    schema: dict[str, Any] = {"column": pl.String, "declaration": pl.String, "fit": pl.Float64}
    return pl.DataFrame(rows, schema=schema | {"note": pl.String, "sure": pl.Boolean}, orient="row")


def _described(classified: Sequence[tuple[Evidence, Verdict]]) -> pl.DataFrame:
    """Return one row for each column."""
    rows = [
        (
            seen.name,
            str(seen.dtype),
            verdict.role,
            verdict.proposal,
            verdict.reason,
            None if seen.distinctness is None else seen.distinct,
            seen.distinctness,
            seen.unique,
            seen.separation,
            seen.nulls,
        )
        for seen, verdict in classified
    ]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")

"""A first look at a table: what each column seems to be, and which columns together single people out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from shoal.io.frames import IntoFrame
from shoal.io.lazy_frames import read_to_end
from shoal.profile import figures
from shoal.profile import policy as _look_policy
from shoal.profile.columns import Evidence, gather
from shoal.profile.declarations import Proposal, described, propose
from shoal.profile.file import opened
from shoal.profile.rules import Verdict, judge_all
from shoal_engine.declarations.file_format import FileFormat
from shoal_engine.errors import InputError

EXAMINED_ROWS = 1_000_000
"""Rows of a larger table that are examined where the caller does not say."""
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
    """What a first look found. Holds names of columns and shares, never a cell's value.

    Attributes
    ----------
    frame : pl.DataFrame
        One row a column: ``column``, ``type``, ``role`` (identifier, quasi_identifier, sensitive or undecided),
        ``proposal`` (of an undecided column: identifier or quasi_identifier), ``reason``, ``distinct`` (distinct
        values), ``distinctness`` (distinct values / rows), ``unique_rows`` (share of rows that no other equals in this
        column), ``separation`` (share of row pairs told apart), ``nulls`` (share of rows).
    combinations : pl.DataFrame
        Pairs and triples of quasi-identifiers, riskiest first: ``columns``, ``unique_rows`` (share of the
        rows combined that no other equals in these columns), ``separation``.
    unique_on_undecided : float or None
        Share of the rows examined that no other row equals on all undecided columns; None where no column is.
    unique_on_quasi_identifiers : float or None
        The same on all columns guessed to be quasi-identifiers.
    rows : int
        Rows of the table.
    examined_rows : int
        Rows that the shares speak of. In a part of a table more rows are unique than in the whole.
    combined_rows : int
        Rows that `combinations` speaks of; at most `examined_rows`.
    declarations : pl.DataFrame
        Columns whose texts may be numbers, dates or nulls once a person declares them: ``column``, ``declaration``
        in words, ``fit`` (share of values of that form), ``note`` (what is in doubt), ``sure`` (all values fit and
        nothing is in doubt).
    file : FileFormat
        How a delimited file is written where that is unusual: its encoding and separator.
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
    _judged: Sequence[tuple[Evidence, Verdict]] = field(default=())
    _proposals: Sequence[Proposal] = field(default=())

    def __repr__(self) -> str:
        roles = self.frame["role"].to_list()
        counts = ", ".join(f"{roles.count(role)} {role}" for role in sorted(set(roles)))
        return f"Look({self.rows} rows, {len(roles)} columns: {counts})"

    def _repr_html_(self) -> str:
        return self.frame._repr_html_()  # pyright: ignore[reportPrivateUsage]

    @property
    def undecided(self) -> tuple[str, ...]:
        """Columns that a person has to decide on."""
        return tuple(seen.name for seen, verdict in self._judged if verdict.role == "undecided")

    def to_dict(self) -> dict[str, Any]:
        """Return everything that was found as plain values."""
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
        """Return the guess as a commented policy in TOML; with undecided columns, nothing is released by it.

        Parameters
        ----------
        k : int or None
            Rows that every class must hold. None leaves it commented out: the text is a policy only once
            somebody has chosen.
        """
        return _look_policy.write(self._judged, k, self._proposals, self.file)


def look(frame: IntoFrame, *, sample_rows: int | None = None) -> Look:
    """Guess the role of every column, and find the columns that single people out.

    Values count before names, in the languages of Europe. What no rule fits without doubt is undecided: a person
    decides, and only a person calls a column insensitive.

    Parameters
    ----------
    frame : IntoFrame
        Any table; a lazy one is read once for its length and once for the rows examined.
    sample_rows : int, optional
        Examine at most so many rows, evenly spread over the table. Without it, `EXAMINED_ROWS`.

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
    judged = list(zip(evidence, judge_all(evidence), strict=True))
    columns = table.get_columns()
    proposals = [found for one, seen in zip(columns, evidence, strict=True) if (found := propose(one, seen.distinct))]
    candidates = [seen for seen, verdict in judged if verdict.role == "quasi_identifier"]
    undecided = [seen.name for seen, verdict in judged if verdict.role == "undecided"]
    combined = table.gather_every(-(-table.height // _COMBINED_ROWS))
    return Look(
        frame=_described(judged),
        combinations=figures.riskiest(combined, candidates),
        unique_on_undecided=figures.unique_share(table, undecided),
        unique_on_quasi_identifiers=figures.unique_share(table, [seen.name for seen in candidates]),
        rows=rows,
        examined_rows=table.height,
        combined_rows=combined.height,
        declarations=_declared(proposals),
        file=file,
        _judged=tuple(judged),
        _proposals=tuple(proposals),
    )


def _declared(proposals: Sequence[Proposal]) -> pl.DataFrame:
    """Return one row for each proposed declaration."""
    rows = [(one.column, described(one), one.fit, one.note, one.is_sure) for one in proposals]
    schema: dict[str, Any] = {"column": pl.String, "declaration": pl.String, "fit": pl.Float64}
    return pl.DataFrame(rows, schema=schema | {"note": pl.String, "sure": pl.Boolean}, orient="row")


def _described(judged: Sequence[tuple[Evidence, Verdict]]) -> pl.DataFrame:
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
        for seen, verdict in judged
    ]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")

"""`shoal.attack.intersection`: two releases of the same people, read together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from shoal.attack.linkage_attack import check_mismatches
from shoal.attack.tables import (
    Adversary,
    Release,
    check_tolerance,
    known_columns,
    open_register,
    open_release,
    read_adversary,
    read_register,
    read_release,
    released_quasi_identifiers,
    rows_of,
)
from shoal.io.frames import IntoFrame
from shoal.io.lazy_frames import schema_of
from shoal.io.threads import threads
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.attack.intersection import (
    Common,
    IntersectionFigures,
    KeptClasses,
    common_candidates,
    intersection_figures,
)
from shoal_engine.attack.labels import UNKNOWN
from shoal_engine.attack.matching import Matches, SensitiveCells, match
from shoal_engine.errors import ColumnError, PolicyError
from shoal_engine.tables.column_names import check_columns
from shoal_engine.tables.columns import ColumnEncoder
from shoal_engine.tables.grouping import cells, group

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class IntersectionAttack:
    """Result of `intersection`.

    Attributes
    ----------
    figures : IntersectionFigures
    people : pl.DataFrame, optional
        Rows in each release, candidates in both and their probabilities, one row for each person, if it was asked for.
        Personal data.
    """

    figures: IntersectionFigures
    people: pl.DataFrame | None = field(default=None, repr=False)

    @property
    def highest(self) -> float:
        """Highest risk."""
        return self.figures.highest

    @property
    def mean(self) -> float:
        """Mean risk."""
        return self.figures.mean

    def _repr_html_(self) -> str:
        """Return the figures as HTML for notebooks; nothing of one person."""
        from shoal_engine.attack.showing import intersection_html

        return intersection_html(self.figures)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values without anything of one person; shares of fewer than k people are null."""
        return self.figures.to_dict()


def intersection(
    release: IntoFrame,
    also: IntoFrame,
    known: IntoFrame,
    policy: Policy | None = None,
    *,
    also_policy: Policy | None = None,
    columns: Sequence[str] | None = None,
    kept: Sequence[str] | None = None,
    mismatches: int = 0,
    tolerance: Mapping[str, float] | None = None,
    truth: str | None = None,
    per_person: bool = False,
    n_threads: int | None = None,
) -> IntersectionAttack:
    """Look up the people of a register in two releases of the same people.

    A person's rows in both have equal values in the columns that both keep as they are. Rows of compatible classes
    whose values the other release's compatible classes do not have are ruled out. Rows that are left count evenly, or
    are weighted by how much of each label the known value fills.

    Parameters
    ----------
    release, also : frame, table or path
    known : frame, table or path
        Register: what is known of people.
    policy, also_policy : Policy, optional
        Of each release; the first also holds for the other unless that is given.
    columns : sequence of str, optional
        Known columns. Default: those that all three tables have.
    kept : sequence of str, optional
        Columns that both releases keep as they are; needed without a policy. Default: the sensitive and insensitive
        columns that both have.
    mismatches, tolerance, truth, per_person, n_threads
        As for `shoal.attack.linkage`.

    Returns
    -------
    IntersectionAttack

    Raises
    ------
    ColumnError, HierarchyError, InputError, PolicyError
        As for `shoal.attack.linkage`; PolicyError also if no kept column is named or both releases have none.

    References
    ----------
    Ganta, Kasiviswanathan, Smith (2008), Composition attacks and auxiliary information in data privacy, KDD, section 3.

    Examples
    --------
    >>> import polars as pl, shoal
    >>> first = pl.DataFrame({"age": ["[20, 29]"] * 2 + ["[30, 39]"] * 2, "pay": [1, 2, 3, 4]})
    >>> other = pl.DataFrame({"age": ["[20, 24]"] * 2 + ["[25, 39]"] * 2, "pay": [1, 5, 2, 3]})
    >>> found = shoal.attack.intersection(first, other, pl.DataFrame({"age": [22, 27]}), kept=["pay"])
    >>> found.figures.first.mean, found.figures.both.mean, found.figures.pinned
    (0.5, 1.0, 1.0)
    """
    mismatches, n = check_mismatches(mismatches), threads(n_threads)
    policies = policy, also_policy if also_policy is not None else policy
    frames = [open_release(one, its) for one, its in zip((release, also), policies, strict=True)]
    register = open_register(known, policy)
    names = [schema_of(frame).names() for frame in frames]
    common = _kept_columns(names, policies, kept, truth)
    hidden = [*common, *([] if truth is None else [truth])]
    own = schema_of(register).names()
    stated = [known_columns(one, own, its, columns, hidden) for one, its in zip(names, policies, strict=True)]
    both = [name for name in stated[0] if name in stated[1]]
    if not both:
        msg = "no known column is in both releases; name columns that both have"
        raise ColumnError(msg)
    stated = [{name: one[name] for name in both} for one in stated]
    widths = check_tolerance(tolerance or {}, both)
    people = read_register(register, both, [] if truth is None else [truth])
    tables = [
        read_release(frame, released_quasi_identifiers(its, columns_of), common, truth, n_threads=n)
        for frame, its, columns_of in zip(frames, policies, stated, strict=True)
    ]
    adversaries = [
        _without_sensitive(read_adversary(table, columns_of, [people], its, widths))
        for table, columns_of, its in zip(tables, stated, policies, strict=True)
    ]
    ranks = [one.known(people) for one in adversaries]
    rows = [] if truth is None else [rows_of(table, people, truth) for table in tables]
    classes = [_of_row(table.class_of_row, row) for table, row in zip(tables, rows, strict=False)]
    found = [
        match(one.released, rank, mismatches=mismatches, own=own, n_threads=n)
        for one, rank, own in zip(adversaries, ranks, classes or [None, None], strict=True)
    ]
    counts, value_of_row = _joint_cells(tables, common, n)
    sides = [KeptClasses(one.released, its) for one, its in zip(adversaries, counts, strict=True)]
    own = None if not rows else np.stack([*classes, _of_row(value_of_row, rows[0])])
    left = common_candidates(sides[0], ranks[0], sides[1], ranks[1], mismatches=mismatches, own=own, n_threads=n)
    k = min(int(table.grouped.weight.min()) for table in tables)
    figures = intersection_figures(found[0], found[1], left, columns=both, kept=common, k=k)
    return IntersectionAttack(figures, _people(found, left) if per_person else None)


def _people(found: Sequence[Matches], left: Common) -> pl.DataFrame:
    """Return what is left of each person."""
    weighted = np.where(np.isnan(left.weighted), left.claimed, left.weighted)
    return pl.DataFrame(
        {
            "first_rows": found[0].rows,
            "second_rows": found[1].rows,
            "candidates": left.candidates,
            "claimed": left.claimed,
            "weighted": weighted,
        }
    )


def _kept_columns(
    names: Sequence[Sequence[str]], policies: Sequence[Policy | None], kept: Sequence[str] | None, truth: str | None
) -> list[str]:
    """Return the columns that both releases keep as they are."""
    if kept is not None:
        for one in names:
            check_columns(list(kept), one, table="a release", remedy="leave it out")
        chosen = list(kept)
    elif policies[0] is None or policies[1] is None:
        msg = "which columns both releases keep as they are is not known without a policy; name them (kept)"
        raise PolicyError(msg)
    else:
        every = [{*one.sensitive, *one.insensitive} for one in policies if one is not None]
        chosen = [name for name in names[0] if name in names[1] and all(name in one for one in every)]
    chosen = [name for name in chosen if name != truth]
    if not chosen:
        msg = "both releases keep no column as it is, so that nothing joins their rows; name one (kept)"
        raise PolicyError(msg)
    return chosen


def _without_sensitive(adversary: Adversary) -> Adversary:
    """Return an adversary who learns nothing but rows."""
    released = adversary.released
    return Adversary(type(released)(released.columns, released.size, {}), adversary.columns)


def _of_row(values: npt.NDArray[np.integer], row: Ints) -> Ints:
    """Return a value of each person's row, -1 where it is not known."""
    return np.where(row == UNKNOWN, UNKNOWN, values.astype(np.int64)[np.maximum(row, 0)])


def _joint_cells(
    tables: Sequence[Release], kept: Sequence[str], n_threads: int
) -> tuple[list[SensitiveCells], npt.NDArray[np.uint32]]:
    """Count combinations of kept values in the classes of both releases, numbered alike; and of the first's rows."""
    codes: list[npt.NDArray[Any]] = []
    sizes: list[int] = []
    for name in kept:
        encoder = ColumnEncoder(name)
        parts = [
            encoder.observe(table.sensitive[name].to_arrow(compat_level=pl.CompatLevel.newest())).astype(np.uint32)[
                table.value_of_row[name]
            ]
            for table in _alike(tables, name)
        ]
        codes.append(np.concatenate(parts))
        sizes.append(max(1, encoder.n_codes))
    joint = group(codes, sizes, n_threads=n_threads)
    assert joint.tuple_of_row is not None
    n_first = tables[0].class_of_row.size
    counts: list[SensitiveCells] = []
    share = joint.weight / joint.weight.sum()
    for table, value in zip(tables, (joint.tuple_of_row[:n_first], joint.tuple_of_row[n_first:]), strict=True):
        one = cells(table.class_of_row, [value], [joint.n_tuples], n_tuples=table.grouped.n_tuples, n_threads=n_threads)
        counts.append(SensitiveCells(one.start, one.value, one.count, share))
    return counts, joint.tuple_of_row[:n_first]


def _alike(tables: Sequence[Release], name: str) -> Sequence[Release]:
    """Return both releases after a check that a kept column has one type in them."""
    kinds = {table.sensitive[name].dtype for table in tables}
    if len(kinds) > 1:
        msg = f"{name!r} has different types in the two releases; cast it to one"
        raise ColumnError(msg)
    return tables

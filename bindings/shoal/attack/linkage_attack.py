"""`shoal.attack.linkage`: an adversary with a register looks people up in a release."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl

from shoal.attack.tables import (
    Adversary,
    Release,
    check_tolerance,
    known_columns,
    open_register,
    open_release,
    own_values,
    read_adversary,
    read_register,
    read_release,
    released_quasi_identifiers,
    rows_of,
)
from shoal.io.frames import IntoFrame, into_lazy
from shoal.io.lazy_frames import schema_of
from shoal.io.threads import threads
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.attack.figures import Answers, LinkageFigures, linkage_figures
from shoal_engine.attack.labels import UNKNOWN
from shoal_engine.attack.matching import Matches, match
from shoal_engine.errors import PolicyError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from shoal_engine.risk.reidentification import AttackerRisk

MOST_MISMATCHES = 62


@dataclass(frozen=True, slots=True)
class LinkageAttack:
    """Result of `linkage`.

    Attributes
    ----------
    figures : LinkageFigures
        Over all people; nothing of one person.
    people : pl.DataFrame, optional
        One row for each person of the register, in its order, if it was asked for. Personal data.
    """

    figures: LinkageFigures
    people: pl.DataFrame | None = field(default=None, repr=False)

    @property
    def highest(self) -> float:
        """Highest risk: the larger of attack and guarantee."""
        return self.figures.highest

    @property
    def mean(self) -> float:
        """Mean risk: the larger of attack and guarantee."""
        return self.figures.mean

    def _repr_html_(self) -> str:
        """Return the figures as HTML for notebooks; nothing of one person."""
        from shoal_engine.attack.showing import linkage_html

        return linkage_html(self.figures)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values without anything of one person; shares of fewer than k people are null."""
        return self.figures.to_dict()


def linkage(
    release: IntoFrame,
    known: IntoFrame,
    policy: Policy | None = None,
    *,
    columns: Sequence[str] | None = None,
    sensitive: Sequence[str] | None = None,
    mismatches: int = 0,
    tolerance: Mapping[str, float] | None = None,
    truth: str | None = None,
    raw: IntoFrame | None = None,
    held_out: IntoFrame | None = None,
    population: IntoFrame | None = None,
    per_person: bool = False,
    n_threads: int | None = None,
) -> LinkageAttack:
    """Look up the people of a register in a release, as an adversary would.

    A class is compatible with a person if each of its labels covers the known value: intervals, sets, masks, nodes of
    a hierarchy; ``*`` and null cover everything, and a null in the register is not known. Rows of compatible classes
    count evenly, or are weighted by how much of each label the known value fills, 1 / values of the label.

    Parameters
    ----------
    release : frame, table or path
    known : frame, table or path
        Register: what is known of people, under the names that the columns had before their release.
    policy : Policy, optional
        Policy of the release: needed to read nodes of a hierarchy. Without it, all columns that both tables have are
        known, and classes are those of the known columns.
    columns : sequence of str, optional
        Known columns. Default: every quasi-identifier that both tables have. Columns that the release keeps as they are
        may be named too; they then divide the classes.
    sensitive : sequence of str, optional
        Columns that the adversary wants to learn. Default: the policy's.
    mismatches : int
        Known columns in which a class may disagree.
    tolerance : mapping of str to float, optional
        How far a known number, date (days) or time (seconds) may lie outside a label.
    truth : str, optional
        Column of ids that release and register have, to judge answers with; the adversary does not know it.
    raw : frame, table or path, optional
        The table before its release, to be attacked with the same register by equal values.
    held_out : frame, table or path, optional
        People who are not in the release, with the same columns: what is found of them is found by chance.
    population : frame, table or path, optional
        All people whom a class may stand for, with every quasi-identifier, for the journalist; needs the policy.
    per_person : bool
        Return a frame of people as well. It is personal data.
    n_threads : int, optional
        Number of threads. Default: all cores that this process may use.

    Returns
    -------
    LinkageAttack

    Raises
    ------
    ColumnError
        A table lacks a column, or has other types or units than the release.
    HierarchyError
        A hierarchy does not cover the register's values.
    InputError
        A table cannot be read or has no rows, ids repeat, or no class is compatible with anybody.
    NumberError
        `mismatches` is no integer of at least 0.
    PolicyError
        An option is out of range or contradicts the policy.

    References
    ----------
    Sweeney (2002), k-anonymity: a model for protecting privacy, IJUFKS 10(5), section 3: the linking attack.
    Machanavajjhala et al. (2007), l-diversity, TKDD 1(1), section 2: homogeneity and background knowledge.
    Article 29 Data Protection Working Party (2014), Opinion 05/2014 (WP216), section 2.2: linkability, inference.

    Examples
    --------
    >>> import polars as pl, shoal
    >>> release = pl.DataFrame({"age": ["[20, 29]"] * 2 + ["[30, 34]"] * 3, "ill": ["a", "b", "a", "a", "a"]})
    >>> found = shoal.attack.linkage(release, pl.DataFrame({"age": [27, 33]}), sensitive=["ill"], per_person=True)
    >>> found.people["rows"].to_list(), found.figures.answers.sensitive["ill"].homogeneous
    ([2, 3], 0.5)
    """
    mismatches = check_mismatches(mismatches)
    frame, register = open_release(release, policy), open_register(known, policy)
    wanted = list(sensitive if sensitive is not None else () if policy is None else policy.sensitive)
    hidden = [*wanted, *([] if truth is None else [truth])]
    stated = known_columns(schema_of(frame).names(), schema_of(register).names(), policy, columns, hidden)
    widths = check_tolerance(tolerance or {}, stated)
    table = read_release(frame, released_quasi_identifiers(policy, stated), wanted, truth, n_threads=threads(n_threads))
    people = read_register(register, stated, hidden)
    others = (
        None
        if held_out is None
        else read_register(open_register(held_out, policy), stated, wanted, table="the table of held-out people")
    )
    adversary = read_adversary(table, stated, [people, *([] if others is None else [others])], policy, widths)
    row = None if truth is None else rows_of(table, people, truth)
    mine = own_values(table, people, row)
    own = None if row is None else _class_of(table, row)
    found = match(
        adversary.released,
        adversary.known(people),
        mismatches=mismatches,
        own=own,
        own_values=mine,
        n_threads=threads(n_threads),
    )
    figures = linkage_figures(
        table.grouped.weight,
        Answers.of(found, table.cells, mine),
        columns=list(stated),
        mismatches=mismatches,
        tolerance=widths,
        right_record_known=own is not None,
        journalist=None if population is None else _journalist(table, population, policy),
        raw=None if raw is None else _on_raw(raw, people, list(stated), truth, policy),
        held_out=None if others is None else _of_others(adversary, table, others, mismatches, threads(n_threads)),
    )
    return LinkageAttack(figures, per_person_frame(found) if per_person else None)


def check_mismatches(mismatches: int) -> int:
    """Return a number of mismatches.

    Raises
    ------
    NumberError
        It is no integer of at least 0.
    """
    from shoal_engine.differential.exact_numbers import count

    return count(mismatches, name="mismatches", least=0, most=MOST_MISMATCHES)


def _class_of(table: Release, row: "npt.NDArray[np.int64]") -> "npt.NDArray[np.int64]":
    """Return the class of each person's record."""
    import numpy as np

    return np.where(row == UNKNOWN, UNKNOWN, table.class_of_row.astype(np.int64)[np.maximum(row, 0)])


def _of_others(
    adversary: Adversary, table: Release, others: pl.DataFrame, mismatches: int, n_threads: int
) -> Answers | None:
    """Return what is found of people who are not in the release; None if no class is compatible with any."""
    mine = own_values(table, others, None)
    found = match(
        adversary.released, adversary.known(others), mismatches=mismatches, own_values=mine, n_threads=n_threads
    )
    return Answers.of(found, table.cells, mine) if found.rows.any() else None


def _on_raw(
    raw: IntoFrame, people: pl.DataFrame, columns: list[str], truth: str | None, policy: Policy | None
) -> Answers:
    """Return what the same register finds in the table before its release, by equal values."""
    from shoal.attack.raw_tables import match_raw

    frame = open_register(raw, policy) if policy is not None else into_lazy(raw)
    return match_raw(frame, people, columns, truth)


def _journalist(table: Release, population: IntoFrame, policy: Policy | None) -> "AttackerRisk":
    """Return the risk of the release's records against a population."""
    import numpy as np

    from shoal.recount.tables import fit_people
    from shoal_engine.risk.reidentification import journalist_risk

    if policy is None:
        msg = "a population is counted in the classes of the policy; give the policy of the release"
        raise PolicyError(msg)
    classes = pl.DataFrame([table.distinct[name].gather(table.grouped.codes(j)) for j, name in enumerate(table.names)])
    sizes = pl.Series("rows", table.grouped.weight)
    people = open_register(population, policy)
    counted = fit_people(classes, sizes, people, msgspec.structs.replace(policy, population="")).of_class
    # A class without people in the population's table still has the people of its own rows.
    people_of_class = np.maximum(counted, table.grouped.weight).astype(np.float64)
    return journalist_risk(table.grouped.weight, people_of_class, 1.0 / people_of_class, 0.2)


def per_person_frame(found: Matches) -> pl.DataFrame:
    """Return what was found of each person: personal data."""
    import numpy as np

    columns: dict[str, Any] = {
        "classes": found.classes,
        "rows": found.rows,
        "claimed": found.best,
        "even": np.where(np.isnan(found.even), (found.rows > 0) / np.maximum(1, found.rows), found.even),
        "weighted": np.where(np.isnan(found.weighted), found.best, found.weighted),
        "right_record_known": ~np.isnan(found.even),
    }
    for name, one in found.learned.items():
        columns |= {
            f"{name}_values": one.distinct,
            f"{name}_top_even": one.even_top,
            f"{name}_top": one.top,
            f"{name}_lift_even": one.even_lift,
            f"{name}_lift": one.lift,
            f"{name}_own_even": one.even_own,
            f"{name}_own": one.own,
        }
    return pl.DataFrame(columns)

"""Linkability: whether a release connects two tables of the same people that share no column."""

from collections.abc import Sequence

import numpy as np

from shoal_engine.attack.plain_rows import (
    RELEASE,
    TABLES,
    Numbers,
    PlainColumn,
    PlainTables,
    Rows,
    choose_rows,
    points_of,
)
from shoal_engine.attack.success_rates import AttackReport, attack_report
from shoal_engine.errors import PolicyError
from shoal_engine.tables.grouping import Grouped, group
from shoal_engine.threads import in_threads, ranges
from shoal_kernels._jit import freeze
from shoal_kernels.risk.linked_parts import Pairs, Part, link_parts


def random_links(n_rows: int, n_neighbors: int) -> float:
    """Return the probability that two random sets of rows have one in common.

    Examples
    --------
    >>> random_links(4, 1), round(random_links(4, 2), 3), random_links(4, 3)
    (0.25, 0.833, 1.0)
    """
    disjoint = 1.0
    for i in range(n_neighbors):
        disjoint *= max(0, n_rows - n_neighbors - i) / (n_rows - i)
    return 1.0 - disjoint


def linkability(
    tables: PlainTables,
    left: Sequence[str],
    right: Sequence[str],
    *,
    n_neighbors: int,
    n_attacks: int | None,
    seed: int | None,
    confidence: float,
    n_threads: int,
) -> tuple[AttackReport, dict[str, tuple[Rows, Numbers]]]:
    """Look up both parts of each attacked row in the release; it is linked if they have a nearest row in common.

    Parameters
    ----------
    tables : PlainTables
    left, right : sequence of str
        Columns of the two parts.
    n_neighbors : int
        Nearest rows that count, from 1 to the rows of the release.
    n_attacks : int, optional
        Rows of each table to attack, drawn by `seed`. Default: all.
    seed : int, optional
    confidence : float
    n_threads : int

    Returns
    -------
    report : AttackReport
        The baseline is exact: two random sets of rows.
    chances : mapping of table to attacked rows and the probability of a link, over even choices among ties

    Raises
    ------
    PolicyError
        Neighbors, attacks, seed or confidence are out of range.

    References
    ----------
    Giomi, Boenisch, Wehmeyer, Tasnádi (2023), A unified framework for quantifying privacy risk in synthetic data,
    PoPETs 2023(2), section 4.2. There the range of numbers is that of the rows at hand, and ties fall as a sort
    leaves them; here it is that of all tables, and ties are shared, so the order of rows does not matter.
    """
    n_released = tables.n_rows[RELEASE]
    if not 1 <= n_neighbors <= n_released:
        msg = f"n_neighbors = {n_neighbors}; give a number from 1 to the rows of the release, {n_released}"
        raise PolicyError(msg)
    columns = [[tables.columns[name] for name in names] for names in (left, right)]
    grouped = [tables.group(RELEASE, names, n_threads=n_threads) for names in (left, right)]
    part, other_part = (_part(one, mine) for one, mine in zip(grouped, columns, strict=True))
    pairs = _pairs(*grouped)
    chances: dict[str, tuple[Rows, Numbers]] = {}
    for table in tables.attacked():
        rows = choose_rows(tables.n_rows[table], n_attacks, seed, table)
        distinct = tables.group(table, [*left, *right], rows, n_threads=n_threads)
        one = np.ascontiguousarray(points_of(distinct, columns[0]).T)
        other = np.ascontiguousarray(points_of(distinct, columns[1], first=len(left)).T)
        probability = np.empty(distinct.n_tuples)

        def link(ends: tuple[int, int], one: Numbers = one, other: Numbers = other, out: Numbers = probability) -> None:
            span = slice(*ends)
            link_parts(one[span], other[span], part, other_part, pairs, n_neighbors, out[span])

        in_threads(link, ranges(distinct.n_tuples, n_threads), n_threads)
        assert distinct.tuple_of_row is not None
        chances[TABLES[table]] = rows, probability[distinct.tuple_of_row]
    found = {name: (len(rows), float(chance.sum())) for name, (rows, chance) in chances.items()}
    made = found["original"][0]
    report = attack_report(
        "linkability",
        success=found["original"],
        baseline=(made, made * random_links(n_released, n_neighbors)),
        control=found.get("control"),
        confidence=confidence,
        requested=n_attacks,
    )
    return report, chances


def _part(grouped: Grouped, columns: Sequence[PlainColumn]) -> Part:
    """Return the distinct released tuples of some columns."""
    return freeze(Part(points_of(grouped, columns), grouped.weight))


def _pairs(one: Grouped, other: Grouped) -> Pairs:
    """Return the pairs of tuples that released rows have."""
    assert one.tuple_of_row is not None
    assert other.tuple_of_row is not None
    both = group([one.tuple_of_row, other.tuple_of_row], [one.n_tuples, other.n_tuples], n_threads=1)
    begin = np.searchsorted(both.codes(0), np.arange(one.n_tuples + 1))
    return freeze(Pairs(begin.astype(np.int64), both.codes(1).astype(np.int64), both.weight))

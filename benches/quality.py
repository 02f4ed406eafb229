"""How much is lost: `ncp` of both methods by kind of label, beside what others reach.

``python -m benches.quality`` prints the table. k-anonymity only, one thread.
"""

from collections.abc import Iterator
from typing import Final

from benches import adult, census_policies
from benches.census import census
from benches.measure.clock import Cost, timed
from benches.measure.figure import Figure, Options
from benches.partitioning import classes, ncp, table_of
from shoal_engine.anonymity.criteria.binding import BoundTable
from shoal_engine.anonymity.policy.methods import Method

KS: Final = (5, 10, 50)
KINDS: Final[dict[adult.Kind, tuple[str, tuple[float, ...]]]] = {
    "ordered codes": ("", ()),
    "sets": ("mosaicrown/mondrian .039 / .064 / .161", (0.025, 0.044, 0.112)),
    "sets, age an interval": ("", ()),
    "hierarchy nodes": ("ARX, local recoding, in 4.4 / 8.5 / 12.6 s", (0.0923, 0.1217, 0.2088)),
}
"""Kinds of label: the best peer, and the loss to reach for each k; none where strict Mondrian sets the mark."""
ADULT_RATIO: Final = 0.66
CENSUS_RATIO: Final = 0.80
SECONDS: Final = 0.5
"""To be reached with hierarchy nodes on Adult."""
ROWS: Final = 1_000_000


def figures(options: Options) -> Iterator[Figure]:
    """Measure Adult, where it is there, and the census table."""
    if adult.present():
        frame = adult.read()
        for kind in KINDS:
            for place, k in enumerate(KS):
                table = table_of(frame, adult.policy(frame, kind, k))
                yield from _adult(kind, k, place, table, options.runs_or(5))
    rows = options.rows_or(ROWS)
    frame = census(rows, seed=1)
    yield from _against_mondrian(
        f"census, {rows:,} rows, ordered codes, k = 10",
        table_of(frame, census_policies.ordered(frame, 10)),
        CENSUS_RATIO,
        options.runs_or(3),
    )


def _adult(kind: adult.Kind, k: int, place: int, table: BoundTable, runs: int) -> Iterator[Figure]:
    """Measure one kind of label and one k."""
    peer, marks = KINDS[kind]
    what = f"Adult, {kind}, k = {k}"
    if kind == "ordered codes":
        yield from _against_mondrian(what, table, ADULT_RATIO, runs)
        return
    for method in ("mondrian", "tight"):
        loss, cost = _loss(table, method, runs)
        mark = marks[place] if marks and method == "tight" else None
        yield Figure(f"{what}: ncp of {method}", loss, "", mark, "less", cost, peer if mark else "")
        if kind == "hierarchy nodes" and method == "tight":
            yield Figure(f"{what}: CPU time of {method}", cost.cpu_seconds, "s", SECONDS, "less", cost)


def _against_mondrian(what: str, table: BoundTable, mark: float, runs: int) -> Iterator[Figure]:
    """Measure tight as a part of strict Mondrian."""
    mondrian, mondrian_cost = _loss(table, "mondrian", runs)
    tight, tight_cost = _loss(table, "tight", runs)
    yield Figure(f"{what}: ncp of mondrian", mondrian, "", cost=mondrian_cost)
    yield Figure(f"{what}: ncp of tight", tight, "", cost=tight_cost)
    yield Figure(f"{what}: tight over mondrian", tight / mondrian, "×", mark, "less")


def _loss(table: BoundTable, method: Method, runs: int) -> tuple[float, Cost]:
    """Return the loss of a method's classes, and what it cost to find them."""
    found, cost = timed(lambda: classes(table, method), runs)
    return ncp(table, found), cost


if __name__ == "__main__":
    from benches.measure.showing import as_markdown
    from shoal.warming import warm

    warm()

    if not adult.present():
        print(adult.MISSING)
    print(as_markdown(list(figures(Options()))))

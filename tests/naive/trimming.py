"""Which tuples of a class to leave out, on plain lists: try each, take the best, again."""

from collections.abc import Callable, Sequence

from naive.tables import Table
from naive.tight import loss


def removals(table: Table, members: Sequence[int], holds: Callable[[list[int]], bool]) -> list[tuple[int, float]]:
    """Return the tuples in the order of their removal, each with what it saves per row left out."""
    rest, found = list(members), []
    while len(rest) > 1:
        ways = []
        for place, i in enumerate(rest):
            others = [x for x in rest if x != i]
            rows, w = sum(table.weight[x] for x in rest), table.weight[i]
            saved = (rows * loss(table, rest) - (rows - w) * loss(table, others) - w) / w
            if saved > 1e-9 and holds(others):
                ways.append((saved, -place, i))
        if not ways:
            break
        saved, _, i = max(ways)
        found.append((i, saved))
        rest.remove(i)
    return found

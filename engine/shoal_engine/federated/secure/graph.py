"""Who shares masks with whom: everyone with everyone, or a random ring in which each node has a few neighbors.

The ring is a Harary graph of nodes in random order: if the number of neighbors grows as the logarithm of the
number of nodes, the honest survivors stay connected but with negligible probability, which is what privacy
needs (Bell, Bonawitz, Gascón, Lepoint, Raykova 2020, Secure single-server aggregation with (poly)logarithmic
overhead, section 3: it also says how many are needed for which share of dropouts and colluders).
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence


class Graph:
    """The neighbors of each node, a function of the nodes and of a public seed.

    Parameters
    ----------
    nodes : sequence of int
        Distinct.
    neighbors : int, optional
        Even. Default, or if there are no more others than that: every other node is a neighbor.
    seed : bytes
        Nobody may know it before the nodes are settled.

    Examples
    --------
    >>> graph = Graph(range(10), 4, b"seed")
    >>> len(graph.of(3)), all(3 in graph.of(node) for node in graph.of(3))
    (4, True)
    """

    def __init__(self, nodes: Sequence[int], neighbors: int | None, seed: bytes) -> None:
        self._ring = sorted(nodes, key=lambda node: hashlib.sha256(seed + node.to_bytes(8, "big")).digest())
        self._place = {node: place for place, node in enumerate(self._ring)}
        self._reach = None if neighbors is None or neighbors >= len(nodes) - 1 else neighbors // 2

    def of(self, node: int) -> frozenset[int]:
        """Return the neighbors of a node, without itself."""
        if self._reach is None:
            return frozenset(self._place) - {node}
        n, place = len(self._ring), self._place[node]
        steps = range(1, self._reach + 1)
        return frozenset(self._ring[(place + step) % n] for away in steps for step in (away, -away))

    @property
    def degree(self) -> int:
        """How many neighbors each node has."""
        return len(self._ring) - 1 if self._reach is None else 2 * self._reach


def is_connected(nodes: Iterable[int], partners: Mapping[int, frozenset[int]]) -> bool:
    """Whether some nodes hang together by the partners among them; of those that do not, parts of the sum show."""
    left = set(nodes)
    waiting = [left.pop()] if left else []
    while waiting:
        found = partners[waiting.pop()] & left
        left -= found
        waiting.extend(found)
    return not left


def core(partners: Mapping[int, frozenset[int]], least: int) -> dict[int, frozenset[int]]:
    """Return the nodes that keep at least `least` partners among themselves, with these partners."""
    kept = dict(partners)
    while weak := {node for node, others in kept.items() if len(others) < least}:
        kept = {node: others - weak for node, others in kept.items() if node not in weak}
    return kept

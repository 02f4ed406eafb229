"""The nodes of one round and their keys, as every node and the server check them.

Who shares masks with whom: everyone with everyone, or a random ring in which each node has a few neighbors.

The ring is a Harary graph of nodes in random order: if the number of neighbors grows as the logarithm of the
number of nodes, the honest survivors stay connected but with negligible probability, which is what privacy
needs (Bell, Bonawitz, Gascón, Lepoint, Raykova 2020, Secure single-server aggregation with (poly)logarithmic
overhead, section 3: it also says how many are needed for which share of dropouts and colluders).
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from shoal_engine.errors import SecureAggregationError, TamperedMessage, TooFewSurvivors
from shoal_engine.federated.secure.key_agreement import KEY_BYTES
from shoal_engine.federated.secure.messages import AdvertisedKeys, Roster
from shoal_engine.federated.secure.parameters import SecureParameters, check_node


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


def checked(parameters: SecureParameters, roster: Roster) -> dict[int, AdvertisedKeys]:
    """Return the keys by node.

    Raises
    ------
    TooFewSurvivors
        Fewer nodes than the threshold are on it.
    TamperedMessage
        A node comes twice, a key has no 32 bytes, or two keys are the same.
    SecureAggregationError
        The threshold is not over half of those who hold a node's shares: a server could then open both secrets of a
        node, of half the holders one, of half the other.
    """
    parameters.check(roster)
    found: dict[int, AdvertisedKeys] = {}
    publics = set[bytes]()
    for keys in roster.keys:
        parameters.check(keys)
        own = {keys.encryption_key, keys.mask_key}
        if check_node(keys.sender) in found or len(own) < 2 or own & publics or {len(k) for k in own} != {KEY_BYTES}:
            msg = f"node {keys.sender} is listed twice, or its keys are another's or of no use; leave that node out"
            raise TamperedMessage(msg, node=keys.sender)
        found[keys.sender] = keys
        publics |= own
    at_least(len(found), parameters, "nodes advertised keys")
    holders = graph_of(parameters, found).degree + 1
    if 2 * parameters.threshold <= holders:
        msg = f"threshold={parameters.threshold} of {holders} who hold shares; agree on {holders // 2 + 1} or more"
        raise SecureAggregationError(msg)
    return found


def graph_of(parameters: SecureParameters, keys: Mapping[int, AdvertisedKeys]) -> Graph:
    """Return who shares with whom; nobody can know it before the last key is advertised."""
    seed = hashlib.sha256(parameters.context("graph", *sorted(keys)))
    for node in sorted(keys):
        seed.update(keys[node].encryption_key + keys[node].mask_key)
    return Graph(list(keys), parameters.neighbors, seed.digest())


def at_least(left: int, parameters: SecureParameters, what: str) -> None:
    """Refuse to go on with fewer than the threshold.

    Raises
    ------
    TooFewSurvivors
    """
    if left < parameters.threshold:
        msg = f"{left} {what}, the threshold is {parameters.threshold}; wait for more or begin another round"
        raise TooFewSurvivors(msg, left=left, threshold=parameters.threshold)

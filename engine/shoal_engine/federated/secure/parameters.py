"""What all nodes and the server of one round agree on beforehand."""

from dataclasses import KW_ONLY, dataclass
from typing import Final, Protocol

from shoal_engine.errors import SecureAggregationError

PROTOCOL: Final = b"shoal/secure-aggregation/1"
"""Changes whenever a message, a label or a formula does: versions then do not understand each other."""
LEAST_SESSION: Final = 16
"""Bytes; random ones do not meet again."""
MOST: Final = 1 << 63


class Addressed(Protocol):
    """Every message says where it belongs."""

    @property
    def session(self) -> bytes:
        """Identifier of the federation, or of one training."""
        ...

    @property
    def round(self) -> int:
        """Within the session."""
        ...


@dataclass(frozen=True, slots=True)
class SecureParameters:
    """What all nodes and the server of one round agree on beforehand.

    Attributes
    ----------
    threshold : int, at least 2
        Shares that open a secret, and the least number of nodes whose sum is ever seen. More than half of those who
        hold shares of a node: all that advertise keys, or `neighbors` + 1. An aggregation that is `signed` asks for
        more than two thirds of all nodes that are known.
    session : bytes, 16 to 255
        Random, as of ``secrets.token_bytes(16)``. Another training is another session.
    round : int
        No session may have the same round twice.
    length : int
        Numbers in each vector.
    neighbors : int, optional
        Even: number of others that each node shares masks with. Default: all others.
    signed : bool
        Whether keys and the list of survivors carry signatures, against a server that lies.

    Raises
    ------
    SecureAggregationError
        A parameter is out of range, or they contradict each other.

    Examples
    --------
    >>> SecureParameters(threshold=3, session=bytes(16), round=0, length=1000).neighbors is None
    True
    """

    threshold: int
    session: bytes
    round: int
    length: int
    neighbors: int | None = None
    _: KW_ONLY
    signed: bool = False

    def __post_init__(self) -> None:
        if self.threshold < 2:
            msg = (
                f"threshold={self.threshold} lets one node's vector be seen; at least 2 must be left, better many more"
            )
            raise SecureAggregationError(msg)
        if not LEAST_SESSION <= len(self.session) < 256:
            msg = f"a session of {len(self.session)} bytes; give {LEAST_SESSION} to 255, as of secrets.token_bytes(16)"
            raise SecureAggregationError(msg)
        if not 0 <= self.round < MOST:
            msg = f"round={self.round} is not a number from 0 to 2**63 - 1; count rounds from 0"
            raise SecureAggregationError(msg)
        if self.length < 1:
            msg = f"length={self.length}; a vector has at least one number"
            raise SecureAggregationError(msg)
        if self.neighbors is not None:
            self._check_neighbors(self.neighbors)

    def _check_neighbors(self, neighbors: int) -> None:
        if neighbors < 2 or neighbors % 2:
            msg = f"neighbors={neighbors}; the graph is a ring, so give an even number from 2 on, or None for all"
            raise SecureAggregationError(msg)
        if not neighbors + 1 < 2 * self.threshold <= 2 * (neighbors + 1):
            msg = (
                f"threshold={self.threshold} of the {neighbors + 1} who hold shares of a node; "
                "give more than half of them and at most all"
            )
            raise SecureAggregationError(msg)
        if self.signed:
            msg = "neighbors with signed=True; who is whose neighbor would be the server's choice, so leave one out"
            raise SecureAggregationError(msg)

    def context(self, label: str, *nodes: int) -> bytes:
        """Return bytes that no other purpose, session, round or list of nodes has."""
        parts = [PROTOCOL, label.encode(), self.session]
        numbers = [self.round, len(nodes), *nodes]
        return b"".join([bytes([len(part)]) + part for part in parts] + [n.to_bytes(8, "big") for n in numbers])

    def check(self, message: Addressed) -> None:
        """Refuse a message of another session or round.

        Raises
        ------
        SecureAggregationError
        """
        if message.session != self.session:
            msg = f"a {type(message).__name__} of another session was given; this one takes only its own messages"
            raise SecureAggregationError(msg)
        if message.round != self.round:
            msg = (
                f"a {type(message).__name__} of round {message.round} was given in round {self.round}; begin each again"
            )
            raise SecureAggregationError(msg)


def check_node(node: int) -> int:
    """Return a node's number, from 0 to 2**63 - 1.

    Raises
    ------
    SecureAggregationError
    """
    if not 0 <= node < MOST:
        msg = f"node {node} is not a number from 0 to 2**63 - 1; number the nodes"
        raise SecureAggregationError(msg)
    return node

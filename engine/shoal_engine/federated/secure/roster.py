"""The nodes of one round and their keys, as every node and the server check them."""

import hashlib
from collections.abc import Mapping

from shoal_engine.errors import SecureAggregationError, TamperedMessage, TooFewSurvivors
from shoal_engine.federated.secure.graph import Graph
from shoal_engine.federated.secure.key_agreement import KEY_BYTES
from shoal_engine.federated.secure.messages import AdvertisedKeys, Roster
from shoal_engine.federated.secure.parameters import SecureParameters, check_node


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

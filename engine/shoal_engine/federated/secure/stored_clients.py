"""A node's side of a round put away between two messages, for nodes whose process does not live that long.

The stored fields hold the node's secrets of that round and must not leave the node; nor may it be taken out twice: of a
node's two secrets a share may be given away once, and a copy does not know what another copy gave away.
"""

from collections.abc import Mapping
from typing import Any

from shoal_engine.errors import SecureAggregationError
from shoal_engine.federated.secure import flat_messages as flat
from shoal_engine.federated.secure.client import SecureClient
from shoal_engine.federated.secure.flat_messages import Fields
from shoal_engine.federated.secure.key_agreement import KeyPair
from shoal_engine.federated.secure.messages import Roster
from shoal_engine.federated.secure.parameters import SecureParameters
from shoal_engine.federated.secure.sealing import HeldShares
from shoal_engine.federated.secure.stages import Stage


def parameter_entries(parameters: SecureParameters) -> Fields:
    """Return parameters as fields; 0 neighbors means all."""
    return {
        "threshold": parameters.threshold,
        "session": parameters.session,
        "round": parameters.round,
        "length": parameters.length,
        "neighbors": parameters.neighbors or 0,
    }


def read_parameters(entries: Mapping[str, Any]) -> SecureParameters:
    """Return the parameters of some fields.

    Raises
    ------
    SecureAggregationError
        One is missing, of another type, or out of range.
    """
    threshold, number, length, neighbors = (
        flat.integer(name, entries) for name in ("threshold", "round", "length", "neighbors")
    )
    return SecureParameters(threshold, flat.octets("session", entries), number, length, neighbors or None)


class StoredClient(SecureClient):
    """A `SecureClient` of an unsigned round that can be put away as fields and taken out again."""

    def fields(self) -> Fields:
        """Return all it knows, secrets of the round included."""
        p = self._parameters
        listed = Roster(p.session, p.round, tuple(self._keys[node] for node in sorted(self._keys)))
        held = sorted(self._held.items())
        return {
            **parameter_entries(p),
            **flat.flattened(listed),
            **flat.of_nodes("pair_keys", tuple(sorted(self._pair_keys.items()))),
            **flat.of_nodes("held_mask_key", tuple((node, shares.mask_key) for node, shares in held)),
            **flat.of_nodes("held_self_mask", tuple((node, shares.self_mask) for node, shares in held)),
            "node": self._node,
            "stage": int(self._stage),
            "encryption": self._encryption.private if self._encryption else b"",
            "masking": self._masking.private if self._masking else b"",
            "self_secret": self._self_secret or b"",
            "neighboring": sorted(self._neighbors),
        }

    @classmethod
    def of_fields(cls, kept: Mapping[str, Any]) -> "StoredClient":
        """Return the client stored as `fields`.

        Raises
        ------
        SecureAggregationError
            It is not whole.
        """
        parameters, stage = read_parameters(kept), flat.integer("stage", kept)
        client = cls(flat.integer("node", kept), parameters)
        encryption, masking = flat.octets("encryption", kept), flat.octets("masking", kept)
        self_masks = dict(flat.by_node("held_self_mask", kept))
        try:
            client._stage = Stage(stage)
            client._encryption = KeyPair.of_private(encryption) if encryption else None
            client._masking = KeyPair.of_private(masking) if masking else None
            client._held = {
                node: HeldShares(share, self_masks[node]) for node, share in flat.by_node("held_mask_key", kept)
            }
        except (KeyError, ValueError):
            msg = "what was kept of a round of secure aggregation is not whole; leave this round"
            raise SecureAggregationError(msg) from None
        client._self_secret = flat.octets("self_secret", kept) or None
        client._keys = {keys.sender: keys for keys in flat.restored(Roster, kept).keys}
        client._pair_keys = dict(flat.by_node("pair_keys", kept))
        client._neighbors = frozenset(flat.ints("neighboring", kept))
        return client

"""What nodes and server say to each other in one round: frozen values, to be carried by any transport.

::

    stage       node to server       server to node
    advertise   AdvertisedKeys       Roster              to all
    share       EncryptedShares      DeliveredShares     to each
    confirm     ConfirmedShares      Partners            to each
    mask        MaskedVector         RevealRequest       to all
    agree       SignedSurvivors      all of these        to all; if the round is signed
    reveal      SurvivorShares

Each says of which session and round it is, and who sent it or to whom it goes. They hold bytes, integers and one
array, and carry no authenticity of their own: a transport that knows who is who is assumed.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from shoal_engine.errors import SecureAggregationError

ByNode: TypeAlias = tuple[tuple[int, bytes], ...]
"""Bytes for some nodes."""


class Stage(IntEnum):
    """Which step comes next."""

    ADVERTISE = 0
    SHARE = 1
    CONFIRM = 2
    MASK = 3
    AGREE = 4
    REVEAL = 5
    FINISHED = 6

    def expect(self, asked: "Stage", who: str) -> None:
        """Refuse any other step than the next.

        Raises
        ------
        SecureAggregationError
        """
        if self is not asked:
            msg = f"{who} is at `{self.name.lower()}`, not at `{asked.name.lower()}`; each step comes once, in order"
            raise SecureAggregationError(msg)


@dataclass(frozen=True, slots=True)
class AdvertisedKeys:
    """The public keys of a node, 32 bytes each, and an Ed25519 signature of them if the round is signed."""

    session: bytes
    round: int
    sender: int
    encryption_key: bytes
    mask_key: bytes
    signature: bytes = b""


@dataclass(frozen=True, slots=True)
class Roster:
    """The keys of all nodes that take part, by rising number of the node."""

    session: bytes
    round: int
    keys: tuple[AdvertisedKeys, ...]


@dataclass(frozen=True, slots=True)
class EncryptedShares:
    """Shares of a node's two secrets, enciphered for each neighbor, and a commitment to the secret of its own mask.

    With a commitment to the shares of each holder, itself among them: so a holder can check that it got those, and the
    server that it gives those away.
    """

    session: bytes
    round: int
    sender: int
    commitment: bytes
    shares: ByNode
    share_commitments: ByNode


@dataclass(frozen=True, slots=True)
class DeliveredShares:
    """Encrypted shares of the neighbors for one node, and their commitments, by sender."""

    session: bytes
    round: int
    recipient: int
    shares: ByNode
    commitments: ByNode


@dataclass(frozen=True, slots=True)
class ConfirmedShares:
    """Confirmation that a node opened its shares, but for those of some."""

    session: bytes
    round: int
    sender: int
    unreadable: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Partners:
    """With whom one node shares masks: neighbors that confirmed, each having opened the other's shares."""

    session: bytes
    round: int
    recipient: int
    partners: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class MaskedVector:
    """A node's vector under all its masks: (length,) uint64, which looks like random words."""

    session: bytes
    round: int
    sender: int
    vector: npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class RevealRequest:
    """Whose vectors arrived, and whose did not although others mask against theirs."""

    session: bytes
    round: int
    survivors: tuple[int, ...]
    dropped: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SignedSurvivors:
    """An Ed25519 signature of the survivors in a `RevealRequest`."""

    session: bytes
    round: int
    sender: int
    signature: bytes


@dataclass(frozen=True, slots=True)
class SurvivorShares:
    """Shares of one node in the secrets that take the masks off: for each other node, of one of its two."""

    session: bytes
    round: int
    sender: int
    self_mask: ByNode = field(repr=False)
    mask_key: ByNode = field(repr=False)


Message: TypeAlias = (
    AdvertisedKeys | EncryptedShares | ConfirmedShares | MaskedVector | SignedSurvivors | SurvivorShares
)
"""What a server receives."""

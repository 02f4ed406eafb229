"""Keys that two nodes share without the server: X25519, and HKDF with SHA-256 for one key per purpose.

Every key is bound to its purpose, the session, the round, both nodes and both public keys, so that none can be taken
for another (RFC 7748, section 6.1 and 7; RFC 5869, section 3.2).
"""

from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shoal_engine.errors import TamperedMessage
from shoal_engine.federated.secure.parameters import SecureParameters

KEY_BYTES: Final = 32
SHARE_COMMITMENT_BYTES: Final = 2 * KEY_BYTES


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key of X25519 and its public key, 32 bytes each; made for one round."""

    private: bytes = field(repr=False)
    public: bytes

    @classmethod
    def fresh(cls) -> "KeyPair":
        """Return a new pair from the operating system's secure source."""
        return cls.of_private(X25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def of_private(cls, private: bytes) -> "KeyPair":
        """Return the pair of a private key."""
        return cls(private, X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw())


def encryption_key(
    parameters: SecureParameters, own: KeyPair, peer_public: bytes, *, sender: int, recipient: int, peer: int
) -> bytes:
    """Return the key under which `sender` enciphers shares for `recipient`; `own` is the pair of whoever is not `peer`.

    Raises
    ------
    TamperedMessage
        The peer's public key is of low order: it would make a key that everyone knows.
    """
    info = parameters.context("share encryption", sender, recipient)
    publics = (peer_public, own.public) if peer == sender else (own.public, peer_public)
    return _agreed(own, peer_public, info + b"".join(publics), peer)


def pair_mask_key(parameters: SecureParameters, own: KeyPair, peer_public: bytes, *, node: int, peer: int) -> bytes:
    """Return the key of the mask that two nodes share; the same from either side.

    Raises
    ------
    TamperedMessage
        The peer's public key is of low order.

    Examples
    --------
    >>> parameters = SecureParameters(threshold=2, session=bytes(16), round=0, length=1)
    >>> first, second = KeyPair.fresh(), KeyPair.fresh()
    >>> key = pair_mask_key(parameters, first, second.public, node=0, peer=1)
    >>> key == pair_mask_key(parameters, second, first.public, node=1, peer=0)
    True
    """
    low_first = node < peer
    info = parameters.context("pair mask", min(node, peer), max(node, peer))
    publics = (own.public, peer_public) if low_first else (peer_public, own.public)
    return _agreed(own, peer_public, info + b"".join(publics), peer)


def is_usable(public: bytes) -> bool:
    """Whether a public key has 32 bytes and is not of low order."""
    try:
        X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:
        return False
    return True


def self_mask_key(parameters: SecureParameters, secret: bytes, *, node: int) -> bytes:
    """Return the key of a node's own mask."""
    return _derived(secret, parameters.context("self mask", node))


def commitment(parameters: SecureParameters, secret: bytes, *, node: int) -> bytes:
    """Return what binds a node to the secret of its own mask and says nothing about it: 32 bytes."""
    return _derived(secret, parameters.context("self mask commitment", node))


def share_commitment(
    parameters: SecureParameters, mask_key: bytes, self_mask: bytes, *, node: int, holder: int
) -> bytes:
    """Return what binds a node to the two shares that it gives one holder: `SHARE_COMMITMENT_BYTES`.

    Shares are uniform numbers of 256 bits, so their digests say nothing of them, nor of the secrets.
    """
    of_mask_key = _derived(mask_key, parameters.context("mask key share commitment", node, holder))
    return of_mask_key + _derived(self_mask, parameters.context("self mask share commitment", node, holder))


def is_committed(
    parameters: SecureParameters, share: bytes, bound: bytes, kind: int, *, node: int, holder: int
) -> bool:
    """Return whether a share, of the mask key (kind 0) or of the own mask (1), is the one that was committed to."""
    of_both = share_commitment(parameters, share, share, node=node, holder=holder)
    part = slice(kind * KEY_BYTES, (kind + 1) * KEY_BYTES)
    return of_both[part] == bound[part]


def _agreed(own: KeyPair, peer_public: bytes, info: bytes, peer: int) -> bytes:
    private = X25519PrivateKey.from_private_bytes(own.private)
    try:
        shared = private.exchange(X25519PublicKey.from_public_bytes(peer_public))
    except ValueError:
        msg = f"the public key of node {peer} is not one that a node makes; leave that node out"
        raise TamperedMessage(msg, node=peer) from None
    return _derived(shared, info)


def _derived(secret: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(secret)

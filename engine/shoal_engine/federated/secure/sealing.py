"""Shares on their way: AES-256-GCM, bound to session, round, sender and recipient.

A key serves one direction of one pair in one round and seals one message; the nonce is random all the same
(Dworkin 2007, NIST SP 800-38D, section 8.2.2).
"""

import os
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shoal_engine.errors import TamperedMessage
from shoal_engine.federated.secure.parameters import SecureParameters
from shoal_engine.federated.secure.secret_sharing import SHARE_BYTES

NONCE_BYTES: Final = 12


class HeldShares(NamedTuple):
    """Shares of one node in another's two secrets; it gives away one of them at most."""

    mask_key: bytes
    self_mask: bytes


def seal(parameters: SecureParameters, key: bytes, shares: HeldShares, *, sender: int, recipient: int) -> bytes:
    """Return shares enciphered: nonce, ciphertext, tag."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, b"".join(shares), _bound_to(parameters, sender, recipient))


def unseal(parameters: SecureParameters, key: bytes, sealed: bytes, *, sender: int, recipient: int) -> HeldShares:
    """Return the shares that `sender` sealed for `recipient` in this round.

    Raises
    ------
    TamperedMessage
        They were changed since the sender sealed them, or sealed for someone else, or for another session or round.
    """
    try:
        nonce, text = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        shares = AESGCM(key).decrypt(nonce, text, _bound_to(parameters, sender, recipient))
    except (InvalidTag, ValueError):
        shares = b""
    if len(shares) != 2 * SHARE_BYTES:
        msg = f"the shares of node {sender} for node {recipient} were changed on their way; go on without that node"
        raise TamperedMessage(msg, node=sender)
    return HeldShares(shares[:SHARE_BYTES], shares[SHARE_BYTES:])


def _bound_to(parameters: SecureParameters, sender: int, recipient: int) -> bytes:
    return parameters.context("sealed shares", sender, recipient)

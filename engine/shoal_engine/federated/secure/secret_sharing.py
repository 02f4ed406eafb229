"""Shamir's secret sharing: any `threshold` shares give the secret, fewer say nothing about it.

Written here because no well-kept library is at hand: `cryptography` has none, and the packages that do either share
128 bits, or are no longer looked after. It is a polynomial over a field of integers, with coefficients from the
operating system; what can go wrong are a point 0, which is the secret itself, and a point given twice. Both are
rejected. Python's integers take a time that depends on their values: who can measure a node's arithmetic can learn
of them, as of every secret in Python.

References
----------
Shamir (1979), How to share a secret, Communications of the ACM 22(11).

Shares on their way: AES-256-GCM, bound to session, round, sender and recipient.

A key serves one direction of one pair in one round and seals one message; the nonce is random all the same
(Dworkin 2007, NIST SP 800-38D, section 8.2.2).
"""

import os
import secrets
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shoal_engine.errors import SecureAggregationError, TamperedMessage, TooFewSurvivors
from shoal_engine.federated.secure.parameters import SecureParameters

PRIME: Final = 2**256 + 297
"""The least prime above 2**256, so that every secret of 32 bytes is a number of the field."""
SECRET_BYTES: Final = 32
SHARE_BYTES: Final = 33
NONCE_BYTES: Final = 12


def split(secret: bytes, threshold: int, points: Sequence[int]) -> dict[int, bytes]:
    """Return one share for each point; any `threshold` of them give the secret.

    Parameters
    ----------
    secret : bytes, 32
    threshold : int
        From 1 to as many as there are points.
    points : sequence of int
        Distinct, from 1 to `PRIME` - 1.

    Returns
    -------
    dict of int to bytes, 33
        By point.

    Raises
    ------
    SecureAggregationError
        A point is 0 or given twice, the secret is not of 32 bytes, or the threshold is out of range.

    Examples
    --------
    >>> shares = split(bytes(range(32)), 2, [1, 2, 3])
    >>> join({1: shares[1], 3: shares[3]}, 2) == bytes(range(32))
    True
    """
    if len(secret) != SECRET_BYTES:
        msg = f"a secret of {len(secret)} bytes was to be split; only {SECRET_BYTES} bytes can be"
        raise SecureAggregationError(msg)
    check_points(points, PRIME)
    if not 1 <= threshold <= len(points):
        msg = f"threshold={threshold} of {len(points)} shares; give from 1 to all of them"
        raise SecureAggregationError(msg)
    polynomial = [int.from_bytes(secret, "big"), *(secrets.randbelow(PRIME) for _ in range(threshold - 1))]
    return {x: evaluate(polynomial, x, PRIME).to_bytes(SHARE_BYTES, "big") for x in points}


def join(shares: Mapping[int, bytes], threshold: int, weights: Mapping[int, int] | None = None) -> bytes:
    """Return the secret of exactly `threshold` shares, by point.

    Parameters
    ----------
    shares : mapping of int to bytes
    threshold : int
    weights : mapping of int to int, optional
        `weights_at_zero` of these points, where many secrets have the same.

    Raises
    ------
    TooFewSurvivors
        There are fewer shares.
    SecureAggregationError
        There are more, or they are not shares of one secret of 32 bytes; often that shows only in the secret.
    """
    if len(shares) < threshold:
        msg = f"{len(shares)} shares were given, a secret opens with {threshold}; wait for more"
        raise TooFewSurvivors(msg, left=len(shares), threshold=threshold)
    if len(shares) > threshold:
        msg = f"{len(shares)} shares were given; choose {threshold} of them"
        raise SecureAggregationError(msg)
    weights = weights_at_zero(list(shares), PRIME) if weights is None else weights
    secret = sum(weights[x] * int.from_bytes(share, "big") for x, share in shares.items()) % PRIME
    if secret >> (8 * SECRET_BYTES):
        msg = "shares do not belong to one secret; at least one was changed"
        raise SecureAggregationError(msg)
    return secret.to_bytes(SECRET_BYTES, "big")


def evaluate(polynomial: Sequence[int], x: int, prime: int) -> int:
    """Return a polynomial's value at `x` modulo a prime; its coefficients rise from the constant."""
    value = 0
    for coefficient in reversed(polynomial):
        value = (value * x + coefficient) % prime
    return value


def weights_at_zero(points: Sequence[int], prime: int) -> dict[int, int]:
    """Return the weights with which values at the points add up to the value at 0 (Lagrange's formula).

    Raises
    ------
    SecureAggregationError
        A point is 0 modulo the prime, or given twice.
    """
    check_points(points, prime)
    weights: dict[int, int] = {}
    for x in points:
        above, below = 1, 1
        for other in points:
            if other != x:
                above = above * other % prime
                below = below * (other - x) % prime
        weights[x] = above * pow(below, -1, prime) % prime
    return weights


def check_points(points: Sequence[int], prime: int) -> None:
    """Refuse the point 0, which would be the secret, points beyond the field, and points given twice.

    Raises
    ------
    SecureAggregationError
    """
    if any(not 0 < x < prime for x in points):
        msg = "a share at point 0, or beyond the field, was asked for; points count from 1"
        raise SecureAggregationError(msg)
    if len(set(points)) < len(points):
        msg = "two shares have the same point; give each holder a point of its own"
        raise SecureAggregationError(msg)


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

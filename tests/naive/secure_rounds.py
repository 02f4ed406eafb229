"""Rounds of secure aggregation played in memory, and slow twins of what they are made of."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shoal_engine.federated.secure import Identity, SecureClient, SecureParameters, SecureServer
from shoal_engine.federated.secure.messages import (
    DeliveredShares,
    MaskedVector,
    Partners,
    RevealRequest,
    Roster,
    SignedSurvivors,
    Stage,
    SurvivorShares,
)

Vector = npt.NDArray[np.int64]
SESSION = bytes(range(16))


def parameters_of(threshold: int, *, length: int = 5, neighbors: int | None = None, signed: bool = False):
    return SecureParameters(threshold, SESSION, 3, length, neighbors, signed=signed)


def identities_of(nodes: Sequence[int]) -> dict[int, Identity]:
    private = {node: Ed25519PrivateKey.generate() for node in nodes}
    public = {node: key.public_key() for node, key in private.items()}
    return {node: Identity(key, public) for node, key in private.items()}


class Played:
    """One round whose nodes are lost at given stages; it stops where asked, to be looked at or meddled with."""

    def __init__(self, parameters: SecureParameters, vectors: Mapping[int, Vector]) -> None:
        self.parameters = parameters
        self.vectors = vectors
        self.server = SecureServer(parameters)
        identities = identities_of(list(vectors)) if parameters.signed else dict.fromkeys(vectors)
        self.identities = identities
        self.clients = {node: SecureClient(node, parameters, identity=identities[node]) for node in vectors}
        self.roster: Roster
        self.delivered: dict[int, DeliveredShares]
        self.partners: dict[int, Partners]
        self.masked: list[MaskedVector] = []
        self.request: RevealRequest
        self.signed: tuple[SignedSurvivors, ...] = ()
        self.revealed: list[SurvivorShares] = []

    def until(self, last: Stage, lost: Mapping[int, Stage] | None = None) -> "Played":
        """Play all stages before `last`; a node is not heard from the stage on at which it is lost."""
        lost = lost or {}

        def here(stage: Stage) -> list[int]:
            return [node for node in self.clients if lost.get(node, Stage.FINISHED) > stage]

        if last > Stage.ADVERTISE:
            for node in here(Stage.ADVERTISE):
                self.server.receive(self.clients[node].advertise())
            self.roster = self.server.roster()
        if last > Stage.SHARE:
            for node in here(Stage.SHARE):
                self.server.receive(self.clients[node].share(self.roster))
            self.delivered = self.server.deliver()
        if last > Stage.CONFIRM:
            for node in set(here(Stage.CONFIRM)) & self.delivered.keys():
                self.server.receive(self.clients[node].confirm(self.delivered[node]))
            self.partners = self.server.partners()
        if last > Stage.MASK:
            for node in set(here(Stage.MASK)) & self.partners.keys():
                self.masked.append(self.clients[node].mask(self.vectors[node], self.partners[node]))
                self.server.receive(self.masked[-1])
            self.request = self.server.reveal_request()
        if last > Stage.AGREE and self.parameters.signed:
            for node in set(here(Stage.AGREE)) & set(self.request.survivors):
                self.server.receive(self.clients[node].agree(self.request))
            self.signed = self.server.signatures()
        if last > Stage.REVEAL:
            able = {m.sender for m in self.signed} if self.parameters.signed else set(self.request.survivors)
            for node in set(here(Stage.REVEAL)) & able:
                self.revealed.append(self.clients[node].reveal(self.request, self.signed))
                self.server.receive(self.revealed[-1])
        return self

    def total(self, lost: Mapping[int, Stage] | None = None) -> Vector:
        self.until(Stage.FINISHED, lost)
        return self.server.total()


def wrapped_sum(vectors: Sequence[Vector]) -> list[int]:
    """Return sums of integers, brought into the range of int64 at the end."""
    sums = [sum(int(vector[i]) for vector in vectors) for i in range(len(vectors[0]))]
    return [(s + 2**63) % 2**64 - 2**63 for s in sums]


def interpolated_at_zero(shares: Mapping[int, int], prime: int) -> int:
    """Return the value at 0 of the polynomial through some points, by fractions brought into the field at the end."""
    total = 0
    for x, y in shares.items():
        weight = Fraction(1)
        for other in shares:
            if other != x:
                weight *= Fraction(-other, x - other)
        total += y * weight.numerator * pow(weight.denominator, -1, prime)
    return total % prime


def x25519(private: bytes, public: bytes) -> bytes:
    """Return Diffie and Hellman's shared secret on Curve25519 (RFC 7748, section 5, by affine arithmetic)."""
    p = 2**255 - 19
    k = int.from_bytes(private, "little") & ~7 & (2**254 - 1) | 2**254
    u = int.from_bytes(public, "little") % 2**255
    x2, z2, x3, z3 = 1, 0, u, 1
    for t in range(254, -1, -1):
        if k >> t & 1:
            x2, z2, x3, z3 = x3, z3, x2, z2
        # Double the first, add both.
        doubled = (x2 * x2 - z2 * z2) ** 2 % p, 4 * x2 * z2 * (x2 * x2 + 486662 * x2 * z2 + z2 * z2) % p
        added = (x2 * x3 - z2 * z3) ** 2 % p, u * (x2 * z3 - z2 * x3) ** 2 % p
        x2, z2, x3, z3 = *doubled, *added
        if k >> t & 1:
            x2, z2, x3, z3 = x3, z3, x2, z2
    return (x2 * pow(z2, -1, p) % p).to_bytes(32, "little")


def hkdf(secret: bytes, info: bytes) -> bytes:
    """Return the first 32 bytes of HKDF with SHA-256 and no salt (RFC 5869, section 2)."""
    extracted = hmac.digest(bytes(32), secret, hashlib.sha256)
    return hmac.digest(extracted, info + b"\x01", hashlib.sha256)


def is_prime(n: int, bases: Sequence[int]) -> bool:
    """Whether a number passes the test of Miller and Rabin for all bases."""
    odd, twos = n - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for base in bases:
        x = pow(base, odd, n)
        if x not in (1, n - 1) and all((x := x * x % n) != n - 1 for _ in range(twos - 1)):
            return False
    return True

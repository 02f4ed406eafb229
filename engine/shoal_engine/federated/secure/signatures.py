"""Signatures against a server that lies: about keys, and about who survived (Ed25519, RFC 8032).

They stand for the public-key infrastructure of Bonawitz et al. 2017, figure 4, and its round of consistency check.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from shoal_engine.errors import SecureAggregationError, TamperedMessage, TooFewSurvivors
from shoal_engine.federated.secure.messages import AdvertisedKeys, RevealRequest, SignedSurvivors
from shoal_engine.federated.secure.parameters import SecureParameters


@dataclass(frozen=True, slots=True)
class Identity:
    """A node's long-lived signing key, and the public keys of every node that may take part.

    The latter come from elsewhere than the server, and no two nodes may have the same.
    """

    private_key: Ed25519PrivateKey = field(repr=False)
    public_keys: Mapping[int, Ed25519PublicKey]

    def check(self, parameters: SecureParameters) -> None:
        """Refuse a threshold that is not over two thirds of all nodes that may take part.

        With fewer, a server that reports to some that a node survived and to others that it did not, with the help of
        less than a third of the nodes, opens both of its secrets (Bonawitz et al. 2017, section 6).

        Raises
        ------
        SecureAggregationError
        """
        n = len(self.public_keys)
        if not 2 * n < 3 * parameters.threshold <= 3 * n:
            msg = f"threshold={parameters.threshold} with {n} known nodes; signed rounds need {2 * n // 3 + 1} to {n}"
            raise SecureAggregationError(msg)

    def sign_keys(self, parameters: SecureParameters, node: int, encryption_key: bytes, mask_key: bytes) -> bytes:
        """Return a signature of a node's own keys."""
        return self.private_key.sign(_keys(parameters, node, encryption_key, mask_key))

    def check_keys(self, parameters: SecureParameters, keys: AdvertisedKeys) -> None:
        """Refuse keys that their node did not sign.

        Raises
        ------
        TamperedMessage
        """
        signed = _keys(parameters, keys.sender, keys.encryption_key, keys.mask_key)
        self._verify(keys.sender, keys.signature, signed)

    def sign_survivors(self, parameters: SecureParameters, request: RevealRequest) -> bytes:
        """Return a signature of who survived."""
        return self.private_key.sign(_survivors(parameters, request))

    def check_survivors(
        self, parameters: SecureParameters, request: RevealRequest, signatures: Iterable[SignedSurvivors]
    ) -> None:
        """Refuse to believe who survived unless enough of the survivors say the same.

        Raises
        ------
        TamperedMessage
            A signature is not of that list, or of nobody on it, or comes twice.
        TooFewSurvivors
        """
        signed, heard = _survivors(parameters, request), set[int]()
        for message in signatures:
            parameters.check(message)
            if message.sender not in request.survivors or message.sender in heard:
                msg = f"node {message.sender} is no survivor, or signed twice; stop here, the server may be lying"
                raise TamperedMessage(msg, node=message.sender)
            self._verify(message.sender, message.signature, signed)
            heard.add(message.sender)
        if len(heard) < parameters.threshold:
            msg = f"{len(heard)} survivors signed who they are, {parameters.threshold} must; reveal nothing"
            raise TooFewSurvivors(msg, left=len(heard), threshold=parameters.threshold)

    def _verify(self, node: int, signature: bytes, signed: bytes) -> None:
        try:
            self.public_keys[node].verify(signature, signed)
        except (KeyError, InvalidSignature):
            msg = f"what came in the name of node {node} is not signed by it; stop here, the server may be lying"
            raise TamperedMessage(msg, node=node) from None


def _keys(parameters: SecureParameters, node: int, encryption_key: bytes, mask_key: bytes) -> bytes:
    return parameters.context("advertised keys", node) + encryption_key + mask_key


def _survivors(parameters: SecureParameters, request: RevealRequest) -> bytes:
    return parameters.context("survivors", *sorted(request.survivors))

import tracemalloc

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from naive import secure_rounds as naive
from naive.secure_rounds import SESSION, parameters_of
from shoal_engine.errors import TamperedMessage
from shoal_engine.federated.secure import SecureParameters, key_agreement, secret_sharing
from shoal_engine.federated.secure.key_agreement import KeyPair
from shoal_engine.federated.secure.masks import BATCH, CHUNK_WORDS, Mask, apply_masks, pair_sign
from shoal_engine.federated.secure.secret_sharing import HeldShares

P = parameters_of(2)
A, B = KeyPair.of_private(bytes(range(32))), KeyPair.of_private(bytes(range(100, 132)))
NINE = (9).to_bytes(32, "little")
SHARES = HeldShares(bytes(range(33)), bytes(range(50, 83)))


def info(label: bytes, *nodes: int) -> bytes:
    """Written out by hand: protocol, label and session each after their length, round, how many nodes, nodes."""
    head = b"\x1ashoal/secure-aggregation/1" + bytes([len(label)]) + label + b"\x10" + SESSION
    return head + b"".join(n.to_bytes(8, "big") for n in (3, len(nodes), *nodes))


def test_x25519__naive_knows_the_answer_of_the_rfc() -> None:
    """RFC 7748, section 5.2: one iteration from the base point."""
    known = "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079"
    assert naive.x25519(NINE, NINE).hex() == known


def test_hkdf__naive_knows_the_answer_of_the_rfc() -> None:
    """RFC 5869, appendix A.3: no salt, no info."""
    known = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
    assert naive.hkdf(b"\x0b" * 22, b"").hex() == known


def test_keys__by_independent_computation() -> None:
    assert A.public == naive.x25519(A.private, NINE)
    shared = naive.x25519(A.private, B.public)
    mask = naive.hkdf(shared, info(b"pair mask", 4, 9) + A.public + B.public)
    assert key_agreement.pair_mask_key(P, A, B.public, node=4, peer=9) == mask
    assert key_agreement.pair_mask_key(P, B, A.public, node=9, peer=4) == mask
    sealing_key = naive.hkdf(shared, info(b"share encryption", 9, 4) + B.public + A.public)
    assert key_agreement.encryption_key(P, A, B.public, sender=9, recipient=4, peer=9) == sealing_key
    assert key_agreement.encryption_key(P, B, A.public, sender=9, recipient=4, peer=4) == sealing_key
    secret = bytes(range(32))
    assert key_agreement.self_mask_key(P, secret, node=4) == naive.hkdf(secret, info(b"self mask", 4))
    assert key_agreement.commitment(P, secret, node=4) == naive.hkdf(secret, info(b"self mask commitment", 4))


def test_keys__every_purpose_round_session_and_pair_has_its_own() -> None:
    others = [P, SecureParameters(2, SESSION, 4, 5), SecureParameters(2, SESSION + b"x", 3, 5)]
    found = list[bytes]()
    for p in others:
        found += [key_agreement.pair_mask_key(p, A, B.public, node=u, peer=v) for u, v in ((0, 1), (1, 2))]
        found += [
            key_agreement.encryption_key(p, A, B.public, sender=u, recipient=v, peer=1) for u, v in ((0, 1), (1, 0))
        ]
        found += [key_agreement.self_mask_key(p, A.private, node=u) for u in (0, 1)]
        found += [key_agreement.commitment(p, A.private, node=u) for u in (0, 1)]
    assert len(set(found)) == len(found) == 24


@given(st.lists(st.integers(0, 2**63 - 1), max_size=3), st.lists(st.integers(0, 2**63 - 1), max_size=3))
def test_context__differs_for_other_nodes(first: list[int], second: list[int]) -> None:
    assert (P.context("x", *first) == P.context("x", *second)) == (first == second)


def test_keys__low_order_is_told() -> None:
    with pytest.raises(TamperedMessage) as raised:
        key_agreement.pair_mask_key(P, A, bytes(32), node=0, peer=7)
    assert raised.value.node == 7
    assert not key_agreement.is_usable(bytes(32))
    assert not key_agreement.is_usable(bytes(31))
    assert key_agreement.is_usable(A.public)


def test_repr__shows_no_private_key() -> None:
    assert repr(A.private) not in repr(A)


def words_of(key: bytes, n: int) -> list[int]:
    """Counter mode by hand: each counter enciphered alone, words from the low byte up."""
    encryptor = Cipher(algorithms.AES256(key), modes.ECB()).encryptor()
    blocks = b"".join(encryptor.update(i.to_bytes(16, "big")) for i in range(-(-n // 2)))
    return [int.from_bytes(blocks[8 * i : 8 * i + 8], "little") for i in range(n)]


@pytest.mark.parametrize("n", [1, 2, 3, CHUNK_WORDS, CHUNK_WORDS + 1, 2 * CHUNK_WORDS + 7])
def test_apply_masks__by_independent_computation(n: int) -> None:
    vector = np.arange(n, dtype=np.uint64)
    apply_masks(vector, [Mask(A.private, 1), Mask(B.private, -1)])
    added, taken = words_of(A.private, n), words_of(B.private, n)
    expected = [(i + added[i] - taken[i]) % 2**64 for i in range(n)]
    assert vector.tolist() == expected


def test_apply_masks__more_than_a_batch_cancel() -> None:
    keys = [bytes([i]) * 32 for i in range(BATCH + 3)]
    vector = np.full(11, 2**64 - 1, np.uint64)
    apply_masks(vector, (Mask(key, 1) for key in keys))
    assert vector.tolist() != [2**64 - 1] * 11
    apply_masks(vector, (Mask(key, -1) for key in reversed(keys)))
    assert vector.tolist() == [2**64 - 1] * 11


def test_apply_masks__memory_does_not_grow_with_masks() -> None:
    vector = np.zeros(4 * CHUNK_WORDS, np.uint64)
    tracemalloc.start()
    apply_masks(vector, (Mask(bytes([i]) * 32, 1) for i in range(100)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 * CHUNK_WORDS


def test_pair_sign__is_opposite_on_the_other_side() -> None:
    assert pair_sign(1, 2) == -pair_sign(2, 1)


def test_unseal__gives_what_was_sealed() -> None:
    sealed = secret_sharing.seal(P, A.private, SHARES, sender=1, recipient=2)
    assert secret_sharing.unseal(P, A.private, sealed, sender=1, recipient=2) == SHARES
    assert sealed != secret_sharing.seal(P, A.private, SHARES, sender=1, recipient=2)


@pytest.mark.parametrize("bit", [0, 8 * 12, 8 * 50, 8 * 94 - 1])
def test_unseal__one_bit_flipped(bit: int) -> None:
    sealed = bytearray(secret_sharing.seal(P, A.private, SHARES, sender=1, recipient=2))
    assert len(sealed) == 94
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(TamperedMessage) as raised:
        secret_sharing.unseal(P, A.private, bytes(sealed), sender=1, recipient=2)
    assert raised.value.node == 1


@pytest.mark.parametrize("length", [0, 11, 12, 93])
def test_unseal__cut_short(length: int) -> None:
    sealed = secret_sharing.seal(P, A.private, SHARES, sender=1, recipient=2)
    with pytest.raises(TamperedMessage):
        secret_sharing.unseal(P, A.private, sealed[:length], sender=1, recipient=2)


@pytest.mark.parametrize(
    ("p", "sender", "recipient"),
    [(P, 2, 1), (P, 1, 3), (SecureParameters(2, SESSION, 4, 5), 1, 2), (SecureParameters(2, bytes(16), 3, 5), 1, 2)],
)
def test_unseal__bound_to_session_round_sender_and_recipient(p: SecureParameters, sender: int, recipient: int) -> None:
    sealed = secret_sharing.seal(P, A.private, SHARES, sender=1, recipient=2)
    with pytest.raises(TamperedMessage):
        secret_sharing.unseal(p, A.private, sealed, sender=sender, recipient=recipient)

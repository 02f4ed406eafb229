import hashlib
import hmac
from pathlib import Path

import pyarrow as pa
import pytest

from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.anonymity.policy.roles import Identifier, QuasiIdentifier
from shoal_engine.anonymity.release.pseudonyms import load_key, pseudonyms
from shoal_engine.errors import PolicyError

KEY = b"0123456789abcdef"


def loaded(role: Identifier, folder: Path) -> bytes:
    policy = Policy(k=2, identifiers={"id": role}, quasi_identifiers={"a": QuasiIdentifier()}, folder=str(folder))
    return load_key(policy, "id", role)


def test_pseudonyms__are_hmac_sha_256_of_the_text() -> None:
    expected = [hmac.new(KEY, text, hashlib.sha256).hexdigest()[:32] for text in (b"7", b"8")]
    assert pseudonyms(pa.array([7, 8]), KEY).to_pylist() == expected


def test_load_key__from_environment_and_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOAL_TEST_KEY", KEY.decode())
    (tmp_path / "key").write_bytes(KEY)
    assert loaded(Identifier(action="pseudonym", key_env="SHOAL_TEST_KEY"), tmp_path) == KEY
    assert loaded(Identifier(action="pseudonym", key_file="key"), tmp_path) == KEY


def test_load_key__missing_or_short_is_refused_without_telling_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOAL_TEST_KEY", "c4n4ry")
    for role in (
        Identifier(action="pseudonym", key_env="SHOAL_TEST_KEY"),
        Identifier(action="pseudonym", key_env="SHOAL_NO_KEY"),
        Identifier(action="pseudonym", key_file="none"),
    ):
        with pytest.raises(PolicyError, match="'id'") as caught:
            loaded(role, tmp_path)
        assert "c4n4ry" not in str(caught.value)


def test_pseudonyms__one_number_has_one() -> None:
    from decimal import Decimal

    key = b"0" * 32
    written = [
        pa.array([30, 123456789012, 0]),
        pa.array([30.0, 123456789012.0, -0.0]),
        pa.array([Decimal("30.00"), Decimal("123456789012.00"), Decimal("0.00")]),
        pa.array(["30", "123456789012", "0"]),
        pa.array([30, 123456789012, 0], pa.uint64()),
    ]
    expected = pseudonyms(written[0], key)
    assert all(pseudonyms(values, key).equals(expected) for values in written)
    assert pseudonyms(pa.array([2.5]), key).equals(pseudonyms(pa.array([Decimal("2.50")]), key))
    # Texts are what they are.
    assert len(set(pseudonyms(pa.array(["30", "030", "30.0"]), key).to_pylist())) == 3

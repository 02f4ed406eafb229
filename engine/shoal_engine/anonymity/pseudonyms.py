"""Keyed pseudonyms: an identifier becomes HMAC-SHA-256 of its text, the same for the same person and key."""

import hmac
import os

import pyarrow as pa
import pyarrow.compute as pc

from shoal_engine.anonymity.policy import Policy
from shoal_engine.anonymity.roles import Identifier
from shoal_engine.anonymity.value_texts import is_number, number_texts
from shoal_engine.errors import PolicyError

MIN_KEY_BYTES = 16
"""A shorter key could be guessed, and every pseudonym with it."""
_DIGITS = 32


def load_key(policy: Policy, column: str, role: Identifier) -> bytes:
    """Read the key of a pseudonym from its file or environment variable.

    Raises
    ------
    PolicyError
        The key is missing, unreadable or shorter than 16 bytes. The message never holds the key.
    """
    if role.key_env is not None:
        key, place = os.environ.get(role.key_env, "").encode(), f"environment variable {role.key_env}"
    else:
        file = policy.locate(role.key_file or "")
        place = f"key file {str(file)!r}"
        try:
            key = file.read_bytes()
        except OSError as error:
            msg = f"the pseudonym of {column!r} needs its key, and {place} cannot be read: {error.strerror}"
            raise PolicyError(msg) from None
    if len(key) < MIN_KEY_BYTES:
        msg = (
            f"the pseudonym of {column!r} needs a key of at least {MIN_KEY_BYTES} bytes in {place}; "
            "make one with `head -c 32 /dev/urandom`"
        )
        raise PolicyError(msg)
    return key


def pseudonyms(values: pa.Array, key: bytes) -> pa.StringArray:
    """Return the pseudonym of each value.

    HMAC (Bellare, Canetti, Krawczyk 1996) with SHA-256, cut to 128 bits and written as 32 hexadecimal digits:
    without the key nobody can recompute it from a list of candidates. One number has one pseudonym, whether it is an
    integer, a float or a decimal: 30, 30.0 and 30.00; as text, 30 has the same, 030 and 30.00 are other texts.

    Parameters
    ----------
    values : pa.Array
        Without null.
    key : bytes
    """
    texts = number_texts(values) if is_number(values.type) else pc.cast(values, pa.string()).to_pylist()
    known = [text for text in texts if text is not None]
    return pa.array([hmac.digest(key, text.encode(), "sha256").hex()[:_DIGITS] for text in known], pa.string())

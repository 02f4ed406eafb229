"""Keyed pseudonyms: an identifier becomes HMAC-SHA-256 of its text, the same for the same person and key."""

import hmac
import os
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.anonymity.policy.roles import Identifier
from shoal_engine.errors import PolicyError
from shoal_engine.tables.value_texts import is_number, number_texts

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
    return pa.array([_digits(key, text) for text in texts_of(values)], pa.string())


def pseudonyms_by_class(
    values: pa.Array,
    value: npt.NDArray[np.integer],
    classes: Sequence[bytes],
    of_class: npt.NDArray[np.integer],
    key: bytes,
) -> pa.StringArray:
    """Return the pseudonym of a value in a class, for pairs of both.

    Each class has a key of its own: HMAC with SHA-512, which no pseudonym is, of what the class states under `key`.
    Without `key` nobody can know whether pseudonyms of two classes stand for the same value.

    Parameters
    ----------
    values : pa.Array
        Without null.
    value : (n,) integers
        Place in `values`.
    classes : sequence of bytes
        What each class states, in its released columns.
    of_class : (n,) integers
        Place in `classes`.
    key : bytes
    """
    texts = texts_of(values)
    keys = [hmac.digest(key, stated, "sha512") for stated in classes]
    found = [_digits(keys[c], texts[v]) for v, c in zip(value.tolist(), of_class.tolist(), strict=True)]
    return pa.array(found, pa.string())


def texts_of(values: pa.Array) -> list[str]:
    """Return the text of each value, of which its pseudonym is made."""
    texts = number_texts(values) if is_number(values.type) else pc.cast(values, pa.string()).to_pylist()
    return [text for text in texts if text is not None]


def _digits(key: bytes, text: str) -> str:
    return hmac.digest(key, text.encode(), "sha256").hex()[:_DIGITS]

"""Names of internal columns that cannot collide with the user's columns."""

import secrets

_OF_THIS_PROCESS = secrets.token_hex(16)


def internal(name: str) -> str:
    """Return a column name that no table has: it contains 128 random bits drawn once per process."""
    return f"{name} {_OF_THIS_PROCESS}"

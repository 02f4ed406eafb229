"""Names of columns that code adds to people's tables: none of them can be the name of a column of theirs."""

import secrets

_OF_THIS_PROCESS = secrets.token_hex(16)


def internal(name: str) -> str:
    """Return a column name that no table has, as it holds 128 bits that were drawn when this process began."""
    return f"{name} {_OF_THIS_PROCESS}"

"""How much memory a run may take: as declared, or a share of what the machine or its control group has."""

import os
import re
from pathlib import Path

from shoal_engine.errors import InputError

SHARE = 0.5
"""Share of the memory there is that a run takes unasked."""
LEAST = 256 << 20
"""Bytes below which no table is anonymized."""
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_TEXT = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)
_GROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def memory_limit(declared: str | int | None) -> int:
    """Return a limit in bytes.

    Parameters
    ----------
    declared : str or int, optional
        Bytes, or a number with a unit of 1024: ``"4GiB"``, ``"4G"`` and ``"4096MiB"`` are the same. Default: `SHARE` of
        the memory of the machine, or of its control group where that has less.

    Raises
    ------
    InputError
        It is not a number with a unit, or less than `LEAST`.

    Examples
    --------
    >>> memory_limit("4GiB") == memory_limit("4096 MB") == 4 << 30
    True
    """
    if declared is None:
        return max(LEAST, int(SHARE * machine_memory()))
    if isinstance(declared, str):
        found = _TEXT.fullmatch(declared.strip())
        if found is None:
            msg = f"memory is a number with a unit, such as '4GiB' or '512MiB', not {declared!r}"
            raise InputError(msg)
        declared = int(float(found[1]) * _UNITS[found[2].lower()])
    if declared < LEAST:
        msg = f"memory of {shown(declared)} is asked for, and no table is read in less than {shown(LEAST)}"
        raise InputError(msg)
    return declared


def machine_memory() -> int:
    """Return the bytes that this process can have; those of a machine with 4 GiB where the system does not say."""
    try:
        found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        found = 4 << 30
    for path in _GROUP_LIMITS:
        try:
            text = Path(path).read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text.isdigit():
            found = min(found, int(text))
    return found


def shown(n_bytes: int) -> str:
    """Return bytes for people.

    Examples
    --------
    >>> shown(4 << 30), shown(300 << 20)
    ('4 GiB', '300 MiB')
    """
    if n_bytes >= 1 << 30:
        return f"{n_bytes / (1 << 30):.3g} GiB"
    return f"{-(-n_bytes // (1 << 20))} MiB"

"""Levels of texts that lose characters from one side."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shoal_engine.anonymity.hierarchies.levels import Level, leaves_of, level_of, with_root
from shoal_engine.anonymity.policy.hierarchies import Redaction
from shoal_engine.errors import HierarchyError

MAX_LEAVES = 2**62
"""More do not fit where leaves are counted."""


class _Kept(NamedTuple):
    """What is left of texts at one level.

    Attributes
    ----------
    text : (n,) strings
        Characters that are left.
    padding : (n,) int64
        Places beside them that the text is too short for.
    """

    text: pa.StringArray
    padding: pa.Array


def redaction_levels(redaction: Redaction, values: pa.Array, column: str) -> list[Level]:
    """Return all levels of a redaction.

    Texts are flush at one side, in as many places as the longest has. At a level that keeps c places, texts
    fall together that are equal there. So 123 joins 12345 at ``123**``. Without declared `keep`, every number
    of places down to 1 is a level.

    Parameters
    ----------
    redaction : Redaction
    values : pa.Array
        Distinct values; they are redacted as text.
    column : str
        For messages.

    Raises
    ------
    HierarchyError
        A text is longer than declared, or the alphabet is too small or too large to count with.
    """
    text = pc.cast(values, pa.string())
    length = pc.utf8_length(text)
    longest = pc.max(length).as_py() or 0
    places = redaction.length or longest
    if longest > places:
        msg = f"hierarchy of `{column}` has `length` = {places}, and the column holds longer texts; raise it"
        raise HierarchyError(msg)
    if redaction.alphabet is not None and redaction.alphabet**places > MAX_LEAVES:
        msg = f"hierarchy of `{column}` has an `alphabet` with more than 2**62 texts of {places} places; leave it out"
        raise HierarchyError(msg)
    keeps = [keep for keep in redaction.keep or range(places - 1, 0, -1) if keep < places]
    levels = [leaves_of(values), *(_level(redaction, text, length, places, keep) for keep in keeps)]
    if redaction.alphabet is None:
        return with_root(levels, len(values))
    for level in levels:
        if (np.bincount(level.node, minlength=len(level.leaves)) > level.leaves).any():
            msg = f"hierarchy of `{column}` has an `alphabet` of fewer characters than the column holds; raise it"
            raise HierarchyError(msg)
    return with_root(levels, redaction.alphabet**places)


def _level(redaction: Redaction, text: pa.StringArray, length: pa.Array, places: int, keep: int) -> Level:
    """Return the level that keeps `keep` of all `places`."""
    kept = _kept(redaction, text, length, places, keep)
    # The number of places without character keeps a short text apart from a longer one that reads the same.
    key = pc.binary_join_element_wise(pc.cast(kept.padding, pa.string()), kept.text, ":")
    mask = redaction.mask * (places - keep)
    right = redaction.redact == "right"
    flush_with_kept_side = redaction.align != redaction.redact
    whole = np.zeros(len(text), bool)
    if redaction.pad is None:
        if flush_with_kept_side:
            whole = kept.padding.to_numpy(zero_copy_only=False) > 0
        parts = (kept.text, mask)
    else:
        pad = pc.binary_repeat(redaction.pad, kept.padding)
        parts = (kept.text, pad, mask) if flush_with_kept_side else (pad, kept.text, mask)
    label = pc.binary_join_element_wise(*(parts if right else parts[::-1]), "")
    level = level_of(key, pc.if_else(pa.array(whole), text, label))
    if redaction.alphabet is None:
        return level
    _, first = np.unique(level.node, return_index=True)
    leaves = np.where(whole[first], 1, redaction.alphabet ** (places - keep))
    return level._replace(leaves=leaves.astype(np.int64))


def _kept(redaction: Redaction, text: pa.StringArray, length: pa.Array, places: int, keep: int) -> _Kept:
    """Return what is left where `keep` of all `places` are."""
    lost = places - keep
    right = redaction.redact == "right"
    if redaction.align != redaction.redact:
        # Flush at the side that is kept: a short text has its padding where characters get lost first.
        kept = pc.utf8_slice_codeunits(text, 0, keep) if right else pc.utf8_slice_codeunits(text, -keep)
        return _Kept(kept, pc.max_element_wise(pc.subtract(keep, length), 0))
    kept = pc.utf8_slice_codeunits(text, 0, -lost) if right else pc.utf8_slice_codeunits(text, lost)
    return _Kept(kept, pc.min_element_wise(pc.subtract(places, length), keep))

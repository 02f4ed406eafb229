"""Draft policy in commented TOML, written from a profile."""

from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl
import tomli_w

from shoal.profile.columns import Evidence
from shoal.profile.declarations import Proposal, described
from shoal.profile.rules import Verdict
from shoal_engine.declarations import FileFormat

_SECTIONS = {
    "identifier": "Names a person: dropped. Keyed pseudonyms: action = 'pseudonym', key_env = 'SHOAL_KEY'.",
    "quasi_identifier": "With others it may point at a person: generalized.",
    "sensitive": "What nobody should learn about a person: kept, and bound by its models.",
    "undecided": "Nobody has decided on these, and nothing is released before somebody does. For each, write\n"
    "# quasi_identifier for undecided if others may know its values, identifier if they lead to one person,\n"
    "# sensitive if they are what nobody may learn, insensitive if nobody can know them; and delete its proposal.",
}
_HEADER = """\
# A guess at a policy. Every line of it is for a person to check: the guess knows names and shapes of
# columns, and not what others know. A column that is not named here is dropped.
"""
_NO_K = """\
# k: how many rows every class holds at least. There is no default: it depends on who will see the release
# and on what they know. Choose it, and remove the mark at the start of the line:
# k = 10
"""
_DECLARED = """\
# How texts are read. What is not declared stays text where it does not survive the way to a number or date and back.
"""
_KINDS = {"integer": "number", "float": "number", "date": "date", "datetime": "date"}
_PEOPLE = ("name: a person", "values: names of people", "values: e-mail addresses inside", "values: phone numbers")
_UNIT = """\
# Values of this identifier repeat: k rows may be one person. So its values are counted, and not rows.
# Remove the line if equal values are different people; name another column if a household is the unit.
"""
_MODELS = """\
# models = [{ kind = "distinct", l = 3 }]
"""
_NO_QUASI = """\
# No quasi-identifier was found, and a policy needs one. Name what others may know of a person, for example:
# [quasi_identifier.age]
"""


def write(
    classified: Sequence[tuple[Evidence, Verdict]],
    k: int | None,
    proposals: Sequence[Proposal] = (),
    file: FileFormat | None = None,
) -> str:
    """Return a draft policy as commented TOML, without any cell value.

    Parameters
    ----------
    classified : sequence of (Evidence, Verdict)
        Every column of the table.
    k : int or None
        Minimum number of rows of every class; None leaves it commented out, and the text is not yet a policy.
    proposals : sequence of Proposal
        Proposed declarations of text columns; commented out if in doubt.
    file : FileFormat, optional
        Encoding and separator of the delimited file.
    """
    parts = [_HEADER, _NO_K if k is None else tomli_w.dumps({"k": k})]
    types = {one.column: one.fields["type"] for one in proposals if one.is_sure}
    units = [tomli_w.dumps({"unit": seen.name}) for seen in _units(classified)]
    if units:
        parts.append("".join([_UNIT, units[0], *(f"# {other}" for other in units[1:])]))
    for section, meaning in _SECTIONS.items():
        mine = [(seen, verdict) for seen, verdict in classified if verdict.role == section]
        if mine:
            parts.append(f"# {meaning}\n")
        elif section == "quasi_identifier":
            parts.append(_NO_QUASI)
        parts.extend(_column(seen, verdict, types.get(seen.name, "")) for seen, verdict in mine)
    parts.extend(_declarations(proposals, file))
    return "\n".join(parts)


def _declarations(proposals: Sequence[Proposal], file: FileFormat | None) -> Iterator[str]:
    """Yield the sections that declare how texts are read; commented out if in doubt."""
    written = {name: getattr(file, name) for name in ("encoding", "separator") if getattr(file, name, None)}
    if proposals or written:
        yield _DECLARED
    if written:
        yield tomli_w.dumps({"file": written})
    for one in proposals:
        if one.column:
            lines = tomli_w.dumps({"column": {one.column: one.fields}})
            comment = f"# {described(one)}\n"
            yield comment + (lines if one.is_sure else "".join(f"# {line}\n" for line in lines.splitlines()))


def _units(classified: Sequence[tuple[Evidence, Verdict]]) -> list[Evidence]:
    """Return candidates for the privacy unit: identifiers whose values repeat, keys first, then names.

    A null could be anybody, so a column with nulls is not a candidate.
    """
    able = [
        (seen, verdict.reason)
        for seen, verdict in classified
        if verdict.role == "identifier" and seen.name and not seen.nulls and 1 < seen.distinct < seen.values
    ]
    keys = [seen for seen, reason in able if reason == "name: a key" or seen.register is not None]
    names = [seen for seen, reason in able if reason in _PEOPLE and seen not in keys]
    return [one for some in (keys, names) for one in sorted(some, key=lambda seen: -seen.distinct)]


def _column(seen: Evidence, verdict: Verdict, declared: str) -> str:
    """Return the lines of one column."""
    if not seen.name:
        return "# A column without a name is left out, and so dropped: name it to keep it.\n"
    lines = tomli_w.dumps({verdict.role: {seen.name: _entries(seen, verdict, declared)}})
    statistics = ""
    if seen.separation is not None and seen.distinctness is not None:
        statistics = f"; {_share(seen.distinctness)} distinct, {_share(seen.separation)} of row pairs differ"
    comment = f"# {verdict.reason}{statistics}{f'; {_share(seen.nulls)} nulls' if seen.nulls else ''}\n"
    return comment + lines + (_MODELS if verdict.role == "sensitive" else "")


def _share(share: float) -> str:
    """Return a share in percent without decimals, never rounded to 0 or 100."""
    if 0.0 < share < 0.01:
        return "under 1%"
    return "over 99%" if 0.99 < share < 1.0 else f"{share:.0%}"


def _entries(seen: Evidence, verdict: Verdict, declared: str) -> dict[str, Any]:
    """Return the entries of a column in the policy, other than its role."""
    if verdict.role == "undecided":
        return {"proposal": verdict.proposal}
    if verdict.role != "quasi_identifier":
        return {}
    entries: dict[str, Any] = {}
    if declared in _KINDS:
        entries["kind"] = _KINDS[declared]
    elif verdict.hint == "zip":
        entries["hierarchy"] = {"kind": "prefix"}
    elif verdict.hint == "date":
        entries["kind"] = "date"
    elif verdict.hint == "date_text":
        entries["hierarchy"] = {"kind": "prefix", "keep": [7, 4]}
    elif seen.dtype.is_numeric():
        entries["kind"] = "number"
    elif seen.is_text or seen.dtype == pl.Boolean:
        entries["kind"] = "category"
    if seen.nulls:
        entries["nulls"] = "generalize"
    return entries

"""What can still be learned from a release, by the three criteria of WP216: counted in it, and as attacks measured.

The result of an attack is the JSON of `shoal attack`, or JSON with a part ``wp216``, which maps criteria (singling-out,
linkability, inference) to a sentence each; ``output_sha256``, if it is there, has to be the digest of the release.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from shoal.report.attack_sentences import Sentence, sentences_of
from shoal.report.certified import Certified
from shoal.report.facts import LearnedRow
from shoal.report.figures import count, share
from shoal_engine.errors import InputError
from shoal_engine.finding import Finding

Attack: TypeAlias = str | Path | Mapping[str, Any]
NOT_MEASURED = "not measured"
CRITERIA = {"singling-out": "Singling out", "linkability": "Linkability", "inference": "Inference"}
_OF_FINDING = {
    "kept-unique": "singling-out",
    "kept-unique-with-quasi-identifiers": "singling-out",
    "sensitive-unique": "singling-out",
    "one-sensitive-value": "inference",
    "kept-determines-quasi-identifier": "inference",
}


def measured_by(attacks: Sequence[Attack], of: Certified) -> dict[str, list[str]]:
    """Return the sentences of attacks by criterion.

    Raises
    ------
    InputError
        A result cannot be read, names no criterion, or is of another release.
    """
    found: dict[str, list[str]] = {criterion: [] for criterion in CRITERIA}
    for given in attacks:
        document = _read(given)
        sentences = _sentences(document)
        digest = document.get("output_sha256")
        if digest is not None and digest != of.digest("output"):
            msg = "the attack was run on another release than the certificate's; attack the certified release"
            raise InputError(msg)
        for criterion, sentence in sentences:
            found[criterion].append(sentence)
    return found


def _sentences(document: Mapping[str, Any]) -> list[Sentence]:
    """Return the sentences of a result, each with its criterion."""
    stated = document.get("wp216")
    if isinstance(stated, Mapping) and stated and stated.keys() <= CRITERIA.keys():
        return [(criterion, str(sentence)) for criterion, sentence in stated.items()]
    try:
        found = sentences_of(document)
    except (KeyError, TypeError, ValueError, AttributeError, AssertionError):
        found = []
    if not found:
        msg = (
            "this is not the result of an attack; give the JSON that `shoal attack` wrote, or a part wp216 with a "
            f"sentence for some of {', '.join(CRITERIA)}"
        )
        raise InputError(msg)
    return found


def _read(given: Attack) -> Mapping[str, Any]:
    """Return the result of an attack, given as its file or its content."""
    if isinstance(given, Mapping):
        return given
    try:
        return msgspec.json.decode(Path(given).read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError, UnicodeError):
        msg = f"{str(given)!r} is not the result of an attack; give the JSON that `shoal attack` wrote"
        raise InputError(msg) from None


def learned_rows(of: Certified, measured: Mapping[str, Sequence[str]]) -> Iterator[LearnedRow]:
    """Yield what the release states and what attacks measured of each criterion."""
    stated = {"singling-out": _unique(of), "linkability": _linked(of), "inference": list(_inferred(of))}
    for finding in of.findings:
        criterion = _OF_FINDING.get(finding.code)
        if criterion is not None:
            stated[criterion].append(_text(finding))
    for criterion, name in CRITERIA.items():
        yield LearnedRow(name, " ".join(stated[criterion]), " ".join(measured.get(criterion, ())) or NOT_MEASURED)


def _text(finding: Finding) -> str:
    """Return the text of a finding, and whether it was accepted."""
    return finding.text if finding.accepted is None else f"{finding.text} (Accepted.)"


def _unique(of: Certified) -> list[str]:
    """Return how many rows are unique in the quasi-identifiers."""
    rows, k = of.report.unique_rows, of.policy.k
    if not rows:
        return ["No row is unique in the quasi-identifiers."]
    return [f"{count(rows).text if rows >= k else f'Fewer than {k}'} rows are unique in the quasi-identifiers."]


def _linked(of: Certified) -> list[str]:
    """Return the probability to link a known person to a row of this release alone."""
    risk = of.report.risk
    return [
        f"Whoever knows the quasi-identifiers of a person finds the row with probability of at most "
        f"{share(risk.highest, 2).text}, {share(risk.average, 2).text} on average, from this release alone."
    ]


def _inferred(of: Certified) -> Iterator[str]:
    """Yield the fewest distinct values of each sensitive column in a class."""
    sensitive = of.document["figures"].get("sensitive")
    if not isinstance(sensitive, Mapping) or not sensitive:
        yield "The policy names no sensitive column."
        return
    for name, reach in sensitive.items():
        l = reach.get("l_distinct") if isinstance(reach, Mapping) else None
        if isinstance(l, int):
            yield f"Every class has at least {l:,} distinct value{'' if l == 1 else 's'} of {name}."

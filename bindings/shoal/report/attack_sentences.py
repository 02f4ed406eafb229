"""Results of attacks in sentences by criterion of WP216; each kind of result is known by its fields.

A share that counts few people is null in a result, and is printed as too few to be shown.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from shoal.report.figures import share
from shoal_engine.wording import columns_text

Sentence: TypeAlias = tuple[str, str]
"""Criterion and sentence."""
_FEW = "too few to be shown"
_CERTAIN = "0.5"


def sentences_of(result: Mapping[str, Any]) -> list[Sentence]:
    """Return the sentences of a result; empty if its kind is not known.

    Raises
    ------
    KeyError, TypeError, ValueError
        A field of a known kind is missing or of another type.

    Examples
    --------
    >>> sentences_of({"advantage": 0.5, "best_advantage": 0.6})[0][1]
    'Membership: whether a person is in the release is found with an advantage of 50.0 %, 60.0 % at best.'
    """
    for fields, read in _KINDS:
        if fields <= result.keys():
            return list(read(result))
    return []


def _linkage(result: Mapping[str, Any]) -> Iterator[Sentence]:
    """Yield what linkage with a register found."""
    answers, raw, held_out = (result.get(name) for name in ("answers", "raw", "held_out"))
    assert answers is not None
    found = "the right record" if result["right_record_known"] else "the most probable row"
    mean, highest = (max(answers[how][which] for how in ("even", "weighted")) for which in ("mean", "highest"))
    text = (
        f"Linkage: {answers['people']:,} people were looked for by {columns_text(result['columns'])}; {found} has "
        f"probability {share(mean, 2).text} on average and at most {share(highest, 2).text}"
    )
    if raw is not None:
        text += f", before the release {share(max(raw['even']['mean'], raw['weighted']['mean']), 2).text} on average"
    if held_out is not None:
        text += f"; {_share(held_out['empty'])} of people who are not in it were found nowhere"
    yield "linkability", f"{text}."
    if answers.get("wrong") is not None:
        yield "linkability", f"{_share(answers['wrong'])} of people were looked for in classes that are not theirs."
    over = [answers[how]["over"].get(_CERTAIN, 0.0) for how in ("even", "weighted")]
    above = None if None in over else max(over)
    yield "singling-out", f"Linkage: for {_share(above)} of people, {found} has a probability above 50 %."
    for name, learned in answers.get("sensitive", {}).items():
        yield "inference", _learned(name, learned)
    if result.get("intersection") is not None:
        yield from _intersection(result["intersection"])


def _learned(name: str, learned: Mapping[str, Any]) -> str:
    """Return what linkage learns of a sensitive column."""
    alone = f"{_share(learned['homogeneous'])} of people have one possible value."
    if learned.get("own_base") is not None:
        guessed, base = (_share(learned[field]) for field in ("guessed", "guessed_base"))
        return f"Linkage: {name} is guessed right for {guessed} of people, {base} by the most frequent value; {alone}"
    top, base = (_share(learned[field]) for field in ("top", "top_base"))
    return f"Linkage: the most probable {name} has probability {top} on average, {base} without the attack; {alone}"


def _intersection(result: Mapping[str, Any]) -> Iterator[Sentence]:
    """Yield what two releases show together."""
    means = ((result[name]["mean"], result[f"{name}_weighted"]["mean"]) for name in ("first", "second", "both"))
    first, second, both = (share(max(mean), 2).text for mean in means)
    yield (
        "linkability",
        f"Intersection of two releases: a record is found with probability {both} on average, {first} and {second} in "
        f"each alone; {_share(result['pinned'])} of people have one candidate left.",
    )


def _membership(result: Mapping[str, Any]) -> Iterator[Sentence]:
    """Yield whether a person's presence shows."""
    yield (
        "inference",
        f"Membership: whether a person is in the release is found with an advantage of {_share(result['advantage'])}, "
        f"{_share(result['best_advantage'])} at best.",
    )


def _rows(result: Mapping[str, Any]) -> Iterator[Sentence]:
    """Yield the success of an attack on rows of plain values."""
    name = str(result["attack"])
    kind = name.replace("_", "-").replace(" ", "-").lower()
    criterion = next((one for one in ("singling-out", "linkability") if one in kind), "inference")
    risk = result["risk"]
    value, low, high = (_share(risk[part]) for part in ("value", "low", "high"))
    level, guesses = _share(result["confidence"]), _share(result["baseline"]["share"])
    title = f"{name[:1].upper()}{name[1:].replace('_', ' ')}"
    yield (
        criterion,
        f"{title}: risk {value} ({low} to {high} at {level} confidence); naive guesses succeed in {guesses}.",
    )


def _attribution(result: Mapping[str, Any]) -> Iterator[Sentence]:
    """Yield how often a released row attributes the right secret."""
    found = result["original"]
    nearest, base = _share(found["nearest"]), _share(found["baseline"])
    yield "inference", f"Attribution: a released row has the right secret with probability {nearest}; {base} by chance."


def _share(number: float | None) -> str:
    """Return a share in percent; null counts too few people."""
    if number is None:
        return _FEW
    return share(float(number)).text if number else "0 %"


_KINDS: tuple[tuple[frozenset[str], Callable[[Mapping[str, Any]], Iterator[Sentence]]], ...] = (
    (frozenset({"answers", "prosecutor", "right_record_known"}), _linkage),
    (frozenset({"first", "second", "both", "both_weighted", "pinned"}), _intersection),
    (frozenset({"advantage", "best_advantage"}), _membership),
    (frozenset({"attack", "success", "baseline", "risk"}), _rows),
    (frozenset({"original", "confidence"}), _attribution),
)

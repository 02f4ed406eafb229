"""Rules that guess the role of a column from its values, then its name; in doubt a person decides."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import polars as pl

from shoal.profile.columns import Evidence
from shoal.profile.shapes import DATES

Role = Literal["identifier", "quasi_identifier", "sensitive", "undecided"]
Proposal = Literal["identifier", "quasi_identifier"]
Hint = Literal["", "zip", "date", "date_text"]

_MOSTLY = 0.8
_NEARLY_ALL = 0.95
_FREE_TEXT_LENGTH = 40
_FEW_ROWS = 20
"""With fewer values, distinctness is not informative."""
_CODES = 60
"""At most this many distinct values, each frequent, are a code and not a key."""
_OFTEN = 20
_DECIDE = "decide"

IDENTIFYING_SHAPES = {
    "email": "e-mail addresses",
    "user_name": "user names",
    "uuid": "UUIDs",
    "ssn": "social security numbers",
    "nino": "national insurance numbers",
    "iban": "IBANs",
    "card": "card numbers with a valid check digit",
    "ip": "IP addresses",
    "ipv6": "IPv6 addresses",
    "mac": "hardware addresses",
    "vehicle": "vehicle identification numbers",
}
_NAMES = frozenset({"name", "first_name", "surname"})
_KEYS = frozenset({"id_number", "patient_number", "insurance_number", "account"})
_REACH = frozenset({"address", "phone", "email"})
_KNOWN_FACTS = {
    "birth_date": "date of birth",
    "age": "age",
    "sex": "sex",
    "coordinates": "coordinates",
    "postcode": "postcode",
    "city": "place",
    "region": "region",
    "country": "country",
    "nationality": "nationality",
    "marital_status": "marital status",
    "family": "family",
    "ethnicity": "origin",
    "occupation": "occupation",
    "education": "education",
    "body": "body",
    "visit_date": "visit",
}
_STRONGER_THAN_SENSITIVE = frozenset({"age", "birth_date", "postcode", "city", "region", "coordinates", "visit_date"})
_SENSITIVE = frozenset({"health", "medication", "income", "religion", "belief", "result"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """Guessed role of a column, with its reason, a proposal if undecided, and a hint for the policy."""

    role: Role
    reason: str
    proposal: Proposal | None = None
    hint: Hint = ""


def classify(seen: Evidence) -> Verdict:
    """Return the guessed role of a column; undecided with a proposal if no rule fits without doubt."""
    if seen.values == 0:
        return _doubt("quasi_identifier", "only nulls")
    if seen.distinctness is None or seen.dtype == pl.Binary:
        return Verdict("identifier", "type cannot be generalized")
    for rule in _RULES:
        verdict = rule(seen)
        if verdict is not None:
            return verdict
    return _doubt(by_distinctness(seen), f"no rule fits: {_DECIDE}")


def classify_all(columns: Sequence[Evidence]) -> list[Verdict]:
    """Return the guessed roles of all columns; two adjacent columns may be coordinates together."""
    verdicts = [classify(seen) for seen in columns]
    for left, (one, two) in enumerate(pairwise(columns)):
        if "undecided" == verdicts[left].role == verdicts[left + 1].role and (
            _may_be_point(one, two) or _may_be_point(two, one)
        ):
            for place in (left, left + 1):
                reason = f"may be coordinates: {_DECIDE}"
                verdicts[place] = replace(verdicts[place], reason=reason, proposal="quasi_identifier")
    return verdicts


def by_distinctness(seen: Evidence) -> Proposal:
    """Return the proposal for a column that no rule fits: identifier if hardly a value repeats."""
    return "identifier" if is_nearly_distinct(seen) and not _is_measure(seen) else "quasi_identifier"


def is_nearly_distinct(seen: Evidence) -> bool:
    """Return whether nearly all values are distinct."""
    return seen.values >= _FEW_ROWS and seen.distinct >= _NEARLY_ALL * seen.values


def contradicts_name(seen: Evidence) -> bool:
    """Return whether values cannot be the identifier that the column's name suggests."""
    if seen.distinct < 1 or seen.distinctness is None:
        return False
    return _by_two_values(seen) is not None


def _doubt(proposal: Proposal, reason: str) -> Verdict:
    return Verdict("undecided", reason, proposal)


def _is_constant(seen: Evidence) -> bool:
    """Return whether all rows, at least two, have the same value."""
    return seen.distinct == 1 and seen.rows > 1 and not seen.nulls


def _is_measure(seen: Evidence) -> bool:
    """Return whether values are quantities, which may be distinct without being keys."""
    return (seen.dtype.is_numeric() and not seen.whole) or seen.has("fraction") or "amount" in seen.concepts


def _by_identifying_shape(seen: Evidence) -> Verdict | None:
    """Classify values that identify or reach one person by design."""
    if seen.has(*DATES):
        return None
    for shape, what in IDENTIFYING_SHAPES.items():
        if seen.has(shape):
            return Verdict("identifier", f"values: {what}")
    if seen.register is not None:
        return Verdict("identifier", f"values: {seen.register}")
    if seen.shapes.get("email_inside", 0.0) > 0.0:
        return Verdict("identifier", "values: e-mail addresses inside")
    if seen.phones and (seen.is_text or "phone" in seen.concepts):
        return Verdict("identifier", "values: phone numbers")
    if seen.is_text and seen.has("phone") and "phone" not in seen.concepts:
        return _doubt("identifier", f"may be phone numbers: {_DECIDE}")
    if seen.has("url"):
        return Verdict("identifier", "values: web addresses")
    return None


def _by_moment(seen: Evidence) -> Verdict | None:
    """Classify dates and times, typed or as text."""
    if _is_constant(seen):
        return None
    what = "birth date" if "birth_date" in seen.concepts else "values: dates"
    if seen.dtype == pl.Date or isinstance(seen.dtype, pl.Datetime):
        return Verdict("quasi_identifier", what, hint="date")
    if seen.dtype.is_temporal():
        return Verdict("quasi_identifier", "values: times")
    if seen.has("date") and seen.is_text:
        return Verdict("quasi_identifier", f"{what} as text", hint="date_text")
    if seen.has(*DATES):
        return Verdict("quasi_identifier", f"{what} as text" if seen.is_text else what)
    if seen.has("month", "month_named", "week", "time"):
        return Verdict("quasi_identifier", "values: times")
    return None


def _by_place(seen: Evidence) -> Verdict | None:
    """Classify coordinates written as text."""
    if _is_constant(seen):
        return None
    if seen.has("point", "geometry", "degrees", "plus_code"):
        return Verdict("identifier" if is_nearly_distinct(seen) else "quasi_identifier", "values: coordinates")
    return None


def _by_constant(seen: Evidence) -> Verdict | None:
    """Leave a column with one distinct value to a person."""
    if _is_constant(seen):
        return _doubt("quasi_identifier", f"one value only: {_DECIDE}")
    return None


def _by_two_values(seen: Evidence) -> Verdict | None:
    """Classify columns of two values: never identifiers, even if the name suggests it."""
    flags = seen.known.get("yes_no", 0.0) == 1.0 or (seen.whole and seen.low == 0.0 and seen.high == 1.0)
    letters = seen.is_text and seen.length == 1.0 and seen.values > seen.distinct
    if seen.distinct > 2 or not (flags or letters or seen.dtype == pl.Boolean or seen.values >= _FEW_ROWS):
        return None
    concepts = seen.concepts
    if concepts & (_SENSITIVE | _KNOWN_FACTS.keys()) and not concepts & {"question", "rating"}:
        return None
    if concepts & (_NAMES | _KEYS | _REACH | {"question", "rating", "notes", "thing"}):
        return _doubt("quasi_identifier", f"two values: {_DECIDE}")
    return None


def _by_known_values(seen: Evidence) -> Verdict | None:
    """Classify values that are words for sexes, marital states, countries or months."""
    if seen.distinct < 2:
        return None
    for concept, what in (("sex", "sexes"), ("marital_status", "marital states"), ("months", "months")):
        if seen.known.get(concept, 0.0) >= _NEARLY_ALL and (concept != "sex" or seen.length > 1.0):
            return Verdict("quasi_identifier", f"values: {what}")
    if seen.known.get("countries", 0.0) >= _MOSTLY and seen.known.get("yes_no", 0.0) < _MOSTLY and seen.distinct > 2:
        return Verdict("quasi_identifier", "values: countries")
    return None


def _by_rating(seen: Evidence) -> Verdict | None:
    """Leave ratings (small integers) and possible pay to a person."""
    concepts = seen.concepts
    small = seen.whole and seen.low is not None and seen.high is not None and seen.low >= 0 and seen.high <= 10
    if "rating" in concepts and small:
        return _doubt("quasi_identifier", f"a rating: {_DECIDE}")
    if "pay_rate" in concepts:
        return _doubt("quasi_identifier", f"may be pay: {_DECIDE}")
    return None


def _by_sensitive_name(seen: Evidence) -> Verdict | None:
    """Classify columns with the names of private facts."""
    concepts = seen.concepts
    if not concepts & _SENSITIVE or concepts & _STRONGER_THAN_SENSITIVE:
        return None
    if concepts & _KEYS and is_nearly_distinct(seen):
        return None
    numeric = seen.dtype.is_numeric() or seen.has("fraction")
    if seen.is_text and not numeric and seen.values >= _FEW_ROWS and seen.distinct * 2 > seen.values:
        return _doubt("identifier", f"private, but free text: {_DECIDE}")
    if numeric and seen.values >= _FEW_ROWS and seen.distinct * 2 > seen.values:
        return _doubt("quasi_identifier", f"private, but exact: {_DECIDE}")
    if numeric and concepts & {"belief", "result"}:
        return _doubt("quasi_identifier", f"may be private: {_DECIDE}")
    return Verdict("sensitive", "name: private")


def _by_identifier_name(seen: Evidence) -> Verdict | None:
    """Classify columns named like persons, contacts or keys; undecided if the values do not match the name."""
    concepts = seen.concepts
    facts = concepts & _KNOWN_FACTS.keys()
    asked = concepts & (_NAMES | _REACH | _KEYS)
    if asked == frozenset({"name"}) and (facts or "thing" in concepts):
        asked = frozenset()
    if asked <= _KEYS and facts & {"postcode", "age", "birth_date", "coordinates"} and not is_nearly_distinct(seen):
        asked = frozenset()
    if not asked:
        return None
    if _fits(seen, asked):
        person = asked & (_NAMES | _REACH)
        return Verdict("identifier", "name: a person" if person else "name: a key")
    proposal = "identifier" if seen.distinct >= 0.2 * seen.values and seen.values >= _FEW_ROWS else "quasi_identifier"
    return _doubt(proposal, f"name and values differ: {_DECIDE}")


def _fits(seen: Evidence, asked: frozenset[str]) -> bool:
    """Return whether values can be the identifier that the name suggests."""
    fraction = seen.has("fraction") or (seen.dtype.is_numeric() and not seen.whole)
    if fraction or seen.dtype == pl.Boolean or seen.dtype.is_temporal():
        return False
    coded = seen.distinct <= _CODES and seen.values >= _OFTEN * max(seen.distinct, 1)
    about = bool(seen.concepts & {"thing", "question", "rating"})
    if "phone" in asked and (seen.numbered >= 0.5 or seen.phones):
        return True
    if "phone" in asked:
        return False
    if asked & _NAMES and not about:
        return (seen.is_text and seen.length > 1.0) or is_nearly_distinct(seen)
    if "address" in asked and not about:
        return (seen.is_text and seen.length > 3.0 and not coded) or is_nearly_distinct(seen)
    if "email" in asked:
        return is_nearly_distinct(seen) and not about
    return is_nearly_distinct(seen) or not (coded or about)


def _by_postcode(seen: Evidence) -> Verdict | None:
    """Classify postcodes: by name, or by the shape of nearly all texts."""
    hint: Hint = "zip" if seen.is_text else ""
    if "postcode" in seen.concepts:
        return Verdict("quasi_identifier", "name: postcode", hint=hint)
    if seen.is_text and seen.has("zip", "postcode", least=_NEARLY_ALL):
        return Verdict("quasi_identifier", "values: postcodes", hint=hint)
    return None


def _by_known_fact(seen: Evidence) -> Verdict | None:
    """Classify columns with names of facts that neighbors, colleagues and registers know."""
    concepts = seen.concepts
    facts = [concept for concept in _KNOWN_FACTS if concept in concepts]
    if not facts:
        return None
    if "rating" in concepts or (concepts & {"question", "thing", "amount"} and facts == ["occupation"]):
        return _doubt(by_distinctness(seen), f"no rule fits: {_DECIDE}")
    if seen.is_text and is_nearly_distinct(seen) and seen.length > _FREE_TEXT_LENGTH:
        return Verdict("identifier", "values: free text")
    return Verdict("quasi_identifier", f"name: {_KNOWN_FACTS[facts[0]]}")


def _by_content(seen: Evidence) -> Verdict | None:
    """Classify by values alone: names of people, free text, and values that hardly repeat."""
    notes = "notes" in seen.concepts
    if seen.is_text and seen.has("person") and seen.distinct > seen.values * 0.05:
        return Verdict("identifier", "values: names of people")
    if seen.is_text and seen.distinct * 2 > seen.values and (seen.length > _FREE_TEXT_LENGTH or notes):
        return Verdict("identifier", "values: free text")
    if notes and seen.is_text:
        return _doubt("identifier", f"name: free text: {_DECIDE}")
    if seen.is_text and seen.has("plate") and seen.distinct > seen.values * 0.05:
        return Verdict("identifier", "values: number plates")
    if (seen.is_text or seen.dtype.is_integer()) and not _is_measure(seen) and is_nearly_distinct(seen):
        return Verdict("identifier", "values: nearly all distinct")
    if is_nearly_distinct(seen):
        return _doubt("quasi_identifier", f"nearly all distinct: {_DECIDE}")
    return None


def _may_be_point(latitude: Evidence, longitude: Evidence) -> bool:
    """Return whether two columns of floats can be latitude and longitude."""
    ends = (latitude.low, latitude.high, longitude.low, longitude.high)
    if min(latitude.fine, longitude.fine) < _MOSTLY or any(end is None for end in ends):
        return False
    south, north, west, east = (end or 0.0 for end in ends)
    return -90 <= south < north <= 90 and -180 <= west < east <= 180 and max(abs(south), abs(north)) > 1


_RULES: tuple[Callable[[Evidence], Verdict | None], ...] = (
    _by_identifying_shape,
    _by_moment,
    _by_place,
    _by_constant,
    _by_two_values,
    _by_known_values,
    _by_rating,
    _by_sensitive_name,
    _by_identifier_name,
    _by_postcode,
    _by_known_fact,
    _by_content,
)
"""Rules in order of priority; the first that returns a verdict decides."""

"""Patterns for each paragraph of 45 CFR 164.514(b)(2)(i)."""

import re

from shoal.profile.vocabulary import concepts_of, words_of


def _words(*alternatives: str) -> re.Pattern[str]:
    """Return the pattern of any of these words in a name with underscores around words."""
    return re.compile("_(" + "|".join(alternatives) + ")(?=_)")


RESTRICTED_ZIP3 = [
    *["036", "059", "063", "102", "203", "556", "692", "790", "821"],
    *["823", "830", "831", "878", "879", "884", "890", "893"],
]
"""Areas of 20,000 people or fewer by the census of 2000, as the guidance of 2012 lists them."""

BY_SHAPE = {
    "email": ("e-mail addresses", "(F)", 0.01),
    "email_inside": ("e-mail addresses", "(F)", 0.01),
    "ssn": ("social security numbers", "(G)", 0.01),
    "ip": ("IP addresses", "(O)", 0.01),
    "ipv6": ("IP addresses", "(O)", 0.01),
    "mac": ("device identifiers", "(M)", 0.01),
    "date": ("dates", "(C)", 0.01),
    "date_other": ("dates", "(C)", 0.01),
    "date_named": ("dates", "(C)", 0.01),
    "month": ("dates", "(C)", 0.1),
    "month_named": ("dates", "(C)", 0.1),
    "week": ("dates", "(C)", 0.1),
    "date_digits": ("dates", "(C)", 0.8),
    "phone": ("telephone or fax numbers", "(D)/(E)", 0.1),
    "iban": ("account numbers", "(J)", 0.1),
    "card": ("account numbers", "(J)", 0.8),
    "vehicle": ("vehicle identifiers", "(L)", 0.8),
    "url": ("web addresses", "(N)", 0.01),
    "uuid": ("other unique numbers or codes", "(R)", 0.8),
    "point": ("geography", "(B)", 0.1),
    "geometry": ("geography", "(B)", 0.01),
    "degrees": ("geography", "(B)", 0.1),
    "zip": ("geography", "(B)", 0.95),
    "person": ("names", "(A)", 0.8),
}
"""Identifier and paragraph of each shape in `shapes.SHAPES`, and the minimum share of values for a finding.

One percent is more than an accident, except for shapes that other values also have.
"""

_BY_NAME = [
    (_words("street|city|town|county|district|municipality|lat|lon"), "geography", "(B)"),
    (_words("fax|telefax"), "fax numbers", "(E)"),
    (_words("ssn|social_security"), "social security numbers", "(G)"),
    (_words("mrn|medical_record"), "medical record numbers", "(H)"),
    (_words("beneficiary|member_id"), "health plan numbers", "(I)"),
    (_words("licen[cs]e|passport|certificate"), "certificate or license numbers", "(K)"),
    (_words("vin|number_?plate|vehicle"), "vehicle identifiers", "(L)"),
    (_words("serial|device"), "device identifiers", "(M)"),
    (_words("url|website|homepage"), "web addresses", "(N)"),
    (_words("ip|ip_address"), "IP addresses", "(O)"),
    (_words("fingerprint|voice|biometric|retina"), "biometric identifiers", "(P)"),
    (_words("photo|image|portrait"), "photographs", "(Q)"),
]
_BY_CONCEPT = {
    "name": ("names", "(A)"),
    "first_name": ("names", "(A)"),
    "surname": ("names", "(A)"),
    "address": ("geography", "(B)"),
    "city": ("geography", "(B)"),
    "coordinates": ("geography", "(B)"),
    "birth_date": ("dates", "(C)"),
    "phone": ("telephone numbers", "(D)"),
    "email": ("e-mail addresses", "(F)"),
    "patient_number": ("medical record numbers", "(H)"),
    "insurance_number": ("health plan numbers", "(I)"),
    "account": ("account numbers", "(J)"),
    "id_number": ("other unique numbers or codes", "(R)"),
}


def by_name(name: str) -> list[tuple[str, str]]:
    """Return the identifiers and paragraphs that a column's name suggests, in any known language."""
    key = "_" + "_".join(words_of(name)) + "_"
    found = [(identifier, paragraph) for pattern, identifier, paragraph in _BY_NAME if pattern.search(key)]
    concepts = concepts_of(name)
    if "thing" not in concepts:
        found += [finding for concept, finding in _BY_CONCEPT.items() if concept in concepts]
    if ("geography", "(B)") in found:
        found = [finding for finding in found if finding != ("names", "(A)") or concepts & {"first_name", "surname"}]
    if ("fax numbers", "(E)") in found:
        found = [finding for finding in found if finding[1] != "(D)"]
    return found

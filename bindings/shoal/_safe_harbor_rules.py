"""Which pattern points at which paragraph of 45 CFR 164.514(b)(2)(i)."""

from shoal import _look_patterns as patterns

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
    "date": ("dates", "(C)", 0.01),
    "date_other": ("dates", "(C)", 0.01),
    "phone": ("telephone or fax numbers", "(D)/(E)", 0.1),
    "iban": ("account numbers", "(J)", 0.1),
    "card": ("account numbers", "(J)", 0.8),
    "url": ("web addresses", "(N)", 0.01),
    "zip": ("geography", "(B)", 0.95),
    "person": ("names", "(A)", 0.8),
}
"""Identifier and paragraph of each shape in `_look_patterns.SHAPES`, and the least share of values that tells.

One in a hundred is more than an accident, but for shapes that other values have too.
"""

BY_NAME = [
    (patterns.words("(?:first|last|full|fore|sur|family|given|maiden|nick)_?name", "name"), "names", "(A)"),
    (patterns.words("address|street|city|town|county|district|municipality|lat|lon"), "geography", "(B)"),
    (patterns.NAME_BIRTH, "dates", "(C)"),
    (patterns.words("(?:tele)?phone(?:_?n[ro]|_?number)?|mobile|tel|cell"), "telephone numbers", "(D)"),
    (patterns.words("fax"), "fax numbers", "(E)"),
    (patterns.words("e_?mail|mail"), "e-mail addresses", "(F)"),
    (patterns.words("ssn|social_security"), "social security numbers", "(G)"),
    (patterns.words("mrn|medical_record"), "medical record numbers", "(H)"),
    (patterns.words("beneficiary|member_id|insurance_(?:id|number)"), "health plan numbers", "(I)"),
    (patterns.words("iban|credit_?card|card|account(?:_?n[ro]|_?number)?"), "account numbers", "(J)"),
    (patterns.words("licen[cs]e|passport|certificate"), "certificate or license numbers", "(K)"),
    (patterns.words("vin|number_?plate|vehicle"), "vehicle identifiers", "(L)"),
    (patterns.words("serial|device"), "device identifiers", "(M)"),
    (patterns.words("url|website|homepage"), "web addresses", "(N)"),
    (patterns.words("ip|ip_address"), "IP addresses", "(O)"),
    (patterns.words("fingerprint|voice|biometric|retina"), "biometric identifiers", "(P)"),
    (patterns.words("photo|image|portrait"), "photographs", "(Q)"),
    (patterns.NAME_KEY, "other unique numbers or codes", "(R)"),
]
"""Words of a name, identifier and paragraph; the first of a paragraph counts."""

"""Telephone and national numbers, detected by their validation rules."""

import importlib
from collections.abc import Callable, Sequence
from typing import Any

SAMPLE = 60
"""Maximum number of values that are checked."""
_MOST = 0.8
_FEW = 5
"""With fewer values, all of them have to pass."""
_REGIONS = (
    *("DE", "FR", "GB", "ES", "IT", "PL", "NL", "BE", "AT", "CH", "SE", "DK", "NO", "FI", "PT", "IE", "CZ", "SK"),
    *("HU", "RO", "BG", "GR", "HR", "SI", "EE", "LV", "LT", "IS", "LU", "MT", "CY", "TR", "UA", "RU", "RS"),
    *("US", "BR", "MX", "IN", "JP", "AU"),
)
"""Regions tried for numbers without a country code; Canada's numbers have the rules of the United States."""
_RULES: dict[str, str] = {
    "nl.bsn": "Dutch citizen service numbers (BSN)",
    "fr.nir": "French social security numbers (NIR)",
    "es.dni": "Spanish identity numbers (DNI)",
    "es.nie": "Spanish numbers of foreigners (NIE)",
    "it.codicefiscale": "Italian tax codes (codice fiscale)",
    "pl.pesel": "Polish personal numbers (PESEL)",
    "dk.cpr": "Danish personal numbers (CPR)",
    "se.personnummer": "Swedish personal numbers",
    "no.fodselsnummer": "Norwegian birth numbers",
    "fi.hetu": "Finnish personal identity codes",
    "is_.kennitala": "Icelandic personal numbers",
    "gb.nhs": "NHS numbers",
    "de.idnr": "German tax numbers (Steuer-ID)",
    "at.vnr": "Austrian social insurance numbers",
    "be.nn": "Belgian national numbers",
    "ch.ssn": "Swiss social security numbers",
    "pt.cc": "Portuguese identity numbers",
    "pt.nif": "Portuguese tax numbers",
    "cz.rc": "Czech and Slovak birth numbers",
    "ro.cnp": "Romanian personal numeric codes (CNP)",
    "bg.egn": "Bulgarian personal numbers (EGN)",
    "gr.amka": "Greek social security numbers (AMKA)",
    "hr.oib": "Croatian personal numbers (OIB)",
    "si.emso": "Slovenian and Serbian master citizen numbers",
    "hu.anum": "Hungarian tax numbers",
    "ie.pps": "Irish PPS numbers",
    "ee.ik": "Estonian personal codes",
    "lt.asmens": "Lithuanian personal codes",
    "lv.pvn": "Latvian personal codes",
    "tr.tckimlik": "Turkish identity numbers",
    "ua.rntrc": "Ukrainian taxpayer numbers",
    "ru.inn": "Russian taxpayer numbers (INN)",
    "br.cpf": "Brazilian taxpayer numbers (CPF)",
    "mx.curp": "Mexican registry numbers (CURP)",
    "ca.sin": "Canadian social insurance numbers",
    "au.tfn": "Australian tax file numbers",
    "in_.aadhaar": "Aadhaar numbers",
    "cn.ric": "Chinese resident identity numbers",
    "kr.rrn": "Korean resident registration numbers",
    "il.idnr": "Israeli identity numbers",
    "za.idnr": "South African identity numbers",
    "cl.rut": "Chilean numbers (RUT)",
    "imei": "IMEI numbers of telephones",
    "eu.vat": "VAT numbers",
}
"""Module of python-stdnum, and name of its numbers."""


def national_number(values: Sequence[str]) -> str | None:
    """Return the kind of national number that nearly all values pass as, or None.

    Parameters
    ----------
    values : sequence of str
        Distinct values; at most `SAMPLE` are checked, and none is kept.

    Examples
    --------
    >>> national_number(["44051401359", "02070803628"])
    'Polish personal numbers (PESEL)'
    """
    some = _some(values)
    if sum(value.isascii() for value in some) < _least(len(some)):
        return None
    for module, what in _RULES.items():
        if _passes(some, importlib.import_module(f"stdnum.{module}").is_valid):
            return what
    return None


def is_phone(values: Sequence[str]) -> bool:
    """Return whether nearly all values are valid telephone numbers, international or of one region.

    Examples
    --------
    >>> is_phone(["+49 30 123456", "+33 1 42 68 53 00"]), is_phone(["1-2-3", "4-5-6"])
    (True, False)
    """
    import phonenumbers

    def valid(value: str, region: str | None) -> bool:
        try:
            return phonenumbers.is_valid_number(phonenumbers.parse(value, region))
        except phonenumbers.NumberParseException:
            return False

    some = _some(values)
    spelled = ["+" + value[2:] if value.startswith("00") else value for value in some]
    abroad = [value for value in spelled if value.lstrip("(").startswith("+")]
    at_home = [value for value in spelled if not value.lstrip("(").startswith("+")]
    passed = sum(valid(value, None) for value in abroad)
    least = _least(len(some))
    if passed + len(at_home) < least:
        return False
    if not at_home:
        return True
    return any(passed + sum(valid(value, region) for value in at_home) >= least for region in _REGIONS)


def _some(values: Sequence[str]) -> list[str]:
    """Return at most `SAMPLE` evenly spread values."""
    return list(values[:: max(1, -(-len(values) // SAMPLE))])


def _least(n: int) -> int:
    """Return the number of values out of `n` that have to pass."""
    return n if n < _FEW else -(-int(n * _MOST * 100) // 100)


def _passes(values: Sequence[str], rule: Callable[[str], Any]) -> bool:
    """Return whether enough values pass a rule; stops as soon as too many fail."""
    least, failed = _least(len(values)), 0
    for value in values:
        failed += not (value.isascii() and rule(value))
        if len(values) - failed < least:
            return False
    return bool(values)

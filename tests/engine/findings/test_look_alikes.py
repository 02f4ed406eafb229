"""Values that a reader takes for one."""

import pytest

from shoal_engine.findings.look_alikes import as_read, look_alike_findings


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("HIV", "HIV "),
        ("HIV", "hiv"),
        ("Café", "Cafe\u0301"),
        ("a b", "a  b"),
        ("a b", "a\u00a0b"),
        ("Straße", "STRASSE"),
        ("１２", "12"),
        ("ﬁn", "fin"),
    ],
)
def test_look_alikes__text(one: str, other: str) -> None:
    assert as_read(one) == as_read(other)
    (found,) = look_alike_findings("dx", {one: 1, other: 2, "flu": 7})
    assert (found.code, found.severity, found.columns) == ("look-alike-values", "medium", ("dx",))
    assert found.share == pytest.approx(0.3)
    assert one not in found.text + found.remedy


@pytest.mark.parametrize(("one", "other"), [("1", "1.0"), ("1", "01"), ("2.50", "2.5"), ("-0", "0"), ("1e3", "1000")])
def test_look_alikes__numbers_are_a_note(one: str, other: str) -> None:
    (found,) = look_alike_findings("dx", {one: 1, other: 1, "flu": 8})
    assert (found.severity, found.share) == ("note", pytest.approx(0.2))


def test_look_alikes__other_values_are_none() -> None:
    assert look_alike_findings("dx", {"flu": 1, "cold": 1, "": 1, "1": 1, "10": 1, "1e999999999": 1, "nan": 1}) == []

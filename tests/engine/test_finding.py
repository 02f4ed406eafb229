"""Findings, the codes they have, and how a policy accepts them."""

import pytest

from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.anonymity.policy.roles import Identifier, QuasiIdentifier, Undecided
from shoal_engine.errors import PolicyError
from shoal_engine.finding import CODES, Finding, accept_findings, open_findings

AGE = {"age": QuasiIdentifier()}


def a_finding(code: str = "kept-unique", severity: str = "high") -> Finding:
    return Finding(code=code, severity=severity, text="t", remedy="r")  # type: ignore[arg-type]


def test_codes__are_kebab_case_with_a_meaning() -> None:
    for code, meaning in CODES.items():
        assert code == code.lower().replace("_", "-").replace(" ", "-")
        assert meaning


def test_finding__of_unknown_code_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no finding `kept-uniqe`.*kept-unique"):
        a_finding("kept-uniqe")


def test_accept_findings__by_code() -> None:
    found = [a_finding(), a_finding("one-sensitive-value"), a_finding("sensitive-unique", "note")]
    accepted = accept_findings(found, {"kept-unique": "published anyway"})
    assert [finding.accepted for finding in accepted] == ["published anyway", None, None]
    assert [finding.code for finding in open_findings(accepted)] == ["one-sensitive-value"]


def test_policy__accept_and_undecided_survive_toml() -> None:
    policy = Policy(
        k=2,
        quasi_identifiers=AGE,
        undecided={"cost": Undecided(proposal="sensitive"), "x": Undecided()},
        accept={"kept-unique": "public"},
    )
    assert Policy.from_toml(policy.to_toml()) == policy
    assert policy.columns["x"] == Undecided()


@pytest.mark.parametrize(
    ("accept", "message"),
    [
        ({"kept-uniqe": "x"}, r"did you mean `kept-unique`.*one-sensitive-value"),
        ({"kept-unique": " "}, "accept.kept-unique` gives no reason"),
        ({"kept-unique": 3}, "accept"),
        ("kept-unique", "accept"),
    ],
)
def test_policy__accept_is_checked(accept: object, message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        Policy(k=2, quasi_identifiers=AGE, accept=accept)  # type: ignore[arg-type]


def test_policy__undecided_is_a_role() -> None:
    with pytest.raises(PolicyError, match="both identifier and undecided"):
        Policy(k=2, quasi_identifiers=AGE, identifiers={"a": Identifier()}, undecided={"a": Undecided()})


def test_policy__may_have_nothing_decided() -> None:
    assert Policy.from_toml("k = 2\n[undecided.a]\n").undecided == {"a": Undecided()}

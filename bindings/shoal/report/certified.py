"""A certificate as the report reads it: policy and figures, of any version of certificates."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

import msgspec

from shoal.checks.certificate import checked, policy_digest, policy_of
from shoal_engine.anonymity.criteria.assessment import Report
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.errors import InputError
from shoal_engine.finding import Finding

UNDATED = "not stated"


@runtime_checkable
class Certifiable(Protocol):
    """Something with a certificate: a release in memory."""

    def certificate(self) -> dict[str, Any]:
        """Return the certificate."""
        ...


Certificate: TypeAlias = str | Path | Mapping[str, Any] | Certifiable


@dataclass(frozen=True, slots=True)
class Certified:
    """A certificate.

    Attributes
    ----------
    document : mapping
        As it was written.
    policy : Policy
    report : Report
        Its figures, without those of sensitive columns: `document` has them.
    findings : tuple of Finding
    """

    document: Mapping[str, Any]
    policy: Policy
    report: Report
    findings: tuple[Finding, ...]

    @property
    def input_name(self) -> str:
        """Return the name of the input."""
        return str(self._part("input").get("name") or "a table")

    @property
    def output_name(self) -> str:
        """Return the name of the released file."""
        return str(self._part("output").get("name") or "the released table")

    @property
    def date(self) -> str:
        """Return the date, for people."""
        date = self.document.get("date")
        return f"{date[:10]} {date[11:16]} UTC" if isinstance(date, str) and len(date) > 15 else UNDATED

    @property
    def by(self) -> str:
        """Return who ran it."""
        by = self._part("by")
        if not by.get("name"):
            return "not declared"
        return f"{by['name']} ({'name of the account' if by.get('account') else 'as declared'})"

    def digest(self, of: str) -> str | None:
        """Return the SHA-256 of the policy, input or output."""
        found = self._part("digests").get(f"{of}_sha256")
        return found if isinstance(found, str) else None

    def _part(self, name: str) -> Mapping[str, Any]:
        """Return a part of the certificate; it is empty in versions that lack it."""
        part = self.document.get(name)
        return part if isinstance(part, Mapping) else {}


def read_certified(given: Certificate) -> Certified:
    """Return a certificate that is given as its file, its content or a release.

    Raises
    ------
    InputError
        It is not a certificate, or was changed: its policy has another digest than it states.
    """
    certificate = given.certificate() if isinstance(given, Certifiable) else given
    document = checked(certificate)
    policy = policy_of(certificate)
    if policy_digest(policy) != document["digests"].get("policy_sha256"):
        msg = (
            "the certificate was changed: its policy does not have the digest that it states; give the file as written"
        )
        raise InputError(msg)
    figures = {name: value for name, value in document["figures"].items() if name not in ("sensitive", "findings")}
    figures["table_models"] = {
        name: value for name, value in (figures.get("table_models") or {}).items() if value is not None
    }
    try:
        findings = msgspec.convert(document.get("findings", ()), tuple[Finding, ...])
        report = msgspec.convert({**figures, "sensitive": {}, "findings": ()}, Report)
    except (msgspec.ValidationError, ValueError):
        msg = "the figures of the certificate cannot be read; give the file that `anonymize --certificate FILE` wrote"
        raise InputError(msg) from None
    return Certified(document, policy, msgspec.structs.replace(report, findings=findings), findings)

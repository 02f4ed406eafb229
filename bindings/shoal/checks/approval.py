"""Approval of a report: name, decisions on findings, and digests of what was approved; and the check against a run."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

from shoal.checks.certificate import policy_digest
from shoal.checks.origin import Origin
from shoal.io.writing import written_whole
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.errors import ApprovalRefused, InputError

VERSION = 1
Choice: TypeAlias = Literal["accept", "change"]


class Decision(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Decision on every finding of one code.

    Attributes
    ----------
    code : str
    choice : "accept" | "change"
        The finding is accepted, or the policy has to change.
    reason : str
        Needed to accept.
    """

    code: str
    choice: Choice
    reason: str = ""


class Approval(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one person decided on one report.

    Attributes
    ----------
    approval : int
        Version of this form.
    name, date : str
        Who decided, and when: UTC, ISO 8601.
    decisions : tuple of Decision
        One for each code of a finding that needed a decision.
    report_sha256 : str
        SHA-256 of the report's JSON.
    policy_sha256, output_sha256 : str
    input_sha256 : str, optional
        None if the input was a table in memory.
    sha256 : str
        SHA-256 of all other fields; it detects damage, and is no signature.
    """

    approval: int
    name: str
    date: str
    decisions: tuple[Decision, ...]
    report_sha256: str
    policy_sha256: str
    output_sha256: str
    input_sha256: str | None = None
    sha256: str = ""

    @property
    def accepted(self) -> bool:
        """Return whether every finding was accepted."""
        return all(one.choice == "accept" for one in self.decisions)

    def sealed(self) -> "Approval":
        """Return the approval with its digest."""
        return msgspec.structs.replace(self, sha256=self.digest())

    def digest(self) -> str:
        """Return the SHA-256 of all fields but the digest itself."""
        body = msgspec.to_builtins(msgspec.structs.replace(self, sha256=""))
        return hashlib.sha256(msgspec.json.encode(body, order="deterministic")).hexdigest()

    def write(self, path: str | Path) -> None:
        """Write the approval as JSON, whole or not at all.

        Raises
        ------
        OutputError
            The file cannot be written.
        """
        with written_whole(Path(path)) as draft:
            draft.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n")


def decision_of(code: str, text: str) -> Decision:
    """Return the decision that a text such as ``accept: the reason`` or ``change`` states.

    Raises
    ------
    InputError
        It is neither, or accepts without a reason.

    Examples
    --------
    >>> decision_of("kept-unique", "accept: the costs are public").reason
    'the costs are public'
    """
    choice, _, reason = (part.strip() for part in text.partition(":"))
    if choice not in ("accept", "change"):
        msg = f"the decision on {code} is neither accept nor change; write {code}=accept:REASON or {code}=change"
        raise InputError(msg)
    if choice == "accept" and not reason:
        msg = f"{code} is accepted without a reason; write {code}=accept:REASON"
        raise InputError(msg)
    return Decision(code=code, choice="accept" if choice == "accept" else "change", reason=reason)


def read_approval(approved: str | Path | Mapping[str, Any]) -> Approval:
    """Return an approval, given as its file or its content.

    Raises
    ------
    InputError
        It cannot be read, is not an approval, or was changed after it was written.
    """
    try:
        content = Path(approved).read_bytes() if isinstance(approved, str | Path) else msgspec.json.encode(approved)
        found = msgspec.json.decode(content, type=Approval)
    except (OSError, msgspec.MsgspecError, UnicodeError, TypeError):
        msg = "this is not an approval of a report; give the file that `shoal approve REPORT.json` wrote"
        raise InputError(msg) from None
    if found.approval != VERSION:
        msg = f"the approval is of version {found.approval}, and this shoal reads version {VERSION}"
        raise InputError(msg)
    if found.sha256 != found.digest():
        msg = "the approval was changed after it was written; approve the report again"
        raise InputError(msg)
    return found


def approved_policy(
    approved: str | Path | Mapping[str, Any] | None, policy: Policy, origin: Origin
) -> tuple[Policy, dict[str, Any] | None]:
    """Return the policy with the accepted findings of an approval, and what a certificate states of it.

    Raises
    ------
    ApprovalRefused
        The approval is of another policy or input, or it asks to change the policy.
    InputError
        The approval cannot be read.
    """
    if approved is None:
        return policy, None
    found = read_approval(approved)
    changing = [one.code for one in found.decisions if one.choice == "change"]
    if changing:
        msg = (
            f"{found.name} decided to change the policy because of {', '.join(changing)}; change it, report and approve"
        )
        raise ApprovalRefused(msg)
    if found.policy_sha256 != policy_digest(policy):
        msg = (
            f"the approval is of policy {found.policy_sha256[:12]}, and this policy is {policy_digest(policy)[:12]}; "
            "give the approved policy, or report and approve this one"
        )
        raise ApprovalRefused(msg)
    if found.input_sha256 is None or found.input_sha256 != origin.input_digest():
        approved_input = "a table in memory" if found.input_sha256 is None else f"input {found.input_sha256[:12]}"
        msg = (
            f"the approval is of {approved_input}, and this input is another or a table in memory; give the approved "
            "file, or report and approve a release of this one"
        )
        raise ApprovalRefused(msg)
    reasons = {one.code: one.reason for one in found.decisions}
    stated = {"name": found.name, "date": found.date, "sha256": found.sha256, "report_sha256": found.report_sha256}
    return msgspec.structs.replace(policy, accept={**policy.accept, **reasons}), stated


def approve(
    report: "str | Path | Mapping[str, Any] | Struct", *, name: str, decisions: Mapping[str, str] | None = None
) -> Approval:
    """Approve a report: record a name, a decision on each open finding, and digests of what was approved.

    Parameters
    ----------
    report : path, mapping or ReportFacts
        The report as JSON, as ``shoal report -o report.json`` writes it.
    name : str
        Name, and if wanted role, of the person who decides.
    decisions : mapping of str to str
        For the code of each finding that needs a decision, ``"accept: REASON"`` or ``"change"``.

    Returns
    -------
    Approval
        Its `write` makes the file that ``anonymize --approved`` checks.

    Raises
    ------
    InputError
        The report cannot be read, the name is empty, a finding has no decision, or a decision has no finding.
    """
    try:
        content = Path(report).read_bytes() if isinstance(report, str | Path) else msgspec.json.encode(report)
        document = msgspec.json.decode(content, type=_Approvable)
    except (OSError, msgspec.MsgspecError, UnicodeError, TypeError):
        msg = "this is not the JSON of a report; give the file that `shoal report CERTIFICATE -o report.json` wrote"
        raise InputError(msg) from None
    if not name.strip():
        msg = "an approval needs the name of the person who decides; give it with `name`"
        raise InputError(msg)
    known = {one.code for one in document.findings}
    is_open = [one.code for one in document.findings if one.severity != "note" and one.accepted is None]
    found = [decision_of(code, text) for code, text in (decisions or {}).items()]
    strange = [one.code for one in found if one.code not in known]
    if strange:
        codes = ", ".join(sorted(known)) or "none"
        msg = f"the report has no finding {strange[0]}; its findings are {codes}"
        raise InputError(msg)
    missing = [code for code in dict.fromkeys(is_open) if code not in {one.code for one in found}]
    if missing:
        msg = f"no decision is given on {', '.join(missing)}; write --decision {missing[0]}=accept:REASON or =change"
        raise InputError(msg)
    body = msgspec.json.decode(content)
    return Approval(
        approval=VERSION,
        name=name.strip(),
        date=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        decisions=tuple(found),
        report_sha256=hashlib.sha256(msgspec.json.encode(body, order="deterministic")).hexdigest(),
        policy_sha256=document.digests.policy_sha256,
        output_sha256=document.digests.output_sha256,
        input_sha256=document.digests.input_sha256,
    ).sealed()


class _Digests(Struct, frozen=True):
    """Digests of a report."""

    policy_sha256: str
    output_sha256: str
    input_sha256: str | None = None


class _Found(Struct, frozen=True):
    """A finding of a report."""

    code: str
    severity: str
    accepted: str | None = None


class _Approvable(Struct, frozen=True):
    """Parts of a report's JSON that an approval reads."""

    report: int
    digests: _Digests
    findings: tuple[_Found, ...] = ()

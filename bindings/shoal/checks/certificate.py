"""Certificate of a release as JSON: policy, measured values, findings, digests and versions."""

import hashlib
import importlib.metadata
import io
import math
import platform
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl

from shoal.checks.origin import Origin, file_digest
from shoal.io.frames import IntoFrame, into_lazy
from shoal.io.lazy_frames import read_to_end
from shoal_engine.anonymity.criteria.assessment import Assessment, Report
from shoal_engine.anonymity.criteria.sentences import NO_BUDGET, five_answers, verdict
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.errors import InputError, VerificationFailed

if TYPE_CHECKING:
    from shoal_engine.anonymity.fit import Classes

VERSION = 2
"""Version of certificates that are written; version 1 had no date, person, input, sentences nor figures before."""
PACKAGES = ("shoal", "numba", "numpy", "pyarrow", "polars")
"""Packages whose version can change a result."""
_PROMISES = ("k", "models", "identifier", "quasi_identifier", "sensitive", "set_valued", "insensitive")
"""Parts of a policy that a released table can break."""


def policy_digest(policy: Policy) -> str:
    """Return the SHA-256 of a policy, independent of the order of its entries."""
    return hashlib.sha256(msgspec.json.encode(policy.to_builtins(), order="deterministic")).hexdigest()


@contextmanager
def reproducible(policy: Policy, method: str, n_threads: int | None) -> "Generator[list[Classes]]":
    """Add the facts that reproduce a failed verification to its message; the caller appends the classes once known.

    Raises
    ------
    VerificationFailed
        The original message, followed by versions, method, models, types and number of distinct values of each
        quasi-identifier, rows, classes. It has no cell value, and of the policy only numbers and a digest.
    """
    made: list[Classes] = []
    try:
        yield made
    except VerificationFailed as failed:
        facts = [*_of_policy(policy, method, n_threads), *(fact for one in made for fact in _of_table(one))]
        msg = f"{failed}; report this bug of shoal with these facts, which have no cell value: {'; '.join(facts)}"
        raise VerificationFailed(msg) from None


def _of_policy(policy: Policy, method: str, n_threads: int | None) -> Iterator[str]:
    """Yield the facts that do not depend on the table."""
    yield ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    yield f"method {method}, {n_threads or 'all'} threads, k = {policy.k}, suppress = {policy.suppress}"
    yield from (model.describe() for model in policy.models)
    yield from (model.describe() for role in policy.sensitive.values() for model in role.models)
    yield f"policy {policy_digest(policy)[:16]}"


def _of_table(classes: "Classes") -> Iterator[str]:
    """Yield sizes and types of the classes."""
    rows = int(classes.class_rows.sum())
    yield f"{rows + classes.suppressed_rows} rows in {classes.class_rows.size} classes"
    kinds = Counter(
        f"{one.domain.type} as {one.kind}, {one.role.output}, {one.size} values" for one in classes.dimensions
    )
    yield from (f"{count} x {kind}" if count > 1 else kind for kind, count in kinds.items())


def certificate(
    policy: Policy,
    report: Report,
    *,
    output_digest: str,
    origin: Origin,
    output: str | None = None,
    approval: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the certificate of a verified release.

    Parameters
    ----------
    policy : Policy
    report : Report
    output_digest : str
        SHA-256 of the released file, or of a frame's Arrow stream.
    origin : Origin
        Input, date, and who ran it.
    output : str, optional
        Name of the released file.
    approval : mapping, optional
        Name, date and digests of the approval that the run was bound to.

    Returns
    -------
    dict
        ``date``, ``by``, ``input``, ``output``, ``policy``, ``digests``, ``versions``, ``figures`` (with those before
        the release), ``findings``, each with the reason for which it was accepted, if any, and ``sentences``; no value
        of any column, no key.
    """
    rows = report.rows + report.suppressed_rows
    source = origin.input_facts(rows, None if report.before is None else report.before.columns)
    title, meaning = verdict(report.findings)
    answers = five_answers(policy, report, source=source["name"], budget=NO_BUDGET)
    document = {
        "certificate": VERSION,
        "verified": True,
        "date": origin.date,
        "by": None if origin.by is None else {"name": origin.by, "account": origin.by_account},
        "input": source,
        "output": {"name": output},
        "policy": policy.to_builtins(),
        "digests": {
            "policy_sha256": policy_digest(policy),
            "input_sha256": origin.input_digest(),
            "output_sha256": output_digest,
        },
        "versions": {
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in PACKAGES},
        },
        "figures": report.to_dict(),
        "findings": msgspec.to_builtins(report.findings),
        "sentences": [f"{title} {meaning}", *(f"{question} {answer}" for question, answer in answers)],
        "approval": None if approval is None else dict(approval),
    }
    return _in_json(document)


def _in_json(value: Any) -> Any:
    """Return values for JSON, with null for inf and NaN."""
    match value:
        case dict():
            return {name: _in_json(part) for name, part in value.items()}
        case list() | tuple():
            return [_in_json(part) for part in value]
        case float() if not math.isfinite(value):
            return None
        case _:
            return value


def broken_certificate(certificate: str | Path | Mapping[str, Any], released: IntoFrame, policy: Policy) -> list[str]:
    """Return the differences between a certificate and a released table or its policy.

    Raises
    ------
    InputError
        The certificate cannot be read, or is not a certificate.
    """
    document = checked(certificate)
    promised, output = document["policy"], document["digests"]["output_sha256"]
    broken: list[str] = []
    ours = msgspec.json.decode(msgspec.json.encode(policy.to_builtins()))
    if any(ours.get(part) != promised.get(part) for part in _PROMISES):
        broken.append("the certificate was written for another policy")
    if isinstance(released, str | Path):
        found = file_digest(Path(released)) if Path(released).is_file() else ""
    else:
        found = frame_digest(read_to_end(into_lazy(released)))
    if found != output:
        broken.append("the table is not the one that the certificate was written for: its digest differs")
    return broken


def misstated_figures(certificate: str | Path | Mapping[str, Any], measured: Assessment) -> list[str]:
    """Return a broken promise if a certificate states other sizes than the table has.

    Raises
    ------
    InputError
        The certificate cannot be read, or is not a certificate.
    """
    stated = checked(certificate)["figures"]
    other = [name for name in ("rows", "k", "equivalence_classes") if stated.get(name) != getattr(measured, name)]
    return [f"the certificate states other figures than the table has: {', '.join(other)}"] if other else []


def read(path: str | Path) -> dict[str, Any]:
    """Read a certificate.

    Raises
    ------
    InputError
        The certificate cannot be read, or is not a certificate.
    """
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError, UnicodeError):
        raise _no_certificate(path) from None


def checked(certificate: str | Path | Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a certificate, given as its file or its content, if it is one of a version that is known.

    Raises
    ------
    InputError
        The certificate cannot be read, is not a certificate, or is of a later version.
    """
    document = read(certificate) if isinstance(certificate, str | Path) else certificate
    if not isinstance(document, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise _no_certificate(certificate)
    version = document.get("certificate")
    if type(version) is int and version > VERSION:
        msg = f"the certificate is of version {version}, and this shoal reads up to {VERSION}; use a later one"
        raise InputError(msg)
    digests, figures = document.get("digests"), document.get("figures")
    is_one = version in (1, VERSION) and isinstance(document.get("policy"), Mapping) and isinstance(figures, Mapping)
    if not (is_one and isinstance(digests, Mapping) and isinstance(digests.get("output_sha256"), str)):
        raise _no_certificate(certificate)
    return document


def policy_of(certificate: str | Path | Mapping[str, Any]) -> Policy:
    """Return the policy that a certificate holds; relative files are looked for beside the certificate.

    Raises
    ------
    InputError
        The certificate cannot be read, or is not a certificate.
    PolicyError
        It holds no policy.
    """
    folder = Path(certificate).parent if isinstance(certificate, str | Path) else ""
    return Policy.from_builtins(checked(certificate)["policy"], folder=folder)


def _no_certificate(certificate: object) -> InputError:
    named = repr(str(certificate)) if isinstance(certificate, str | Path) else "the mapping"
    msg = f"{named} is not a certificate of a release; give the file that `anonymize --certificate FILE` wrote"
    return InputError(msg)


def write(document: dict[str, Any], path: Path) -> None:
    """Write a certificate as indented JSON."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")


def frame_digest(frame: pl.DataFrame) -> str:
    """Return the SHA-256 of a frame's rows as an uncompressed Arrow stream."""
    buffer = io.BytesIO()
    frame.write_ipc_stream(buffer, compression="uncompressed")
    return hashlib.sha256(buffer.getbuffer()).hexdigest()

"""From certificates, a ledger, attacks and a frontier to the facts of a report."""

import importlib.metadata
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shoal.checks.certificate import PACKAGES, VERSION
from shoal.checks.origin import file_digest
from shoal.report.budget import budget_of
from shoal.report.certified import Certified
from shoal.report.facts import Digests, OtherRelease, PresetRow, ReportedFinding, ReportFacts, Term, Verdict
from shoal.report.figures import count, share
from shoal.report.frontier import Frontier, frontier_of
from shoal.report.learned import NOT_MEASURED, Attack, learned_rows, measured_by
from shoal.report.tables import column_rows, risk_rows, size_rows
from shoal_engine.anonymity.criteria.sentences import five_answers, rows_left_out, verdict
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.errors import InputError
from shoal_engine.finding import CODES
from shoal_engine.presets import preset_of
from shoal_engine.wording import columns_text

if TYPE_CHECKING:
    from shoal_engine.ledger import Ledger

_CAPTIONS = {
    "risk": "Probability that someone who knows the quasi-identifiers of a person finds that person's row",
    "class_sizes": "Share of people by the size of their class (rows that agree in every quasi-identifier)",
    "columns": "Loss: mean share of the column's range that a released label covers; 0 is unchanged, 100 % is removed",
    "learned": "By the three criteria of the European data protection authorities (Opinion 05/2014, WP216)",
    "frontier": "The same figures",
    "presets": "Published rules that were named for this report; none is a default",
    "others": "Certificates of other releases that were given with this one",
}
_DEFINITIONS = (
    Term("k", "Size of the smallest class. Sweeney 2002."),
    Term("Class", "Rows that agree in every quasi-identifier of the release."),
    Term("Quasi-identifier", "A column that others may know, and that with others may point at a person."),
    Term("Highest risk", "1 / k. Whoever attacks knows that the person is in the table (prosecutor)."),
    Term("Average risk", "Classes / rows: the share of people matched right if all are matched (marketer)."),
    Term("Loss (ncp)", "Mean over rows of the share of a column's range that the label covers. Xu et al. 2006."),
    Term("SHA-256", "A digest: two files with the same digest are the same file."),
)
_BUDGET_DEFINITION = Term(
    "ε, δ, ρ", "Limits of what answers with noise reveal about one person; amounts of several answers add up."
)
_LIMITS = (
    "What others know was declared, not measured. A column that is released as it is and is known to someone breaks "
    "the promise for whoever knows it.",
    "Other releases of the same people: together, two releases can single out a person whom neither shows alone.",
    "Facts about groups. If everyone in a class has the same value, being in the class reveals it.",
    "Free text, images and file metadata were not read.",
    "Whether the recipient may use the data, and for what: that is a contract, not a number.",
)


@dataclass(frozen=True, slots=True)
class Additions:
    """Everything that a report may show in addition to a certificate.

    Attributes
    ----------
    others : sequence of Certified
        Other releases of the same people.
    ledger : Ledger or path, optional
    attacks : sequence
        Results of attacks; see `shoal.report.learned`.
    frontier : path or mapping, optional
        See `shoal.report.frontier`.
    presets : sequence of str
        Names of published rules; see `shoal_engine.presets`.
    released : path, optional
        The released file, whose digest is compared with the certificate's.
    title : str, optional
        Default: name of the input.
    """

    others: Sequence[Certified] = ()
    ledger: "Ledger | str | Path | None" = None
    attacks: Sequence[Attack] = ()
    frontier: Frontier | None = None
    presets: Sequence[str] = ()
    released: str | Path | None = None
    title: str | None = None


def gather(of: Certified, more: Additions) -> ReportFacts:
    """Return the facts of a report.

    Raises
    ------
    InputError
        The released file is not the certified one, or an attack or the frontier cannot be read.
    LedgerError
        The ledger cannot be read.
    PolicyError
        There is no preset of a name.
    """
    if more.released is not None:
        _check_released(of, Path(more.released))
    budget, spent, budget_text = budget_of(more.ledger)
    measured = measured_by(more.attacks, of)
    presets = tuple(_presets(of, more.presets, attacked=all(measured.values())))
    output = of.digest("output") or ""
    return ReportFacts(
        title=more.title or of.input_name,
        shoal=importlib.metadata.version("shoal"),
        summary=" · ".join(_summary(of)),
        verdict=_verdict(of, presets),
        questions=tuple(Term(*pair) for pair in five_answers(of.policy, of.report, source=of.input_name, budget=spent)),
        findings=tuple(_findings(of)),
        terms=tuple(Term(*pair) for pair in of.policy.release.stated()),
        approve=(
            "I have read this report, decided on each finding, and approve the release of the file with SHA-256 "
            f"{output[:16]}… (in full under Evidence)."
        ),
        risk=tuple(risk_rows(of)),
        class_sizes=tuple(size_rows(of.report.class_sizes)),
        columns=tuple(column_rows(of)),
        removed=_removed(of),
        learned=tuple(learned_rows(of, measured)),
        captions=_CAPTIONS,
        frontier=frontier_of(more.frontier),
        budget=budget,
        budget_text=budget_text,
        others=tuple(_others(of, more.others)),
        presets=presets,
        limits=tuple(_limits(of, more, measured)),
        definitions=(*_DEFINITIONS, *([_BUDGET_DEFINITION] if budget else [])),
        evidence=tuple(_evidence(of, checked=more.released is not None)),
        digests=Digests(of.digest("policy") or "", output, of.digest("input")),
        policy=brief(of.policy),
        check=_check(of),
    )


def brief(policy: Policy) -> str:
    """Return a policy as TOML, without what it would say anyway.

    Examples
    --------
    >>> print(brief(Policy.of(k=5, quasi_identifiers=["age"])))
    k = 5
    <BLANKLINE>
    [quasi_identifier.age]
    <BLANKLINE>
    """
    import tomli_w

    plain = Policy.of(k=2, quasi_identifiers=["any"]).to_builtins()["quasi_identifier"]["any"]
    document = policy.to_builtins()
    document = {
        key: part for key, part in document.items() if (key, part) not in (("suppress", 0.0), ("order", "shuffled"))
    }
    if "quasi_identifier" in document:
        document["quasi_identifier"] = {
            name: {key: part for key, part in role.items() if plain.get(key) != part}
            for name, role in document["quasi_identifier"].items()
        }
    if "release" in document:
        document["release"] = {key: part for key, part in document["release"].items() if part}
    return tomli_w.dumps(document)


def _check_released(of: Certified, path: Path) -> None:
    """Raise InputError if a file is not the one that was certified."""
    try:
        found = file_digest(path)
    except OSError:
        msg = f"the released file {str(path)!r} cannot be read; give the file that the certificate was written for"
        raise InputError(msg) from None
    if found != of.digest("output"):
        msg = (
            f"{str(path)!r} is not the file that the certificate was written for: its digest differs; give the "
            "released file, or the certificate of this one"
        )
        raise InputError(msg)


def _summary(of: Certified) -> Iterator[str]:
    """Yield the parts of the line below the title."""
    columns = [one for one in of.report.columns if one.action != "dropped"]
    n_columns = f", {count(len(columns)).text} columns" if columns else ""
    yield f"{count(of.report.rows).text} rows{n_columns}"
    yield of.date
    versions = of.document.get("versions")
    yield f"shoal {versions.get('shoal', '') if isinstance(versions, dict) else ''}"
    yield f"policy {(of.digest('policy') or '')[:12]}"
    yield f"output {(of.digest('output') or '')[:12]}"


def _verdict(of: Certified, presets: Sequence[PresetRow]) -> Verdict:
    """Return the verdict, with the named rules that are not met."""
    title, text = verdict(of.findings)
    missed = [one.name for one in presets if one.met is False]
    if missed:
        text += f" The release does not meet {columns_text(missed)}, named for this report."
    return Verdict(bool(missed) or any(finding.is_open for finding in of.findings), title, text)


def _findings(of: Certified) -> Iterator[ReportedFinding]:
    """Yield the findings: open ones, accepted ones, notes."""
    ranked = sorted(of.findings, key=lambda finding: (finding.severity == "note", finding.accepted is not None))
    for number, one in enumerate(ranked, 1):
        yield ReportedFinding(
            number, one.code, one.severity, one.text, one.remedy, one.accepted, CODES.get(one.code, "")
        )


def _presets(of: Certified, names: Sequence[str], *, attacked: bool) -> Iterator[PresetRow]:
    """Yield the named rules, and whether the release meets them."""
    k = of.report.k
    for preset in map(preset_of, dict.fromkeys(names)):
        met = preset.met_by(k)
        reached = f"k = {k}, highest risk {share(1 / k, 2).text}" if met is not None and k else ""
        if preset.kind == "attacks":
            met, reached = attacked, "all three measured" if attacked else "not all three measured"
        elif preset.kind == "rules":
            reached = "not checked here"
        yield PresetRow(preset.name, preset.rule, preset.figure, reached, met, f"{preset.source}, {preset.date}")


def _removed(of: Certified) -> str:
    """Return which rows and columns were left out."""
    dropped = [one.name for one in of.report.columns if one.action == "dropped"]
    columns = f"Dropped: {', '.join(dropped)}." if dropped else "No column was dropped."
    notes = "".join(f" {note[:1].upper()}{note[1:]}." for note in of.report.notes)
    return f"{columns} {rows_left_out(of.report, of.policy.k)}{notes}"


def _others(of: Certified, others: Sequence[Certified]) -> Iterator[OtherRelease]:
    """Yield the other releases."""
    mine = of.digest("input")
    for one in others:
        theirs = one.digest("input")
        same = (
            "not known" if mine is None or theirs is None else "the same input" if mine == theirs else "another input"
        )
        yield OtherRelease(one.input_name, one.date, count(one.policy.k), same, (one.digest("output") or "")[:12])


def _limits(of: Certified, more: Additions, measured: dict[str, list[str]]) -> Iterator[str]:
    """Yield what the report does not cover."""
    yield from _LIMITS
    missing = [criterion.replace("-", " ") for criterion, found in measured.items() if not found]
    if missing:
        yield f"Attacks: {columns_text(missing)} {'was' if len(missing) == 1 else 'were'} {NOT_MEASURED}."
    if any(role.transform is not None for role in of.policy.quasi_identifiers.values()):
        yield "Figures before the release are those after the transformations that the policy declares."
    if of.document.get("certificate") != VERSION:
        yield "The certificate is of an earlier version: figures before, columns and the input are not in it."
    elif of.digest("input") is None:
        yield "The input was a table in memory, or changed after the run: its digest is not known."
    if more.ledger is None:
        yield "Answers with noise about the same people: no ledger was named."


def _evidence(of: Certified, *, checked: bool) -> Iterator[Term]:
    """Yield the facts that prove what was done."""
    source = of.document.get("input")
    n_bytes = source.get("bytes") if isinstance(source, dict) else None
    yield Term("Input", of.input_name + (f", {n_bytes:,} bytes" if isinstance(n_bytes, int) else ""))
    yield Term("Input SHA-256", of.digest("input") or "not known")
    yield Term("Output", of.output_name)
    yield Term("Output SHA-256", of.digest("output") or "not known")
    if checked:
        yield Term("Output file", "read again for this report: its digest is the certified one")
    yield Term("Policy SHA-256", of.digest("policy") or "not known")
    classes = count(of.report.equivalence_classes).text
    rows = count(of.report.rows).text
    yield Term("Verified", f"recounted from the released rows: {rows} rows, k = {of.report.k:,}, {classes} classes")
    yield Term("Method", of.report.method)
    versions = of.document.get("versions")
    if isinstance(versions, dict):
        named = [name for name in ("python", *PACKAGES) if name in versions]
        yield Term("Versions", ", ".join(f"{name} {versions[name]}" for name in named))
    yield Term("Run by", of.by)
    yield Term("Date", of.date)
    approval = of.document.get("approval")
    if isinstance(approval, dict):
        yield Term("Approved", f"{approval.get('name', '')}, {approval.get('date', '')}")


def _check(of: Certified) -> str:
    """Return commands that check the release."""
    names = [name for name in (of.input_name, of.output_name) if "." in name and " and " not in name]
    if len(names) < 2:
        return "shoal verify RELEASED --certificate CERTIFICATE"
    quoted = [shlex.quote(name) for name in names]
    return f"sha256sum {' '.join(quoted)}\nshoal verify {quoted[1]} --certificate CERTIFICATE"

"""Assessments, reports, lattices, verifications, findings and rounds of a federation as tables on a terminal."""

import math
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    import polars as pl

    from shoal.recount.verify import Verification
    from shoal_engine.anonymity.criteria.assessment import Assessment, Report
    from shoal_engine.anonymity.policy.policy import Policy
    from shoal_engine.finding import Finding

_PLAIN = Console(markup=False, highlight=False)
_ASCII = {"✓": "+", "✗": "x", "!": "!"}
_STYLE = {"✓": "green", "✗": "bold red", "!": "yellow"}
# Without markup: names of columns and files may hold brackets.
_CONSOLE = Console(markup=False)
_NODES_SHOWN = 10
_SETS_SHOWN = 20


def show_findings(met: Sequence[str], broken: Sequence[str], findings: Sequence["Finding"]) -> None:
    """Print met promises, broken promises, and findings with their remedies.

    Parameters
    ----------
    met, broken : sequence of str
        One sentence each.
    findings : sequence of Finding
    """
    for sentence in met:
        _line("✓", sentence)
    for sentence in broken:
        _line("✗", sentence)
    for finding in findings:
        _line(_mark(finding), f"{finding.text} ({finding.code})", _below(finding))
    if met or broken or findings:
        _PLAIN.print()


def show_sentences(met: Sequence[str], broken: Sequence[str]) -> None:
    """Print sentences that are met, then those that are not."""
    for mark, sentences in (("✓", met), ("✗", broken)):
        for sentence in sentences:
            _line(mark, sentence)
    _PLAIN.print()


def show_notes(notes: Sequence[tuple[str, str]]) -> None:
    """Print remarks that await no decision, each a sentence and what it means."""
    for sentence, below in notes:
        _line("!", sentence, below)
    if notes:
        _PLAIN.print()


def show_decisions(findings: Sequence["Finding"]) -> None:
    """Print how to decide on the findings that await a decision."""
    for line in _decisions([finding for finding in findings if finding.is_open]):
        _PLAIN.print(line, soft_wrap=True)


def show_undecided(policy: "Policy") -> None:
    """Print the undecided columns of a policy."""
    names = list(policy.undecided)
    if names:
        many = f"{len(names)} columns are undecided" if len(names) > 1 else "1 column is undecided"
        _line("!", f"{many}: {', '.join(names)}.", "Nothing is released before somebody decides on each.")
        _PLAIN.print()


def _mark(finding: "Finding") -> str:
    """Return the mark of a finding: whether it awaits a decision."""
    return "✗" if finding.is_open else "!"


def _below(finding: "Finding") -> str:
    """Return the line below a finding: the reason of its acceptance, or its remedy."""
    return finding.remedy if finding.accepted is None else f"Accepted: {finding.accepted}"


def _decisions(undecided: Sequence["Finding"]) -> Iterator[str]:
    """Yield how to decide on the findings that are open."""
    if not undecided:
        return
    many = f"{len(undecided)} findings await a decision" if len(undecided) > 1 else "1 finding awaits a decision"
    text = f"{many} (exit code 4). Change the policy, or accept one by its code and the reason:"
    yield from textwrap.wrap(text, _PLAIN.width)
    yield f'  --accept {undecided[0].code}="..."'
    yield ""


def _line(mark: str, sentence: str, below: str = "") -> None:
    """Print a mark with its sentence, and an optional line below."""
    shown = mark if _can_print(mark) else _ASCII[mark]
    indent = " " * 4
    # Whole codes, so that one can be copied into --accept.
    first = textwrap.wrap(_plain(sentence), max(20, _PLAIN.width - 5), break_on_hyphens=False) or [""]
    rest = textwrap.wrap(_plain(below), max(20, _PLAIN.width - 5))
    text = Text("  ")
    text.append(shown, style=_STYLE[mark])
    text.append(" " + f"\n{indent}".join(first), style="bold" if mark == "✗" else "")
    text.append("".join(f"\n{indent}{line}" for line in rest), style="dim")
    _PLAIN.print(text, soft_wrap=True)


def _plain(sentence: str) -> str:
    """Replace characters that the terminal cannot print."""
    encoding = _PLAIN.encoding
    return sentence.encode(encoding, "replace").decode(encoding, "replace")


def _can_print(mark: str) -> bool:
    """Return whether the terminal can print a mark."""
    try:
        mark.encode(_PLAIN.encoding)
    except UnicodeEncodeError:
        return False
    return True


def _figures(assessment: "Assessment") -> list[tuple[str, str]]:
    """Return the figures of an assessment as names and texts."""
    rows = [
        ("rows", f"{assessment.rows:,}"),
        ("equivalence classes", f"{assessment.equivalence_classes:,}"),
        *_units(assessment),
        (
            "unique rows" if not assessment.unit else f"rows in classes with one {assessment.unit}",
            f"{assessment.unique_rows:,} ({_share(assessment.unique_rows, assessment.rows)})",
        ),
        ("highest risk", f"{assessment.risk.highest:.2%}"),
        ("average risk", f"{assessment.risk.average:.2%}"),
    ]
    for column, reach in assessment.sensitive.items():
        rows.append((f"{column}: fewest distinct values{_on_units(assessment)}", f"{reach.l_distinct:,}"))
        rows.append((f"{column}: entropy diversity", f"{reach.l_entropy:.2f}"))
        rows.append((f"{column}: distance to the table (t)", f"{reach.t:.3f}"))
    for column, rows_held in assessment.set_valued.items():
        holders = f"units of {assessment.unit}" if assessment.unit else "rows"
        rows.append(
            (f"{column}: fewest {holders} that share items", "no item" if rows_held is None else f"{rows_held:,}")
        )
    for name, figure in assessment.table_models.items():
        rows.append((name, f"{figure:g}"))
    return rows


def _units(assessment: "Assessment") -> list[tuple[str, str]]:
    """Return the size of the smallest class, in rows or units."""
    if not assessment.unit:
        return [("k (smallest class)", f"{assessment.k:,}")]
    counted = "not in this table" if assessment.units is None else f"{assessment.units:,}"
    return [
        (f"units ({assessment.unit})", counted),
        (f"k (units of {assessment.unit} in the smallest class)", f"{assessment.k:,}"),
    ]


def _on_units(assessment: "Assessment") -> str:
    return f" on distinct {assessment.unit}" if assessment.unit else ""


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "0.0%"


def _table(title: str, *columns: str) -> Table:
    """Return an empty table whose first column is text and whose others are figures."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    return table


def show_assessment(assessment: "Assessment") -> None:
    """Print the classes and risk of a table."""
    table = _table("Equivalence classes and risk", "figure", "value")
    for name, value in _figures(assessment):
        table.add_row(name, value)
    _CONSOLE.print(table)


def show_before_and_after(before: "Assessment", after: "Report") -> None:
    """Print the risk of a table next to the risk of its release."""
    table = _table("Risk before and after", "figure", "before", "after")
    for (name, was), (_, now) in zip(_figures(before), _figures(after), strict=True):
        table.add_row(name, was, now)
    _CONSOLE.print(table)


def _cell(value: object) -> str:
    """Return the display text of a value."""
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def show_frame(frame: "pl.DataFrame", title: str) -> None:
    """Print a frame of numbers."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for name in frame.columns:
        table.add_column(name)
    for row in frame.iter_rows():
        table.add_row(*map(_cell, row))
    _CONSOLE.print(table)


def show_report(report: "Report", policy: "Policy", output: str) -> None:
    """Print the findings, the measured values and the information loss of a release."""
    head = f"{output}   {report.rows:,} rows, {report.suppressed_rows:,} suppressed, {report.seconds:.1f} s\n"
    _CONSOLE.print(head, highlight=False, soft_wrap=True)
    show_findings([promise(policy, report)], (), report.findings)
    show_decisions(report.findings)
    show_assessment(report)
    show_cost(report, output)


def show_cost(report: "Report", output: str) -> None:
    """Print the method, resources and information loss of a release."""
    peak = f", with at most {report.peak_bytes / 2**20:,.0f} MiB" if report.peak_bytes else ""
    _CONSOLE.print(
        f"Wrote {output} with method {report.method} in "
        f"{report.seconds:.1f} s{peak}. "
        f"Loss (ncp) {report.loss.ncp:.4f}, average class {report.loss.average_class_size:.1f} rows, "
        f"{report.suppressed_rows:,} rows suppressed."
    )
    if report.dropped:
        _CONSOLE.print(f"Not in the policy, so dropped: {', '.join(report.dropped)}.")
    for note in report.notes:
        _CONSOLE.print(f"Note: {note}.")
    if report.utility:
        table = _table("Utility", "measure", "column", "value")
        for figure in report.utility:
            table.add_row(figure.measure, figure.column or "all", f"{figure.value:.6g}")
        _CONSOLE.print(table)


def show_lattice(nodes: "pl.DataFrame", output: str | None) -> None:
    """Print the cheapest nodes of a lattice."""
    levels = [name for name in nodes.columns if name.endswith("_level")]
    table = _table(f"Cheapest of {nodes.height:,} nodes", "levels", "suppressed rows", "classes", "cost", "feasible")
    for row in nodes.head(_NODES_SHOWN).iter_rows(named=True):
        at = ", ".join(f"{name.removesuffix('_level')} {row[name]}" for name in levels)
        counts = f"{row['suppressed_rows']:,}", f"{row['released_classes']:,}"
        table.add_row(at, *counts, f"{row['cost']:.6g}", "yes" if row["feasible"] else "no")
    _CONSOLE.print(table)
    if output is not None:
        _CONSOLE.print(f"Wrote all of them to {output}.")


def show_unique_sets(sets: "pl.DataFrame") -> None:
    """Print the minimal sets of columns that reach `alpha`, or else the nearest ones."""
    chosen = sets.filter("minimal")
    title = f"Minimal sets of columns that reach alpha, among {sets.height:,} sets"
    if not chosen.height:
        chosen = sets.sort("separation", "size", descending=[True, False], maintain_order=True)
        title = f"No set of columns reaches alpha; the nearest of {sets.height:,}"
    table = _table(title, "columns", "distinctness", "separation", "unique rows")
    for row in chosen.head(_SETS_SHOWN).iter_rows(named=True):
        shares = f"{row['distinctness']:.4f}", f"{row['separation']:.6f}", f"{row['unique_rows']:.2%}"
        table.add_row(", ".join(row["columns"]), *shares)
    _CONSOLE.print(table)


def show_verification(found: "Verification", policy: "Policy") -> None:
    """Print whether a table meets its policy, its findings, and its measured values."""
    show_findings(
        [promise(policy, found.assessment)] if found.met else [],
        [f"Not met: {b}." for b in found.broken],
        found.findings,
    )
    show_decisions(found.findings)
    show_assessment(found.assessment)


def promise(policy: "Policy", measured: "Assessment") -> str:
    """Return the sentence that a policy is met, as far as it could be checked."""
    if policy.unit and not measured.unit:
        return f"No class has fewer than k = {policy.k} rows; units of {policy.unit} could not be counted."
    models = bool(policy.models or policy.set_valued or any(role.models for role in policy.sensitive.values()))
    every = " and every other model of the policy is too" if models else ""
    counted = f"k = {policy.k}" + (f" (distinct {policy.unit})" if policy.unit else "")
    return f"{counted} is met{every}: recounted from the released rows by other code."


# Without markup: names of nodes may hold brackets.


def show_round(report: "pl.DataFrame") -> None:
    """Print the weight, norm and acceptance of each update of a round."""
    table = Table(title="Updates", title_justify="left", title_style="bold")
    for heading in ("node", "weight", "norm", "counts"):
        table.add_column(heading, justify="right" if heading in ("weight", "norm") else "left")
    for row in report.iter_rows(named=True):
        counts = "no: " + str(row["reason"]) if not row["kept"] else "shortened" if row["clipped"] else "yes"
        table.add_row(row["node"], _figure(row["weight"]), _figure(row["norm"]), counts)
    _CONSOLE.print(table)


def show_accuracies(rows: Iterable[tuple[str, str, float, str]]) -> None:
    """Print accuracies of models: participants, rule, accuracy and remark."""
    table = Table(title="Accuracy on held-out patients", title_justify="left", title_style="bold")
    for heading in ("trained by", "rule", "accuracy", ""):
        table.add_column(heading, justify="right" if heading == "accuracy" else "left")
    for who, rule, accuracy, remark in rows:
        table.add_row(who, rule, f"{accuracy:.1%}", remark)
    _CONSOLE.print(table)


def _figure(number: float) -> str:
    return f"{number:,.4g}" if math.isfinite(number) else "-"

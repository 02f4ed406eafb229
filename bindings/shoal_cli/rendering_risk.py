"""Disclosure risk and Safe Harbor findings as tables on a terminal."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from shoal_engine.risk.report import RiskReport

# Without markup: names of columns may hold brackets.
_CONSOLE = Console(markup=False)


def show_risk(report: "RiskReport") -> None:
    """Print a risk report: attackers, uniqueness and population, and attribute disclosure."""
    _CONSOLE.print(_attackers(report))
    _CONSOLE.print(_figures(report))
    if report.attributes:
        _CONSOLE.print(_attributes(report))


def show_safe_harbor(findings: Iterable[tuple[str, str, str, str, float | None]]) -> None:
    """Print the columns that the Safe Harbor rule names: column, identifier, paragraph, evidence and share."""
    table = Table(title="HIPAA Safe Harbor, 45 CFR 164.514(b)(2)(i)", title_justify="left", title_style="bold")
    for heading in ("column", "identifier", "paragraph", "evidence", "values"):
        table.add_column(heading, justify="right" if heading == "values" else "left")
    for column, identifier, paragraph, evidence, share in findings:
        table.add_row(column, identifier, paragraph, evidence, "" if share is None else f"{share:.1%}")
    _CONSOLE.print(table if table.row_count else "HIPAA Safe Harbor: no identifier found; free text is not read.")


def _table(title: str, *columns: str) -> Table:
    """Return an empty table whose first column is text and whose others are figures."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    return table


def _attackers(report: "RiskReport") -> Table:
    """Return the table of re-identification probabilities of each attacker."""
    above = f"records above {report.threshold:.0%}"
    table = _table("Probability of re-identification", "attacker", "highest", "average", "lowest", above)
    for name, found in (("prosecutor", report.prosecutor), ("journalist", report.journalist)):
        if found is not None:
            probabilities = (found.highest, found.average, found.lowest, found.above_threshold)
            table.add_row(name, *(f"{probability:.2%}" for probability in probabilities))
    table.add_row("marketer", "", f"{report.marketer:.2%}", "", "")
    return table


def _figures(report: "RiskReport") -> Table:
    """Return the table of counts and population figures, known or estimated."""
    table = _table("Uniqueness", "figure", "value")
    table.add_row("rows", f"{report.rows:,}")
    table.add_row("equivalence classes", f"{report.equivalence_classes:,}")
    table.add_row("unique rows", f"{report.sample_uniques:,}")
    if report.population is not None:
        table.add_row("population", report.population)
        table.add_row("sampling fraction", f"{report.sampling_fraction:.4g}")
        table.add_row("expected re-identifications", f"{report.expected_reidentifications:,.1f}")
    if report.k_map is not None:
        table.add_row("k-map", f"{report.k_map:,}")
    if report.presence is not None:
        low, high = report.presence
        table.add_row("share of a class who are present", f"{low:.2%} to {high:.2%}")
    for name, share in report.population_uniques.items():
        table.add_row(f"population uniques ({name})", "no estimate" if share is None else f"{share:.4%}")
    return table


def _attributes(report: "RiskReport") -> Table:
    """Return the table of probabilities to infer sensitive values."""
    title = "Probability of inferring a sensitive value from its class"
    table = _table(title, "column", "highest", "average", "without the class", "rows with one value in their class")
    for name, found in report.attributes.items():
        probabilities = (found.highest, found.average, found.baseline)
        table.add_row(name, *(f"{probability:.2%}" for probability in probabilities), f"{found.homogeneous_rows:,}")
    return table

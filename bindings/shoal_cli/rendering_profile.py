"""Profile of a table, its disclosure risk and Safe Harbor findings on a terminal of 80 columns."""

import shlex
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from shoal.profile.look import Look
    from shoal_engine.risk.report import RiskReport

_WIDTH = 80
_WHY = 20
"""Minimum width of the reason, in characters."""
_GAP = "  "
_HEADINGS = ("guess", "values", "unique", "nulls")
# Without markup: names of columns may hold brackets.
_CONSOLE = Console(markup=False)


def show_look(found: "Look", source: str, policy_out: str | None) -> None:
    """Print what needs a decision, the guessed roles, and the next command."""
    encoding = sys.stdout.encoding or "utf-8"
    for line in look_lines(found, source, policy_out):
        plain = line if _can_print("✗", encoding) else line.replace("✗", "x")
        click.echo(plain.encode(encoding, "replace").decode(encoding))


def _can_print(mark: str, encoding: str) -> bool:
    """Return whether the terminal can print a character."""
    try:
        mark.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def look_lines(found: "Look", source: str, policy_out: str | None) -> Iterator[str]:
    """Yield the lines that `show_look` prints."""
    columns = found.frame.height
    read = "every row read" if found.examined_rows == found.rows else f"{found.examined_rows:,} rows read"
    yield f"{Path(source).name}   {found.rows:,} rows, {_n(columns, 'column')}, {read}"
    yield ""
    yield from _findings(found)
    yield ""
    yield from _table(found.frame.to_dicts())
    yield ""
    yield "unique: share of rows with a unique value in this column"
    yield from _declarations(found)
    yield from _next(found, source, policy_out)


def _declarations(found: "Look") -> Iterator[str]:
    """Yield the proposed declarations, one line per column."""
    unusual = [f"{name} {one!r}" for name in ("encoding", "separator") if (one := getattr(found.file, name))]
    if not found.declarations.height and not unusual:
        return
    yield ""
    yield "Declare in the policy what texts are (else they stay text):"
    if unusual:
        yield from _wrapped("  ", f"file: {', '.join(unusual)}")
    for row in found.declarations.iter_rows(named=True):
        yield from _wrapped("  ", f"{_name(row)}: {row['declaration']}")
    yield ""


def _findings(found: "Look") -> Iterator[str]:
    """Yield the findings on undecided columns and quasi-identifiers."""
    undecided = len(found.undecided)
    if undecided:
        be, where = ("is", "it") if undecided == 1 else ("are", "them together")
        unique = _unique_rows(found.unique_on_undecided)
        yield from _wrapped("  ✗ ", f"{_n(undecided, 'column')} {be} undecided, and {unique} on {where}")
        yield from _wrapped("    ", "Decide each: a column that others may know is a quasi-identifier.")
    quasi = sum(role == "quasi_identifier" for role in found.frame["role"])
    if not quasi:
        yield "  ! No column is a quasi-identifier by its values or name; a policy needs one."
        return
    which = "the quasi-identifier" if quasi == 1 else f"the {quasi:,} quasi-identifiers"
    yield f"  ! {_unique_rows(found.unique_on_quasi_identifiers)} on {which}"
    if found.combinations.height and found.combinations.item(0, "unique_rows"):
        names, unique, _ = found.combinations.row(0)
        of = "" if found.combined_rows == found.examined_rows else f" (of {found.combined_rows:,} rows)"
        yield from _wrapped("    ", f"{_share(unique)}{of} on {', '.join(names)} alone")


def _table(rows: "Sequence[dict[str, Any]]") -> Iterator[str]:
    """Yield the heading and the lines of each column."""
    cells = [_HEADINGS, *map(_cells, rows)]
    widths = [max(len(line[place]) for line in cells) for place in range(len(_HEADINGS))]
    room = _WIDTH - sum(widths) - len(_GAP) * (len(widths) + 1)
    wide = min(room - _WHY, max(len("column"), *(len(_name(row)) for row in rows)))
    left = _WIDTH - room + wide
    yield _line("column", wide, cells[0], widths, "why")
    for row, line in zip(rows, cells[1:], strict=True):
        name = _name(row)
        if len(name) > wide:
            # A name is not cut: it has lines of its own.
            yield from textwrap.wrap(name, _WIDTH, drop_whitespace=False) or [name]
            name = ""
        first, *more = textwrap.wrap(row["reason"], room - wide) or [""]
        yield _line(name, wide, line, widths, first)
        yield from (" " * left + part for part in more)


def _cells(row: "dict[str, Any]") -> tuple[str, ...]:
    """Return the cells of a column's line between its name and the reason."""
    return (
        str(row["role"]).replace("_", "-"),
        "-" if row["distinct"] is None else f"{row['distinct']:,}",
        "-" if not row["unique_rows"] else _share(row["unique_rows"]),
        "-" if not row["nulls"] else _share(row["nulls"]),
    )


def _name(row: "dict[str, Any]") -> str:
    """Return a column's name on one line."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in row["column"]) or "''"


def _line(name: str, wide: int, cells: Sequence[str], widths: Sequence[int], why: str) -> str:
    """Return one line of the table: the role to the left, figures to the right."""
    figures = [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
    return _GAP.join([name.ljust(wide), cells[0].ljust(widths[0]), *figures, why]).rstrip()


def _next(found: "Look", source: str, policy_out: str | None) -> Iterator[str]:
    """Yield the next command."""
    if policy_out is None:
        yield f"next: shoal look {shlex.quote(source)} --policy-out policy.toml"
        return
    yield ""
    yield from _wrapped("", f"Wrote {policy_out}: choose its k and decide on each undecided column, then")
    yield f"next: shoal anonymize {shlex.quote(source)} OUTPUT --policy {shlex.quote(policy_out)}"


def _wrapped(start: str, text: str) -> list[str]:
    """Return text in lines no wider than the terminal."""
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=start,
        subsequent_indent=" " * (len(start) + 2 if start == "  " else len(start)),
        break_long_words=False,
    )


def _n(count: int, what: str) -> str:
    """Return a count and its noun."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _unique_rows(share: float | None) -> str:
    """Return the share of unique rows as the start of a sentence."""
    return f"{_share(share)} of rows are unique" if share else "no row is unique"


def _share(share: float | None) -> str:
    """Return a share in percent, never rounded to 0 or 100."""
    if not share:
        return "none"
    if share < 0.001:
        return "<0.1 %"
    return ">99.9 %" if 0.999 < share < 1.0 else "100 %" if share == 1.0 else f"{share:.1%}".replace("%", " %")


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


def _titled(title: str, *columns: str) -> Table:
    """Return an empty table whose first column is text and whose others are figures."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    return table


def _attackers(report: "RiskReport") -> Table:
    """Return the table of re-identification probabilities of each attacker."""
    above = f"records above {report.threshold:.0%}"
    table = _titled("Probability of re-identification", "attacker", "highest", "average", "lowest", above)
    for name, found in (("prosecutor", report.prosecutor), ("journalist", report.journalist)):
        if found is not None:
            probabilities = (found.highest, found.average, found.lowest, found.above_threshold)
            table.add_row(name, *(f"{probability:.2%}" for probability in probabilities))
    table.add_row("marketer", "", f"{report.marketer:.2%}", "", "")
    return table


def _figures(report: "RiskReport") -> Table:
    """Return the table of counts and population figures, known or estimated."""
    table = _titled("Uniqueness", "figure", "value")
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
    table = _titled(title, "column", "highest", "average", "without the class", "rows with one value in their class")
    for name, found in report.attributes.items():
        probabilities = (found.highest, found.average, found.baseline)
        table.add_row(name, *(f"{probability:.2%}" for probability in probabilities), f"{found.homogeneous_rows:,}")
    return table

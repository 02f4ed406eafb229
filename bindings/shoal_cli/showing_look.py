"""What a look found, on a terminal of 80 columns: findings first, a line for each column, then what to do next."""

import shlex
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from shoal.looking import Look

_WIDTH = 80
_LONGEST_NAME = 26
_HEADINGS = ("guess", "values", "unique", "nulls")
_WIDTHS = (16, 9, 6, 6)


def show_look(found: "Look", source: str, policy_out: str | None) -> None:
    """Print what needs a decision, the guessed roles, and the next command."""
    for line in look_lines(found, source, policy_out):
        click.echo(line)


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
    yield "unique: share of rows that no other row equals in this column"
    yield from _next(found, source, policy_out)


def _findings(found: "Look") -> Iterator[str]:
    """Yield what the table gives away."""
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


def _table(rows: "Iterable[dict[str, Any]]") -> Iterator[str]:
    """Yield the heading and the lines of each column."""
    listed = list(rows)
    wide = min(_LONGEST_NAME, max(len("column"), *(len(_name(row)) for row in listed)))
    yield _line("column", wide, _HEADINGS, "why")
    left = wide + sum(_WIDTHS) + 2 * (len(_WIDTHS) + 1)
    for row in listed:
        name = _name(row)
        cells = (
            str(row["role"]).replace("_", "-"),
            "-" if row["distinct"] is None else f"{row['distinct']:,}",
            "-" if not row["unique_rows"] else _share(row["unique_rows"]),
            "-" if not row["nulls"] else _share(row["nulls"]),
        )
        if len(name) > wide:
            # A name is not cut: it has lines of its own.
            yield from textwrap.wrap(name, _WIDTH, drop_whitespace=False) or [name]
            name = ""
        first, *more = textwrap.wrap(row["reason"], max(_WIDTH - left, 16)) or [""]
        yield _line(name, wide, cells, first)
        yield from (" " * left + part for part in more)


def _name(row: "dict[str, Any]") -> str:
    """Return a column's name on one line."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in row["column"]) or "''"


def _line(name: str, wide: int, cells: Iterable[str], why: str) -> str:
    """Return one line of the table: the role to the left, figures to the right."""
    role, *figures = cells
    parts = [name.ljust(wide), role.ljust(_WIDTHS[0])]
    parts += [figure.rjust(width) for figure, width in zip(figures, _WIDTHS[1:], strict=True)]
    return "  ".join([*parts, why]).rstrip()


def _next(found: "Look", source: str, policy_out: str | None) -> Iterator[str]:
    """Yield the command that comes next."""
    if policy_out is None:
        yield f"next: shoal look {shlex.quote(source)} --policy-out policy.toml"
        return
    yield ""
    yield from _wrapped("", f"Wrote {policy_out}: choose its k and decide on each undecided column, then")
    yield f"next: shoal anonymize {shlex.quote(source)} OUTPUT --policy {shlex.quote(policy_out)}"


def _wrapped(start: str, text: str) -> list[str]:
    """Return text in lines no wider than the terminal."""
    return textwrap.wrap(
        text, _WIDTH, initial_indent=start, subsequent_indent=" " * max(len(start), 0), break_long_words=False
    )


def _n(count: int, what: str) -> str:
    """Return a count and its noun."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _unique_rows(share: float | None) -> str:
    """Return how many rows are unique, as the start of a sentence."""
    return f"{_share(share)} of rows are unique" if share else "no row is unique"


def _share(share: float | None) -> str:
    """Return a share in percent, never rounded to all or nothing."""
    if not share:
        return "none"
    if share < 0.001:
        return "<0.1 %"
    return ">99.9 %" if 0.999 < share < 1.0 else "100 %" if share == 1.0 else f"{share:.1%}".replace("%", " %")

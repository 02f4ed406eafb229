"""Small HTML tables for notebooks, readable on light and dark themes: no color of their own, no scripts."""

from collections.abc import Sequence
from html import escape

_TABLE = "border-collapse:collapse;font-variant-numeric:tabular-nums;color:inherit;background:transparent"
_ROW = "background:transparent;border-bottom:1px solid color-mix(in srgb,currentColor 20%,transparent)"


def html_summary(
    title: str, header: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str] = (), *, texts: int = 1
) -> str:
    """Return a heading, a table and notes as HTML; every text is escaped.

    Parameters
    ----------
    title : str
        Its part before the first colon is bold.
    header : sequence of str
        Headings of the columns; the first may be empty.
    rows : sequence of sequences of str
        Cells; the first of each row is its heading.
    notes : sequence of str
        Lines below the table.
    texts : int
        Columns from the left that hold text; the others are aligned right, as numbers.

    Examples
    --------
    >>> html_summary("Release: k < 3", ["", "before"], [["risk", "10 %"]]).count("<td")
    1
    """
    head, colon, rest = title.partition(":")
    body = "".join(_row(row, texts) for row in rows)
    parts = [f'<div><p style="margin:0 0 4px"><b>{escape(head)}</b>{colon}{escape(rest)}</p>']
    if rows:
        columns = "".join(
            f'<th scope="col" style="{_cell("left" if place < texts else "right")};font-weight:600">{escape(text)}</th>'
            for place, text in enumerate(header)
        )
        parts.append(f'<table style="{_TABLE}"><thead><tr style="{_ROW}">{columns}</tr></thead><tbody>{body}</tbody>')
        parts.append("</table>")
    parts += [f'<p style="margin:4px 0 0">{escape(note)}</p>' for note in notes]
    return "".join([*parts, "</div>"])


def _row(row: Sequence[str], texts: int) -> str:
    """Return one row."""
    first, *others = row
    cells = [f'<th scope="row" style="{_cell("left")};font-weight:400">{escape(first)}</th>']
    cells += [
        f'<td style="{_cell("left" if place < texts else "right")}">{escape(text)}</td>'
        for place, text in enumerate(others, 1)
    ]
    return f'<tr style="{_ROW}">{"".join(cells)}</tr>'


def _cell(align: str) -> str:
    """Return the style of a cell."""
    return f"border:0;padding:2px 12px 2px 0;text-align:{align}"

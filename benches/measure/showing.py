"""Figures as Markdown."""

from collections.abc import Sequence

from benches.measure.figure import Figure


def as_markdown(figures: Sequence[Figure]) -> str:
    """Return a table of figures, one a row."""
    lines = ["| what | measured | mark | reached | CPU s | wall s | runs |", "|---|---|---|---|---|---|---|"]
    return "\n".join([*lines, *map(_row, figures)])


def _row(figure: Figure) -> str:
    """Return one row."""
    what = figure.what + (f" ({figure.note})" if figure.note else "")
    mark = verdict = ""
    if figure.mark is not None:
        mark = f"{'≥' if figure.better == 'more' else '≤'} {_number(figure.mark)}"
        verdict = "yes" if figure.met else "no"
    cost = figure.cost
    times = [_number(cost.cpu_seconds), _number(cost.wall_seconds), str(cost.runs)] if cost else [""] * 3
    value = f"{_number(figure.value)} {figure.unit}".strip()
    return "| " + " | ".join([what, value, mark, verdict, *times]) + " |"


def _number(value: float) -> str:
    """Write a number with at least three significant digits."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.4f}"

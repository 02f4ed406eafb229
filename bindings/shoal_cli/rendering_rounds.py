"""Rounds of a federation as tables on a terminal."""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    import polars as pl

# Without markup: names of nodes may hold brackets.
_CONSOLE = Console(markup=False)


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

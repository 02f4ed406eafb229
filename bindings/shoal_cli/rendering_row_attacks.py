"""Attacks on rows of plain values as lines on a terminal: the risk first, then what it is compared with."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shoal_cli.rendering import show_notes

if TYPE_CHECKING:
    from shoal_engine.attack.attribution import AttributionReport
    from shoal_engine.attack.success_rates import AttackReport, Risk

_NAME = 32


def _percent(share: float | None) -> str:
    """Return a share in percent."""
    return "-" if share is None else f"{100 * share:.1f} %"


def _interval(risk: "Risk") -> str:
    """Return an interval in percent."""
    return f"{100 * risk.low:.1f} to {100 * risk.high:.1f} %"


def _line(name: str, *cells: str) -> str:
    """Return a line of a name and cells."""
    return (name.ljust(_NAME) + "".join(cell.rjust(16) for cell in cells)).rstrip()


def show_row_attack(found: "AttackReport", source: str) -> None:
    """Print an attack: its risk, and the success on original rows, on control rows and of naive guesses."""
    click.echo(f"{Path(source).name}   {found.attack}, {found.success.attacks:,} attacks\n")
    show_notes(list(_notes(found)))
    click.echo(_line("", "attacks", "success", f"{found.confidence:.0%} interval"))
    rows = [("original rows", found.success), ("control rows", found.control), ("naive guesses", found.baseline)]
    for name, one in rows:
        if one is not None:
            click.echo(_line(name, f"{one.attacks:,}", _percent(one.share), _interval(one.rate)))
    if found.control is not None:
        click.echo(_line("residual risk", "", _percent(found.risk.value), _interval(found.risk)))


def _notes(found: "AttackReport") -> Iterator[tuple[str, str]]:
    """Yield what the attack found, each with what it means."""
    if not found.success.attacks:
        yield "the release yields no guess: nothing in it is of one row alone", "No attack of this kind can be made."
        return
    if found.control is None:
        yield (
            f"{_percent(found.success.share)} of attacks succeed, {_percent(found.baseline.share)} of naive guesses",
            "How much of it holds for everybody is not known: give --control, rows that are not in the original.",
        )
    else:
        yield (
            f"residual risk {_percent(found.risk.value)}, {found.confidence:.0%} interval {_interval(found.risk)}",
            f"{_percent(found.success.share)} of attacks succeed on original rows, {_percent(found.control.share)} on "
            "control rows.",
        )
    if not found.beats_baseline:
        yield "the attack is no better than naive guesses", "It measures nothing; a better adversary may find more."
    if found.requested is not None and found.success.attacks < found.requested:
        yield f"{found.success.attacks:,} of {found.requested:,} attacks could be made", "Intervals are wider for it."


def show_attribution(found: "AttributionReport", secret: str, source: str) -> None:
    """Print the correct attribution probability of original and control rows."""
    original, control = found.original, found.control
    click.echo(f"{Path(source).name}   attribution of {secret}, {original.attacks:,} rows\n")
    against = "" if control is None else f", {_percent(control.nearest)} on control rows"
    show_notes(
        [
            (
                f"{_percent(original.nearest)} of guesses are right{against}",
                f"Without keys it is {_percent(original.baseline)}.",
            )
        ]
    )
    parts = [("original rows", original)] + ([] if control is None else [("control rows", control)])
    click.echo(_line("", *(name for name, _ in parts)))
    for name, field in (
        ("rows whose keys are released", "found"),
        ("missing keys left out", "left_out"),
        ("missing keys count zero", "zero"),
        ("nearest of missing keys", "nearest"),
        ("without keys", "baseline"),
    ):
        click.echo(_line(name, *(_percent(getattr(one, field)) for _, one in parts)))
    click.echo(_line(f"nearest, {found.confidence:.0%} interval", *(_interval(one.interval) for _, one in parts)))

"""`shoal ledger`: create, show, check and export ledgers of privacy budgets."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shoal_cli.main import MET
from shoal_cli.options import ANCHOR, JSON, NEIGHBORS, UNIT, print_json, unit_columns

if TYPE_CHECKING:
    from shoal_engine.ledger import Ledger

_RECEIPT = re.compile("([0-9]{1,18}):([0-9a-f]{64})")


@click.group()
def ledger() -> None:
    """Manage the privacy budget of a data set."""


@ledger.command()
@click.argument("path", metavar="LEDGER", type=click.Path(dir_okay=False))
@UNIT
@NEIGHBORS
@click.option("--epsilon", help="Budget, as a decimal or a ratio.")
@click.option("--rho", help="Budget of zero-concentrated differential privacy, instead of epsilon.")
@click.option("--delta", default="0", show_default=True)
@ANCHOR
@JSON
def init(
    path: str,
    units: tuple[str, ...],
    neighbors: Any,
    epsilon: str | None,
    rho: str | None,
    delta: str,
    anchor: str | None,
    as_json: bool,  # noqa: FBT001
) -> int:
    """Create a ledger."""
    from shoal_engine.ledger import Budget, Ledger

    budget = Budget.of(epsilon=epsilon, rho=rho, delta=delta)
    made = Ledger.create(path, budget, unit=unit_columns(units), neighbors=neighbors, anchor=anchor)
    body = {"ledger": path, "budget": made.budget.told(made.budget.limits)} | _protected(made)
    _print(body, as_json=as_json)
    return MET


@ledger.command()
@click.argument("path", metavar="LEDGER", type=click.Path(dir_okay=False))
@UNIT
@click.option(
    "--neighbors",
    required=True,
    type=click.Choice(["add-remove", "change-one"]),
    help="Neighbor relation of all lines so far.",
)
@ANCHOR
@JSON
def upgrade(path: str, units: tuple[str, ...], neighbors: Any, anchor: str | None, as_json: bool) -> int:  # noqa: FBT001
    """Add the privacy unit and neighbor relation to a ledger of version 1."""
    from shoal_engine.ledger import Ledger

    made = Ledger.upgrade(path, unit=unit_columns(units), neighbors=neighbors, anchor=anchor)
    _print({"ledger": path, "version": made.version} | _protected(made), as_json=as_json)
    return MET


@ledger.command()
@click.argument("path", metavar="LEDGER", type=click.Path(dir_okay=False))
@JSON
def show(path: str, as_json: bool) -> int:  # noqa: FBT001
    """Show the spent and the remaining budget."""
    from shoal_engine.ledger import Ledger

    opened = Ledger(path)
    lines = opened.entries()
    spent, limits = lines[-1].spent, opened.budget.limits
    left = (limits[0] - spent[0], limits[1] - spent[1])
    amounts = opened.budget.told
    body = _protected(opened) | {"version": opened.version}
    body |= {"budget": amounts(limits), "spent": amounts(spent), "left": amounts(left), "lines": len(lines)}
    _print(body, as_json=as_json)
    if not as_json:
        for line in lines[1:]:
            click.echo(f"{line.number:>6}  {line.time}  {amounts(line.cost)}  {line.label or line.dataset}")
    return MET


@ledger.command()
@click.argument("path", metavar="LEDGER", type=click.Path(dir_okay=False))
@click.option(
    "--receipt", "receipts", multiple=True, metavar="NUMBER:HASH", help="Receipt of a line that must exist; repeatable."
)
@ANCHOR
@JSON
def check(path: str, receipts: tuple[str, ...], anchor: str | None, as_json: bool) -> int:  # noqa: FBT001
    """Verify the hash chain of a ledger, and that it has the lines of given receipts."""
    from shoal_engine.ledger import Ledger, Receipt

    proofs: list[Receipt] = []
    for receipt in receipts:
        found = _RECEIPT.fullmatch(receipt)
        if found is None:
            msg = f"{receipt!r} is not a receipt: a receipt is the number of a line and the 64 digits of its hash"
            raise click.UsageError(msg + ", as a release reports them, for example --receipt 3:9f86d0...")
        proofs.append(Receipt(path, int(found[1]), found[2]))
    lines = Ledger(path, anchor=anchor).check(*proofs)
    _print({"ledger": path, "lines": lines, "whole": True}, as_json=as_json)
    return MET


@ledger.command()
@click.argument("path", metavar="LEDGER", type=click.Path(dir_okay=False))
@click.option("--output", "-o", type=click.Path(dir_okay=False), help="File to write. Default: standard output.")
def export(path: str, output: str | None) -> int:
    """Write every line as JSON."""
    from shoal_engine.ledger import Ledger

    body = Ledger(path).export()
    if output is None:
        click.echo(body)
        return MET
    from shoal.io.files import check_folder
    from shoal.io.writing import written_whole

    check_folder(Path(output), [path])
    with written_whole(Path(output)) as draft:
        draft.write_text(body + "\n", encoding="utf-8")
    return MET


def _protected(opened: "Ledger") -> dict[str, object]:
    """Return the privacy unit and the neighbor relation of a ledger."""
    unit = None if opened.unit is None else list(opened.unit)
    return {"unit": unit, "neighbors": opened.neighbors}


def _print(body: Mapping[str, object], *, as_json: bool) -> None:
    """Print fields, as JSON or one per line."""
    if as_json:
        print_json(body)
        return
    for name, value in body.items():
        shown = "single rows" if (name, value) == ("unit", None) else value
        click.echo(f"{name}: {', '.join(shown) if isinstance(shown, list) else shown}")

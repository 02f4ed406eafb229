"""Options shared by several commands, and printing of JSON."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from shoal_engine.anonymity.policy.policy import Policy

JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else, to standard output.")
UNIT = click.option(
    "--unit",
    "units",
    required=True,
    multiple=True,
    metavar="COL",
    help="Privacy unit: column of ids, repeatable; or row. A column named row is '[\"row\"]'.",
)
NEIGHBORS = click.option(
    "--neighbors",
    type=click.Choice(["add-remove", "change-one"]),
    default="add-remove",
    show_default=True,
    help="Neighbor relation: presence in the table is private, or only the values of a unit.",
)
ANCHOR = click.option(
    "--anchor",
    type=click.Path(dir_okay=False),
    help="Anchor of the ledger: a file, kept elsewhere, with its newest line.",
)
ACCEPT = click.option(
    "--accept",
    multiple=True,
    metavar="CODE[=REASON]",
    help="Accept a finding by its code, with the reason; repeatable.",
)
THREADS = click.option("--threads", type=click.IntRange(min=1), help="Number of threads. Default: all cores.")


def accepting(policy: "Policy", accept: Sequence[str]) -> "Policy":
    """Return the policy with more findings accepted, each given as CODE or CODE=REASON."""
    import msgspec

    if not accept:
        return policy
    given = [entry.partition("=") for entry in accept]
    reasons = {code: reason if equals else "accepted on the command line" for code, equals, reason in given}
    return msgspec.structs.replace(policy, accept={**policy.accept, **reasons})


def unit_columns(units: Sequence[str]) -> tuple[str, ...] | None:
    """Return the columns of `--unit`; None for row.

    Raises
    ------
    click.UsageError
        Row is given together with columns, or a JSON list has values other than names.
    """
    if list(units) == ["row"]:
        return None
    if len(units) == 1 and units[0].startswith("["):
        import json

        try:
            found = json.loads(units[0])
        except ValueError:
            found = None
        if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
            msg = f"--unit {units[0]!r} is not a list of names; give for example --unit '[\"row\"]', or --unit COL"
            raise click.UsageError(msg)
        return tuple(map(str, found))
    if "row" in units:
        msg = "--unit row protects single rows and cannot be combined with columns; give columns, or row alone"
        raise click.UsageError(msg)
    return tuple(units)


def print_json(body: Any) -> None:
    """Print JSON; inf and NaN become null."""
    import msgspec

    click.echo(msgspec.json.encode(body, enc_hook=str).decode())

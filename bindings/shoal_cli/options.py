"""Options that several commands share, and JSON as they all print it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from shoal_engine.anonymity.policy import Policy

JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else, to standard output.")
ANCHOR = click.option(
    "--anchor", type=click.Path(dir_okay=False), help="The ledger's anchor: a file, kept elsewhere, of its newest line."
)
ACCEPT = click.option(
    "--accept",
    multiple=True,
    metavar="CODE[=REASON]",
    help="Accept a finding by its code, with the reason; repeat for more.",
)
THREADS = click.option("--threads", type=click.IntRange(min=1), help="All cores unless given.")


def accepting(policy: "Policy", accept: Sequence[str]) -> "Policy":
    """Return the policy with further findings accepted, each as CODE or CODE=REASON."""
    import msgspec

    if not accept:
        return policy
    given = [entry.partition("=") for entry in accept]
    reasons = {code: reason if equals else "accepted on the command line" for code, equals, reason in given}
    return msgspec.structs.replace(policy, accept={**policy.accept, **reasons})


def print_json(body: Any) -> None:
    """Print JSON; a figure without bound is null, as JSON has no infinity."""
    import msgspec

    click.echo(msgspec.json.encode(body, enc_hook=str).decode())

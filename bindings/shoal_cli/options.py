"""Options that several commands share, and JSON as they all print it."""

from typing import Any

import click

JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else, to standard output.")
ANCHOR = click.option(
    "--anchor", type=click.Path(dir_okay=False), help="The ledger's anchor: a file, kept elsewhere, of its newest line."
)
THREADS = click.option("--threads", type=click.IntRange(min=1), help="All cores unless given.")


def print_json(body: Any) -> None:
    """Print JSON; a figure without bound is null, as JSON has no infinity."""
    import msgspec

    click.echo(msgspec.json.encode(body, enc_hook=str).decode())

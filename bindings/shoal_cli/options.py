"""Options shared by several commands: files, standard input and output, declarations, and printing of JSON."""

import contextlib
import functools
import shutil
import sys
import tempfile
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import polars as pl

    from shoal_engine.anonymity.policy.policy import Policy
    from shoal_engine.declarations import Declarations

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
MEMORY = click.option(
    "--memory",
    metavar="SIZE",
    help="Memory to take, such as 4GiB; a larger table is read twice. Default: half of what there is.",
)
STANDARD = "-"
"""Name of standard input or output."""
FORMATS = ("csv", "tsv", "parquet", "ipc")


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


def declarations_of_input(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add options that declare the INPUT of a command, passed as `declared`."""

    @click.option(
        "--declarations",
        type=click.Path(dir_okay=False),
        metavar="FILE",
        help="TOML with [file] and [column.NAME] sections.",
    )
    @click.option(
        "--type",
        "types",
        multiple=True,
        metavar="COL=TYPE[:FORMAT]",
        help="Type of a column, such as dob=date:%d.%m.%Y or zip=text; repeatable.",
    )
    @functools.wraps(command)
    def declaring_command(*, declarations: str | None, types: tuple[str, ...], **options: Any) -> Any:
        from shoal_engine.declarations import Declarations, column_options

        of_file = Declarations() if declarations is None else Declarations.load(declarations)
        return command(declared=of_file.merged(Declarations(columns=column_options(types))), **options)

    return declaring_command


def declared_input(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add options for declarations and standard input; the command gets `source` and `declared`."""

    @declarations_of_input
    @click.option(
        "--input-format", type=click.Choice(FORMATS), default="csv", help="Format of standard input, INPUT = -."
    )
    @functools.wraps(command)
    def reading(*, source: str, input_format: str, **options: Any) -> Any:
        with _readable(source, input_format) as path:
            return command(source=path, **options)

    return reading


@contextlib.contextmanager
def _readable(source: str, kind: str) -> Generator[str]:
    """Yield the path of an input; standard input is kept in a private file while the command runs."""
    if source != STANDARD:
        yield source
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"standard input.{kind}"
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield str(path)


@contextlib.contextmanager
def written_to(output: str, kind: str) -> Generator[str]:
    """Yield the path to write an output to; standard output gets the file when the block succeeds.

    Inside the block, printed text goes to standard error if the output goes to standard output.
    """
    if output != STANDARD:
        yield output
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"standard output.{kind}"
        with contextlib.redirect_stdout(sys.stderr):
            yield str(path)
        with path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()


def declaring(policy: "Policy", declared: "Declarations") -> "Policy":
    """Return the policy with more declarations, which take precedence over its own."""
    import msgspec

    merged = policy.declarations.merged(declared)
    return msgspec.structs.replace(policy, file=merged.file, column=merged.columns)


def as_declared(source: str, declared: "Declarations") -> "str | pl.LazyFrame":
    """Return the input of a command without a policy, read as declared."""
    from shoal.io.reading import read_path
    from shoal_engine.declarations import Declarations

    return source if declared == Declarations() else read_path(source, declared).frame

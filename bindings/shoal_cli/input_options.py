"""Options for inputs and outputs: files, standard input and output, and declarations of the input."""

import contextlib
import functools
import shutil
import sys
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import polars as pl

    from shoal_engine.anonymity.policy.policy import Policy
    from shoal_engine.declarations import Declarations

STANDARD = "-"
"""Name of standard input or output."""
FORMATS = ("csv", "tsv", "parquet", "ipc")


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

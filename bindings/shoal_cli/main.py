"""Running of commands: exit codes, errors as text or JSON, and cleanup after an interrupt."""

import json
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict
from types import FrameType
from typing import Any, NoReturn

import click

MET = 0
ERROR = 1
NOT_MET = 2
NOT_VERIFIED = 3
FINDINGS = 4
INTERRUPTED = 130
DEBUG = "--debug"


def trace_of(error: BaseException) -> list[str]:
    """Return the places of an error and its causes, the first cause first.

    A message of another package may quote a cell, and so may a line of interactive code; neither is included.
    """
    lines: list[str] = []
    current: BaseException | None = error
    seen: set[int] = set()
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        frames = traceback.walk_tb(current.__traceback__)
        places = [f"{frame.f_code.co_filename}:{line} in {frame.f_code.co_qualname}" for frame, line in frames]
        lines = [*places, f"raised {type(current).__module__}.{type(current).__qualname__}", *lines]
        # Includes causes hidden by `from None`: only their kind and place are shown.
        current = current.__cause__ or current.__context__
    return lines


def run(command: click.Command) -> NoReturn:
    """Run the command line and exit with its code; a wrong option is an error (1)."""
    signal.signal(signal.SIGTERM, _stop)
    as_json = "--json" in sys.argv[1:]
    # Accepted anywhere, as people append it to the command that failed; but words after -- are names.
    words, names = _parted(sys.argv[1:])
    debug, arguments = DEBUG in words, [*(word for word in words if word != DEBUG), *names]
    try:
        code = command.main(arguments, standalone_mode=False)
    except click.exceptions.Abort:
        code = _fail(INTERRUPTED, "Interrupted", "interrupted; nothing was left behind", as_json=as_json)
    except KeyboardInterrupt:
        code = _fail(INTERRUPTED, "Interrupted", "interrupted; nothing was left behind", as_json=as_json)
    except click.ClickException as error:
        code = _fail(ERROR, "UsageError", error.format_message(), as_json=as_json)
    except (SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        # A panic of another library is not an Exception.
        if debug:
            click.echo("\n".join(trace_of(error)), err=True)
        code = _failed(error, as_json=as_json)
    sys.exit(code if isinstance(code, int) else MET)


def _parted(words: list[str]) -> tuple[list[str], list[str]]:
    """Return the words before ``--``, and the rest."""
    end = words.index("--") if "--" in words else len(words)
    return words[:end], words[end:]


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    """Turn a request to terminate into an interrupt, so that drafts are removed."""
    raise KeyboardInterrupt


def _failed(error: BaseException, *, as_json: bool) -> int:
    """Print an error and return its exit code; of unexpected errors, print only kind and place."""
    from shoal_engine.errors import BudgetExhausted, PolicyNotMet, ShoalError, UndecidedColumns, VerificationFailed

    if isinstance(error, PolicyNotMet):
        return _fail(NOT_MET, "PolicyNotMet", str(error), as_json=as_json, nearest=error.nearest)
    if isinstance(error, BudgetExhausted):
        left = {"asked": list(map(str, error.asked)), "remaining": list(map(str, error.remaining))}
        return _fail(NOT_MET, "BudgetExhausted", str(error), as_json=as_json, nearest=left)
    if isinstance(error, VerificationFailed):
        return _fail(NOT_VERIFIED, "VerificationFailed", str(error), as_json=as_json)
    if isinstance(error, UndecidedColumns):
        seen = [asdict(column) for column in error.columns]
        return _fail(ERROR, "UndecidedColumns", str(error), as_json=as_json, undecided=seen)
    if isinstance(error, ShoalError):
        return _fail(ERROR, type(error).__name__, str(error), as_json=as_json)
    if isinstance(error, MemoryError):
        return _fail(ERROR, "MemoryError", "out of memory; nothing was left behind", as_json=as_json)
    where = _where(error)
    # Messages of other packages may quote a cell, so only kind and place are printed.
    return _fail(
        ERROR,
        type(error).__name__,
        f"unexpected {type(error).__name__} {where}; repeat with --debug and report the output, which has no cell",
        as_json=as_json,
    )


def _where(error: BaseException) -> str:
    """Return the place in the code that raised an error."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    return f"at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"


def _fail(code: int, kind: str, message: str, *, as_json: bool, **carried: Any) -> int:
    """Print an error, as JSON with its attributes, and return the exit code."""
    if as_json:
        body: dict[str, Any] = {"error": kind, "message": message, "exit_code": code, **carried}
        click.echo(json.dumps(body))
    else:
        click.echo(f"shoal: {message}", err=True)
    return code


def with_progress(work: Callable[[Callable[[str], None]], Any], *, steps: int) -> Any:
    """Run `work` with a progress bar of its steps on a terminal, and silently elsewhere."""
    if not sys.stderr.isatty():
        return work(lambda step: None)
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description:<12}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=steps)

        def on_step(step: str) -> None:
            bar.update(task, description=step, advance=1)

        return work(on_step)

"""Commands with noise: `shoal query`, and for auditors `shoal audit` and `shoal noise`."""

import secrets
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, get_args

import click

from shoal_cli.main import MET, NOT_VERIFIED
from shoal_cli.options import ANCHOR, JSON, NEIGHBORS, THREADS, UNIT, declarations_of_input, print_json, unit_columns
from shoal_engine.differential.named_choices import DistributionName
from shoal_engine.differential.queries.aggregate_table import AGGREGATES

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from shoal.queries.binning import Bins
    from shoal.queries.query import Private
    from shoal_engine.differential.queries.aggregates import Aggregate
    from shoal_engine.ledger import Ledger


def aggregate_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add an option for each aggregate."""
    for name, one in reversed(AGGREGATES.items()):
        option = f"--{name.replace('_', '-')}"
        if one.form:
            value: dict[str, Any] = {"is_flag": False, "flag_value": ""} if one.form.startswith("[") else {}
            text = f"{one.text}; repeatable."
            command = click.option(option, name, multiple=True, metavar=one.form, help=text, **value)(command)
        else:
            command = click.option(option, name, is_flag=True, help=f"{one.text}.")(command)
    return command


@click.command()
@click.argument("source", metavar="INPUT", required=False)
@UNIT
@click.option("--by", multiple=True, metavar="COL", help="Group by a column, or by bins COL:LO:HI:WIDTH; repeatable.")
@aggregate_options
@click.option("--epsilon", metavar="E", help="Privacy budget of the answer, as a decimal or a ratio.")
@click.option("--rho", metavar="R", help="Budget in zero-concentrated differential privacy, instead of epsilon.")
@click.option(
    "--delta", metavar="D", default="0", show_default=True, help="Delta of (epsilon, delta)-differential privacy."
)
@click.option(
    "--max-groups",
    type=click.IntRange(min=1),
    metavar="N",
    help="Maximum number of groups that one unit contributes to.",
)
@click.option(
    "--max-rows", metavar="N", help="Maximum number of rows of one unit per group; or clip, to clamp its sums."
)
@click.option("--keys", metavar="FILE", help="Public keys of the groups to report. Default: selected privately.")
@click.option(
    "--distribution",
    type=click.Choice(get_args(DistributionName)),
    help="Noise distribution. Default: the one with less noise.",
)
@NEIGHBORS
@click.option("--ledger", type=click.Path(dir_okay=False), help="Charge this ledger.")
@ANCHOR
@click.option("--no-ledger", is_flag=True, help="Charge nothing, on purpose.")
@click.option("--label", help="Question, as ledger and reports show it. Default: aggregates and keys.")
@click.option("--plan", "only_plan", is_flag=True, help="Show the cost and the noise without reading any row.")
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False),
    help="Write the answer to this file, in the format of its suffix.",
)
@declarations_of_input
@THREADS
@JSON
def query(source: str | None, threads: int | None, output: str | None, as_json: bool, **asked: Any) -> int:  # noqa: FBT001
    """Answer a group-by with noise, charged to a ledger."""
    from pathlib import Path

    import polars as pl

    from shoal.io.files import check_output
    from shoal.io.writing import write_frame
    from shoal.queries.query import private
    from shoal_cli.rendering import show_frame

    source, asked["count"] = _source(source, asked["count"])
    if bool(asked["ledger"]) == asked["no_ledger"] and not asked["only_plan"]:
        msg = "name the ledger to charge with --ledger FILE, or give --no-ledger; `shoal ledger init` creates one"
        raise click.UsageError(msg)
    if asked["anchor"] and not asked["ledger"]:
        msg = "--anchor needs a ledger, and none is given; name it with --ledger FILE, or leave --anchor out"
        raise click.UsageError(msg)
    if output is not None:
        check_output(Path(output), [source, *filter(None, (asked["ledger"], asked["anchor"]))])
    unit = unit_columns(asked["units"])
    frame = private(
        source, unit=unit, ledger=_ledger(asked), neighbors=asked["neighbors"], declarations=asked["declared"]
    )
    grouped = frame.group_by(
        *(_key(text, frame) for text in asked["by"]),
        max_groups=asked["max_groups"],
        max_rows=max_rows(asked["max_rows"]),
        keys=asked["keys"],
    )
    budget = {name: asked[name] for name in ("epsilon", "rho", "delta", "distribution")}
    wanted = grouped.agg(*aggregates(asked))
    plan = wanted.plan(**budget)
    body = {
        "epsilon": plan.epsilon,
        "rho": plan.rho,
        "delta": plan.delta,
        "plan": plan.frame.to_dicts(),
        "notes": list(plan.notes),
    }
    answer = plan.frame.select(pl.exclude("sensitivity_steps", "std_steps", "step"))
    if not asked["only_plan"]:
        checked = None if output is None else partial(_check_written, output=Path(output))
        released = wanted.release(**budget, n_threads=threads, before_charge=checked, label=asked["label"])
        receipt, answer = released.receipt, released.frame
        body |= {"receipt": receipt and f"{receipt.number}:{receipt.hash}", "rows": answer.height}
        if output is not None:
            write_frame(answer, Path(output))
        else:
            body["answer"] = answer.to_dicts()
    if as_json:
        print_json(body)
    else:
        show_frame(answer, "Plan" if asked["only_plan"] else "Answer, with noise")
        for note in plan.notes:
            click.echo(f"note: {note}")
        if body.get("receipt"):
            click.echo(f"charged as line {body['receipt']}")
    return MET


@click.command()
@click.option(
    "--mechanism",
    "-m",
    "mechanisms",
    multiple=True,
    metavar="NAME",
    help="Mechanism to audit; repeatable. Default: all.",
)
@click.option(
    "--runs",
    type=click.IntRange(min=1000),
    default=1_000_000,
    show_default=True,
    help="Number of runs on each neighbor.",
)
@JSON
def audit(mechanisms: tuple[str, ...], runs: int, as_json: bool) -> int:  # noqa: FBT001
    """Audit mechanisms on neighboring inputs; fail if the lower bound on epsilon exceeds the claim."""
    from shoal.queries.audit import audit as audit_all
    from shoal_cli.rendering import show_frame

    found = audit_all(mechanisms or None, runs=runs)
    if as_json:
        print_json({"audits": found.to_dicts()})
    else:
        show_frame(found, "Epsilon, claimed and proven")
    return NOT_VERIFIED if (found["verdict"] == "broken").any() else MET


def _check_written(empty: "pl.DataFrame", *, output: "Path") -> None:
    """Write an empty answer next to the output, so that write errors are raised before the charge."""
    from shoal.io.writing import write_frame

    probe = output.with_name(f".{secrets.token_hex(8)}.{output.name}")
    try:
        write_frame(empty, probe)
    finally:
        probe.unlink(missing_ok=True)


def _ledger(asked: dict[str, Any]) -> "Ledger | None":
    """Return the ledger to charge, or None."""
    from shoal_engine.ledger import Ledger

    return Ledger(asked["ledger"], anchor=asked["anchor"]) if asked["ledger"] else None


def aggregates(asked: dict[str, Any]) -> "list[Aggregate]":
    """Return the requested aggregates, in the order of the options' help."""
    return [
        _aggregate(name, one.form, text)
        for name, one in AGGREGATES.items()
        for text in (asked[name] if one.form else [""] * asked[name])
    ]


def _aggregate(name: str, form: str, text: str) -> "Aggregate":
    """Return the aggregate of an option's value."""
    from shoal import dp

    make = getattr(dp, name)
    match form:
        case "":
            return make()
        case "[COL]":
            return make(text or None)
        case "COL":
            return make(text)
        case _:
            column, *share, low, high = parts_of(text, form.count(":") + 1, form)
            found = make(column, *share, bounds=(low, high))
            return found.alias(f"{column}_q{share[0]}") if share else found


def _source(source: str | None, counts: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Return the input and the values of `--count`; a bare `--count` before the input takes it as its column."""
    if source is not None:
        return source, counts
    paths = [place for place, text in enumerate(counts) if text and _sources(text)]
    if len(paths) != 1:
        msg = "Missing argument 'INPUT'."
        raise click.UsageError(msg)
    (place,) = paths
    return counts[place], (*counts[:place], "", *counts[place + 1 :])


def _sources(path: str) -> "list[Path] | None":
    """Return the files of a path, or None if it has no files."""
    from shoal.io.files import sources
    from shoal_engine.errors import InputError

    try:
        return sources(path)
    except InputError:
        return None


def _key(text: str, frame: "Private") -> "str | Bins":
    """Return a key column or its bins; an existing column with that name takes precedence."""
    from shoal.io.lazy_frames import schema_of
    from shoal.queries.binning import evenly

    if text.count(":") < 3 or text in schema_of(frame.frame):
        return text
    column, low, high, width = parts_of(text, 4, "COL:LO:HI:WIDTH")
    return evenly(column, low, high, width)


def parts_of(text: str, n: int, form: str) -> list[str]:
    """Split an option from the right, so that a column's name may hold colons."""
    parts = text.rsplit(":", n - 1)
    if len(parts) != n or not all(parts):
        msg = f"{text!r} is not of the form {form}; bounds are declared, for example --sum cost:0:50000"
        raise click.UsageError(msg)
    return parts


def max_rows(text: str | None) -> Any:
    """Return the maximum number of rows of a unit, or clip."""
    if text is None or text == "clip":
        return text
    if not text.isdigit():
        msg = f"--max-rows is an integer or clip, not {text!r}"
        raise click.UsageError(msg)
    return int(text)


@click.command()
@click.option("--distribution", required=True, type=click.Choice(get_args(DistributionName)))
@click.option("--scale", required=True, metavar="S", help="Exact scale: 10, 0.1 or 1/3; for gaussian, sigma.")
@click.option("-n", "n", required=True, type=click.IntRange(min=1), help="Number of samples.")
@click.option(
    "--output", "-o", required=True, type=click.Path(dir_okay=False), help="File to write, in the format of its suffix."
)
@THREADS
@JSON
def noise(distribution: Any, scale: str, n: int, output: str, threads: int | None, as_json: bool) -> int:  # noqa: FBT001
    """Write exact integer noise, for audits; it must not be added to any result."""
    from shoal.queries.noise import sample_noise_file

    body = sample_noise_file(output, distribution, scale=scale, n=n, n_threads=threads)
    if as_json:
        print_json(body)
    else:
        click.echo(f"{n:,} samples of discrete {distribution} noise of scale {body['scale']} written to {output}")
    return MET

"""`shoal frontier`: releases that could be made of a table, with risk and usefulness of each."""

import textwrap
from typing import TYPE_CHECKING

import click

from shoal_cli.main import MET, NOT_MET
from shoal_cli.options import JSON, THREADS, declarations_of_input, declaring, print_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shoal.tradeoff.frontier import Frontier
    from shoal_engine.declarations import Declarations
    from shoal_engine.frontier.points import Point, Tried
    from shoal_engine.frontier.recommendation import Recommendation

_WIDTH = 80


def integers(context: click.Context, parameter: click.Parameter, text: str) -> list[int]:
    """Return the integers of a list with commas."""
    del context, parameter
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        msg = "give integers with commas between them, for example 2,5,10"
        raise click.BadParameter(msg) from None


@click.command()
@click.argument("source", metavar="INPUT")
@click.option("--policy", "-p", "policy_file", required=True, type=click.Path(dir_okay=False), help="Policy, as TOML.")
@click.option("-k", "--k", "strengths", required=True, callback=integers, metavar="K,K,...", help="Strengths to try.")
@click.option("--method", "methods", default="tight", show_default=True, metavar="NAME,...", help="Methods to try.")
@click.option("--known", "-c", multiple=True, metavar="COL", help="What an adversary knows; repeatable. Default: all.")
@click.option("--query", "counts", multiple=True, metavar="WHERE", help="Rows that meet a condition; repeatable.")
@click.option("--target", metavar="COL", help="Column that a model learns to predict; needs scikit-learn.")
@click.option("--max-risk", type=float, metavar="P", help="Limit of the highest risk of a person.")
@click.option("--max-mean-risk", type=float, metavar="P", help="Limit of the mean risk.")
@click.option("--max-error", type=float, metavar="E", help="Limit of the error of 95 % of the answers.")
@click.option("--min-accuracy", type=float, metavar="A", help="Least accuracy; needs --target.")
@click.option("--seed", type=click.IntRange(min=0), metavar="S", help="Seed of what is drawn. Default: secret.")
@click.option("--output", "-o", type=click.Path(dir_okay=False), help="File for the figures as JSON.")
@declarations_of_input
@THREADS
@JSON
def frontier(
    source: str,
    policy_file: str,
    strengths: list[int],
    methods: str,
    known: tuple[str, ...],
    counts: tuple[str, ...],
    target: str | None,
    max_risk: float | None,
    max_mean_risk: float | None,
    max_error: float | None,
    min_accuracy: float | None,
    seed: int | None,
    output: str | None,
    declared: "Declarations",
    threads: int | None,
    as_json: bool,  # noqa: FBT001
) -> int:
    """Try methods and strengths on INPUT, and measure risk and usefulness of each; nothing is released.

    Exit code 2: limits are given, and no release meets all of them.
    """
    from shoal.io.writing import write_json
    from shoal.tradeoff.frontier import frontier as sweep
    from shoal.usefulness.workload import Query
    from shoal_engine.anonymity.policy.policy import Policy
    from shoal_engine.frontier.recommendation import Limits

    if min_accuracy is not None and target is None:
        msg = "--min-accuracy needs a model, and --target names the column that it learns to predict"
        raise click.UsageError(msg)
    found = sweep(
        source,
        declaring(Policy.load(policy_file), declared),
        k=strengths,
        method=methods.split(","),  # pyright: ignore[reportArgumentType]
        known=known or None,
        workload=list(map(Query, counts)) or None,
        target=target,
        limits=Limits(max_risk=max_risk, max_mean_risk=max_mean_risk, max_error=max_error, min_accuracy=min_accuracy),
        seed=seed,
        n_threads=threads,
    )
    if output is not None:
        write_json(found.to_dict(), output)
    if as_json:
        print_json(found.to_dict())
    else:
        show_frontier(found)
    return MET if found.recommendation is None or found.recommendation.met else NOT_MET


def show_frontier(found: "Frontier") -> None:
    """Print the recommendation, then one line a release."""
    trained = any(one.accuracy is not None for one in found.points)
    lines = ", ".join(f"{name} {level:.4g}" for name, level in found.lines.items())
    show_points(
        found.points,
        found.recommendation,
        f"{'method':<17}{'k':>5}{'risk':>9}{'mean':>9}{'error':>9}{'95 %':>9}" + f"{'accuracy':>10}" * trained,
        [_line(one) + (f"{one.accuracy:>10.4f}" if one.accuracy is not None else "") for one in found.points],
        [
            "risk: highest probability that a person's record is found; mean: of all people. error: median of the "
            "workload's answers; 95 %: of 95 in 100 answers.",
            f"Usefulness ({found.measure}) next to it: {lines}.",
            *(f"{one.method} with k = {one.k} cannot be made: {one.why}" for one in found.not_reached),
            *(f"Note: {note}." for note in found.notes),
            f"{found.rows:,} rows; seed {found.seed}.",
        ],
    )


def show_points(
    points: "Sequence[Tried]",
    chosen: "Recommendation | None",
    header: str,
    lines: "Sequence[str]",
    notes: "Sequence[str]",
) -> None:
    """Print the recommendation, then one line a point with its mark, then notes."""
    from shoal_engine.frontier.points import front

    text = "No limit is given, so nothing is recommended." if chosen is None else chosen.text
    click.echo(textwrap.fill(text, _WIDTH) + "\n")
    click.echo(f"  {header}")
    for place, (line, best) in enumerate(zip(lines, front(points), strict=True)):
        mark = ">" if chosen is not None and chosen.place == place else "*" if best else " "
        click.echo(f"{mark} {line}")
    click.echo()
    sign = "nearest" if chosen is not None and not chosen.met else "recommended"
    marks = ("" if chosen is None else f"> {sign}  ") + "* no other has less risk and is as useful"
    for note in (marks, *notes):
        click.echo(textwrap.fill(note, _WIDTH))


def _line(one: "Point") -> str:
    """Return the figures of a release."""
    return (
        f"{one.method:<17}{one.k:>5}{one.risk:>9.3g}{one.mean_risk:>9.3g}{percent(one.error):>9}"
        f"{percent(one.error_at_95):>9}"
    )


def percent(share: float) -> str:
    """Return a share as text of at most 8 characters, unless it is huge."""
    return f"{100 * share:.2f}%" if share < 1 else f"{100 * share:.0f}%"

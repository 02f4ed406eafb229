"""`shoal utility`: errors that a reader of a release makes, next to the raw table and trivial sanitization."""

import textwrap
from typing import TYPE_CHECKING

import click

from shoal_cli.main import MET
from shoal_cli.options import JSON, declarations_of_input, declaring, print_json

if TYPE_CHECKING:
    from shoal.usefulness.utility import Utility
    from shoal.usefulness.workload import Query
    from shoal_engine.declarations import Declarations
    from shoal_engine.utility.answer_errors import ErrorSummary

_WIDTH = 27


@click.command()
@click.argument("release", metavar="RELEASE")
@click.argument("raw", metavar="RAW")
@click.option(
    "--policy", "-p", "policy_file", required=True, type=click.Path(dir_okay=False), help="Policy of the release."
)
@click.option("--query", "counts", multiple=True, metavar="WHERE", help="Rows that meet a condition; repeatable.")
@click.option("--mean", "means", multiple=True, metavar="COL[:WHERE]", help="Mean over these rows; repeatable.")
@click.option(
    "--queries", type=click.IntRange(min=1), metavar="N", help="Number of questions to draw, if none is given."
)
@click.option("--seed", type=click.IntRange(min=0), metavar="S", help="Seed of the drawn questions. Default: secret.")
@declarations_of_input
@JSON
def utility(
    release: str,
    raw: str,
    policy_file: str,
    counts: tuple[str, ...],
    means: tuple[str, ...],
    queries: int | None,
    seed: int | None,
    declared: "Declarations",
    as_json: bool,  # noqa: FBT001
) -> int:
    """Measure errors of counts, ranges and means estimated from RELEASE, which was made of RAW."""
    from shoal.usefulness.utility import DRAWN
    from shoal.usefulness.utility import utility as measure
    from shoal.usefulness.workload import Query
    from shoal_engine.anonymity.policy.policy import Policy

    asked = [*map(Query, counts), *map(_mean, means)]
    if asked and (queries is not None or seed is not None):
        msg = "--queries and --seed draw questions, and some are given with --query or --mean; leave either out"
        raise click.UsageError(msg)
    policy = declaring(Policy.load(policy_file), declared)
    found = measure(release, raw, policy=policy, workload=asked or None, queries=queries or DRAWN, seed=seed)
    if as_json:
        print_json(found.to_dict())
    else:
        show_utility(found)
    return MET


def _mean(text: str) -> "Query":
    """Return the question of an option's value."""
    from shoal.usefulness.workload import Query

    column, _, where = text.partition(":")
    return Query(where or {}, mean=column)


def show_utility(found: "Utility") -> None:
    """Print the finding, then the errors by table and kind."""
    from shoal.usefulness.utility import NO_QUASI, NO_SENSITIVE, RELEASE
    from shoal_cli.rendering import show_findings

    own = found.error()
    sentence = (
        f"Of {own.answers:,} answers from the release, half are within {_share(own.median)} of the raw table's, "
        f"and 95 of 100 within {_share(own.at_95)}."
    )
    tables = {one.table for one in found.workload}
    beaten = [table for table in (NO_QUASI, NO_SENSITIVE) if table in tables and _as_good(found.error(table), own)]
    show_findings(
        [sentence],
        [f"The raw table {table} answers as well: the release is not worth its risk for these." for table in beaten],
        (),
    )
    kinds = list(dict.fromkeys(one.kind for one in found.workload if one.table == RELEASE))
    click.echo(f"{'Median and 95 % error':<{_WIDTH}}" + "".join(f"{kind:>13}" for kind in kinds))
    for table in dict.fromkeys(one.table for one in found.workload):
        cells = "".join(f"{_pair(found.error(table, kind)):>13}" for kind in kinds)
        click.echo(f"{table:<{_WIDTH}}{cells}")
    click.echo()
    click.echo(f"{'Marginals of pairs, distance':<{_WIDTH}} {'mean':>12}{'worst':>13}")
    for one in found.marginals:
        click.echo(f"{one.table:<{_WIDTH}} {_share(one.mean):>13}{_share(one.worst):>13}")
    click.echo()
    seed = [] if found.seed is None else [f"questions were drawn with seed {found.seed}"]
    for note in (*found.notes, *seed):
        click.echo(textwrap.fill(f"Note: {note}.", 80))


def _as_good(trivial: "ErrorSummary", own: "ErrorSummary") -> bool:
    """Return whether a trivial table is as good, in questions that ask of dropped columns at all."""
    return 0 < trivial.mean <= own.mean and trivial.at_95 <= own.at_95


def _pair(error: "ErrorSummary") -> str:
    """Return the median and the 95th percentile."""
    return f"{_share(error.median, unit='')} {_share(error.at_95)}"


def _share(value: float, *, unit: str = "%") -> str:
    """Return a share in percent, with a digit below 10 %."""
    if value != value:
        return "-"
    percent = 100 * value
    return f"{percent:.1f}{unit}" if percent < 99.95 else f"{min(percent, 9999):.0f}{unit}"

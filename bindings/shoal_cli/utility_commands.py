"""`shoal utility`: errors that a reader of a release makes, next to the raw table and trivial sanitization."""

import textwrap
from typing import TYPE_CHECKING

import click

from shoal_cli.main import MET
from shoal_cli.options import JSON, declarations_of_input, declaring, print_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from shoal.ml import Accuracy
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
@click.option("--target", metavar="COL", help="Column that a model trained on RELEASE predicts for the rows of --test.")
@click.option("--test", metavar="FILE", help="Raw rows that were not released; needs --target and shoal[ml].")
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
    target: str | None,
    test: str | None,
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
    if (target is None) != (test is None):
        msg = "--target and --test belong together: the column to predict, and raw rows that were not released"
        raise click.UsageError(msg)
    policy = declaring(Policy.load(policy_file), declared)
    found = measure(release, raw, policy=policy, workload=asked or None, queries=queries or DRAWN, seed=seed)
    accuracy = None if target is None or test is None else _score()(release, raw, test, target=target, policy=policy)
    if as_json:
        print_json(found.to_dict() | {"accuracy": accuracy and accuracy.to_dict()})
    else:
        show_utility(found, accuracy)
    return MET


def _score() -> "Callable[..., Accuracy]":
    """Return `shoal.ml.score`."""
    try:
        from shoal.ml import score
    except ModuleNotFoundError as error:
        raise click.UsageError(str(error)) from None
    return score


def _mean(text: str) -> "Query":
    """Return the question of an option's value."""
    from shoal.usefulness.workload import Query

    column, _, where = text.partition(":")
    return Query(where or {}, mean=column)


def show_utility(found: "Utility", accuracy: "Accuracy | None" = None) -> None:
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
    if accuracy is not None:
        click.echo()
        click.echo(f"{f'Accuracy, {accuracy.target}':<{_WIDTH}.{_WIDTH - 1}}")
        for table in ("release", "raw", "without_quasi_identifiers", "majority"):
            click.echo(
                f"{table.replace('_', ' ').replace('quasi ', 'quasi-'):<{_WIDTH}}{_mean_of(accuracy, table):>14}"
            )
        loss = f"{_share(accuracy.loss.mean)} [{_share(accuracy.loss.low)}, {_share(accuracy.loss.high)}]"
        click.echo(f"{'raw minus release, 95 %':<{_WIDTH}} {loss}")
    click.echo()
    seed = [] if found.seed is None else [f"questions were drawn with seed {found.seed}"]
    for note in (*found.notes, *seed):
        click.echo(textwrap.fill(f"Note: {note}.", 80))


def _mean_of(accuracy: "Accuracy", table: str) -> str:
    """Return the mean accuracy of models by what they were trained on."""
    shares: tuple[float, ...] = getattr(accuracy, table)
    return _share(sum(shares) / len(shares))


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

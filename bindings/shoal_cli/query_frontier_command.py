"""`shoal query-frontier`: errors of a private query against epsilon, planned without data."""

from typing import TYPE_CHECKING, Any, get_args

import click

from shoal_cli.main import MET, NOT_MET
from shoal_cli.options import JSON, NEIGHBORS, UNIT, print_json, unit_columns
from shoal_cli.query_commands import aggregate_options, aggregates, max_rows, parts_of
from shoal_engine.differential.named_choices import DistributionName

if TYPE_CHECKING:
    import polars as pl

    from shoal.queries.binning import Bins
    from shoal.queries.frontier import QueryFrontier
    from shoal_engine.differential.queries.aggregates import Aggregate

_SHOWN = 4
"""Budgets whose answers are printed one by one."""


@click.command("query-frontier")
@UNIT
@click.option("--by", multiple=True, metavar="COL", help="Group by a column, or by bins COL:LO:HI:WIDTH; repeatable.")
@aggregate_options
@click.option("--epsilon", required=True, metavar="E,E,...", help="Budgets to try, as decimals or ratios.")
@click.option("--delta", metavar="D", default="0", show_default=True, help="Delta of each.")
@click.option("--group-size", required=True, type=float, metavar="N", help="Rows of a typical group; units with clip.")
@click.option("--expect", "given", multiple=True, metavar="ANSWER=X", help="A typical answer, by its name; repeatable.")
@click.option("--max-groups", type=click.IntRange(min=1), metavar="N", help="As for `shoal query`.")
@click.option("--max-rows", metavar="N", help="As for `shoal query`.")
@click.option("--keys", metavar="FILE", help="Public keys of the groups to report. Default: selected privately.")
@click.option("--distribution", type=click.Choice(get_args(DistributionName)), help="As for `shoal query`.")
@NEIGHBORS
@click.option("--max-risk", type=float, metavar="P", help="Limit of the membership advantage, 0 to 1.")
@click.option("--max-error", type=float, metavar="E", help="Limit of 95 % of the noise over the typical answer.")
@click.option("--output", "-o", type=click.Path(dir_okay=False), help="File for the figures as JSON.")
@JSON
def query_frontier(output: str | None, as_json: bool, **asked: Any) -> int:  # noqa: FBT001
    """Show the error of a private query against epsilon; no table is an argument, and nothing is charged.

    Options are those of `shoal query`. Exit code 2: limits are given, and no epsilon meets all of them.
    """
    from shoal.io.writing import write_json
    from shoal.queries.query import private
    from shoal_engine.frontier.recommendation import Limits

    wanted, keys = aggregates(asked), [_key(text) for text in asked["by"]]
    unit = unit_columns(asked["units"])
    grouped = private(_nobody(unit, keys, wanted), unit=unit, ledger=None, neighbors=asked["neighbors"]).group_by(
        *keys, max_groups=asked["max_groups"], max_rows=max_rows(asked["max_rows"]), keys=asked["keys"]
    )
    found = grouped.agg(*wanted).frontier(
        epsilon=asked["epsilon"].split(","),
        group_size=asked["group_size"],
        expected=dict(map(_expected, asked["given"])),
        delta=asked["delta"],
        distribution=asked["distribution"],
        limits=Limits(max_risk=asked["max_risk"], max_error=asked["max_error"]),
    )
    if output is not None:
        write_json(found.to_dict(), output)
    if as_json:
        print_json(found.to_dict())
    else:
        show_query_frontier(found)
    return MET if found.recommendation is None or found.recommendation.met else NOT_MET


def show_query_frontier(found: "QueryFrontier") -> None:
    """Print the recommendation, one line a budget, and the answers of each."""
    from shoal_cli.frontier_commands import percent, show_points

    chosen = any(one.kept_from is not None for one in found.points)
    show_points(
        found.points,
        found.recommendation,
        f"{'epsilon':<9}{'noise':<10}{'risk':>7}{'right guess':>13}{'error':>9}{'95 %':>9}"
        + f"{'kept from':>11}" * chosen,
        [
            f"{one.epsilon:<9.4g}{one.method:<10}{one.risk:>7.3f}{percent(one.right_guess):>13}{percent(one.error):>9}"
            f"{percent(one.error_at_95):>9}" + (f"{one.kept_from:>11}" if chosen else "")
            for one in found.points
        ],
        [
            "risk: true less false positives of any membership test, at most; right guess: of somebody at 50 % before. "
            "error: median of the least exact answer; 95 %: of 95 in 100.",
            "",
            f"95 in 100 answers are within{'':<6}"
            + "".join(f"{_budget(one.epsilon):>11}" for one in found.points[:_SHOWN]),
            *(
                f"  {name[:21]:<21} of {_short(at[0].expected):<8}"
                + "".join(f"{_short(one.half_width):>11}" for one in at)
                for name, at in _answers(found)
            ),
            "",
            *["Of the first four; --json has all.", ""] * (len(found.points) > _SHOWN),
            *(f"Note: {note}." for note in found.notes),
        ],
    )


def _answers(found: "QueryFrontier") -> "list[tuple[str, list[Any]]]":
    """Return the answers of the first budgets, by their names."""
    rows = zip(*(one.answers for one in found.points[:_SHOWN]), strict=True)
    return [(at[0].aggregate, list(at)) for at in rows]


def _budget(epsilon: float) -> str:
    return f"eps {epsilon:.4g}"


def _short(number: float) -> str:
    return f"{number:.3g}" if abs(number) < 1000 else f"{number:,.0f}" if abs(number) < 1e6 else f"{number:.2e}"


def _nobody(unit: "tuple[str, ...] | None", keys: "list[str | Bins]", wanted: "list[Aggregate]") -> "pl.DataFrame":
    """Return a table of no rows with every column that the query names."""
    import polars as pl

    names = dict.fromkeys([*(unit or ()), *(one for one in keys if isinstance(one, str))], pl.String())
    kinds: dict[str, pl.DataType] = {**names}
    for one in wanted:
        column: str | None = getattr(one, "column", None)
        if column is not None:
            bounded = getattr(one, "bounds", None) is not None
            kinds[column] = pl.Float64() if bounded else kinds.get(column, pl.String())
    kinds |= {one.column: pl.Float64() for one in keys if not isinstance(one, str)}
    return pl.DataFrame(schema=kinds)


def _key(text: str) -> "str | Bins":
    """Return a key column or its bins."""
    from shoal.queries.binning import evenly

    if text.count(":") < 3:
        return text
    column, low, high, width = parts_of(text, 4, "COL:LO:HI:WIDTH")
    return evenly(column, low, high, width)


def _expected(text: str) -> tuple[str, float]:
    """Return the name and the value of a typical answer."""
    name, _, value = text.rpartition("=")
    try:
        return name, float(value)
    except ValueError:
        msg = f"--expect takes ANSWER=X, for example count=200; got {text!r}"
        raise click.UsageError(msg) from None

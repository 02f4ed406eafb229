"""`shoal federate`: aggregate updates into a model, and run a demonstration with four hospitals."""

import json
from typing import Any

import click

from shoal_cli.main import MET
from shoal_cli.options import JSON, print_json


@click.group()
def federate() -> None:
    """Train one model across clients whose rows stay local."""


@federate.command()
@click.argument("updates", metavar="UPDATES...", nargs=-1, required=True)
@click.option("--rule", required=True, metavar="RULE", help="Aggregation rule, such as mean or median.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Parameter of the rule; repeatable.")
@click.option(
    "--weights",
    default="claimed",
    show_default=True,
    metavar="claimed|equal|FILE",
    help="Weight of each update: as it claims, 1, or from a table with columns node and weight.",
)
@click.option("--round", "number", type=int, help="Round to aggregate; updates of other rounds are rejected.")
@click.option("--max-weight", type=float, help="Maximum weight; updates that claim more are rejected.")
@click.option(
    "--min-updates",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Minimum number of accepted updates.",
)
@click.option("--output", "-o", required=True, type=click.Path(dir_okay=False), metavar="MODEL")
@JSON
def aggregate(
    updates: tuple[str, ...],
    rule: str,
    settings: tuple[str, ...],
    weights: str,
    number: int | None,
    max_weight: float | None,
    min_updates: int,
    output: str,
    as_json: bool,  # noqa: FBT001
) -> int:
    """Aggregate updates (Arrow IPC files, folders or globs) into a model."""
    from shoal.federation.aggregate import aggregate_files, read_weights
    from shoal_cli.rendering import show_round
    from shoal_engine.federated.updates.round import LARGEST_WEIGHT, UpdateChecks

    largest = LARGEST_WEIGHT if max_weight is None else max_weight
    checks = UpdateChecks(round=number, max_weight=largest, min_updates=min_updates)
    made = aggregate_files(
        updates,
        output,
        rule=rule,
        parameters=dict(map(_setting, settings)),
        weights=weights if weights in ("claimed", "equal") else read_weights(weights),
        checks=checks,
    )
    if as_json:
        layout = [{"name": one.name, "shape": list(one.shape), "dtype": one.dtype} for one in made.model.layout]
        body = {"model": output, "rule": rule, "weight": made.weight, "tensors": layout}
        print_json({**body, "updates": made.report.to_dicts()})
    else:
        show_round(made.report)
        click.echo(f"{output}: {made.model.size:,} values, of {made.report['kept'].sum()} updates by {rule}")
    return MET


@federate.command()
@click.option("--rounds", type=click.IntRange(min=1), default=10, show_default=True)
@JSON
def demo(rounds: int, as_json: bool) -> int:  # noqa: FBT001
    """Simulate four hospitals that train a model together, one of them hostile."""
    from dataclasses import asdict

    from shoal.demo.hospital_federation import hospital_federation
    from shoal_cli.rendering import show_accuracies

    if not as_json:
        click.echo("Four hospitals train a model of a disease with Flower; their patients' rows stay where they are.")
    found = hospital_federation(rounds)
    if as_json:
        print_json({"rounds": rounds, "accuracies": [asdict(one) for one in found]})
    else:
        show_accuracies((one.trained_by, one.rule, one.accuracy, one.remark) for one in found)
    return MET


def _setting(text: str) -> tuple[str, Any]:
    """Return the name and the value of a parameter; a value that is not JSON is text."""
    name, found, value = text.partition("=")
    if not found or not name.isidentifier():
        msg = f"--set takes NAME=VALUE; got {text!r}"
        raise click.UsageError(msg)
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value

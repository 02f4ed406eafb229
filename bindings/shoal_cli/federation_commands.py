"""`shoal federate`: aggregate updates, and four hospitals: a demonstration, and what their privacy costs."""

import json
from typing import TYPE_CHECKING, Any

import click

from shoal_cli.frontier_commands import integers, show_points
from shoal_cli.main import MET, NOT_MET
from shoal_cli.options import JSON, print_json

if TYPE_CHECKING:
    from shoal.demo.hospital_frontier import TrainingFrontier


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


@federate.command()
@click.option("--epsilon", required=True, metavar="E,E,...", help="Budgets of a training to try; none adds no noise.")
@click.option("--rounds", default="5,10", show_default=True, metavar="N,...", callback=integers, help="Rounds to try.")
@click.option(
    "--parties", default="4,16", show_default=True, metavar="N,...", callback=integers, help="Parties to try."
)
@click.option("--delta", metavar="D", default="1e-5", show_default=True, help="Delta of each epsilon.")
@click.option("--repeats", type=click.IntRange(min=2), default=10, show_default=True, help="Trainings of each.")
@click.option("--max-risk", type=float, metavar="P", help="Limit of the membership advantage, 0 to 1.")
@click.option("--min-accuracy", type=float, metavar="A", help="Least accuracy.")
@click.option("--seed", required=True, type=click.IntRange(min=0), metavar="S", help="Seed of who goes where.")
@click.option("--output", "-o", type=click.Path(dir_okay=False), help="File for the figures as JSON.")
@JSON
def frontier(
    epsilon: str,
    rounds: list[int],
    parties: list[int],
    delta: str,
    repeats: int,
    max_risk: float | None,
    min_accuracy: float | None,
    seed: int,
    output: str | None,
    as_json: bool,  # noqa: FBT001
) -> int:
    """Train the hospitals' model at several epsilons, rounds and parties; needs scikit-learn, not Flower.

    Exit code 2: limits are given, and no training meets all of them.
    """
    from shoal.demo.hospital_frontier import hospital_frontier
    from shoal.io.writing import write_json
    from shoal_engine.frontier.recommendation import Limits

    found = hospital_frontier(
        epsilon=[None if one == "none" else one for one in epsilon.split(",")],
        rounds=rounds,
        parties=parties,
        delta=delta,
        repeats=repeats,
        seed=seed,
        limits=Limits(max_risk=max_risk, min_accuracy=min_accuracy),
    )
    if output is not None:
        write_json(found.to_dict(), output)
    if as_json:
        print_json(found.to_dict())
    else:
        show_trainings(found)
    return MET if found.recommendation is None or found.recommendation.met else NOT_MET


def show_trainings(found: "TrainingFrontier") -> None:
    """Print the recommendation, then one line a training."""
    lines = ", ".join(f"{name} {level:.4f}" for name, level in found.lines.items())
    show_points(
        found.points,
        found.recommendation,
        f"{'epsilon':<9}{'rounds':>7}{'parties':>9}{'risk':>9}{'accuracy':>10}{'95 % interval':>18}",
        [
            f"{'none' if one.epsilon is None else f'{one.epsilon:.4g}':<9}{one.rounds:>7}{one.parties:>9}"
            f"{one.risk:>9.4f}{one.accuracy:>10.4f}{f'{one.low:.3f} to {one.high:.3f}':>18}"
            for one in found.points
        ],
        [
            "risk: true less false positives of any test whether a party took part, at most.",
            f"Accuracy next to it: {lines}.",
            *(f"Note: {note}." for note in found.notes),
            f"{found.repeats} repeats; seed {found.seed}.",
        ],
    )


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

"""`shoal attack`: run attacks on a release, with what an adversary is taken to know."""

from typing import TYPE_CHECKING

import click

from shoal_cli.main import MET
from shoal_cli.options import JSON, THREADS, declarations_of_input, print_json

if TYPE_CHECKING:
    import polars as pl

    from shoal_engine.anonymity.policy.policy import Policy
    from shoal_engine.declarations import Declarations

_POLICY = click.option(
    "--policy", "-p", "policy_file", type=click.Path(dir_okay=False), help="Policy of the release, as TOML."
)
_KNOWN = click.option("--known", required=True, metavar="REGISTER", help="Table of what is known of people.")
_COLUMN = click.option(
    "--column", "-c", "columns", multiple=True, metavar="COL", help="Known column; repeatable. Default: all shared."
)
_SENSITIVE = click.option(
    "--sensitive", "-s", multiple=True, metavar="COL", help="Column to learn; repeatable. Default: the policy's."
)
_MISMATCHES = click.option(
    "--mismatches", type=click.IntRange(0, 62), default=0, show_default=True, help="Known columns that may disagree."
)
_TOLERANCE = click.option(
    "--tolerance", multiple=True, metavar="COL=WIDTH", help="How far a known value may lie outside; repeatable."
)
_TRUTH = click.option("--truth", metavar="ID", help="Column of ids in both tables, to judge answers with.")

_CONFIDENCE = click.option("--confidence", type=float, default=0.95, show_default=True, help="Level of the intervals.")


@click.group()
def attack() -> None:
    """Attack a release with what an adversary is taken to know, and measure what is found."""


@attack.command()
@click.argument("release", metavar="RELEASE")
@_KNOWN
@_POLICY
@_COLUMN
@_SENSITIVE
@_MISMATCHES
@_TOLERANCE
@_TRUTH
@click.option("--raw", metavar="FILE", help="The table before its release, attacked with the same register.")
@click.option("--held-out", metavar="FILE", help="People who are not in the release: what is found by chance.")
@click.option("--population", metavar="FILE", help="All people, for the journalist; needs --policy.")
@click.option("--also", metavar="EARLIER", help="Another release of the same people, to be read together with it.")
@click.option("--also-policy", type=click.Path(dir_okay=False), help="Policy of EARLIER, if it is another.")
@click.option("--kept", multiple=True, metavar="COL", help="Column that both releases keep as it is; repeatable.")
@declarations_of_input
@THREADS
@JSON
def linkage(
    release: str,
    known: str,
    policy_file: str | None,
    columns: tuple[str, ...],
    sensitive: tuple[str, ...],
    mismatches: int,
    tolerance: tuple[str, ...],
    truth: str | None,
    raw: str | None,
    held_out: str | None,
    population: str | None,
    also: str | None,
    also_policy: str | None,
    kept: tuple[str, ...],
    declared: "Declarations",
    threads: int | None,
    as_json: bool,  # noqa: FBT001
) -> int:
    """Look people of a register up in RELEASE, as an adversary would.

    Prints figures over all people and nothing of one person. Columns of the register have the names that they had
    before the release.
    """
    from shoal.attack.intersection_attack import intersection
    from shoal.attack.linkage_attack import linkage as link
    from shoal_cli.rendering_attacks import show_intersection, show_linkage

    if also is None and (also_policy is not None or kept):
        msg = "--also-policy and --kept are of another release; name it with --also EARLIER"
        raise click.UsageError(msg)
    policy = _loaded(policy_file)
    found = link(
        release,
        _declared(known, declared),
        policy,
        columns=columns or None,
        sensitive=sensitive or None,
        mismatches=mismatches,
        tolerance=widths(tolerance),
        truth=truth,
        raw=None if raw is None else _declared(raw, declared),
        held_out=None if held_out is None else _declared(held_out, declared),
        population=population,
        n_threads=threads,
    )
    # Refuses registers of fewer than k people, whatever is printed.
    plain = found.to_dict()
    both = None
    if also is not None:
        both = intersection(
            release,
            also,
            _declared(known, declared),
            policy,
            also_policy=_loaded(also_policy),
            columns=columns or None,
            kept=kept or None,
            mismatches=mismatches,
            tolerance=widths(tolerance),
            truth=truth,
            n_threads=threads,
        )
    if as_json:
        print_json(plain | ({} if both is None else {"intersection": both.to_dict()}))
        return MET
    show_linkage(found.figures, release)
    if both is not None:
        show_intersection(both.figures)
    return MET


@attack.command()
@click.argument("release", metavar="RELEASE")
@click.option("--members", required=True, metavar="REGISTER", help="People who are in the release.")
@click.option("--outsiders", required=True, metavar="REGISTER", help="People of the same kind who are not.")
@_POLICY
@_COLUMN
@_MISMATCHES
@_TOLERANCE
@_CONFIDENCE
@declarations_of_input
@THREADS
@JSON
def membership(
    release: str,
    members: str,
    outsiders: str,
    policy_file: str | None,
    columns: tuple[str, ...],
    mismatches: int,
    tolerance: tuple[str, ...],
    confidence: float,
    declared: "Declarations",
    threads: int | None,
    as_json: bool,  # noqa: FBT001
) -> int:
    """Separate people who are in RELEASE from people who are not, by their compatible classes."""
    from shoal.attack.membership_attack import membership as separate
    from shoal_cli.rendering_attacks import show_membership

    found = separate(
        release,
        _declared(members, declared),
        _declared(outsiders, declared),
        _loaded(policy_file),
        columns=columns or None,
        mismatches=mismatches,
        tolerance=widths(tolerance),
        confidence=confidence,
        n_threads=threads,
    )
    plain = found.to_dict()
    if as_json:
        print_json(plain)
    else:
        show_membership(found)
    return MET


@attack.command()
@click.option("--members", required=True, metavar="FILE", help="Losses of records that the model was trained on.")
@click.option("--others", required=True, metavar="FILE", help="Losses of records of the same kind that it was not.")
@click.option("--column", "-c", default="loss", show_default=True, metavar="COL", help="Column of the losses.")
@click.option("--threshold", type=float, help="Losses up to it are taken for members. Default: the members' mean.")
@click.option(
    "--reference",
    multiple=True,
    metavar="COL",
    help="Column of losses of a model trained on neither; repeatable, * for any text. Then the likelihood ratio.",
)
@click.option(
    "--rate", "rates", type=float, multiple=True, metavar="SHARE", help="False positives to report at; repeatable."
)
@_CONFIDENCE
@JSON
def loss(
    members: str,
    others: str,
    column: str,
    threshold: float | None,
    reference: tuple[str, ...],
    rates: tuple[float, ...],
    confidence: float,
    as_json: bool,  # noqa: FBT001
) -> int:
    """Separate records that a model was trained on from others by its loss on each.

    By a threshold, or with --reference by how likely the loss is under models that were not trained on the record
    (the offline attack of LiRA; losses are then -log of the probability of the right class).
    """
    from shoal.attack.loss_files import attack_losses
    from shoal_cli.rendering_attacks import show_scores

    if reference and threshold is not None:
        msg = "--threshold is of losses, and likelihood ratios have none; leave it out, or --reference"
        raise click.UsageError(msg)
    found = attack_losses(
        members,
        others,
        column=column,
        references=reference,
        threshold=threshold,
        false_positive_rates=rates or None,
        confidence=confidence,
    )
    if as_json:
        print_json(found.to_dict())
    else:
        show_scores(found)
    return MET


def _loaded(file: str | None) -> "Policy | None":
    """Return the policy of a file, if there is one."""
    from shoal_engine.anonymity.policy.policy import Policy

    return None if file is None else Policy.load(file)


def _declared(source: str, declared: "Declarations") -> "str | pl.LazyFrame":
    """Return a register, read as declared."""
    from shoal_cli.options import as_declared

    return as_declared(source, declared)


def widths(options: tuple[str, ...]) -> dict[str, float]:
    """Return tolerances, each given as COL=WIDTH.

    Raises
    ------
    click.UsageError
        One is not of that form.
    """
    found: dict[str, float] = {}
    for option in options:
        name, equals, width = option.rpartition("=")
        try:
            found[name] = float(width)
        except ValueError:
            equals = ""
        if not equals:
            msg = f"--tolerance {option!r} is not COL=WIDTH, for example age=1"
            raise click.UsageError(msg)
    return found

"""`shoal attack singling-out`, `linkability`, `inference` and `attribution`: attacks on rows of plain values."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from shoal_cli.attack_commands import attack
from shoal_cli.main import MET
from shoal_cli.options import JSON, THREADS, as_declared, declarations_of_input, print_json

if TYPE_CHECKING:
    from shoal.attack.row_attacks import RowAttack
    from shoal_engine.declarations import Declarations

_SEED_HELP = "Seed of random choices, at least 0."
_ATTACKS_HELP = "Rows of each table to attack, drawn by --seed. Default: all."


def _tables(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the release, the original and control rows, all read as declared, and what all attacks take."""
    for option in (
        JSON,
        THREADS,
        click.option("--confidence", type=float, default=0.95, show_default=True, help="Level of the intervals."),
        declarations_of_input,
        click.option("--control", metavar="FILE", help="Rows of the same population that are not in the original."),
        click.option("--original", required=True, metavar="FILE", help="Rows that the release was made from."),
        click.argument("release", metavar="RELEASE"),
    ):
        command = option(command)
    return command


def _columns(option: str, name: str, text: str, *, required: bool = True) -> Callable[..., Any]:
    """Return a repeatable option of columns."""
    short = ("-c",) if option == "--column" else ()
    return click.option(
        option, *short, name, multiple=True, required=required, metavar="COL", help=f"{text}; repeatable."
    )


def _frames(release: str, original: str, control: str | None, declared: "Declarations") -> dict[str, Any]:
    """Return the tables of an attack, read as declared."""
    found = {"release": release, "original": original, "control": control}
    return {name: None if source is None else as_declared(source, declared) for name, source in found.items()}


def _shown(found: "RowAttack", release: str, *, as_json: bool) -> int:
    """Print an attack."""
    from shoal_cli.rendering_row_attacks import show_row_attack

    if as_json:
        print_json(found.to_dict())
    else:
        show_row_attack(found.report, release)
    return MET


@attack.command("singling-out")
@_tables
@_columns("--column", "columns", "Column of predicates. Default: all of the release", required=False)
@click.option("--univariate", is_flag=True, help="Guess by values of one column, not by parts of records.")
@click.option("--columns-at-once", type=int, default=3, show_default=True, help="Columns of a guess.")
@click.option("--attacks", type=int, default=2000, show_default=True, help="Guesses to make.")
@click.option("--seed", type=int, required=True, help=_SEED_HELP)
def singling_out(
    release: str,
    original: str,
    control: str | None,
    declared: "Declarations",
    columns: tuple[str, ...],
    univariate: bool,  # noqa: FBT001
    columns_at_once: int,
    attacks: int,
    seed: int,
    confidence: float,
    threads: int | None,
    as_json: bool,  # noqa: FBT001
) -> int:
    """Guess from RELEASE predicates that exactly one person of the original fulfills.

    For tables of plain values, masked or synthetic, of the same types; --type declares them for delimited files.
    """
    from shoal.attack.row_attacks import singling_out as single_out

    found = single_out(
        **_frames(release, original, control, declared),
        columns=columns or None,
        mode="univariate" if univariate else "multivariate",
        n_columns=columns_at_once,
        n_attacks=attacks,
        seed=seed,
        confidence=confidence,
        n_threads=threads,
    )
    return _shown(found, release, as_json=as_json)


@attack.command()
@_tables
@_columns("--left", "left", "Column of the one part")
@_columns("--right", "right", "Column of the other part")
@click.option("--neighbors", type=int, default=1, show_default=True, help="Nearest released rows that count.")
@click.option("--attacks", type=int, help=_ATTACKS_HELP)
@click.option("--seed", type=int, help=_SEED_HELP)
def linkability(
    release: str,
    original: str,
    control: str | None,
    declared: "Declarations",
    left: tuple[str, ...],
    right: tuple[str, ...],
    neighbors: int,
    attacks: int | None,
    seed: int | None,
    confidence: float,
    threads: int | None,
    as_json: bool,  # noqa: FBT001
) -> int:
    """Connect two parts of each person's record through their nearest rows in RELEASE.

    For tables of plain values, masked or synthetic, of the same types; --type declares them for delimited files.
    """
    from shoal.attack.row_attacks import linkability as link

    found = link(
        **_frames(release, original, control, declared),
        left=left,
        right=right,
        n_neighbors=neighbors,
        n_attacks=attacks,
        seed=seed,
        confidence=confidence,
        n_threads=threads,
    )
    return _shown(found, release, as_json=as_json)


@attack.command()
@_tables
@_columns("--column", "columns", "Known column")
@click.option("--secret", required=True, metavar="COL", help="Column to guess.")
@click.option("--tolerance", type=float, default=0.05, show_default=True, help="Share by which a number may be off.")
@click.option("--attacks", type=int, help=_ATTACKS_HELP)
@click.option("--seed", type=int, help=_SEED_HELP)
def inference(
    release: str,
    original: str,
    control: str | None,
    declared: "Declarations",
    columns: tuple[str, ...],
    secret: str,
    tolerance: float,
    attacks: int | None,
    seed: int | None,
    confidence: float,
    threads: int | None,
    as_json: bool,  # noqa: FBT001
) -> int:
    """Guess a secret of each person from the rows of RELEASE that are nearest in known columns.

    For tables of plain values, masked or synthetic, of the same types; --type declares them for delimited files.
    """
    from shoal.attack.row_attacks import inference as infer

    found = infer(
        **_frames(release, original, control, declared),
        known=columns,
        secret=secret,
        tolerance=tolerance,
        n_attacks=attacks,
        seed=seed,
        confidence=confidence,
        n_threads=threads,
    )
    return _shown(found, release, as_json=as_json)


@attack.command()
@_tables
@_columns("--column", "columns", "Key that the adversary knows")
@click.option("--secret", required=True, metavar="COL", help="Column to guess.")
@click.option("--attacks", type=int, help=_ATTACKS_HELP)
@click.option("--seed", type=int, help=_SEED_HELP)
def attribution(
    release: str,
    original: str,
    control: str | None,
    declared: "Declarations",
    columns: tuple[str, ...],
    secret: str,
    attacks: int | None,
    seed: int | None,
    confidence: float,
    threads: int | None,
    as_json: bool,  # noqa: FBT001
) -> int:
    """Measure how many rows of RELEASE with a person's keys hold the person's secret (CAP).

    For tables of plain values, masked or synthetic; all values are equal or not.
    """
    from shoal.attack.row_attacks import attribution as attribute
    from shoal_cli.rendering_row_attacks import show_attribution

    found = attribute(
        **_frames(release, original, control, declared),
        keys=columns,
        secret=secret,
        n_attacks=attacks,
        seed=seed,
        confidence=confidence,
        n_threads=threads,
    )
    if as_json:
        print_json(found.to_dict())
    else:
        show_attribution(found.report, secret, release)
    return MET

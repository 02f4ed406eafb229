"""`shoal fit` and `shoal apply`: classes are found once, and later tables are released with them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shoal_cli.main import FINDINGS, MET
from shoal_cli.options import ACCEPT, JSON, THREADS, accepting, declared_input, declaring, print_json
from shoal_engine.anonymity.policy.methods import METHODS

if TYPE_CHECKING:
    from shoal_engine.declarations import Declarations


@click.command()
@click.argument("source", metavar="INPUT")
@declared_input
@click.option("--policy", "-p", "policy_file", required=True, type=click.Path(dir_okay=False), help="Policy as TOML.")
@click.option("--method", type=click.Choice(METHODS), default="tight", show_default=True)
@click.option("--output", "-o", required=True, type=click.Path(), help="File for the recoding, an Arrow IPC file.")
@THREADS
@JSON
def fit(
    source: str,
    declared: "Declarations",
    policy_file: str,
    method: Any,
    output: str,
    threads: int | None,
    as_json: bool,  # noqa: FBT001
) -> int:
    """Find the classes of a table, for `shoal apply`.

    The file holds every distinct combination of quasi-identifiers: keep it as you keep the table.
    """
    from shoal.anonymity.fitting import fit as fit_table
    from shoal.io.files import check_folder
    from shoal_engine.anonymity.policy.policy import Policy

    check_folder(Path(output), [source])
    recoding = fit_table(source, declaring(Policy.load(policy_file), declared), method=method, n_threads=threads)
    recoding.save(output)
    if as_json:
        print_json({"output": output, "method": method, "k": recoding.policy.k, "classes": recoding.classes})
    else:
        click.echo(f"Wrote {output}: {recoding.classes:,} classes with k = {recoding.policy.k}.")
        click.echo("It holds every distinct combination of quasi-identifiers: keep it as")
        click.echo("you keep the table.")
        click.echo(f"Next: shoal apply {output} NEW OUTPUT --suppress SHARE")
    return MET


@click.command()
@click.argument("recoding_file", metavar="RECODING", type=click.Path(dir_okay=False))
@click.argument("source", metavar="NEW")
@click.argument("output", type=click.Path())
@click.option("--suppress", type=float, required=True, help="Largest share of rows that may be left out, 0 to 1.")
@click.option("--certificate", type=click.Path(), help="Write the certificate of the release here, as JSON.")
@click.option("--by", metavar="NAME", help="Who runs this, for the certificate; @account for this account's name.")
@ACCEPT
@THREADS
@JSON
def apply(
    recoding_file: str,
    source: str,
    output: str,
    suppress: float,
    certificate: str | None,
    by: str | None,
    accept: tuple[str, ...],
    threads: int | None,
    as_json: bool,  # noqa: FBT001
) -> int:
    """Release another table with the classes of a recoding.

    Rows that fit no class, or whose class holds fewer than k rows of NEW, are left out. What this release and earlier
    ones reveal together is not checked: see `shoal attack linkage --also`. Exit code 4: findings await a decision.
    """
    from shoal.anonymity.fitting import Recoding, apply_file
    from shoal_cli.rendering import show_report
    from shoal_engine.finding import open_findings

    recoding = Recoding.load(recoding_file)
    recoding = recoding.with_policy(accepting(recoding.policy, accept))
    report = apply_file(recoding, source, output, suppress=suppress, certificate=certificate, n_threads=threads, by=by)
    if as_json:
        print_json(report.to_dict())
    else:
        show_report(report, recoding.policy, output)
    return FINDINGS if open_findings(report.findings) else MET

"""Commands of `shoal`, one function each: parse options, call the library, print a table or JSON."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from shoal_cli import row_attack_commands as row_attack_commands  # adds its commands to attack
from shoal_cli.attack_commands import attack
from shoal_cli.federation_commands import federate
from shoal_cli.fitting_commands import apply, fit
from shoal_cli.frontier_commands import frontier
from shoal_cli.ledger_commands import ledger
from shoal_cli.main import FINDINGS, MET, NOT_VERIFIED, run, with_progress
from shoal_cli.options import (
    ACCEPT,
    FORMATS,
    JSON,
    MEMORY,
    THREADS,
    accepting,
    as_declared,
    declared_input,
    declaring,
    print_json,
    written_to,
)
from shoal_cli.query_commands import audit, noise, query
from shoal_cli.query_frontier_command import query_frontier
from shoal_cli.report_commands import approve, presets, report
from shoal_cli.utility_commands import utility
from shoal_engine.anonymity.policy.methods import METHODS

if TYPE_CHECKING:
    from shoal_engine.anonymity.policy.policy import Policy
    from shoal_engine.declarations import Declarations

_POLICY = click.option("--policy", "-p", "policy_file", type=click.Path(dir_okay=False), help="Policy as TOML.")
_QUASI = click.option("--quasi-identifier", "-q", "quasi", multiple=True, metavar="COL", help="Repeat for several.")
_SENSITIVE = click.option("--sensitive", "-s", multiple=True, metavar="COL", help="Repeat for several.")
_UNIT = click.option(
    "--unit", metavar="COL", help="Column that identifies the person of each row: k counts people, not rows."
)
_POPULATION = click.option("--population", metavar="FILE", help="Table of the population that INPUT was sampled from.")
_STEPS = 5


def _version(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value:
        from importlib.metadata import version

        click.echo(f"shoal {version('shoal')}")
        context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Print the version."
)
@click.option(
    "--debug", is_flag=True, expose_value=False, help="With an error, print its place in the code; never a cell."
)
def cli() -> None:
    """Anonymize tables of people, answer queries with differential privacy, and aggregate federated updates.

    Exit codes: 0 done and met, 1 error, 2 the policy cannot be met, 3 verification failed, 4 released and verified,
    but findings await a decision: change the policy, or accept each by its code and a reason.
    """


def main() -> NoReturn:
    """Run the command line."""
    run(cli)


@cli.command()
@click.argument("source", metavar="INPUT")
@declared_input
@click.option("--policy-out", type=click.Path(dir_okay=False, writable=True), help="Write a commented policy here.")
@JSON
def look(source: str, declared: "Declarations", policy_out: str | None, as_json: bool) -> int:  # noqa: FBT001
    """Guess the role of each column, and report unique rows and columns that a person must decide on."""
    from shoal.io.files import check_folder
    from shoal.io.writing import written_whole
    from shoal.profile.look import look as look_at
    from shoal_cli.rendering_profile import show_look

    if policy_out is not None:
        check_folder(Path(policy_out), [source])
    found = look_at(as_declared(source, declared))
    if policy_out is not None:
        with written_whole(Path(policy_out)) as draft:
            draft.write_text(found.policy_toml(k=None), encoding="utf-8")
    if as_json:
        print_json(found.to_dict())
    else:
        show_look(found, source, policy_out)
    return MET


@cli.command()
@click.argument("source", metavar="INPUT")
@declared_input
@_POLICY
@_QUASI
@_SENSITIVE
@_UNIT
@_POPULATION
@THREADS
@JSON
def assess(
    source: str,
    declared: "Declarations",
    policy_file: str | None,
    quasi: tuple[str, ...],
    sensitive: tuple[str, ...],
    unit: str | None,
    population: str | None,
    threads: int | None,
    as_json: bool,  # noqa: FBT001
) -> int:
    """Measure the equivalence classes and risk of a table."""
    from shoal.anonymity.assess import assess as assess_frame
    from shoal_cli.rendering import show_assessment, show_findings, show_undecided

    # Nothing is released here, so the least possible k replaces a missing one.
    policy = _policy(policy_file, quasi, sensitive, k=2 if policy_file is None else None, unit=unit)
    policy = declaring(policy, declared)
    assessment = assess_frame(source, policy, population=population, n_threads=threads)
    if as_json:
        print_json(assessment.to_dict() | {"undecided": list(policy.undecided)})
    else:
        show_undecided(policy)
        show_findings((), (), assessment.findings)
        show_assessment(assessment)
    return MET


@cli.command()
@click.argument("source", metavar="INPUT")
@declared_input
@_POLICY
@_QUASI
@_SENSITIVE
@_POPULATION
@click.option(
    "--sampling-fraction", type=float, metavar="F", help="Rows / people in the population, above 0, at most 1."
)
@click.option("--weights", metavar="COL", help="Column with the number of people that each row represents.")
@click.option(
    "--threshold", type=float, default=0.2, show_default=True, help="Probability above which a record is at risk."
)
@THREADS
@JSON
def risk(
    source: str,
    declared: "Declarations",
    policy_file: str | None,
    quasi: tuple[str, ...],
    sensitive: tuple[str, ...],
    population: str | None,
    sampling_fraction: float | None,
    weights: str | None,
    threshold: float,
    threads: int | None,
    as_json: bool,  # noqa: FBT001
) -> int:
    """Report re-identification and attribute disclosure risk, and Safe Harbor identifiers."""
    from shoal.disclosure.risk_report import risk as risk_of
    from shoal.profile.safe_harbor import safe_harbor
    from shoal_cli.rendering import show_undecided
    from shoal_cli.rendering_profile import show_risk, show_safe_harbor

    # Nothing is released here, so the least possible k replaces a missing one.
    policy = _policy(policy_file, quasi, sensitive, k=2 if policy_file is None else None)
    policy = declaring(policy, declared)
    report = risk_of(
        source,
        policy,
        population=population,
        sampling_fraction=sampling_fraction,
        weights=weights,
        threshold=threshold,
        n_threads=threads,
    )
    findings = safe_harbor(as_declared(source, policy.declarations))
    if as_json:
        print_json(report.to_dict() | {"safe_harbor": findings.to_dicts(), "undecided": list(policy.undecided)})
    else:
        show_undecided(policy)
        show_risk(report)
        show_safe_harbor(findings.rows())
    return MET


@cli.command()
@click.argument("source", metavar="INPUT")
@declared_input
@click.argument("output", type=click.Path(allow_dash=True))
@click.option(
    "--output-format", type=click.Choice(FORMATS), default="csv", help="Format of standard output, OUTPUT = -."
)
@_POLICY
@click.option("-k", type=int, help="Minimum number of rows, or units, of every class.")
@_QUASI
@_SENSITIVE
@_UNIT
@click.option("--l", "l", type=int, help="Minimum number of distinct sensitive values of every class.")
@click.option("--t", "t", type=float, help="Largest distance of a class to the table.")
@click.option(
    "--method",
    type=click.Choice(METHODS),
    default="tight",
    show_default=True,
)
@click.option("--suppress", type=float, help="Maximum share of rows to suppress. Default: 0.")
@click.option("--certificate", type=click.Path(), help="Write the certificate of the release here, as JSON.")
@_POPULATION
@click.option("--utility", is_flag=True, help="Measure the utility of the release.")
@click.option("--by", metavar="NAME", help="Who runs this, for the certificate; @account for this account's name.")
@click.option("--approved", type=click.Path(dir_okay=False), help="Approval that policy and input must match.")
@ACCEPT
@MEMORY
@THREADS
@JSON
def anonymize(
    source: str,
    declared: "Declarations",
    output: str,
    output_format: str,
    policy_file: str | None,
    k: int | None,
    quasi: tuple[str, ...],
    sensitive: tuple[str, ...],
    unit: str | None,
    l: int | None,
    t: float | None,
    method: Any,
    suppress: float | None,
    certificate: str | None,
    population: str | None,
    utility: bool,  # noqa: FBT001
    by: str | None,
    approved: str | None,
    memory: str | None,
    threads: int | None,
    accept: tuple[str, ...],
    as_json: bool,  # noqa: FBT001
) -> int:
    """Anonymize a table, and verify the release from its own rows.

    INPUT and OUTPUT may be -, standard input and output; reports then go to standard error.
    Exit code 4: the release is written and verified, but findings await a decision.
    """
    from shoal.anonymity.anonymize_file import anonymize_file
    from shoal.warming import compile_ahead
    from shoal_cli.rendering import show_report
    from shoal_engine.finding import open_findings

    policy = _policy(policy_file, quasi, sensitive, k=k, l=l, t=t, suppress=suppress, unit=unit)
    policy = accepting(declaring(policy, declared), accept)
    compile_ahead(method)
    with written_to(output, output_format) as path:
        report = with_progress(
            lambda on_step: anonymize_file(
                source,
                path,
                policy,
                certificate=certificate,
                method=method,
                population=population,
                utility=utility,
                n_threads=threads,
                on_progress=on_step,
                by=by,
                approved=approved,
                memory=memory,
            ),
            steps=_STEPS,
        )
        if as_json:
            print_json(report.to_dict())
        else:
            show_report(report, policy, output)
    return FINDINGS if open_findings(report.findings) else MET


@cli.command()
@click.argument("source", metavar="INPUT")
@declared_input
@click.option("--policy", "-p", "policy_file", required=True, type=click.Path(dir_okay=False), help="Policy as TOML.")
@click.option("--output", "-o", type=click.Path(), help="Write every node to this file, in the format of its suffix.")
@_POPULATION
@THREADS
@JSON
def lattice(
    source: str,
    declared: "Declarations",
    policy_file: str,
    output: str | None,
    population: str | None,
    threads: int | None,
    as_json: bool,  # noqa: FBT001
) -> int:
    """List every node of the generalization lattice with its suppression and cost."""
    from shoal.anonymity.lattice import lattice as lattice_of
    from shoal.io.files import check_output
    from shoal.io.writing import write_frame
    from shoal_cli.rendering import show_lattice

    if output is not None:
        check_output(Path(output), [source])
    nodes = lattice_of(
        source, declaring(_policy(policy_file, (), ()), declared), population=population, n_threads=threads
    )
    if output is not None:
        write_frame(nodes, Path(output))
    if as_json:
        print_json(nodes.to_dicts())
    else:
        show_lattice(nodes, output)
    return MET


@cli.command()
@click.argument("source", metavar="INPUT")
@declared_input
@click.option(
    "--column", "-c", "columns", multiple=True, metavar="COL", help="Column to combine; repeatable. Default: all."
)
@click.option("--max-size", type=click.IntRange(min=1), help="Maximum number of columns of a set.")
@click.option("--alpha", type=float, default=1.0, show_default=True, help="Minimum share of row pairs that differ.")
@THREADS
@JSON
def discover(
    source: str,
    declared: "Declarations",
    columns: tuple[str, ...],
    max_size: int | None,
    alpha: float,
    threads: int | None,
    as_json: bool,  # noqa: FBT001
) -> int:
    """Measure how many row pairs differ on each set of columns, and find the minimal sets."""
    from shoal.disclosure.discovery import unique_sets
    from shoal_cli.rendering import show_unique_sets

    found = unique_sets(
        as_declared(source, declared), columns or None, max_size=max_size, alpha=alpha, n_threads=threads
    )
    if as_json:
        print_json({"sets": found.to_dicts()})
    else:
        show_unique_sets(found)
    return MET


@cli.command()
@click.argument("output", metavar="OUTPUT")
@click.option(
    "--policy", "-p", "policy_file", type=click.Path(dir_okay=False), help="Policy as TOML. Default: the certificate's."
)
@click.option("--unit", metavar="COL", help="Column of pseudonyms to count instead of the policy's unit.")
@_POPULATION
@click.option(
    "--certificate",
    type=click.Path(dir_okay=False),
    help="Certificate of the release; its digest and figures are checked.",
)
@ACCEPT
@JSON
def verify(
    output: str,
    policy_file: str | None,
    unit: str | None,
    population: str | None,
    certificate: str | None,
    accept: tuple[str, ...],
    as_json: bool,  # noqa: FBT001
) -> int:
    """Check a released table against its policy, from its rows alone.

    Exit code 4: the table meets its policy, but findings await a decision.
    """
    import msgspec

    from shoal.checks.certificate import policy_of
    from shoal.recount.verify import verify as verify_frame
    from shoal_cli.rendering import show_verification
    from shoal_engine.anonymity.policy.policy import Policy

    if policy_file is None and certificate is None:
        msg = "give the policy with --policy FILE, or --certificate FILE, which holds it"
        raise click.UsageError(msg)
    policy = policy_of(str(certificate)) if policy_file is None else Policy.load(policy_file)
    policy = accepting(policy, accept)
    if unit is not None:
        policy = msgspec.structs.replace(policy, unit=unit)
    found = verify_frame(output, policy, population=population, certificate=certificate)
    if as_json:
        body = {
            **found.assessment.to_dict(),
            "met": found.met,
            "broken": list(found.broken),
            "findings": found.findings,
        }
        print_json(body)
    else:
        show_verification(found, policy)
    if not found.met:
        return NOT_VERIFIED
    return FINDINGS if found.open_findings else MET


@cli.command()
@click.argument("source", metavar="INPUT")
@declared_input
@click.option("--column", "-c", required=True, metavar="COL", help="Column whose values are the leaves.")
@click.option("--kind", required=True, metavar="KIND", help="Kind of hierarchy, as in a policy: intervals, auto, ...")
@click.option(
    "--set",
    "fields",
    multiple=True,
    metavar="TOML",
    help="Field of the hierarchy, such as 'width = [5, 10]'; repeatable.",
)
@click.option(
    "--output",
    "-o",
    required=True,
    type=click.Path(dir_okay=False),
    help="Write the hierarchy here, in ARX's CSV format.",
)
@JSON
def hierarchy(
    source: str,
    declared: "Declarations",
    column: str,
    kind: str,
    fields: tuple[str, ...],
    output: str,
    as_json: bool,  # noqa: FBT001
) -> int:
    """Build a hierarchy over the values of a column."""
    import tomllib

    from shoal.anonymity.hierarchies import build_hierarchy
    from shoal.io.files import check_folder
    from shoal_engine.anonymity.policy.policy import hierarchy_of

    try:
        described = tomllib.loads("\n".join(fields))
    except tomllib.TOMLDecodeError:
        msg = "give each field as in a policy's TOML, for example --set 'width = [5, 10]' --set 'lower = 0'"
        raise click.UsageError(msg) from None
    check_folder(Path(output), [source])
    built = build_hierarchy(hierarchy_of({**described, "kind": kind}), as_declared(source, declared), column=column)
    built.write_csv(output)
    if as_json:
        print_json({"leaves": built.n_leaves, "levels": built.n_levels, "output": output})
    else:
        click.echo(f"{built.n_leaves} leaves and {built.n_levels} levels written to {output}")
    return MET


@cli.command()
@click.option("--rows", type=click.IntRange(min=1000), default=100_000, show_default=True)
@click.option("--seed", type=int, default=7, show_default=True, help="Seed of the invented records, not of any noise.")
@click.option("--output", type=click.Path(file_okay=False), default="demo-output", show_default=True)
@JSON
def demo(rows: int, seed: int, output: str, as_json: bool) -> int:  # noqa: FBT001
    """Anonymize invented hospital records, and show the risk before and after."""
    from shoal_cli.demo_command import demonstrate
    from shoal_engine.finding import open_findings

    body = demonstrate(rows=rows, seed=seed, folder=Path(output), quiet=as_json)
    if as_json:
        print_json(body)
    return FINDINGS if open_findings(body["findings"]) else MET


@cli.command()
@JSON
def warm(as_json: bool) -> int:  # noqa: FBT001
    """Compile all kernels before their first use, for images and read-only machines."""
    from shoal.warming import warm as compile_all

    where, count = compile_all()
    if as_json:
        click.echo(json.dumps({"kernels": count, "cache": None if where is None else str(where)}))
    else:
        click.echo(f"{count} kernels are compiled" + ("" if where is None else f" and kept in {where}"))
    return MET


@cli.command()
def schema() -> int:
    """Print the JSON schema of a policy."""
    from shoal_engine.anonymity.policy.policy import json_schema

    click.echo(json.dumps(json_schema(), indent=2))
    return MET


cli.add_command(fit)
cli.add_command(apply)
cli.add_command(query)
cli.add_command(audit)
cli.add_command(noise)
cli.add_command(ledger)
cli.add_command(federate)
cli.add_command(report)
cli.add_command(approve)
cli.add_command(presets)
cli.add_command(attack)
cli.add_command(utility)
cli.add_command(frontier)
cli.add_command(query_frontier)


def _policy(
    file: str | None,
    quasi: tuple[str, ...],
    sensitive: tuple[str, ...],
    *,
    k: int | None = None,
    l: int | None = None,
    t: float | None = None,
    suppress: float | None = None,
    unit: str | None = None,
) -> "Policy":
    """Return the policy of a file, or one built from options."""
    import msgspec

    from shoal_engine.anonymity.policy.policy import Policy

    if file is not None:
        if quasi or sensitive or any(number is not None for number in (k, l, t, unit)):
            msg = "give either --policy or columns and models (-k, -q, -s, --unit, --l, --t), not both"
            raise click.UsageError(msg)
        policy = Policy.load(file)
        return policy if suppress is None else msgspec.structs.replace(policy, suppress=suppress)
    if not quasi:
        msg = "name the quasi-identifiers with -q COL, or give --policy FILE (`shoal look INPUT` writes one)"
        raise click.UsageError(msg)
    if k is None:
        msg = "there is no default k; say how many rows each class must hold, for example -k 10"
        raise click.UsageError(msg)
    return Policy.of(
        k=k, quasi_identifiers=quasi, sensitive=sensitive, l=l, t=t, suppress=suppress or 0.0, unit=unit or ""
    )

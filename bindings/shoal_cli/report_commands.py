"""`shoal report`, `shoal approve` and `shoal presets`: the page to sign, its approval, and published rules."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shoal_cli.main import FINDINGS, MET
from shoal_cli.options import JSON, print_json

if TYPE_CHECKING:
    from shoal.report.facts import ReportFacts


@click.command()
@click.argument("certificates", metavar="CERTIFICATE...", nargs=-1, type=click.Path(dir_okay=False))
@click.option(
    "--output", "-o", "outputs", multiple=True, metavar="FILE", help="Page (.html) or facts (.json); repeatable."
)
@click.option("--ledger", type=click.Path(dir_okay=False), help="Ledger of answers about the same people.")
@click.option(
    "--attack", "attacks", multiple=True, type=click.Path(dir_okay=False), help="Result of an attack, JSON; repeatable."
)
@click.option("--frontier", type=click.Path(dir_okay=False), help="Releases that were tried, as JSON.")
@click.option("--preset", "presets", multiple=True, metavar="NAME", help="Published rule to compare with; repeatable.")
@click.option("--released", type=click.Path(dir_okay=False), help="Released file; its digest is checked.")
@click.option("--title", help="Title. Default: name of the input.")
@click.option("--schema", "as_schema", is_flag=True, help="Print the JSON schema of the facts, and nothing else.")
@JSON
def report(
    certificates: tuple[str, ...],
    outputs: tuple[str, ...],
    ledger: str | None,
    attacks: tuple[str, ...],
    frontier: str | None,
    presets: tuple[str, ...],
    released: str | None,
    title: str | None,
    as_schema: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
) -> int:
    """Write a page for the people who sign a release.

    The first CERTIFICATE is that of the release, as `anonymize --certificate` wrote it; further ones belong to other
    releases of the same people. Exit code 4: findings await a decision.
    """
    from shoal.io.files import check_folder
    from shoal.report.facts import facts_schema
    from shoal.report.page import check_format, report_page

    if as_schema:
        click.echo(json.dumps(facts_schema(), indent=2))
        return MET
    if not certificates:
        msg = "give the certificate of a release, as `shoal anonymize ... --certificate FILE` writes it"
        raise click.UsageError(msg)
    if not outputs and not as_json:
        msg = "say where the report goes: -o report.html, -o report.json, or --json"
        raise click.UsageError(msg)
    inputs = [name for name in (*certificates, ledger, *attacks, frontier, released) if name is not None]
    for output in outputs:
        check_format(output)
        check_folder(Path(output), inputs)
    page = report_page(
        certificates,
        ledger=ledger,
        attacks=attacks,
        frontier=frontier,
        presets=presets,
        released=released,
        title=title,
    )
    for output in outputs:
        page.write(output)
    if as_json:
        print_json(page.facts.to_dict())
    else:
        _show(page.facts, outputs)
    return FINDINGS if any(one.accepted is None and one.severity != "note" for one in page.facts.findings) else MET


def _show(facts: "ReportFacts", outputs: tuple[str, ...]) -> None:
    """Print the verdict, the open findings, and the next command."""
    from shoal_cli.rendering import show_sentences

    show_sentences(
        [facts.verdict.title],
        [f"{one.text} ({one.code})" for one in facts.findings if one.accepted is None and one.severity != "note"],
    )
    click.echo(f"Wrote {', '.join(outputs)}.")
    of_json = next((output for output in outputs if output.endswith(".json")), None)
    if of_json is not None:
        click.echo(f"next: shoal approve {of_json} --name NAME -o approval.json")


@click.command()
@click.argument("report_file", metavar="REPORT.json", type=click.Path(dir_okay=False))
@click.option("--name", required=True, help="Name of the person who decides.")
@click.option(
    "--decision",
    "decisions",
    multiple=True,
    metavar="CODE=accept:REASON|change",
    help="Decision on the findings of a code; repeatable.",
)
@click.option(
    "--output", "-o", required=True, type=click.Path(dir_okay=False), help="Write the approval here, as JSON."
)
@JSON
def approve(report_file: str, name: str, decisions: tuple[str, ...], output: str, as_json: bool) -> int:  # noqa: FBT001
    """Record who decided on a report and its findings, for `anonymize --approved`.

    Exit code 4: a decision asks to change the policy, so nothing is approved.
    """
    from shoal.checks.approval import approve as approve_report
    from shoal.io.files import check_folder

    check_folder(Path(output), [report_file])
    given: dict[str, str] = {}
    for decision in decisions:
        code, equals, text = decision.partition("=")
        if not equals or code in given:
            msg = f"write each decision once, as CODE=accept:REASON or CODE=change; got {decision!r}"
            raise click.UsageError(msg)
        given[code] = text
    approval = approve_report(report_file, name=name, decisions=given)
    approval.write(output)
    if as_json:
        print_json(approval)
    else:
        verb = "approves the release" if approval.accepted else "asks to change the policy"
        click.echo(f"{approval.name} {verb}; wrote {output}.")
    return MET if approval.accepted else FINDINGS


@click.command()
@JSON
def presets(as_json: bool) -> int:  # noqa: FBT001
    """List published rules for releases, with their sources; none is ever a default."""
    import textwrap

    from shoal_engine.presets import PRESETS

    if as_json:
        print_json(
            [
                {"name": one.name, "least_k": one.least_k, "figure": one.figure, **_plain(one)}
                for one in PRESETS.values()
            ]
        )
        return MET
    for one in PRESETS.values():
        click.echo(f"{one.name}: {one.figure}")
        for text in (one.rule, f"{one.source}, {one.date}"):
            click.echo(textwrap.fill(text, 80, initial_indent="  ", subsequent_indent="  "))
    return MET


def _plain(one: object) -> dict[str, object]:
    """Return a preset as plain values."""
    import msgspec

    return msgspec.to_builtins(one)

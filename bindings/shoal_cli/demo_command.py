"""Demonstration: invented hospital records, their risk, and the risk after anonymization."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console

_PLAIN = Console(markup=False, highlight=False)
_NAME, _BEFORE = 17, 27
_CONSOLE = Console()


def show_person(records: pl.DataFrame, released: pl.DataFrame) -> None:
    """Print a released row next to a person that it matches, column by column, without truncation.

    Parameters
    ----------
    records : pl.DataFrame
        Table of invented people; the cells of one of them are printed.
    released : pl.DataFrame
        At least one row of its release.
    """
    row = released.row(0, named=True)
    person = next(_matching(records, row))
    _PLAIN.print(f"{'one invented person':<{_NAME}} before".ljust(_NAME + _BEFORE) + "after", style="bold")
    for name, value in person.items():
        after = _shortened(row[name], value) if name in row else "(dropped)"
        _PLAIN.print(f"{name:<{_NAME}}{_text(value):<{_BEFORE}}{after}", soft_wrap=True)
    _PLAIN.print()


def _matching(records: pl.DataFrame, row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the records whose every value is in the label of a released row."""
    for record in records.iter_rows(named=True):
        if all(_holds(label, record[name]) for name, label in row.items()):
            yield record


def _holds(label: Any, value: Any) -> bool:
    """Return whether a label covers a value."""
    text = _text(value)
    if not isinstance(label, str) or label in (text, "*"):
        return label in (value, "*")
    if label.startswith("{"):
        return text in _items(label)
    if label.startswith("["):
        ends = label[1:-1].split(", ")
        return _between(ends, text)
    return label.endswith("*") and text.startswith(label.rstrip("*"))


def _between(ends: list[str], text: str) -> bool:
    """Return whether a number or date lies between two others."""
    try:
        return float(ends[0]) <= float(text) <= float(ends[1])
    except ValueError:
        return ends[0] <= text <= ends[1]


def _shortened(label: Any, value: Any) -> str:
    """Return a short form of a label."""
    text = _text(label)
    if text == _text(value):
        return text
    if text.startswith("["):
        return " to ".join(text[1:-1].split(", "))
    return f"{len(_items(text))} values, this among them" if text.startswith("{") else text


def _items(label: str) -> list[str]:
    """Return the values of a set label."""
    return ["-" if item == "null" else item for item in label[1:-1].split(", ")]


def _text(value: Any) -> str:
    """Return a value as text."""
    return "-" if value is None else str(value)


def demonstrate(*, rows: int, seed: int, folder: Path, quiet: bool) -> dict[str, Any]:
    """Write invented records, anonymize them into a file, and show the risk before and after.

    Parameters
    ----------
    rows : int
        Number of records.
    seed : int
        Seed of the invented records.
    folder : Path
        Folder of the records, the policy, the release, its certificate and its report; created if missing.
    quiet : bool
        Whether to print nothing.

    Returns
    -------
    dict
        ``before``, ``after``, its ``findings``, and the paths of ``files``.
    """
    import polars as pl

    from shoal.anonymity.anonymize_file import anonymize_file
    from shoal.anonymity.assess import assess
    from shoal.demo.hospital import hospital_policy, hospital_records
    from shoal.io.writing import make_folder, write_frame, written_whole
    from shoal.report.page import report_page
    from shoal.warming import compile_ahead
    from shoal_cli.main import with_progress
    from shoal_cli.rendering import promise, show_before_and_after, show_cost, show_decisions, show_findings

    if not quiet:
        _CONSOLE.print(f"Inventing {rows:,} hospital records. The first run compiles kernels, for about a minute.")
    compile_ahead("tight")
    make_folder(folder)
    names = {
        "records": "hospital.parquet",
        "policy": "policy.toml",
        "release": "released.parquet",
        "certificate": "certificate.json",
        "report": "report.html",
    }
    files = {what: folder / name for what, name in names.items()}
    policy = hospital_policy()
    records = hospital_records(rows, seed=seed)
    write_frame(records, files["records"])
    with written_whole(files["policy"]) as draft:
        draft.write_text(policy.to_toml(), encoding="utf-8")
    before = assess(files["records"], policy)
    after = with_progress(
        lambda on_step: anonymize_file(
            files["records"], files["release"], policy, certificate=files["certificate"], on_progress=on_step
        ),
        steps=5,
    )
    report_page(files["certificate"], released=files["release"]).write(files["report"])
    if not quiet:
        _CONSOLE.print()
        show_findings([promise(policy, after)], (), after.findings)
        show_decisions(after.findings)
        show_before_and_after(before, after)
        _CONSOLE.print()
        show_person(records, pl.read_parquet(files["release"], n_rows=1))
        show_cost(after, str(files["release"]))
        _CONSOLE.print(f"Everything is in {folder}/: open report.html.")
        check = f"shoal verify {folder}/released.parquet --certificate {folder}/certificate.json"
        _CONSOLE.print(f"next: {check}", soft_wrap=True)
    return {
        "before": before.to_dict(),
        "after": after.to_dict(),
        "findings": after.findings,
        "files": {what: str(path) for what, path in files.items()},
    }

"""Demonstration: invented hospital records, their risk, and the risk after anonymization."""

from pathlib import Path
from typing import Any

from rich.console import Console

_CONSOLE = Console()


def demonstrate(*, rows: int, seed: int, folder: Path, quiet: bool) -> dict[str, Any]:
    """Write invented records, anonymize them into a file, and show the risk before and after.

    Parameters
    ----------
    rows : int
        Number of records.
    seed : int
        Seed of the invented records.
    folder : Path
        Folder of the records, the policy, the release and its certificate; created if missing.
    quiet : bool
        Whether to print nothing.

    Returns
    -------
    dict
        ``before``, ``after``, its ``findings``, and the paths of ``files``.
    """
    import polars as pl

    from shoal.anonymity.anonymize import anonymize_file
    from shoal.anonymity.assess import assess
    from shoal.demo.hospital import hospital_policy, hospital_records
    from shoal.io.writing import make_folder, write_frame, written_whole
    from shoal.warming import compile_ahead
    from shoal_cli.main import with_progress
    from shoal_cli.rendering import promise, show_before_and_after, show_cost
    from shoal_cli.rendering_findings import show_decisions, show_findings
    from shoal_cli.rendering_person import show_person

    if not quiet:
        _CONSOLE.print(f"Inventing {rows:,} hospital records. The first run compiles kernels, for about a minute.")
    compile_ahead("tight")
    make_folder(folder)
    names = {
        "records": "hospital.parquet",
        "policy": "policy.toml",
        "release": "released.parquet",
        "certificate": "certificate.json",
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
    if not quiet:
        _CONSOLE.print()
        show_findings([promise(policy, after)], (), after.findings)
        show_decisions(after.findings)
        show_before_and_after(before, after)
        _CONSOLE.print()
        show_person(records, pl.read_parquet(files["release"], n_rows=1))
        show_cost(after, str(files["release"]))
        _CONSOLE.print(f"Everything is in {folder}/: look at it, and try `shoal verify` on the release.")
    return {
        "before": before.to_dict(),
        "after": after.to_dict(),
        "findings": after.findings,
        "files": {what: str(path) for what, path in files.items()},
    }

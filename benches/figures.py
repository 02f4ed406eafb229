"""Measure every figure that the README states, and write them there.

::

    python -m benches.figures                            # all sections at full size: an hour, 24 GB
    python -m benches.figures --only grouping,partition  # some sections, each a few minutes
    python -m benches.figures --rows 1e6 --runs 3        # another size
    python -m benches.figures --quick                    # small and once, printed only

Sections are kept in ``figures.json`` beside this file, each with the machine that it was measured on; the
README's tables are written from there, so that sections can be measured one by one. Runs of another size are
printed only, unless ``--write`` is given.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from benches import quality
from benches.measure import (
    accounting,
    attacks,
    cores,
    digits,
    disclosure,
    federated,
    full_domain,
    grouping,
    memory,
    noise,
    partition,
    peers,
    pipeline,
    plain_rows,
    private_group_by,
    start,
)
from benches.measure.figure import Figure, Options
from benches.measure.machine import machine
from benches.measure.showing import as_markdown
from shoal.warming import warm

SECTIONS: Final[dict[str, tuple[str, Callable[[Options], Iterator[Figure]]]]] = {
    "grouping": ("Rows into equivalence classes", grouping.figures),
    "partition": ("Classes by method, one core", partition.figures),
    "pipeline": ("Parquet in, verified Parquet out", partial(pipeline.figures, method="tight")),
    "pipeline-mondrian": ("The same with Mondrian", partial(pipeline.figures, method="mondrian")),
    "peers": ("Beside other Python tools", peers.figures),
    "memory": ("Memory above the input", memory.figures),
    "full-domain": ("Full-domain generalization", full_domain.figures),
    "disclosure": ("Measures, uniques and masking", disclosure.figures),
    "noise": ("Exact noise", noise.figures),
    "private-group-by": ("Private group-by", private_group_by.figures),
    "accounting": ("Accounting and the ledger", accounting.figures),
    "federated": ("Federated aggregation", federated.figures),
    "federated-digits": ("Digits at many clients, after McMahan et al. 2017", digits.figures),
    "attacks": ("Attacks on a release", attacks.figures),
    "plain-rows": ("Attacks on plain rows", plain_rows.figures),
    "quality": ("Information loss", quality.figures),
    "start": ("Start", start.figures),
    "cores": ("One core and two", cores.figures),
}
QUICK: Final = Options(rows=50_000, runs=1)
KEPT: Final = Path(__file__).with_name("figures.json")
README: Final = Path(__file__).parents[1] / "README.md"
BEGIN: Final = "<!-- figures: written by benches/figures.py; not by hand -->"
END: Final = "<!-- end of figures -->"


def measure(name: str, options: Options) -> dict[str, Any]:
    """Measure one section and print it."""
    title, figures = SECTIONS[name]
    print(f"\n### {title}\n", flush=True)
    started = time.perf_counter()
    found = list(figures(options))
    print(as_markdown(found))
    print(f"\n{time.perf_counter() - started:.0f} s", flush=True)
    return {"machine": machine(), "figures": [asdict(figure) | {"met": figure.met} for figure in found]}


def keep(sections: dict[str, Any]) -> None:
    """Put newly measured sections into the JSON file, and all of them into the README."""
    kept: dict[str, Any] = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    kept |= sections
    KEPT.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    before, begin, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        msg = f"README.md has no place for figures; put the lines {BEGIN} and {END} where they belong"
        raise SystemExit(msg)
    README.write_text(f"{before}{BEGIN}\n{tables(kept)}\n{END}{after}", encoding="utf-8")


def tables(kept: dict[str, Any]) -> str:
    """Return all sections' figures that have a mark; the machine is named once where it stays the same."""
    parts: list[str] = []
    where = ""
    for name, (title, _) in SECTIONS.items():
        if name in kept:
            if kept[name]["machine"] != where:
                where = kept[name]["machine"]
                parts.append(f"Medians, on {where}. Figures without a mark are in `benches/figures.json` only.")
            marked = [msgspec.convert(fields, Figure) for fields in kept[name]["figures"] if fields["mark"] is not None]
            parts.append(f"**{title}**\n\n{as_markdown(marked)}")
    return "\n\n".join(parts)


def main() -> None:
    """Read the command line, measure, keep."""
    parser = argparse.ArgumentParser(description="Measure the README's figures.")
    parser.add_argument("--only", default=",".join(SECTIONS), help="sections, separated by commas")
    parser.add_argument("--rows", type=lambda text: int(float(text)), help="rows of every section's table")
    parser.add_argument("--runs", type=int, help="runs of which medians are taken")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK.rows:,} rows, once")
    parser.add_argument("--write", action="store_true", help="keep the figures although their size is not the usual")
    given = parser.parse_args()
    chosen = given.only.split(",")
    if unknown := sorted(set(chosen) - set(SECTIONS)):
        parser.error(f"there are no sections {', '.join(unknown)}; choose from {', '.join(SECTIONS)}")
    options = QUICK if given.quick else Options(given.rows, given.runs)
    # From here on, and in the processes that are started, nothing is compiled.
    warm()
    for name in chosen:
        section = measure(name, options)
        # What nothing could be measured of, as a package is missing, keeps the figures that it has.
        if section["figures"] and (given.write or options == Options()):
            keep({name: section})


if __name__ == "__main__":
    main()

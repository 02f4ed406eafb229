"""Attacks on rows of plain values, beside anonymeter where `SHOAL_ANONYMETER_PYTHON` has it, on the same tables.

Original, release and control have 39,000 rows as the Adult data that anonymeter is shown with, and 16 columns, 4 of
them numbers; three in ten cells of the release are another person's. Both run 2,000 attacks on one thread.
"""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

import shoal
from benches.census import census
from benches.measure.clock import timed
from benches.measure.figure import Figure, Options
from benches.peers import calling

ROWS: Final = 39_000
ATTACKS: Final = 2000
SECRET: Final = "education"


def tables(rows: int) -> dict[str, pl.DataFrame]:
    """Return people, a release that mixes cells of other people into their rows, and other people."""
    people, random = _people(rows, 1), np.random.default_rng(2)
    mixed = [
        pl.select(pl.when(pl.Series(random.random(rows) < 0.3)).then(cells.reverse()).otherwise(cells)).to_series()
        for cells in people
    ]
    return {"original": people, "release": pl.DataFrame(mixed), "control": _people(rows, 3)}


def _people(rows: int, seed: int) -> pl.DataFrame:
    """Return the columns of two censuses side by side."""
    second = census(rows, seed=seed + 100).select(pl.all().name.suffix("_2"))
    return pl.concat([census(rows, seed=seed), second], how="horizontal")


def figures(options: Options) -> Iterator[Figure]:
    """Measure each attack, and how much longer anonymeter takes; rates that differ by more than chance are an error."""
    made = tables(options.rows_or(ROWS))
    names = made["original"].columns
    left, right = names[:8], names[8:]
    known = [name for name in names if name != SECRET]
    given: dict[str, Any] = {**made, "n_attacks": ATTACKS, "seed": 1, "n_threads": 1}
    calls: dict[str, tuple[Callable[[], Any], float, list[str]]] = {
        "singling-out": (lambda: shoal.attack.singling_out(**given), 1.0, []),
        "linkability": (
            lambda: shoal.attack.linkability(**given, left=left, right=right),
            1.0,
            ["--left", ",".join(left), "--right", ",".join(right)],
        ),
        "inference": (
            lambda: shoal.attack.inference(**given, known=known, secret=SECRET),
            2.0,
            ["--left", ",".join(known), "--secret", SECRET],
        ),
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, table in made.items():
            table.write_parquet(Path(folder) / f"{name}.parquet")
        for name, (call, mark, peer_options) in calls.items():
            call()
            found, cost = timed(call, options.runs_or(5))
            what = f"{name}, {made['original'].height:,} rows, {ATTACKS:,} attacks, one thread"
            yield Figure(what, cost.cpu_seconds, "s", mark, better="less", cost=cost)
            if calling.anonymeter_python() is not None:
                theirs = calling.measure_attack(name, Path(folder), [*peer_options, "-n", str(ATTACKS)])
                ratio = theirs["cpu_seconds"] / cost.cpu_seconds
                note = f"anonymeter {theirs['version']}: {theirs['cpu_seconds']:.2f} s; {_beside(found, theirs)}"
                yield Figure(f"{what}: time of anonymeter over ours", ratio, "×", cost=cost, note=note)


def _beside(found: Any, theirs: dict[str, Any]) -> str:
    """Return rates of both; 1.5 times the sum of their errors is 4 standard deviations of their difference."""
    parts: list[str] = []
    for name in ("success", "control"):
        ours, other = getattr(found, name), theirs[name]
        error = (ours.rate.high - ours.rate.low) / 2
        middle = (ours.rate.high + ours.rate.low) / 2
        assert abs(middle - other["value"]) <= 1.5 * (error + other["error"]), (name, ours, other)
        parts.append(f"{name} {middle:.3f} ± {error:.3f} beside {other['value']:.3f} ± {other['error']:.3f}")
    return ", ".join(parts)

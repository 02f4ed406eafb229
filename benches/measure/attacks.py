"""Attacks on releases of the census table, on one core: a register of four of six quasi-identifiers, 5 % wrong."""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

import shoal
from benches import census_policies
from benches.census import QUASI_IDENTIFIERS, census
from benches.measure.clock import child, forget_peak, peak_bytes, timed
from benches.measure.figure import Figure, Options
from shoal.attack.tables import Adversary, Release, read_adversary, read_register, read_release
from shoal_engine.anonymity.policy.methods import Method
from shoal_engine.attack.matching import ReleasedClasses, match

ROWS: Final = 1_000_000
K: Final = 10
PEOPLE: Final = 10
"""Rows of the release for each person of the register."""
KNOWN: Final = QUASI_IDENTIFIERS[:4]
WRONG: Final = 0.05
TIMES: Final = 10
"""How many times larger the large release is, whose time should grow as much and no more."""
SENSITIVE: Final = "diagnosis"


@dataclass(frozen=True)
class Looked:
    """A register looked up in a release: what `shoal.attack.linkage` does before it summarizes."""

    table: Release
    adversary: Adversary
    known: np.ndarray

    @classmethod
    def up(cls, release: Path, register: Path, policy: shoal.Policy) -> "Looked":
        """Read, parse and join both."""
        stated = {name: [name] for name in KNOWN}
        table = read_release(pl.scan_parquet(release), QUASI_IDENTIFIERS, [SENSITIVE], None, n_threads=1)
        people = read_register(pl.scan_parquet(register), KNOWN, [])
        adversary = read_adversary(table, stated, [people], policy, {})
        return cls(table, adversary, adversary.known(people))

    def counts_alone(self) -> ReleasedClasses:
        """Return the classes without sensitive values."""
        one = self.adversary.released
        return ReleasedClasses(one.columns, one.size, {})


def figures(options: Options) -> Iterator[Figure]:
    """Measure linkage with and without mismatches, its growth, its memory, and an intersection."""
    rows, runs = options.rows_or(ROWS), options.runs_or(5)
    with tempfile.TemporaryDirectory() as folder:
        policy = census_policies.everyday(K)
        made = {method: write_case(Path(folder), rows, method) for method in ("tight", "mondrian")}
        yield from _linkage(rows, runs, *made["tight"], policy)
        yield _intersection(rows, runs, made, policy)
        large = write_case(Path(folder), TIMES * rows, "mondrian")
        yield from _growth(rows, runs, made["mondrian"], large, policy)


def write_case(folder: Path, rows: int, method: Method) -> tuple[Path, Path]:
    """Write a release and a register of a tenth of its people."""
    release, register = folder / f"{method}-{rows}.parquet", folder / f"register-{rows}.parquet"
    frame = census(rows, seed=1)
    if not register.exists():
        register_of(frame).write_parquet(register)
    shoal.anonymize(frame, census_policies.everyday(K), method=method).frame.write_parquet(release)
    return release, register


def register_of(frame: pl.DataFrame) -> pl.DataFrame:
    """Return what is known of some people: some of the values are another person's."""
    random = np.random.default_rng(2)
    n = max(1, frame.height // PEOPLE)
    people = frame.select(KNOWN)[random.choice(frame.height, n, replace=False)]
    wrong = [random.random(n) < WRONG for _ in KNOWN]
    other = {name: frame[name].gather(random.integers(0, frame.height, n)) for name in KNOWN}
    return people.with_columns(
        pl.when(pl.Series(flags)).then(other[name]).otherwise(pl.col(name)).alias(name)
        for name, flags in zip(KNOWN, wrong, strict=True)
    )


def _linkage(rows: int, runs: int, release: Path, register: Path, policy: shoal.Policy) -> Iterator[Figure]:
    """Yield the parts of one attack."""
    where = f"tight, {rows:,} rows, k = {K}, {rows // PEOPLE:,} people"
    looked, cost = timed(partial(Looked.up, release, register, policy), runs)
    note = f"{looked.adversary.released.n_classes:,} classes"
    yield Figure(f"{where}: read, parsed and joined", cost.cpu_seconds, "s", 3.0, "less", cost, note)
    both: Mapping[str, tuple[ReleasedClasses, float]] = {
        "counts and weights": (looked.counts_alone(), 0.4),
        "with a sensitive column": (looked.adversary.released, 1.0),
    }
    for what, (released, mark) in both.items():
        _, cost = timed(partial(match, released, looked.known), runs)
        yield Figure(f"{where}: looked up, {what}", cost.cpu_seconds, "s", mark, "less", cost)
    for mismatches, mark in ((1, 4.0), (2, 12.0), (3, 12.0)):
        _, cost = timed(partial(match, looked.adversary.released, looked.known, mismatches=mismatches), min(runs, 3))
        what = f"{where}: {mismatches} of {len(KNOWN)} columns may disagree"
        yield Figure(what, cost.cpu_seconds, "s", mark, "less", cost)
    above, cost = child("attack_above_input", min(runs, 3), release=str(release), register=str(register))
    what = f"{where}: memory above release and register"
    yield Figure(what, above / 1e6, "MB", 250.0, "less", cost, "time includes reading them")


def above_input(release: str, register: str) -> int:
    """Return the bytes that an attack takes beyond release and register, which are in memory before."""
    table, people = pl.read_parquet(release), pl.read_parquet(register)
    policy = census_policies.everyday(K)
    # Modules that are imported and kernels that are loaded at first use are no part of the question.
    shoal.attack.linkage(table.head(1000), people.head(100), policy, columns=KNOWN, n_threads=1)
    forget_peak()
    held = peak_bytes()
    shoal.attack.linkage(table, people, policy, columns=KNOWN, n_threads=1)
    return peak_bytes() - held


def _intersection(rows: int, runs: int, made: Mapping[str, tuple[Path, Path]], policy: shoal.Policy) -> Figure:
    """Return the time of two releases read together."""
    (first, register), (second, _) = made["tight"], made["mondrian"]
    call = partial(
        shoal.attack.intersection, first, second, register, policy, columns=KNOWN, kept=[SENSITIVE], n_threads=1
    )
    _, cost = timed(call, min(runs, 3))
    what = f"tight and mondrian of {rows:,} rows, {rows // PEOPLE:,} people: read, and looked up in both"
    return Figure(what, cost.cpu_seconds, "s", 5.0, "less", cost)


def _growth(
    rows: int, runs: int, small: tuple[Path, Path], large: tuple[Path, Path], policy: shoal.Policy
) -> Iterator[Figure]:
    """Yield how the time grows with rows and people together, over how much they grow."""
    costs = [timed(partial(_whole, *one, policy), min(runs, 3))[1] for one in (small, large)]
    growth = costs[1].cpu_seconds / costs[0].cpu_seconds / TIMES
    what = (
        f"mondrian, {TIMES * rows:,} rows, {TIMES * rows // PEOPLE:,} people: time over {TIMES} times that of a tenth"
    )
    note = f"a tenth: {costs[0].cpu_seconds:.2f} s"
    yield Figure(what, growth, "×", 1.3, "less", costs[1], note)


def _whole(release: Path, register: Path, policy: shoal.Policy) -> None:
    """Run one attack from files."""
    looked = Looked.up(release, register, policy)
    match(looked.adversary.released, looked.known)

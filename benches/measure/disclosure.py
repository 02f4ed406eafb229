"""Every measure of an encoded table, minimal sample uniques, local suppression and microaggregation.

The marks are what sdcMicro's C++ and pycanon took on another machine of two cores, or less.
"""

from collections.abc import Iterator
from functools import partial
from typing import Final

import numpy as np
import polars as pl

import shoal
from benches import adult
from benches.baskets import baskets
from benches.census import QUASI_IDENTIFIERS, census
from benches.measure.clock import timed
from benches.measure.figure import Figure, Options
from benches.partitioning import table_of
from shoal.io.observing import observe
from shoal.recount.measures import least_support
from shoal_engine.anonymity.criteria.assess import assess_table
from shoal_engine.anonymity.release.item_recoding import recode_items

ROWS: Final = 1_000_000
FEW: Final = 30_000
MASKED_ROWS: Final = 100_000
SENSITIVE: Final = "diagnosis"


def figures(options: Options) -> Iterator[Figure]:
    """Measure each at its sizes."""
    runs, rows = options.runs_or(5), options.rows_or(ROWS)
    yield from _every_measure(rows, runs)
    yield from _minimal_uniques(rows, runs)
    if adult.present():
        yield from _local_suppression(runs)
    yield from _microaggregation(min(rows, MASKED_ROWS), runs)
    yield from _set_valued(rows, runs)


def _every_measure(rows: int, runs: int) -> Iterator[Figure]:
    """Yield the time of all privacy measures together, once the table is encoded and grouped."""
    for n, mark in ((FEW, 0.02), (rows, 1.0)):
        for collapse in (False, True):
            policy = shoal.Policy.of(k=2, quasi_identifiers=QUASI_IDENTIFIERS, sensitive=[SENSITIVE])
            table = table_of(census(n, seed=1, collapse=collapse), policy)
            _, cost = timed(partial(assess_table, table), runs)
            what = f"census, {n:,} rows: all privacy measures together, encoded"
            yield Figure(what, cost.cpu_seconds, "s", mark, "less", cost, f"{table.grouped.n_tuples:,} tuples")


def _minimal_uniques(rows: int, runs: int) -> Iterator[Figure]:
    """Yield the time of SUDA, from a frame, with all columns at once."""
    tables = [(census(FEW, seed=1), f"census, {FEW:,} rows", 0.3)]
    if adult.present():
        tables = [
            (adult.read(), "Adult, 30,162 rows", 0.3),
            (adult.resampled(rows), f"Adult resampled, {rows:,} rows", 10.0),
        ]
    everyday = census(rows, seed=1)
    tables.append((everyday.drop("income"), f"census without income, {rows:,} rows", 10.0))
    tables.append((everyday, f"census, {rows:,} rows, nearly all unique in two columns", 10.0))
    for frame, where, mark in tables:
        found, cost = timed(partial(shoal.suda, frame, frame.columns), runs)
        note = f"{found.sizes['minimal_uniques'].sum():,} minimal uniques"
        what = f"{where}: SUDA over {frame.width} columns"
        yield Figure(what, cost.cpu_seconds, "s", mark, "less", cost, note)


def _local_suppression(runs: int) -> Iterator[Figure]:
    """Yield cells and time of local suppression, recounted."""
    frame = adult.read()
    found, cost = timed(partial(shoal.suppress_cells, frame, adult.QUASI_IDENTIFIERS, k=5), runs)
    where = "Adult, 8 quasi-identifiers, k = 5: local suppression"
    yield Figure(f"{where}, cells", found.total, "cells", 26_755, "less", note="sdcMicro: 26,755, in 725 s")
    yield Figure(f"{where}, recount included", cost.cpu_seconds, "s", 2.0, "less", cost)


def _microaggregation(rows: int, runs: int) -> Iterator[Figure]:
    """Yield the time of MDAV."""
    numbers = np.random.default_rng(1).normal(size=(rows, 4))
    frame = pl.DataFrame(numbers, schema=["a", "b", "c", "d"])
    found, cost = timed(partial(shoal.microaggregate, frame, frame.columns, k=5), runs)
    what = f"MDAV, {rows:,} rows × 4 columns, k = 5"
    yield Figure(what, cost.cpu_seconds, "s", 20.0, "less", cost, f"loses {found.loss_percent:.3f}% of the variance")


def _set_valued(rows: int, runs: int) -> Iterator[Figure]:
    """Yield how often one count of all pairs in Polars pays for pairs that are all held often enough."""
    frame = baskets(rows).lazy()
    _, floor = timed(partial(least_support, frame, "items", 2), runs)
    for hierarchy, how in ((None, "left out"), (shoal.Prefix(), "generalized")):
        role = shoal.SetValued(m=2, hierarchy=hierarchy)
        policy = shoal.Policy(k=5, quasi_identifiers={"group": shoal.QuasiIdentifier()}, set_valued={"items": role})
        sets = observe(frame, policy, carry=True, n_threads=1).finish().sets["items"]
        everybody = np.ones(sets.n_rows, np.bool_)
        found, cost = timed(partial(recode_items, sets, everybody, role, k=5, name="items", folder=""), runs)
        where = f"lists of 5 of 500 items, {rows:,} rows, 5^2-anonymity"
        what = f"{where}, items {how}: time of Polars' count of all pairs over ours"
        note = f"{found.note.partition(': ')[2]}; Polars {floor.cpu_seconds:.2f} s"
        yield Figure(what, floor.cpu_seconds / cost.cpu_seconds, "×", None, "more", cost, note)

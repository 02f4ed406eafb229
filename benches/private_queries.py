"""The queries of the private group-by's benchmarks, whole releases, and the same work in plain Polars."""

import os
from functools import partial
from typing import Any, Literal

import numpy as np
import polars as pl
import pyarrow as pa

import shoal
from benches.measure.clock import forget_peak, peak_bytes, timed
from shoal import dp
from shoal_engine.differential.queries.bounding import Bounds, UnitObservation
from shoal_engine.differential.queries.grid import Grid, ValueSpec

N_KEYS = 1000
BOUNDS = Bounds(max_groups=5, max_rows=2)
COST = ValueSpec("cost", Grid.between(0, 1000))
Keys = Literal["whole", "text", "enum"]


def visits(n_rows: int, keys: Keys) -> pl.DataFrame:
    """Return rows of a unit (one for ten rows), one of a thousand keys, and a cost."""
    random = np.random.default_rng(1)
    frame = pl.DataFrame(
        {
            "patient": random.integers(0, max(1, n_rows // 10), n_rows),
            "ward": random.integers(0, N_KEYS, n_rows),
            "cost": random.random(n_rows) * 1000,
        }
    )
    if keys == "whole":
        return frame
    names = [f"ward {i:03}" for i in range(N_KEYS)]
    ward = pl.col("ward").replace_strict(range(N_KEYS), names, return_dtype=pl.Enum(names))
    return frame.with_columns(ward if keys == "enum" else ward.cast(pl.String))


def row_level(frame: pl.DataFrame) -> pl.DataFrame:
    """Release count, sum and mean, where a unit is a row; the keys are public."""
    keys = frame["ward"].unique() if frame.height < N_KEYS else ward_names(frame.schema["ward"])
    grouped = shoal.private(frame, unit=None, ledger=None).group_by("ward", keys=keys)
    return grouped.agg(*_asked()).release(epsilon="1", n_threads=1).frame


def unit_level(frame: pl.DataFrame) -> pl.DataFrame:
    """Release the same of at most two rows in each of at most five groups of every patient; keys are chosen."""
    bounds = {"max_groups": BOUNDS.max_groups, "max_rows": BOUNDS.max_rows}
    grouped = shoal.private(frame, unit="patient", ledger=None).group_by("ward", **bounds)
    return grouped.agg(*_asked()).release(epsilon="1", delta="1e-7", n_threads=1).frame


def ward_names(kind: pl.DataType) -> pl.Series:
    """Return the keys, in the type of the data."""
    numbers = pl.Series("ward", range(N_KEYS), dtype=pl.Int64)
    return numbers if kind.is_integer() else numbers.map_elements(lambda i: f"ward {i:03}", return_dtype=pl.String)


def _asked() -> list[Any]:
    return [dp.count(), dp.sum("cost", bounds=(0, 1000)), dp.mean("cost", bounds=(0, 1000))]


def floor(frame: pl.DataFrame) -> pl.DataFrame:
    """Do the same with no privacy."""
    cost = pl.col("cost")
    return frame.group_by("ward").agg(pl.len(), cost.sum().alias("sum"), cost.mean().alias("mean"))


def compare(rows: int, times: int, keys: Keys) -> dict[str, float]:
    """Return CPU seconds of each, in one process."""
    frame = visits(rows, keys)
    seconds: dict[str, float] = {}
    for query in (row_level, unit_level, floor):
        query(frame.head(1000))
        seconds[query.__name__] = timed(partial(query, frame), times)[1].cpu_seconds
    return seconds


def peak_over_input(rows: int, keys: Keys) -> float:
    """Return what a unit-level query and its input take at their peak, over the size of the input in memory."""
    unit_level(visits(1000, keys))
    forget_peak()
    held = peak_bytes()
    batch = _frugal_batch(rows, keys)
    forget_peak()
    observation = UnitObservation(["patient"], ["ward"], [COST], BOUNDS)
    observation.observe(batch)
    observation.finish(os.urandom(16))
    return (peak_bytes() - held) / batch.nbytes


def _frugal_batch(rows: int, keys: Keys) -> pa.RecordBatch:
    """Return what `visits` does, made a little at a time, so that the process holds nothing but the result."""
    random = np.random.default_rng(1)
    patient, cost = np.empty(rows, np.int64), np.empty(rows, np.float64)
    ward = np.empty(rows, np.int64 if keys == "whole" else np.uint16)
    for low in range(0, rows, 10_000):
        high = min(low + 10_000, rows)
        patient[low:high] = random.integers(0, max(1, rows // 10), high - low)
        ward[low:high] = random.integers(0, N_KEYS, high - low)
        cost[low:high] = random.random(high - low) * 1000
    names = [f"ward {i:03}" for i in range(N_KEYS)]
    column = pa.array(ward) if keys == "whole" else pa.DictionaryArray.from_arrays(ward, names)
    return pa.RecordBatch.from_pydict({"patient": patient, "ward": column, "cost": cost})

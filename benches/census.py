"""A seeded census: skewed, correlated, nearly every row its own tuple of quasi-identifiers."""

from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

QUASI_IDENTIFIERS: Final = ["age", "sex", "zip", "education", "marital", "occupation"]

EDUCATION: Final = [
    *["none", "preschool", "grade 1-4", "grade 5-6", "grade 7-8", "grade 9", "grade 10", "grade 11"],
    *["grade 12", "diploma", "some college", "associate", "bachelor", "master", "professional", "doctorate"],
]
MARITAL: Final = ["single", "married", "separated", "divorced", "widowed", "abroad", "partnered"]
OCCUPATION: Final = [
    *["clerical", "craft", "executive", "farming", "forces", "household", "inspection", "labor"],
    *["other service", "professional", "protection", "sales", "support", "transport"],
]
N_ZIPS: Final = 30_000
N_DIAGNOSES: Final = 40
BLOCK: Final = 1 << 20
"""Rows drawn at a time, which bounds the memory beside the result."""


def _pick(random: np.random.Generator, weight: npt.NDArray[np.floating], n: int) -> npt.NDArray[np.int64]:
    """Draw n numbers below len(weight) with these weights."""
    edges = np.cumsum(weight)
    return np.minimum(np.searchsorted(edges / edges[-1], random.random(n), side="right"), len(weight) - 1)


def _zips() -> npt.NDArray[np.int64]:
    """Return the ZIP codes there are: spread over the five digits, some areas dense and others empty."""
    return np.sort(np.random.default_rng(1).choice(99_000, N_ZIPS, replace=False) + 501)


def _block(n: int, random: np.random.Generator) -> dict[str, npt.NDArray[np.generic]]:
    """Draw n people."""
    age = 17 + np.minimum(73, random.gamma(2.6, 12.0, n)).astype(np.int16)
    sex = random.random(n) < 0.49
    # A few large places, and a long tail.
    zips = _pick(random, 1.0 / np.sqrt(1.0 + np.random.default_rng(2).permutation(N_ZIPS)), n)
    region = zips * 16 // N_ZIPS
    schooling = random.normal(9.5, 2.6, n) + 0.15 * (region % 5) - 0.02 * np.maximum(age - 50, 0)
    education = np.clip(schooling, 0, 15).astype(np.int64)
    settled = np.clip((age - 17) / 25.0, 0.0, 1.0)
    marital = np.where(random.random(n) < settled, 1, 0)
    marital = np.where(random.random(n) < 0.28, _pick(random, np.array([3, 1, 0.6, 2.2, 0.5, 0.2, 2.0]), n), marital)
    marital = np.where((age > 62) & (random.random(n) < (age - 62) / 60.0), 4, marital)
    drawn = _pick(random, 1.0 / (1.0 + np.arange(14.0)) ** 0.4, n)
    occupation = np.where(random.random(n) < 0.35, (education * 13 // 15 + 3 * sex) % 14, drawn)
    illness = _pick(random, 1.0 / (1.0 + np.arange(N_DIAGNOSES)) ** 1.1, n)
    diagnosis = np.where(random.random(n) < 0.3, (illness + age // 9 + 5 * sex) % N_DIAGNOSES, illness)
    pay = random.lognormal(9.6 + 0.09 * education + 0.25 * np.sqrt((age - 16) / 40.0), 0.5, n)
    return {
        "age": age,
        "sex": sex.astype(np.uint8),
        "zip": zips.astype(np.uint16),
        "education": education.astype(np.uint8),
        "marital": marital.astype(np.uint8),
        "occupation": occupation.astype(np.uint8),
        "diagnosis": diagnosis.astype(np.uint8),
        "income": (np.round(pay / 100.0) * 100.0).astype(np.float32),
    }


def census(n_rows: int, *, seed: int, collapse: bool = False, categorical: bool = False) -> pl.DataFrame:
    """Return a table of invented people.

    Parameters
    ----------
    n_rows : int
    seed : int
        The same seed gives the same table.
    collapse : bool
        Draw a tenth of the people and repeat each about ten times, so that about ten rows share a tuple;
        diagnosis and income still vary.
    categorical : bool
        Text as Enum instead of String.
    """
    random = np.random.default_rng(seed)
    n_people = max(1, n_rows // 10) if collapse else n_rows
    columns: dict[str, npt.NDArray[np.generic]] = {}
    for low in range(0, n_rows, BLOCK):
        high = min(low + BLOCK, n_rows)
        for name, values in _block(high - low, random).items():
            columns.setdefault(name, np.empty(n_rows, values.dtype))[low:high] = values
    if collapse:
        who = random.integers(0, n_people, n_rows)
        for name in QUASI_IDENTIFIERS:
            columns[name] = columns[name][:n_people][who]
    labels = {
        "sex": ["female", "male"],
        "zip": [f"{zip_code:05}" for zip_code in _zips()],
        "education": EDUCATION,
        "marital": MARITAL,
        "occupation": OCCUPATION,
        "diagnosis": [f"D{number:02}" for number in range(N_DIAGNOSES)],
    }
    frame: dict[str, pl.Series] = {}
    for name in list(columns):
        codes = columns.pop(name)
        if name not in labels:
            frame[name] = pl.Series(name, codes)
            continue
        text = pl.Series(labels[name])
        if categorical:
            text = text.cast(pl.Enum(labels[name]))
        frame[name] = text.gather(pl.Series(codes.astype(np.uint32))).alias(name)
    return pl.DataFrame(frame)

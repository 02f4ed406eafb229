"""Singling out: guess from a release predicates that exactly one person of the original fulfills."""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from shoal_engine.attack.plain_rows import CONTROL, ORIGINAL, RELEASE, Codes, Numbers, PlainTables, seed_number
from shoal_engine.attack.predicates import Predicates, at_random, multivariate, univariate
from shoal_engine.attack.success_rates import AttackReport, attack_report
from shoal_engine.errors import PolicyError
from shoal_engine.threads import in_threads, ranges

Mode = Literal["univariate", "multivariate"]
MODES: tuple[Mode, ...] = ("univariate", "multivariate")
_SIZES = 10
"""Sizes of samples of control rows to which the success by size is fitted."""
_SMALLEST_SAMPLE = 1000


def singling_out_integral(n: float, low: float, high: float) -> float:
    """Return the integral over w from `low` to `high` of n w (1 - w)^(n - 1).

    It is the probability that a predicate of weight w, which a random person fulfills with probability w, holds for
    exactly one of n people.

    Raises
    ------
    PolicyError
        The bounds are not 0 <= low <= high <= 1.

    References
    ----------
    Cohen, Nissim (2020), Towards formalizing the GDPR's notion of singling out, PNAS 117(15).

    Examples
    --------
    >>> singling_out_integral(2, 0, 1)
    0.3333333333333333
    """
    if not 0 <= low <= high <= 1:
        msg = f"weights from {low} to {high}; give bounds within 0 and 1, the lower one first"
        raise PolicyError(msg)
    return ((n * low + 1) * (1 - low) ** n - (n * high + 1) * (1 - high) ** n) / (n + 1)


def expected_alone(count: npt.NDArray[np.int64], n: int, size: int) -> float:
    """Return how many predicates hold for exactly one row of a random sample, by the hypergeometric distribution.

    Parameters
    ----------
    count : (q,) int64
        Of n rows, those that fulfill each predicate.
    n, size : int
        Rows, and rows of the sample, from 1 to n.
    """
    from scipy.special import gammaln

    counts, predicates = np.unique(count[count > 0], return_counts=True)
    counts, predicates = counts[n - counts >= size - 1], predicates[n - counts >= size - 1]
    others = n - counts

    def log_ways(of: Numbers, chosen: int) -> Numbers:
        return gammaln(of + 1.0) - gammaln(chosen + 1.0) - gammaln(of - chosen + 1.0)

    log_chance = np.log(counts) + log_ways(others.astype(np.float64), size - 1) - log_ways(np.array(float(n)), size)
    return float(predicates @ np.exp(log_chance))


def size_correction(count: npt.NDArray[np.int64], n_control: int, n_original: int) -> float:
    """Return the factor from successes among control rows to those expected among as many rows as the original has.

    Parameters
    ----------
    count : (q,) int64
        Control rows that fulfill each predicate.
    n_control, n_original : int
        Distinct rows.

    Notes
    -----
    Successes at size n are modeled as a multiple of `singling_out_integral` from 0 to an effective weight (Giomi et
    al. 2023, section 4.1), fitted by least squares to what random samples of the control rows yield. The expectation
    over samples is computed, where anonymeter draws five of each size.
    """
    from scipy.optimize import minimize_scalar

    smallest = max(1, min(_SMALLEST_SAMPLE, n_control // _SIZES))
    sizes = np.unique(np.linspace(smallest, n_control, _SIZES).astype(np.int64))
    measured = np.array([expected_alone(count, n_control, int(size)) for size in sizes])

    def model(log_weight: float) -> Numbers:
        return np.array([singling_out_integral(float(size), 0.0, math.exp(log_weight)) for size in sizes])

    def loss(log_weight: float) -> float:
        shape = model(log_weight)
        rest = measured - shape * (shape @ measured) / (shape @ shape)
        return float(rest @ rest)

    weight = math.exp(minimize_scalar(loss, bounds=(-math.log(1e4 * n_control), -1e-9), method="bounded").x)
    return singling_out_integral(n_original, 0.0, weight) / singling_out_integral(n_control, 0.0, weight)


def singling_out(
    tables: PlainTables,
    *,
    mode: Mode,
    n_columns: int,
    n_attacks: int,
    max_attempts: int,
    seed: int,
    confidence: float,
    n_threads: int,
) -> tuple[AttackReport, Predicates, npt.NDArray[np.bool_]]:
    """Make predicates that single out a row of the release, and count those that single out a row of the original.

    Parameters
    ----------
    tables : PlainTables
    mode : "univariate" | "multivariate"
    n_columns : int
        Columns of a multivariate predicate.
    n_attacks : int
        Predicates to make at most.
    max_attempts : int
        Multivariate predicates to try.
    seed : int
    confidence : float
    n_threads : int

    Returns
    -------
    report : AttackReport
        The baseline is as many random predicates.
    predicates : Predicates
    success : (q,) bool
        Whether exactly one distinct row of the original fulfills each.

    Raises
    ------
    PolicyError
        A parameter is out of range.

    Notes
    -----
    Rows that are equal in all columns count once, as in anonymeter. Rates are of the predicates that were made;
    anonymeter divides by those that were asked for, which understates the risk where the release yields fewer.

    References
    ----------
    Giomi, Boenisch, Wehmeyer, Tasnádi (2023), A unified framework for quantifying privacy risk in synthetic data,
    PoPETs 2023(2), section 4.1.
    """
    columns = list(tables.columns.values())
    _check(mode, n_columns, len(columns), n_attacks, max_attempts)
    rng = np.random.default_rng(seed_number(seed))
    codes = [_distinct(tables, table, n_threads) for table in range(len(tables.n_rows))]
    if mode == "univariate":
        n_columns = 1
        predicates = univariate(columns, codes[RELEASE], rng, n_attacks)
    else:
        predicates = multivariate(
            columns, codes[RELEASE], rng, n_columns=n_columns, most=n_attacks, max_attempts=max_attempts
        )
    made = len(predicates.column)
    success = _counts(predicates, codes[ORIGINAL], 1, n_threads) == 1
    guesses = at_random(columns, rng, n_columns=n_columns, count=n_attacks)
    lucky = int((_counts(guesses, codes[ORIGINAL], 1, n_threads) == 1).sum())
    report = attack_report(
        f"singling out, {mode}",
        success=(made, int(success.sum())),
        baseline=(n_attacks, lucky),
        control=_on_control(predicates, codes, n_threads) if tables.has_control else None,
        confidence=confidence,
        requested=n_attacks,
    )
    return report, predicates, success


def _check(mode: str, n_columns: int, d: int, n_attacks: int, max_attempts: int) -> None:
    """Raise PolicyError where a parameter is out of range."""
    if mode not in MODES:
        msg = f"there is no mode {mode!r}; choose one of {', '.join(MODES)}"
        raise PolicyError(msg)
    if mode == "multivariate" and not 1 <= n_columns <= d:
        msg = f"n_columns = {n_columns} of {d} columns; give a number from 1 to {d}"
        raise PolicyError(msg)
    if n_attacks < 1 or max_attempts < 1:
        msg = f"n_attacks = {n_attacks}, max_attempts = {max_attempts}; give at least 1 of each"
        raise PolicyError(msg)


def _distinct(tables: PlainTables, table: int, n_threads: int) -> Codes:
    """Return the codes of the distinct rows of a table, (d, n) uint32."""
    grouped = tables.group(table, list(tables.columns), n_threads=n_threads)
    return np.stack([grouped.codes(j) for j in range(len(tables.columns))])


def _counts(predicates: Predicates, codes: Codes, most: int, n_threads: int) -> npt.NDArray[np.int64]:
    """Count matches in threads."""
    parts = ranges(len(predicates.column), n_threads)
    counts = in_threads(lambda ends: predicates.take(np.arange(*ends)).count_rows(codes, most), parts, n_threads)
    return np.concatenate(counts) if counts else np.empty(0, np.int64)


def _on_control(predicates: Predicates, codes: Sequence[Codes], n_threads: int) -> tuple[int, float]:
    """Return attacks and successes on control rows, as if they were as many as the original's."""
    n_original, n_control = codes[ORIGINAL].shape[1], codes[CONTROL].shape[1]
    made = len(predicates.column)
    if n_original == n_control or not made:
        return made, int((_counts(predicates, codes[CONTROL], 1, n_threads) == 1).sum())
    count = _counts(predicates, codes[CONTROL], n_control, n_threads)
    alone = int((count == 1).sum())
    return made, min(float(made), alone * size_correction(count, n_control, n_original)) if alone else 0.0

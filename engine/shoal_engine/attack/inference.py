"""Attribute inference: guess a secret value of a row from the nearest released rows."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from shoal_engine.attack.plain_rows import (
    RELEASE,
    TABLES,
    Codes,
    Numbers,
    PlainColumn,
    PlainTables,
    Rows,
    choose_rows,
    points_of,
)
from shoal_engine.attack.success_rates import AttackReport, attack_report
from shoal_engine.errors import ColumnError, PolicyError
from shoal_engine.tables.grouping import Grouped, group
from shoal_engine.threads import in_threads, ranges
from shoal_kernels._jit import freeze
from shoal_kernels.risk.linked_parts import Part
from shoal_kernels.risk.nearest_secrets import guess_secrets

_SLACK = 1e-12
"""Added to the size of a guess, so that a difference of exactly the tolerance counts whatever it is rounded to."""


class RightGuesses(NamedTuple):
    """For which secrets a guess is right.

    Attributes
    ----------
    secret : (size,) float64
        Number of each code of the secret column.
    low, high : (size,) float64
        Secrets for which each code is a right guess.
    """

    secret: Numbers
    low: Numbers
    high: Numbers


def right_guesses(column: PlainColumn, tolerance: float) -> RightGuesses:
    """Return which guesses of a column are right: numbers within a share of the guess, all else if equal.

    Null is a value, and a right guess for null. Dates have no zero, so they are guessed exactly.

    Raises
    ------
    PolicyError
        The tolerance is negative.
    ColumnError
        The release or the original has no value in the column.
    """
    if not 0 <= tolerance < np.inf:
        msg = f"tolerance = {tolerance}; give the share by which a guessed number may be off, at least 0"
        raise PolicyError(msg)
    for name, codes in zip(TABLES, column.codes, strict=False):
        if not (codes >= column.first).any():
            msg = f"column `{column.name}` has no value in the {name}, so there is nothing to infer; name another"
            raise ColumnError(msg)
    if column.numbers is None or column.is_date:
        exact = np.arange(column.size, dtype=np.float64)
        return RightGuesses(exact, exact, exact)
    number = column.numbers
    width = tolerance * (np.abs(number) + _SLACK)
    # Null lies at infinity, beyond every number.
    most = np.finfo(np.float64).max
    low, high, secret = (
        np.where(np.isnan(number), np.inf, np.clip(bound, -most, most))
        for bound in (number - width, number + width, number)
    )
    return RightGuesses(secret, low, high)


def inference(
    tables: PlainTables,
    known: Sequence[str],
    secret: str,
    *,
    tolerance: float,
    n_attacks: int | None,
    seed: int | None,
    confidence: float,
    n_threads: int,
) -> tuple[AttackReport, dict[str, tuple[Rows, Numbers]]]:
    """Guess the secret of each attacked row from a released row that is nearest in the known columns.

    Parameters
    ----------
    tables : PlainTables
    known : sequence of str
    secret : str
        Not among `known`.
    tolerance : float, at least 0
        Share of a guessed number by which it may be off.
    n_attacks : int, optional
        Rows of each table to attack, drawn by `seed`. Default: all.
    seed : int, optional
    confidence : float
    n_threads : int

    Returns
    -------
    report : AttackReport
        The baseline is exact: the secret of a random released row.
    chances : mapping of table to attacked rows and the probability of a right guess, over even choices among ties

    Raises
    ------
    PolicyError
        Tolerance, attacks, seed or confidence are out of range.
    ColumnError
        The secret has no value in a table.

    References
    ----------
    Giomi, Boenisch, Wehmeyer, Tasnádi (2023), A unified framework for quantifying privacy risk in synthetic data,
    PoPETs 2023(2), section 4.3.
    """
    columns = [tables.columns[name] for name in known]
    guesses = right_guesses(tables.columns[secret], tolerance)
    released = tables.group(RELEASE, known, n_threads=n_threads)
    part = freeze(Part(points_of(released, columns), released.weight))
    pairs = _secrets_of(released, tables.columns[secret])
    chances: dict[str, tuple[Rows, Numbers]] = {}
    for table in tables.attacked():
        rows = choose_rows(tables.n_rows[table], n_attacks, seed, table)
        distinct = tables.group(table, [*known, secret], rows, n_threads=n_threads)
        chance = _guess(distinct, columns, guesses, part, pairs, n_threads)
        assert distinct.tuple_of_row is not None
        chances[TABLES[table]] = rows, chance[distinct.tuple_of_row]
    found = {name: (len(rows), float(chance.sum())) for name, (rows, chance) in chances.items()}
    targets = tables.columns[secret].codes[1][chances["original"][0]]
    report = attack_report(
        "inference",
        success=found["original"],
        baseline=(len(targets), random_guesses(tables.columns[secret].codes[RELEASE], targets, guesses)),
        control=found.get("control"),
        confidence=confidence,
        requested=n_attacks,
    )
    return report, chances


class SecretsOfTuples(NamedTuple):
    """Distinct pairs of a released tuple and a secret code.

    Attributes
    ----------
    begin : (m + 1,) int64
    code : (p,) uint32
    weight : (p,) int64
    """

    begin: Rows
    code: Codes
    weight: Rows


def _secrets_of(released: Grouped, secret: PlainColumn) -> SecretsOfTuples:
    """Return the secrets of each released tuple."""
    assert released.tuple_of_row is not None
    both = group([released.tuple_of_row, secret.codes[RELEASE]], [released.n_tuples, secret.size], n_threads=1)
    begin = np.searchsorted(both.codes(0), np.arange(released.n_tuples + 1)).astype(np.int64)
    return SecretsOfTuples(begin, both.codes(1), both.weight)


def _guess(
    distinct: Grouped,
    columns: Sequence[PlainColumn],
    guesses: RightGuesses,
    part: Part,
    pairs: SecretsOfTuples,
    n_threads: int,
) -> Numbers:
    """Return the probability of a right guess for distinct tuples of known columns and, last, the secret."""
    query = np.ascontiguousarray(points_of(distinct, columns).T)
    secret = guesses.secret[distinct.codes(len(columns))]
    low, high = guesses.low[pairs.code], guesses.high[pairs.code]
    probability = np.empty(distinct.n_tuples)

    def guess(ends: tuple[int, int]) -> None:
        span = slice(*ends)
        guess_secrets(query[span], secret[span], part, pairs.begin, low, high, pairs.weight, probability[span])

    in_threads(guess, ranges(distinct.n_tuples, n_threads), n_threads)
    return probability


def random_guesses(released: Codes, targets: Codes, guesses: RightGuesses) -> float:
    """Return how many targets are expected to be guessed right by the secret of a random released row.

    Parameters
    ----------
    released, targets : (m,) and (n,) uint32
        Codes of the secret.
    guesses : RightGuesses
    """
    rows = np.bincount(released, minlength=guesses.secret.size)
    secrets = np.sort(guesses.secret[targets])
    # Each guess covers an interval of the sorted secrets.
    covered = np.searchsorted(secrets, guesses.high, "right") - np.searchsorted(secrets, guesses.low, "left")
    return float(rows @ covered) / len(released)

"""Correct attribution probability: whether released rows with a person's keys hold the person's secret."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from shoal_engine.attack.inference import random_guesses, right_guesses
from shoal_engine.attack.plain_rows import ORIGINAL, RELEASE, Codes, Numbers, PlainTables, Rows, choose_rows
from shoal_engine.attack.success_rates import Risk, check_confidence, trials
from shoal_engine.tables.grouping import group
from shoal_engine.threads import in_threads, ranges
from shoal_kernels._jit import freeze
from shoal_kernels.risk.linked_parts import Part
from shoal_kernels.risk.nearest_secrets import guess_secrets

Flags = npt.NDArray[np.bool_]


class Attribution(Struct, frozen=True, kw_only=True):
    """Correct attribution probability of the rows of one table.

    Attributes
    ----------
    attacks : int
        Rows.
    found : float
        Share of them whose keys the release has.
    left_out : float, optional
        Mean probability over rows whose keys it has; None if it has none.
    zero : float
        Mean over all rows; those whose keys it does not have count 0.
    nearest : float
        Mean over all rows; those are attributed by the released rows that agree with most of their keys.
    baseline : float
        The same without keys: a random released row.
    interval : Risk
        Wilson's interval of `nearest`.
    """

    attacks: int
    found: float
    left_out: float | None
    zero: float
    nearest: float
    baseline: float
    interval: Risk


class AttributionReport(Struct, frozen=True, kw_only=True):
    """Correct attribution probability of original rows, and of control rows if there are any.

    Attributes
    ----------
    confidence : float
    original : Attribution
    control : Attribution, optional
    """

    confidence: float
    original: Attribution
    control: Attribution | None = None


def attribution(
    tables: PlainTables,
    keys: Sequence[str],
    secret: str,
    *,
    n_attacks: int | None,
    seed: int | None,
    confidence: float,
    n_threads: int,
) -> tuple[AttributionReport, dict[str, tuple[Rows, Numbers]]]:
    """Measure the probability that a released row with the same keys has the same secret.

    Parameters
    ----------
    tables : PlainTables
    keys : sequence of str
        All values are categories: equal or not; null equals null.
    secret : str
    n_attacks : int, optional
        Rows of each table to attack, drawn by `seed`. Default: all.
    seed : int, optional
    confidence : float
    n_threads : int

    Returns
    -------
    report : AttributionReport
    chances : mapping of table to attacked rows and the probability of each, by nearest keys where its own are missing

    Raises
    ------
    PolicyError
        Attacks, seed or confidence are out of range.
    ColumnError
        The secret has no value in a table.

    References
    ----------
    Taub, Elliot, Pampaka, Smith (2018), Differential correct attribution probability for synthetic data: an
    exploration, PSD 2018, LNCS 11126, section 3: equations 1 to 3. Nearest keys are those of the fewest differences,
    as in the generalized CAP of Hittmeir, Mayer, Ekelhart (2020), A baseline for attribute disclosure risk in
    synthetic data, CODASPY 2020, section 4.
    """
    check_confidence(confidence)
    column = tables.columns[secret]
    # Nothing but an equal secret is right.
    guesses = right_guesses(column, 0.0)
    found: dict[str, Attribution] = {}
    chances: dict[str, tuple[Rows, Numbers]] = {}
    for table in tables.attacked():
        name = "original" if table == ORIGINAL else "control"
        rows = choose_rows(tables.n_rows[table], n_attacks, seed, table)
        secrets = column.codes[table][rows]
        keyed = [
            np.concatenate([tables.columns[key].codes[RELEASE], tables.columns[key].codes[table][rows]]) for key in keys
        ]
        chance, present = _chances(
            keyed, [tables.columns[key].size for key in keys], column.codes[RELEASE], secrets, column.size, n_threads
        )
        baseline = random_guesses(column.codes[RELEASE], secrets, guesses) / len(rows)
        found[name] = _summary(chance, present, baseline, confidence)
        chances[name] = rows, chance
    return AttributionReport(confidence=confidence, original=found["original"], control=found.get("control")), chances


def _summary(chance: Numbers, present: Flags, baseline: float, confidence: float) -> Attribution:
    """Return the three means."""
    return Attribution(
        attacks=len(chance),
        found=float(present.mean()),
        left_out=float(chance[present].mean()) if present.any() else None,
        zero=float(np.where(present, chance, 0.0).mean()),
        nearest=float(chance.mean()),
        baseline=baseline,
        interval=trials(len(chance), float(chance.sum()), confidence).rate,
    )


def _chances(
    keyed: Sequence[Codes], sizes: Sequence[int], released: Codes, secrets: Codes, n_secrets: int, n_threads: int
) -> tuple[Numbers, Flags]:
    """Return the probability of each attacked row, and whether the release has its keys.

    Parameters
    ----------
    keyed : d arrays, (n_released + n,) uint32
        Keys of released rows, then of attacked rows.
    sizes : d int
    released, secrets : (n_released,) and (n,) uint32
        Their secrets.
    n_secrets : int
    n_threads : int
    """
    n_released = len(released)
    both = group([*keyed, np.concatenate([released, secrets])], [*sizes, n_secrets], n_threads=n_threads)
    keys = group([both.codes(j) for j in range(len(sizes))], sizes, n_threads=n_threads)
    assert both.tuple_of_row is not None
    assert keys.tuple_of_row is not None
    # Pairs of keys and a secret are in the order of the keys.
    key_of_pair = keys.tuple_of_row.astype(np.int64)
    weight = np.bincount(both.tuple_of_row[:n_released], minlength=both.n_tuples)
    rows = np.bincount(key_of_pair, weights=weight, minlength=keys.n_tuples)[key_of_pair]
    attacked = np.unique(both.tuple_of_row[n_released:])
    chance = np.divide(weight, rows, out=np.zeros(both.n_tuples), where=rows > 0)
    missing = attacked[rows[attacked] == 0]
    if missing.size:
        points = np.stack([both.codes(j).astype(np.float64) for j in range(len(sizes))])
        code = both.codes(len(sizes)).astype(np.float64)
        held = np.flatnonzero(weight)
        of_key, begin = np.unique(key_of_pair[held], return_index=True)
        part = freeze(
            Part(points[:, held[begin]], np.bincount(key_of_pair[held], weights=weight[held])[of_key].astype(np.int64))
        )
        begin = np.append(begin, len(held)).astype(np.int64)
        query = np.ascontiguousarray(points[:, missing].T)
        secret, guess, pair_rows = code[missing], code[held], weight[held].astype(np.int64)
        nearest = np.empty(len(missing))

        def attribute(ends: tuple[int, int]) -> None:
            span = slice(*ends)
            guess_secrets(query[span], secret[span], part, begin, guess, guess, pair_rows, nearest[span])

        in_threads(attribute, ranges(len(missing), n_threads), n_threads)
        chance[missing] = nearest
    mine = both.tuple_of_row[n_released:]
    return chance[mine], rows[mine] > 0

"""A bundled table to try things on: invented hospital records, skewed and correlated as real ones are.

Nobody in it exists. It is data and not noise, so it has a seed: the same seed and size give the same table.
"""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from shoal.demo import hospital_lists as lists

if TYPE_CHECKING:
    from shoal_engine.anonymity.policy.policy import Policy

_ADMITTED_FROM = date(2022, 1, 1)
_ADMITTED_DAYS = 3 * 365 + 1
_NO_OCCUPATION_SHARE = 0.03
_NO_ZIP_SHARE = 0.015
_EPOCH = date(1970, 1, 1)

Codes = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Patients:
    """What everything else is drawn from."""

    age_days: npt.NDArray[np.int64]
    admitted: npt.NDArray[np.int64]
    female: npt.NDArray[np.bool_]

    @property
    def band(self) -> Codes:
        """Return the age band of each patient, an index into `lists.BANDS`."""
        edges = np.array(lists.BANDS[1:], dtype=np.float64) * 365.25
        return np.searchsorted(edges, self.age_days, side="right")


def hospital_records(n_rows: int = 100_000, *, seed: int) -> pl.DataFrame:
    """Return invented hospital records.

    Parameters
    ----------
    n_rows : int
        At least 1.
    seed : int
        Which table; the same seed and `n_rows` give the same rows.

    Returns
    -------
    pl.DataFrame
        ``record`` (unique text), ``name``, ``birth_date``, ``zip`` (5 digits, some missing), ``sex``,
        ``occupation`` (some missing), ``diagnosis``, ``admission_date``, ``cost`` (two decimals).

    Raises
    ------
    ValueError
        When `n_rows` is below 1.

    Examples
    --------
    >>> hospital_records(3, seed=1).columns[:5]
    ['record', 'name', 'birth_date', 'zip', 'sex']
    """
    if n_rows < 1:
        msg = f"n_rows={n_rows} asked for, a table needs at least 1 row; pass a positive number"
        raise ValueError(msg)
    rng = np.random.default_rng(seed)
    patients = _patients(rng, n_rows)
    diagnosis = _diagnoses(rng, patients)
    return pl.DataFrame(
        {
            "record": _records(rng, n_rows),
            "name": _names(rng, patients),
            "birth_date": _dates(patients.admitted - patients.age_days),
            "zip": _zips(rng, n_rows),
            "sex": _text(("female", "male"), (~patients.female).astype(np.intp)),
            "occupation": _occupations(rng, patients),
            "diagnosis": _text(lists.DIAGNOSES, diagnosis),
            "admission_date": _dates(patients.admitted),
            "cost": _costs(rng, patients, diagnosis),
        }
    )


def hospital_policy() -> "Policy":
    """Return a policy for the hospital records: the roles that a careful person would give them, k = 10.

    Both dates are quasi-identifiers: neighbors know when somebody was born, and when they were away. So is the cost:
    to the cent it separates nearly all patients, and whoever paid the bill knows it. Its few highest values are
    top-coded, for in any range they would stand out.

    There is no limit on closeness: ten rows hold at most ten of more than forty diagnoses, so that ten rows are never
    close to the whole table, and a limit that protects asks for far larger classes.
    """
    from shoal_engine.anonymity.policy.hierarchies import Prefix
    from shoal_engine.anonymity.policy.policy import Policy
    from shoal_engine.anonymity.policy.roles import Distinct, Identifier, QuasiIdentifier, Sensitive
    from shoal_engine.transforming.specs import TopBottom

    return Policy(
        k=10,
        identifiers={"record": Identifier(), "name": Identifier()},
        quasi_identifiers={
            "birth_date": QuasiIdentifier(kind="date"),
            "zip": QuasiIdentifier(kind="category", hierarchy=Prefix(), nulls="generalize"),
            "sex": QuasiIdentifier(kind="category"),
            "occupation": QuasiIdentifier(kind="category", nulls="generalize"),
            "admission_date": QuasiIdentifier(kind="date"),
            "cost": QuasiIdentifier(kind="number", transform=TopBottom(upper=50_000)),
        },
        sensitive={"diagnosis": Sensitive(models=[Distinct(l=3)])},
        accept={"repeated-identifier": "every record is another patient's; some patients share a name"},
    )


def _patients(rng: np.random.Generator, n: int) -> _Patients:
    """Draw age, sex and day of admission; hospitals see infants, young mothers and many old people."""
    which = rng.choice(4, size=n, p=[0.07, 0.08, 0.25, 0.60])
    years = np.choose(
        which,
        [
            rng.gamma(1.2, 1.2, n),
            rng.uniform(2.0, 18.0, n),
            rng.normal(31.0, 7.0, n),
            rng.normal(65.0, 16.0, n),
        ],
    )
    years = np.clip(np.where(years < 0.0, -years, years), 0.003, 104.0)
    # Women live longer, and give birth: more of them between 18 and 40 and after 80.
    share = np.where((years > 18) & (years < 40), 0.64, np.where(years > 80, 0.60, 0.48))
    season = np.cos(2.0 * np.pi * (np.arange(_ADMITTED_DAYS) - 15) / 365.25)
    weekday = np.array([1.15, 1.1, 1.05, 1.0, 1.0, 0.75, 0.7])[
        (np.arange(_ADMITTED_DAYS) + _ADMITTED_FROM.weekday()) % 7
    ]
    admitted = _pick(rng, (1.0 + 0.12 * season) * weekday, n) + (_ADMITTED_FROM - _EPOCH).days
    return _Patients((years * 365.25).astype(np.int64), admitted.astype(np.int64), rng.random(n) < share)


def _pick(rng: np.random.Generator, weights: npt.ArrayLike, n: int) -> Codes:
    """Draw `n` indices in proportion to `weights`."""
    cumulated = np.cumsum(np.asarray(weights, dtype=np.float64))
    drawn = np.searchsorted(cumulated, rng.random(n) * cumulated[-1], side="right")
    return np.minimum(drawn, len(cumulated) - 1)


def _pick_by_row(rng: np.random.Generator, weights: Floats, row: Codes) -> Codes:
    """Draw one column index for each entry of `row`, in proportion to that row of `weights`."""
    cumulated = np.cumsum(weights, axis=1)
    cumulated /= cumulated[:, -1:]
    # Rows laid end to end make one increasing line, so a single search serves them all.
    line = (cumulated + np.arange(len(cumulated))[:, None]).ravel()
    drawn = np.searchsorted(line, row + rng.random(len(row)), side="right") - row * weights.shape[1]
    return np.clip(drawn, 0, weights.shape[1] - 1)


def _text(values: tuple[str, ...], codes: Codes) -> pl.Series:
    """Return the value of each code."""
    return pl.Series(values, dtype=pl.String).gather(pl.Series(codes))


def _dates(days: npt.NDArray[np.int64]) -> pl.Series:
    """Return dates from days since 1970."""
    return pl.Series(days.astype(np.int32)).cast(pl.Date)


def _missing(rng: np.random.Generator, values: pl.Series, share: float) -> pl.Series:
    """Return the values with about `share` of them missing."""
    keep = pl.Series(rng.random(len(values)) >= share)
    return pl.select(pl.when(keep).then(values)).to_series()


def _records(rng: np.random.Generator, n: int) -> pl.Series:
    """Return a unique number for each row, in an order that discloses nothing."""
    numbers = pl.Series(rng.permutation(n) + 1).cast(pl.String)
    return "H" + numbers.str.zfill(8)


def _names(rng: np.random.Generator, patients: _Patients) -> pl.Series:
    """Return first and last names; a few of each are common and most are not."""
    n = len(patients.female)
    first = np.where(
        patients.female,
        _pick(rng, _zipf(len(lists.WOMEN), 0.7), n),
        _pick(rng, _zipf(len(lists.MEN), 0.7), n) + len(lists.WOMEN),
    )
    last = _pick(rng, _zipf(len(lists.FAMILIES), 0.8), n)
    return _text(lists.WOMEN + lists.MEN, first) + " " + _text(lists.FAMILIES, last)


def _zipf(n: int, exponent: float) -> Floats:
    """Return weights that fall with rank."""
    return np.arange(1, n + 1, dtype=np.float64) ** -exponent


def _zips(rng: np.random.Generator, n: int) -> pl.Series:
    """Return ZIP codes: a few large cities, each with busy and quiet districts."""
    first, districts, weights = (np.array(column) for column in zip(*lists.CITIES, strict=True))
    city = _pick(rng, weights, n)
    # The square of a uniform number crowds the low districts.
    district = (rng.random(n) ** 2 * districts[city]).astype(np.int64)
    codes = pl.Series(first[city] + district).cast(pl.String).str.zfill(5)
    return _missing(rng, codes, _NO_ZIP_SHARE)


def _occupations(rng: np.random.Generator, patients: _Patients) -> pl.Series:
    """Return occupations that fit age and sex."""
    n_bands, n_names = len(lists.BANDS), len(lists.OCCUPATIONS)
    weights = np.zeros((n_bands * 2, n_names))
    for column, (_, lean, by_band) in enumerate(lists.OCCUPATIONS):
        weights[0::2, column] = np.array(by_band) * (1.0 - lean)
        weights[1::2, column] = np.array(by_band) * lean
    code = _pick_by_row(rng, weights, patients.band * 2 + patients.female)
    names = tuple(name for name, _, _ in lists.OCCUPATIONS)
    return _missing(rng, _text(names, code), _NO_OCCUPATION_SHARE)


def _diagnoses(rng: np.random.Generator, patients: _Patients) -> Codes:
    """Draw the diagnosis of each patient from the weights of age band and sex."""
    weights = np.zeros((len(lists.BANDS) * 2, len(lists.DIAGNOSES)))
    for column, (women, men, by_band) in enumerate(lists.DIAGNOSIS_WEIGHTS):
        weights[0::2, column] = np.array(by_band) * men
        weights[1::2, column] = np.array(by_band) * women
    return _pick_by_row(rng, weights, patients.band * 2 + patients.female)


def _costs(rng: np.random.Generator, patients: _Patients, diagnosis: Codes) -> pl.Series:
    """Return costs: log-normal around the diagnosis, dearer with age, one case in fifty far above."""
    n = len(diagnosis)
    middle = np.log(np.array(lists.DIAGNOSIS_COSTS, dtype=np.float64))[diagnosis]
    age = 0.25 * (patients.age_days / 36525.0)
    tail = np.where(rng.random(n) < 0.02, rng.pareto(1.6, n), 0.0)
    return pl.Series(np.exp(middle + age + rng.normal(0.0, 0.45, n)) * (1.0 + tail)).round(2)

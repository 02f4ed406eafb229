"""A bundled table to try things on: invented hospital records, skewed and correlated as real ones are.

Nobody in it exists. It is data and not noise, so it has a seed: the same seed and size give the same table.
"""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

if TYPE_CHECKING:
    from shoal_engine.anonymity.policy.policy import Policy

Codes = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]

BANDS = (0, 1, 5, 16, 25, 40, 55, 67, 80)
"""First year of each age band; the weights below have one entry for each."""
# fmt: off
WOMEN = (
    "Maria", "Anna", "Emma", "Olivia", "Sofia", "Linda", "Mary", "Patricia", "Elena", "Fatima", "Grace",
    "Helen", "Ruth", "Alice", "Clara", "Julia", "Laura", "Nora", "Ines", "Aisha", "Mei", "Yuki", "Priya",
    "Leila", "Zoe", "Ida", "Eva", "Rosa", "Irene", "Martha", "Judith", "Vera", "Nadia", "Amara", "Chloe",
    "Diana", "Edith", "Flora", "Greta", "Hanna", "Ingrid", "Jana", "Karin", "Lucia", "Mila", "Nina",
    "Oksana", "Paula", "Rita", "Sara", "Tamar", "Ursula", "Violet", "Wanda", "Xenia", "Yara", "Zelda",
    "Abigail", "Beatriz", "Carmen", "Daphne", "Esther", "Freya", "Gloria", "Hilda", "Imani",
)
MEN = (
    "James", "John", "Robert", "David", "Jose", "Michael", "Omar", "Daniel", "Thomas", "Peter", "Ivan",
    "Luca", "Noah", "Liam", "Samuel", "Paul", "Mark", "Ahmed", "Wei", "Hiroshi", "Arjun", "Karim", "Felix",
    "Hugo", "Leo", "Max", "Oscar", "Victor", "Walter", "Adam", "Boris", "Carlos", "Dmitri", "Edgar",
    "Frank", "George", "Henry", "Isaac", "Jonas", "Karl", "Louis", "Marco", "Nils", "Otto", "Pablo",
    "Quentin", "Rafael", "Simon", "Tariq", "Ulrich", "Vincent", "William", "Xavier", "Yusuf", "Zoltan",
    "Albert", "Bruno", "Cedric", "Diego", "Emil", "Fernando", "Gustav", "Harold", "Igor", "Joseph", "Kofi",
)
FAMILIES = (
    "Smith", "Johnson", "Garcia", "Miller", "Brown", "Martinez", "Davis", "Nguyen", "Kim", "Lee", "Wilson",
    "Anderson", "Lopez", "Thomas", "Moore", "Jackson", "White", "Harris", "Clark", "Lewis", "Walker",
    "Hall", "Young", "King", "Wright", "Hill", "Green", "Adams", "Baker", "Nelson", "Carter", "Rivera",
    "Mitchell", "Perez", "Roberts", "Turner", "Phillips", "Campbell", "Parker", "Evans", "Edwards",
    "Collins", "Stewart", "Morris", "Rogers", "Reed", "Cook", "Morgan", "Bell", "Murphy", "Bailey",
    "Cooper", "Richardson", "Cox", "Howard", "Ward", "Torres", "Peterson", "Gray", "Ramirez", "Watson",
    "Brooks", "Kelly", "Sanders", "Price", "Bennett", "Wood", "Barnes", "Ross", "Henderson", "Coleman",
    "Jenkins", "Perry", "Powell", "Long", "Patterson", "Hughes", "Flores", "Washington", "Butler",
    "Simmons", "Foster", "Bryant", "Russell", "Griffin", "Diaz", "Hayes", "Novak", "Kowalski", "Schmidt",
    "Weber", "Rossi", "Ferrari", "Dubois", "Lambert", "Petrov", "Ivanova", "Tanaka", "Sato", "Chen", "Wang",
    "Singh", "Patel", "Khan", "Haddad", "Okafor", "Mensah", "Larsen", "Berg", "Silva", "Costa", "Horvath",
    "Popescu", "Yilmaz", "Demir", "Cohen", "Levi", "OBrien", "Quinn", "Vargas", "Zhang", "Abe", "Bauer",
    "Castillo", "Duarte",
)
# fmt: on

CITIES = (
    (10001, 180, 30.0),
    (60601, 60, 17.0),
    (94102, 40, 11.0),
    (77002, 90, 12.0),
    (2108, 30, 8.0),
    (98101, 60, 7.0),
    (30303, 50, 6.0),
    (85003, 50, 4.0),
    (55401, 40, 2.5),
    (4101, 20, 1.0),
    (59101, 12, 0.9),
    (99501, 20, 0.6),
)
"""First ZIP code, number of districts, weight."""
OCCUPATIONS = (
    # name, share of women among those who hold it, weight for each age band
    ("child", 0.49, (100, 100, 2, 0, 0, 0, 0, 0, 0)),
    ("pupil", 0.50, (0, 0, 98, 16, 0, 0, 0, 0, 0)),
    ("student", 0.55, (0, 0, 0, 36, 6, 1, 0, 0, 0)),
    ("apprentice", 0.40, (0, 0, 0, 9, 2, 0, 0, 0, 0)),
    ("retired", 0.54, (0, 0, 0, 0, 0.1, 1, 25, 92, 98)),
    ("homemaker", 0.93, (0, 0, 0, 3, 8, 8, 8, 4, 1)),
    ("unemployed", 0.47, (0, 0, 0, 8, 6, 6, 6, 0, 0)),
    ("unable to work", 0.50, (0, 0, 0, 1, 2, 4, 7, 1, 0.5)),
    ("office clerk", 0.72, (0, 0, 0, 4, 10, 11, 8, 0.4, 0)),
    ("sales", 0.62, (0, 0, 0, 9, 9, 8, 6, 0.4, 0)),
    ("nurse", 0.88, (0, 0, 0, 3, 7, 7, 5, 0.1, 0)),
    ("teacher", 0.74, (0, 0, 0, 1, 7, 7, 5, 0.1, 0)),
    ("care worker", 0.85, (0, 0, 0, 3, 5, 6, 4, 0.1, 0)),
    ("driver", 0.08, (0, 0, 0, 3, 6, 7, 6, 0.3, 0)),
    ("warehouse worker", 0.25, (0, 0, 0, 5, 6, 5, 3, 0, 0)),
    ("construction worker", 0.04, (0, 0, 0, 5, 8, 7, 4, 0, 0)),
    ("mechanic", 0.05, (0, 0, 0, 3, 5, 5, 4, 0.1, 0)),
    ("electrician", 0.04, (0, 0, 0, 2, 3, 3, 2, 0, 0)),
    ("farmer", 0.20, (0, 0, 0, 0.5, 1, 1.5, 2, 1, 0.2)),
    ("cook", 0.45, (0, 0, 0, 4, 4, 4, 2, 0, 0)),
    ("waiter", 0.63, (0, 0, 0, 7, 3, 1.5, 0.7, 0, 0)),
    ("cleaner", 0.82, (0, 0, 0, 2, 3, 4, 4, 0.2, 0)),
    ("police officer", 0.22, (0, 0, 0, 1, 2, 2, 0.5, 0, 0)),
    ("firefighter", 0.06, (0, 0, 0, 0.4, 0.8, 0.6, 0.2, 0, 0)),
    ("soldier", 0.15, (0, 0, 0, 3, 1, 0.4, 0, 0, 0)),
    ("software developer", 0.24, (0, 0, 0, 2, 7, 5, 2, 0, 0)),
    ("engineer", 0.18, (0, 0, 0, 1, 5, 5, 4, 0.2, 0)),
    ("manager", 0.40, (0, 0, 0, 0.5, 5, 9, 8, 0.5, 0)),
    ("accountant", 0.58, (0, 0, 0, 1, 3, 3, 3, 0.2, 0)),
    ("lawyer", 0.45, (0, 0, 0, 0, 1.5, 2, 1.5, 0.3, 0)),
    ("physician", 0.48, (0, 0, 0, 0, 2, 2, 1.5, 0.4, 0)),
    ("scientist", 0.42, (0, 0, 0, 0.3, 1.2, 1, 0.7, 0.1, 0)),
    ("artist", 0.52, (0, 0, 0, 1, 1, 0.8, 0.6, 0.2, 0.1)),
    ("judge", 0.38, (0, 0, 0, 0, 0, 0.1, 0.15, 0.02, 0)),
    ("pilot", 0.07, (0, 0, 0, 0, 0.2, 0.2, 0.1, 0, 0)),
)
_DIAGNOSES = (
    # name, weight for women, weight for men, middle cost, weight for each age band
    ("P07 preterm birth", 1, 1.1, 41000, (9, 0, 0, 0, 0, 0, 0, 0, 0)),
    ("P59 neonatal jaundice", 1, 1.2, 4200, (12, 0, 0, 0, 0, 0, 0, 0, 0)),
    ("J21 bronchiolitis", 1, 1.3, 6100, (22, 22, 1, 0, 0, 0, 0, 0, 0)),
    ("A09 gastroenteritis", 1, 1, 4100, (14, 14, 7, 3, 2, 2, 2, 3, 4)),
    ("J45 asthma", 1.1, 1, 5200, (5, 5, 12, 4, 3, 3, 2, 1, 1)),
    ("J35 tonsil disease", 1, 1, 4600, (3, 3, 13, 5, 1, 0.3, 0, 0, 0)),
    ("K35 appendicitis", 0.9, 1.1, 11500, (0.5, 0.5, 16, 10, 6, 3, 2, 1, 0.5)),
    ("S52 forearm fracture", 0.9, 1.3, 7200, (2, 2, 15, 5, 4, 3, 4, 4, 3)),
    ("S06 concussion", 0.8, 1.3, 6900, (5, 5, 10, 9, 5, 3, 3, 3, 4)),
    ("E10 type 1 diabetes", 1, 1, 7900, (0.5, 0.5, 5, 4, 2, 1, 0.7, 0.4, 0.2)),
    ("C91 lymphoid leukemia", 0.9, 1.2, 68000, (0.6, 0.6, 1.5, 0.6, 0.4, 0.5, 1, 1.2, 0.7)),
    ("F32 depression", 1.6, 1, 8800, (0, 0, 4, 10, 8, 8, 5, 2, 1)),
    ("F20 schizophrenia", 0.8, 1.2, 13500, (0, 0, 0.2, 5, 5, 3, 1.5, 0.4, 0.1)),
    ("F10 alcohol dependence", 0.45, 1.5, 6300, (0, 0, 0.5, 6, 7, 9, 6, 1.5, 0.3)),
    ("F50 eating disorder", 4, 0.4, 15200, (0, 0, 2, 3, 0.8, 0.2, 0, 0, 0)),
    ("X84 intentional self-harm", 1.4, 1, 7700, (0, 0, 2, 4, 2, 1.5, 0.8, 0.3, 0.3)),
    ("O80 delivery", 1, 0, 8600, (0, 0, 0.01, 48, 58, 1.2, 0, 0, 0)),
    ("O82 cesarean delivery", 1, 0, 13800, (0, 0, 0.004, 14, 26, 1, 0, 0, 0)),
    ("O03 miscarriage", 1, 0, 4300, (0, 0, 0.004, 7, 9, 1.2, 0, 0, 0)),
    ("N80 endometriosis", 1, 0, 8900, (0, 0, 0.1, 3, 5, 3, 0.2, 0, 0)),
    ("B20 HIV disease", 0.4, 1.3, 19500, (0.02, 0.02, 0.05, 1, 1.6, 1.5, 0.5, 0.1, 0)),
    ("A15 tuberculosis", 0.8, 1.2, 17200, (0.1, 0.1, 0.3, 0.8, 0.7, 0.6, 0.5, 0.5, 0.4)),
    ("G35 multiple sclerosis", 1.7, 0.7, 14300, (0, 0, 0.1, 1.2, 2, 1.6, 0.6, 0.1, 0)),
    ("G40 epilepsy", 1, 1.1, 8300, (4, 4, 4, 2, 2, 2, 2, 2, 2)),
    ("K80 gallstones", 1.5, 0.8, 10600, (0, 0, 0.4, 4, 8, 9, 8, 6, 4)),
    ("M51 disc disorder", 1, 1, 12800, (0, 0, 0.2, 2, 7, 10, 7, 3, 1)),
    ("K40 inguinal hernia", 0.15, 1.8, 7100, (2, 2, 1, 1, 2, 4, 6, 5, 3)),
    ("N20 kidney stone", 0.7, 1.3, 6600, (0, 0, 0.4, 3, 5, 6, 5, 3, 1)),
    ("I10 hypertension", 1, 1, 4700, (0, 0, 0, 0.4, 2, 5, 6, 6, 6)),
    ("E11 type 2 diabetes", 0.9, 1.1, 7400, (0, 0, 0.2, 0.6, 2, 5, 7, 6, 4)),
    ("I21 heart attack", 0.6, 1.5, 24500, (0, 0, 0, 0.1, 0.8, 5, 9, 9, 8)),
    ("I50 heart failure", 1, 1.1, 14900, (0, 0, 0, 0.1, 0.4, 2, 6, 13, 22)),
    ("I48 atrial fibrillation", 0.9, 1.1, 9300, (0, 0, 0, 0.1, 0.4, 2, 6, 10, 11)),
    ("I63 stroke", 0.9, 1.1, 21200, (0.05, 0.05, 0.1, 0.2, 0.7, 2.5, 6, 10, 13)),
    ("J44 chronic lung disease", 0.9, 1.1, 9900, (0, 0, 0, 0, 0.2, 2.5, 7, 10, 7)),
    ("J18 pneumonia", 0.9, 1.1, 10400, (8, 8, 4, 2, 2, 3, 5, 8, 14)),
    ("C50 breast cancer", 1, 0.008, 27500, (0, 0, 0, 0.1, 1.5, 7, 7, 5, 3)),
    ("C61 prostate cancer", 0, 1, 19800, (0, 0, 0, 0, 0, 1.5, 8, 9, 4)),
    ("C34 lung cancer", 0.8, 1.2, 38500, (0, 0, 0, 0, 0.2, 2, 6, 6, 3)),
    ("C18 colon cancer", 0.9, 1.1, 33000, (0, 0, 0, 0.05, 0.3, 2, 5, 6, 5)),
    ("M17 knee arthrosis", 1.3, 0.9, 18700, (0, 0, 0, 0, 0.2, 3, 10, 11, 4)),
    ("S72 hip fracture", 1.6, 0.7, 23400, (0.1, 0.1, 0.4, 0.3, 0.4, 0.7, 2, 7, 22)),
    ("G30 Alzheimer disease", 1.2, 0.9, 12100, (0, 0, 0, 0, 0, 0.1, 1, 4, 9)),
)
DIAGNOSES = tuple(row[0] for row in _DIAGNOSES)
DIAGNOSIS_WEIGHTS = tuple((row[1], row[2], row[4]) for row in _DIAGNOSES)
DIAGNOSIS_COSTS = tuple(row[3] for row in _DIAGNOSES)
_ADMITTED_FROM = date(2022, 1, 1)
_ADMITTED_DAYS = 3 * 365 + 1
_NO_OCCUPATION_SHARE = 0.03
_NO_ZIP_SHARE = 0.015
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class _Patients:
    """What everything else is drawn from."""

    age_days: npt.NDArray[np.int64]
    admitted: npt.NDArray[np.int64]
    female: npt.NDArray[np.bool_]

    @property
    def band(self) -> Codes:
        """Return the age band of each patient, an index into `BANDS`."""
        edges = np.array(BANDS[1:], dtype=np.float64) * 365.25
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
            "diagnosis": _text(DIAGNOSES, diagnosis),
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
        _pick(rng, _zipf(len(WOMEN), 0.7), n),
        _pick(rng, _zipf(len(MEN), 0.7), n) + len(WOMEN),
    )
    last = _pick(rng, _zipf(len(FAMILIES), 0.8), n)
    return _text(WOMEN + MEN, first) + " " + _text(FAMILIES, last)


def _zipf(n: int, exponent: float) -> Floats:
    """Return weights that fall with rank."""
    return np.arange(1, n + 1, dtype=np.float64) ** -exponent


def _zips(rng: np.random.Generator, n: int) -> pl.Series:
    """Return ZIP codes: a few large cities, each with busy and quiet districts."""
    first, districts, weights = (np.array(column) for column in zip(*CITIES, strict=True))
    city = _pick(rng, weights, n)
    # The square of a uniform number crowds the low districts.
    district = (rng.random(n) ** 2 * districts[city]).astype(np.int64)
    codes = pl.Series(first[city] + district).cast(pl.String).str.zfill(5)
    return _missing(rng, codes, _NO_ZIP_SHARE)


def _occupations(rng: np.random.Generator, patients: _Patients) -> pl.Series:
    """Return occupations that fit age and sex."""
    n_bands, n_names = len(BANDS), len(OCCUPATIONS)
    weights = np.zeros((n_bands * 2, n_names))
    for column, (_, lean, by_band) in enumerate(OCCUPATIONS):
        weights[0::2, column] = np.array(by_band) * (1.0 - lean)
        weights[1::2, column] = np.array(by_band) * lean
    code = _pick_by_row(rng, weights, patients.band * 2 + patients.female)
    names = tuple(name for name, _, _ in OCCUPATIONS)
    return _missing(rng, _text(names, code), _NO_OCCUPATION_SHARE)


def _diagnoses(rng: np.random.Generator, patients: _Patients) -> Codes:
    """Draw the diagnosis of each patient from the weights of age band and sex."""
    weights = np.zeros((len(BANDS) * 2, len(DIAGNOSES)))
    for column, (women, men, by_band) in enumerate(DIAGNOSIS_WEIGHTS):
        weights[0::2, column] = np.array(by_band) * men
        weights[1::2, column] = np.array(by_band) * women
    return _pick_by_row(rng, weights, patients.band * 2 + patients.female)


def _costs(rng: np.random.Generator, patients: _Patients, diagnosis: Codes) -> pl.Series:
    """Return costs: log-normal around the diagnosis, dearer with age, one case in fifty far above."""
    n = len(diagnosis)
    middle = np.log(np.array(DIAGNOSIS_COSTS, dtype=np.float64))[diagnosis]
    age = 0.25 * (patients.age_days / 36525.0)
    tail = np.where(rng.random(n) < 0.02, rng.pareto(1.6, n), 0.0)
    return pl.Series(np.exp(middle + age + rng.normal(0.0, 0.45, n)) * (1.0 + tail)).round(2)

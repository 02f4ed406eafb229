"""Tables of plain values in common codes: a release, the original rows, and control rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shoal_engine.errors import ColumnError, InputError, PolicyError
from shoal_engine.tables.columns import ColumnEncoder, Domain
from shoal_engine.tables.factorize import plain_type
from shoal_engine.tables.grouping import Grouped, group
from shoal_engine.transforming.coded_columns import CodedColumn, distinct_numbers, is_date, is_number

Codes = npt.NDArray[np.uint32]
Numbers = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

TABLES = ("release", "original", "control")
RELEASE, ORIGINAL, CONTROL = range(3)
_FAR = 3.0
"""Coordinate of null: more than 1 away from every number in [0, 1]."""


@dataclass(frozen=True, slots=True, eq=False)
class PlainColumn:
    """A column of several tables, coded alike.

    Attributes
    ----------
    name : str
    domain : Domain
        Of all tables.
    codes : tuple of (n,) uint32
        Of each table, ascending as values are; null is code 0 where it occurs.
    numbers : (size,) float64, optional
        Number of each code, NaN for null; of dates too. None where values have no distance.
    """

    name: str
    domain: Domain
    codes: tuple[Codes, ...]
    numbers: Numbers | None

    @property
    def size(self) -> int:
        """Number of codes."""
        return self.domain.size

    @property
    def first(self) -> int:
        """Code of the first value that is not null."""
        return int(self.domain.has_null)

    @property
    def is_date(self) -> bool:
        """Whether values are dates or datetimes."""
        return is_date(self.domain.type)

    def coordinates(self) -> Numbers:
        """Return a coordinate of each code, (size,) float64, as `shoal_kernels.risk.mixed_neighbors` has them.

        Numbers are scaled by their range over all tables; other values, and null, are 1 apart from all others.
        """
        if self.numbers is None:
            return np.arange(self.size, dtype=np.float64)
        values = self.numbers[self.first :]
        if not values.size:
            return np.full(self.size, _FAR)
        # Halves, so that no range overflows.
        width = values.max() / 2 - values.min() / 2
        scaled = (values / 2 - values.min() / 2) / width if width > 0 else np.zeros(values.size)
        return np.concatenate([np.full(self.first, _FAR), scaled])


def plain_column(name: str, arrays: Sequence[pa.Array]) -> PlainColumn:
    """Code a column of several tables alike.

    Parameters
    ----------
    name : str
    arrays : sequence of pa.Array
        Of each table, in the order of `TABLES`.

    Raises
    ------
    ColumnError
        Types differ other than between numbers, or cannot be encoded; numbers are not finite.
    """
    kinds = [plain_type(name, array.type) for array in arrays]
    if any(kind != kinds[0] for kind in kinds):
        if not all(map(is_number, kinds)):
            other = next(i for i, kind in enumerate(kinds) if kind != kinds[0])
            msg = (
                f"column `{name}` is {kinds[0]} in the {TABLES[0]} and {kinds[other]} in the {TABLES[other]}; cast "
                "them to one type. Generalized values, such as intervals, are attacked by linkage."
            )
            raise ColumnError(msg)
        arrays = [array.cast(pa.float64(), safe=False) for array in arrays]
    encoder = ColumnEncoder(name)
    provisional = [encoder.observe(array) for array in arrays]
    domain, final = encoder.finish()
    numbers = None
    if is_number(domain.type) or is_date(domain.type):
        numbers = distinct_numbers(CodedColumn(name, domain, final), "an attack on plain values", dates=True)
    return PlainColumn(name, domain, tuple(final[codes] for codes in provisional), numbers)


@dataclass(frozen=True, slots=True, eq=False)
class PlainTables:
    """A release, the original, and control rows if there are any.

    Attributes
    ----------
    columns : mapping of name to PlainColumn
    n_rows : tuple of int
        Of each table, at least 1.
    """

    columns: Mapping[str, PlainColumn]
    n_rows: tuple[int, ...]

    @classmethod
    def of(cls, tables: Sequence[Mapping[str, pa.Array]], names: Sequence[str]) -> "PlainTables":
        """Code the named columns of two or three tables, in the order of `TABLES`.

        Raises
        ------
        ColumnError
            As for `plain_column`.
        InputError
            A table has no rows.
        """
        n_rows = tuple(len(next(iter(table.values()))) for table in tables)
        for table, n in zip(TABLES, n_rows, strict=False):
            if not n:
                msg = f"the {table} has no rows; an attack needs at least one"
                raise InputError(msg)
        columns = {name: plain_column(name, [table[name] for table in tables]) for name in names}
        return cls(columns, n_rows)

    @property
    def has_control(self) -> bool:
        """Whether there are control rows."""
        return len(self.n_rows) > CONTROL

    def attacked(self) -> range:
        """Return the places of the tables whose rows are attacked."""
        return range(ORIGINAL, len(self.n_rows))

    def group(self, table: int, names: Sequence[str], rows: Rows | None = None, *, n_threads: int = 1) -> Grouped:
        """Group rows of a table, all unless given, by some columns."""
        columns = [self.columns[name] for name in names]
        codes = [column.codes[table] if rows is None else column.codes[table][rows] for column in columns]
        return group(codes, [column.size for column in columns], n_threads=n_threads)


def points_of(grouped: Grouped, columns: Sequence[PlainColumn], *, first: int = 0) -> Numbers:
    """Return the coordinates of distinct tuples, (d, m) float64, of the dimensions from `first` on."""
    points = np.empty((len(columns), grouped.n_tuples))
    for j, column in enumerate(columns):
        points[j] = column.coordinates()[grouped.codes(first + j)]
    return points


def check_n_attacks(n_attacks: int | None, seed: int | None) -> None:
    """Raise PolicyError where attacked rows are to be drawn and nothing decides on which."""
    if n_attacks is not None and n_attacks < 1:
        msg = f"n_attacks = {n_attacks}; attack at least one row, or leave it out to attack all"
        raise PolicyError(msg)
    if n_attacks is not None and seed is None:
        msg = f"n_attacks = {n_attacks} rows are drawn at random; give a seed, such as seed=1, or attack all rows"
        raise PolicyError(msg)


def choose_rows(n_rows: int, n_attacks: int | None, seed: int | None, table: int) -> Rows:
    """Return the rows to attack, ascending: all, or `n_attacks` drawn without replacement if there are more.

    Which rows of a table are drawn depends on its size, the seed and its place, not on other tables.

    Raises
    ------
    PolicyError
        As for `check_n_attacks`.
    """
    check_n_attacks(n_attacks, seed)
    if n_attacks is None or n_attacks >= n_rows:
        return np.arange(n_rows)
    return np.sort(np.random.default_rng([table, seed_number(seed)]).choice(n_rows, n_attacks, replace=False))


def seed_number(seed: int | None) -> int:
    """Return a seed as an integer of at least 0.

    Raises
    ------
    PolicyError
        It is negative.
    """
    if seed is None or seed < 0:
        msg = f"seed = {seed}; give an integer of at least 0"
        raise PolicyError(msg)
    return seed

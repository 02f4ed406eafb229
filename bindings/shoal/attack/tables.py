"""A release and a register as an attack needs them: classes with labels, and what is known of each person."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from shoal.attack.labels import ReadColumn, read_column
from shoal.io.frames import IntoFrame, into_lazy
from shoal.io.lazy_frames import read_to_end, schema_of
from shoal.io.observing import check_readable, column_list
from shoal.io.reading_by_policy import read_by_policy
from shoal.recount.released_table import open_released
from shoal_engine.anonymity.criteria.assessment import released_columns, released_names
from shoal_engine.attack.labels import UNKNOWN
from shoal_engine.attack.matching import ReleasedClasses, SensitiveCells
from shoal_engine.errors import ColumnError, InputError, PolicyError
from shoal_engine.tables.column_names import check_columns
from shoal_engine.tables.columns import Codes, ColumnEncoder
from shoal_engine.tables.grouping import Grouped, cells, group

if TYPE_CHECKING:
    from shoal_engine.anonymity.policy.policy import Policy

Ints = npt.NDArray[np.int64]

_ENDS = ("lower", "upper")


@dataclass(frozen=True, slots=True, eq=False)
class Release:
    """A released table, grouped.

    Attributes
    ----------
    grouped : Grouped
        Equivalence classes over the released quasi-identifiers, with the class of each row.
    distinct : dict of str to pl.Series
        Distinct labels of each released column, by code.
    names : list of str
        Released columns in the order of `grouped`.
    sensitive : dict of str to pl.Series
        Distinct values of each sensitive column, by code.
    cells : dict of str to SensitiveCells
    value_of_row : dict of str to (n_rows,) int64
    ids : pl.Series or None
        Column of the truth.
    """

    grouped: Grouped
    distinct: dict[str, pl.Series]
    names: list[str]
    sensitive: dict[str, pl.Series]
    cells: dict[str, SensitiveCells]
    value_of_row: dict[str, Codes]
    ids: pl.Series | None

    @property
    def class_of_row(self) -> npt.NDArray[np.uint32]:
        """Equivalence class of each row."""
        assert self.grouped.tuple_of_row is not None
        return self.grouped.tuple_of_row

    def labels(self, parts: Sequence[str]) -> tuple[pl.DataFrame, Ints]:
        """Return the distinct labels of a quasi-identifier, one or two columns, and the label of each class."""
        at = [self.names.index(part) for part in parts]
        codes = [self.grouped.codes(j).astype(np.int64) for j in at]
        joint = codes[0] if len(codes) == 1 else codes[0] * len(self.distinct[parts[1]]) + codes[1]
        found, of_class = np.unique(joint, return_inverse=True)
        split = [found] if len(codes) == 1 else [*np.divmod(found, len(self.distinct[parts[1]]))]
        columns = [self.distinct[part].gather(code).alias(part) for part, code in zip(parts, split, strict=True)]
        return pl.DataFrame(columns), of_class.astype(np.int64)


def open_release(release: IntoFrame, policy: "Policy | None") -> pl.LazyFrame:
    """Open a release; with its policy, labels in a delimited file stay text.

    Raises
    ------
    PolicyError
        The policy is something else.
    """
    from shoal_engine.anonymity.policy.policy import Policy

    if policy is not None and not isinstance(policy, Policy):  # pyright: ignore[reportUnnecessaryIsInstance]
        msg = (
            f"the policy is of type {type(policy).__name__}; give a Policy, for example that of shoal.Policy.load(file)"
        )
        raise PolicyError(msg)
    return into_lazy(release) if policy is None else open_released(release, policy)


def open_register(known: IntoFrame, policy: "Policy | None") -> pl.LazyFrame:
    """Open a register; with a policy, columns are read as it declares them."""
    if policy is None:
        return into_lazy(known)
    return read_by_policy(known, policy, population=True).frame


def known_columns(
    release: Iterable[str],
    known: Iterable[str],
    policy: "Policy | None",
    columns: Sequence[str] | None,
    apart: Iterable[str],
) -> dict[str, list[str]]:
    """Return the columns that both tables have, each with the released columns that state it.

    Parameters
    ----------
    release, known : iterable of str
        Columns of the tables.
    policy : Policy, optional
    columns : sequence of str, optional
        Known columns; all that both have unless given, or with a policy all of its quasi-identifiers that both have.
    apart : iterable of str
        Columns that are not known: sensitive ones and the truth.

    Raises
    ------
    ColumnError
        A column is missing from a table, or they have none in common.
    """
    released, register, hidden = set(release), list(known), set(apart)
    if columns is not None:
        columns = column_list(columns)
        check_columns(columns, register, by="the attack", table="the register", remedy="add it")
    found: dict[str, list[str]] = {}
    for name in register if columns is None else columns:
        parts = [f"{name}_{end}" for end in _ENDS]
        if policy is not None and name in policy.quasi_identifiers:
            parts = released_columns(name, policy.quasi_identifiers[name])
        elif policy is not None and columns is None:
            continue
        elif name in released:
            parts = [name]
        elif columns is not None and not released.issuperset(parts):
            check_columns([name], list(release), by="the attack", table="the release", remedy="leave it out")
        if name not in hidden and released.issuperset(parts):
            found[name] = parts
    if not found:
        msg = (
            "the register has no column of the release that an adversary could compare; name columns as the release "
            f"does, for example {', '.join(sorted(released - hidden)[:4])}"
        )
        raise ColumnError(msg)
    return found


def read_release(
    frame: pl.LazyFrame, names: Sequence[str], sensitive: Sequence[str], truth: str | None, *, n_threads: int
) -> Release:
    """Read a release and group it by its released quasi-identifiers.

    Raises
    ------
    ColumnError, InputError
        A column is missing or cannot be read, or the release has no rows.
    """
    ids = [] if truth is None else [truth]
    wanted = list(dict.fromkeys([*names, *sensitive, *ids]))
    check_columns(wanted, schema_of(frame).names(), by="the attack", table="the release", remedy="leave it out")
    check_readable(schema_of(frame), wanted)
    table = read_to_end(frame.select(wanted))
    if not table.height:
        msg = "the release has no rows"
        raise InputError(msg)
    coded = {name: _encoded(name, table.get_column(name)) for name in [*names, *sensitive]}
    sizes = {name: max(1, len(distinct)) for name, (_, distinct) in coded.items()}
    grouped = group([coded[name][0] for name in names], [sizes[name] for name in names], n_threads=n_threads)
    assert grouped.tuple_of_row is not None
    counts = {
        name: cells(
            grouped.tuple_of_row, [coded[name][0]], [sizes[name]], n_tuples=grouped.n_tuples, n_threads=n_threads
        )
        for name in sensitive
    }
    return Release(
        grouped=grouped,
        distinct={name: coded[name][1] for name in names},
        names=list(names),
        sensitive={name: coded[name][1] for name in sensitive},
        cells={name: SensitiveCells.of_counts(one.start, one.value, one.count) for name, one in counts.items()},
        value_of_row={name: coded[name][0] for name in sensitive},
        ids=None if truth is None else table.get_column(truth),
    )


def _encoded(name: str, column: pl.Series) -> tuple[Codes, pl.Series]:
    """Return codes of a column and the value of each code."""
    encoder = ColumnEncoder(name)
    codes = encoder.observe(column.to_arrow(compat_level=pl.CompatLevel.newest()))
    domain, final = encoder.finish()
    return codes, pl.Series(name, domain.decode(final))


@dataclass(frozen=True, slots=True, eq=False)
class Adversary:
    """Classes of a release as read with the values of some registers.

    Attributes
    ----------
    released : ReleasedClasses
    columns : dict of str to ReadColumn
    """

    released: ReleasedClasses
    columns: dict[str, ReadColumn]

    def known(self, register: pl.DataFrame) -> Ints:
        """Return what is known of each person, (d, n) ranks."""
        return np.stack([one.ranks(register.get_column(name)) for name, one in self.columns.items()])


def read_adversary(
    release: Release,
    columns: Mapping[str, Sequence[str]],
    registers: Sequence[pl.DataFrame],
    policy: "Policy | None",
    tolerance: Mapping[str, float],
) -> Adversary:
    """Read the labels of a release with the values of registers.

    Raises
    ------
    ColumnError
        A column has other types or units in the register.
    HierarchyError, PolicyError
        As for `read_column`.
    """
    found: dict[str, ReadColumn] = {}
    labels = []
    for name, parts in columns.items():
        distinct, of_class = release.labels(parts)
        values = _one_series(name, registers)
        role = None if policy is None else policy.quasi_identifiers.get(name)
        read = read_column(distinct, values, name, role, policy, tolerance=tolerance.get(name, 0.0))
        found[name] = read
        labels.append(read.labels(of_class, distinct.height, tolerance.get(name, 0.0)))
        ranks = read.ranks(registers[0].get_column(name))
        _check_covered(name, ranks, labels[-1].label, labels[-1].low, labels[-1].high)
    return Adversary(ReleasedClasses(labels, release.grouped.weight, release.cells), found)


def _one_series(name: str, registers: Sequence[pl.DataFrame]) -> pl.Series:
    """Return the values of all registers in one column."""
    try:
        return pl.concat([one.select(name) for one in registers], how="vertical_relaxed").to_series()
    except pl.exceptions.PolarsError:
        msg = f"{name!r} has different types in the registers; cast it to one"
        raise ColumnError(msg) from None


def _check_covered(name: str, ranks: Ints, label: Ints, low: Ints, high: Ints) -> None:
    """Check that some known value lies in some label."""
    known = np.unique(ranks[ranks != UNKNOWN])
    if not known.size:
        return
    first = np.searchsorted(known, low)
    if not ((first < known.size) & (known[np.minimum(first, known.size - 1)] <= high)).any() or not label.size:
        msg = (
            f"no known value of {name!r} lies in any of its released labels; give it the units and codes of the "
            "release, or the policy of the release if its labels are nodes of a hierarchy"
        )
        raise ColumnError(msg)


def read_register(
    frame: pl.LazyFrame, columns: Iterable[str], others: Iterable[str], *, table: str = "the register"
) -> pl.DataFrame:
    """Read the columns of a register that are known, and others where it has them.

    Raises
    ------
    ColumnError, InputError
        A column is missing, or there are no people.
    """
    schema = schema_of(frame)
    check_columns(list(columns), schema.names(), by="the attack", table=table, remedy="add it")
    wanted = [*dict.fromkeys([*columns, *(name for name in others if name in schema)])]
    check_readable(schema, wanted)
    for name in columns:
        if schema[name].is_nested() or isinstance(schema[name], pl.Duration | pl.Binary | pl.Object):
            msg = f"{name!r} is {schema[name]} in {table}, which no label covers; give numbers, dates, times or text"
            raise ColumnError(msg)
    found = read_to_end(frame.select(wanted))
    if not found.height:
        msg = f"{table} has no people"
        raise InputError(msg)
    return found


def rows_of(release: Release, register: pl.DataFrame, truth: str) -> Ints:
    """Return the row of each person's record by the column of the truth, -1 where it is missing.

    Raises
    ------
    ColumnError
        The column has another type in the register, or is missing there.
    InputError
        A value is in several rows of the release, or no value of the register is in the release.
    """
    check_columns(
        [truth], register.columns, by="the attack", table="the register", remedy="add it, or leave out the truth"
    )
    assert release.ids is not None
    ids, mine = release.ids.alias("id"), register.get_column(truth).alias("id")
    kinds = [one.dtype == pl.String or one.dtype.is_integer() for one in (ids, mine)]
    if ids.dtype != mine.dtype and all(kinds):
        # One of two files may have been read as numbers.
        ids, mine = ids.cast(pl.String), mine.cast(pl.String)
    if ids.dtype != mine.dtype:
        msg = f"{truth!r} is {ids.dtype} in the release and {mine.dtype} in the register; cast it to one type"
        raise ColumnError(msg)
    table = ids.to_frame().with_row_index("row").drop_nulls("id")
    if table.get_column("id").n_unique() < table.height:
        msg = f"{truth!r} has values that are in several rows of the release; the truth names one record a person"
        raise InputError(msg)
    found = mine.to_frame().join(table, on="id", how="left", maintain_order="left")
    row = found.get_column("row").cast(pl.Int64).fill_null(UNKNOWN).to_numpy()
    if (row == UNKNOWN).all():
        msg = f"no value of {truth!r} in the register is one of the release; give the release with its ids"
        raise InputError(msg)
    return row


def own_values(release: Release, register: pl.DataFrame, row: Ints | None) -> dict[str, Ints]:
    """Return the sensitive value of each person: the register's, or that of the own record; -1 if not known."""
    found: dict[str, Ints] = {}
    for name, distinct in release.sensitive.items():
        if name in register.columns:
            codes = pl.DataFrame({"value": distinct, "code": np.arange(len(distinct))})
            mine = register.get_column(name).cast(distinct.dtype, strict=False).to_frame("value")
            joined = mine.join(codes, on="value", how="left", maintain_order="left", nulls_equal=True)
            found[name] = joined.get_column("code").fill_null(UNKNOWN).to_numpy()
        elif row is not None:
            value = release.value_of_row[name].astype(np.int64)
            found[name] = np.where(row == UNKNOWN, UNKNOWN, value[np.maximum(row, 0)])
    return found


def released_quasi_identifiers(policy: "Policy | None", columns: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the columns whose equal values make a class: the policy's, and all that are known."""
    known = [part for parts in columns.values() for part in parts]
    return list(dict.fromkeys([*([] if policy is None else released_names(policy)), *known]))


def check_tolerance(tolerance: Mapping[str, float], columns: Iterable[str]) -> dict[str, float]:
    """Return tolerances as floats.

    Raises
    ------
    PolicyError
        One is negative, infinite or NaN, or its column is not known.
    """
    names = set(columns)
    for name, width in tolerance.items():
        if name not in names:
            msg = (
                f"there is a tolerance for {name!r}, which is not a known column; known are {', '.join(sorted(names))}"
            )
            raise PolicyError(msg)
        if isinstance(width, bool) or not isinstance(width, int | float) or not 0 <= width < float("inf"):  # pyright: ignore[reportUnnecessaryIsInstance]
            msg = f"the tolerance of {name!r} is {width!r}; give a number of at least 0 in the units of the column"
            raise PolicyError(msg)
    return {name: float(width) for name, width in tolerance.items()}

"""Labels of a release against the values of a register: one order of values for both, labels as ranges of it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from shoal.recount.released_table import Runs, read_labels
from shoal_engine.attack.labels import UNKNOWN, Labels
from shoal_engine.errors import ColumnError, PolicyError

if TYPE_CHECKING:
    from shoal_engine.anonymity.policy.policy import Policy
    from shoal_engine.anonymity.policy.roles import QuasiIdentifier

Ints = npt.NDArray[np.int64]

EVERYTHING = "*"
_MASK = "*"


@dataclass(frozen=True, slots=True, eq=False)
class ReadColumn:
    """One column of a release, read with the values of a register.

    Attributes
    ----------
    runs : Runs
        What each distinct label covers.
    anything : (any,) int64
        Labels that stand for every value, known to the release or not: null and ``*``.
    values : pl.Series
        The values that are placed, in the order of `runs.place`.
    """

    runs: Runs
    anything: Ints
    values: pl.Series

    def labels(self, of_class: Ints, n_labels: int, tolerance: float) -> Labels:
        """Return the labels, compatible with values up to `tolerance` outside; the last rank is any other value."""
        n = len(self.values)
        one = ~np.isin(self.runs.label, self.anything)
        runs = [part[one] for part in self.runs[1:]]
        labels = Labels.of_ranges(of_class, *runs, n_labels=n_labels, n_values=n)
        if tolerance > 0:
            placed = self.values.gather(np.argsort(self.runs.place))
            labels = labels.widened(_on_line(placed), tolerance)
        everywhere = np.zeros(self.anything.size, np.int64)
        size = labels.size.copy()
        size[self.anything] = max(1, n)
        return Labels(
            of_class,
            np.concatenate([labels.label, self.anything]),
            np.concatenate([labels.low, everywhere]),
            np.concatenate([labels.high, everywhere + n]),
            size,
            n + 1,
        )

    def ranks(self, values: pl.Series) -> Ints:
        """Return the rank of each value of a register, null as unknown."""
        table = pl.DataFrame({"value": self.values, "rank": self.runs.place})
        values = _plain(values)
        as_placed = values.cast(self.values.dtype, strict=False)
        found = as_placed.to_frame("value").join(table, on="value", how="left", maintain_order="left")
        rank = found.get_column("rank").fill_null(len(self.values)).to_numpy().copy()
        rank[values.is_null().to_numpy()] = UNKNOWN
        return rank


def read_column(
    labels: pl.DataFrame,
    values: pl.Series,
    name: str,
    role: "QuasiIdentifier | None",
    policy: "Policy | None",
    *,
    tolerance: float,
) -> ReadColumn:
    """Read the distinct labels of one column.

    Parameters
    ----------
    labels : pl.DataFrame
        One column of distinct labels, or two of bounds.
    values : pl.Series
        Values of the register, with null where nothing is known.
    name : str
    role, policy
        What the policy says of the column, if there is one.
    tolerance : float
        Above 0 if the register may differ by so much.

    Raises
    ------
    ColumnError
        The register's values are of another type than the release's, or the labels cannot be read.
    HierarchyError
        The hierarchy does not cover the values of the register.
    PolicyError
        The column is released as centers or means, which stand for no range, and there is no tolerance.
    """
    known = _plain(values).drop_nulls().unique().sort()
    if labels.width == 2:
        return _of_bounds(labels, known, name)
    if role is not None and role.output in ("center", "mean") and tolerance == 0:
        msg = f"{name!r} is released as the {role.output} of its class, which states no range; give it a tolerance"
        raise PolicyError(msg)
    written = _plain(labels.get_column(name))
    if written.dtype != pl.String:
        return _of_values(written, known, name)
    anything = np.flatnonzero((written.is_null() | (written == EVERYTHING).fill_null(value=False)).to_numpy())
    if role is not None and not _is_read_alone(role):
        return _of_nodes(written, known, name, role, policy, anything)
    single = written.filter(written != EVERYTHING)
    as_text = single.str.starts_with("{").any() or _masks(single) or (role is not None and role.kind == "category")
    if known.dtype == pl.String and not as_text:
        known = _as_numbers(written, known, name)
    if not as_text and (known.dtype.is_numeric() or known.dtype.is_temporal()):
        return _of_bounds(_as_bounds(written, name), known, name)
    return _of_texts(written, known, name, anything)


def _plain(values: pl.Series) -> pl.Series:
    """Return values as observed tables have them: categories as text, NaN as null."""
    if isinstance(values.dtype, pl.Categorical | pl.Enum):
        return values.cast(pl.String)
    return values.fill_nan(None) if values.dtype.is_float() else values


def _on_line(values: pl.Series) -> npt.NDArray[np.float64]:
    """Return ascending values as numbers: dates in days, datetimes and times in seconds."""
    kind = values.dtype
    if kind == pl.Date:
        return values.cast(pl.Int32).cast(pl.Float64).to_numpy()
    if isinstance(kind, pl.Datetime):
        return values.dt.epoch("us").cast(pl.Float64).to_numpy() / 1e6
    if kind == pl.Time:
        return values.cast(pl.Int64).cast(pl.Float64).to_numpy() / 1e9
    if not kind.is_numeric():
        msg = "a tolerance needs numbers, dates or times; leave it out for columns of text"
        raise ColumnError(msg)
    return values.cast(pl.Float64).to_numpy()


def _is_read_alone(role: "QuasiIdentifier") -> bool:
    """Return whether labels state their values: sets, intervals, and nodes that were grown from rows."""
    from shoal_engine.anonymity.policy.hierarchies import is_grown

    return role.hierarchy is None or is_grown(role.hierarchy)


def _as_numbers(written: pl.Series, known: pl.Series, name: str) -> pl.Series:
    """Return texts as numbers where the labels are intervals of numbers; raise where a text is not one."""
    intervals = written.filter(written.str.contains(r"^\[[^,]+, [^,]+\]$").fill_null(value=False))
    ends = intervals.str.strip_chars("[]").str.split(", ").explode(empty_as_null=True)
    if not len(ends) or ends.cast(pl.Float64, strict=False).null_count():
        return known
    numbers = known.cast(pl.Float64, strict=False)
    if numbers.null_count():
        raise _other_type(name, known.dtype)
    return numbers


def _as_bounds(written: pl.Series, name: str) -> pl.DataFrame:
    """Return intervals and single values as two columns of bounds, null where any value is meant."""
    text = pl.when(pl.col(name) == EVERYTHING).then(None).otherwise(pl.col(name))
    parts = text.str.extract_groups(r"^\[(?<low>.+), (?<high>.+)\]$")
    return written.to_frame(name).select(
        pl.coalesce(parts.struct.field("low"), text).alias(f"{name}_lower"),
        pl.coalesce(parts.struct.field("high"), text).alias(f"{name}_upper"),
    )


def _typed(texts: pl.Series, known: pl.Series, name: str) -> pl.Series:
    """Return texts or values of a release with the register's type, integers where all are."""
    from shoal.io.declared_types import typed
    from shoal.recount.released_table import format_of_type

    kind = known.dtype
    if texts.dtype.is_numeric() and kind.is_numeric():
        # Left as they are: no fraction of either is lost before both get one type.
        found = texts
    elif texts.dtype != pl.String:
        found = texts if texts.dtype == kind else texts.cast(kind, strict=False)
    elif kind.is_numeric() and not kind.is_decimal():
        found = texts.cast(pl.Float64, strict=False)
        whole = found.drop_nulls()
        if kind.is_integer() and bool((whole == whole.floor()).all()):
            found = texts.cast(pl.Int64, strict=False)
    else:
        declared = format_of_type(kind)
        assert declared is not None
        found = texts.to_frame(name).select(typed(pl.col(name), declared)).to_series().cast(kind, strict=False)
    if found.null_count() > texts.null_count():
        raise _other_type(name, kind)
    return found


def _other_type(name: str, kind: pl.DataType) -> ColumnError:
    """Return the error for a register whose values are of another type than the release's."""
    return ColumnError(
        f"{name!r} is {kind} in the register, and the release's labels are not of that type; give both the same type "
        "and units, or the policy of the release if its labels are nodes of a hierarchy"
    )


def _together(name: str, known: pl.Series, *others: pl.Series) -> pl.Series:
    """Return the distinct values of a register and a release, ascending."""
    try:
        every = pl.concat([known.alias(name), *(one.drop_nulls().alias(name) for one in others)], how="vertical")
    except pl.exceptions.PolarsError:
        frames = [one.alias(name).to_frame() for one in (known, *others)]
        try:
            every = pl.concat(frames, how="vertical_relaxed").to_series().drop_nulls()
        except pl.exceptions.PolarsError:
            raise _other_type(name, known.dtype) from None
    return every.unique().sort()


def _of_bounds(bounds: pl.DataFrame, known: pl.Series, name: str) -> ReadColumn:
    """Read two columns of bounds; null in both stands for any value."""
    from shoal_engine.anonymity.policy.roles import QuasiIdentifier

    ends = [_typed(bounds.get_column(f"{name}_{end}"), known, name) for end in ("lower", "upper")]
    domain = _together(name, known, *ends)
    frame = pl.DataFrame(
        [one.cast(domain.dtype).alias(f"{name}_{end}") for one, end in zip(ends, ("lower", "upper"), strict=True)]
    )
    runs = read_labels(frame, domain, name, QuasiIdentifier(output="bounds"), _alone(name)).runs()
    return ReadColumn(runs, np.flatnonzero((ends[0].is_null() | ends[1].is_null()).to_numpy()), domain)


def _of_values(written: pl.Series, known: pl.Series, name: str) -> ReadColumn:
    """Read a column of exact values, null standing for any."""
    if known.dtype == pl.String and written.dtype.is_numeric():
        numbers = known.cast(pl.Float64, strict=False)
        if numbers.null_count():
            raise _other_type(name, known.dtype)
        known = numbers
    kinds = [(one.dtype.is_numeric(), one.dtype.is_temporal()) for one in (known, written)]
    if kinds[0] != kinds[1]:
        raise _other_type(name, known.dtype)
    if written.dtype.is_numeric() or written.dtype.is_temporal():
        return _of_bounds(pl.DataFrame({f"{name}_lower": written, f"{name}_upper": written}), known, name)
    anything = np.flatnonzero(written.is_null().to_numpy())
    return _of_texts(written.cast(pl.String), known.cast(pl.String), name, anything)


def _of_texts(written: pl.Series, known: pl.Series, name: str, anything: Ints) -> ReadColumn:
    """Read sets, masks and single values of text."""
    from shoal_engine.anonymity.policy.roles import QuasiIdentifier

    known = known.cast(pl.String)
    single = written.filter(~written.str.starts_with("{") & (written != EVERYTHING)).drop_nulls()
    if _masks(single):
        from shoal_engine.anonymity.policy.hierarchies import Redaction

        side = "left" if single.str.starts_with(_MASK).any() else "right"
        role = QuasiIdentifier(hierarchy=Redaction(redact=side))
        return _of_nodes(written, known, name, role, None, anything)
    members = written.filter(written.str.starts_with("{")).str.slice(1).str.strip_suffix("}").str.split(", ")
    domain = _together(name, known, single, members.explode(empty_as_null=True).cast(pl.String))
    role = QuasiIdentifier(kind="category")
    runs = read_labels(written.to_frame(name), domain, name, role, _alone(name)).runs()
    return ReadColumn(runs, anything, domain)


def _masks(single: pl.Series) -> bool:
    """Return whether some labels have characters masked from one side, and no label is an interval."""
    ends = single.str.ends_with(_MASK) | single.str.starts_with(_MASK)
    return bool(ends.any())


def _of_nodes(
    written: pl.Series,
    known: pl.Series,
    name: str,
    role: "QuasiIdentifier",
    policy: "Policy | None",
    anything: Ints,
) -> ReadColumn:
    """Read names of nodes of a declared hierarchy, and intervals over a declared order."""
    from shoal_engine.anonymity.hierarchies.trees import declared_leaves
    from shoal_engine.anonymity.policy.hierarchies import Prefix, Redaction

    hierarchy = role.hierarchy
    assert hierarchy is not None
    folder = "" if policy is None else policy.folder
    leaves = declared_leaves(hierarchy, column=name, folder=folder)
    if leaves is not None:
        # Values that the hierarchy does not list have no rank, and no label but `*` covers them.
        domain = pl.Series(name, leaves, pl.String).unique().sort()
    elif isinstance(hierarchy, Prefix | Redaction):
        mask = hierarchy.mask
        whole = written.filter(~written.str.contains(mask, literal=True)).drop_nulls()
        length = int(written.str.len_chars().max() or 1)  # pyright: ignore[reportArgumentType]
        if isinstance(hierarchy, Prefix):
            hierarchy = Redaction(mask=mask, keep=hierarchy.keep)
        if hierarchy.length is None:
            hierarchy = msgspec.structs.replace(hierarchy, length=length)
        role = msgspec.structs.replace(role, hierarchy=hierarchy)
        domain = _together(name, known.cast(pl.String), whole)
        domain = domain.filter(domain.str.len_chars() <= (hierarchy.length or length))
    else:
        domain = known
    role = msgspec.structs.replace(role, nulls="apart", output="label", kind=None)
    runs = read_labels(written.to_frame(name), domain, name, role, policy or _alone(name)).runs()
    return ReadColumn(runs, anything, domain)


def _alone(name: str) -> "Policy":
    """Return a policy of one column, for a release that comes without."""
    from shoal_engine.anonymity.policy.policy import Policy

    return Policy.of(k=2, quasi_identifiers=[name])

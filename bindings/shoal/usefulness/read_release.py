"""A released table read for estimates: its classes, what their labels stand for, and the columns kept as they are."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from shoal.anonymity.anonymize import Anonymized
from shoal.io.frames import IntoFrame
from shoal.io.lazy_frames import internal, read_to_end
from shoal.recount.released_table import Reading, Sets, Spans, open_released, read_labels
from shoal.usefulness.label_domains import domain_of_labels
from shoal.usefulness.tables import CodedRows, ReadColumn, ReadTable
from shoal_engine.anonymity.criteria.assessment import released_columns, released_names
from shoal_engine.anonymity.policy.hierarchies import is_line
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.anonymity.policy.roles import QuasiIdentifier
from shoal_engine.errors import ColumnError, InputError, PolicyError
from shoal_engine.tables.column_names import check_columns
from shoal_engine.utility import memberships as members
from shoal_engine.utility.shares import ROUNDS, spread_column

Flags = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

_CLASS, _LABEL = internal("class"), internal("label")


class GeneralizedTable(ReadTable):
    """A table whose classes state labels; each column is read when it is first asked for.

    Parameters
    ----------
    policy : Policy
    coded : CodedRows
        Rows that are released; only columns kept as they are are looked at.
    classes : pl.DataFrame
        Labels of each class, no two alike.
    class_of_row : (n_rows,) int64
    least : bool
        Whether labels are the least that cover their classes.

    Attributes
    ----------
    policy : Policy
    """

    def __init__(
        self, policy: Policy, coded: CodedRows, classes: pl.DataFrame, class_of_row: Ints, *, least: bool
    ) -> None:
        self.policy, self.coded, self.class_of_row = policy, coded, class_of_row
        self._classes, self._least = classes, least
        self.class_rows = np.bincount(class_of_row, minlength=classes.height).astype(np.int64)
        self._read: dict[str, ReadColumn] = {}

    @property
    def generalized(self) -> list[str]:
        """Return the quasi-identifiers."""
        return list(self.policy.quasi_identifiers)

    @property
    def kept(self) -> list[str]:
        """Return the columns whose values are released as they are."""
        names = (*self.policy.sensitive, *self.policy.insensitive, *self.policy.set_valued)
        return [name for name in names if name in self.rows.columns]

    def check(self, names: "list[str] | dict[str, pl.Expr]", *, by: str) -> None:
        """Check that columns can be asked for.

        Raises
        ------
        ColumnError
            The release does not have a column; where the policy dropped it, the message says so.
        """
        present = [*self.generalized, *self.kept]
        for name in names:
            if name in self.policy.identifiers:
                msg = f"{by} names column {name!r}, an identifier that the release does not keep; leave it out"
                raise ColumnError(msg)
        remedy = "the policy drops it: leave it out"
        check_columns(names, present, by=by, table="the release", remedy=remedy)

    def column(self, name: str) -> ReadColumn:
        """Return a generalized column, read.

        Raises
        ------
        ColumnError, HierarchyError, PolicyError
            Its labels are not of the policy, or do not say what they stand for.
        """
        if name not in self._read:
            self._read[name] = self._column(name, self.policy.quasi_identifiers[name])
        return self._read[name]

    def _column(self, name: str, role: QuasiIdentifier) -> ReadColumn:
        """Return a column of labels as values with shares."""
        parts = released_columns(name, role)
        distinct = self._classes.select(parts).unique(maintain_order=True).with_row_index(_LABEL)
        numbered = self._classes.select(parts).join(
            distinct, on=parts, how="left", nulls_equal=True, maintain_order="left"
        )
        label_of_class = numbered.get_column(_LABEL).to_numpy().astype(np.int64)
        labels = distinct.drop(_LABEL)
        values = domain_of_labels(labels, name, role, self.policy).alias(name)
        even = role.output == "bands" or (role.hierarchy is not None and not is_line(role.hierarchy))
        smallest = np.full(labels.height, self.class_rows.max())
        np.minimum.at(smallest, label_of_class, self.class_rows)
        # Levels of a full domain name all values where two would do; so does no class that has fewer rows.
        least = self._least & (smallest >= len(values))
        found = _memberships(read_labels(labels, values, name, role, self.policy), labels, values, least, even=even)
        spread = spread_column(found, label_of_class, self.class_rows, rounds=0 if even else ROUNDS)
        return ReadColumn(values, spread, even)

    def notes(self, names: list[str]) -> tuple[str, ...]:
        """Return what a reader of estimates from some columns should know."""
        even = [name for name in names if name in self.policy.quasi_identifiers and self.column(name).even]
        stated = [
            name
            for name in names
            if name in self.policy.quasi_identifiers
            and self.policy.quasi_identifiers[name].output in ("center", "mean")
        ]
        changed = [
            name
            for name in names
            if name in self.policy.quasi_identifiers and self.policy.quasi_identifiers[name].transform is not None
        ]
        told = (
            (even, "labels do not name values that occur: rows are spread evenly over what they cover"),
            (stated, "one value stands for a class and is taken for the value of each of its rows"),
            (changed, "values were changed before they were generalized"),
        )
        return tuple(f"{', '.join(columns)}: {text}" for columns, text in told if columns)


def _memberships(
    reading: Reading, labels: pl.DataFrame, values: pl.Series, least: Flags, *, even: bool
) -> members.Memberships:
    """Return which values labels allow, and which are known to occur.

    Those of ``*`` are not unless it is `least`; and the ends of an interval are not if it is a band, which is `even`.
    """
    n_values, name = len(values), values.name
    vague = np.zeros(labels.height, np.bool_)
    for column in labels.iter_columns():
        if column.dtype == pl.String:
            vague |= (column == "*").fill_null(value=False).to_numpy()
    match reading:
        case Spans():
            first = int(reading.rank.min(initial=0) < 0)
            ends = np.array(reading.ends, np.int64).reshape(-1, 2) + first
            low, high = np.maximum(ends[:, 0], 0), np.minimum(ends[:, 1], n_values - 1)
            _check_covered((low <= high)[:, None], name)
            # Bounds that are null stand for anything, like `*`.
            occur = ~vague & ~((ends[:, 0] <= 0) & (ends[:, 1] > 0) & bool(first))
            return members.Ranges(n_values, low, high, occur & (low == high) if even else occur)
        case Sets():
            _check_covered(np.array([[one.size > 0] for one in reading.members]), name)
            return members.Sets.of_members(n_values, reading.members, ~vague | least)
        case _:
            # Runs of names may be covered twice, at two levels of a hierarchy.
            place, label, low, high = reading.runs()
            size = high - low + 1
            at = np.repeat(low - np.cumsum(size) + size, size) + np.arange(size.sum())
            value = np.argsort(place)[at]
            label, value = np.divmod(np.unique(np.repeat(label, size) * n_values + value), n_values)
            start = np.searchsorted(label, np.arange(labels.height + 1)).astype(np.int64)
            _check_covered((np.diff(start) > 0)[:, None], name)
            return members.Sets(n_values, start, value.astype(np.int64), np.zeros(labels.height, np.bool_))


def _check_covered(allowed: Flags, name: str) -> None:
    """Check that every label, a row of flags, stands for some value."""
    if not np.asarray(allowed.any(axis=1)).all():
        msg = f"labels of {name!r} stand for no value of the policy's hierarchy; give the release of this policy"
        raise ColumnError(msg)


class ReadRelease(GeneralizedTable):
    """A release whose columns are read when they are first asked for.

    Parameters
    ----------
    release : Anonymized, frame, table or path
    policy : Policy, optional
        Policy of the release; needed unless it is an `Anonymized`.

    Raises
    ------
    PolicyError
        No policy says what the labels stand for.
    ColumnError
        The table lacks a column of the release.
    InputError
        The table cannot be read, or holds no row.
    """

    def __init__(self, release: Anonymized | IntoFrame, policy: Policy | None = None) -> None:
        if isinstance(release, Anonymized):
            policy, rows = policy or release.policy, release.frame
            least = release.report.method != "full-domain"
        else:
            if policy is None:
                msg = (
                    "a released table alone does not say what its labels stand for; give its policy as policy=..., "
                    "or what `shoal.anonymize` returned"
                )
                raise PolicyError(msg)
            rows, least = read_to_end(open_released(release, policy)), True
        names = released_names(policy)
        check_columns(names, rows.columns, table="the release", remedy="give the release of this policy")
        if rows.is_empty():
            msg = "the release holds no row, so there is nothing to estimate from; give another"
            raise InputError(msg)
        labels = rows.select(names)
        classes = labels.unique(maintain_order=True)
        numbered = classes.with_row_index(_CLASS)
        found = labels.join(numbered, on=names, how="left", nulls_equal=True, maintain_order="left")
        class_of_row = found.get_column(_CLASS).to_numpy().astype(np.int64)
        super().__init__(policy, CodedRows(rows), classes, class_of_row, least=least)


def load_policy(policy: Policy | str | Path | None) -> Policy | None:
    """Return a policy, read from its file where a path is given."""
    return Policy.load(policy) if isinstance(policy, str | Path) else policy

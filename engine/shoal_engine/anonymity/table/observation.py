"""Observing a table batch by batch: codes of the columns that classes depend on, the rest carried along."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.anonymity.policy.table_models import of_people
from shoal_engine.anonymity.table.dimensions import bind
from shoal_engine.anonymity.table.item_sets import ItemSets, distinct, entries_of
from shoal_engine.anonymity.table.population import count_people
from shoal_engine.anonymity.table.sensitive import number_values
from shoal_engine.anonymity.table.table import Codes, Table
from shoal_engine.anonymity.table.units import Units, shares_of, units_of
from shoal_engine.errors import ColumnError, InputError, PolicyError
from shoal_engine.tables.column_names import check_columns
from shoal_engine.tables.columns import ColumnEncoder, Domain, count_codes, narrowest, recode
from shoal_engine.tables.grouping import Grouped, cells, group
from shoal_engine.transforming.specs import grouped_columns
from shoal_kernels.criteria.privacy_models import Cells


def needed_columns(policy: Policy) -> list[str]:
    """Return the columns that a release of this policy reads, in the order of its output."""
    pseudonyms = [name for name, role in policy.identifiers.items() if role.action == "pseudonym"]
    named = [*pseudonyms, *policy.quasi_identifiers, *policy.sensitive, *policy.set_valued, *policy.insensitive]
    return named + [policy.unit] * (policy.unit != "" and policy.unit not in pseudonyms)


def counted_columns(policy: Policy) -> list[str]:
    """Return the columns that an assessment reads."""
    named = [*policy.quasi_identifiers, *policy.sensitive, *policy.set_valued]
    return named + [policy.unit] * (policy.unit != "")


class Observation:
    """A mergeable summary of record batches; any cut into batches and any order gives the same classes.

    Parameters
    ----------
    policy : Policy
    carry : bool
        Keep what a release needs beside the classes: pseudonyms, insensitive columns, and the tuple of each
        row. An assessment needs none of it.
    n_threads : int
    """

    def __init__(self, policy: Policy, *, carry: bool, n_threads: int) -> None:
        self._policy = policy
        self._carry = carry
        self._n_threads = n_threads
        coded = [*policy.quasi_identifiers, *policy.sensitive]
        if carry:
            coded += [name for name, role in policy.identifiers.items() if role.action == "pseudonym"]
        if policy.unit and policy.unit not in coded:
            coded.append(policy.unit)
        self._encoders = {name: ColumnEncoder(name) for name in coded}
        self._codes: dict[str, list[Codes]] = {name: [] for name in coded}
        # Items are encoded like values; how many each row has is kept beside them.
        self._item_encoders = {name: ColumnEncoder(name) for name in policy.set_valued}
        self._items: dict[str, list[Codes]] = {name: [] for name in policy.set_valued}
        self._lengths: dict[str, list[npt.NDArray[np.int32]]] = {name: [] for name in policy.set_valued}
        self._carried: dict[str, list[pa.Array]] = {name: [] for name in policy.insensitive} if carry else {}
        self.n_rows = 0

    def observe(self, batch: pa.RecordBatch) -> None:
        """Add the rows of one batch.

        Raises
        ------
        ColumnError
            A column is missing, or its type cannot be observed.
        """
        check_columns([*self._codes, *self._items, *self._carried], batch.schema.names)

        def encode(name: str) -> Codes:
            return self._encoders[name].observe(batch.column(name))

        with ThreadPoolExecutor(self._n_threads) as pool:
            for name, codes in zip(self._encoders, pool.map(encode, self._encoders), strict=True):
                self._codes[name].append(codes)
        for name, encoder in self._item_encoders.items():
            items, length = entries_of(name, batch.column(name))
            self._items[name].append(encoder.observe(items))
            self._lengths[name].append(length)
        for name, parts in self._carried.items():
            parts.append(owned(batch.column(name)))
        self.n_rows += batch.num_rows

    def merge(self, other: "Observation") -> None:
        """Add the rows that another observation of the same policy saw."""
        for name, encoder in self._encoders.items():
            remap = encoder.merge(other._encoders[name])
            self._codes[name] += [remap[codes] for codes in other._codes[name]]
        for name, encoder in self._item_encoders.items():
            remap = encoder.merge(other._item_encoders[name])
            self._items[name] += [remap[codes] for codes in other._items[name]]
            self._lengths[name] += other._lengths[name]
        for name, parts in self._carried.items():
            parts += other._carried[name]
        self.n_rows += other.n_rows

    def finish(self, population: "Observation | None" = None) -> Table:
        """Return the table; the observation is used up, and so is that of the population.

        Parameters
        ----------
        population : Observation, optional
            Observation of the people that the table was drawn from, by `people_policy`; needed where a model is
            counted in them.

        Raises
        ------
        InputError
            No row was observed, or some tuple has more rows than people.
        ColumnError
            A quasi-identifier has no value at all, or another type in the population.
        PolicyError
            A model is counted in people, and there is no table of them.
        """
        if population is None and of_people(self._policy.models):
            msg = "a model of this policy is counted in a table of the population; give that table, or leave it out"
            raise PolicyError(msg)
        if not self.n_rows:
            msg = "the table has no rows; there is nothing to protect or to release"
            raise InputError(msg)
        # Values that only the population holds are values of the quasi-identifiers too.
        theirs = {} if population is None else self._adopted(population)
        domains: dict[str, Domain] = {}
        remaps: dict[str, npt.NDArray[np.integer]] = {}
        for name, encoder in self._encoders.items():
            domains[name], remaps[name] = encoder.finish()
        # An assessment tells of the table as it is.
        notes = self._transform(domains, remaps) if self._carry else ()
        for name in self._policy.quasi_identifiers:
            if not len(domains[name].values):
                msg = f"quasi-identifier {name!r} is null in every row; drop it from the policy"
                raise ColumnError(msg)
        counts = {
            name: count_codes(self._codes[name], remaps[name])
            for name, role in self._policy.quasi_identifiers.items()
            if role.counts_rows
        }
        space = bind(self._policy, domains, counts)
        sensitive = number_values(self._policy.sensitive, domains)
        codes = [self._final(d.name, d.kernel_code[remaps[d.name]]) for d in space.dimensions]
        sizes = [dimension.size for dimension in space.dimensions]
        row_ids = self._carry or bool(sensitive) or bool(self._policy.unit)
        grouped = group(codes, sizes, n_threads=self._n_threads, row_ids=row_ids)
        del codes
        coded = {name: (domains[name], self._final(name, remaps[name])) for name in list(self._codes)}
        units = units_of(self._policy.unit, *coded[self._policy.unit]) if self._policy.unit else None
        people = None
        if population is not None:
            codes = [population._final(d.name, d.kernel_code[remaps[d.name][theirs[d.name]]]) for d in space.dimensions]
            counted = units_in(units, grouped)
            people = count_people(grouped, group(codes, sizes, n_threads=self._n_threads, row_ids=False), counted)
            del codes
        values = [(column.value - column.first).astype(np.uint32)[coded[column.name][1]] for column in sensitive]
        value_cells = no_cells(grouped.n_tuples)
        if grouped.tuple_of_row is not None and sensitive:
            value_cells = cells(
                grouped.tuple_of_row,
                values,
                [column.size for column in sensitive],
                n_tuples=grouped.n_tuples,
                n_threads=self._n_threads,
            )
        return Table(
            policy=self._policy,
            space=space,
            grouped=grouped,
            sensitive=sensitive,
            cells=value_cells,
            coded=coded,
            sets={name: self._item_sets(name) for name in self._item_encoders},
            carried={name: _joined(parts) for name, parts in self._carried.items()},
            people=people,
            units=units,
            notes=notes,
        )

    def _adopted(self, population: "Observation") -> dict[str, npt.NDArray[np.uint32]]:
        """Take in the values of a population; return our provisional code of each of its codes, by column."""
        if population.n_rows < self.n_rows and not self._policy.unit:
            msg = "population smaller than the sample: it has fewer rows; give the population that it was drawn from"
            raise InputError(msg)
        names = self._policy.quasi_identifiers
        return {name: self._encoders[name].merge(population._encoders[name]) for name in names}

    def _transform(self, domains: dict[str, Domain], remaps: dict[str, npt.NDArray[np.integer]]) -> tuple[str, ...]:
        """Transform the columns whose role says so, in place; return notes for the report."""
        transforms = grouped_columns(self._policy.quasi_identifiers)
        if not transforms:
            return ()
        from shoal_engine.transforming.applying import apply_transforms
        from shoal_engine.transforming.coded_columns import CodedColumn

        names = [*self._policy.quasi_identifiers, *self._policy.sensitive]
        columns = {name: CodedColumn(name, domains[name], self._final(name, remaps[name])) for name in names}
        columns, applied = apply_transforms(columns, transforms)
        for name, column in columns.items():
            domains[name], self._codes[name] = column.domain, [column.codes]
            remaps[name] = np.arange(column.domain.size, dtype=np.uint32)
        return tuple(change.note() for change in applied)

    def _item_sets(self, name: str) -> ItemSets:
        """Return a set-valued column, and let go of its batches."""
        domain, final = self._item_encoders[name].finish()
        items = [np.empty(0, np.int64), *(final[codes] for codes in self._items.pop(name))]
        length = np.concatenate([np.empty(0, np.int32), *self._lengths.pop(name)])
        start = np.concatenate([[0], np.cumsum(length, dtype=np.int64)])
        return distinct(domain, start, np.concatenate(items).astype(np.int64))

    def _final(self, name: str, final_code: npt.NDArray[np.integer]) -> Codes:
        """Return all codes of a column, renumbered, and let go of the batches."""
        parts = self._codes.pop(name)
        table = final_code.astype(narrowest(int(final_code.max(initial=0)) + 1))
        result = np.empty(self.n_rows, table.dtype)
        at = 0
        for part in parts:
            recode(part, table, result[at : at + part.size])
            at += part.size
        return result


def units_in(units: Units | None, grouped: Grouped) -> npt.NDArray[np.int64]:
    """Return the distinct units of each tuple, its rows where there are no units."""
    if units is None:
        return grouped.weight
    assert grouped.tuple_of_row is not None
    return shares_of(units, grouped.tuple_of_row, grouped.n_tuples).units


def no_cells(n: int) -> Cells:
    """Return the cells of `n` tuples without sensitive columns."""
    from shoal_kernels._jit import freeze

    nothing = np.empty(0, np.int64)
    return freeze(Cells(np.zeros(n + 1, np.int64), nothing, nothing))


def owned(array: pa.Array) -> pa.Array:
    """Return an array without views: pyarrow takes no rows of them."""
    kind = without_views(array.type)
    return array if kind == array.type else array.cast(kind)


def without_views(kind: pa.DataType) -> pa.DataType:
    """Return the type with offsets in place of views, also inside other types."""
    if pa.types.is_string_view(kind):
        return pa.large_string()
    if pa.types.is_binary_view(kind):
        return pa.large_binary()
    if pa.types.is_dictionary(kind):
        return pa.dictionary(kind.index_type, without_views(kind.value_type), kind.ordered)
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(without_views(field.type)) for field in kind])
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(kind.value_field.with_type(without_views(kind.value_type)), kind.list_size)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        make = pa.list_ if pa.types.is_list(kind) else pa.large_list
        return make(kind.value_field.with_type(without_views(kind.value_type)))
    return kind


def _joined(parts: list[pa.Array]) -> pa.Array:
    """Return one array of all parts."""
    whole = pa.chunked_array(parts).combine_chunks()
    return whole if isinstance(whole, pa.Array) else pa.concat_arrays(whole.chunks)

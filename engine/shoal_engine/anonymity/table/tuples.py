"""The distinct tuples of a table, without its rows: what classes are made from where rows do not fit memory.

Values get codes as they come, batches are grouped, and what is left of each is a run of tuples. `Observation` holds
rows beside them; both finish in the same table, so a method finds the same classes.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.anonymity.policy.table_models import LKC
from shoal_engine.anonymity.table.dimensions import bind
from shoal_engine.anonymity.table.observation import no_cells
from shoal_engine.anonymity.table.sensitive import SensitiveColumn, number_values
from shoal_engine.anonymity.table.table import Codes, Table
from shoal_engine.errors import ColumnError, InputError, PolicyError
from shoal_engine.tables.column_names import check_columns
from shoal_engine.tables.columns import ColumnEncoder, narrowest
from shoal_engine.tables.grouping import Grouped, Packing, group, pack_sizes
from shoal_engine.tables.tuple_runs import TupleRuns
from shoal_engine.threads import in_threads
from shoal_engine.transforming.specs import grouped_columns
from shoal_kernels._jit import freeze
from shoal_kernels.criteria.privacy_models import Cells

Ints = npt.NDArray[np.int64]

CHUNK_ROWS = 1 << 22
"""Rows that become a run."""


def counts_values(policy: Policy) -> bool:
    """Return whether classes depend on sensitive values, and not on quasi-identifiers alone."""
    bound = any(isinstance(model, LKC) for model in policy.models)
    return bool(policy.sensitive) and (bound or any(role.models for role in policy.sensitive.values()))


def check_countable(policy: Policy, method: str) -> None:
    """Check that a policy can be met from tuples alone.

    Raises
    ------
    PolicyError
        It needs rows beside their tuples; the message says for what.
    """
    needs = {
        "a privacy unit": policy.unit != "",
        "a pseudonym that differs from class to class": any(
            role.action == "pseudonym" and policy.link_of(name) == "class" for name, role in policy.identifiers.items()
        ),
        "set-valued columns": bool(policy.set_valued),
        "a table of the population": policy.population != "",
        "transformations of whole columns": bool(grouped_columns(policy.quasi_identifiers)),
        "the method mondrian-relaxed, which parts equal rows": method == "mondrian-relaxed",
    }
    for what, needed in needs.items():
        if needed:
            msg = f"{what} needs the rows in memory; raise the memory limit, or leave it out"
            raise PolicyError(msg)


class Tuples:
    """A mergeable summary of record batches that holds no row; any cut and any order give the same table.

    Parameters
    ----------
    policy : Policy
        Without what `check_countable` refuses.
    values : bool
        Whether sensitive values are counted.
    n_threads : int
    folder : Path, optional
        Where tuples are kept until they are merged; in memory unless given.
    """

    def __init__(self, policy: Policy, *, values: bool, n_threads: int, folder: Path | None = None) -> None:
        self._policy = policy
        self._n_threads = n_threads
        self._quasi, self._sensitive = list(policy.quasi_identifiers), list(policy.sensitive)
        self._encoders = {name: ColumnEncoder(name) for name in [*self._quasi, *self._sensitive]}
        # One list of runs, or one for each sensitive column, whose values then are the last column.
        self._counted: list[list[str]] = [[name] for name in self._sensitive] if values and self._sensitive else [[]]
        self._runs = [TupleRuns(folder) for _ in self._counted]
        self._waiting: dict[str, list[Codes]] = {name: [] for name in self._encoders}
        self._n_waiting = 0
        self.n_rows = 0

    def observe(self, batch: pa.RecordBatch) -> None:
        """Add the rows of one batch.

        Raises
        ------
        ColumnError
            A column is missing, or its type cannot be observed.
        """
        check_columns(list(self._encoders), batch.schema.names)

        def encode(name: str) -> Codes:
            return self._encoders[name].observe(batch.column(name))

        for name, codes in zip(self._encoders, in_threads(encode, self._encoders, self._n_threads), strict=True):
            self._waiting[name].append(codes)
        self._n_waiting += batch.num_rows
        self.n_rows += batch.num_rows
        if self._n_waiting >= CHUNK_ROWS:
            self._group_waiting()

    def merge(self, other: "Tuples") -> None:
        """Add the rows that another summary of the same policy saw."""
        self._group_waiting()
        other._group_waiting()
        remap = {name: encoder.merge(other._encoders[name]) for name, encoder in self._encoders.items()}
        for runs, theirs, more in zip(self._runs, other._runs, self._counted, strict=True):
            runs.merge(theirs, [remap[name] for name in [*self._quasi, *more]])
        self.n_rows += other.n_rows

    def finish(self) -> Table:
        """Return the table, without rows; the summary is used up.

        Raises
        ------
        InputError
            No row was observed.
        ColumnError
            A quasi-identifier has no value at all.
        """
        if not self.n_rows:
            msg = "the table has no rows; there is nothing to protect or to release"
            raise InputError(msg)
        self._group_waiting()
        finished = {name: encoder.finish() for name, encoder in self._encoders.items()}
        domains = {name: domain for name, (domain, _) in finished.items()}
        final = {name: table for name, (_, table) in finished.items()}
        for name in self._quasi:
            if not len(domains[name].values):
                msg = f"quasi-identifier {name!r} is null in every row; drop it from the policy"
                raise ColumnError(msg)
        space = bind(self._policy, domains, {name: self._count(name, final[name]) for name in self._grown()})
        sensitive = number_values(self._policy.sensitive, domains)
        tables = [d.kernel_code[final[d.name]] for d in space.dimensions]
        sizes = [d.size for d in space.dimensions]
        grouped, columns = None, list[_Cells]()
        for more, runs in zip(self._counted, self._runs, strict=True):
            own = [column for column in sensitive if column.name in more]
            values = [(column.value - column.first)[final[column.name]] for column in own]
            packing, words, weight = runs.finish(
                [*tables, *values], [*sizes, *(column.size for column in own)], n_threads=self._n_threads
            )
            if not own:
                grouped = _grouped(packing, words, weight)
                continue
            grouped, found = _split(packing, words, weight, own[0], sizes)
            columns.append(found)
        assert grouped is not None
        return Table(
            policy=self._policy,
            space=space,
            grouped=grouped,
            sensitive=sensitive,
            cells=_joined_cells(columns, grouped.n_tuples),
            coded={name: (domains[name], np.empty(0, np.uint8)) for name in self._sensitive},
            sets={},
            carried={},
        )

    def _grown(self) -> list[str]:
        """Return the quasi-identifiers whose hierarchy is grown from counts of rows."""
        return [name for name, role in self._policy.quasi_identifiers.items() if role.counts_rows]

    def _count(self, name: str, final: npt.NDArray[np.uint32]) -> Ints:
        """Return the rows of each final code of a quasi-identifier."""
        count = np.empty(len(final), np.int64)
        count[final] = self._runs[0].count(self._quasi.index(name), len(final))
        return count

    def _group_waiting(self) -> None:
        """Make runs of the rows that wait."""
        if not self._n_waiting:
            return
        columns = {name: _joined(parts) for name, parts in self._waiting.items()}
        for parts in self._waiting.values():
            parts.clear()
        self._n_waiting = 0
        for more, runs in zip(self._counted, self._runs, strict=True):
            names = [*self._quasi, *more]
            sizes = [self._encoders[name].n_codes for name in names]
            found = group([columns[name] for name in names], sizes, n_threads=self._n_threads, row_ids=False)
            codes = [found.codes(j).astype(narrowest(size)) for j, size in enumerate(sizes)]
            runs.add(codes, found.weight)


_Cells = tuple[Ints, Ints, Ints]
"""Cells of each tuple, and value and rows of each cell."""


def _joined(parts: list[Codes]) -> Codes:
    """Return codes of several batches in the widest dtype of them."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _grouped(packing: Packing, words: npt.NDArray[np.uint64], weight: Ints) -> Grouped:
    """Return tuples as a grouping without rows."""
    return Grouped(words, weight, None, packing.word, packing.shift, packing.mask)


def _split(
    packing: Packing, words: npt.NDArray[np.uint64], weight: Ints, column: SensitiveColumn, sizes: list[int]
) -> tuple[Grouped, _Cells]:
    """Part tuples with a value into tuples and the values of each."""
    all_of = _grouped(packing, words, weight)
    value = all_of.codes(len(sizes)).astype(np.int64) + column.first
    bare = pack_sizes(sizes)
    only = np.zeros((bare.n_words, len(weight)), np.uint64)
    for j in range(len(sizes)):
        only[bare.word[j]] |= all_of.codes(j).astype(np.uint64) << np.uint64(bare.shift[j])
    first = np.ones(len(weight), np.bool_)
    first[1:] = (only[:, 1:] != only[:, :-1]).any(axis=0)
    start = np.flatnonzero(first)
    n_cells = np.diff(np.append(start, len(weight)))
    rows = np.add.reduceat(weight, start)
    return _grouped(bare, np.ascontiguousarray(only[:, start]), rows), (n_cells, value, weight)


def _joined_cells(columns: list[_Cells], n_tuples: int) -> Cells:
    """Return the cells of all sensitive columns, tuple by tuple."""
    if not columns:
        return no_cells(n_tuples)
    start = np.concatenate([[0], np.cumsum(sum(n_cells for n_cells, _, _ in columns))]).astype(np.int64)
    if len(columns) == 1:
        return freeze(Cells(start, columns[0][1], columns[0][2]))
    value, count = np.empty(int(start[-1]), np.int64), np.empty(int(start[-1]), np.int64)
    begin = start[:-1].copy()
    for n_cells, values, counts in columns:
        before = np.cumsum(n_cells) - n_cells
        place = np.repeat(begin - before, n_cells) + np.arange(len(values))
        value[place], count[place] = values, counts
        begin += n_cells
    return freeze(Cells(start, value, count))


__all__ = ["CHUNK_ROWS", "Tuples", "check_countable", "counts_values"]

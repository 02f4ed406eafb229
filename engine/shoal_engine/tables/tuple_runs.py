"""Distinct tuples of more rows than memory holds: sorted runs, merged by ranges of their words.

A run holds the tuples of some rows in provisional codes, narrow as they come. When every code is known, each run is
packed and sorted once, and all runs are merged range by range, so that beside the result memory holds a few ranges
(Knuth 1998, The Art of Computer Programming 3, section 5.4: sorting by replacement and merging). With a folder, runs
are files in between. What comes out does not depend on how rows were cut into runs.
"""

import secrets
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shoal_engine.tables.grouping import Codes, Packing, group, pack_sizes
from shoal_engine.threads import in_threads
from shoal_kernels.tables.merging import merge_tuples

Words = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]

RANGE_TUPLES = 1 << 20
"""Tuples of all runs together that are merged at a time."""
_SAMPLES = 1 << 10
"""Words of each run from which ranges are chosen."""


class TupleRuns:
    """A mergeable list of runs over the same columns.

    Parameters
    ----------
    folder : Path, optional
        Where runs are kept; in memory unless given.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._runs: list[_Held] = []

    @property
    def n_tuples(self) -> int:
        """Tuples of all runs; those of several runs count several times."""
        return sum(run.n_tuples for run in self._runs)

    def add(self, codes: Sequence[Codes], weight: npt.NDArray[np.integer]) -> None:
        """Add a run.

        Parameters
        ----------
        codes : d arrays, (n,) uint8, uint16 or uint32
            Of distinct tuples, in any order.
        weight : (n,) integers
            Rows of each, fewer than 2**32.
        """
        self._runs.append(_Held([*codes, weight.astype(np.uint32)], self._folder))

    def merge(self, other: "TupleRuns", remaps: Sequence[npt.NDArray[np.uint32]]) -> None:
        """Add the runs of another list; ``remaps[j]`` has our code of each of its codes in column j."""
        for run in other._runs:
            *codes, weight = run.arrays()
            self.add([table[column] for table, column in zip(remaps, codes, strict=True)], weight)

    def count(self, column: int, size: int) -> Ints:
        """Return how many rows hold each provisional code below `size` in a column, (size,) int64."""
        total = np.zeros(size, np.int64)
        for run in self._runs:
            arrays = run.arrays()
            total += np.bincount(arrays[column], weights=arrays[-1], minlength=size).astype(np.int64)
        return total

    def finish(
        self, tables: Sequence[npt.NDArray[np.integer]], sizes: Sequence[int], *, n_threads: int
    ) -> tuple[Packing, Words, Ints]:
        """Return all distinct tuples, ascending, and their rows; the runs are used up.

        Parameters
        ----------
        tables : d arrays of integers
            Final code of each provisional one, by column.
        sizes : d numbers of final codes
        n_threads : int

        Returns
        -------
        packing : Packing
        words : (n_words, n) uint64
        weight : (n,) int64
        """
        packing = pack_sizes(sizes)
        for place, run in enumerate(self._runs):
            *codes, weight = run.arrays()
            final = [table.astype(np.uint32)[column] for table, column in zip(tables, codes, strict=True)]
            grouped = group(final, sizes, n_threads=n_threads)
            del final, codes
            assert grouped.tuple_of_row is not None
            # Each tuple of a run is there once, so its place is a permutation.
            ordered = np.empty(grouped.n_tuples, np.uint32)
            ordered[grouped.tuple_of_row] = weight
            run.drop()
            self._runs[place] = _Held([*grouped.words, ordered], self._folder)
        words, weight = _merged_by_ranges(self._runs, packing.n_words, n_threads)
        for run in self._runs:
            run.drop()
        self._runs = []
        return packing, words, weight


class _Held:
    """Arrays of one length, in memory or in a file of their own."""

    def __init__(self, arrays: Sequence[npt.NDArray[np.unsignedinteger]], folder: Path | None) -> None:
        self.n_tuples = len(arrays[-1])
        self._arrays: list[npt.NDArray[np.unsignedinteger]] | None = None
        self._path: Path | None = None
        if folder is None:
            self._arrays = [np.ascontiguousarray(array) for array in arrays]
            return
        self._path = folder / f"run-{secrets.token_hex(8)}.arrow"
        batch = pa.record_batch([pa.array(array) for array in arrays], names=[str(j) for j in range(len(arrays))])
        with pa.OSFile(str(self._path), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
            writer.write_batch(batch)

    def arrays(self) -> list[npt.NDArray[np.unsignedinteger]]:
        """Return the arrays; those of a file are mapped, not read."""
        if self._path is None:
            assert self._arrays is not None
            return self._arrays
        with pa.memory_map(str(self._path)) as source:
            batch = pa.ipc.open_file(source).get_batch(0)
        return [column.to_numpy() for column in batch.columns]

    def drop(self) -> None:
        """Let go of the arrays, and remove the file."""
        self._arrays = None
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def _merged_by_ranges(runs: Sequence[_Held], n_words: int, n_threads: int) -> tuple[Words, Ints]:
    """Merge sorted runs, a range of first words at a time."""
    held = [run.arrays() for run in runs if run.n_tuples]
    if not held:
        return np.empty((n_words, 0), np.uint64), np.empty(0, np.int64)
    cuts = _cuts([arrays[0] for arrays in held])
    bounds = [np.concatenate([[0], np.searchsorted(arrays[0], cuts), [len(arrays[0])]]) for arrays in held]

    def merge(place: int) -> tuple[Words, Ints]:
        parts = [
            (np.stack([array[low:high] for array in arrays[:-1]]), arrays[-1][low:high].astype(np.int64))
            for arrays, bound in zip(held, bounds, strict=True)
            if (low := int(bound[place])) < (high := int(bound[place + 1]))
        ]
        while len(parts) > 1:
            pairs = [parts[i : i + 2] for i in range(0, len(parts), 2)]
            parts = [_merged(*pair) if len(pair) == 2 else pair[0] for pair in pairs]
        return parts[0] if parts else (np.empty((n_words, 0), np.uint64), np.empty(0, np.int64))

    pieces = in_threads(merge, range(len(cuts) + 1), n_threads)
    n = sum(len(weight) for _, weight in pieces)
    words, weight = np.empty((n_words, n), np.uint64), np.empty(n, np.int64)
    at = 0
    for place, (part, rows) in enumerate(pieces):
        words[:, at : at + len(rows)], weight[at : at + len(rows)] = part, rows
        at += len(rows)
        pieces[place] = (words[:, :0], weight[:0])
    return words, weight


def _cuts(first_words: Sequence[Words]) -> Words:
    """Return words that cut all runs together into ranges of about `RANGE_TUPLES`."""
    n = sum(len(words) for words in first_words)
    samples = np.sort(np.concatenate([words[:: max(1, len(words) // _SAMPLES)] for words in first_words]))
    n_ranges = min(-(-n // RANGE_TUPLES), len(samples))
    return np.unique(samples[[len(samples) * r // n_ranges for r in range(1, n_ranges)]])


def _merged(left: tuple[Words, Ints], right: tuple[Words, Ints]) -> tuple[Words, Ints]:
    """Merge two sorted lists of tuples."""
    n, m = len(left[1]), len(right[1])
    words, weight = np.empty((len(left[0]), n + m), np.uint64), np.empty(n + m, np.int64)
    end = np.zeros(1, np.int64)
    merge_tuples(*left, *right, words, weight, np.empty(n, np.uint32), np.empty(m, np.uint32), end)
    kept = int(end[0])
    return np.ascontiguousarray(words[:, :kept]), weight[:kept]


__all__ = ["RANGE_TUPLES", "TupleRuns"]

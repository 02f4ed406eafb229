"""Small tables in the kernels' layout, and the same tables as plain lists."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from naive import sensitive
from shoal_kernels._jit import freeze
from shoal_kernels.criteria.privacy_models import (
    ALPHA,
    BETA,
    BETA_ENHANCED,
    CLOSE_EQUAL,
    CLOSE_ORDERED,
    DELTA,
    DELTA_STRICT,
    DISTINCT,
    ENTROPY,
    GRASSBERGER,
    RECURSIVE,
    Cells,
    Models,
)
from shoal_kernels.tables.dimensions import ORDERED, SET, TREE, Dimensions

Model = tuple[int, int, float]


def _integers(values: Sequence[int]) -> npt.NDArray[np.int64]:
    return np.array(values, np.int64)


@dataclass
class Table:
    """Distinct sorted tuples with their rows and the sensitive values of those rows."""

    kinds: list[int]
    sizes: list[int]
    bits: list[int]
    codes: list[tuple[int, ...]]
    values: list[list[int]]
    n_values: int

    @property
    def weight(self) -> list[int]:
        return [len(values) for values in self.values]

    def width(self, j: int, low: int, high: int) -> float:
        """ORDERED: ranks at equal distances on 0..1, rounded as positions are; TREE: binary; SET: steps."""
        size = self.sizes[j]
        if low == high:
            return 0.0
        if self.kinds[j] == ORDERED:
            return high / (size - 1) - low / (size - 1)
        if self.kinds[j] == SET:
            return (high - low) / (size - 1)
        level = 1
        while low >> level != high >> level:
            level += 1
        leaves = [v for v in range(size) if v >> level == low >> level]
        return len(leaves) / size

    def dimensions(self, word_bits: int = 64) -> Dimensions:
        """Pack dimensions from the top of each word, opening a new word when one is full."""
        word, shift, at, used = [], [], 0, 0
        for bits in self.bits:
            if used + bits > word_bits:
                at, used = at + 1, 0
            used += bits
            word.append(at)
            shift.append(64 - used)
        position, start, depth, tree_start, ancestor, share = [], [], [], [], [], []
        for kind, size in zip(self.kinds, self.sizes, strict=True):
            start.append(len(position))
            position += (
                [v / max(1, size - 1) for v in range(size)] if kind == ORDERED else [float(v) for v in range(size)]
            )
            tree_start.append(len(ancestor))
            levels = max(1, (size - 1).bit_length() + 1) if kind == TREE else 0
            depth.append(levels)
            for level in range(levels):
                nodes = [v >> level for v in range(size)]
                ancestor += [len(share) + node for node in nodes]
                leaves = [nodes.count(node) for node in sorted(set(nodes))]
                share += [0.0 if count == 1 else count / size for count in leaves]
        d = len(self.sizes)
        words = [(s + 63) // 64 * (k == SET) for k, s in zip(self.kinds, self.sizes, strict=True)]
        return freeze(
            Dimensions(
                kind=_integers(self.kinds),
                size=_integers(self.sizes),
                word=_integers(word),
                shift=_integers(shift),
                mask=np.array([2**bits - 1 for bits in self.bits], np.uint64),
                start=_integers(start),
                position=np.array(position, np.float64),
                depth=_integers(depth),
                tree_start=_integers(tree_start),
                ancestor=_integers(ancestor),
                share=np.array(share, np.float64),
                bit_start=_integers([sum(words[:j]) for j in range(d)]),
                bit_words=_integers(words),
                weight=np.full(d, 1 / d),
            )
        )

    def words(self, dims: Dimensions) -> npt.NDArray[np.uint64]:
        words = np.zeros((int(dims.word.max()) + 1, len(self.codes)), np.uint64)
        for i, codes in enumerate(self.codes):
            for j, code in enumerate(codes):
                words[dims.word[j], i] |= np.uint64(code << int(dims.shift[j]))
        return words

    def cells(self) -> Cells:
        start, value, count = [0], [], []
        for values in self.values:
            for v in sorted(set(values)):
                value.append(v)
                count.append(values.count(v))
            start.append(len(value))
        return freeze(Cells(_integers(start), _integers(value), _integers(count)))

    def counts(self, tuples: Sequence[int]) -> list[int]:
        return sensitive.histogram([v for i in tuples for v in self.values[i]], self.n_values)

    def models(self, k: int, models: Sequence[Model]) -> Models:
        """One sensitive column; each model is (kind, count, limit)."""
        m, n = len(models), sum(self.weight)
        zeros = np.zeros(m, np.int64)
        whole = self.counts(range(len(self.codes)))
        return freeze(
            Models(
                k=_integers([k]),
                kind=_integers([kind for kind, _, _ in models]),
                first=zeros,
                last=np.full(m, self.n_values, np.int64),
                count=_integers([count for _, count, _ in models]),
                limit=np.array([limit for _, _, limit in models], np.float64),
                reference=np.array([c / n for c in whole], np.float64),
                depth=zeros,
                tree_start=zeros,
                ancestor=np.zeros(0, np.int64),
            )
        )

    def holds(self, tuples: Sequence[int], k: int, models: Sequence[Model]) -> bool:
        """Judge a class by exact arithmetic."""
        counts, n = self.counts(tuples), sum(self.weight)
        whole = self.counts(range(len(self.codes)))
        reference = [Fraction(c, n) for c in whole]
        if sum(counts) < k:
            return False
        verdicts = {
            DISTINCT: lambda l, _: sum(c > 0 for c in counts) >= l,
            ENTROPY: lambda _, l: sensitive.entropy_reaches(counts, Fraction(l)),
            RECURSIVE: lambda l, c: sensitive.recursive_holds(counts, Fraction(c), l),
            CLOSE_EQUAL: lambda _, t: sensitive.distance_equal(counts, reference) <= Fraction(t),
            CLOSE_ORDERED: lambda _, t: sensitive.distance_ordered(counts, reference) <= Fraction(t),
            GRASSBERGER: lambda _, l: sensitive.grassberger_values(counts) >= l,
            DELTA: lambda _, d: sensitive.delta(counts, reference, strict=False) < d,
            DELTA_STRICT: lambda _, d: sensitive.delta(counts, reference, strict=True) < d,
            BETA: lambda _, b: sensitive.beta(counts, reference) <= Fraction(b),
            BETA_ENHANCED: lambda _, b: sensitive.beta_enhanced(counts, reference) <= b,
            ALPHA: lambda _, a: sensitive.alpha(counts) <= Fraction(a),
        }
        return all(verdicts[kind](count, limit) for kind, count, limit in models)


@st.composite
def tables(draw: st.DrawFn, max_rows: int = 40, n_values: int = 5, max_d: int = 4) -> Table:
    """Draw a table of a few dimensions of any kind; the widest codes sit at the top of their domains."""
    d = draw(st.integers(1, max_d))
    kinds = draw(st.lists(st.sampled_from([ORDERED, TREE, SET]), min_size=d, max_size=d))
    sizes = draw(st.lists(st.sampled_from([1, 2, 3, 7, 8, 300]), min_size=d, max_size=d))
    codes = st.tuples(*(st.one_of(st.integers(0, s - 1), st.integers(max(0, s - 2), s - 1)) for s in sizes))
    rows = draw(st.lists(st.tuples(codes, st.integers(0, n_values - 1)), min_size=1, max_size=max_rows))
    found: dict[tuple[int, ...], list[int]] = {}
    for tuple_, value in rows:
        found.setdefault(tuple_, []).append(value)
    distinct = sorted(found)
    bits = [max(1, (s - 1).bit_length()) for s in sizes]
    return Table(kinds, sizes, bits, distinct, [found[t] for t in distinct], n_values)


models = st.lists(
    st.sampled_from(
        [
            (DISTINCT, 2, 0.0),
            (DISTINCT, 3, 0.0),
            (ENTROPY, 0, 2.0),
            (RECURSIVE, 2, 1.7),
            (CLOSE_EQUAL, 0, 0.3183),
            (CLOSE_ORDERED, 0, 0.2113),
            (GRASSBERGER, 0, 2.0),
            (DELTA, 0, 1.0001),
            (DELTA_STRICT, 0, 1.0001),
            (BETA, 0, 0.70001),
            (BETA_ENHANCED, 0, 0.70001),
            (ALPHA, 0, 0.61803),
        ]
    ),
    max_size=3,
)

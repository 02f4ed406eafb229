"""What the columns of a released table give away, whatever its classes hold: counted from its rows alone.

Whoever makes a release and whoever verifies it observes the same rows, so both state the same findings. All counts
here are functions of the released table: they reveal no more than the table does.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from shoal_engine.anonymity.criteria.assessment import released_columns, released_names
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.anonymity.policy.roles import QuasiIdentifier
from shoal_engine.anonymity.policy.table_models import LKC
from shoal_engine.finding import Finding, in_order
from shoal_engine.findings.narrowed_labels import Ranges, Sets, narrowing, ranges, read_labels
from shoal_engine.findings.some_rows import some_rows
from shoal_engine.findings.value_codes import ValueEncoder
from shoal_engine.tables.columns import narrowest, recode
from shoal_engine.tables.grouping import Codes, group
from shoal_engine.threads import in_threads
from shoal_engine.wording import columns_text, rows_text, share_text

NEARLY_UNIQUE = 0.5
"""From this share of unique rows on, a sensitive column finds most people by itself."""
SOME_UNIQUE = 0.05
"""From this share on that is worth a note."""
FEW_ROWS = 20
"""Below this many rows, most values of a sensitive column differ without finding anybody."""

_Classes: TypeAlias = tuple[Codes, int]
"""The class of each row, and how many classes there are."""


def examined_columns(policy: Policy, present: Sequence[str], *, released: bool = True) -> list[str]:
    """Return the columns that findings are made from; none where nothing is kept as it is.

    Parameters
    ----------
    policy : Policy
    present : sequence of str
        Columns of the table.
    released : bool
        The table is a release, and so has classes.
    """
    kept = [name for name in (*policy.sensitive, *policy.insensitive) if name in present]
    quasi = released_names(policy) if released else []
    return list(dict.fromkeys([*quasi, *kept])) if kept else []


class ReleasedTable:
    """Codes of the columns of a released table, observed batch by batch.

    Parameters
    ----------
    policy : Policy
    present : sequence of str
        Columns of the table; a column that the policy keeps may be gone.
    n_threads : int
    released : bool
        The table is a release; what it is made from has no classes yet.
    """

    def __init__(self, policy: Policy, present: Sequence[str], *, n_threads: int, released: bool = True) -> None:
        self._policy = policy
        self._quasi = released_names(policy) if released else []
        self._n_threads = n_threads
        names = examined_columns(policy, present, released=released)
        self._encoders = {name: ValueEncoder(name) for name in names}
        self._parts: dict[str, list[Codes]] = {name: [] for name in names}

    def observe(self, batch: pa.RecordBatch) -> None:
        """Add the rows of one batch.

        Raises
        ------
        ColumnError
            The values of a column cannot be compared.
        """

        def encode(name: str) -> Codes:
            return self._encoders[name].observe(batch.column(name))

        for name, codes in zip(self._encoders, in_threads(encode, self._encoders, self._n_threads), strict=True):
            self._parts[name].append(codes)

    def findings(self) -> tuple[Finding, ...]:
        """Return the findings, the worst first."""
        codes = {name: _ascending(parts, self._encoders[name]) for name, parts in self._parts.items()}
        n_rows = len(next(iter(codes.values()), ()))
        if not n_rows:
            return ()
        counts = _Counts(codes, {name: max(1, e.n_codes) for name, e in self._encoders.items()}, self._n_threads)
        classes = counts.numbered(self._quasi) if self._quasi else None
        found = [*self._kept(counts, classes), *self._sensitive(counts, classes)]
        return in_order([*found, *(self._narrowed(counts, classes) if classes else ())])

    def _kept(self, counts: "_Counts", classes: _Classes | None) -> Iterator[Finding]:
        """Yield what insensitive columns single out, alone and with the quasi-identifiers."""
        kept = [name for name in self._policy.insensitive if name in self._encoders]
        if not kept:
            return
        yield from self._singled_out("kept-unique", counts, kept, counts.unique)
        if classes is not None:
            yield from self._singled_out(
                "kept-unique-with-quasi-identifiers", counts, kept, lambda names: counts.unique(names, classes)
            )

    def _singled_out(
        self, code: str, counts: "_Counts", kept: Sequence[str], unique: Callable[[Sequence[str]], int]
    ) -> Iterator[Finding]:
        """Yield the finding of rows that kept columns make unique, if there are any."""
        rows = unique(kept)
        if not rows:
            return
        alone = {name: unique([name]) if len(kept) > 1 else rows for name in kept}
        columns = sorted(kept, key=lambda name: (-alone[name], -counts.size[name]))
        many = f"the {len(kept)} columns kept as they are" if len(kept) > 1 else f"the kept column {kept[0]}"
        where = many if code == "kept-unique" else f"{many} together with the quasi-identifiers"
        worst = f"; on {columns[0]} alone {share_text(alone[columns[0]] / counts.n_rows)}"
        if code != "kept-unique":
            worst = worst.replace(" alone", " and the quasi-identifiers")
        yield Finding(
            code=code,
            severity="high",
            share=rows / counts.n_rows,
            columns=tuple(columns),
            text=f"{rows_text(rows, counts.n_rows, self._policy.k)} are unique on {where}"
            + (worst if len(kept) > 1 and alone[columns[0]] else "")
            + ".",
            remedy=f"Whoever knows {columns_text(columns)} finds the person, whatever k is: make each a "
            "quasi-identifier, coarsen or drop it."
            if code == "kept-unique"
            else f"Whoever finds the class and knows {columns_text(columns)} finds the person: coarsen or drop it.",
        )

    def _sensitive(self, counts: "_Counts", classes: _Classes | None) -> Iterator[Finding]:
        """Yield what sensitive columns give away by their values, and within classes."""
        bound = any(isinstance(model, LKC) for model in self._policy.models)
        present = {name: role for name, role in self._policy.sensitive.items() if name in self._encoders}
        open_columns = [name for name, role in present.items() if not role.models and not bound]
        for name in present:
            rows = counts.unique([name])
            if rows >= SOME_UNIQUE * counts.n_rows:
                yield self._nearly_unique(name, rows, counts.n_rows)
        for name in open_columns if classes is not None else ():
            assert classes is not None
            rows = counts.in_single_valued_classes(name, classes)
            if rows:
                yield Finding(
                    code="one-sensitive-value",
                    severity="high",
                    share=rows / counts.n_rows,
                    columns=(name,),
                    text=f"{rows_text(rows, counts.n_rows, self._policy.k)} are in classes with a single value of "
                    f"{name}, for which no model is declared.",
                    remedy=f"Whoever finds the class learns {name}: bind it with a model, for example l = 2 in "
                    f"[sensitive.{name}].",
                )

    def _narrowed(self, counts: "_Counts", classes: _Classes) -> Iterator[Finding]:
        """Yield which columns that are released with their values narrow the labels of a quasi-identifier."""
        kept = [name for name in (*self._policy.insensitive, *self._policy.sensitive) if name in self._encoders]
        some = some_rows(*classes)
        for quasi, role in self._policy.quasi_identifiers.items():
            found = self._labels(quasi, role, counts)
            if found is None:
                continue
            codes, n_labels, reading = found
            for name in kept:
                encoder = self._encoders[name]
                part = some_rows(counts.codes[name], counts.size[name])
                part = some if part is None else part
                both = [counts.codes[name], codes] if part is None else [counts.codes[name][part], codes[part]]
                pairs = group(both, [counts.size[name], n_labels], n_threads=self._n_threads, row_ids=False)
                agreement = narrowing(
                    pairs.codes(0).astype(np.int64),
                    pairs.codes(1).astype(np.int64),
                    pairs.weight,
                    reading,
                    is_ordered=encoder.is_ordered,
                )
                if agreement is not None:
                    yield narrows(name, quasi, agreement.share, is_sensitive=name in self._policy.sensitive)

    def _labels(self, name: str, role: QuasiIdentifier, counts: "_Counts") -> tuple[Codes, int, Ranges | Sets] | None:
        """Return the labels of a quasi-identifier by ascending code, and what they allow; None if unknown."""
        if role.output in ("center", "mean"):
            return None
        if not all(self._encoders[column].is_plain for column in released_columns(name, role)):
            return None  # No release of ours has such labels.
        if role.output in ("label", "bands"):
            return counts.codes[name], counts.size[name], read_labels(self._encoders[name].values(), role)
        lower, upper = released_columns(name, role)
        pairs = group(
            [counts.codes[lower], counts.codes[upper]],
            [counts.size[lower], counts.size[upper]],
            n_threads=self._n_threads,
        )
        values = [self._encoders[column].values() for column in (lower, upper)]
        low, high = ([values[end][code] for code in pairs.codes(end)] for end in (0, 1))
        assert pairs.tuple_of_row is not None
        several = [least != most for least, most in zip(low, high, strict=True)]
        return pairs.tuple_of_row, pairs.n_tuples, ranges(low, high, several)

    def _nearly_unique(self, name: str, rows: int, n_rows: int) -> Finding:
        """Return the finding of a sensitive column whose values hardly repeat."""
        many = rows >= NEARLY_UNIQUE * n_rows and n_rows >= FEW_ROWS
        return Finding(
            code="sensitive-unique",
            severity="medium" if many else "note",
            share=rows / n_rows,
            columns=(name,),
            text=f"{rows_text(rows, n_rows, self._policy.k)} are unique on the sensitive column {name}.",
            remedy=f"Whoever knows the exact {name} of a person finds the row: round or coarsen it before the release.",
        )


def narrows(kept: str, quasi: str, share: float, *, is_sensitive: bool) -> Finding:
    """Return the finding of a column that narrows the labels of a quasi-identifier."""
    how = "is released with its values" if is_sensitive else "is kept as it is"
    return Finding(
        code="kept-determines-quasi-identifier",
        severity="high",
        share=share,
        columns=(kept, quasi),
        text=f"{kept} {how} and narrows the labels of the quasi-identifier {quasi}: in {share_text(share)} of the rows "
        f"compared, rows alike in {kept} have labels that one value fits.",
        remedy=f"Whoever reads {kept} undoes the generalization of {quasi}: drop {kept}, or make it a "
        "quasi-identifier.",
    )


class _Counts:
    """Rows of a table, counted by the codes of its columns."""

    def __init__(self, codes: dict[str, Codes], size: dict[str, int], n_threads: int) -> None:
        self.codes = codes
        self.size = size
        self.n_rows = len(next(iter(codes.values())))
        self._n_threads = n_threads

    def numbered(self, names: Sequence[str]) -> tuple[Codes, int]:
        """Return the number of the group that each row is in, and how many groups there are."""
        if len(names) == 1:
            return self.codes[names[0]], self.size[names[0]]
        found = group([self.codes[n] for n in names], [self.size[n] for n in names], n_threads=self._n_threads)
        assert found.tuple_of_row is not None
        return found.tuple_of_row, found.n_tuples

    def unique(self, names: Sequence[str], classes: _Classes | None = None) -> int:
        """Count the rows that no other row equals on some columns, within their class if there are classes."""
        columns = [(self.codes[name], self.size[name]) for name in names] + ([] if classes is None else [classes])
        if len(columns) == 1:
            return int((np.bincount(columns[0][0], minlength=1) == 1).sum())
        codes, sizes = zip(*columns, strict=True)
        weight = group(codes, sizes, n_threads=self._n_threads, row_ids=False).weight
        return int((weight == 1).sum())

    def in_single_valued_classes(self, name: str, classes: _Classes) -> int:
        """Count the rows of classes that hold one value of a column."""
        both = group([classes[0], self.codes[name]], [classes[1], self.size[name]], n_threads=self._n_threads)
        of_pair = both.codes(0)
        n_values = np.bincount(of_pair, minlength=classes[1])
        return int(both.weight[n_values[of_pair] == 1].sum())


def _ascending(parts: Sequence[Codes], encoder: ValueEncoder) -> Codes:
    """Return the codes of all batches, in the order of the values where they have one."""
    codes = np.concatenate(parts) if parts else np.empty(0, np.uint8)
    place = encoder.ascending()
    return codes if place is None else recode(codes, place.astype(narrowest(encoder.n_codes)))

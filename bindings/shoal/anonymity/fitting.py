"""Fit once, apply every day: a recoding that is saved, and the releases of tables that come later."""

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from shoal.anonymity.anonymize import Anonymized
from shoal.anonymity.covering import covering_classes
from shoal.anonymity.report import Made, report_of
from shoal.checks.findings import repeated_identifiers
from shoal.checks.origin import Origin, file_digest
from shoal.checks.undecided import refuse_undecided
from shoal.io.files import check_folder, check_output, separator_of
from shoal.io.frames import IntoFrame, as_frame
from shoal.io.lazy_frames import schema_of
from shoal.io.observing import observe
from shoal.io.reading_by_policy import read_by_policy, text_findings
from shoal.io.threads import threads
from shoal.io.writing import write, written_whole
from shoal_engine.anonymity.criteria.assessment import Report
from shoal_engine.anonymity.policy.methods import Method
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.anonymity.release.fitted_recoding import FittedRecoding
from shoal_engine.anonymity.table.table import rows_of_classes
from shoal_engine.errors import InputError, PolicyError, PolicyNotMet, VerificationFailed
from shoal_engine.wording import share_text

if TYPE_CHECKING:
    from shoal_engine.anonymity.fit import Fit
    from shoal_engine.anonymity.table.table import Table

Ints = npt.NDArray[np.int64]


class Recoding:
    """Classes that were fitted on one table, to be applied to others.

    It holds no row, but every distinct combination of quasi-identifiers of its table: keep it as you keep the table.

    Examples
    --------
    >>> import polars as pl, shoal
    >>> policy = shoal.Policy.of(k=2, quasi_identifiers=["age"])
    >>> recoding = shoal.fit(pl.DataFrame({"age": [21, 23, 24, 40, 45, 47]}), policy)
    >>> today = recoding.apply(pl.DataFrame({"age": [21, 22, 44, 46, 90]}), suppress=0.2)
    >>> sorted(today.frame["age"]), today.report.suppressed_rows
    (['[21, 24]', '[21, 24]', '[40, 47]', '[40, 47]'], 1)
    """

    def __init__(self, fitted: FittedRecoding) -> None:
        self._fitted = fitted

    @property
    def policy(self) -> Policy:
        """Return the policy that it was fitted for."""
        return self._fitted.policy

    @property
    def classes(self) -> int:
        """Return the number of classes."""
        return self._fitted.n_classes

    def __repr__(self) -> str:
        """Return a one-line summary."""
        one = self._fitted
        return f"Recoding(method={one.method!r}, k={one.policy.k}, classes={one.n_classes})"

    def save(self, path: str | Path) -> None:
        """Write the recoding to a file that only its owner can read.

        Raises
        ------
        OutputError
            The file cannot be written.
        """
        with written_whole(Path(path)) as draft:
            draft.touch(mode=0o600)
            self._fitted.save(draft)

    @classmethod
    def load(cls, path: str | Path) -> "Recoding":
        """Read a recoding; relative files of its policy are looked for beside it.

        Raises
        ------
        InputError
            The file is not a recoding, of a later version, or damaged.
        """
        return cls(FittedRecoding.load(Path(path)))

    def with_policy(self, policy: Policy) -> "Recoding":
        """Return the recoding with decisions on findings that another policy has; nothing else of it is taken."""
        kept = msgspec.structs.replace(self.policy, accept=policy.accept)
        return Recoding(replace(self._fitted, policy=kept))

    def apply(
        self, frame: IntoFrame, *, suppress: float, n_threads: int | None = None, by: str | None = None
    ) -> Anonymized:
        """Release another table with these classes.

        Each row gets the class of its tuple, or else the class of least loss whose labels cover it. Rows of no class,
        and of classes that hold fewer than k rows, or units, *of this table* are left out. What this release and
        earlier ones reveal together is not checked.

        Parameters
        ----------
        frame : frame, table or path
        suppress : float
            Largest share of rows that may be left out, 0 to 1.
        n_threads : int, optional
        by : str, optional
            As for `anonymize`.

        Raises
        ------
        ColumnError, InputError
            The table does not fit the policy, or has other types than the table of the fit.
        PolicyNotMet
            More rows would have to be left out, or a model other than k does not hold.
        """
        if not 0 <= suppress <= 1:
            msg = f"suppress is a share of rows from 0 to 1, not {suppress}"
            raise PolicyError(msg)
        started, origin, n_threads = time.perf_counter(), Origin.now(frame, by), threads(n_threads)
        table, lazy, notes = _observed(frame, self.policy, n_threads)
        from shoal_engine.anonymity.release.release import Release

        fitted = self._classes_of(table)
        left = fitted.classes.suppressed_rows / table.n_rows
        if left > suppress:
            msg = (
                f"{share_text(left)} of the rows are in no class with k = {self.policy.k} rows of this table, and "
                f"{share_text(suppress)} may be left out; allow more, apply to more rows at a time, or fit again"
            )
            raise PolicyNotMet(msg, nearest={"suppress": left})
        names = schema_of(lazy).names()
        release = Release(fitted.table, fitted.classes.recoding, fitted.class_of_tuple, fitted.items, names)
        made = Made(
            classes=fitted.classes,
            dropped=tuple(name for name in names if name not in self.policy.columns),
            findings=(*notes, *repeated_identifiers(lazy, self.policy)),
            units=release.units,
        )
        released = pl.concat([as_frame(batch) for batch in release.batches()])
        try:
            report = report_of(
                released.lazy(), made, population=None, method=self._fitted.method, started=started, n_threads=n_threads
            )
        except VerificationFailed as failed:
            msg = f"{failed}; this table has other values than the one of the fit: apply to more rows, or fit again"
            raise PolicyNotMet(msg) from None
        return Anonymized(released, report, self.policy, origin)

    def _classes_of(self, table: "Table") -> "Fit":
        """Return another table with these classes, those left out that hold too few of its rows or units."""
        from shoal_engine.anonymity.criteria.unit_criteria import UnitJudge
        from shoal_engine.anonymity.fit import Classes, Fit
        from shoal_engine.anonymity.methods.unit_classes import bind_units_and_people

        found = self._fitted.known_classes(table)
        unknown = np.flatnonzero(found < 0)
        found[unknown] = covering_classes(self._fitted, table, unknown)
        recoding = self._fitted.recoding
        # Classes that say the same are one to whoever reads the release.
        _, stated = recoding.stated()
        bound = bind_units_and_people(table)
        n = int(stated.max(initial=-1)) + 1
        same = np.where(found >= 0, np.append(stated, -1)[found], -1)
        held = (
            rows_of_classes(same, table.grouped.weight, n) if table.units is None else UnitJudge(bound).units(same, n)
        )
        kept = (same >= 0) & (np.append(held, 0)[same] >= self.policy.k)
        classes, number = np.unique(found[kept], return_inverse=True)
        found = np.full(found.size, -1, np.int64)
        found[kept] = number
        columns = tuple(replace(column, index_of_class=column.index_of_class[classes]) for column in recoding.columns)
        rows = rows_of_classes(found, table.grouped.weight, classes.size)
        made = Classes(
            policy=self.policy,
            dimensions=table.space.dimensions,
            recoding=replace(recoding, columns=columns, loss_of_class=recoding.loss_of_class[:, classes]),
            class_rows=rows,
            # Rows of a class that says what another says are counted with it when the release is read back.
            class_units=np.minimum(rows, self.policy.k) if table.units is not None else rows,
            suppressed_rows=table.n_rows - int(rows.sum()),
            notes=table.notes,
        )
        return Fit(bound, found, made)


def apply_file(
    recoding: Recoding,
    frame: IntoFrame,
    output: str | Path,
    *,
    suppress: float,
    certificate: str | Path | None = None,
    n_threads: int | None = None,
    by: str | None = None,
) -> Report:
    """Release another table into a file, which gets its name only when complete and verified.

    Parameters
    ----------
    recoding : Recoding
    frame : frame, table or path
    output : path
        As for `anonymize_file`.
    suppress, n_threads, by
        As for `Recoding.apply`.
    certificate : path, optional
        Path for the certificate of the release, as JSON.

    Raises
    ------
    OutputError
        The output cannot be written, or is part of the input.
    ColumnError, InputError, PolicyNotMet
        As for `Recoding.apply`; nothing is left behind.
    """
    from shoal.checks import certificate as certificates

    output = Path(output)
    inputs = [frame] if isinstance(frame, (str, Path)) else []
    kind = check_output(output, inputs)
    if certificate is not None:
        check_folder(Path(certificate), [*inputs, output])
    made = recoding.apply(frame, suppress=suppress, n_threads=n_threads, by=by)
    with written_whole(output) as draft:
        rows = made.frame.to_arrow(compat_level=pl.CompatLevel.oldest())
        write(iter(rows.to_batches()), rows.schema, draft, kind, separator=separator_of(output))
        if certificate is not None:
            digest = file_digest(draft)
            document = certificates.certificate(
                recoding.policy, made.report, output_digest=digest, origin=made.origin, output=output.name
            )
            with written_whole(Path(certificate)) as paper:
                certificates.write(document, paper)
    return made.report


def fit(frame: IntoFrame, policy: Policy, *, method: Method = "tight", n_threads: int | None = None) -> Recoding:
    """Find the classes of a table, and keep them for tables that come later.

    Parameters
    ----------
    frame : frame, table or path
    policy : Policy
        Without set-valued columns, transformations and models that need a population.
    method : str
        "tight", "mondrian" or "full-domain"; see `anonymize`.
    n_threads : int, optional

    Raises
    ------
    ColumnError, HierarchyError, InputError, UndecidedColumns
        As for `anonymize`.
    PolicyError
        The policy needs more than tuples and their classes.
    PolicyNotMet
        No release of this table can meet the policy.
    """
    from shoal_engine.anonymity.fit import fit as fit_table
    from shoal_engine.anonymity.table.tuples import check_countable

    n_threads = threads(n_threads)
    _check_appliable(policy, method, check_countable)
    table, _, _ = _observed(frame, policy, n_threads)
    fitted = fit_table(table, method=method, n_threads=n_threads)
    return Recoding(FittedRecoding.of(fitted.table, fitted.classes.recoding, fitted.class_of_tuple, method))


def _check_appliable(policy: Policy, method: str, check: Any) -> None:
    """Check that classes of a policy can be applied to other tables."""
    check(msgspec.structs.replace(policy, unit="", identifiers={}), method)
    means = [name for name, role in policy.quasi_identifiers.items() if role.output in ("center", "mean")]
    if means:
        msg = f"{means[0]!r} is released as a {policy.quasi_identifiers[means[0]].output}, which covers no other values"
        raise PolicyError(msg + "; use output = 'label' or 'bounds'")


def _observed(frame: IntoFrame, policy: Policy, n_threads: int) -> "tuple[Table, pl.LazyFrame, list[Any]]":
    """Return a table as observed for a policy, its frame, and notes on columns that were read as text."""
    reading = read_by_policy(frame, policy)
    refuse_undecided(reading.frame, policy)
    observation = observe(reading.frame, policy, carry=True, n_threads=n_threads)
    if not observation.n_rows:
        msg = "the table has no rows"
        raise InputError(msg)
    return observation.finish(), reading.frame, text_findings(reading.remarks, policy)

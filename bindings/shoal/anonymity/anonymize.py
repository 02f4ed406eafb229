"""`anonymize`: observe a table, form classes, generalize, and verify the release before returning it."""

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from shoal.anonymity.report import Made, report_of
from shoal.checks.certificate import reproducible
from shoal.checks.findings import repeated_identifiers
from shoal.checks.origin import Origin
from shoal.checks.population import observe_people, population_of
from shoal.checks.undecided import refuse_undecided
from shoal.io.frames import IntoFrame, as_frame
from shoal.io.lazy_frames import schema_of
from shoal.io.observing import OnProgress, observe, quietly
from shoal.io.reading_by_policy import read_by_policy, text_findings
from shoal.io.threads import threads
from shoal_engine.anonymity.criteria.assessment import Report, UtilityFigure
from shoal_engine.anonymity.policy.methods import Method
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.finding import Finding, open_findings

if TYPE_CHECKING:
    from shoal_engine.anonymity.release.release import Release


@dataclass(frozen=True, slots=True)
class Anonymized:
    """A verified release.

    Attributes
    ----------
    frame : pl.DataFrame
        The released rows; also exported through the Arrow PyCapsule interface.
    report : Report
        Measured values, information loss and findings of the release.
    policy : Policy
    origin : Origin
        Date, input, and who ran it.
    """

    frame: pl.DataFrame = field(repr=False)
    report: Report
    policy: Policy = field(repr=False)
    origin: Origin = field(default=Origin(""), repr=False)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Export the released rows as a stream of record batches."""
        return self.frame.__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        """Return a one-line summary."""
        r = self.report
        return (
            f"Anonymized(rows={r.rows}, k={r.k}, equivalence_classes={r.equivalence_classes}, "
            f"ncp={r.loss.ncp:.4f}, suppressed_rows={r.suppressed_rows}, findings={len(r.findings)})"
        )

    def _repr_html_(self) -> str:
        """Return risk before and after and the findings as HTML; `frame` has the rows."""
        from shoal.anonymity.changes import release_html

        return release_html(self.policy, self.report)

    @property
    def utility(self) -> pl.DataFrame:
        """Return the measures of utility: measure, column (null for all columns together) and value.

        Empty unless the release was made with ``anonymize(..., utility=True)``.
        """
        schema = {"measure": pl.String, "column": pl.String, "value": pl.Float64}
        rows = [(figure.measure, figure.column, figure.value) for figure in self.report.utility]
        return pl.DataFrame(rows, schema=schema, orient="row")

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Return the remaining risks of the release, worst first; accepted findings have their reason."""
        return self.report.findings

    @property
    def open_findings(self) -> tuple[Finding, ...]:
        """Return the findings that await a decision: neither notes nor accepted by the policy."""
        return open_findings(self.findings)

    def certificate(self) -> dict[str, Any]:
        """Return the certificate of this release: policy, versions, digests and figures."""
        from shoal.checks.certificate import certificate, frame_digest

        return certificate(self.policy, self.report, output_digest=frame_digest(self.frame), origin=self.origin)


def anonymize(
    frame: IntoFrame,
    policy: Policy,
    *,
    method: Method = "tight",
    population: IntoFrame | None = None,
    utility: bool = False,
    n_threads: int | None = None,
    on_progress: OnProgress | None = None,
    by: str | None = None,
) -> Anonymized:
    """Anonymize a table, and verify the release from its own rows.

    Remaining risks are reported as findings; they never raise an error.

    Parameters
    ----------
    frame : frame, table or path
        Polars, anything with the Arrow PyCapsule interface, or a path to Parquet, CSV or IPC files.
    policy : Policy
        The role of each column and the models that the release must meet. Columns that it does not name are dropped.
    method : str
        "tight", "mondrian", "mondrian-relaxed" or "full-domain".
        Lowest loss in near-linear time (tight); or the cuts of LeFevre et al. 2006, strict
        (equal values stay together) or relaxed; or full-domain generalization.
    population : frame, table or path, optional
        Table of the population, instead of the file that the policy names.
    utility : bool
        Whether to measure utility; see `Anonymized.utility`.
    n_threads : int, optional
        Number of threads; results do not depend on it. Default: all cores that this process may use.
    on_progress : callable, optional
        Called with the name of each step as it begins.
    by : str, optional
        Name of whoever runs it, for the certificate; ``"@account"`` for the name of the operating system's account.
        Never taken unasked.

    Returns
    -------
    Anonymized

    Raises
    ------
    ColumnError, HierarchyError, InputError
        The table does not fit the policy, or its population.
    PolicyError
        The method does not support the policy, or a model needs a population and none is given.
    UndecidedColumns
        The policy has undecided columns; the error has statistics of each.
    PolicyNotMet
        No release of this table can meet the policy; the error has the nearest policy that can be met.
    VerificationFailed
        The recounted release does not meet the policy; nothing is returned.

    References
    ----------
    Sweeney (2002), k-anonymity: a model for protecting privacy. LeFevre, DeWitt, Ramakrishnan (2006),
    Mondrian multidimensional k-anonymity.

    Examples
    --------
    >>> import polars as pl, shoal
    >>> people = pl.DataFrame({"age": [21, 22, 23, 44, 45, 46], "job": ["a", "b", "a", "c", "c", "b"]})
    >>> policy = shoal.Policy.of(k=3, quasi_identifiers=["age"], insensitive=["job"])
    >>> sorted(set(shoal.anonymize(people, policy).frame["age"]))
    ['[21, 23]', '[44, 46]']
    """
    started = time.perf_counter()
    on_step, origin = on_progress or quietly, Origin.now(frame, by)
    people = population_of(policy, population)
    with reproducible(policy, method, n_threads) as known:
        release, made = prepare(frame, policy, method, n_threads, on_step, population=people, utility=utility)
        known.append(made.classes)
        on_step("writing")
        released = pl.concat([as_frame(batch) for batch in release.batches()])
        del release  # and with it the table, before the recount takes memory of its own
        on_step("verifying")
        rows = released.lazy()
        report = report_of(rows, made, population=people, method=method, started=started, n_threads=n_threads)
    return Anonymized(released, report, policy, origin)


def prepare(
    frame: IntoFrame,
    policy: Policy,
    method: Method,
    n_threads: int | None,
    on_step: OnProgress,
    *,
    population: pl.LazyFrame | None,
    utility: bool,
) -> "tuple[Release, Made]":
    """Observe, fit and recode a table; return the release and the facts for its report."""
    from shoal_engine.anonymity.criteria.assess import table_before
    from shoal_engine.anonymity.fit import fit
    from shoal_engine.anonymity.linked_rows import check_linked_rows
    from shoal_engine.anonymity.release.recoding import check_representatives
    from shoal_engine.anonymity.release.release import Release
    from shoal_engine.findings.kept_columns import determined_quasi_identifiers

    n_threads = threads(n_threads)
    on_step("reading")
    reading = read_by_policy(frame, policy)
    lazy = reading.frame
    names = schema_of(lazy).names()
    refuse_undecided(lazy, policy)
    # Relaxed cuts may separate equal rows, so the result depends on the order of rows.
    in_order = method == "mondrian-relaxed"
    observation = observe(lazy, policy, carry=True, n_threads=n_threads, in_order=in_order)
    people = observe_people(policy, population, n_threads=n_threads)
    on_step("grouping")
    table = observation.finish(people)
    before, held = table_before(table, columns=len(names))
    on_step("partitioning")
    fitted = fit(table, method=method, n_threads=n_threads)
    check_representatives(fitted.table, fitted.classes.recoding, fitted.class_of_tuple)
    check_linked_rows(fitted)
    release = Release(fitted.table, fitted.classes.recoding, fitted.class_of_tuple, fitted.items, names)
    dropped = tuple(name for name in names if name not in policy.columns)
    findings = (
        *text_findings(reading.remarks, policy),
        *repeated_identifiers(lazy, policy),
        *determined_quasi_identifiers(fitted, n_threads=n_threads),
    )
    made = Made(
        classes=fitted.classes, dropped=dropped, findings=findings, units=release.units, before=before, held=held
    )
    if not utility:
        return release, made
    from shoal_engine.utility.information_loss import released_utility

    figures = (UtilityFigure(measure=m, column=c, value=float(v)) for m, c, v in released_utility(fitted))
    return release, replace(made, utility=tuple(figures))

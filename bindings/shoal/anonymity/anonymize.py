"""`anonymize`: observe a table, find classes, release, and recount the release before anyone sees it."""

import time
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from shoal.anonymity.report import Made, report_of
from shoal.checks.population import observe_people, population_of
from shoal.checks.repeated_identifiers import repeated_identifiers
from shoal.checks.reproduction import reproducible
from shoal.checks.undecided import refuse_undecided
from shoal.io.frames import IntoFrame
from shoal.io.lazy_frames import schema_of
from shoal.io.observing import OnProgress, observe, quietly
from shoal.io.reading_by_policy import read_by_policy, text_findings
from shoal.io.released_frames import as_frame
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
        The released rows; also handed out through the Arrow PyCapsule interface.
    report : Report
        What the release reaches and what it costs.
    policy : Policy
    """

    frame: pl.DataFrame = field(repr=False)
    report: Report
    policy: Policy = field(repr=False)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Export the released rows as a stream of record batches."""
        return self.frame.__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        """Return one line."""
        r = self.report
        return (
            f"Anonymized(rows={r.rows}, k={r.k}, equivalence_classes={r.equivalence_classes}, "
            f"ncp={r.loss.ncp:.4f}, suppressed_rows={r.suppressed_rows}, findings={len(r.findings)})"
        )

    def _repr_html_(self) -> str:
        """Return the findings, and some released rows."""
        r = self.report
        head = f"<p><b>{r.rows:,} rows, k = {r.k}</b>; {len(r.findings)} findings, {len(self.open_findings)} open</p>"
        lines = "".join(f"<li><code>{escape(f.code)}</code> {escape(f.text)}</li>" for f in r.findings)
        rows = self.frame._repr_html_()  # pyright: ignore[reportPrivateUsage]
        return f"{head}<ul>{lines}</ul>{rows}"

    @property
    def utility(self) -> pl.DataFrame:
        """Return every measure of utility: measure, column (null for all together) and value.

        Empty unless ``anonymize(..., utility=True)`` asked for it.
        """
        schema = {"measure": pl.String, "column": pl.String, "value": pl.Float64}
        rows = [(figure.measure, figure.column, figure.value) for figure in self.report.utility]
        return pl.DataFrame(rows, schema=schema, orient="row")

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Return what the release does not protect, the worst first; accepted findings hold their reason."""
        return self.report.findings

    @property
    def open_findings(self) -> tuple[Finding, ...]:
        """Return the findings that await a decision: neither notes nor accepted by the policy."""
        return open_findings(self.findings)

    def certificate(self) -> dict[str, Any]:
        """Return the certificate of this release: policy, versions, digests and figures."""
        from shoal.checks.certificate import certificate, frame_digest

        return certificate(self.policy, self.report, output_digest=frame_digest(self.frame))


def anonymize(
    frame: IntoFrame,
    policy: Policy,
    *,
    method: Method = "tight",
    population: IntoFrame | None = None,
    utility: bool = False,
    n_threads: int | None = None,
    on_progress: OnProgress | None = None,
) -> Anonymized:
    """Release a table in which nobody stands out, verified from its own rows.

    What the release does not protect stands in its findings; none of them raises.

    Parameters
    ----------
    frame : frame, table or path
        Polars, anything with the Arrow PyCapsule interface, or a path to Parquet, CSV or IPC files.
    policy : Policy
        The role of each column and what the release must hold. A column that it does not name is dropped.
    method : str
        One of `METHODS`: "tight", "mondrian", "mondrian-relaxed" or "full-domain".
        The least loss that is reached in near-linear time; or the cuts of LeFevre et al. 2006, strict
        (equal values stay together) or relaxed.
    population : frame, table or path, optional
        The people that models are counted in, in place of the file that the policy names.
    utility : bool
        Measure everything that the release keeps; see `Anonymized.utility`.
    n_threads : int, optional
        All cores that this process may use, unless given; the classes do not depend on it.
    on_progress : callable, optional
        Is told the name of each step as it begins.

    Returns
    -------
    Anonymized

    Raises
    ------
    ColumnError, HierarchyError, InputError
        The table does not fit the policy, or its population.
    PolicyError
        The method cannot hold the policy, or a model is counted in people and there is no table of them.
    UndecidedColumns
        Nobody has decided on a column of the policy; carries what is seen of each.
    PolicyNotMet
        No release of this table can meet the policy; carries the nearest that can.
    VerificationFailed
        The release, recounted, does not hold what was promised; nothing is returned.

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
    tell = on_progress or quietly
    people = population_of(policy, population)
    with reproducible(policy, method, n_threads) as known:
        release, made = prepare(frame, policy, method, n_threads, tell, population=people, utility=utility)
        known.append(made.classes)
        tell("writing")
        released = pl.concat([as_frame(batch) for batch in release.batches()])
        del release  # and with it the table, before the recount takes memory of its own
        tell("verifying")
        rows = released.lazy()
        report = report_of(rows, made, population=people, method=method, started=started, n_threads=n_threads)
    return Anonymized(released, report, policy)


def anonymize_file(
    frame: IntoFrame,
    output: str | Path,
    policy: Policy,
    *,
    certificate: str | Path | None = None,
    method: Method = "tight",
    population: IntoFrame | None = None,
    utility: bool = False,
    n_threads: int | None = None,
    on_progress: OnProgress | None = None,
) -> Report:
    """Release a table into a file, which appears under its name only when it is whole and verified.

    Parameters
    ----------
    frame : frame, table or path
    output : path
        Its suffix tells the format: .parquet, .csv, .tsv, .ipc, .arrow or .feather.
    policy : Policy
    certificate : path, optional
        Where to write what was promised, reached and with which versions, as JSON.
    method, population, utility, n_threads, on_progress
        As for `anonymize`.

    Raises
    ------
    OutputError
        The output cannot be written, or is part of the input.
    ColumnError, HierarchyError, InputError, PolicyNotMet, VerificationFailed
        As for `anonymize`; nothing is left behind.
    """
    from shoal.checks import certificate as certificates
    from shoal.io import files, writing

    started = time.perf_counter()
    tell = on_progress or quietly
    output = Path(output)
    inputs = [frame] if isinstance(frame, (str, Path)) else []
    kind = files.check_output(output, inputs)
    if certificate is not None:
        files.check_folder(Path(certificate), [*inputs, output])
    people = population_of(policy, population)
    with reproducible(policy, method, n_threads) as known:
        release, made = prepare(frame, policy, method, n_threads, tell, population=people, utility=utility)
        known.append(made.classes)
        with writing.written_whole(output) as draft:
            tell("writing")
            separator = files.separator_of(output)
            writing.write(release.batches(), release.schema, draft, kind, separator=separator)
            columns = pl.DataFrame(release.schema.empty_table()).cast({pl.Categorical: pl.String}).schema
            del release
            tell("verifying")
            rows = writing.open_as(draft, kind, columns, separator=separator)
            report = report_of(rows, made, population=people, method=method, started=started, n_threads=n_threads)
            if certificate is not None:
                document = certificates.certificate(policy, report, output_digest=certificates.file_digest(draft))
                with writing.written_whole(Path(certificate)) as paper:
                    certificates.write(document, paper)
    return report


def prepare(
    frame: IntoFrame,
    policy: Policy,
    method: Method,
    n_threads: int | None,
    tell: OnProgress,
    *,
    population: pl.LazyFrame | None,
    utility: bool,
) -> "tuple[Release, Made]":
    """Observe, fit and recode; return the release with what is to be reported of it."""
    from shoal_engine.anonymity.fit import fit
    from shoal_engine.anonymity.linked_rows import check_linked_rows
    from shoal_engine.anonymity.release.release import Release
    from shoal_engine.anonymity.release.representatives import check_representatives
    from shoal_engine.findings.kept_columns import determined_quasi_identifiers

    n_threads = threads(n_threads)
    tell("reading")
    reading = read_by_policy(frame, policy)
    lazy = reading.frame
    names = schema_of(lazy).names()
    refuse_undecided(lazy, policy)
    # Relaxed cuts may part equal rows, so which row goes where follows the order of rows.
    in_order = method == "mondrian-relaxed"
    observation = observe(lazy, policy, carry=True, n_threads=n_threads, in_order=in_order)
    people = observe_people(policy, population, n_threads=n_threads)
    tell("grouping")
    table = observation.finish(people)
    tell("partitioning")
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
    made = Made(classes=fitted.classes, dropped=dropped, findings=findings, units=release.units)
    if not utility:
        return release, made
    from shoal_engine.utility.released import released_utility

    figures = (UtilityFigure(measure=m, column=c, value=float(v)) for m, c, v in released_utility(fitted))
    return release, replace(made, utility=tuple(figures))

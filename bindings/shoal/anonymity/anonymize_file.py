"""`anonymize_file`: from files to a verified file, in memory or in two passes over the input."""

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from shoal.anonymity.anonymize import prepare
from shoal.anonymity.out_of_core import fits, prepare_out_of_core
from shoal.anonymity.report import report_of
from shoal.checks.approval import approved_policy
from shoal.checks.certificate import reproducible
from shoal.checks.origin import Origin, file_digest
from shoal.checks.population import population_of
from shoal.io.frames import IntoFrame
from shoal.io.lazy_frames import few_row_groups
from shoal.io.memory import memory_limit
from shoal.io.observing import OnProgress, quietly
from shoal_engine.anonymity.criteria.assessment import Report
from shoal_engine.anonymity.policy.methods import Method
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.threads import one_ahead

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shoal_engine.anonymity.release.release import Release
    from shoal_engine.anonymity.release.spilled_release import SpilledRelease


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
    by: str | None = None,
    approved: "str | Path | Mapping[str, Any] | None" = None,
    memory: str | int | None = None,
) -> Report:
    """Anonymize a table into a file, which gets its name only when complete and verified.

    Parameters
    ----------
    frame : frame, table or path
    output : path
        Path with the suffix of a format: .parquet, .csv, .tsv, .ipc, .arrow or .feather.
    policy : Policy
    certificate : path, optional
        Path for the certificate of the release, as JSON.
    method, population, utility, n_threads, on_progress, by
        As for `anonymize`.
    approved : path or mapping, optional
        Approval that `approve` wrote: policy and input must be the approved ones, and its decisions accept findings.
    memory : str or int, optional
        Memory that the run may take beside what Python and its libraries take by themselves, as ``"4GiB"`` or bytes;
        classes do not depend on it. A table that needs more is read twice, and its rows wait in hidden files beside
        the output. Default: half of what the machine, or its control group, has.

    Raises
    ------
    ApprovalRefused
        The approval is of another policy or input, or it asks to change the policy.
    OutputError
        The output cannot be written, or is part of the input.
    ColumnError, HierarchyError, InputError, PolicyNotMet, VerificationFailed
        As for `anonymize`; nothing is left behind.
    """
    from shoal.checks import certificate as certificates
    from shoal.io import files, writing

    started = time.perf_counter()
    on_step = on_progress or quietly
    output = Path(output)
    inputs = [frame] if isinstance(frame, (str, Path)) else []
    kind = files.check_output(output, inputs)
    origin = Origin.now(frame, by)
    policy, approval = approved_policy(approved, policy, origin)
    if certificate is not None:
        files.check_folder(Path(certificate), [*inputs, output])
    limit = memory_limit(memory)
    people = population_of(policy, population)
    in_memory = people is not None or fits(frame, policy, method, limit, must_choose=memory is not None)
    with reproducible(policy, method, n_threads) as known, contextlib.ExitStack() as stack:
        release: Release | SpilledRelease
        if in_memory:
            release, made = prepare(frame, policy, method, n_threads, on_step, population=people, utility=utility)
        else:
            stack.enter_context(few_row_groups())
            folder = stack.enter_context(writing.waiting_beside(output))
            release, made = prepare_out_of_core(
                frame, policy, method, n_threads, on_step, folder=folder, limit=limit, utility=utility
            )
        known.append(made.classes)
        with writing.written_whole(output) as draft:
            on_step("writing")
            separator = files.separator_of(output)
            writing.write(one_ahead(release.batches()), release.schema, draft, kind, separator=separator)
            columns = pl.DataFrame(release.schema.empty_table()).cast({pl.Categorical: pl.String}).schema
            del release
            on_step("verifying")
            rows = writing.open_as(draft, kind, columns, separator=separator)
            report = report_of(
                rows, made, population=people, method=method, started=started, n_threads=n_threads, limit=limit
            )
            if certificate is not None:
                document = certificates.certificate(
                    policy,
                    report,
                    output_digest=file_digest(draft),
                    origin=origin,
                    output=output.name,
                    approval=approval,
                )
                with writing.written_whole(Path(certificate)) as paper:
                    certificates.write(document, paper)
    return report

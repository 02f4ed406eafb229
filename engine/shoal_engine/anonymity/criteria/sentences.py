"""Sentences about a release for people who sign it: the verdict, and five questions with their answers."""

from collections.abc import Iterator, Sequence

from shoal_engine.anonymity.criteria.assessment import Report
from shoal_engine.anonymity.criteria.comparison import people_alone
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.finding import Finding
from shoal_engine.wording import columns_text, share_text

NO_BUDGET = "None: no noise was added, and no ledger was named."


def verdict(findings: Sequence[Finding]) -> tuple[str, str]:
    """Return whether the promises hold and how many findings need a decision, and what that means.

    Examples
    --------
    >>> verdict([])[0]
    'All promises hold. No finding needs a decision.'
    """
    n_open = sum(finding.is_open for finding in findings)
    need = {0: "No finding needs a decision.", 1: "1 finding needs a decision."}
    title = f"All promises hold. {need.get(n_open, f'{n_open} findings need a decision.')}"
    text = "They were recounted from the released rows alone, by code that did not make them."
    if n_open:
        text += " A promise says nothing about what was not promised: read each finding before you sign."
    return title, text


def five_answers(policy: Policy, report: Report, *, source: str, budget: str) -> tuple[tuple[str, str], ...]:
    """Return five questions about a release and their answers, in plain words.

    Parameters
    ----------
    policy : Policy
    report : Report
    source : str
        Name of the input.
    budget : str
        Answer to the last question.
    """
    return (
        ("Whose data is it?", _whose(policy, report, source)),
        ("What was removed?", " ".join(_removed(policy, report))),
        ("In what group does each person hide?", " ".join(_group(policy, report))),
        ("What could still be learned?", _learned(report.findings)),
        ("What budget was spent?", budget),
    )


def rows_left_out(report: Report, k: int) -> str:
    """Return how many rows were suppressed, as the start of a sentence; numbers below k are not shown."""
    rows = report.suppressed_rows
    if not rows:
        return "No row was left out."
    if rows < k:
        return f"Fewer than {k} rows were left out."
    return f"{rows:,} rows ({share_text(rows / (rows + report.rows))}) were left out."


def _whose(policy: Policy, report: Report, source: str) -> str:
    """Return whose rows are released."""
    if not policy.unit:
        people = f"{report.rows:,} people, one row each ({source})"
        return f"{people}. That a row is a person was declared, not checked."
    units = "The people" if report.units is None else f"{report.units:,} people"
    return (
        f"{units} of column {policy.unit}, with {report.rows:,} rows ({source}). That a value of {policy.unit} is a "
        "person was declared, not checked."
    )


def _removed(policy: Policy, report: Report) -> Iterator[str]:
    """Yield what was left out and what was made coarser."""
    yield rows_left_out(report, policy.k)
    dropped = [one.name for one in report.columns if one.action == "dropped"] or list(report.dropped)
    yield f"Dropped: {columns_text(dropped)}." if dropped else "No column was dropped."
    coarser = [one for one in report.columns if one.action in ("generalized", "removed")]
    n_quasi = len(policy.quasi_identifiers)
    known = "1 column that others may know was" if n_quasi == 1 else f"{n_quasi} columns that others may know were"
    if report.columns and not coarser:
        yield f"{known} left as they are: classes are large enough." if n_quasi > 1 else f"{known} left as it is."
    else:
        yield f"{known} made coarser, by {share_text(report.loss.ncp)} of the range on average."


def _group(policy: Policy, report: Report) -> Iterator[str]:
    """Yield how many people share the quasi-identifiers of each, after and before."""
    n_quasi = len(policy.quasi_identifiers)
    these = {1: "this column", 2: "both of these columns"}.get(n_quasi, f"all {n_quasi} of these columns")
    if report.k > 1:
        others = "other" if report.k == 2 else "others"
        average = "" if policy.unit else f", {_others(report):,.1f} on average"
        yield f"Each shares {these} with at least {report.k - 1:,} {others}{average}."
    else:
        yield f"Some may share {these} with nobody: k = {report.k}, and other models protect them."
    alone = people_alone(report.class_sizes)
    if alone is not None and alone[0]:
        everybody = sum(one.before for one in report.class_sizes)
        yield f"Before, {alone[0]:,} people ({share_text(alone[0] / everybody)}) were alone."
    elif alone is not None:
        yield "Before, nobody was alone."


def _others(report: Report) -> float:
    """Return the mean over people of the others in their class."""
    squares = report.loss.discernibility - report.suppressed_rows * (report.rows + report.suppressed_rows)
    return squares / max(1, report.rows) - 1


def _learned(findings: Sequence[Finding]) -> str:
    """Return the worst finding, or that nothing was found."""
    serious = [finding for finding in findings if finding.severity != "note"]
    if not serious:
        return "Nothing was found that leads past these groups. Attacks that were not run are named below."
    more = f" {len(serious) - 1} more findings follow." if len(serious) > 2 else ""
    more = " 1 more finding follows." if len(serious) == 2 else more
    accepted = " It was accepted." if serious[0].accepted is not None else ""
    return f"{serious[0].text}{accepted}{more}"

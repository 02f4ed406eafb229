"""Each column of a release and how it differs from the input, and people by the size of their class."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import polars as pl

from shoal.io.lazy_frames import internal
from shoal.recount.units import MEMBERS, ROWS
from shoal_engine.anonymity.criteria.assessment import Report, released_columns, released_names
from shoal_engine.anonymity.criteria.comparison import Action, ColumnChange, people_alone
from shoal_engine.anonymity.criteria.sentences import rows_left_out
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.html_tables import html_summary
from shoal_engine.wording import share_text

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from shoal_engine.anonymity.fit import Classes

_SMALLEST = internal("smallest")
_UNCHANGED = 1e-12
"""Losses up to this are sums of rounding errors."""


def column_changes(
    made: "Classes", classes: pl.DataFrame, losses: Sequence[float], dropped: Sequence[str]
) -> Iterator[ColumnChange]:
    """Yield every column of the policy, and those that it does not name, in order of their roles.

    Parameters
    ----------
    made : Classes
    classes : pl.DataFrame
        Classes as recounted from the release.
    losses : sequence of float
        Loss of each quasi-identifier.
    dropped : sequence of str
        Columns that the policy does not name.
    """
    policy = made.policy
    for bound, loss in zip(made.dimensions, losses, strict=True):
        labels = classes.select(released_columns(bound.name, bound.role)).n_unique()
        yield ColumnChange(
            name=bound.name,
            role="quasi-identifier",
            action=_action(loss),
            distinct_before=bound.size,
            distinct_after=labels,
            loss=loss,
        )
    for name in policy.sensitive:
        yield ColumnChange(name=name, role="sensitive", action="released as it is")
    for name in policy.set_valued:
        yield ColumnChange(name=name, role="set-valued", action="items generalized")
    for name in policy.insensitive:
        yield ColumnChange(name=name, role="insensitive", action="released as it is")
    for name, role in policy.identifiers.items():
        yield ColumnChange(name=name, role="identifier", action="dropped" if role.action == "drop" else "pseudonym")
    if policy.unit and policy.unit not in policy.identifiers:
        yield ColumnChange(name=policy.unit, role="unit", action="dropped")
    for name in dropped:
        if name != policy.unit:
            yield ColumnChange(name=name, role="not in the policy", action="dropped")


def _action(loss: float) -> Action:
    """Return what a loss means."""
    if loss <= _UNCHANGED:
        return "unchanged"
    return "removed" if loss >= 1 - _UNCHANGED else "generalized"


def held_by_class(
    rows: pl.LazyFrame, classes: pl.DataFrame, policy: Policy, unit: str | None
) -> "tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]":
    """Return sizes of the released classes and the people of each, for `size_bins`.

    Parameters
    ----------
    rows : pl.LazyFrame
        The release, with `unit`.
    classes : pl.DataFrame
        Its recounted classes.
    policy : Policy
    unit : str, optional
        Column with the unit of each row; its units are counted, each in its smallest class.
    """
    if unit is None:
        sizes = classes.get_column(ROWS).cast(pl.Int64).to_numpy()
        return sizes, sizes
    keys = released_names(policy)
    size = pl.col(unit).n_unique().over(keys).cast(pl.Int64).alias(MEMBERS)
    smallest = rows.select(pl.col(unit), size).group_by(unit).agg(pl.col(MEMBERS).min().alias(_SMALLEST))
    found = smallest.select(_SMALLEST).collect().get_column(_SMALLEST)
    return found.to_numpy(), (found * 0 + 1).to_numpy()


def release_html(policy: Policy, report: Report) -> str:
    """Return risk before and after a release and its findings as HTML for notebooks."""
    before, k = report.before, policy.k
    alone = people_alone(report.class_sizes)
    rows = [
        ["highest risk", _masked(before and before.highest_risk, k), share_text(report.risk.highest)],
        ["average risk", "" if before is None else share_text(before.average_risk), share_text(report.risk.average)],
        *([] if alone is None else [["people who are alone", f"{alone[0]:,}", f"{alone[1]:,}"]]),
        ["classes", "" if before is None else f"{before.equivalence_classes:,}", f"{report.equivalence_classes:,}"],
    ]
    n_open = sum(finding.is_open for finding in report.findings)
    left_out = rows_left_out(report, k)
    title = (
        f"Release: k = {report.k}, recounted; {report.rows:,} rows, loss {share_text(report.loss.ncp)} "
        f"({report.method}). {left_out}"
    )
    notes = [f"{len(report.findings)} findings, {n_open} open"]
    notes += [f"{'!' if finding.is_open else '-'} {finding.text}" for finding in report.findings]
    notes.append(".frame has the rows, .certificate() the evidence, shoal.report_page(...) the page to sign.")
    return html_summary(title, ["", "before", "after"], rows, notes)


def _masked(risk: float | None, k: int) -> str:
    """Return a risk before a release; one of fewer than k people is not shown."""
    return f"above {share_text(1 / k)}" if risk is None else share_text(risk)

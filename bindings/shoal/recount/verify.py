"""`verify`: whether a released table holds what its policy promises, told from its rows alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from shoal.checks.certificate import broken_certificate
from shoal.checks.findings import released_findings
from shoal.checks.population import population_of
from shoal.checks.repeated_identifiers import repeated_identifiers
from shoal.checks.undecided import refuse_undecided
from shoal.io.frames import IntoFrame
from shoal.io.lazy_frames import UNREADABLE, schema_of
from shoal.recount.recounting_items import least_support
from shoal.recount.recounting_tables import table_figures
from shoal.recount.regrouping import Ground, regroup
from shoal.recount.released_table import open_released
from shoal.recount.verifying_units import joined_promises, pseudonym_of_unit, unit_findings
from shoal_engine.anonymity.criteria.assessment import Assessment
from shoal_engine.anonymity.criteria.promises import broken_promises, released_names
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.anonymity.policy.roles import Closeness, Recursive
from shoal_engine.errors import ColumnError, InputError
from shoal_engine.finding import Finding, accept_findings, in_order, open_findings


@dataclass(frozen=True, slots=True)
class Verification:
    """What a released table reaches, and whether that is what the policy promises.

    Attributes
    ----------
    assessment : Assessment
    broken : tuple of str
        Promises that the table breaks; empty when it holds them all.
    findings : tuple of Finding
        What the table does not protect, the worst first; accepted findings hold their reason.
    """

    assessment: Assessment
    broken: tuple[str, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def met(self) -> bool:
        """Tell whether the table holds everything that the policy promises."""
        return not self.broken

    @property
    def open_findings(self) -> tuple[Finding, ...]:
        """Return the findings that await a decision: neither notes nor accepted by the policy."""
        return open_findings(self.findings)

    def __repr__(self) -> str:
        """Return one line."""
        a = self.assessment
        verdict = "met" if self.met else "; ".join(self.broken)
        return f"Verification(rows={a.rows}, k={a.k}, equivalence_classes={a.equivalence_classes}: {verdict})"


def verify(
    frame: IntoFrame,
    policy: Policy,
    *,
    population: IntoFrame | None = None,
    certificate: str | Path | Mapping[str, Any] | None = None,
) -> Verification:
    """Recount a released table with plain Polars and compare it with the policy.

    Parameters
    ----------
    frame : frame, table or path
        The released table.
    policy : Policy
        What was promised.
    population : frame, table or path, optional
        The people that models are counted in, in place of the file that the policy names.
    certificate : path or mapping, optional
        The certificate of the release: table and policy must be those that it was written for.

    Raises
    ------
    ColumnError
        A column of the policy is missing.
    InputError
        The table or the certificate cannot be read.
    PolicyError
        A model is counted in people and there is no table of them, or there is one and no such model.
    UndecidedColumns
        Nobody has decided on a column of the policy; carries what is seen of each.

    Examples
    --------
    >>> import polars as pl, shoal
    >>> policy = shoal.Policy.of(k=2, quasi_identifiers=["age"])
    >>> shoal.verify(pl.DataFrame({"age": ["[20, 29]", "[20, 29]", "31"]}), policy).met
    False
    """
    lazy = open_released(frame, policy)
    refuse_undecided(lazy, policy)
    present = schema_of(lazy).names()
    left = [
        f"identifier {name!r} was to be dropped and is still there"
        for name, role in policy.identifiers.items()
        if role.action == "drop" and name in present
    ]
    expected = {*policy.columns, *released_names(policy)}
    left += [f"column {name!r} is none of the policy's" for name in present if name not in expected]
    if certificate is not None:
        left += broken_certificate(certificate, frame, policy)
    unit = pseudonym_of_unit(policy, present)
    try:
        assessment, _ = recount(lazy, policy, population_of(policy, population), unit)
        left += joined_promises(lazy, policy, unit)
        found = [
            *unit_findings(policy, unit, assessment.rows),
            *repeated_identifiers(lazy, policy),
            *released_findings(lazy, policy),
        ]
    except UNREADABLE:
        # Without the cause: the engine's own message may quote a cell.
        msg = "the table cannot be read to its end: it is truncated, damaged or no release of this policy"
        raise InputError(msg) from None
    findings = accept_findings(in_order(found), policy.accept)
    assessment = msgspec.structs.replace(assessment, findings=findings)
    broken = broken_promises(policy, assessment, in_rows=unit is None)
    return Verification(assessment, (*left, *broken), findings)


def recount(
    frame: pl.LazyFrame, policy: Policy, population: pl.LazyFrame | None, unit: str | None = None
) -> tuple[Assessment, pl.DataFrame]:
    """Return the assessment of a released table, and its classes.

    Parameters
    ----------
    frame : pl.LazyFrame
    policy : Policy
    population : pl.LazyFrame, optional
        Where a model is counted in it.
    unit : str, optional
        Column of the frame whose distinct values are counted; rows unless given.
    """
    present = schema_of(frame).names()
    for name in [*released_names(policy), *policy.sensitive, *policy.set_valued]:
        if name not in present:
            msg = f"the table has no column {name!r}, which its policy releases; give the table of this policy"
            raise ColumnError(msg)
    recursive = {
        name: sorted({model.l for model in role.models if isinstance(model, Recursive)})
        for name, role in policy.sensitive.items()
    }
    besides = {name: role.models for name, role in policy.sensitive.items()}
    names = released_names(policy)
    found, classes = regroup(frame, names, grounds(frame, policy), recursive=recursive, besides=besides, unit=unit)
    figures = table_figures(frame, policy, names, found, classes, population, unit) if policy.models else {}
    items = {name: least_support(frame, name, role.m, unit) for name, role in policy.set_valued.items()}
    found = msgspec.structs.replace(found, table_models=figures, set_valued=items)
    if unit is None:
        return found, classes
    by_class = unit in policy.identifiers and policy.link_of(unit) == "class"
    units = None if by_class else frame.select(pl.col(unit).n_unique()).collect(engine="streaming").item()
    return msgspec.structs.replace(found, unit=policy.unit, units=units), classes


def grounds(frame: pl.LazyFrame, policy: Policy) -> Mapping[str, Sequence[Ground]]:
    """Return the ground distances that the policy's closeness models use, per sensitive column."""
    return {
        name: [_ground(frame, policy, name, model) for model in role.models if isinstance(model, Closeness)]
        for name, role in policy.sensitive.items()
    }


def _ground(frame: pl.LazyFrame, policy: Policy, column: str, model: Closeness) -> Ground:
    """Return one ground distance, over the values that occur."""
    if model.distance == "equal":
        return Ground()
    if model.distance == "ordered":
        return Ground("ordered", order=getattr(model.hierarchy, "values", ()))
    from shoal_engine.anonymity.hierarchies.trees import plant

    values = frame.select(pl.col(column).unique().sort()).collect().get_column(column)
    known = values.drop_nulls()
    has_null = known.len() < values.len()
    assert model.hierarchy is not None
    tree = plant(model.hierarchy, known.to_arrow(), has_null=has_null, column=column, folder=policy.folder)
    texts: list[str | None] = [*([None] if has_null else []), *known.cast(pl.String).to_list()]
    levels = [dict(zip(texts, level[tree.leaf].tolist(), strict=True)) for level in tree.ancestor[1:]]
    return Ground("hierarchical", levels=levels)

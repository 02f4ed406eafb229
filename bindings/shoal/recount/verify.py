"""`verify`: check of a released table against its policy, from its rows alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from shoal.checks.certificate import broken_certificate, misstated_figures, policy_of
from shoal.checks.findings import released_findings, repeated_identifiers
from shoal.checks.population import population_of
from shoal.checks.undecided import refuse_undecided
from shoal.io.frames import IntoFrame
from shoal.io.lazy_frames import UNREADABLE, schema_of
from shoal.recount.classes import Ground, regroup
from shoal.recount.measures import least_support
from shoal.recount.released_table import open_released
from shoal.recount.tables import table_figures
from shoal.recount.units import joined_promises, pseudonym_of_unit, unit_findings
from shoal_engine.anonymity.criteria.assessment import Assessment, broken_promises, released_names
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.anonymity.policy.roles import Closeness, Recursive
from shoal_engine.errors import InputError, PolicyError
from shoal_engine.finding import Finding, accept_findings, in_order, open_findings
from shoal_engine.tables.column_names import check_columns


@dataclass(frozen=True, slots=True)
class Verification:
    """Measured values of a released table, the promises it breaks, and its findings.

    Attributes
    ----------
    assessment : Assessment
    broken : tuple of str
        Promises of the policy that the table breaks; empty if it meets all.
    findings : tuple of Finding
        Remaining risks of the table, worst first; accepted findings have their reason.
    """

    assessment: Assessment
    broken: tuple[str, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def met(self) -> bool:
        """Return whether the table meets the policy."""
        return not self.broken

    @property
    def open_findings(self) -> tuple[Finding, ...]:
        """Return the findings that await a decision: neither notes nor accepted by the policy."""
        return open_findings(self.findings)

    def __repr__(self) -> str:
        """Return a one-line summary."""
        a = self.assessment
        verdict = "met" if self.met else "; ".join(self.broken)
        return f"Verification(rows={a.rows}, k={a.k}, equivalence_classes={a.equivalence_classes}: {verdict})"


def verify(
    frame: IntoFrame,
    policy: Policy | None = None,
    *,
    population: IntoFrame | None = None,
    certificate: str | Path | Mapping[str, Any] | None = None,
) -> Verification:
    """Recount a released table with plain Polars and compare it with the policy.

    Parameters
    ----------
    frame : frame, table or path
        The released table.
    policy : Policy, optional
        Policy that the table has to meet. Default: the one that the certificate holds.
    population : frame, table or path, optional
        Table of the population, instead of the file that the policy names.
    certificate : path or mapping, optional
        Certificate of the release, of any version; table, policy and figures must be the certified ones.

    Raises
    ------
    ColumnError
        A column of the policy is missing.
    InputError
        The table or the certificate cannot be read.
    PolicyError
        A model needs a population and none is given, or one is given and no model needs it; or neither a policy nor a
        certificate is given.
    UndecidedColumns
        The policy has undecided columns; the error has statistics of each.

    Examples
    --------
    >>> import polars as pl, shoal
    >>> policy = shoal.Policy.of(k=2, quasi_identifiers=["age"])
    >>> shoal.verify(pl.DataFrame({"age": ["[20, 29]", "[20, 29]", "31"]}), policy).met
    False
    """
    if policy is None:
        if certificate is None:
            msg = "a table is verified against a policy; give the policy, or the certificate, which holds it"
            raise PolicyError(msg)
        policy = policy_of(certificate)
    lazy = open_released(frame, policy)
    refuse_undecided(lazy, policy)
    present = schema_of(lazy).names()
    left = [
        f"identifier {name!r} was to be dropped and is still there"
        for name, role in policy.identifiers.items()
        if role.action == "drop" and name in present
    ]
    expected = {*policy.columns, *released_names(policy)}
    left += [f"column {name!r} is not in the policy" for name in present if name not in expected]
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
        msg = "the table cannot be read to its end: it is truncated, damaged or not a release of this policy"
        raise InputError(msg) from None
    findings = accept_findings(in_order(found), policy.accept)
    assessment = msgspec.structs.replace(assessment, findings=findings)
    if certificate is not None and (unit is not None or not policy.unit):
        left += misstated_figures(certificate, assessment)
    broken = broken_promises(policy, assessment, in_rows=unit is None)
    return Verification(assessment, (*left, *broken), findings)


def recount(
    frame: pl.LazyFrame,
    policy: Policy,
    population: pl.LazyFrame | None,
    unit: str | None = None,
    limit: int | None = None,
) -> tuple[Assessment, pl.DataFrame]:
    """Measure a released table; return its assessment and its classes.

    Parameters
    ----------
    frame : pl.LazyFrame
    policy : Policy
    population : pl.LazyFrame, optional
        Table of the population, if a model needs it.
    unit : str, optional
        Column of the frame whose distinct values are counted. Default: rows.
    limit : int, optional
        Bytes that counting may take; see `regroup`.
    """
    names = [*released_names(policy), *policy.sensitive, *policy.set_valued]
    check_columns(names, schema_of(frame), remedy="give the table of this policy")
    recursive = {
        name: sorted({model.l for model in role.models if isinstance(model, Recursive)})
        for name, role in policy.sensitive.items()
    }
    other_models = {name: role.models for name, role in policy.sensitive.items()}
    names = released_names(policy)
    found, classes = regroup(
        frame, names, grounds(frame, policy), recursive=recursive, other_models=other_models, unit=unit, limit=limit
    )
    figures = table_figures(frame, policy, names, found, classes, population, unit) if policy.models else {}
    items = {name: least_support(frame, name, role.m, unit) for name, role in policy.set_valued.items()}
    found = msgspec.structs.replace(found, table_models=figures, set_valued=items)
    if unit is None:
        return found, classes
    by_class = unit in policy.identifiers and policy.link_of(unit) == "class"
    units = None if by_class else frame.select(pl.col(unit).n_unique()).collect(engine="streaming").item()
    return msgspec.structs.replace(found, unit=policy.unit, units=units), classes


def grounds(frame: pl.LazyFrame, policy: Policy) -> Mapping[str, Sequence[Ground]]:
    """Return the ground distances of the policy's closeness models, per sensitive column."""
    return {
        name: [_ground(frame, policy, name, model) for model in role.models if isinstance(model, Closeness)]
        for name, role in policy.sensitive.items()
    }


def _ground(frame: pl.LazyFrame, policy: Policy, column: str, model: Closeness) -> Ground:
    """Return one ground distance over the occurring values."""
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

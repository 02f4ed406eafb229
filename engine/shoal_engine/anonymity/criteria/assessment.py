"""What is known of a table's classes: sizes, risk, and what each sensitive column reaches. Plain values."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Struct

from shoal_engine.anonymity.criteria.comparison import Before, ColumnChange, SizeBin
from shoal_engine.anonymity.policy.people_models import KMap
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.anonymity.policy.roles import QuasiIdentifier
from shoal_engine.anonymity.policy.table_models import AverageRisk, SampleUniqueness, SizeModel, TableModel, of_sizes
from shoal_engine.anonymity.policy.value_models import Distinct, Model
from shoal_engine.finding import Finding
from shoal_engine.html_tables import html_summary
from shoal_engine.wording import share_text


class Risk(Struct, frozen=True, kw_only=True):
    """Chance to find a person whose quasi-identifiers are known (prosecutor model).

    Attributes
    ----------
    highest : float
        1 / size of the smallest class; 0 for an empty table.
    average : float
        Mean over rows of 1 / size of the row's class, which is classes / rows; over the units of all classes where the
        policy names a unit.
    """

    highest: float
    average: float


class SensitiveReach(Struct, frozen=True, kw_only=True):
    """What a sensitive column reaches in every class: the worst class counts.

    An assessment reports everything; a recount of a release only what its policy binds besides l and t, and None
    elsewhere. Definitions are those of `shoal_engine.anonymity.policy.value_models`.

    Attributes
    ----------
    l_distinct : int
        Fewest distinct values in a class; null is a value.
    l_entropy : float
        Smallest exp(entropy in nats) of a class.
    t : float
        Largest distance of a class to the table, by the first distance that the policy names, else equal.
    closeness : mapping of str to float
        The same for each distance that was measured: equal, ordered, and hierarchical where a policy names one.
    c_recursive : mapping of str to float
        For each l, the largest r1 / (r_l + ... + r_m), infinite where a class has fewer than l values; any
        greater c is met.
    l_entropy_grassberger : float, optional
        Smallest exp(entropy in nats) as Grassberger 2003 estimates it, or number of values where that is smaller.
    delta_disclosure : float, optional
        Largest abs(ln(q / p)) of a value that its class holds, in nats; any greater delta is met.
    delta_disclosure_strict : float, optional
        The same, infinite where a class lacks a value of the table.
    beta_basic : float, optional
        Largest (q - p) / p.
    beta_enhanced : float, optional
        The same, infinite where a gain exceeds -ln p.
    alpha : float, optional
        Largest share of a value in its class.
    alpha_declared : float, optional
        Largest share of a value that the policy names.
    """

    l_distinct: int
    l_entropy: float
    t: float
    closeness: Mapping[str, float] = {}
    c_recursive: Mapping[str, float] = {}
    l_entropy_grassberger: float | None = None
    delta_disclosure: float | None = None
    delta_disclosure_strict: float | None = None
    beta_basic: float | None = None
    beta_enhanced: float | None = None
    alpha: float | None = None
    alpha_declared: float | None = None


class Assessment(Struct, frozen=True, kw_only=True):
    """A table's equivalence classes and what they protect.

    Attributes
    ----------
    rows : int
    k : int
        Size of the smallest class, in units where the policy names one, else in rows; 0 for an empty table.
    equivalence_classes : int
    unique_rows : int
        Unique rows; rows of classes of a single unit where the policy names one.
    risk : Risk
    sensitive : mapping of column to SensitiveReach
    table_models : mapping of str to float
        What the table reaches under each model of the policy that binds it as a whole, by kind: average-risk,
        sample-uniqueness and population-uniqueness, shares; k-map, the k that is met, or fewest people whom a
        class fits; presence-least and presence-most, smallest and largest chance of a person of the population to
        be in the table; lkc-k and lkc-c, fewest rows and largest share of a sensitive value over combinations of the
        l quasi-identifiers.
    set_valued : mapping of column to int
        Fewest rows that hold a combination of at most m items of a set-valued column that occurs; None where there
        is no item; in units where the policy names one.
    unit : str
        The column whose distinct values are counted as units, such as people; empty where rows are counted.
    units : int, optional
        Distinct units of the table.
    findings : tuple of Finding
        What the table, or the release, gives away beside its classes, the worst first.
    """

    rows: int
    k: int
    equivalence_classes: int
    unique_rows: int
    risk: Risk
    sensitive: Mapping[str, SensitiveReach]
    table_models: Mapping[str, float] = {}
    set_valued: Mapping[str, int | None] = {}
    unit: str = ""
    units: int | None = None
    findings: tuple[Finding, ...] = ()

    @classmethod
    def of(
        cls,
        *,
        rows: int,
        k: int,
        equivalence_classes: int,
        unique_rows: int,
        sensitive: Mapping[str, SensitiveReach],
        table_models: Mapping[str, float] | None = None,
        set_valued: Mapping[str, int | None] | None = None,
        unit: str = "",
        units: int | None = None,
        members: int | None = None,
    ) -> "Assessment":
        """Return the assessment and its risks; `members` is the sum of the class sizes, rows unless given."""
        members = rows if members is None else members
        risk = Risk(highest=1 / k if k else 0.0, average=equivalence_classes / members if members else 0.0)
        return cls(
            rows=rows,
            k=k,
            equivalence_classes=equivalence_classes,
            unique_rows=unique_rows,
            risk=risk,
            sensitive=sensitive,
            table_models=table_models or {},
            set_valued=set_valued or {},
            unit=unit,
            units=units,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as the JSON reads."""
        return msgspec.to_builtins(self)

    def _repr_html_(self) -> str:
        """Return the figures and findings as HTML for notebooks."""
        shares = [("highest risk", self.risk.highest), ("average risk", self.risk.average)]
        alone = "unique rows" if not self.unit else f"rows in classes with one {self.unit}"
        rows = [["classes", f"{self.equivalence_classes:,}"], ["smallest class (k)", f"{self.k:,}"]]
        rows += [[alone, f"{self.unique_rows:,} ({share_text(self.unique_rows / max(1, self.rows))})"]]
        rows += [[name, share_text(share)] for name, share in shares]
        for name, reach in self.sensitive.items():
            rows += [[f"{name}: fewest distinct values", f"{reach.l_distinct:,}"], [f"{name}: t", f"{reach.t:.3f}"]]
        notes = [f"{'!' if finding.is_open else '-'} {finding.text}" for finding in self.findings]
        return html_summary(f"{type(self).__name__}: {self.rows:,} rows", ["", "value"], rows, notes)


class Loss(Struct, frozen=True, kw_only=True):
    """What a release costs its users.

    Attributes
    ----------
    ncp : float
        Mean over rows and quasi-identifiers of the share of the column's domain that the row's label covers
        (Xu et al. 2006, section 3; Ghinita et al. 2007, section 3); 1 for a suppressed row.
    discernibility : int
        Sum of squared class sizes, each suppressed row counting as all rows (Bayardo, Agrawal 2005, section 2).
    average_class_size : float
        Released rows / classes.
    """

    ncp: float
    discernibility: int
    average_class_size: float


class UtilityFigure(Struct, frozen=True, kw_only=True):
    """One measure of utility, of one column or of all together (`column` None)."""

    measure: str
    column: str | None
    value: float


class Report(Assessment, frozen=True, kw_only=True):
    """A release: what it reaches, as recounted from its rows, and what it costs.

    Attributes
    ----------
    method : str
    suppressed_rows : int
    loss : Loss
    seconds : float
        Wall time.
    peak_bytes : int
        Most memory that the process ever held; 0 where the system does not say.
    dropped : sequence of str
        Columns that the policy does not name.
    notes : sequence of str
        What a reader should know: constant columns, for instance.
    utility : sequence of UtilityFigure
        Every measure of utility, where that was asked for; see `shoal_engine.utility.information_loss`.
    before : Before, optional
        Classes and risk of the table before its release.
    class_sizes : sequence of SizeBin
        Rows by size of their class, before and after; bins with fewer than k rows are merged.
    columns : sequence of ColumnChange
        Every column of the policy, and what became of it.
    """

    method: str
    suppressed_rows: int
    loss: Loss
    seconds: float
    peak_bytes: int
    dropped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    utility: tuple[UtilityFigure, ...] = ()
    before: Before | None = None
    class_sizes: tuple[SizeBin, ...] = ()
    columns: tuple[ColumnChange, ...] = ()


def released_names(policy: Policy) -> list[str]:
    """Return the columns that quasi-identifiers become; rows with equal values in them form a class."""
    return [column for name, role in policy.quasi_identifiers.items() for column in released_columns(name, role)]


def released_columns(name: str, role: QuasiIdentifier) -> list[str]:
    """Return the columns that one quasi-identifier becomes."""
    return [f"{name}_lower", f"{name}_upper"] if role.output == "bounds" else [name]


def size_promises(policy: Policy) -> list[tuple[str, Callable[[npt.NDArray[np.int64]], bool]]]:
    """Return every model of the class sizes in words, and whether classes of some rows hold it."""

    def judge(model: SizeModel) -> Callable[[npt.NDArray[np.int64]], bool]:
        return lambda sizes: model.holds(model.measure(sizes))

    return [(model.describe(), judge(model)) for model in of_sizes(policy.models)]


def broken_promises(policy: Policy, reached: Assessment, *, in_rows: bool = False) -> list[str]:
    """Return what the table misses, in words that hold no value of it and no count below k.

    Parameters
    ----------
    policy : Policy
    reached : Assessment
        An empty table breaks nothing: nobody is in it.
    in_rows : bool
        Rows were counted. Where the policy counts units, only what rows can refute is judged then: a class has no more
        units than rows, and no more values on distinct units than values; shares among units are others than those
        among rows.
    """
    if not reached.rows:
        return []
    refutes = _refuted_by_rows if in_rows and policy.unit else _always
    counted = f"units of {policy.unit!r}" if policy.unit and not in_rows else "rows"
    broken = [] if reached.k >= policy.k else [f"a class has fewer than k = {policy.k} {counted}"]
    broken += [
        f"the table misses {m.describe()}" for m in policy.models if refutes(m) and not m.met_by(reached.table_models)
    ]
    broken += [
        f"a combination of items misses {policy.k_of(column)}^{role.m}-anonymity of {column!r}"
        for column, role in policy.set_valued.items()
        if not _enough(reached.set_valued.get(column, 0), policy.k_of(column))
    ]
    for column, role in policy.sensitive.items():
        broken += [
            f"a class misses {model.describe()} of {column!r}"
            for model in role.models
            if refutes(model) and not _reaches(model, reached.sensitive[column])
        ]
    return broken


def _always(model: Model | TableModel) -> bool:
    """Judge every model."""
    del model
    return True


def _refuted_by_rows(model: Model | TableModel) -> bool:
    """Return whether units miss a model that rows miss."""
    of_people = isinstance(model, KMap) and model.counts_people
    return of_people or isinstance(model, Distinct | AverageRisk | SampleUniqueness)


def _enough(rows: int | None, k: int) -> bool:
    """Return whether enough rows hold every combination of items; there may be none."""
    return rows is None or rows >= k


def _reaches(model: Model, reach: SensitiveReach) -> bool:
    """Return whether the worst class meets a model; a figure that was not measured does not."""
    field, key = model.figure
    figure: Any = getattr(reach, field)
    return figure is not None and model.holds(figure if key is None else figure[key])

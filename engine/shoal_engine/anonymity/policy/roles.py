"""What a policy says of one column: its role."""

import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta
from msgspec.structs import force_setattr

from shoal_engine.anonymity.policy.hierarchies import (
    Dates,
    Hierarchy,
    Intervals,
    Prefix,
    Redaction,
    counts_rows,
    is_line,
)
from shoal_engine.anonymity.policy.value_models import Alpha as Alpha
from shoal_engine.anonymity.policy.value_models import BetaLikeness as BetaLikeness
from shoal_engine.anonymity.policy.value_models import Closeness as Closeness
from shoal_engine.anonymity.policy.value_models import DeltaDisclosure as DeltaDisclosure
from shoal_engine.anonymity.policy.value_models import Distinct as Distinct
from shoal_engine.anonymity.policy.value_models import Entropy as Entropy
from shoal_engine.anonymity.policy.value_models import Model as Model
from shoal_engine.anonymity.policy.value_models import Recursive as Recursive
from shoal_engine.errors import PolicyError
from shoal_engine.policy_values import MOST, PolicyValue
from shoal_engine.transforming.specs import Transform

Kind: TypeAlias = Literal["number", "category", "date", "time"]
Output: TypeAlias = Literal["label", "bounds", "bands", "center", "mean"]
Nulls: TypeAlias = Literal["apart", "generalize"]

_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Identifier(PolicyValue, frozen=True):
    """A column that names a person: dropped, or replaced by a keyed pseudonym (HMAC).

    Attributes
    ----------
    action : str
        drop or pseudonym.
    key_file, key_env : str, optional
        Where a pseudonym's key is: a file (relative to the policy's folder), or an environment variable.
        The key itself is never in a policy.
    link : "class" | "table", optional
        Which rows of one value share a pseudonym. class: those of one equivalence class, for the pseudonym is an
        HMAC of the value under a key of the class; nobody can join what a person did here with what they did there.
        table: all rows. Where the policy names a `unit` that is refused unless the joined rows are shared too: with
        the classes in which the rows of a value lie, and how many in each, as a further quasi-identifier, the release
        holds its policy. Unless given, class where the policy names a `unit`, and table where it does not and so takes
        every row for somebody else; a value that repeats is then a finding.

    Notes
    -----
    Within a class the rows of a value are joined, so how many there are of it shows.
    """

    action: Literal["drop", "pseudonym"] = "drop"
    key_file: str | None = None
    key_env: str | None = None
    link: Literal["class", "table"] | None = None

    def _check(self) -> None:
        """Check that there is exactly one key for a pseudonym, and none without."""
        sources = (self.key_file is not None) + (self.key_env is not None)
        if self.action == "pseudonym" and sources != 1:
            msg = "a pseudonym needs exactly one key source: `key_file` or `key_env`"
            raise PolicyError(msg)
        if self.action == "drop" and sources:
            msg = "a dropped identifier needs no key; remove it, or set action = 'pseudonym'"
            raise PolicyError(msg)
        if self.action == "drop" and self.link is not None:
            msg = "a dropped identifier links no rows; remove `link`, or set action = 'pseudonym'"
            raise PolicyError(msg)
        if self.key_env is not None and not _ENVIRONMENT_NAME.fullmatch(self.key_env):
            msg = "`key_env` must be the name of an environment variable, for example SHOAL_KEY"
            raise PolicyError(msg)


class QuasiIdentifier(PolicyValue, frozen=True):
    """A column that, with others, may point at a person: it is generalized.

    Attributes
    ----------
    kind : str, optional
        number, category, date or time (of day); without it, what the column's Arrow type says.
    output : str
        label; of numbers, dates and times also bounds (two typed columns), bands (labels that are disjoint or lie
        within one another, so that rows can be grouped by them; the other labels of intervals overlap) and center;
        of numbers mean. Bands are cut from the values and how many rows hold each, before classes are formed; the
        methods are tight and mondrian.
    nulls : str
        apart: rows with and without a value never share a class; generalize: they may, and then the class
        says nothing of the column.
    hierarchy : Hierarchy, optional
        Without it, numbers and dates are cut at any value, and categories become sets.
    transform : Transform, optional
        What happens to the values before classes are formed: microaggregation, top and bottom coding,
        rounding, post-randomization, rank swapping or noise.
    """

    kind: Kind | None = None
    output: Output = "label"
    nulls: Nulls = "apart"
    hierarchy: Hierarchy | None = None
    transform: Transform | None = None

    @property
    def counts_rows(self) -> bool:
        """Return whether labels depend on how many rows hold each value."""
        return self.output == "bands" or counts_rows(self.hierarchy)

    def _check(self) -> None:
        """Check that kind, hierarchy and output belong together."""
        if isinstance(self.hierarchy, Intervals) and self.kind not in (None, "number"):
            msg = "a hierarchy of kind intervals needs kind = 'number'"
            raise PolicyError(msg)
        if isinstance(self.hierarchy, Dates) and self.kind not in (None, "date"):
            msg = "a hierarchy of kind date needs kind = 'date'"
            raise PolicyError(msg)
        if isinstance(self.hierarchy, Prefix | Redaction) and self.kind in ("date", "time"):
            msg = "a hierarchy of kind prefix or redaction masks text; dates take a hierarchy of kind date"
            raise PolicyError(msg)
        if self.hierarchy is not None and self.output != "label":
            msg = f"output = '{self.output}' needs a number or date without hierarchy; use output = 'label'"
            raise PolicyError(msg)
        if self.kind is not None:
            check_output(self.output, self.kind)


class Sensitive(PolicyValue, frozen=True, repr_omit_defaults=True):
    """A column whose value nobody should be able to infer; kept as it is, bound by its models.

    Attributes
    ----------
    models : sequence of Model
        All of them hold in every class.
    l, t, delta, beta, alpha : number or model, optional
        Short for a model: distinct diversity (or entropy, recursive), closeness by equal distance, delta-disclosure,
        basic beta-likeness, and the largest share. They are moved to `models`, after those given there.

    Examples
    --------
    >>> Sensitive(l=3, t=Closeness(t=0.15, distance="ordered")).models
    (Distinct(l=3), Closeness(t=0.15, distance='ordered', hierarchy=None))
    """

    models: Sequence[Model] = ()
    l: Annotated[int, Meta(ge=1, le=MOST)] | Distinct | Entropy | Recursive | None = None
    t: Annotated[float, Meta(ge=0, le=1)] | Closeness | None = None
    delta: Annotated[float, Meta(gt=0)] | DeltaDisclosure | None = None
    beta: Annotated[float, Meta(gt=0)] | BetaLikeness | None = None
    alpha: Annotated[float, Meta(gt=0, le=1)] | Alpha | None = None

    def __post_init__(self) -> None:
        """Move what is written short to the models."""
        plain: dict[str, Callable[[Any], Model]] = {
            "l": lambda l: Distinct(l=l),
            "t": lambda t: Closeness(t=t),
            "delta": lambda delta: DeltaDisclosure(delta=delta),
            "beta": lambda beta: BetaLikeness(beta=beta),
            "alpha": lambda alpha: Alpha(alpha=alpha),
        }
        short = [(name, getattr(self, name)) for name in plain if getattr(self, name) is not None]
        moved = [plain[name](value) if isinstance(value, int | float) else value for name, value in short]
        force_setattr(self, "models", (*self.models, *moved))
        for name, _ in short:
            force_setattr(self, name, None)
        super().__post_init__()

    def _check(self) -> None:
        """Check that every distance, and the share of named values, is bound once, for figures are named by these."""
        distances = [model.distance for model in self.models if isinstance(model, Closeness)]
        if len(set(distances)) < len(distances):
            msg = "two closeness models of one column use the same distance; keep the stricter one"
            raise PolicyError(msg)
        if sum(isinstance(model, Alpha) and bool(model.values) for model in self.models) > 1:
            msg = "two alpha models of one column name values; name all of them in one"
            raise PolicyError(msg)


class SetValued(PolicyValue, frozen=True):
    """A column of lists, such as the diagnoses of a patient, whose combinations nobody may be known by.

    Every combination of at most `m` items that a released row holds is held by at least `k` released rows
    (k^m-anonymity: Terrovitis, Mamoulis, Kalnis 2008, definition 1), whatever else a row says. Lists come out
    sorted and without repetitions, a null list as an empty one; a null item is an item.

    Attributes
    ----------
    m : int
        Items that somebody may know of a person.
    k : int, optional
        The policy's k unless given.
    hierarchy : Hierarchy, optional
        Items are generalized along it, all rows alike; without it, and where that is cheaper, items are left out.

    Notes
    -----
    Lists are not a part of the classes: who knows quasi-identifiers and items of a person may find fewer rows.
    """

    m: Annotated[int, Meta(ge=1, le=MOST)]
    k: Annotated[int, Meta(ge=2, le=MOST)] | None = None
    hierarchy: Hierarchy | None = None

    def _check(self) -> None:
        """Check that the hierarchy does not depend on the rows."""
        if counts_rows(self.hierarchy) or is_line(self.hierarchy):
            msg = "the hierarchy of a set-valued column has nodes that do not depend on the rows; declare a tree"
            raise PolicyError(msg)


class Insensitive(PolicyValue, frozen=True):
    """A column that is kept as it is."""


class Undecided(PolicyValue, frozen=True):
    """A column whose role nobody has decided on; nothing is released before somebody does.

    Attributes
    ----------
    proposal : str, optional
        identifier, quasi_identifier or sensitive: what the column looks like.
    """

    proposal: Literal["identifier", "quasi_identifier", "sensitive"] | None = None


Role: TypeAlias = Identifier | QuasiIdentifier | Sensitive | SetValued | Insensitive | Undecided


def check_output(output: Output, kind: Kind) -> None:
    """Raise PolicyError where columns of `kind` have no such output."""
    able = {
        "label": ("number", "category", "date", "time"),
        "bounds": ("number", "date", "time"),
        "bands": ("number", "date", "time"),
        "center": ("number", "date", "time"),
    }
    kinds = able.get(output, ("number",))
    if kind not in kinds:
        msg = f"output = '{output}' needs kind {' or '.join(kinds)}, this is a {kind}; use output = 'label'"
        raise PolicyError(msg)

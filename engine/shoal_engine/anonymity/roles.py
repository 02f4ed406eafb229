"""What a policy says of one column: its role, and the models that bind a sensitive value."""

import math
import re
from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from shoal_engine.anonymity.hierarchy_specs import (
    Dates,
    Hierarchy,
    Intervals,
    Order,
    Prefix,
    Redaction,
    is_grown,
    is_line,
)
from shoal_engine.anonymity.policy_values import PolicyValue
from shoal_engine.anonymity.transform_specs import Transform
from shoal_engine.errors import PolicyError

Kind: TypeAlias = Literal["number", "category", "date"]
Output: TypeAlias = Literal["label", "bounds", "center", "mean"]
Nulls: TypeAlias = Literal["apart", "generalize"]

_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Distinct(PolicyValue, frozen=True, tag_field="kind", tag="distinct"):
    """Every class holds at least `l` distinct values (Machanavajjhala et al. 2007, section 3)."""

    l: Annotated[int, Meta(ge=1)]


class Entropy(PolicyValue, frozen=True, tag_field="kind", tag="entropy"):
    """The entropy of every class is at least log(`l`) (Machanavajjhala et al. 2007, definition 4.1)."""

    l: Annotated[float, Meta(ge=1)]

    def _check(self) -> None:
        """Check that the limit is a number."""
        _finite("l", self.l)


class Recursive(PolicyValue, frozen=True, tag_field="kind", tag="recursive"):
    """The most frequent value is rarer than `c` times those from rank `l` on (ibid., definition 4.2)."""

    c: Annotated[float, Meta(gt=0)]
    l: Annotated[int, Meta(ge=1)]

    def _check(self) -> None:
        """Check that the factor is a number."""
        _finite("c", self.c)


class Closeness(PolicyValue, frozen=True, tag_field="kind", tag="closeness"):
    """Every class lies within `t` of the whole table (Li et al. 2007).

    Attributes
    ----------
    t : float
        From 0, each class like the table, to 1, no bound.
    distance : str
        equal, ordered (over the sorted values, or over an order given as `hierarchy`) or hierarchical.
    hierarchy : Hierarchy, optional
        What `distance` is measured on; needed for hierarchical.
    """

    t: Annotated[float, Meta(ge=0, le=1)]
    distance: Literal["equal", "ordered", "hierarchical"] = "equal"
    hierarchy: Hierarchy | None = None

    def _check(self) -> None:
        """Check that distance and hierarchy belong together."""
        _finite("t", self.t)
        if self.distance == "hierarchical" and (self.hierarchy is None or is_line(self.hierarchy)):
            msg = "distance = 'hierarchical' needs a `hierarchy` of kind tree, prefix, intervals or date"
            raise PolicyError(msg)
        if is_grown(self.hierarchy):
            msg = "a distance needs a `hierarchy` that is the same for every table; declare its `values` or nodes"
            raise PolicyError(msg)
        if self.distance == "ordered" and not isinstance(self.hierarchy, Order | None):
            msg = "distance = 'ordered' takes a `hierarchy` of kind order, or none for the sorted values"
            raise PolicyError(msg)
        if self.distance == "equal" and self.hierarchy is not None:
            msg = "distance = 'equal' takes no `hierarchy`; leave it out, or ask for another distance"
            raise PolicyError(msg)


Model: TypeAlias = Distinct | Entropy | Recursive | Closeness


class Identifier(PolicyValue, frozen=True):
    """A column that names a person: dropped, or replaced by a keyed pseudonym (HMAC).

    Attributes
    ----------
    action : str
        drop or pseudonym.
    key_file, key_env : str, optional
        Where a pseudonym's key is: a file (relative to the policy's folder), or an environment variable.
        The key itself never stands in a policy.
    """

    action: Literal["drop", "pseudonym"] = "drop"
    key_file: str | None = None
    key_env: str | None = None

    def _check(self) -> None:
        """Check that there is exactly one key for a pseudonym, and none without."""
        sources = (self.key_file is not None) + (self.key_env is not None)
        if self.action == "pseudonym" and sources != 1:
            msg = "a pseudonym needs exactly one key source: `key_file` or `key_env`"
            raise PolicyError(msg)
        if self.action == "drop" and sources:
            msg = "a dropped identifier needs no key; remove it, or set action = 'pseudonym'"
            raise PolicyError(msg)
        if self.key_env is not None and not _ENVIRONMENT_NAME.fullmatch(self.key_env):
            msg = "`key_env` must be the name of an environment variable, for example SHOAL_KEY"
            raise PolicyError(msg)


class QuasiIdentifier(PolicyValue, frozen=True):
    """A column that, with others, may point at a person: it is generalized.

    Attributes
    ----------
    kind : str, optional
        number, category or date; without it, what the column's Arrow type says.
    output : str
        label, bounds (two typed columns), center (numbers, dates) or mean (numbers).
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

    def _check(self) -> None:
        """Check that kind, hierarchy and output belong together."""
        if isinstance(self.hierarchy, Intervals) and self.kind not in (None, "number"):
            msg = "a hierarchy of kind intervals needs kind = 'number'"
            raise PolicyError(msg)
        if isinstance(self.hierarchy, Dates) and self.kind not in (None, "date"):
            msg = "a hierarchy of kind date needs kind = 'date'"
            raise PolicyError(msg)
        if isinstance(self.hierarchy, Prefix | Redaction) and self.kind == "date":
            msg = "a hierarchy of kind prefix or redaction masks text; dates take a hierarchy of kind date"
            raise PolicyError(msg)
        if self.hierarchy is not None and self.output != "label":
            msg = f"output = '{self.output}' needs a number or date without hierarchy; use output = 'label'"
            raise PolicyError(msg)
        if self.kind is not None:
            check_output(self.output, self.kind)


class Sensitive(PolicyValue, frozen=True):
    """A column whose value nobody should be able to tell; kept as it is, bound by its models."""

    models: Sequence[Model] = ()

    def _check(self) -> None:
        """Check that every distance is bound once, for figures are told by distance."""
        distances = [model.distance for model in self.models if isinstance(model, Closeness)]
        if len(set(distances)) < len(distances):
            msg = "two closeness models of one column use the same distance; keep the stricter one"
            raise PolicyError(msg)


class Insensitive(PolicyValue, frozen=True):
    """A column that is kept as it is."""


Role: TypeAlias = Identifier | QuasiIdentifier | Sensitive | Insensitive


def check_output(output: Output, kind: Kind) -> None:
    """Raise PolicyError where columns of `kind` have no such output."""
    able = {
        "label": ("number", "category", "date"),
        "bounds": ("number", "date"),
        "center": ("number", "date"),
    }
    kinds = able.get(output, ("number",))
    if kind not in kinds:
        msg = f"output = '{output}' needs kind {' or '.join(kinds)}, this is a {kind}; use output = 'label'"
        raise PolicyError(msg)


def _finite(name: str, number: float) -> None:
    if not math.isfinite(number):
        msg = f"`{name}` must be a finite number"
        raise PolicyError(msg)

"""The privacy models that bind one sensitive column: each a promise about the values in every class.

Shares are written q, of the class, and p, of the whole released table. A null is a value. Every docstring says
which definition is meant, and how ARX and pycanon, whose figures people compare with, differ from it.

Each model names its figure, where `SensitiveReach` holds what the worst class reaches under it (a field, and a key in
it where there are several), says whether a figure meets the limit, and describes itself. Kernels check and measure it
(`shoal_kernels.criteria`), `criteria.binding` gives it to them, and `shoal.recount.measures` measures it again.
"""

import math
from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from shoal_engine.anonymity.policy.hierarchies import Hierarchy, Order, is_grown, is_line
from shoal_engine.errors import PolicyError
from shoal_engine.policy_values import MOST, PolicyValue

ROUNDING = 1e-9
"""Relative slack for figures that two programs add up in different orders; counts have none."""


class Distinct(PolicyValue, frozen=True, tag_field="kind", tag="distinct"):
    """Every class holds at least `l` distinct values (Machanavajjhala et al. 2007, section 3).

    ARX and pycanon mean the same.
    """

    l: Annotated[int, Meta(ge=1, le=MOST)]

    @property
    def figure(self) -> tuple[str, str | None]:
        """Return where `SensitiveReach` holds the figure of the worst class."""
        return "l_distinct", None

    def holds(self, figure: float) -> bool:
        """Return whether a figure meets the limit."""
        return figure >= self.l

    def describe(self) -> str:
        """Return the model with its parameters, in words."""
        return f"distinct {self.l}-diversity"


class Entropy(PolicyValue, frozen=True, tag_field="kind", tag="entropy"):
    """The entropy of every class is at least log(`l`) (Machanavajjhala et al. 2007, definition 4.1).

    Attributes
    ----------
    l : float
        Effective number of values, exp of the entropy in nats; at least 1.
    estimator : str
        shannon: the entropy of the shares as they are. grassberger: as a sample estimates it for the population
        it was drawn from (Grassberger 2003, equations 26 to 28), and at least `l` values; classes of few rows
        count for more (Stammler, Katzenbeisser, Hamacher 2016).

    Notes
    -----
    ARX has both estimators and means the same by them. pycanon measures Shannon's and rounds exp(entropy) down,
    after floating point: three equally frequent values reach 3 here and 2 there.
    """

    l: Annotated[float, Meta(ge=1)]
    estimator: Literal["shannon", "grassberger"] = "shannon"

    def _check(self) -> None:
        """Check that the limit is a number."""
        check_finite("l", self.l)

    @property
    def figure(self) -> tuple[str, str | None]:
        """Return where `SensitiveReach` holds the figure of the worst class."""
        return ("l_entropy" if self.estimator == "shannon" else "l_entropy_grassberger"), None

    def holds(self, figure: float) -> bool:
        """Return whether a figure meets the limit."""
        return figure >= self.l * (1 - ROUNDING)

    def describe(self) -> str:
        """Return the model with its parameters, in words."""
        return f"entropy {self.l:g}-diversity" + ("" if self.estimator == "shannon" else f" ({self.estimator})")


class Recursive(PolicyValue, frozen=True, tag_field="kind", tag="recursive"):
    """The most frequent value is rarer than `c` times those from rank `l` on (ibid., definition 4.2).

    ``r_1 < c (r_l + ... + r_m)``, counts in falling order; a class with fewer than `l` values fails for every c.

    Notes
    -----
    ARX means the same. pycanon sorts in rising order, so its r_1 is the least frequent value: of 8, 1 and 1
    with l = 3 it says c = 1 will do, and c must exceed 8.
    """

    c: Annotated[float, Meta(gt=0)]
    l: Annotated[int, Meta(ge=1, le=MOST)]

    def _check(self) -> None:
        """Check that the factor is a number."""
        check_finite("c", self.c)

    @property
    def figure(self) -> tuple[str, str | None]:
        """Return where `SensitiveReach` holds the figure of the worst class."""
        return "c_recursive", str(self.l)

    def holds(self, figure: float) -> bool:
        """Return whether a figure meets the limit."""
        return figure < self.c

    def describe(self) -> str:
        """Return the model with its parameters, in words."""
        return f"recursive ({self.c:g}, {self.l})-diversity"


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

    Notes
    -----
    equal is half the sum of absolute differences (section 4), ordered the sum of absolute cumulated differences
    over m - 1 for m values (section 4.1), hierarchical weighs by height (section 4.2). ARX means the same, over
    the values of its hierarchy file: give these as `hierarchy`. pycanon takes ordered for numbers and equal for
    text; a column of one value is an error there and 0 here.
    """

    t: Annotated[float, Meta(ge=0, le=1)]
    distance: Literal["equal", "ordered", "hierarchical"] = "equal"
    hierarchy: Hierarchy | None = None

    def _check(self) -> None:
        """Check that distance and hierarchy belong together."""
        check_finite("t", self.t)
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

    @property
    def figure(self) -> tuple[str, str | None]:
        """Return where `SensitiveReach` holds the figure of the worst class."""
        return "closeness", self.distance

    def holds(self, figure: float) -> bool:
        """Return whether a figure meets the limit."""
        return figure <= self.t + ROUNDING

    def describe(self) -> str:
        """Return the model with its parameters, in words."""
        return f"{self.t:g}-closeness ({self.distance} distance)"


class DeltaDisclosure(PolicyValue, frozen=True, tag_field="kind", tag="delta-disclosure"):
    """In every class ``abs(log(q / p)) < delta`` for every value (Brickell, Shmatikov 2008, section 4).

    Attributes
    ----------
    delta : float
        Above 0.
    log : str
        natural: delta is in nats, as `assess` reports it; binary: in bits.
    absent : str
        What a value of the table means that a class lacks. ignored: nothing is asked of it. infinite: its
        logarithm is, as the definition has it, so every class must hold every value of the table.

    Notes
    -----
    The paper writes log without base. ARX takes the binary one, pycanon the natural one; both ignore absent values.
    """

    delta: Annotated[float, Meta(gt=0)]
    log: Literal["natural", "binary"] = "natural"
    absent: Literal["ignored", "infinite"] = "ignored"

    def _check(self) -> None:
        """Check that the limit is a number."""
        check_finite("delta", self.delta)

    @property
    def nats(self) -> float:
        """Return delta in nats."""
        return self.delta * math.log(2) if self.log == "binary" else self.delta

    @property
    def figure(self) -> tuple[str, str | None]:
        """Return where `SensitiveReach` holds the figure of the worst class."""
        return ("delta_disclosure" if self.absent == "ignored" else "delta_disclosure_strict"), None

    def holds(self, figure: float) -> bool:
        """Return whether a figure meets the limit."""
        return figure < self.nats

    def describe(self) -> str:
        """Return the model with its parameters, in words."""
        return f"{self.delta:g}-disclosure privacy" + ("" if self.absent == "ignored" else " (absent values infinite)")


class BetaLikeness(PolicyValue, frozen=True, tag_field="kind", tag="beta-likeness"):
    """No value gains more than `beta` in a class: ``(q - p) / p <= beta`` (Cao, Karras 2012, equation 1).

    Attributes
    ----------
    beta : float
        Above 0.
    enhanced : bool
        ``(q - p) / p <= min(beta, -ln p)`` for every value with q above p (definition 3): frequent values, whose
        gain is bounded by their own share, stay bound for any beta.

    Notes
    -----
    ARX means the same, as BasicBLikeness and EnhancedBLikeness. pycanon's basic figure is the same; its enhanced one
    is min(basic figure, largest -ln p) over the whole table, which need not be met by each value: by the
    definition no beta will do where a value gains more than its own -ln p.
    """

    beta: Annotated[float, Meta(gt=0)]
    enhanced: bool = False

    def _check(self) -> None:
        """Check that the limit is a number."""
        check_finite("beta", self.beta)

    @property
    def figure(self) -> tuple[str, str | None]:
        """Return where `SensitiveReach` holds the figure of the worst class."""
        return ("beta_enhanced" if self.enhanced else "beta_basic"), None

    def holds(self, figure: float) -> bool:
        """Return whether a figure meets the limit."""
        return figure <= self.beta + ROUNDING * (1 + self.beta)

    def describe(self) -> str:
        """Return the model with its parameters, in words."""
        return f"{'enhanced' if self.enhanced else 'basic'} {self.beta:g}-likeness"


class Alpha(PolicyValue, frozen=True, tag_field="kind", tag="alpha"):
    """No value takes more than the share `alpha` of a class (Wong et al. 2006, section 2).

    With the policy's k, this is (alpha, k)-anonymity.

    Attributes
    ----------
    alpha : float
        Above 0, at most 1.
    values : sequence of str
        The values that are bound, as text; all of them, unless given. One that the table lacks binds nothing.

    Notes
    -----
    The paper binds one value first, then every value; pycanon binds every value. ARX does not have the model.
    """

    alpha: Annotated[float, Meta(gt=0, le=1)]
    values: Sequence[str] = ()

    def _check(self) -> None:
        """Check that the limit is a number."""
        check_finite("alpha", self.alpha)

    @property
    def figure(self) -> tuple[str, str | None]:
        """Return where `SensitiveReach` holds the figure of the worst class."""
        return ("alpha_declared" if self.values else "alpha"), None

    def holds(self, figure: float) -> bool:
        """Return whether a figure meets the limit."""
        return figure <= self.alpha

    def describe(self) -> str:
        """Return the model with its parameters, in words."""
        return f"the largest share alpha = {self.alpha:g}"


Model: TypeAlias = Distinct | Entropy | Recursive | Closeness | DeltaDisclosure | BetaLikeness | Alpha


def check_finite(name: str, number: float) -> None:
    """Raise PolicyError if the number called `name` is NaN or infinite."""
    if not math.isfinite(number):
        msg = f"`{name}` must be a finite number"
        raise PolicyError(msg)

"""The methods that make equivalence classes, by name, and what a policy says of full-domain generalization."""

import math
from collections.abc import Mapping
from typing import Annotated, Final, Literal, TypeAlias, get_args

from msgspec import Meta

from shoal_engine.errors import PolicyError
from shoal_engine.policy_values import MOST, PolicyValue

CutMethod: TypeAlias = Literal["tight", "mondrian", "mondrian-relaxed"]
"""Methods that cut or grow classes from the distinct tuples of a table."""
Method: TypeAlias = CutMethod | Literal["full-domain"]
"""Every method: those that cut, and full-domain generalization, which moves whole columns to levels."""
ObjectiveName: TypeAlias = Literal[
    "loss",
    "average-class-size",
    "discernibility",
    "discernibility-even",
    "entropy",
    "entropy-suppressed",
    "precision",
    "ambiguity",
    "divergence",
]

METHODS: Final[tuple[Method, ...]] = (*get_args(CutMethod), "full-domain")
"""Every method by name, the default first."""
_BY_COLUMN = ("loss", "entropy", "entropy-suppressed", "precision")


class FullDomain(PolicyValue, frozen=True):
    """How full-domain generalization chooses among the levels.

    Attributes
    ----------
    objective : str
        What is minimized; see `shoal_engine.anonymity.methods.full_domain.objectives`.
    weights : mapping of column to float
        What a column counts, at least 0; 1 unless given. Of ``loss``, ``entropy`` and ``precision``.
    balance : float
        From 0, only generalization costs, over 0.5, both in full, to 1, only suppression costs.
    search : str
        ``optimal``: the best node, proven. ``top-down``: the best of at most `max_steps` nodes, from the roots
        down, with the gap to the best there could be. ``datafly``: the column with most distinct values is
        generalized until few enough rows are left (Sweeney 2002b, section 4.1).
    max_steps : int, optional
        Most nodes that ``top-down`` opens.
    rounds : int
        How often the rows that were suppressed are searched again by themselves, each time over their own
        lattice: local recoding. 1 is full-domain generalization proper.
    levels : mapping of column to int
        The node to take, chosen by hand: a level for every quasi-identifier, 0 being its values. Nothing is
        searched then.
    """

    objective: ObjectiveName = "loss"
    weights: Mapping[str, Annotated[float, Meta(ge=0)]] = {}
    balance: Annotated[float, Meta(ge=0, le=1)] = 0.5
    search: Literal["optimal", "top-down", "datafly"] = "optimal"
    max_steps: Annotated[int, Meta(ge=1, le=MOST)] | None = None
    rounds: Annotated[int, Meta(ge=1, le=MOST)] = 1
    levels: Mapping[str, Annotated[int, Meta(ge=0, le=MOST)]] = {}

    @property
    def is_exact(self) -> bool:
        """Return whether one node is sought and proven the best, or chosen by hand."""
        return self.search == "optimal" and self.rounds == 1

    def _check(self) -> None:
        """Check that weights weigh something, and that numbers are finite."""
        if not all(math.isfinite(weight) and weight >= 0 for weight in self.weights.values()):
            msg = "`full_domain.weights` must be finite numbers of at least 0"
            raise PolicyError(msg)
        if self.weights and self.objective not in _BY_COLUMN:
            able = "loss, entropy, entropy-suppressed or precision"
            msg = f"objective = '{self.objective}' looks at classes, not columns, and takes no weights; use {able}"
            raise PolicyError(msg)
        if self.levels and (self.search != "optimal" or self.rounds > 1):
            msg = "`full_domain.levels` names the node to take; leave out `search` and `rounds`"
            raise PolicyError(msg)
        if self.max_steps is not None and self.search != "top-down":
            msg = "`full_domain.max_steps` bounds search = 'top-down'; leave it out, or ask for that search"
            raise PolicyError(msg)

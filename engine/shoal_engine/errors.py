"""Every error that shoal raises on purpose.

::

    ShoalError
    ├── PolicyError (ValueError)        the policy cannot be read or contradicts itself
    ├── ColumnError (ValueError)        a column is missing, duplicated, or of a type that its role cannot take
    ├── NumberError (ValueError)        a number that sets noise cannot be read exactly or is out of range
    ├── HierarchyError (ValueError)     a hierarchy is malformed or does not cover the data
    ├── InputError (ValueError)         the input cannot be read, or holds nothing
    ├── OutputError (ValueError)        the output cannot be written where it was asked for
    ├── PolicyNotMet (ValueError)       no release of this table meets the policy; carries the nearest that can
    ├── VerificationFailed (ValueError) a release was regrouped and does not hold what was promised
    ├── UpdateError (ValueError)        a model or an update of one is malformed, or does not fit the others
    ├── TooFewUpdates (ValueError)      a round has fewer good updates than its rule needs
    ├── LedgerError                     a ledger or its anchor is missing, damaged, or cannot be written
    │   └── BudgetExhausted             a budget does not hold what was asked for
    └── SecureAggregationError          a step of secure aggregation was refused; nothing was revealed by it
        ├── TooFewSurvivors             fewer nodes are left than the threshold asks for
        └── TamperedMessage             what a node sent, or sent on its behalf, is not what it made; names the node

Messages say what was asked, what is true and what to do. They name columns, limits and counts of at least k;
never a cell value: an error is a release too.
"""

from collections.abc import Mapping
from fractions import Fraction
from functools import partial
from typing import Any


class ShoalError(Exception):
    """Root of all errors of this package."""


class PolicyError(ShoalError, ValueError):
    """The policy cannot be read or contradicts itself."""


class ColumnError(ShoalError, ValueError):
    """A column is missing, duplicated, or of a type that its role cannot take."""


class NumberError(ShoalError, ValueError):
    """A number that sets noise cannot be read exactly, or is out of range."""


class HierarchyError(ShoalError, ValueError):
    """A hierarchy is malformed or does not cover the data."""


class InputError(ShoalError, ValueError):
    """The input cannot be read, or holds nothing."""


class OutputError(ShoalError, ValueError):
    """The output cannot be written where it was asked for."""


class PolicyNotMet(ShoalError, ValueError):  # noqa: N818 - named for what is true, as the exit code is
    """No release of this table meets the policy.

    Attributes
    ----------
    nearest : mapping
        For each model that failed, the strictest parameter that one single class would reach.
    """

    def __init__(self, message: str, *, nearest: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.nearest = dict(nearest or {})


class VerificationFailed(ShoalError, ValueError):  # noqa: N818
    """A release was regrouped from its own rows and does not hold what was promised."""


class UpdateError(ShoalError, ValueError):
    """A model or an update of one is malformed, or does not fit the others."""


class TooFewUpdates(ShoalError, ValueError):  # noqa: N818
    """A round has fewer good updates than its rule needs."""


class LedgerError(ShoalError):
    """A ledger or its anchor is missing, damaged, tampered with, or cannot be read or written."""


class BudgetExhausted(LedgerError):  # noqa: N818
    """A budget does not hold what was asked for; nothing was charged.

    Attributes
    ----------
    asked, remaining : tuple of two Fraction
        Epsilon or rho, and delta.
    """

    def __init__(self, message: str, *, asked: tuple[Fraction, Fraction], remaining: tuple[Fraction, Fraction]) -> None:
        super().__init__(message)
        self.asked = asked
        self.remaining = remaining

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle with what was asked: other processes hear of it too."""
        return partial(BudgetExhausted, asked=self.asked, remaining=self.remaining), self.args


class SecureAggregationError(ShoalError):
    """A step of secure aggregation was refused; nothing was revealed by it."""


class TooFewSurvivors(SecureAggregationError):  # noqa: N818
    """Fewer nodes are left than the threshold asks for.

    Attributes
    ----------
    left, threshold : int
        Nodes, or holders of one node's shares.
    """

    def __init__(self, message: str, *, left: int, threshold: int) -> None:
        super().__init__(message)
        self.left = left
        self.threshold = threshold

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle with the counts."""
        return partial(TooFewSurvivors, left=self.left, threshold=self.threshold), self.args


class TamperedMessage(SecureAggregationError):  # noqa: N818
    """What came in a node's name is not what that node made.

    Attributes
    ----------
    node : int
        In whose name it came.
    """

    def __init__(self, message: str, *, node: int) -> None:
        super().__init__(message)
        self.node = node

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle with the node."""
        return partial(TamperedMessage, node=self.node), self.args

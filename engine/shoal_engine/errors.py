"""Every error that shoal raises on purpose.

::

    ShoalError
    ├── PolicyError (ValueError)        the policy cannot be read or contradicts itself
    │   └── UndecidedColumns            nobody has decided on some columns; carries profiles of them
    ├── ColumnError (ValueError)        a column is missing, duplicated, or of a type that its role cannot take
    ├── NumberError (ValueError)        a number that sets noise cannot be read exactly or is out of range
    ├── HierarchyError (ValueError)     a hierarchy is malformed or does not cover the data
    ├── InputError (ValueError)         the input cannot be read, or holds nothing
    ├── OutputError (ValueError)        the output cannot be written where it was asked for
    ├── ForkError (RuntimeError)        the process was forked after work began; its threads are missing
    ├── PolicyNotMet (ValueError)       no release of this table meets the policy; carries the nearest that can
    ├── ApprovalRefused (ValueError)    an approval is of another policy or input, or asks to change the policy
    ├── VerificationFailed (ValueError) a release was regrouped and does not meet its promise
    ├── UpdateError (ValueError)        a model or an update of one is malformed, or does not fit the others
    ├── TooFewUpdates (ValueError)      a round has fewer good updates than its rule needs
    ├── LedgerError                     a ledger or its anchor is missing, damaged, or cannot be written
    │   └── BudgetExhausted             a budget is too small for the request
    └── SecureAggregationError          a step of secure aggregation was refused; nothing was revealed by it
        ├── TooFewSurvivors             fewer nodes are left than the threshold asks for
        └── TamperedMessage             a node's message was changed on its way; names the node

Messages say what was asked, what is true and what to do. They name columns, limits and counts of at least k;
never a cell value: an error is a release too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

from shoal_engine.wording import share_text


class ShoalError(Exception):
    """Root of all errors of this package."""


class PolicyError(ShoalError, ValueError):
    """The policy cannot be read or contradicts itself."""


@dataclass(frozen=True, slots=True)
class UndecidedColumn:
    """Profile of a column that nobody has decided on: shares, never a value.

    Attributes
    ----------
    name : str
    present : bool
        The table has the column.
    distinct : float or None
        Distinct values / rows, null counted as a value; None where values cannot be compared.
    separation : float or None
        Share of the pairs of rows that differ in the column.
    proposal : str or None
        Proposal of the policy: identifier, quasi_identifier or sensitive.
    """

    name: str
    present: bool
    distinct: float | None
    separation: float | None
    proposal: str | None

    def __str__(self) -> str:
        """Return one line."""
        if not self.present:
            seen = "not in this table"
        elif self.distinct is None or self.separation is None:
            seen = "its values cannot be compared"
        else:
            seen = (
                f"{share_text(self.distinct)} of values distinct, {share_text(self.separation)} of row pairs told apart"
            )
        return f"{self.name}: {seen}; proposed: {self.proposal or 'nothing'}"


class UndecidedColumns(PolicyError):  # noqa: N818
    """Nobody has decided on some columns of the policy, so nothing is released.

    Attributes
    ----------
    columns : tuple of UndecidedColumn
    """

    def __init__(self, columns: Sequence[UndecidedColumn]) -> None:
        self.columns = tuple(columns)
        many = f"{len(columns)} columns are" if len(columns) != 1 else "1 column is"
        lines = "".join(f"\n  {column}" for column in columns)
        super().__init__(
            f"{many} undecided, and nothing is released before a person decides:{lines}\n"
            "Move each from [undecided.COLUMN] to [quasi_identifier.COLUMN] where others may know it, "
            "[sensitive.COLUMN] where nobody should learn it, [identifier.COLUMN] to drop it, or [insensitive.COLUMN] "
            "if you are sure that nobody can know it."
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle with the columns."""
        return UndecidedColumns, (self.columns,)


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


class ForkError(ShoalError, RuntimeError):
    """The process was forked after shoal or Polars began work; the request would never end."""


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


class ApprovalRefused(ShoalError, ValueError):  # noqa: N818 - named for what is true
    """An approval is of another policy or input, or asks to change the policy; nothing is released."""


class VerificationFailed(ShoalError, ValueError):  # noqa: N818
    """A release was regrouped from its own rows and does not meet its promise."""


class UpdateError(ShoalError, ValueError):
    """A model or an update of one is malformed, or does not fit the others."""


class TooFewUpdates(ShoalError, ValueError):  # noqa: N818
    """A round has fewer good updates than its rule needs.

    Attributes
    ----------
    records : tuple of UpdateRecord
        Record of each update that was observed, by node: why it was rejected, or that there were too few.
    """

    def __init__(self, message: str, *, records: tuple[Any, ...] = ()) -> None:
        super().__init__(message)
        self.records = records

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle with the records."""
        return partial(TooFewUpdates, records=self.records), self.args


class LedgerError(ShoalError):
    """A ledger or its anchor is missing, damaged, tampered with, or cannot be read or written."""


class BudgetExhausted(LedgerError):  # noqa: N818
    """A budget is too small for the request; nothing was charged.

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
        """Pickle with the request, for other processes."""
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

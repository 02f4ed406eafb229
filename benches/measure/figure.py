"""A figure: what was measured, how it was measured, and the mark that it should reach."""

from dataclasses import dataclass
from typing import Literal

from benches.measure.clock import Cost


@dataclass(frozen=True)
class Options:
    """What a section is asked for.

    Attributes
    ----------
    rows : int, optional
        Rows of the section's table; its own number unless given.
    runs : int, optional
        Runs of which medians are taken; the section's own number unless given.
    """

    rows: int | None = None
    runs: int | None = None

    def rows_or(self, usual: int) -> int:
        """Return the rows that were asked for, else the usual number."""
        return self.rows or usual

    def runs_or(self, usual: int) -> int:
        """Return the runs that were asked for, else the usual number."""
        return self.runs or usual


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes
    ----------
    what : str
    value : float
    unit : str
    mark : float, optional
        What it should reach.
    better : "more" | "less"
        On which side of the mark it should lie.
    cost : Cost, optional
        Of one run of what is ours.
    note : str
        What a reader must know to understand the value.
    """

    what: str
    value: float
    unit: str
    mark: float | None = None
    better: Literal["more", "less"] = "more"
    cost: Cost | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Return whether the mark is reached; None without a mark."""
        if self.mark is None:
            return None
        return self.value >= self.mark if self.better == "more" else self.value <= self.mark

"""The aggregates of private queries, each once.

`shoal.dp` has a function of each name and `shoal query` an option of each; the union `Aggregate` has the kinds.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class AggregateEntry:
    """An aggregate as it is asked for.

    Attributes
    ----------
    kinds : tuple of str
        Classes of the engine that calculate it.
    form : str
        Value of its option; a flag where it is empty.
    text : str
        Help of its option.
    """

    kinds: tuple[str, ...]
    form: str
    text: str


AGGREGATES: Final = {
    "count": AggregateEntry(("Count", "Present"), "[COL]", "Number of rows per group, or of values in COL"),
    "sum": AggregateEntry(("Sum",), "COL:LO:HI", "Sum, with values clamped to LO and HI"),
    "mean": AggregateEntry(("Mean",), "COL:LO:HI", "Mean"),
    "variance": AggregateEntry(("Variance",), "COL:LO:HI", "Variance"),
    "std": AggregateEntry(("Std",), "COL:LO:HI", "Standard deviation"),
    "quantile": AggregateEntry(("Quantile",), "COL:Q:LO:HI", "Quantile, Q from 0 to 1"),
    "n_unique": AggregateEntry(("DistinctCount",), "COL", "Number of distinct values"),
    "count_outside": AggregateEntry(("OutsideBounds",), "COL:LO:HI", "Number of values outside LO and HI"),
    "count_clipped": AggregateEntry(("ClippedUnits",), "", "Number of units with dropped rows, in the whole table"),
}
"""By the name of its function, in the order of answers."""

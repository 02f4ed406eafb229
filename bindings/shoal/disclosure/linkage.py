"""`linkage_risk`: share of masked records that can be linked to their original records."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import polars as pl

from shoal.io.frames import IntoFrame, into_lazy
from shoal.io.observing import collected, column_list
from shoal_engine.errors import PolicyError


@dataclass(frozen=True, slots=True)
class LinkageRisk:
    """Result of record linkage by an intruder who holds the original records.

    Attributes
    ----------
    method : str
    rows : int
    share : float
        Share of records linked to their own masked record; ties are split.
    by_chance : float
        The same for random guessing: 1 / rows.
    chance : pl.Series
        Probability of a correct link for each row: 1 / best candidates if the own record is among them, else 0.
    """

    method: str
    rows: int
    share: float
    by_chance: float
    chance: pl.Series = field(repr=False)


def linkage_risk(
    original: IntoFrame,
    masked: IntoFrame,
    columns: Sequence[str],
    *,
    method: Literal["distance", "probability", "interval"] = "distance",
    width: float = 0.05,
) -> LinkageRisk:
    """Measure the share of masked records that are linked to their original records.

    Parameters
    ----------
    original, masked : frame, table or path
        The same rows in the same order, as transforms keep them. The rows of
        `anonymize` are shuffled and cannot be compared this way.
    columns : sequence of str
        Columns that the intruder knows.
    method : "distance" | "probability" | "interval"
        distance: the nearest masked record, columns standardized as the original ones (Domingo-Ferrer, Torra
        2001); numbers without nulls. probability: the pattern of agreement with the highest match weight
        (Fellegi, Sunter 1969), weights by expectation maximization; values of any type that agree or not, a
        null agrees with a null. interval: the original lies within `width` standard deviations of its own masked
        record in every column, as in sdcMicro's dRisk; numbers without nulls.
    width : float
        Half-width for interval, in standard deviations, at least 0.

    Raises
    ------
    ColumnError, InputError
        A column is missing or of a type that the method cannot take, the tables have no rows or differ in
        number, or the tables are too large for `method="probability"`.
    PolicyError
        `columns` is empty or has duplicates, the method is unknown, or the width is below 0.

    Examples
    --------
    >>> import polars as pl, shoal
    >>> people = pl.DataFrame({"age": [20, 22, 24, 60, 62, 64]})
    >>> grouped = shoal.microaggregate(people, ["age"], k=3)
    >>> round(shoal.linkage_risk(people, grouped, ["age"]).share, 3)
    0.333
    """
    from shoal_engine.risk import linkage

    names = column_list(columns)
    if method not in ("distance", "probability", "interval"):
        msg = f"there is no method {method!r}; choose one of distance, probability, interval"
        raise PolicyError(msg)
    if not width >= 0:
        msg = f"width = {width}; give a number of standard deviations of at least 0"
        raise PolicyError(msg)
    first, then = (collected(into_lazy(frame), names) for frame in (original, masked))
    linkage.check_rows(first.height, then.height)
    arrays = [[_arrow(table[name]) for name in names] for table in (first, then)]
    if method == "probability":
        codes = [linkage.common_codes(name, *pair) for name, *pair in zip(names, *arrays, strict=True)]
        chance = linkage.by_probability(*linkage.as_matrices(codes))
    else:
        numbers = [
            [linkage.numbers_of(name, array) for name, array in zip(names, table, strict=True)] for table in arrays
        ]
        before, after = linkage.as_matrices(list(zip(*numbers, strict=True)))
        chance = (
            linkage.by_distance(before, after) if method == "distance" else linkage.by_interval(before, after, width)
        )
    rows = first.height
    return LinkageRisk(method, rows, float(chance.mean()), 1 / rows, pl.Series("chance", chance))


def _arrow(series: pl.Series) -> Any:
    """Return a series as an Arrow array."""
    return series.to_arrow(compat_level=pl.CompatLevel.newest())

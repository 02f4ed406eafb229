"""Transforms of columns: microaggregation, top and bottom coding, rounding, PRAM, rank swapping and noise.

A policy can also contain these transforms; classes are then formed over the transformed values.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from shoal.io.frames import IntoFrame, into_lazy, rebuilt_frame
from shoal_engine.transforming.specs import (
    Microaggregate,
    Noise,
    PostRandomize,
    RankSwap,
    Round,
    TopBottom,
    Transform,
)

if TYPE_CHECKING:
    from shoal_engine.transforming.coded_columns import CodedColumn


@dataclass(frozen=True, slots=True)
class Transformed:
    """A table with transformed columns, and the information loss.

    Attributes
    ----------
    frame : pl.DataFrame
        All columns, rows in order, categories as text; also exported through the Arrow PyCapsule interface.
    changed : mapping of str to float
        Share of rows whose value changed, by transformed column.
    loss_percent : float or None
        100 SSE / SST over the standardized transformed columns: variance lost or added, in percent. None if a
        column is not numeric, or all are constant.
    """

    frame: pl.DataFrame = field(repr=False)
    changed: Mapping[str, float]
    loss_percent: float | None

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Export the rows as a stream of record batches."""
        return self.frame.__arrow_c_stream__(requested_schema)


def microaggregate(
    frame: IntoFrame,
    columns: Sequence[str],
    *,
    k: int,
    method: Literal["mdav", "v-mdav", "univariate"] = "mdav",
    aggregate: Literal["mean", "median"] = "mean",
    gain: float = 0.2,
) -> Transformed:
    """Replace numbers by the mean or median of groups of at least `k` similar rows.

    Columns are grouped together, standardized; one by one with the univariate method. Numbers become Float64;
    dates stay dates, rounded down. A null stays null, and rows with the same columns null are grouped among
    themselves; if fewer than `k` rows share a pattern of nulls, all of their values become null. Ties between
    equal rows are broken by row order; otherwise row order does not matter.

    Parameters
    ----------
    frame : frame, table or path
    columns : sequence of str
        Columns of numbers or dates.
    k : int
        Minimum number of rows of a group, at least 2.
    method : "mdav" | "v-mdav" | "univariate"
        Groups of k to 2k - 1 rows by maximum distance to the average; of variable size; or optimal groups
        for each column separately.
    aggregate : "mean" | "median"
    gain : float
        Only for v-mdav: gain factor for groups to grow beyond `k`; 0.2 for scattered data, 1.1 for clustered.

    Raises
    ------
    ColumnError, InputError, PolicyError, PolicyNotMet
        A column is missing or not of finite numbers, the table has no rows, a parameter is out of range, or
        fewer than `k` rows have numbers.

    References
    ----------
    Domingo-Ferrer, Torra (2005), Ordinal, continuous and heterogeneous k-anonymity through microaggregation.
    Solanas, Martinez-Balleste (2006), V-MDAV. Hansen, Mukherjee (2003), A polynomial algorithm for optimal
    univariate microaggregation.

    Examples
    --------
    >>> import polars as pl, shoal
    >>> people = pl.DataFrame({"age": [20, 22, 24, 60, 62, 64], "pay": [1, 2, 3, 7, 8, 9]})
    >>> shoal.microaggregate(people, ["age", "pay"], k=3).frame.rows()
    [(22.0, 2.0), (22.0, 2.0), (22.0, 2.0), (62.0, 8.0), (62.0, 8.0), (62.0, 8.0)]
    """
    return _transformed(
        frame, columns, Microaggregate(k=k, method=method, aggregate=aggregate, gain=gain, group="together")
    )


def top_bottom_code(
    frame: IntoFrame, columns: Sequence[str], *, lower: float | None = None, upper: float | None = None
) -> Transformed:
    """Clip numbers to a lower and an upper bound; integers stay integers if the bounds are.

    Raises
    ------
    ColumnError, InputError, PolicyError
        A column is missing or not of finite numbers, the table has no rows, or there is no bound.

    Examples
    --------
    >>> import polars as pl, shoal
    >>> shoal.top_bottom_code(pl.DataFrame({"age": [3, 40, 99]}), ["age"], upper=90).frame["age"].to_list()
    [3, 40, 90]
    """
    return _transformed(frame, columns, TopBottom(lower=lower, upper=upper))


def round_values(frame: IntoFrame, columns: Sequence[str], *, base: float, random: bool = False) -> Transformed:
    """Round numbers to multiples of `base`; integers stay integers if the base is.

    Halves go to the even multiple. With `random`, a number goes to one of its two adjacent multiples, so that its
    expectation is unchanged.

    Raises
    ------
    ColumnError, InputError, PolicyError
        A column is missing or not of finite numbers, the table has no rows, or the base is not above 0.

    Examples
    --------
    >>> import polars as pl, shoal
    >>> shoal.round_values(pl.DataFrame({"age": [21, 25, 29]}), ["age"], base=10).frame["age"].to_list()
    [20, 20, 30]
    """
    return _transformed(frame, columns, Round(base=base, random=random))


def post_randomize(frame: IntoFrame, columns: Sequence[str], *, pd: float, alpha: float = 0.5) -> Transformed:
    """Replace values at random by others of their column, with unchanged expected frequencies (PRAM).

    Each column is changed separately, of any type; a null stays null.

    Parameters
    ----------
    frame : frame, table or path
    columns : sequence of str
    pd : float
        Probability that the first of two stages keeps a value; above 0, at most 1.
    alpha : float
        Probability that a row enters the stages; 0 to 1.

    Raises
    ------
    ColumnError, InputError, PolicyError
        A column is missing, the table has no rows, or a probability is out of range.

    References
    ----------
    Gouweleeuw, Kooiman, Willenborg, de Wolf (1998), Post randomisation for statistical disclosure control,
    Journal of Official Statistics 14(4).

    Examples
    --------
    >>> import polars as pl, shoal
    >>> people = pl.DataFrame({"job": ["cook", "smith"] * 500})
    >>> 0.1 < shoal.post_randomize(people, ["job"], pd=0.8).changed["job"] < 0.25
    True
    """
    return _transformed(frame, columns, PostRandomize(pd=pd, alpha=alpha))


def swap_ranks(frame: IntoFrame, columns: Sequence[str], *, share: float) -> Transformed:
    """Swap values between rows whose ranks differ by at most `share` of the rows.

    Each column is swapped separately, of any ordered type; a null stays null. Frequencies do not change.

    Raises
    ------
    ColumnError, InputError, PolicyError, PolicyNotMet
        A column is missing, the table has no rows, or the share is out of range or less than one rank.

    References
    ----------
    Moore (1996), Controlled data-swapping techniques for masking public use microdata sets.

    Examples
    --------
    >>> import polars as pl, shoal
    >>> swapped = shoal.swap_ranks(pl.DataFrame({"age": range(100)}), ["age"], share=0.05).frame["age"]
    >>> sorted(swapped) == list(range(100)), int((swapped - pl.Series(range(100))).abs().max()) <= 5
    (True, True)
    """
    return _transformed(frame, columns, RankSwap(share=share))


def add_noise(
    frame: IntoFrame,
    columns: Sequence[str],
    *,
    variance: float,
    method: Literal["additive", "correlated"] = "additive",
    preserve: bool = False,
) -> Transformed:
    """Add normal noise to numbers; a null stays null. This is not differential privacy.

    Numbers become Float64; dates stay dates, rounded down.

    Parameters
    ----------
    frame : frame, table or path
    columns : sequence of str
        Columns of numbers or dates.
    variance : float
        Variance of the noise relative to that of the column; above 0.
    method : "additive" | "correlated"
        Independent between columns, or with the correlations of the columns.
    preserve : bool
        Whether to shrink the result towards the mean, which preserves the expected mean and (co)variances.

    Raises
    ------
    ColumnError, InputError, PolicyError
        A column is missing or not of finite numbers, the table has no rows, or the variance is not above 0.

    References
    ----------
    Kim (1986), A method for limiting disclosure in microdata based on random noise and transformation.

    Examples
    --------
    >>> import polars as pl, shoal
    >>> 5 < shoal.add_noise(pl.DataFrame({"age": range(1000)}), ["age"], variance=0.1).loss_percent < 15
    True
    """
    return _transformed(frame, columns, Noise(variance=variance, method=method, preserve=preserve, group="together"))


def _transformed(frame: IntoFrame, columns: Sequence[str], transform: Transform) -> Transformed:
    """Transform columns of a frame as a policy does."""
    from shoal.io.observing import collected, column_list
    from shoal_engine.anonymity.policy.policy import Policy
    from shoal_engine.anonymity.policy.roles import QuasiIdentifier
    from shoal_engine.transforming.applying import apply_transforms, changed_share, loss_percent
    from shoal_engine.transforming.specs import grouped_columns

    # A policy checks the ranges of all parameters.
    names = column_list(columns)
    policy = Policy(k=2, quasi_identifiers={name: QuasiIdentifier(transform=transform) for name in names})
    table = collected(into_lazy(frame), names)
    before = {name: _encoded(table[name]) for name in names}
    after, _ = apply_transforms(before, grouped_columns(policy.quasi_identifiers))
    keeps_type = isinstance(transform, (PostRandomize, RankSwap))
    released = [_series(column, table.schema[name] if keeps_type else None) for name, column in after.items()]
    return Transformed(
        frame=rebuilt_frame(table.with_columns(released)),
        changed={name: changed_share(before[name], after[name]) for name in before},
        loss_percent=loss_percent(list(before.values()), list(after.values())),
    )


def _encoded(series: pl.Series) -> "CodedColumn":
    """Encode a column for transforms."""
    from shoal_engine.transforming.coded_columns import encode

    array: Any = series.to_arrow(compat_level=pl.CompatLevel.newest())
    return encode(series.name, array)


def _series(column: "CodedColumn", dtype: "pl.DataType | None") -> pl.Series:
    """Return a column as a series, cast to its former type if `dtype` is given."""
    series = pl.Series(column.name, column.to_arrow())
    return series if dtype is None else series.cast(dtype)

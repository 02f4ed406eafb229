"""``pl.col("age").shoal``: bounds, midpoints and membership of labels, as Polars expressions."""

import datetime as dt

import polars as pl

_INTERVAL = r"(?s)^\[(.*), (.*)[\])]$"
_BELOW, _ABOVE = r"^<([^=].*)$", r"^>=(.+)$"


@pl.api.register_expr_namespace("shoal")
class ShoalExpr:
    """What the labels of a released column allow.

    Labels are single values, intervals ``[20, 29]``, half-open ones ``[20, 30)``, ``<20``, ``>=80``, sets ``{a, b}``
    and ``*``. Names of hierarchy nodes and masks are read as single values: only a policy says what they cover; see
    `shoal.estimate`.

    Examples
    --------
    >>> labels = pl.DataFrame({"age": ["[20, 29]", "34", "*"]})
    >>> labels.select(pl.col("age").shoal.midpoint()).to_series().to_list()
    [24.5, 34.0, None]
    """

    def __init__(self, column: pl.Expr) -> None:
        self._label = column.cast(pl.String)

    def bounds(self, dtype: type[pl.DataType] | pl.DataType = pl.Float64) -> pl.Expr:
        """Return the ends of each label of one column as a struct of lower and upper; null where there is no end.

        Parameters
        ----------
        dtype : pl.DataType
            Type of the values: a number, `pl.Date` or `pl.Datetime`.

        Examples
        --------
        >>> labels = pl.DataFrame({"age": ["[20, 29]", "34", ">=80"]})
        >>> labels.select(pl.col("age").shoal.bounds(pl.Int64)).unnest("age").rows()
        [(20, 29), (34, 34), (80, None)]
        """
        lower, upper = self._ends()
        ends = pl.struct(_typed(lower, dtype).alias("lower"), _typed(upper, dtype).alias("upper"))
        return ends.name.keep()

    def midpoint(self, dtype: type[pl.DataType] | pl.DataType = pl.Float64) -> pl.Expr:
        """Return the middle of each label's ends; null where an end is missing.

        Parameters
        ----------
        dtype : pl.DataType
            Type of the values: a number, `pl.Date` or `pl.Datetime`.
        """
        lower, upper = (_typed(end, dtype) for end in self._ends())
        return (lower + (upper - lower) / 2).name.keep()

    def contains(self, value: int | float | str | dt.date | dt.datetime | dt.time) -> pl.Expr:
        """Return whether each label allows a value; null for a null label.

        Parameters
        ----------
        value : int, float, str, date, datetime or time
            Text is looked for among members of sets, other values also within intervals.

        Examples
        --------
        >>> labels = pl.DataFrame({"job": ["{cook, nurse}", "cook", "*", "clerk"]})
        >>> labels.select(pl.col("job").shoal.contains("nurse")).to_series().to_list()
        [True, False, True, False]
        """
        text = _text(value)
        named = (self._label == "*") | (self._label == text)
        inner = ", " + self._label.str.slice(1, self._label.str.len_chars() - 2) + ", "
        named |= self._label.str.starts_with("{") & inner.str.contains(f", {text}, ", literal=True)
        if isinstance(value, str):
            return named.name.keep()
        lower, upper = self._ends()
        if isinstance(value, int | float):
            lower, upper = _typed(lower, pl.Float64), _typed(upper, pl.Float64)
        end: pl.Expr = pl.lit(value if isinstance(value, int | float) else text)
        half_open = self._label.str.ends_with(")") | self._label.str.contains(_BELOW)
        below = pl.when(half_open).then(end < upper).otherwise(end <= upper)
        bounded = lower.is_not_null() | upper.is_not_null()
        within = bounded & (lower.is_null() | (lower <= end)) & (upper.is_null() | below)
        return pl.when(self._label.is_null()).then(None).otherwise(named | within.fill_null(value=False)).name.keep()

    def _ends(self) -> tuple[pl.Expr, pl.Expr]:
        """Return the texts of the lower and the upper end."""
        single = pl.when(~self._label.str.contains(r"^[\[{<]|^>=|^\*$")).then(self._label)
        # No function of several columns: those of `pl.col("a", "b")` would be mixed.
        lower, upper = (self._label.str.extract(_INTERVAL, group) for group in (1, 2))
        lower = lower.fill_null(self._label.str.extract(_ABOVE, 1)).fill_null(single)
        upper = upper.fill_null(self._label.str.extract(_BELOW, 1)).fill_null(single)
        return lower, upper


def _typed(text: pl.Expr, dtype: type[pl.DataType] | pl.DataType) -> pl.Expr:
    """Return texts as values; null where a text is not one."""
    if dtype == pl.Date:
        return text.str.to_date("%Y-%m-%d", strict=False)
    if dtype == pl.Datetime:
        return text.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
    return text.cast(dtype, strict=False)


def _text(value: int | float | str | dt.date | dt.datetime | dt.time) -> str:
    """Return a value as labels write it."""
    if isinstance(value, dt.datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.%f")
    return str(value)

"""What can be seen in a column: types, shares, shapes and known values; never a value itself."""

from dataclasses import dataclass, field

import polars as pl

from shoal.profile import numbers as _look_numbers
from shoal.profile import shapes as _look_shapes
from shoal.profile.vocabulary import concepts_of, known_share

SHAPED_ROWS = 20_000
"""Values of a column that are held against the patterns."""
_VOCABULARIES = ("sex", "marital_status", "yes_no", "months", "countries")
_KNOWN_VALUES = 300
"""A column of more distinct values is none of a known vocabulary."""
_MOSTLY = 0.8
_NEARLY_ALL = 0.95
_FEW = 5
"""Fewer distinct values may pass as telephone numbers by chance."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a column; shares are of its values, nulls left out.

    Attributes
    ----------
    distinctness : float or None
        Distinct values / rows, a null counted as a value; None where values cannot be compared.
    separation : float or None
        Share of the pairs of rows that the column tells apart.
    unique : float or None
        Share of the rows that no other row equals in this column.
    nulls : float
        Share of the rows without a value.
    rows, values, distinct : int
        Rows; rows with a value; distinct values, a null not counted.
    shapes : dict of str to float
        Share of each of `_look_shapes.SHAPES`; empty for columns that are not text or integers.
    known : dict of str to float
        Share of values of each vocabulary, such as words for sexes and countries.
    length : float
        Mean number of characters; 0 for columns that are not text.
    numbered : float
        Share of texts with five digits or more.
    low, high : float or None
        Ends of a numeric column.
    fine : float
        Share of floats with three decimals or more; 0 for other types.
    whole : bool
        Whether all values are whole numbers, as floats are where a table had nulls.
    register : str or None
        The national number that the values are.
    phones : bool
        Whether values pass as telephone numbers.
    """

    name: str
    dtype: pl.DataType
    rows: int
    distinctness: float | None = None
    separation: float | None = None
    unique: float | None = None
    nulls: float = 0.0
    values: int = 0
    distinct: int = 0
    shapes: dict[str, float] = field(default_factory=dict)
    known: dict[str, float] = field(default_factory=dict)
    length: float = 0.0
    numbered: float = 0.0
    low: float | None = None
    high: float | None = None
    fine: float = 0.0
    whole: bool = False
    register: str | None = None
    phones: bool = False

    @property
    def concepts(self) -> frozenset[str]:
        """Return what the column's name speaks of."""
        return concepts_of(self.name)

    @property
    def is_text(self) -> bool:
        """Return whether values are text."""
        return is_text(self.dtype)

    def has(self, *shapes: str, least: float = _MOSTLY) -> bool:
        """Return whether the values that have one of these shapes are at least so large a share."""
        return sum(self.shapes.get(shape, 0.0) for shape in shapes) >= least


def is_text(dtype: pl.DataType) -> bool:
    """Return whether values of a type are text."""
    return dtype == pl.String or isinstance(dtype, pl.Categorical | pl.Enum)


def gather(column: pl.Series) -> Evidence:
    """Return what can be seen in one column of at least one row."""
    rows, nulls = len(column), column.null_count()
    seen: dict[str, object] = {"nulls": nulls / rows, "values": rows - nulls}
    if not (column.dtype.is_nested() or isinstance(column.dtype, pl.Object | pl.Null)):
        counts = column.unique_counts().cast(pl.Float64)
        pairs = rows * (rows - 1.0)
        seen["distinctness"] = len(counts) / rows
        seen["separation"] = 1.0 - float((counts * (counts - 1.0)).sum()) / pairs if rows > 1 else 0.0
        seen["unique"] = float((counts == 1).sum()) / rows
        seen["distinct"] = len(counts) - (nulls > 0)
    if rows > nulls and (column.dtype.is_numeric() or is_text(column.dtype)):
        step = -(-(rows - nulls) // SHAPED_ROWS)
        some = column.drop_nulls().gather_every(step)
        seen |= _of_text(some) if is_text(column.dtype) else _of_numbers(column, some)
    return Evidence(column.name, column.dtype, rows, **seen)  # pyright: ignore[reportArgumentType]


def _of_text(some: pl.Series) -> dict[str, object]:
    """Return what the values of a text column show."""
    counts = _look_shapes.counted(some)
    told = counts.filter(~pl.col("text").is_in(_look_shapes.NULL_TEXTS))
    counts = told if told.height else counts
    shapes = _look_shapes.shares_of(counts)
    weight = pl.col("rows") / pl.col("rows").sum()
    length, numbered = counts.select(
        (pl.col("text").str.len_chars() * weight).sum(),
        ((pl.col("text").str.count_matches(r"\d") >= 5) * weight).sum().alias("numbered"),
    ).row(0)
    ends: dict[str, object] = {}
    if shapes["fraction"] >= _NEARLY_ALL:
        number = (
            counts.get_column("text").str.replace(",", ".", literal=True).cast(pl.Float64, strict=False).drop_nulls()
        )
        ends = _of_numbers(number, number) if len(number) == counts.height else {}
    known = {}
    if counts.height <= _KNOWN_VALUES:
        pairs = list(counts.iter_rows())
        known = {concept: known_share(pairs, concept) for concept in _VOCABULARIES}
    return (
        ends
        | {"shapes": shapes, "length": length, "numbered": numbered, "known": known}
        | _of_registers(counts, shapes)
    )


def _of_numbers(column: pl.Series, some: pl.Series) -> dict[str, object]:
    """Return what the values of a numeric column show."""
    low, high = column.min(), column.max()
    seen: dict[str, object] = {
        "low": None if low is None else float(low),  # pyright: ignore[reportArgumentType]
        "high": None if high is None else float(high),  # pyright: ignore[reportArgumentType]
    }
    if column.dtype.is_integer():
        counts = _look_shapes.counted(some)
        shapes = _look_shapes.shares_of(counts)
        digits = counts.select(((pl.col("text").str.len_chars() >= 5) * pl.col("rows")).sum() / pl.col("rows").sum())
        return seen | {"whole": True, "shapes": shapes, "numbered": digits.item()} | _of_registers(counts, shapes)
    if not column.dtype.is_float():
        return seen
    real = some.filter(some.is_finite())
    if not len(real):
        return seen
    whole = bool((real == real.round()).all())
    thousandths = real * 100
    fine = float((abs(thousandths - thousandths.round()) > 1e-6).sum()) / len(real)
    return seen | {"whole": whole, "fine": fine, "numbered": float((real.abs() >= 10_000).sum()) / len(real)}


def _of_registers(counts: pl.DataFrame, shapes: dict[str, float]) -> dict[str, object]:
    """Return whether values are national or telephone numbers; only those that may be are looked at."""
    if max(shapes[shape] for shape in ("date", "date_other", "date_digits", "date_named")) >= _MOSTLY:
        return {}
    found: dict[str, object] = {}
    text = counts.get_column("text")
    if shapes["national_id"] >= _MOSTLY and counts.height >= 3:
        found["register"] = _look_numbers.national_number(_some(text))
    digits = shapes["phone_digits"] if counts.height >= _FEW else 0.0
    if shapes["phone"] + digits >= _MOSTLY:
        found["phones"] = _look_numbers.is_phone(_some(text))
    return found


def _some(text: pl.Series) -> list[str]:
    """Return a bounded sample of distinct values."""
    return text.gather_every(-(-len(text) // _look_numbers.SAMPLE)).to_list()

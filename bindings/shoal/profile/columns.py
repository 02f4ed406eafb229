"""Statistics of columns: type, shares, shapes and known values, and the rows that sets of them make unique."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import polars as pl

from shoal.profile.numbers import SAMPLE, is_phone, national_number
from shoal.profile.shapes import NULL_TEXTS, counted, shares_of
from shoal.profile.vocabulary import concepts_of, known_share

SHAPED_ROWS = 20_000
"""Values of a column that are matched against the patterns."""
_VOCABULARIES = ("sex", "marital_status", "yes_no", "months", "countries")
_KNOWN_VALUES = 300
"""A column with more distinct values is not matched against vocabularies."""
_MOSTLY = 0.8
_NEARLY_ALL = 0.95
_FEW = 5
"""Fewer distinct values may pass as telephone numbers by coincidence."""
_COMBINED_COLUMNS = 10


@dataclass(frozen=True, slots=True)
class Evidence:
    """Statistics of one column; shares refer to its values without nulls, unless stated otherwise.

    Attributes
    ----------
    distinctness : float or None
        Distinct values / rows, with null as a value; None if values cannot be compared.
    separation : float or None
        Share of row pairs that differ in this column.
    unique : float or None
        Share of rows whose value is unique.
    nulls : float
        Share of rows that are null.
    rows, values, distinct : int
        Number of rows, of rows with a value, and of distinct values without null.
    shapes : dict of str to float
        Share of each of `shapes.SHAPES`; empty for columns that are not text or integers.
    known : dict of str to float
        Share of values in each vocabulary, such as words for sexes and countries.
    length : float
        Mean number of characters; 0 for columns that are not text.
    numbered : float
        Share of texts with at least five digits.
    low, high : float or None
        Minimum and maximum of a numeric column.
    fine : float
        Share of floats with at least three decimals; 0 for other types.
    whole : bool
        Whether all values are integers, possibly stored as floats because of nulls.
    register : str or None
        Kind of national number that the values pass as.
    phones : bool
        Whether the values pass as telephone numbers.
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
        """Return the concepts that the column's name refers to."""
        return concepts_of(self.name)

    @property
    def is_text(self) -> bool:
        """Return whether values are text."""
        return is_text(self.dtype)

    def has(self, *shapes: str, least: float = _MOSTLY) -> bool:
        """Return whether at least the share `least` of values has one of these shapes."""
        return sum(self.shapes.get(shape, 0.0) for shape in shapes) >= least


def is_text(dtype: pl.DataType) -> bool:
    """Return whether values of a type are text."""
    return dtype == pl.String or isinstance(dtype, pl.Categorical | pl.Enum)


def gather(column: pl.Series) -> Evidence:
    """Compute the statistics of one column of at least one row."""
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
    """Compute the statistics of a text column."""
    counts = counted(some)
    known_texts = counts.filter(~pl.col("text").is_in(NULL_TEXTS))
    counts = known_texts if known_texts.height else counts
    shapes = shares_of(counts)
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
    """Compute the statistics of a numeric column."""
    low, high = column.min(), column.max()
    seen: dict[str, object] = {
        "low": None if low is None else float(low),  # pyright: ignore[reportArgumentType]
        "high": None if high is None else float(high),  # pyright: ignore[reportArgumentType]
    }
    if column.dtype.is_integer():
        counts = counted(some)
        shapes = shares_of(counts)
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
    """Return whether values are national or telephone numbers; checked only if their shapes allow it."""
    if max(shapes[shape] for shape in ("date", "date_other", "date_digits", "date_named")) >= _MOSTLY:
        return {}
    found: dict[str, object] = {}
    text = counts.get_column("text")
    if shapes["national_id"] >= _MOSTLY and counts.height >= 3:
        found["register"] = national_number(_some(text))
    digits = shapes["phone_digits"] if counts.height >= _FEW else 0.0
    if shapes["phone"] + digits >= _MOSTLY:
        found["phones"] = is_phone(_some(text))
    return found


def _some(text: pl.Series) -> list[str]:
    """Return a bounded sample of distinct values."""
    return text.gather_every(-(-len(text) // SAMPLE)).to_list()


def unique_share(table: pl.DataFrame, names: Sequence[str]) -> float | None:
    """Return the share of unique rows on a set of columns; None without columns.

    Rows are compared by a 64-bit hash: among a million rows, two different ones collide with probability 3e-8.
    """
    useful = [name for name in names if table.schema[name] != pl.Null]
    if not useful:
        return 0.0 if names and table.height > 1 else None
    return float(table.select(useful).hash_rows(seed=0).is_unique().sum()) / table.height


def riskiest(table: pl.DataFrame, candidates: Sequence[Evidence]) -> pl.DataFrame:
    """Return pairs and triples of candidates with their share of unique rows, the riskiest first.

    The work is bounded: only the `_COMBINED_COLUMNS` candidates with most differing row pairs are combined.
    """
    ranked = sorted(candidates, key=lambda seen: -(seen.separation or 0.0))[:_COMBINED_COLUMNS]
    names = [seen.name for seen in candidates if seen in ranked]
    chosen = [set_ for size in (2, 3) for set_ in combinations(names, size)]
    schema: dict[str, Any] = {
        "columns": pl.List(pl.String),
        "unique_rows": pl.Float64,
        "separation": pl.Float64,
    }
    if not chosen:
        return pl.DataFrame(schema=schema)
    coded = table.select(_code(table[name]).alias(name) for name in names)
    figures: list[pl.Expr] = []
    for number, set_ in enumerate(chosen):
        n = _packed(set_).unique_counts().cast(pl.Float64)
        figures += [(n == 1).sum().alias(f"unique {number}"), (n * (n - 1.0)).sum().alias(f"alike {number}")]
    row = coded.lazy().select(figures).collect().row(0)
    pairs = max(1.0, table.height * (table.height - 1.0))
    found = [
        (list(set_), unique / table.height, 1.0 - alike / pairs if table.height > 1 else 0.0)
        for set_, unique, alike in zip(chosen, row[0::2], row[1::2], strict=True)
    ]
    order = ["unique_rows", "separation", pl.col("columns").list.join("\n")]
    return pl.DataFrame(found, schema=schema, orient="row").sort(order, descending=[True, True, False])


def _packed(names: Sequence[str]) -> pl.Expr:
    """Return a packed key of the codes of up to three columns.

    Codes are below 2^20 (at most `_COMBINED_ROWS` values and a null), so three fit into 64 bits.
    """
    return pl.sum_horizontal(pl.col(name).cast(pl.UInt64) * 2 ** (20 * i) for i, name in enumerate(names))


def _code(column: pl.Series) -> pl.Series:
    """Return dense integer codes of the values, 0 for null."""
    return column.rank("dense").fill_null(0)

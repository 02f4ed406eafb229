"""Parts of the labels of a release: ends of an interval, members of a set, or a single value."""

import polars as pl

from shoal.profile import shapes

EVERYTHING = "*"
OLDEST = 89
"""Age in years; older people belong in one category."""
_LABEL = r"^[\[({].*[\])}]$"
_TOP_AGE = r"(?i)^\s*(90\s*(\+|(or|and)\s+(older|over|above|more))|(>=|≥)\s*90|>\s*89)\s*$"
"""The single category of the rule for all older people."""
_OPEN_TOP = r"^\[90, ?(\d+\)|\*[\])]|inf\)|∞\))$"
_FIRST_OF_YEAR, _LAST_OF_YEAR = r"^\d{4}-01-01([T ]00:00(:00(\.0+)?)?)?$", r"^\d{4}-12-31([T ].*)?$"


def parts(counts: pl.DataFrame) -> pl.DataFrame:
    """Return the parts of counted labels: `label` (index), `text` of one part, and `rows` of its label.

    Examples
    --------
    >>> parts(pl.DataFrame({"text": ["[30, 34]", "{a, b}", "c"], "rows": [2.0, 1.0, 1.0]}))["text"].to_list()
    ['30', '34', 'a', 'b', 'c']
    """
    inside = pl.col("text").str.strip_chars("[](){}").str.split(", ")
    listed = pl.when(pl.col("text").str.contains(_LABEL)).then(inside).otherwise(pl.concat_list("text"))
    return counts.select("rows", text=listed).with_row_index("label").explode("text")


def share_of(labels: pl.DataFrame, flag: str) -> float:
    """Return the share of rows whose label has a part that is flagged."""
    by_label = labels.group_by("label").agg(pl.col("rows").first(), pl.col(flag).any())
    return float(by_label.select((pl.col(flag) * pl.col("rows")).sum() / pl.col("rows").sum()).item())


def informative_share(counts: pl.DataFrame) -> float:
    """Return the share of rows whose label is not the root `*`."""
    rows = pl.col("rows")
    informative = (pl.col("text") != EVERYTHING) * rows
    return float(counts.select(informative.sum() / rows.sum()).item())


def shape_shares(counts: pl.DataFrame) -> dict[str, float]:
    """Return, for each shape, the share of rows with a label that contains it."""
    if not counts.get_column("text").str.contains(_LABEL).any():
        return shapes.shares_of(counts)
    listed = parts(counts)
    flags = shapes.flagged(listed)
    return {shape: share_of(flags, shape) if shape in flags.columns else 0.0 for shape in shapes.SHAPES}


def only_years(counts: pl.DataFrame) -> bool:
    """Return whether every date is the first or last day of a year, which stand for years."""
    texts = parts(counts).get_column("text")
    dates = texts.filter(texts.str.contains(shapes.SHAPES["date"][1]))
    ends = dates.str.contains(_FIRST_OF_YEAR) | dates.str.contains(_LAST_OF_YEAR)
    return bool(len(dates)) and bool(ends.all())


def share_above_89(values: pl.Series) -> float:
    """Return the share of ages, or labels of ages, above 89.

    A half-open interval such as ``[85, 90)`` does not include 90; one label may stand for 90 and older.
    """
    if values.dtype != pl.String:
        return float((values > OLDEST).sum()) / len(values)
    counts = shapes.counted(values)
    text = pl.col("text")
    numbers = text.str.extract_all(r"\d+(\.\d+)?").cast(pl.List(pl.Float64))
    # Only one label may begin at 90: two would distinguish older people.
    tops = counts.filter(numbers.list.min() > OLDEST).height
    open_top = text.str.contains(_OPEN_TOP) if tops == 1 else pl.lit(value=False)
    without_end = text.str.ends_with(")") & (numbers.list.last() == OLDEST + 1) & (numbers.list.len() == 2)
    older = numbers.list.max() > pl.when(without_end).then(OLDEST + 1).otherwise(OLDEST)
    flag = (older & ~text.str.contains(_TOP_AGE) & ~open_top).fill_null(value=False)
    return float(counts.select((flag * pl.col("rows")).sum() / pl.col("rows").sum()).item())

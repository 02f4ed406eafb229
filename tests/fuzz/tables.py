"""Tables with the values that break things, and policies for them; built on the ordinary ones of `naive.releases`."""

import datetime as dt
from decimal import Decimal
from typing import Any

import polars as pl
from hypothesis import strategies as st

import shoal
from naive.releases import BOUNDS, CENTER, MEAN, MODELS, PLAIN, SET, Case, Kind

_UTC = dt.UTC
_LINE = [PLAIN, BOUNDS, CENTER]
_WIDE: dict[str, Kind] = {
    "int64": Kind(pl.Int64(), [-(2**63), -1, 0, 1, 2**53, 2**53 + 1, 2**63 - 1], [*_LINE, MEAN, SET]),
    "uint64": Kind(pl.UInt64(), [0, 1, 2**63, 2**64 - 1], [*_LINE, MEAN, SET]),
    "int8": Kind(pl.Int8(), [-128, -1, 0, 127], [*_LINE, MEAN]),
    "float": Kind(pl.Float64(), [-1.7e308, -0.0, 0.0, 5e-324, 1e-300, 0.1, 1.6e308, 1.7e308], [*_LINE, MEAN]),
    "float32": Kind(pl.Float32(), [-3.0e38, 0.0, 1e-45, 0.1, 3.0e38], [*_LINE, MEAN]),
    "decimal": Kind(
        pl.Decimal(38, 2), [Decimal(10) ** 30 + i for i in range(4)] + [Decimal("-0.01"), Decimal(0)], [*_LINE, MEAN]
    ),
    "date": Kind(
        pl.Date(), [dt.date(1, 1, 1), dt.date(1969, 12, 31), dt.date(2000, 2, 29), dt.date(9999, 12, 31)], _LINE
    ),
    "nano": Kind(pl.Datetime("ns"), [dt.datetime(1753, 1, 1), dt.datetime(1990, 5, 5), dt.datetime(2262, 1, 1)], _LINE),
    "zoned": Kind(
        pl.Datetime("us", "Europe/Berlin"),
        [
            dt.datetime(1990, 5, 5, tzinfo=_UTC),
            dt.datetime(2021, 10, 31, 0, 30, tzinfo=_UTC),
            dt.datetime(2021, 10, 31, 1, 30, tzinfo=_UTC),
        ],
        _LINE,
    ),
    "time of day": Kind(pl.Time(), [dt.time(0), dt.time(8, 30), dt.time(23, 59, 59, 999_999)], [PLAIN, SET]),
    "text": Kind(
        pl.String(),
        ["", " ", "a", "A", "a ", "ä", "a\u0308", "a, b", '"', "line\nbreak", "{a}", "*", "[1, 2]"],
        [PLAIN, {"hierarchy": shoal.Prefix()}],
    ),
    "codes": Kind(
        pl.String(), ["007", "7", "7.0", "1E3", "042.0", "null", "NA"], [PLAIN, {"hierarchy": shoal.Redaction()}]
    ),
    "flags": Kind(pl.Boolean(), [True, False], [PLAIN]),
    "__rows": Kind(pl.Int16(), [1, 2, 3], [PLAIN, BOUNDS]),
    "__class": Kind(pl.Categorical(), ["x", "y", "z"], [PLAIN]),
}


@st.composite
def wide_cases(draw: st.DrawFn, max_rows: int = 24) -> Case:
    """Draw a table of up to three quasi-identifiers with extreme values, a sensitive column, and row numbers."""
    n = draw(st.integers(1, max_rows))
    columns: list[pl.Series] = []
    roles: dict[str, shoal.QuasiIdentifier] = {}
    for name in draw(st.lists(st.sampled_from(sorted(_WIDE)), min_size=1, max_size=3, unique=True)):
        kind = _WIDE[name]
        values: list[Any] = draw(st.lists(st.sampled_from([*kind.values, None]), min_size=n, max_size=n))
        columns.append(_series(name, values, kind.dtype))
        nulls = draw(st.sampled_from(["apart", "generalize"]))
        roles[name] = shoal.QuasiIdentifier(**draw(st.sampled_from(kind.roles)), nulls=nulls)
    sick = draw(st.lists(st.sampled_from(["flu", "gout", "hiv", "mumps"]), min_size=n, max_size=n))
    policy = shoal.Policy(
        k=draw(st.integers(2, 5)),
        suppress=draw(st.sampled_from([0.0, 0.2, 0.6])),
        order=draw(st.sampled_from(["sorted", "shuffled"])),
        quasi_identifiers=roles,
        sensitive={
            "disease": shoal.Sensitive(models=draw(st.lists(st.sampled_from(MODELS), max_size=2, unique_by=str)))
        },
        insensitive={"row": shoal.Insensitive()},
    )
    return Case(pl.DataFrame([*columns, pl.Series("disease", sick), pl.Series("row", range(n))]), policy)


def _series(name: str, values: list[Any], dtype: pl.DataType) -> pl.Series:
    """Return a column; aware datetimes become those of the type's zone."""
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        plain = [None if value is None else value.replace(tzinfo=None) for value in values]
        return pl.Series(name, plain, pl.Datetime("us", "UTC")).dt.convert_time_zone(dtype.time_zone)
    return pl.Series(name, values, dtype=dtype)

"""How findings name columns, rows and shares."""

from collections.abc import Sequence

_NAMED = 4
"""Columns that a sentence names at most."""


def columns_text(columns: Sequence[str]) -> str:
    """Return names of columns as a part of a sentence.

    Examples
    --------
    >>> columns_text(["age"]), columns_text(["age", "sex"]), columns_text(list("abcdef"))
    ('age', 'age and sex', 'a, b, c and 3 more')
    """
    if len(columns) > _NAMED:
        return f"{', '.join(columns[: _NAMED - 1])} and {len(columns) - _NAMED + 1} more"
    return " and ".join(filter(None, [", ".join(columns[:-1]), columns[-1]]))


def share_text(share: float) -> str:
    """Return a share in percent, never rounded to all or nothing.

    Examples
    --------
    >>> share_text(0.8713), share_text(0.0001), share_text(0.99999), share_text(1.0)
    ('87.1 %', '<0.1 %', '>99.9 %', '100 %')
    """
    if share in (0.0, 1.0):
        return f"{share:.0%}".replace("%", " %")
    if share < 0.001:
        return "<0.1 %"
    return ">99.9 %" if share > 0.999 else f"{100 * share:.1f} %"


def rows_text(rows: int, of: int, k: int) -> str:
    """Return a number of rows with its share; numbers below k are not shown.

    Examples
    --------
    >>> rows_text(28370, 32561, 10), rows_text(3, 32561, 10)
    ('28,370 rows (87.1 %)', 'fewer than 10 rows (<0.1 %)')
    """
    return f"{f'{rows:,}' if rows >= k else f'fewer than {k}'} rows ({share_text(rows / of)})"

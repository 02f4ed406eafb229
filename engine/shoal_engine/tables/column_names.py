"""One check that the columns somebody names are in a table."""

import difflib
from collections import Counter
from collections.abc import Iterable

from shoal_engine.errors import ColumnError


def check_columns(
    names: Iterable[str],
    present: Iterable[str],
    *,
    by: str = "the policy",
    table: str = "the table",
    remedy: str = "correct the policy, or the table",
) -> None:
    """Check that every named column is in a table, once.

    Parameters
    ----------
    names : iterable of str
    present : iterable of str
        Columns of the table.
    by, table : str
        What names the columns, and where they should be, for messages.
    remedy : str
        What to do where no column has a similar name.

    Raises
    ------
    ColumnError
        A column is missing, or occurs twice.

    Examples
    --------
    >>> check_columns(["agee"], ["age", "zip"])
    Traceback (most recent call last):
    shoal_engine.errors.ColumnError: the policy names column 'agee', which the table does not have; did you mean 'age'?
    """
    count = Counter(iter(present))
    for name in names:
        if name not in count:
            close = difflib.get_close_matches(name, count, n=1)
            hint = f"did you mean {close[0]!r}?" if close else remedy
            msg = f"{by} names column {name!r}, which {table} does not have; {hint}"
            raise ColumnError(msg)
        if count[name] > 1:
            msg = f"column {name!r} occurs more than once in {table}; rename one"
            raise ColumnError(msg)

"""Refusal of test rows that were released."""

import math

import polars as pl

from shoal_engine.errors import InputError

_ERRORS = 5.0
"""Standard errors beyond which rows in common are no coincidence."""


def refuse_overlap(train: pl.DataFrame, test: pl.DataFrame, *, key: str | None) -> None:
    """Raise InputError where the test table shares rows with the released one.

    Without key, rows are compared by all columns that both tables have, and equal rows may be of different people. As
    many as the released table has among its own rows are expected; the test table is refused where it has more, by
    five standard errors.

    Parameters
    ----------
    train, test : pl.DataFrame
    key : str, optional
        Column that names the person of a row.
    """
    if key is not None:
        if test.get_column(key).is_in(train.get_column(key).drop_nulls().unique().implode()).any():
            msg = f"the test table shares values of {key!r} with the released one; take those rows out of it"
            raise InputError(msg)
        return
    names = [name for name, kind in train.schema.items() if name in test.columns and not kind.is_nested()]
    texts = [pl.col(name).cast(pl.String, strict=False) for name in names]
    counts = train.group_by(texts).agg(pl.len().alias("rows in train"))
    found = test.select(texts).join(counts, on=names, how="inner", nulls_equal=True).height
    again = int(counts.filter(pl.col("rows in train") > 1).get_column("rows in train").sum())
    if not train.height or not test.height:
        return
    expected, shared = again / train.height, found / test.height
    error = math.sqrt(max(expected * (1 - expected), 1 / test.height) * (1 / test.height + 1 / train.height))
    if shared > expected + _ERRORS * error:
        msg = (
            f"the released table has {shared:.0%} of the test rows, and would have {expected:.0%} of them by "
            "coincidence; hold test rows out before you anonymize, or name the column of persons as key=..."
        )
        raise InputError(msg)

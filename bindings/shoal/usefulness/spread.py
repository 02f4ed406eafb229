"""`spread`: a released table as rows of single values, for tools that cannot read labels."""

import secrets
from pathlib import Path

import numpy as np
import polars as pl

from shoal.anonymity.anonymize import Anonymized
from shoal.io.frames import IntoFrame
from shoal.usefulness.read_release import ReadRelease, load_policy
from shoal_engine.anonymity.criteria.assessment import released_columns
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.errors import NumberError
from shoal_engine.utility.spreading import spread_rows


def spread(
    release: Anonymized | IntoFrame, *, policy: Policy | str | Path | None = None, seed: int | None = None
) -> pl.DataFrame:
    """Replace every label of a release by one of the values that it allows.

    In each class every value that is known to occur gets a row, and the others are spread by the shares that
    `shoal.estimate` uses. Counts of one column come out as estimated, up to rounding; which row of a class gets which
    value is chosen at random, so columns are independent within a class. A row says no more of a person than its
    label did.

    Parameters
    ----------
    release : Anonymized, frame, table or path
    policy : Policy or path, optional
        Policy of the release; needed unless the release is an `Anonymized`.
    seed : int, optional
        At least 0. Default: from the secure source of the system.

    Returns
    -------
    pl.DataFrame
        The rows in their order, other columns as they are. A value that no label names is ``*``.

    Raises
    ------
    PolicyError
        No policy is given, or the labels of a hierarchy do not say what they cover.
    ColumnError, HierarchyError, InputError
        The table is not a release of the policy.
    NumberError
        The seed is negative.

    Examples
    --------
    >>> import polars as pl, shoal
    >>> people = pl.DataFrame({"age": [21, 22, 23, 44, 45, 46], "ill": list("aababb")})
    >>> policy = shoal.Policy.of(k=3, quasi_identifiers=["age"], sensitive=["ill"])
    >>> ages = shoal.spread(shoal.anonymize(people, policy), seed=1)["age"]
    >>> set(ages) >= {21, 23, 44, 46}, ages.is_between(21, 46).all()
    (True, True)
    """
    if seed is not None and seed < 0:
        msg = f"got seed {seed}; give an integer of at least 0, or leave it out"
        raise NumberError(msg)
    read = ReadRelease(release, load_policy(policy))
    rng = np.random.default_rng(secrets.randbits(128) if seed is None else seed)
    columns: dict[str, pl.Series] = {name: read.rows.get_column(name) for name in read.rows.columns}
    found: dict[str, pl.Series] = {}
    of_part = {
        part: name for name, role in read.policy.quasi_identifiers.items() for part in released_columns(name, role)
    }
    for part, kept in columns.items():
        name = of_part.get(part)
        if name is None:
            found[part] = kept
        elif name not in found:
            column = read.column(name)
            found[name] = column.values.gather(spread_rows(column.spread, read.class_of_row, rng))
    return pl.DataFrame([values.alias(name) for name, values in found.items()])

"""Which test rows a model predicts right, by what it was trained on: the release, raw rows, or less than these."""

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.base import clone  # pyright: ignore[reportMissingImports]
from sklearn.linear_model import LogisticRegression  # pyright: ignore[reportMissingImports]

from shoal.usefulness.features import ColumnFeatures, features_of_plain, features_of_release
from shoal.usefulness.read_release import ReadRelease
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.errors import ColumnError, InputError
from shoal_engine.tables.column_names import check_columns

Floats = npt.NDArray[np.float64]

RELEASE: Final = "release"
RAW: Final = "raw"
WITHOUT: Final = "without quasi-identifiers"
MAJORITY: Final = "majority"


def check_target(policy: Policy, target: str) -> None:
    """Check that a release keeps the target as it is."""
    if target in policy.quasi_identifiers:
        msg = f"the target {target!r} is a quasi-identifier and generalized; name a column that the release keeps"
        raise ColumnError(msg)
    kept = [*policy.sensitive, *policy.insensitive]
    check_columns([target], kept, by="the model", table="the release", remedy="name a column that the policy keeps")


def right_predictions(
    read: ReadRelease, train: pl.DataFrame, test: pl.DataFrame, *, target: str, model: Any
) -> dict[str, Floats]:
    """Return whether each test row is predicted right, 1 or 0, by what the model was trained on."""
    kept = [*read.policy.sensitive, *read.policy.insensitive]
    others = [name for name in kept if name != target and name in train.columns and name in test.columns]
    true = _target(test, target)
    of_release = [features_of_release(read, name) for name in (*read.generalized, *others)]
    of_raw = [features_of_plain(train, name) for name in (*read.generalized, *others)]
    released, trained = _target(read.rows, target), _target(train, target)
    majority = _majority(trained)
    of_others = [features_of_plain(train, name) for name in others]
    without = _predicted(of_others, train, trained, test, model) if others else np.full(true.size, majority)
    predicted = {
        RELEASE: _predicted(of_release, read.rows, released, test, model),
        RAW: _predicted(of_raw, train, trained, test, model),
        WITHOUT: without,
        MAJORITY: np.full(true.size, majority),
    }
    return {name: (one == true).astype(np.float64) for name, one in predicted.items()}


def _predicted(
    features: Iterable[ColumnFeatures], train: pl.DataFrame, target: Any, test: pl.DataFrame, model: Any
) -> Any:
    """Return the target that a model predicts for each test row."""
    features = list(features)
    known, asked = (np.hstack([one.of_rows(rows) for one in features]) for rows in (train, test))
    fitted = clone(model) if model is not None else LogisticRegression(max_iter=1000)
    return fitted.fit(known, target).predict(asked)


def _target(rows: pl.DataFrame, target: str) -> npt.NDArray[np.object_]:
    """Return the target as texts; null is a class of its own."""
    values = rows.get_column(target).cast(pl.String).fill_null("").to_numpy().astype(object)
    if not values.size:
        msg = "a table holds no row, so no model can be trained or tested; give another"
        raise InputError(msg)
    return values


def _majority(values: npt.NDArray[np.object_]) -> Any:
    """Return the most frequent value."""
    names, counts = np.unique(values.astype(str), return_counts=True)
    if names.size < 2:
        msg = "the target has a single value, so there is nothing to predict; name another column"
        raise InputError(msg)
    return names[int(counts.argmax())]

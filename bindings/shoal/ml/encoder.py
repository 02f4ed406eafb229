"""Labels of a release and raw values as the same features."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.base import BaseEstimator, TransformerMixin  # pyright: ignore[reportMissingImports]
from sklearn.utils.validation import check_is_fitted  # pyright: ignore[reportMissingImports]

from shoal.anonymity.anonymize import Anonymized
from shoal.io.frames import IntoFrame, into_lazy
from shoal.io.lazy_frames import read_to_end
from shoal.usefulness.features import ColumnFeatures, features_of_release
from shoal.usefulness.read_release import ReadRelease, load_policy
from shoal_engine.anonymity.policy.policy import Policy

Floats = npt.NDArray[np.float64]


class MembershipEncoder(TransformerMixin, BaseEstimator):  # pyright: ignore[reportUntypedBaseClass]
    """Turn rows of a release, and raw rows, into the same features.

    A label becomes the expected share of its rows in each bin of the column: a value a bin, or up to 16 quantiles of
    numbers and dates, which also become their expected value, standardized. A raw value is one bin.

    Parameters
    ----------
    columns : sequence of str, optional
        Default: every column of the release that is not the target of a model, set-valued or an identifier.
    policy : Policy or path, optional
        Policy of the release; needed unless `fit` gets an `Anonymized`.

    Attributes
    ----------
    features_ : mapping of column to ColumnFeatures
    n_features_out_ : int

    Examples
    --------
    >>> import polars as pl, shoal
    >>> people = pl.DataFrame({"age": [21, 22, 23, 44, 45, 46], "ill": list("aababb")})
    >>> policy = shoal.Policy.of(k=3, quasi_identifiers=["age"], sensitive=["ill"])
    >>> encoder = MembershipEncoder(columns=["age"]).fit(shoal.anonymize(people, policy))
    >>> encoder.transform(people).shape[0]
    6
    """

    def __init__(self, *, columns: Sequence[str] | None = None, policy: Policy | str | Path | None = None) -> None:
        self.columns = columns
        self.policy = policy

    def fit(self, X: Anonymized | IntoFrame, y: Any = None) -> "MembershipEncoder":  # noqa: N803
        """Read the labels of a release.

        Raises
        ------
        ColumnError
            The release does not have a column, or its labels cannot be read.
        PolicyError
            No policy is given.
        """
        read = ReadRelease(X, load_policy(self.policy))
        names = self.columns or [*read.generalized, *read.policy.sensitive, *read.policy.insensitive]
        read.check(list(names), by="the encoder")
        self.features_: Mapping[str, ColumnFeatures] = {name: features_of_release(read, name) for name in names}
        self.n_features_out_ = sum(one.size for one in self.features_.values())
        return self

    def transform(self, X: Anonymized | IntoFrame) -> Floats:  # noqa: N803
        """Return the features of released or raw rows, (n_rows, n_features_out_) float64.

        Raises
        ------
        ColumnError
            A column is missing.
        """
        check_is_fitted(self)
        rows = _rows(X)
        return np.hstack([one.of_rows(rows) for one in self.features_.values()])

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """Return a name for each feature: its column and its number."""
        check_is_fitted(self)
        names = [f"{name}_{place}" for name, one in self.features_.items() for place in range(one.size)]
        return np.array(names, dtype=object)


def _rows(frame: Anonymized | IntoFrame) -> pl.DataFrame:
    """Return the rows of a frame."""
    return frame.frame if isinstance(frame, Anonymized) else read_to_end(into_lazy(frame))

"""Models trained on releases: labels as features, and accuracy on raw rows that were not released.

Needs scikit-learn: ``pip install 'shoal[ml]'``.
"""

import math
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from shoal.anonymity.anonymize import Anonymized, anonymize
from shoal.io.frames import IntoFrame
from shoal.io.lazy_frames import read_to_end
from shoal.io.reading_by_policy import read_by_policy
from shoal.usefulness.features import ColumnFeatures, features_of_plain, features_of_release
from shoal.usefulness.overlap import refuse_overlap
from shoal.usefulness.read_release import ReadRelease, load_policy
from shoal_engine.anonymity.policy.methods import Method
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.errors import ColumnError, InputError, NumberError
from shoal_engine.tables.column_names import check_columns
from shoal_engine.utility.paired import PairedDifference, paired_difference

try:
    from sklearn.base import (  # pyright: ignore[reportMissingImports]
        BaseEstimator,
        TransformerMixin,
        clone,
    )
    from sklearn.linear_model import LogisticRegression  # pyright: ignore[reportMissingImports]
    from sklearn.utils.validation import check_is_fitted  # pyright: ignore[reportMissingImports]
except ModuleNotFoundError as error:
    message = "shoal.ml needs scikit-learn 1.5 or later; install it with: pip install 'shoal[ml]'"
    raise ModuleNotFoundError(message, name=error.name) from error

if TYPE_CHECKING:
    from collections.abc import Mapping

Floats = npt.NDArray[np.float64]

_RELEASE, _RAW, _WITHOUT, _MAJORITY = "release", "raw", "without quasi-identifiers", "majority"


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
    from shoal.io.frames import into_lazy

    return frame.frame if isinstance(frame, Anonymized) else read_to_end(into_lazy(frame))


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Share of test rows whose target a model predicts, by what it was trained on; one entry a split.

    Attributes
    ----------
    target : str
    release : tuple of float
        Trained on the release.
    raw : tuple of float
        Trained on the raw rows that were released.
    without_quasi_identifiers : tuple of float
        Trained on the raw rows without quasi-identifiers; the majority where no other column is left.
    majority : tuple of float
        The most frequent target of the training rows, whatever a row says. That is also all that is left without
        sensitive columns, if the target is one.
    loss : PairedDifference
        Accuracy of raw minus that of the release, paired, with its interval.
    seed : int or None
        Seed of the splits.
    """

    target: str
    release: tuple[float, ...]
    raw: tuple[float, ...]
    without_quasi_identifiers: tuple[float, ...]
    majority: tuple[float, ...]
    loss: PairedDifference
    seed: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return every figure for JSON."""
        return asdict(self)

    def __repr__(self) -> str:
        """Return a one-line summary."""
        means = {name: float(np.mean(getattr(self, name))) for name in ("release", "raw", "majority")}
        told = ", ".join(f"{name}={mean:.4f}" for name, mean in means.items())
        return f"Accuracy({self.target}: {told}, loss={self.loss.mean:.4f} [{self.loss.low:.4f}, {self.loss.high:.4f}])"


def score(
    release: Anonymized | IntoFrame,
    train: IntoFrame,
    test: IntoFrame,
    *,
    target: str,
    policy: Policy | str | Path | None = None,
    key: str | None = None,
    model: Any = None,
) -> Accuracy:
    """Train a model on a release and test it on raw rows that were not released.

    Parameters
    ----------
    release : Anonymized, frame, table or path
    train : frame, table or path
        The raw rows that were released.
    test : frame, table or path
        Raw rows that were not.
    target : str
        Column to predict; the release keeps it as it is.
    policy : Policy or path, optional
        Policy of the release; needed unless the release is an `Anonymized`.
    key : str, optional
        Column that names the person of a raw row, to see that nobody is in both tables. Default: rows are compared.
    model : scikit-learn classifier, optional
        Default: logistic regression.

    Returns
    -------
    Accuracy
        Of one split; the interval is that of the mean difference over test rows.

    Raises
    ------
    ColumnError
        A table does not have a column, or the target is generalized.
    InputError
        Test rows were released, a table holds no row, or the target has one value only.
    """
    read = ReadRelease(release, load_policy(policy))
    parts = [read_to_end(read_by_policy(frame, read.policy).frame) for frame in (train, test)]
    check_target(read.policy, target)
    for name, part in zip(("the raw table", "the test table"), parts, strict=True):
        wanted = [*read.generalized, target, *([] if key is None else [key])]
        check_columns(wanted, part.columns, by="the score", table=name, remedy="give the table of this release")
    refuse_overlap(*parts, key=key)
    right = right_predictions(read, *parts, target=target, model=model)
    loss = paired_difference(right[_RAW] - right[_RELEASE])
    return _accuracy(target, {name: (float(one.mean()),) for name, one in right.items()}, loss, None)


def accuracy(
    raw: IntoFrame,
    policy: Policy | str | Path,
    *,
    target: str,
    method: Method = "tight",
    splits: int = 5,
    test_share: float = 0.3,
    seed: int | None = None,
    model: Any = None,
) -> Accuracy:
    """Anonymize training rows, train on the release, and test on the other raw rows, split by split.

    Parameters
    ----------
    raw : frame, table or path
    policy : Policy or path
    target : str
        Column to predict; the policy keeps it as it is.
    method : str
        As for `shoal.anonymize`.
    splits : int
        Number of random splits, at least 2.
    test_share : float
        Share of the rows that are held out, above 0 and below 1.
    seed : int, optional
        Seed of the splits, at least 0. Default: from the secure source of the system; the result states it.
    model : scikit-learn classifier, optional
        Default: logistic regression.

    Returns
    -------
    Accuracy
        The interval of the loss is that of Student's t over the splits. Splits share rows, so it is narrower than one
        over other tables.

    Raises
    ------
    NumberError
        A number is out of range.
    ColumnError, InputError
        As for `score`.
    """
    if splits < 2 or not 0 < test_share < 1 or (seed is not None and seed < 0):
        msg = (
            f"got splits={splits}, test_share={test_share}, seed={seed}; give at least 2 splits, a share above 0 and "
            "below 1, and a seed of at least 0"
        )
        raise NumberError(msg)
    known = load_policy(policy)
    assert known is not None
    check_target(known, target)
    frame = read_to_end(read_by_policy(raw, known).frame)
    check_columns([*known.quasi_identifiers, target], frame.columns, by="the policy")
    seed = secrets.randbits(63) if seed is None else seed
    held = math.ceil(frame.height * test_share)
    if held >= frame.height:
        msg = "the table has too few rows to hold some of them out; give a larger one"
        raise InputError(msg)
    found: dict[str, list[float]] = {}
    for rng in np.random.default_rng(seed).spawn(splits):
        order = rng.permutation(frame.height)
        test, train = frame[order[:held].tolist()], frame[order[held:].tolist()]
        read = ReadRelease(anonymize(train, known, method=method))
        for name, right in right_predictions(read, train, test, target=target, model=model).items():
            found.setdefault(name, []).append(float(right.mean()))
    loss = paired_difference(np.array(found[_RAW]) - np.array(found[_RELEASE]))
    return _accuracy(target, {name: tuple(one) for name, one in found.items()}, loss, seed)


def _accuracy(
    target: str, shares: "Mapping[str, tuple[float, ...]]", loss: PairedDifference, seed: int | None
) -> Accuracy:
    """Return the result of shares by what models were trained on."""
    return Accuracy(
        target=target,
        release=shares[_RELEASE],
        raw=shares[_RAW],
        without_quasi_identifiers=shares[_WITHOUT],
        majority=shares[_MAJORITY],
        loss=loss,
        seed=seed,
    )


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
        _RELEASE: _predicted(of_release, read.rows, released, test, model),
        _RAW: _predicted(of_raw, train, trained, test, model),
        _WITHOUT: without,
        _MAJORITY: np.full(true.size, majority),
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

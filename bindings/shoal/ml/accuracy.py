"""Accuracy on raw rows that were not released, of models trained on a release."""

import math
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shoal.anonymity.anonymize import Anonymized, anonymize
from shoal.io.frames import IntoFrame
from shoal.io.lazy_frames import read_to_end
from shoal.io.reading_by_policy import read_by_policy
from shoal.ml.predictions import MAJORITY, RAW, RELEASE, WITHOUT, check_target, right_predictions
from shoal.usefulness.overlap import refuse_overlap
from shoal.usefulness.read_release import ReadRelease, load_policy
from shoal_engine.anonymity.policy.methods import Method
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.errors import InputError, NumberError
from shoal_engine.tables.column_names import check_columns
from shoal_engine.utility.paired import PairedDifference, paired_difference


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
    loss = paired_difference(right[RAW] - right[RELEASE])
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
    loss = paired_difference(np.array(found[RAW]) - np.array(found[RELEASE]))
    return _accuracy(target, {name: tuple(one) for name, one in found.items()}, loss, seed)


def _accuracy(
    target: str, shares: Mapping[str, tuple[float, ...]], loss: PairedDifference, seed: int | None
) -> Accuracy:
    """Return the result of shares by what models were trained on."""
    return Accuracy(
        target=target,
        release=shares[RELEASE],
        raw=shares[RAW],
        without_quasi_identifiers=shares[WITHOUT],
        majority=shares[MAJORITY],
        loss=loss,
        seed=seed,
    )

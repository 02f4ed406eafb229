"""Models trained on releases: features by hand, accuracy next to raw rows, and what is refused."""

from typing import Any

import numpy as np
import polars as pl
import pytest

import shoal
from benches import adult
from shoal_engine.errors import ColumnError, InputError, NumberError

ml: Any = pytest.importorskip("shoal.ml", reason="scikit-learn is not installed", exc_type=ModuleNotFoundError)

POLICY = shoal.Policy.of(k=2, quasi_identifiers=["age", "job"], sensitive=["ill"])


def people(rows: int, seed: int) -> pl.DataFrame:
    """Return people who are ill where they are old, with a few exceptions."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 80, rows)
    ill = np.where((age > 50) ^ (rng.random(rows) < 0.05), "yes", "no")
    return pl.DataFrame({"age": age, "job": rng.choice(["cook", "nurse"], rows), "ill": ill, "id": range(rows)})


def test_encoder__shares_of_labels_by_hand() -> None:
    labels = pl.DataFrame({"job": ["{cook, nurse}", "{cook, nurse}", "cook", "cook"], "age": ["30"] * 4})
    encoder = ml.MembershipEncoder(columns=["job"], policy=POLICY)
    with pytest.raises(ColumnError):
        encoder.fit(labels.drop("age"))
    found = encoder.fit(labels).transform(labels)
    # Features of null, of other values, of cook and of nurse.
    assert found.tolist() == [[0, 0, 0.5, 0.5]] * 2 + [[0, 0, 1, 0]] * 2
    raw = pl.DataFrame({"job": ["nurse", "baker", None]})
    assert encoder.transform(raw).tolist() == [[0, 0, 0, 1], [0, 1, 0, 0], [1, 0, 0, 0]]
    assert encoder.get_feature_names_out().tolist() == ["job_0", "job_1", "job_2", "job_3"]


def test_encoder__numbers_have_their_expected_value() -> None:
    labels = pl.DataFrame({"age": ["[20, 40]"] * 2 + ["30"] * 2, "job": ["cook"] * 4})
    encoder = ml.MembershipEncoder(columns=["age"], policy=POLICY).fit(labels)
    found = encoder.transform(labels)
    assert found[:, -1] == pytest.approx(0.0)
    raw = encoder.transform(pl.DataFrame({"age": [20, 40]}))
    assert raw[0, -1] == pytest.approx(-raw[1, -1])
    assert found[:, :-1].sum(axis=1) == pytest.approx(1.0)


def test_score__release_raw_and_majority() -> None:
    train, test = people(400, 1), people(200, 2)
    release = shoal.anonymize(train, POLICY)
    found = ml.score(release, train, test, target="ill")
    majority = test["ill"].value_counts().filter(pl.col("ill") == train["ill"].mode()[0])["count"].item() / 200
    assert found.majority == (pytest.approx(majority),)
    assert found.without_quasi_identifiers == found.majority
    assert found.raw[0] > found.majority[0] + 0.1
    assert found.loss.low <= found.loss.mean <= found.loss.high
    assert found.loss.mean == pytest.approx(found.raw[0] - found.release[0])
    assert set(found.to_dict()) >= {"target", "release", "raw", "majority", "loss"}


@pytest.mark.parametrize(
    ("test", "options", "error", "text"),
    [
        (people(400, 1)[:100], {}, InputError, "hold test rows out"),
        (people(50, 3), {"key": "id"}, InputError, "shares values of 'id'"),
        (people(50, 3), {"target": "age"}, ColumnError, "generalized"),
        (people(50, 3), {"target": "income"}, ColumnError, "does not have"),
        (people(50, 3).drop("job"), {}, ColumnError, "the test table"),
        (people(50, 3).clear(), {}, InputError, "no row"),
    ],
)
def test_score__refuses(test: pl.DataFrame, options: dict[str, Any], error: type, text: str) -> None:
    train = people(400, 1)
    with pytest.raises(error, match=text):
        ml.score(shoal.anonymize(train, POLICY), train, test, **{"target": "ill"} | options)


def test_accuracy__splits_repeat_by_seed() -> None:
    frame = people(200, 1)
    found = ml.accuracy(frame, POLICY, target="ill", splits=3, seed=5)
    assert found == ml.accuracy(frame, POLICY, target="ill", splits=3, seed=5)
    assert len(found.raw) == len(found.release) == found.loss.pairs == 3
    with pytest.raises(NumberError, match="at least 2 splits"):
        ml.accuracy(frame, POLICY, target="ill", splits=1)


@pytest.mark.shared
@pytest.mark.skipif(not adult.present(), reason=adult.MISSING)
def test_accuracy__of_adult_is_near_that_of_raw_rows() -> None:
    policy = shoal.Policy.of(k=10, quasi_identifiers=adult.QUASI_IDENTIFIERS, sensitive=[adult.SENSITIVE])
    found = ml.accuracy(adult.read(), policy, target=adult.SENSITIVE, splits=2, seed=1)
    assert found.loss.mean <= 0.01
    assert np.mean(found.raw) > np.mean(found.majority) + 0.05

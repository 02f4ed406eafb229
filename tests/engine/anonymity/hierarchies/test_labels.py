import numpy as np
import pyarrow as pa

from shoal_engine.anonymity.hierarchies.labels import interval_labels, set_labels, texts


def test_interval_labels__ends_singles_and_nulls() -> None:
    text = texts(pa.array([20, 25, 90]), has_null=True)
    low, high = np.array([0, 1, 1, 0, 2]), np.array([0, 1, 3, 2, 3])
    found = interval_labels(text, low, high, has_null=True)
    assert found.to_pylist() == [None, "20", "[20, 90]", "*", "[25, 90]"]


def test_interval_labels__first_code_is_a_value_where_there_is_no_null() -> None:
    text = texts(pa.array([20, 25]), has_null=False)
    found = interval_labels(text, np.array([0, 0]), np.array([0, 1]), has_null=False)
    assert found.to_pylist() == ["20", "[20, 25]"]


def test_set_labels__singles_sets_and_everything() -> None:
    text = texts(pa.array(["a", "b"]), has_null=True)
    labels, count = set_labels(text, np.array([[0b001], [0b010], [0b110], [0b101], [0b111]], np.uint64))
    assert labels.to_pylist() == [None, "a", "{a, b}", "{null, b}", "*"]
    assert count.tolist() == [1, 1, 2, 2, 3]


def test_set_labels__codes_beyond_one_word() -> None:
    text = texts(pa.array([f"v{i:03}" for i in range(130)]), has_null=False)
    labels, count = set_labels(text, np.array([[1 << 63, 1, 2]], np.uint64))
    assert labels.to_pylist() == ["{v063, v064, v129}"]
    assert count.tolist() == [3]

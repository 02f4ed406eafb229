import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from naive import bottom_up as naive
from naive.tables import Table, tables
from shoal_engine.anonymity.methods.tight import bottom_up_where_less, tight
from shoal_kernels._jit import freeze
from shoal_kernels.criteria.privacy_models import Cells, Models
from shoal_kernels.partitioning.residuals import total_loss
from shoal_kernels.tables.dimensions import ORDERED, TREE, Dimensions

ADULT = Path(__file__).parents[4] / ".." / "shared" / "data" / "adult"
COLUMNS = ["sex", "age", "race", "marital-status", "education", "native-country", "workclass", "occupation"]


def regrouped(table: Table, k: int, class_id: list[int]) -> list[int]:
    dims, weight = table.dimensions(), np.array(table.weight, np.int64)
    found, n_classes = np.array(class_id, np.int64), np.array([max(class_id) + 1], np.int64)
    everyone = np.arange(len(table.codes))

    def as_one(tuples: np.ndarray, ids: np.ndarray, count: np.ndarray) -> None:
        ids[:], count[:] = 0, 1

    bottom_up_where_less(
        dims, table.words(dims), weight, table.cells(), table.models(k, []), everyone, found, n_classes, as_one
    )
    assert sorted(set(found.tolist())) == list(range(n_classes[0]))
    return found.tolist()


def lost(table: Table, class_id: list[int]) -> float:
    classes = [[i for i, c in enumerate(class_id) if c == wanted] for wanted in sorted(set(class_id))]
    return naive.total_loss(table, classes)


@given(tables(max_rows=40), st.integers(1, 8))
@settings(deadline=None)
def test_bottom_up_where_less__never_loses_more(table: Table, k: int) -> None:
    assume(sum(table.weight) >= k)
    one = [0] * len(table.codes)
    found = regrouped(table, k, one)
    assert lost(table, found) <= lost(table, one) + 1e-9
    for c in set(found):
        assert sum(w for w, own in zip(table.weight, found, strict=True) if own == c) >= k


def test_bottom_up_where_less__leaves_tables_without_hierarchies_alone() -> None:
    table = Table([ORDERED], [4], [2], [(0,), (3,)], [[0], [0]], 1)
    assert regrouped(table, 1, [0, 0]) == [0, 0]


def test_bottom_up_where_less__keeps_what_loses_less() -> None:
    table = Table([TREE], [4], [2], [(0,), (3,)], [[0], [0]], 1)
    assert regrouped(table, 1, [1, 0]) == [1, 0]


def adult() -> tuple[Dimensions, np.ndarray, np.ndarray]:
    """Dimensions, words and weights of the Adult table with its hierarchies."""
    with (ADULT / "adult.csv").open() as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    packed = np.zeros(len(rows), np.uint64)
    shift, sizes, bits, depth, tree_start = 64, list[int](), list[int](), list[int](), list[int]()
    ancestor, share = list[int](), list[float]()
    for column in COLUMNS:
        with (ADULT / f"adult_hierarchy_{column}.csv").open() as file:
            paths = sorted({tuple(reversed(line)) for line in csv.reader(file, delimiter=";") if line})
        code = {path[-1]: v for v, path in enumerate(paths)}
        sizes.append(len(paths))
        bits.append((len(paths) - 1).bit_length())
        depth.append(len(paths[0]))
        tree_start.append(len(ancestor))
        for level in range(len(paths[0])):
            nodes = [path[: len(path) - level] for path in paths]
            names = sorted(set(nodes))
            ancestor += [len(share) + names.index(node) for node in nodes]
            share += [0.0 if nodes.count(node) == 1 else nodes.count(node) / len(nodes) for node in names]
        shift -= bits[-1]
        packed |= np.array([code[row[column]] for row in rows], np.uint64) << np.uint64(shift)
    words, weight = np.unique(packed, return_counts=True)
    d = len(COLUMNS)
    zeros = np.zeros(d, np.int64)
    dims = Dimensions(
        kind=np.full(d, TREE),
        size=np.array(sizes),
        word=zeros,
        shift=64 - np.cumsum(bits),
        mask=np.array([2**b - 1 for b in bits], np.uint64),
        start=np.concatenate([[0], np.cumsum(sizes)[:-1]]),
        position=np.zeros(sum(sizes)),
        depth=np.array(depth),
        tree_start=np.array(tree_start),
        ancestor=np.array(ancestor),
        share=np.array(share),
        bit_start=zeros,
        bit_words=zeros,
        weight=np.full(d, 1 / d),
    )
    return freeze(dims), words[np.newaxis], weight.astype(np.int64)


@pytest.mark.shared
@pytest.mark.skipif(not ADULT.exists(), reason="the Adult table lies in a shared folder that is absent")
@pytest.mark.parametrize(("k", "arx"), [(5, 0.0923), (10, 0.1217), (50, 0.2088)])
def test_tight__loses_less_than_local_recoding_by_arx(k: int, arx: float) -> None:
    """ARX: local recoding by repeated search, the same hierarchies and measure."""
    dims, words, weight = adult()
    none, no_share = np.zeros(0, np.int64), np.zeros(0)
    cells = freeze(Cells(np.zeros(weight.size + 1, np.int64), none, none))
    models = freeze(Models(np.array([k]), none, none, none, none, no_share, no_share, none, none, none))
    class_id = tight(dims, words, weight, cells, models)
    assert np.bincount(class_id, weights=weight).min() >= k
    loss = np.zeros(1)
    total_loss(dims, words, weight, np.arange(weight.size), class_id, int(class_id.max()) + 1, loss)
    assert loss[0] / weight.sum() < 0.85 * arx

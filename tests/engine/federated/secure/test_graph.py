import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal_engine.federated.secure.roster import Graph, core, is_connected

NODES = st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=12, unique=True)


@given(NODES, st.sampled_from([None, 2, 4, 6]), st.binary(max_size=4))
def test_of__regular_symmetric_and_none_of_itself(nodes: list[int], neighbors: int | None, seed: bytes) -> None:
    graph = Graph(nodes, neighbors, seed)
    degree = len(nodes) - 1 if neighbors is None else min(neighbors, len(nodes) - 1)
    assert graph.degree == degree
    for node in nodes:
        assert len(graph.of(node)) == degree
        assert graph.of(node) <= set(nodes) - {node}
        assert all(node in graph.of(other) for other in graph.of(node))
    assert is_connected(nodes, {node: graph.of(node) for node in nodes})


@given(NODES, st.randoms(use_true_random=False))
def test_of__is_a_function_of_the_set_and_the_seed(nodes: list[int], random: "np.random.Generator") -> None:
    shuffled = list(nodes)
    random.shuffle(shuffled)
    assert [Graph(nodes, 2, b"x").of(v) for v in nodes] == [Graph(shuffled, 2, b"x").of(v) for v in nodes]


def test_of__every_pair_is_as_likely() -> None:
    """Of 4000 seeds, how often each of 28 pairs of 8 nodes is one: expected 8/28, six deviations allowed."""
    count = np.zeros((8, 8), int)
    for seed in range(4000):
        graph = Graph(range(8), 2, seed.to_bytes(4, "big"))
        for node in range(8):
            count[node, list(graph.of(node))] += 1
    chance = 2 / 7
    off = count[np.triu_indices(8, 1)] - 4000 * chance
    assert np.abs(off).max() < 6 * (4000 * chance * (1 - chance)) ** 0.5


EDGES = st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda e: e[0] < e[1]))


def both_ways(edges: set[tuple[int, int]]) -> dict[int, frozenset[int]]:
    return {v: frozenset(a + b - v for a, b in edges if v in (a, b)) for v in range(8)}


@given(EDGES, st.integers(0, 4))
def test_core__is_the_largest_that_keeps_enough(edges: set[tuple[int, int]], least: int) -> None:
    partners = both_ways(edges)
    kept = core(partners, least)
    assert all(len(kept[v]) >= least and kept[v] == partners[v] & kept.keys() for v in kept)
    subsets = ({v for v in range(8) if bits >> v & 1} for bits in range(256))
    best = max((s for s in subsets if all(len(partners[v] & s) >= least for v in s)), key=len)
    assert kept.keys() == best


@given(EDGES)
def test_is_connected__equals_powers_of_the_matrix(edges: set[tuple[int, int]]) -> None:
    partners = both_ways(edges)
    matrix = np.eye(8, dtype=int)
    for a, b in edges:
        matrix[a, b] = matrix[b, a] = 1
    assert is_connected(range(8), partners) == bool(np.linalg.matrix_power(matrix, 8).all())


@pytest.mark.parametrize("nodes", [[], [3]])
def test_is_connected__none_and_one(nodes: list[int]) -> None:
    assert is_connected(nodes, {3: frozenset({1})})

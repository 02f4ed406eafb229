"""What secure aggregation costs: a node that masks its vector, and a server that takes masks off.

The floors are the words that masks are made of, and the sum without any protection.
"""

import secrets

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benches.scale import N_ROWS
from shoal_engine.federated.secure import SecureClient, SecureParameters, SecureServer
from shoal_engine.federated.secure.messages import MaskedVector, Partners
from shoal_engine.federated.secure.secret_sharing import join, split
from shoal_engine.randomness import Keystream

NEIGHBORS = 8
N_NODES = 12


def masking(n_lost: int) -> tuple[SecureServer, dict[int, SecureClient], dict[int, Partners]]:
    """Return a round in which all that is left is to mask; `n_lost` more nodes drop then."""
    parameters = SecureParameters(5, secrets.token_bytes(16), 0, N_ROWS, neighbors=NEIGHBORS)
    server = SecureServer(parameters)
    clients = {node: SecureClient(node, parameters) for node in range(N_NODES)}
    for client in clients.values():
        server.receive(client.advertise())
    roster = server.roster()
    for client in clients.values():
        server.receive(client.share(roster))
    for node, delivered in server.deliver().items():
        server.receive(clients[node].confirm(delivered))
    return server, clients, server.partners()


@pytest.fixture(scope="module")
def vector() -> np.ndarray:
    return np.random.default_rng(1).integers(-(2**62), 2**62, N_ROWS)


@pytest.mark.benchmark(group="secure aggregation, one node masks")
def test_mask(benchmark: BenchmarkFixture, vector: np.ndarray) -> None:
    """Nine masks: one for each of 8 neighbors, and its own."""

    def setup() -> tuple[tuple[SecureClient, Partners], dict[str, object]]:
        _, clients, partners = masking(0)
        return (clients[0], partners[0]), {}

    def mask(client: SecureClient, partners: Partners) -> MaskedVector:
        return client.mask(vector, partners)

    assert len(benchmark.pedantic(mask, setup=setup, rounds=5).vector) == N_ROWS
    benchmark.extra_info["masks"] = NEIGHBORS + 1


@pytest.mark.benchmark(group="secure aggregation, one node masks")
def test_words(benchmark: BenchmarkFixture) -> None:
    """As many words as nine masks have."""
    stream = Keystream.secure()
    assert len(benchmark(stream.words, (NEIGHBORS + 1) * N_ROWS)) == (NEIGHBORS + 1) * N_ROWS


@pytest.mark.benchmark(group="secure aggregation, server")
@pytest.mark.parametrize("n_lost", [0, 2])
def test_total(benchmark: BenchmarkFixture, vector: np.ndarray, n_lost: int) -> None:
    """A mask for each survivor, and one for each pair of a survivor and a node that dropped."""

    def setup() -> tuple[tuple[SecureServer], dict[str, object]]:
        server, clients, partners = masking(n_lost)
        for node in range(n_lost, N_NODES):
            server.receive(clients[node].mask(vector, partners[node]))
        request = server.reveal_request()
        for node in request.survivors:
            server.receive(clients[node].reveal(request))
        return (server,), {}

    total = benchmark.pedantic(SecureServer.total, setup=setup, rounds=3)
    assert np.array_equal(total, vector * (N_NODES - n_lost))


@pytest.mark.benchmark(group="secure aggregation, server")
def test_sum(benchmark: BenchmarkFixture, vector: np.ndarray) -> None:
    assert len(benchmark(lambda: np.sum([vector] * N_NODES, axis=0))) == N_ROWS


@pytest.mark.benchmark(group="secure aggregation, secrets")
def test_split_and_join(benchmark: BenchmarkFixture) -> None:
    """One secret for 100 holders of whom 67 open it."""
    secret, points = secrets.token_bytes(32), list(range(1, 101))

    def there_and_back() -> bytes:
        shares = split(secret, 67, points)
        return join({x: shares[x] for x in points[:67]}, 67)

    assert benchmark(there_and_back) == secret

"""Digits at many clients: the network and the partitions, on images that are made up."""

from itertools import islice

import numpy as np
import pytest

from benches import federated_digits, figures
from benches.federated_digits import Images, Partition, Setting
from benches.measure import digits
from benches.measure.figure import Options
from shoal.federated import Median, PrivateRounds

N_CLIENTS = 12


def images(n: int, seed: int) -> Images:
    """Return images each of which has one bright patch, where its digit says."""
    random = np.random.default_rng(seed)
    digits = random.permutation(np.arange(n) % 10)
    pixels = 0.3 * random.random((n, 64))
    for offset in range(6):
        pixels[np.arange(n), 6 * digits + offset] += 0.7
    return Images(pixels.astype(np.float32), digits)


DATA = images(240, 1), images(100, 2)


def trained(setting: Setting, partition: Partition, seed: int, n_rounds: int = 3, **arguments: object) -> list[float]:
    accuracies = federated_digits.rounds(setting, partition, seed, data=DATA, **arguments)  # type: ignore[arg-type]
    return list(islice(accuracies, n_rounds))


def test_gradient__is_that_of_finite_differences() -> None:
    random = np.random.default_rng(3)
    # Biases differ from 0, so that no unit sits in the kink of its ReLU.
    network = federated_digits.untaught(random).astype(np.float64) + 0.05 * random.random(federated_digits.SIZE)
    given = images(7, 4)
    given = Images(given.pixels.astype(np.float64), given.digits)
    slopes = federated_digits.gradient(network, given)
    step = 1e-6
    for place in random.choice(federated_digits.SIZE, 400, replace=False):
        moved = np.zeros_like(network)
        moved[place] = step
        ahead, behind = (federated_digits.loss(network + sign * moved, given) for sign in (1, -1))
        assert slopes[place] == pytest.approx((ahead - behind) / (2 * step), abs=1e-7)


def test_taught__goes_down_the_loss_and_leaves_what_was_sent() -> None:
    random = np.random.default_rng(5)
    network = federated_digits.untaught(random)
    before = network.copy()
    taught = federated_digits.taught(network, DATA[0], 0.2, random)
    assert taught.dtype == np.float32
    assert np.array_equal(network, before)
    assert federated_digits.loss(taught, DATA[0]) < federated_digits.loss(network, DATA[0])


@pytest.mark.parametrize("partition", [federated_digits.evenly, federated_digits.two_shards])
def test_partitions__are_disjoint_and_cover_everything(partition: Partition) -> None:
    homes = partition(DATA[0], N_CLIENTS, np.random.default_rng(6))
    assert len(homes) == N_CLIENTS
    assert {len(places) for places in homes} == {20}
    assert sorted(np.concatenate(homes).tolist()) == list(range(len(DATA[0])))


def test_partitions__shards_hold_few_digits_and_even_ones_many() -> None:
    def kinds(partition: Partition) -> list[int]:
        homes = partition(DATA[0], N_CLIENTS, np.random.default_rng(7))
        return [len(set(DATA[0].digits[places].tolist())) for places in homes]

    # A shard of 10 images out of 24 of each digit has two digits at most.
    assert max(kinds(federated_digits.two_shards)) <= 4
    assert min(kinds(federated_digits.evenly)) > 4


@pytest.mark.parametrize("partition", [federated_digits.evenly, federated_digits.two_shards])
def test_rounds__are_the_same_for_a_seed(partition: Partition) -> None:
    setting = Setting(N_CLIENTS, fraction=0.5, rate=0.2)
    first = trained(setting, partition, 8, 6)
    assert trained(setting, partition, 8, 6) == first
    assert trained(setting, partition, 9, 6) != first


def test_rounds__teach() -> None:
    assert trained(Setting(N_CLIENTS, fraction=1.0, rate=0.3), federated_digits.evenly, 1, 25)[-1] > 0.9


def test_rounds__hostile_clients_spoil_a_mean_and_no_median() -> None:
    setting = Setting(N_CLIENTS, fraction=1.0, rate=0.3, hostile=2, times=50.0)
    assert trained(setting, federated_digits.evenly, 1, 25)[-1] < 0.5
    assert trained(setting, federated_digits.evenly, 1, 25, rule=Median)[-1] > 0.8


def test_rounds__private_ones_are_paid_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits, "CLIENTS", N_CLIENTS)
    private: PrivateRounds = digits._private()
    trained(Setting(N_CLIENTS, fraction=0.5, rate=0.2), federated_digits.evenly, 1, 2, private=private)
    assert private.training.rounds == 2
    assert 0 < private.spent()["epsilon"] < float(digits.EPSILON)


def test_rounds_to__the_first_that_reaches_the_target() -> None:
    assert federated_digits.rounds_to(0.5, iter([0.1, 0.6, 0.4, 0.7]), 4) == 2
    assert federated_digits.rounds_to(0.9, iter([0.1, 0.6, 0.4, 0.7]), 4) is None
    assert federated_digits.rounds_to(0.7, iter([0.1, 0.6, 0.4, 0.7]), 3) is None


def test_fewest__the_cap_of_the_best_hides_no_better_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = {0.2: (9, 3, 8), 0.3: (4, 5, 30), 0.45: (4, 6, 2)}
    monkeypatch.setattr(digits, "RATES", tuple(needed))
    monkeypatch.setattr(digits, "rounds", lambda setting, _, seed: iter([0.0] * (needed[setting.rate][seed] - 1) + [1]))
    assert digits._fewest(0.1, federated_digits.evenly, range(3)) == (4, 0.45)


def test_figures__nothing_without_scikit_learn(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(digits, "present", lambda: False)
    assert figures.measure("federated-digits", Options(runs=1))["figures"] == []
    assert federated_digits.MISSING in capsys.readouterr().out

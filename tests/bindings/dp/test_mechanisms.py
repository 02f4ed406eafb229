"""`shoal.dp.mechanisms`: everything is checked, then charged, then drawn, from a secure key, by the audited engine."""

import pickle
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import shoal
from shoal.dp import mechanisms
from shoal.dp.mechanisms import AboveThreshold, NoisyMax, Odometer, PermuteAndFlip, RandomizedResponse
from shoal_engine.differential.audit.evidence import Claim, audit
from shoal_engine.differential.audit.subjects import SUBJECTS
from shoal_engine.errors import BudgetExhausted, InputError, NumberError, PolicyError
from shoal_engine.ledger import Budget, Ledger
from shoal_engine.randomness import Keystream

KEY, NONCE = bytes(range(32)), bytes(16)
RELEASES: dict[str, Callable[..., Any]] = {
    "noisy-max": lambda epsilon, **to: NoisyMax(epsilon=epsilon, sensitivity=1).choose([0, 3, 1], **to),
    "permute-and-flip": lambda epsilon, **to: PermuteAndFlip(epsilon=epsilon, sensitivity=1).choose([0, 3, 1], **to),
    "above-threshold": lambda epsilon, **to: AboveThreshold(epsilon=epsilon, threshold=9, sensitivity=1).begin(**to),
    "randomized-response": lambda epsilon, **to: RandomizedResponse(epsilon=epsilon, k=3).respond([0, 1, 2], **to),
}
every_release = pytest.mark.parametrize("name", RELEASES)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.create(tmp_path / "l.db", Budget.of(epsilon="2"), unit="who", neighbors="change-one")


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> list[Keystream]:
    """Give every keystream a known key, and collect them."""
    made: list[Keystream] = []

    def known() -> Keystream:
        made.append(Keystream._of_key(KEY, NONCE))
        return made[-1]

    monkeypatch.setattr(Keystream, "secure", known)
    return made


def test_mechanisms__are_public_and_audited() -> None:
    assert {"AboveThreshold", "NoisyMax", "Odometer", "PermuteAndFlip", "RandomizedResponse"} <= set(mechanisms.__all__)
    assert shoal.dp.mechanisms is mechanisms
    assert RELEASES.keys() <= SUBJECTS.keys()


@every_release
def test_release__charges_its_epsilon_before_it_draws(
    name: str, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    spent: list[Fraction] = []
    secure = Keystream.secure

    def noted() -> Keystream:
        spent.append(ledger.spent[0])
        return secure()

    monkeypatch.setattr(Keystream, "secure", noted)
    receipt = RELEASES[name]("3/4", ledger=ledger, dataset="visits").receipt
    # The rehearsal before the charge draws from a key of its own.
    assert spent == [0, Fraction(3, 4)]
    entry = ledger.entries()[-1]
    assert (entry.number, entry.hash, entry.dataset) == (receipt.number, receipt.hash, "visits")
    assert shoal.privacy_spent(entry.events, delta=0).epsilon == pytest.approx(0.75)
    assert entry.law == ("laplace" if name in ("noisy-max", "above-threshold") else "")


@every_release
def test_release__beyond_the_budget_draws_nothing(name: str, ledger: Ledger, streams: list[Keystream]) -> None:
    with pytest.raises(BudgetExhausted):
        RELEASES[name]("3", ledger=ledger, dataset="visits")
    assert len(streams) == 1
    assert ledger.spent == (0, 0)


@every_release
def test_release__of_a_ledger_of_rho_and_of_its_path(name: str, tmp_path: Path) -> None:
    path = tmp_path / "rho.db"
    ledger = Ledger.create(path, Budget.of(rho="1"), unit=None, neighbors="change-one")
    RELEASES[name]("1", ledger=str(path), dataset="visits")
    assert ledger.spent == (Fraction(1, 2), 0)


@every_release
@pytest.mark.parametrize("epsilon", [0, -1, "1e-60", "1e16", float("nan"), True, None])
def test_release__epsilon_is_out_of_range(name: str, epsilon: Any, ledger: Ledger) -> None:
    with pytest.raises(NumberError):
        RELEASES[name](epsilon, ledger=ledger, dataset="visits")
    assert ledger.spent == (0, 0)


@every_release
def test_release__mistakes_charge_nothing(name: str, ledger: Ledger) -> None:
    with pytest.raises(InputError):
        RELEASES[name]("1", ledger=ledger, dataset=7)
    with pytest.raises(PolicyError):
        RELEASES[name]("1", ledger=7, dataset="visits")
    assert ledger.spent == (0, 0)


@pytest.mark.parametrize("kind", [NoisyMax, PermuteAndFlip])
@pytest.mark.parametrize("scores", [[], [1.5, 2], ["3"], [True, False], [None]])
def test_choose__scores_are_integers(kind: Any, scores: Any, ledger: Ledger) -> None:
    with pytest.raises(InputError):
        kind(epsilon=1, sensitivity=1).choose(scores, ledger=ledger, dataset="visits")
    assert ledger.spent == (0, 0)


@pytest.mark.parametrize("kind", [NoisyMax, PermuteAndFlip])
def test_choose__is_the_engine_s_draw(kind: Any, streams: list[Keystream]) -> None:
    chosen = kind(epsilon="1/2", sensitivity=2)
    for scores in ([0, 1, 2, 3], np.array([5, 5, 4]), [7]):
        index = chosen.choose(scores, ledger=None, dataset="visits").index
        assert index == chosen._engine.choose([int(one) for one in scores], Keystream._of_key(KEY, NONCE))
    assert len(streams) == 6


@pytest.mark.parametrize("kind", [NoisyMax, PermuteAndFlip])
def test_choose__scores_of_any_size(kind: Any) -> None:
    found = kind(epsilon=1, sensitivity=1).choose([-(10**40), 10**40, 0], ledger=None, dataset="visits")
    assert (found.index, found.receipt) == (1, None)


@pytest.mark.parametrize("wrong", [{"sensitivity": 0}, {"sensitivity": 1.5}, {"epsilon": "1e-17"}, {"epsilon": "x"}])
def test_noisy_max__parameters_are_checked_when_it_is_made(wrong: dict[str, Any]) -> None:
    with pytest.raises(NumberError):
        NoisyMax(**({"epsilon": 1, "sensitivity": 1} | wrong))


@pytest.mark.parametrize("wrong", [{"threshold": 1.5}, {"sensitivity": 0}, {"epsilon": "1e-16"}])
def test_above_threshold__parameters_are_checked_when_it_is_made(wrong: dict[str, Any]) -> None:
    with pytest.raises(NumberError):
        AboveThreshold(**({"epsilon": 1, "threshold": 1, "sensitivity": 1} | wrong))


@pytest.mark.parametrize("k", [1, 0, 2.5, True])
def test_randomized_response__needs_two_answers(k: Any) -> None:
    with pytest.raises(NumberError):
        RandomizedResponse(epsilon=1, k=k)


def test_threshold_test__ends_with_the_first_answer_above() -> None:
    test = AboveThreshold(epsilon=1, threshold=1000, sensitivity=1).begin(ledger=None, dataset="visits")
    assert [test.is_above(answer) for answer in (0, -(10**30), 10**30)] == [False, False, True]
    with pytest.raises(RuntimeError, match="charge again"):
        test.is_above(0)


def test_threshold_test__refuses_what_is_no_integer_and_copies() -> None:
    test = AboveThreshold(epsilon=1, threshold=0, sensitivity=1).begin(ledger=None, dataset="visits")
    with pytest.raises(InputError):
        test.is_above(0.5)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(test)


def test_randomized_response__is_charged_under_change_one_only(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path / "l.db", Budget.of(epsilon="2"), unit="who", neighbors="add-remove")
    with pytest.raises(PolicyError, match="change-one"):
        RELEASES["randomized-response"]("1", ledger=ledger, dataset="visits")
    assert ledger.spent == (0, 0)


@pytest.mark.parametrize("answers", [[3], [-1], [0.5], [None]])
def test_randomized_response__answers_are_checked_before_the_charge(answers: Any, ledger: Ledger) -> None:
    with pytest.raises(InputError):
        RandomizedResponse(epsilon=1, k=3).respond(answers, ledger=ledger, dataset="survey")
    assert ledger.spent == (0, 0)


def test_randomized_response__bound_on_epsilon(streams: list[Keystream]) -> None:
    """The public path, audited: a million answers of each world."""
    public = RandomizedResponse(epsilon=1, k=3)

    def draw(world: int, runs: int, stream: Keystream) -> np.ndarray:
        streams_before = len(streams)
        values = public._engine.respond(np.full(runs, world, np.int64), stream)
        assert len(streams) == streams_before
        return values

    found = audit(draw, Claim(1.0), runs=200_000, stream=Keystream._of_key(KEY, NONCE))
    assert found.verdict != "broken"
    shares = public.estimate(public.respond([1] * 20_000, ledger=None, dataset="survey").values)
    # Five standard deviations of an estimate from 20,000 answers.
    np.testing.assert_allclose(shares, [0, 1, 0], atol=0.06)


def test_odometer__adds_up_events_of_mechanisms() -> None:
    odometer = Odometer(delta="1e-6")
    assert odometer.epsilon == 0
    for event in (NoisyMax(epsilon="1/10", sensitivity=1).event, PermuteAndFlip(epsilon="1/10", sensitivity=1).event):
        before = odometer.epsilon
        odometer.spend(event)
        assert odometer.epsilon >= before > -1
    assert odometer.epsilon >= shoal.privacy_spent([event, event], delta="1e-6").epsilon
    assert odometer.delta == Fraction(1, 10**6)


@pytest.mark.parametrize("delta", [0, 1, -1, "x", None])
def test_odometer__delta_is_out_of_range(delta: Any) -> None:
    with pytest.raises(NumberError):
        Odometer(delta=delta)


def test_odometer__text_that_is_no_event() -> None:
    with pytest.raises(NumberError):
        Odometer(delta="1e-6").spend("{}")

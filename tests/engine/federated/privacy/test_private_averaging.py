"""Private rounds: how far a node moves the sum, what noise is drawn, what it costs, and that it is drawn once."""

import copy
import itertools
import math
import pickle
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from shoal.federation.private_rounds import PrivateRounds
from shoal_engine.differential import events
from shoal_engine.differential.accounting.accountant import privacy_spent
from shoal_engine.differential.exact_numbers import Exact
from shoal_engine.errors import BudgetExhausted, NumberError, UpdateError
from shoal_engine.federated.privacy.private_averaging import AdaptiveClip, PrivateMean
from shoal_engine.federated.privacy.private_training import Permit, PrivateTraining
from shoal_engine.federated.sums.fixed_point_sums import CLIP_BITS, ClippedSum, sensitivity
from shoal_engine.federated.updates.model import Model
from shoal_engine.federated.updates.round import UpdateChecks
from shoal_engine.federated.updates.update import Update
from shoal_engine.ledger import Budget, Ledger
from shoal_engine.randomness import Keystream

STREAM = Keystream._of_key(bytes(range(32)), bytes(16))
DELTA = Fraction(1, 10**5)


def model(*values: float, dtype: str = "float32") -> Model:
    return Model.of_arrays({"w": np.array(values, dtype)})


def training(multiplier: str = "1", epsilon: int = 50) -> PrivateTraining:
    return PrivateTraining(Fraction(epsilon), DELTA, noise_multiplier=Fraction(multiplier))


def private_mean(
    start: Model, clip: float | AdaptiveClip = 1.0, *, multiplier: str = "1", **options: float
) -> PrivateMean:
    """Return a round that nobody has paid for: tests look at exact sums through noise that hides nothing."""
    options.setdefault("expected_updates", 10)
    return PrivateMean(UpdateChecks(like=start), Permit(1, Fraction(multiplier), 1 << 40), clip=clip, **options)  # pyright: ignore


@given(
    change=st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=1, max_size=300),
    clip=st.floats(1e-6, 1e6),
    weight=st.floats(0, 1),
)
@settings(deadline=None)
def test_sum__no_node_moves_it_by_more_than_the_sensitivity(change: list[float], clip: float, weight: float) -> None:
    """In exact arithmetic, from the sums themselves."""
    base = model(*np.linspace(-3, 3, len(change)))
    total = ClippedSum(base, clip)
    sent = model(*change)
    length = total.norm(sent)
    true = math.fsum((float(a) - float(b)) ** 2 for a, b in zip(sent.payloads()[0], base.payloads()[0], strict=True))
    assert length**2 >= true * (1 - 1e-13)
    total.add(sent, length, weight)
    assert sum(int(value) ** 2 for value in total.sums[0]) <= sensitivity(len(change)) ** 2


def test_sum__sensitivity_holds_where_rounding_is_against_it() -> None:
    """A long vector of values that are each half a step over: rounding adds half a step to every one."""
    n = 1 << 16
    change = (np.floor(2.0**CLIP_BITS / math.sqrt(n)) + 0.5) * 2.0**-CLIP_BITS
    base = Model.of_arrays({"w": np.zeros(n)})
    total = ClippedSum(base, 1.0)
    sent = Model.of_arrays({"w": np.full(n, change)})
    total.add(sent, total.norm(sent), 1.0)
    assert sum(int(value) ** 2 for value in total.sums[0].tolist()) <= sensitivity(n) ** 2


def test_mean__is_that_of_clipped_changes_where_there_is_hardly_any_noise() -> None:
    start = model(1, 1)
    sent = [model(4, 5), model(1, 1.5), model(1, 1)]
    mean = private_mean(start, multiplier="1/1000000", expected_updates=3)
    for node, one in enumerate(sent):
        mean.observe(Update(one, str(node), weight=1e9))
    # (3, 4) is of length 5, and counts as (0.6, 0.8); weights that are claimed count for nothing.
    expected = [1 + 0.6 / 3, 1 + (0.8 + 0.5) / 3]
    assert mean.release(_stream=STREAM).model.payloads()[0] == pytest.approx(expected, abs=1e-5)


def test_mean__weights_count_up_to_a_cap() -> None:
    mean = private_mean(model(0), multiplier="1/1000000", expected_updates=2, weight_cap=100.0)
    for node, weight in (("small", 50.0), ("huge", 1e12)):
        mean.observe(Update(model(0.5), node, weight=weight))
    assert mean.release(_stream=STREAM).model.payloads()[0] == pytest.approx([0.5 * 1.5 / 2], abs=1e-5)


def test_mean__noise_is_of_the_deviation_that_is_told() -> None:
    start = Model.of_arrays({"w": np.zeros(50_000)})
    released = private_mean(start, 0.5, multiplier="3", expected_updates=7).release(_stream=STREAM)
    noise = released.model.payloads()[0]
    assert released.std == pytest.approx(3 * 0.5 / 7, rel=1e-6)
    assert stats.kstest(noise / released.std, "norm").pvalue > 1e-6


def test_mean__same_bytes_in_any_order_and_cut() -> None:
    rng = np.random.default_rng(1)
    start = Model.of_arrays({"w": rng.standard_normal(500).astype(np.float32)})
    sent = [Update.of_arrays({"w": rng.standard_normal(500).astype(np.float32)}, node=str(i)) for i in range(9)]
    permits = {}

    def released(order: list[int], cut: int) -> bytes:
        spent = training()
        permits[len(permits)] = permit = spent.begin_round(size=500)
        made = [PrivateMean(UpdateChecks(like=start), permit, clip=2.0, expected_updates=9) for _ in range(2)]
        for place, one in enumerate(order):
            made[place >= cut].observe(sent[one])
        made[0].merge(made[1])
        return made[0].release(_stream=Keystream._of_key(bytes(32), bytes(16))).model.payloads()[0].tobytes()

    orders = [rng.permutation(9).tolist() for _ in range(6)]
    assert len({released(order, cut) for order, cut in itertools.product(orders, (0, 4, 9))}) == 1


def test_mean__what_is_bad_is_left_out_and_named() -> None:
    mean = private_mean(model(0, 0), multiplier="1/1000000")
    sent = [
        Update(model(1, 0), "good"),
        Update(model(1, 0), "good"),
        Update(model(9, 9), "two stories"),
        Update(model(1, 0), "two stories"),
        Update(model(math.nan, 0), "nan"),
        Update(model(math.inf, 0), "inf"),
        Update(model(1), "short"),
        Update(model(1, 0), "weightless", weight=0.0),
    ]
    for update in sent:
        mean.observe(update)
    released = mean.release(_stream=STREAM)
    assert released.model.payloads()[0] == pytest.approx([0.1, 0], abs=1e-5)
    reasons = [(record.node, record.reason) for record in released.records if not record.kept]
    assert sorted(reasons) == [
        ("good", "duplicate"),
        ("inf", "not finite or too large"),
        ("nan", "not finite or too large"),
        ("short", "another layout"),
        ("two stories", "duplicate"),
        ("two stories", "duplicate"),
        ("weightless", "bad weight"),
    ]
    # Lengths are what noise hides.
    assert all(math.isnan(record.norm) and not record.clipped for record in released.records)


def test_mean__lengths_that_overflow_only_when_added_up_are_too_large() -> None:
    """Each block's sum of squares is finite, all together are not."""
    mean = private_mean(model(*[0] * 40_000, dtype="float64"))
    mean.observe(Update(model(*[1e152] * 40_000, dtype="float64"), "far"))
    assert [record.reason for record in mean.release().records] == ["not finite or too large"]


def test_release__noise_is_drawn_once_for_what_was_paid_once() -> None:
    permit = training().begin_round(size=1)
    one, two = (PrivateMean(UpdateChecks(like=model(0)), permit, clip=1.0, expected_updates=1) for _ in range(2))
    one.release()
    for again in (one, two):
        with pytest.raises(BudgetExhausted, match="released already"):
            again.release()


def test_permit__is_no_more_for_being_copied_or_used_at_once() -> None:
    permit = training().begin_round(size=1)
    mean = PrivateMean(UpdateChecks(like=model(0)), permit, clip=1.0, expected_updates=1)
    again = copy.deepcopy(mean)
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(permit)
    mean.release()
    with pytest.raises(BudgetExhausted, match="released already"):
        again.release()


def test_permit__is_for_the_values_that_were_paid_for() -> None:
    """More of them would differ from Gaussian noise by more."""
    for size, clip in ((1, 1.0), (2, AdaptiveClip(1.0))):
        with pytest.raises(UpdateError, match="paid for"):
            PrivateMean(
                UpdateChecks(like=model(0, 0)), training().begin_round(size=size), clip=clip, expected_updates=1
            )
    with pytest.raises(NumberError, match="no less than 0"):
        training().begin_round(size=-1)


def test_training__is_charged_once_by_many_threads_and_cannot_be_copied() -> None:
    spent = training("2", epsilon=4)
    while True:
        try:
            spent.begin_round(size=1)
        except BudgetExhausted:
            break
    raced = training("2", epsilon=4)

    def begin(_: int) -> bool:
        try:
            raced.begin_round(size=1)
        except BudgetExhausted:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(begin, range(64))) == spent.rounds == raced.rounds
    for copied in (copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            copied(spent)


def test_training__tells_why_where_discrete_noise_differs_too_much() -> None:
    spent = PrivateTraining(Fraction(64), DELTA, noise_multiplier=Fraction(1, 6))
    with pytest.raises(BudgetExhausted, match="differs from Gaussian noise"):
        spent.begin_round(size=10**6)


def test_adaptive_clip__follows_the_paper_and_uses_the_old_clip() -> None:
    clip = AdaptiveClip(1.0, quantile=0.5, rate=0.2)
    assert clip.after(1.0).clip == pytest.approx(math.exp(-0.1))
    assert clip.after(0.0).clip == pytest.approx(math.exp(0.1))
    mean = private_mean(model(0), clip, multiplier="1/100000", expected_updates=4)
    for node, value in enumerate((0.5, 0.9, 2.0, 7.0)):
        mean.observe(Update(model(value), str(node)))
    released = mean.release(_stream=STREAM)
    assert released.model.payloads()[0] == pytest.approx([(0.5 + 0.9 + 1 + 1) / 4], abs=1e-3)
    # Two of four were not clipped, which is the quantile: the clip stays.
    assert isinstance(released.clip, AdaptiveClip)
    assert released.clip.clip == pytest.approx(1.0, rel=1e-2)


@pytest.mark.parametrize("share", [1e-6, 0.5])
def test_adaptive_clip__stays_in_range_whatever_the_noise(share: float) -> None:
    clip: float | AdaptiveClip = AdaptiveClip(1.0, rate=10.0, share=share)
    for _ in range(50):
        clip = private_mean(model(0), clip, multiplier="512", expected_updates=1).release().clip
    assert isinstance(clip, AdaptiveClip)
    assert AdaptiveClip(2.0**399, rate=10.0).after(-1e300).clip == 2.0**400
    assert AdaptiveClip(2.0**-399, rate=10.0).after(1e300).clip == 2.0**-400


def test_sum__sensitivity_holds_at_the_least_clip() -> None:
    base, clip = model(0, 0, 0, dtype="float64"), 2.0**-400
    for change in (clip / 2, clip, clip * 3, 1e-100, 1e100):
        total = ClippedSum(base, clip)
        sent = model(change, -change, change, dtype="float64")
        total.add(sent, total.norm(sent), 1.0)
        assert sum(int(value) ** 2 for value in total.sums[0]) <= sensitivity(3) ** 2


def test_adaptive_clip__finds_the_quantile() -> None:
    rng = np.random.default_rng(3)
    clip: float | AdaptiveClip = AdaptiveClip(0.01, quantile=0.7, rate=0.3, share=0.2)
    for _ in range(60):
        mean = private_mean(model(0), clip, multiplier="1/4", expected_updates=200)
        for node, value in enumerate(rng.exponential(3, 200)):
            mean.observe(Update(model(value), str(node)))
        clip = mean.release(_stream=STREAM).clip
    assert isinstance(clip, AdaptiveClip)
    assert clip.clip == pytest.approx(-3 * math.log(0.3), rel=0.15)


@pytest.mark.parametrize("quantile", [0.0, 0.2, 0.5, 0.9])
def test_adaptive_clip__absent_nodes_count_as_nothing(quantile: float) -> None:
    """A tenth of the nodes come, of which as many are not clipped as shall be: the clip stays."""
    mean = private_mean(model(0), AdaptiveClip(1.0, quantile=quantile), multiplier="1/1000000", expected_updates=100)
    for node in range(10):
        mean.observe(Update(model(0.5 if node < 10 * quantile else 3.0), str(node)))
    clip = mean.release(_stream=STREAM).clip
    assert isinstance(clip, AdaptiveClip)
    assert clip.clip == pytest.approx(1.0, rel=1e-4)


def test_adaptive_clip__the_count_has_the_noise_of_the_paper() -> None:
    """The sum of 1/2 and -1/2: half of that of a count, whose share of the budget is the same."""
    multiplier, share, m, rate = 2.0, 0.25, 1000, 0.2
    clip = AdaptiveClip(1.0, rate=rate, share=share)
    found: list[float] = []
    for _ in range(400):
        after = private_mean(model(0), clip, multiplier=str(multiplier), expected_updates=m).release().clip
        assert isinstance(after, AdaptiveClip)
        found.append(-math.log(after.clip) / rate * m)
    # Andrew et al. 2021, theorem 1: with noise z of the whole, that of the count is 1 / 2 of z / sqrt(share).
    expected = multiplier / math.sqrt(share) / 2
    assert stats.kstest(np.array(found) / expected, "norm").pvalue > 1e-6


def test_adaptive_clip__count_and_sum_share_the_sensitivity() -> None:
    fixed, adaptive = private_mean(model(0), 1.0), private_mean(model(0), AdaptiveClip(1.0, share=0.1))
    of_count = adaptive._step_of_count
    assert adaptive.sensitivity**2 >= fixed.sensitivity**2 + of_count**2
    assert of_count**2 / adaptive.sensitivity**2 == pytest.approx(0.1, rel=1e-6)


@pytest.mark.parametrize("rate", ["1", "1/5"])
def test_training__costs_what_gaussian_noise_costs_and_stops_before_it_is_too_much(rate: str) -> None:
    spent = PrivateTraining(Fraction(2), DELTA, noise_multiplier=Fraction(2), rate=Fraction(rate))
    for number in itertools.count(1):
        nodes = spent.sample([str(i) for i in range(100)])
        assert len(nodes) == 100 or rate != "1"
        if spent._cost(number) > 2:
            break
        spent.begin_round(size=10**7)
    before = spent.spent
    with pytest.raises(BudgetExhausted, match="nothing was sent"):
        spent.begin_round(size=10**7)
    assert spent.spent == before <= 2
    once: events.Event = events.Gaussian(Fraction(2), Fraction(1))
    once = once if rate == "1" else events.PoissonSampled(Fraction(rate), once)
    assert spent.spent == pytest.approx(privacy_spent(events.Repeated(once, number - 1), delta=DELTA).epsilon, rel=1e-3)
    assert privacy_spent(events.Repeated(once, number), delta=DELTA).epsilon > 2 * 0.999


def test_training__amplifies_only_where_it_draws_the_nodes_itself() -> None:
    spent = PrivateTraining(Fraction(2), DELTA, noise_multiplier=Fraction(2), rate=Fraction(1, 20))
    with pytest.raises(NumberError, match="by `sample`"):
        spent.begin_round(size=1)
    spent.sample(["a"])
    spent.begin_round(size=1)
    with pytest.raises(NumberError, match="by `sample`"):
        spent.begin_round(size=1)


def test_mean__counts_only_nodes_that_were_drawn() -> None:
    """One sample used for two rounds, or nodes picked otherwise, would cost as much as a round of all."""
    spent = PrivateTraining(Fraction(9), DELTA, noise_multiplier=Fraction(2), rate=Fraction(1, 2))
    nodes = [str(node) for node in range(40)]
    drawn = spent.sample(nodes, _stream=STREAM)
    permit = spent.begin_round(size=1)
    spent.sample(["another"], _stream=STREAM)
    mean = PrivateMean(UpdateChecks(like=model(0)), permit, clip=1.0, expected_updates=20)
    for node in nodes:
        mean.observe(Update(model(1), node))
    reasons = {record.node: record.reason for record in mean.release().records}
    assert 0 < len(drawn) < 40
    assert reasons == {node: None if node in drawn else "not drawn" for node in nodes}


def test_sample__is_poisson() -> None:
    spent = PrivateTraining(Fraction(2), DELTA, noise_multiplier=Fraction(2), rate=Fraction(1, 4))
    nodes = [str(i) for i in range(40)]
    drawn = [spent.sample(nodes, _stream=STREAM) for _ in range(2000)]
    sizes = np.bincount([len(one) for one in drawn], minlength=41)
    expected = stats.binom.pmf(np.arange(41), 40, 0.25) * 2000
    big = expected > 5
    seen, should = np.append(sizes[big], sizes[~big].sum()), np.append(expected[big], expected[~big].sum())
    assert stats.chisquare(seen, should).pvalue > 1e-6
    assert drawn[0] != drawn[1]


def test_training__of_rounds_allows_just_so_many() -> None:
    spent = PrivateTraining.of_rounds(30, epsilon=Fraction(1), delta=DELTA, rate=Fraction(1, 10))
    for _ in range(30):
        spent.sample(["a", "b"])
        spent.begin_round(size=1000)
    assert 0.99 < spent.spent <= 1
    spent.sample(["a", "b"])
    with pytest.raises(BudgetExhausted):
        spent.begin_round(size=1000)


@pytest.mark.parametrize("epsilon", [8, 8.0, "8", "16/2", Decimal(8), Fraction(8)])
def test_training__takes_numbers_as_budgets_do(epsilon: Exact) -> None:
    exact = PrivateTraining.of_rounds(2, epsilon=Fraction(8), delta=Fraction(1, 10**5), rate=Fraction(1, 4))
    for rate in (0.25, "1/4", Decimal("0.25")):
        found = PrivateTraining.of_rounds(2, epsilon=epsilon, delta="1e-5", rate=rate)
        assert (found.epsilon, found.delta, found.rate) == (exact.epsilon, exact.delta, exact.rate)
        assert found.noise_multiplier == exact.noise_multiplier
    # 1e-5 as a float is a little more than a hundred thousandth, and 0.1 a little more than a tenth.
    floats = PrivateTraining(epsilon, 1e-5, noise_multiplier=0.1, rate=0.1)
    assert (floats.delta, floats.noise_multiplier, floats.rate) == (DELTA, Fraction(0.1), Fraction(0.1))


@pytest.mark.parametrize("bad", [True, "eight", math.nan, math.inf, None, -1, "0"])
def test_training__refuses_what_is_no_budget(bad: Any) -> None:
    for numbers in ({"epsilon": bad, "delta": "1e-5"}, {"epsilon": 8, "delta": bad}):
        with pytest.raises(NumberError):
            PrivateTraining.of_rounds(2, **numbers)


def test_training__charges_a_ledger_before_its_first_round(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path / "budget.db", Budget.of(epsilon="3", delta="1e-4"), unit="node")
    PrivateTraining(Fraction(2), DELTA, noise_multiplier=Fraction(1), ledger=ledger)
    assert ledger.spent == (Fraction(2), pytest.approx(DELTA))
    with pytest.raises(BudgetExhausted):
        PrivateTraining(Fraction(2), DELTA, noise_multiplier=Fraction(1), ledger=ledger)


@pytest.mark.parametrize("sigma", [3, 10, 40])
def test_rounded_gaussian_noise__is_as_near_to_discrete_as_is_charged(sigma: int) -> None:
    """The distance in total variation by numerical integration, beside the bound that is charged to delta."""
    with mpmath.workdps(40):
        variance = mpmath.mpf(sigma) ** 2
        norm = mpmath.jtheta(3, 0, mpmath.exp(-1 / (2 * variance)))
        distance = mpmath.mpf(0)
        for z in range(-12 * sigma, 12 * sigma + 1):
            rounded = mpmath.ncdf((z + 0.5) / mpmath.mpf(sigma)) - mpmath.ncdf((z - 0.5) / mpmath.mpf(sigma))
            distance += abs(rounded - mpmath.exp(-(mpmath.mpf(z) ** 2) / (2 * variance)) / norm) / 2
        assert 0.015 / variance < distance <= 1 / (40 * variance)


@pytest.mark.parametrize(
    "make",
    [
        lambda: PrivateTraining(Fraction(0), DELTA, noise_multiplier=Fraction(1)),
        lambda: PrivateTraining(Fraction(1), Fraction(1), noise_multiplier=Fraction(1)),
        lambda: PrivateTraining(Fraction(1), DELTA, noise_multiplier=Fraction(0)),
        lambda: PrivateTraining(Fraction(1), DELTA, noise_multiplier=Fraction(1000)),
        lambda: PrivateTraining(Fraction(1), DELTA, noise_multiplier=Fraction(1), rate=Fraction(2)),
        lambda: PrivateTraining.of_rounds(0, epsilon=Fraction(1), delta=DELTA),
        lambda: private_mean(model(0), 0.0),
        lambda: private_mean(model(0), 1e-170),
        lambda: private_mean(model(0), 1e170),
        lambda: private_mean(model(0), expected_updates=0.0),
        lambda: private_mean(model(0), weight_cap=0.0),
        lambda: private_mean(model(0), weight_cap=math.inf),
        lambda: PrivateRounds(training(), clip=0.0, expected_updates=10),
        lambda: AdaptiveClip(1.0, share=1.0),
        lambda: AdaptiveClip(1.0, share=1e-30),
        lambda: AdaptiveClip(math.inf),
        lambda: AdaptiveClip(1.0, rate=1e300),
        lambda: PrivateMean(UpdateChecks(), training().begin_round(size=1), clip=1.0, expected_updates=1),
    ],
)
def test_parameters__out_of_range_are_rejected(make: object) -> None:
    with pytest.raises((NumberError, UpdateError)):
        make()  # pyright: ignore[reportCallIssue]

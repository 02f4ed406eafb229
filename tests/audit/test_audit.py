"""Audits: no mechanism of ours breaks its claim, and every planted mistake is found."""

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from audit.mutants import MUTANTS
from shoal_engine.differential.audit.evidence import Claim, Finding, _proven, audit
from shoal_engine.differential.audit.subjects import SUBJECTS
from shoal_engine.errors import NumberError
from shoal_engine.randomness import Keystream

RUNS = 1_000_000
"""At so many a claim that is broken by a fiftieth is found; draws are of a known key, so tests pass always or never."""
STREAM_KEY, NONCE = bytes(range(7, 39)), bytes(16)


@pytest.mark.parametrize("name", SUBJECTS)
def test_subjects__no_mechanism_breaks_its_claim(name: str) -> None:
    subject = SUBJECTS[name]()
    runs = max(1000, int(RUNS / 5 * subject.share))
    found = audit(subject.draw, subject.claim, runs=runs, stream=Keystream._of_key(STREAM_KEY, NONCE))
    assert found.verdict != "broken"
    # What is found is more than nothing: the neighbors differ, and the event that was chosen tells them apart. All that
    # a threshold gives away of a single unit is its delta.
    assert found.bound > 0.1 * subject.claim.epsilon or "threshold-of-keys" in name


@pytest.mark.parametrize("name", ["laplace", "randomized-response"])
def test_subjects__plain_noise_is_found_to_cost_nearly_what_it_claims(name: str) -> None:
    subject = SUBJECTS[name]()
    found = audit(subject.draw, subject.claim, runs=RUNS, stream=Keystream._of_key(STREAM_KEY, NONCE))
    assert found.verdict == "holds"


def test_mutants__are_many() -> None:
    assert len(MUTANTS) >= 20


@pytest.mark.parametrize("name", MUTANTS)
def test_mutants__every_mistake_is_found(name: str) -> None:
    draw, claim, share = MUTANTS[name]
    found = audit(draw, claim, runs=int(RUNS * share), stream=Keystream._of_key(STREAM_KEY, NONCE))
    assert found.verdict == "broken"


@pytest.mark.parametrize(("p", "q", "n"), [(30, 5, 100), (100, 0, 100), (1, 1, 1000), (600_000, 200_000, 10**6)])
def test_bound__is_that_of_clopper_and_pearson(p: int, q: int, n: int) -> None:
    low = stats.binomtest(p, n).proportion_ci(0.95, "exact").low
    high = stats.binomtest(q, n).proportion_ci(0.95, "exact").high
    assert _proven(p, q, n, 0.0, 0.05) == pytest.approx(math.log(low / high))
    assert _proven(0, q, n, 0.0, 0.05) == -math.inf
    assert _proven(p, q, n, 1.0, 0.05) == -math.inf


def test_bound__exceeds_the_truth_no_more_often_than_it_says() -> None:
    """Randomized response of epsilon = 1: the bound of the best event is above 1 in at most 5 % of audits."""

    def draw(world: int, runs: int, stream: Keystream) -> np.ndarray:
        keep = (stream.words(runs) >> np.uint64(11)) * 2.0**-53 < math.e / (1 + math.e)
        return (keep ^ bool(world)).astype(np.int64)

    stream = Keystream._of_key(STREAM_KEY, NONCE)
    above = sum(audit(draw, Claim(1.0), runs=4000, stream=stream).verdict == "broken" for _ in range(300))
    # Two directions are looked at, each wrong in 5 % at most.
    assert stats.binomtest(above, 300, 0.1, alternative="greater").pvalue > 1e-4


def test_audit__refuses_too_few_runs() -> None:
    with pytest.raises(NumberError, match="prove nothing"):
        audit(SUBJECTS["laplace"]().draw, Claim(1.0), runs=10, stream=Keystream._of_key(STREAM_KEY, NONCE))


@pytest.mark.parametrize(("bound", "verdict"), [(1.001, "broken"), (0.995, "holds"), (0.5, "loose")])
def test_finding__says_what_follows(bound: float, verdict: str) -> None:
    assert Finding(Claim(float(Fraction(1))), bound).verdict == verdict

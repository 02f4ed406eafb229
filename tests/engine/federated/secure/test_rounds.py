"""Whole rounds: what the server learns is the sum of the survivors' vectors, or nothing."""

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from naive.secure_rounds import Played, Vector, parameters_of, wrapped_sum
from shoal_engine.errors import SecureAggregationError, TooFewSurvivors
from shoal_engine.federated.secure import SecureParameters, client
from shoal_engine.federated.secure.key_agreement import KeyPair
from shoal_engine.federated.secure.messages import Stage

EXTREMES = np.array([-(2**63), 2**63 - 1, -1, 0, 1])
STAGES = list(Stage)
LOST_WITH_VECTOR = (Stage.AGREE, Stage.REVEAL, Stage.FINISHED)
INT64 = st.integers(-(2**63), 2**63 - 1)


def vectors_of(nodes: range | list[int], length: int = 5) -> dict[int, Vector]:
    rng = np.random.default_rng(5)
    return {node: rng.integers(-(2**63), 2**63 - 1, length, endpoint=True) for node in nodes}


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("n", range(3, 9))
def test_total__is_the_sum(n: int, signed: bool) -> None:  # noqa: FBT001
    vectors = vectors_of(range(n))
    total = Played(parameters_of(2 * n // 3 + 1, signed=signed), vectors).total()
    assert total.dtype == np.int64
    assert total.tolist() == wrapped_sum(list(vectors.values()))


def test_total__at_the_ends_of_int64() -> None:
    vectors = dict.fromkeys(range(4), EXTREMES)
    assert Played(parameters_of(3), vectors).total().tolist() == wrapped_sum([EXTREMES] * 4)
    assert vectors[0].tolist() == EXTREMES.tolist()


def test_total__of_any_numbers_of_nodes() -> None:
    vectors = vectors_of([0, 2**63 - 1, 17, 4_000_000_000])
    assert Played(parameters_of(3), vectors).total().tolist() == wrapped_sum(list(vectors.values()))


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("stage", STAGES[:-1])
def test_total__two_of_seven_lost_at_a_stage(stage: Stage, signed: bool) -> None:  # noqa: FBT001
    vectors = vectors_of(range(7))
    played = Played(parameters_of(5, signed=signed), vectors)
    total = played.total({1: stage, 4: stage})
    survivors = [v for node, v in vectors.items() if node not in (1, 4) or stage in LOST_WITH_VECTOR]
    assert total.tolist() == wrapped_sum(survivors)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("stage", STAGES[:-1])
def test_total__too_few_at_a_stage(stage: Stage, signed: bool) -> None:  # noqa: FBT001
    if stage is Stage.AGREE and not signed:
        stage = Stage.REVEAL
    played = Played(parameters_of(5, signed=signed), vectors_of(range(7)))
    with pytest.raises(TooFewSurvivors) as raised:
        played.total(dict.fromkeys((1, 4, 6), stage))
    assert (raised.value.left, raised.value.threshold) == (4, 5)
    assert stage is Stage.REVEAL or not played.revealed
    # Masks are all still on.
    masked = [m.vector for m in played.masked]
    if len(masked) >= 5:
        assert played.server._sum is not None
        assert np.array_equal(played.server._sum, sum(masked, np.zeros(5, np.uint64)))


@pytest.mark.parametrize("stage", STAGES[:-1])
def test_total__waits_for_more(stage: Stage) -> None:
    """A stage that could not end goes on when another message comes."""
    vectors = vectors_of(range(5))
    played = Played(parameters_of(5, signed=True), vectors)
    with pytest.raises(TooFewSurvivors):
        played.until(Stage.FINISHED, {2: stage}).server.total()
    late = played.clients[2]
    steps = {
        Stage.ADVERTISE: lambda: late.advertise(),
        Stage.SHARE: lambda: late.share(played.roster),
        Stage.CONFIRM: lambda: late.confirm(played.delivered[2]),
        Stage.MASK: lambda: late.mask(vectors[2], played.partners[2]),
        Stage.AGREE: lambda: late.agree(played.request),
        Stage.REVEAL: lambda: late.reveal(played.request, played.signed),
    }
    assert played.server.missing == (frozenset() if stage is Stage.ADVERTISE else {2})
    played.server.receive(steps[stage]())
    ends = ["roster", "deliver", "partners", "reveal_request", "signatures", "total"]
    assert getattr(played.server, ends[stage])() is not None


def outcome(played: Played, lost: dict[int, Stage]) -> Vector | SecureAggregationError:
    try:
        return played.total(lost)
    except SecureAggregationError as error:
        return error


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_total__any_dropouts(data: st.DataObject) -> None:
    n = data.draw(st.integers(3, 8))
    neighbors = data.draw(st.sampled_from([None, *range(2, n, 2)]))
    signed = neighbors is None and data.draw(st.booleans())
    holders = n if neighbors is None else neighbors + 1
    least = 2 * n // 3 + 1 if signed else max(2, holders // 2 + 1)
    threshold = data.draw(st.integers(least, holders))
    vectors = {v: np.array(data.draw(st.lists(INT64, min_size=3, max_size=3))) for v in range(n)}
    lost = data.draw(st.dictionaries(st.integers(0, n - 1), st.sampled_from(STAGES), max_size=3))
    played = Played(parameters_of(threshold, length=3, neighbors=neighbors, signed=signed), vectors)
    found = outcome(played, lost)
    if isinstance(found, TooFewSurvivors):
        assert found.left < threshold
    elif isinstance(found, SecureAggregationError):
        assert neighbors is not None
        assert "fall into parts" in str(found)
    else:
        kept = set(played.request.survivors)
        assert len(kept) >= threshold
        assert all(lost.get(v, Stage.FINISHED) in LOST_WITH_VECTOR for v in kept)
        if neighbors is None:
            assert kept == {v for v in range(n) if lost.get(v, Stage.FINISHED) in LOST_WITH_VECTOR}
        assert found.tolist() == wrapped_sum([vectors[v] for v in sorted(kept)])
    if neighbors is None:
        heard = [sum(lost.get(v, Stage.FINISHED) > stage for v in range(n)) for stage in STAGES[:-1]]
        enough = min(heard if signed else [*heard[:4], heard[5]]) >= threshold
        assert enough == (played.server._stage is Stage.FINISHED)
    kinds = defaultdict[int, set[str]](set)
    for message in played.revealed:
        for node, _ in message.self_mask:
            kinds[node].add("self mask")
        for node, _ in message.mask_key:
            kinds[node].add("mask key")
    assert all(len(kind) == 1 for kind in kinds.values())


@pytest.mark.parametrize("lost", [{}, {3: Stage.MASK, 10: Stage.MASK, 11: Stage.SHARE, 20: Stage.REVEAL}])
def test_total__with_few_neighbors(lost: dict[int, Stage]) -> None:
    vectors = vectors_of(range(40))
    played = Played(parameters_of(6, neighbors=10), vectors)
    survivors = [v for node, v in vectors.items() if lost.get(node, Stage.FINISHED) in LOST_WITH_VECTOR]
    assert played.total(lost).tolist() == wrapped_sum(survivors)
    assert {len(p.partners) for p in played.partners.values()} <= {8, 9, 10}


def test_reveal_request__survivors_in_parts() -> None:
    """On a ring in which each has two neighbors, two that are lost cut it in two."""
    vectors = vectors_of(range(12))
    played = Played(parameters_of(2, neighbors=2), vectors).until(Stage.MASK)
    ring = [0, played.partners[0].partners[0]]
    while len(ring) < 12:
        ring.append(next(v for v in played.partners[ring[-1]].partners if v != ring[-2]))
    for node in range(12):
        if node not in (ring[2], ring[8]):
            played.server.receive(played.clients[node].mask(vectors[node], played.partners[node]))
    with pytest.raises(SecureAggregationError, match="fall into parts"):
        played.server.reveal_request()


def masked_with_known_keys(monkeypatch: pytest.MonkeyPatch, parameters: SecureParameters) -> dict[int, np.ndarray]:
    """Return what three nodes send of zeros."""
    known = iter(range(100))
    pairs = classmethod(lambda cls: KeyPair.of_private(bytes([next(known)]) * 32))
    monkeypatch.setattr(KeyPair, "fresh", pairs)
    monkeypatch.setattr(client.secrets, "token_bytes", lambda n: bytes([next(known)]) * n)
    vectors = dict.fromkeys(range(3), np.zeros(parameters.length, np.int64))
    played = Played(parameters, vectors).until(Stage.REVEAL)
    return {m.sender: m.vector for m in played.masked}


def test_mask__looks_uniform(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes of what three nodes send of zeros, counted; refused below a chance of 1e-6.

    The keys are known, so that it passes always. Were one bit of each byte set with chance 0.51 and not 0.5, it would
    fail with chance above 0.99: the last line computes that.
    """
    length = 1 << 16
    for vector in masked_with_known_keys(monkeypatch, parameters_of(2, length=length)).values():
        counted = np.bincount(vector.view(np.uint8), minlength=256)
        assert stats.chisquare(counted).pvalue > 1e-6
    shift = 8 * length * (2 * 0.01) ** 2
    assert stats.ncx2.sf(stats.chi2.isf(1e-6, 255), 255, shift) > 0.99


def test_mask__differs_among_rounds_and_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Although all keys are the same, and all vectors zero."""
    found: list[np.ndarray] = []
    for number in (0, 1):
        with monkeypatch.context() as patched:
            parameters = replace(parameters_of(2, length=1000), round=number)
            found += masked_with_known_keys(patched, parameters).values()
    for i, first in enumerate(found):
        assert not any(np.any(first == second) for second in found[:i])


def test_mask__the_sum_of_masks_is_not_zero_before_own_masks_are_off() -> None:
    played = Played(parameters_of(2, length=100), dict.fromkeys(range(3), np.zeros(100, np.int64)))
    played.until(Stage.REVEAL)
    assert np.count_nonzero(sum(m.vector for m in played.masked)) == 100


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"threshold": 1}, "at least 2"),
        ({"session": b"short"}, "token_bytes"),
        ({"session": bytes(256)}, "token_bytes"),
        ({"round": -1}, "round"),
        ({"length": 0}, "length"),
        ({"neighbors": 3}, "even"),
        ({"neighbors": 0}, "even"),
        ({"neighbors": 4, "threshold": 2}, "more than half"),
        ({"neighbors": 4, "threshold": 6}, "at most all"),
        ({"neighbors": 4, "threshold": 3, "signed": True}, "leave one out"),
    ],
)
def test_parameters__rejected(changes: dict[str, object], match: str) -> None:
    with pytest.raises(SecureAggregationError, match=match):
        replace(parameters_of(3), **changes)


def test_roster__threshold_not_over_half() -> None:
    with pytest.raises(SecureAggregationError, match="agree on 4 or more"):
        Played(parameters_of(3), vectors_of(range(6))).total()

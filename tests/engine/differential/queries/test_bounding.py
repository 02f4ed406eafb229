import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import bounding as naive
from shoal_engine.differential.queries import bounding
from shoal_engine.differential.queries.bounding import Bounds, UnitObservation
from shoal_engine.differential.queries.grid import Grid, ValueSpec
from shoal_engine.differential.queries.group_sums import GroupSums
from shoal_engine.errors import ColumnError, PolicyError

COLUMNS = (naive.Column(-2, 5, 0), naive.Column(0, 12, 2, missing=1))
SPECS = tuple(
    ValueSpec(name, Grid(c.low, c.high, c.exponent), c.missing) for name, c in zip(("x", "y"), COLUMNS, strict=True)
)
UNITS = {"whole": (pa.int64(), st.integers(-2, 3)), "text": (pa.string(), st.sampled_from(["", "a", "b", "a\0", "éa"]))}
_numbers = st.floats(-4, 9, width=16) | st.sampled_from([math.nan, math.inf, -math.inf, -0.0]) | st.none()
_keys = st.binary(min_size=16, max_size=16)


@pytest.fixture(autouse=True, scope="module", params=[0, bounding.FEW], ids=["by bucket", "at once"])
def _few(request: pytest.FixtureRequest) -> Iterator[None]:
    """Bound rows bucket by bucket, and all at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bounding, "FEW", request.param)
        yield


@dataclass(frozen=True)
class Case:
    """Rows, how their units differ, and how they are bounded."""

    rows: list[naive.Row]
    units: tuple[pa.DataType, ...]
    key: bytes
    max_groups: int
    max_rows: int | None
    public: list[tuple[naive.Id, ...]] | None

    def observation(self, n_threads: int = 1) -> UnitObservation:
        names = [f"u{i}" for i in range(len(self.units))]
        keys = None
        if self.public is not None:
            g, h = ([key[i] for key in self.public] for i in (0, 1))
            keys = pa.table({"g": pa.array(g, pa.int64()), "h": pa.array(h, pa.string())})
        bounds = Bounds(self.max_groups, self.max_rows)
        return UnitObservation(names, ["g", "h"], SPECS, bounds, keys=keys, n_threads=n_threads)

    def batch(self, rows: Sequence[naive.Row]) -> pa.RecordBatch:
        columns = {f"u{i}": pa.array([unit[i] for unit, _, _ in rows], kind) for i, kind in enumerate(self.units)}
        for i, (name, kind) in enumerate((("g", pa.int64()), ("h", pa.string()))):
            columns[name] = pa.array([group[i] for _, group, _ in rows], kind)
        for i, name in enumerate(("x", "y")):
            columns[name] = pa.array([values[i] for _, _, values in rows], pa.float64())
        return pa.RecordBatch.from_pydict(columns)

    def sums(self, rows: Sequence[naive.Row]) -> dict[tuple[naive.Id, ...], naive.Sums]:
        observation = self.observation()
        observation.observe(self.batch(rows))
        return as_naive(observation.finish(self.key))

    def naive_sums(self) -> dict[tuple[naive.Id, ...], naive.Sums]:
        return naive.group_sums(self.rows, COLUMNS, self.key, self.max_groups, self.max_rows, self.public)


def as_naive(sums: GroupSums) -> dict[tuple[naive.Id, ...], naive.Sums]:
    keys = list(zip(*(column.to_pylist() for column in sums.keys.columns), strict=True))
    assert len(set(keys)) == len(keys)
    assert sums.units is not None
    present = np.stack([column.present for column in sums.columns], axis=1).tolist()
    total = np.stack([column.total for column in sums.columns], axis=1).tolist()
    parts = zip(sums.rows.tolist(), sums.units.tolist(), map(tuple, present), map(tuple, total), strict=True)
    return {key: naive.Sums(*part) for key, part in zip(keys, parts, strict=True)}


@st.composite
def cases(draw: st.DrawFn, most: int = 60) -> Case:
    kinds = draw(st.lists(st.sampled_from(sorted(UNITS)), min_size=1, max_size=2))
    unit = st.tuples(*(st.one_of(*[UNITS[kind][1]] * 5, st.none()) for kind in kinds))
    group = st.tuples(st.integers(0, 4) | st.none(), st.sampled_from(["p", "q", None]))
    # Few of each, so that units have more groups, and groups more rows, than may count.
    pools = [draw(st.lists(ids, min_size=1, max_size=4)) for ids in (unit, group)]
    units, groups = map(st.sampled_from, pools)
    n = draw(st.integers(0, most))
    rows = draw(st.lists(st.tuples(units, groups, st.tuples(_numbers, _numbers)), min_size=n, max_size=n))
    public = draw(st.none() | st.lists(groups | group, max_size=6))
    bound = st.integers(1, 3)
    return Case(rows, tuple(UNITS[k][0] for k in kinds), draw(_keys), draw(bound), draw(bound | st.none()), public)


@given(cases())
@settings(deadline=None, max_examples=200)
def test_unit_sums__equal_naive(case: Case) -> None:
    assert case.sums(case.rows) == case.naive_sums()


@given(st.integers(0, 2), st.integers(1, 40), st.integers(1, 40), _keys)
@settings(deadline=None, max_examples=30)
def test_unit_sums__equal_naive_where_units_hold_much(spread: int, max_groups: int, max_rows: int, key: bytes) -> None:
    rows: list[naive.Row] = []
    for i in range(600):
        group = (i * 7 % (1, 50, 300)[spread], "p")
        rows.append(((i % 3 // 2,), group, (float(i * 13 % 11) - 3, None if i % 5 == 0 else i % 8 / 2)))
    case = Case(rows, (pa.int64(),), key, max_groups, max_rows, None)
    assert case.sums(rows) == case.naive_sums()


@given(cases(), st.data())
@settings(deadline=None, max_examples=200)
def test_unit_sums__no_unit_adds_more_than_declared(case: Case, data: st.DataObject) -> None:
    units = sorted({unit for unit, _, _ in case.rows}, key=repr) or [(0,)]
    gone = data.draw(st.sampled_from(units))
    with_it = case.sums(case.rows)
    without = case.sums([row for row in case.rows if row[0] != gone])
    nothing = naive.Sums(0, 0, (0, 0), (0, 0))
    most = 1 if case.max_rows is None else case.max_rows
    changed = [(with_it.get(group, nothing), without.get(group, nothing)) for group in with_it.keys() | without.keys()]
    changed = [(one, other) for one, other in changed if one != other]
    assert len(changed) <= case.max_groups
    for one, other in changed:
        assert 0 <= one.rows - other.rows <= most
        assert 0 <= one.units - other.units <= 1
        for c, spec in enumerate(SPECS):
            assert 0 <= one.present[c] - other.present[c] <= most
            assert abs(one.total[c] - other.total[c]) <= most * spec.grid.size


@given(cases(), st.randoms(use_true_random=False), st.lists(st.integers(0, 60), max_size=4), st.integers(1, 3))
@settings(deadline=None, max_examples=100)
def test_unit_sums__no_order_cut_merge_or_thread_matters(
    case: Case, random: st.randoms, cuts: list[int], n_threads: int
) -> None:
    expected = case.sums(case.rows)
    shuffled = list(case.rows)
    random.shuffle(shuffled)
    bounds = sorted([0, *(min(cut, len(shuffled)) for cut in cuts), len(shuffled)])
    parts = [shuffled[low:high] for low, high in itertools.pairwise(bounds)]
    one, other = case.observation(n_threads), case.observation()
    for i, part in enumerate(parts):
        (one, other)[i % 2].observe(case.batch(part))
    one.merge(other)
    assert as_naive(one.finish(case.key)) == expected


@pytest.mark.parametrize(
    "unit",
    [
        pa.array([1.5, 1.5, -0.0, 0.0, math.nan, None]),
        pa.array(["a", "a", "b", "b", None, None]),
        pa.array(["a", "a", "b", "b", None, None], pa.string_view()),
        pa.array(["a", "a", "b", "b", None, None]).dictionary_encode(),
        pa.array([b"a", b"a", b"b", b"b", None, None]),
        pa.array([b"a", b"a", b"b", b"b", None, None], pa.binary(1)),
        pa.array([True, True, False, False, None, None]),
        pa.array([9, 9, 0, 0, None, None], pa.duration("s")),
        pa.array([9, 9, 0, 0, None, None], pa.timestamp("us")),
        pa.array([9, 9, 0, 0, None, None], pa.decimal128(3, 1)),
        pa.array([{"a": 1, "b": "x"}] * 2 + [{"a": 1, "b": "y"}] * 2 + [{"a": 1, "b": None}, None]),
    ],
)
def test_units__of_any_type_are_told_apart_and_nulls_are_nobody(unit: pa.Array) -> None:
    batch = pa.RecordBatch.from_pydict({"u": unit, "x": pa.array([1, 1, 2, 2, 5, 5])})
    observation = UnitObservation(["u"], [], [ValueSpec("x", Grid(0, 10, 0))], Bounds(1, 1))
    observation.observe(batch.slice(0, 3))
    observation.observe(batch.slice(3))
    sums = observation.finish(bytes(16))
    assert sums.rows.tolist() == [2]
    assert sums.units is not None
    assert sums.units.tolist() == [2]
    assert sums.columns[0].total.tolist() == [3]


def test_units__many_are_told_apart() -> None:
    n = 50_000
    ids = np.random.default_rng(5).permutation(n) * 2**32
    for column in (pa.array(ids), pa.array([f"unit number {i}" for i in ids])):
        observation = UnitObservation(["u"], [], [], Bounds(1, 1))
        for _ in range(2):
            observation.observe(pa.RecordBatch.from_pydict({"u": column}))
        sums = observation.finish(bytes(16))
        assert sums.rows.tolist() == [n]


def test_choice__favors_no_group() -> None:
    # 20,000 units in two groups each, one of which counts: 10,000 +- 71; six deviations.
    unit = np.repeat(np.arange(20_000), 2)
    batch = pa.RecordBatch.from_pydict({"u": unit, "g": np.tile([0, 1], 20_000)})
    observation = UnitObservation(["u"], ["g"], [], Bounds(1, 1))
    observation.observe(batch)
    rows = observation.finish(bytes(range(16))).rows
    assert rows.sum() == 20_000
    assert abs(rows[0] - 10_000) < 430


def test_bad_input__is_seen_before_any_row() -> None:
    batch = pa.RecordBatch.from_pydict({"u": [1], "g": [1], "x": ["a"], "l": [[1]]})
    spec = ValueSpec("x", Grid(0, 1, 0))
    for unit, by, values in (["v"], ["g"], []), (["l"], ["g"], []), (["u"], ["x"], [spec]), (["u"], ["l"], []):
        with pytest.raises(ColumnError):
            UnitObservation(unit, by, values, Bounds(1, 1)).observe(batch)
    with pytest.raises(PolicyError):
        UnitObservation([], ["g"], [], Bounds(1, 1))
    for wrong in ((0, 1), (1, 0)):
        with pytest.raises(PolicyError):
            Bounds(*wrong)
    with pytest.raises(ValueError, match=r"give os\.urandom"):
        UnitObservation(["u"], ["g"], [], Bounds(1, 1)).finish(b"short")


def test_unit_sums__of_nothing() -> None:
    observation = UnitObservation(["u"], ["g"], SPECS, Bounds(1, 1))
    assert len(observation.finish(bytes(16)).rows) == 0
    observation = UnitObservation(["u"], ["g"], SPECS, Bounds(1, 1), keys=pa.table({"g": [3, None]}))
    sums = observation.finish(bytes(16))
    assert sums.keys.column("g").to_pylist() == [None, 3]
    assert sums.rows.tolist() == [0, 0]

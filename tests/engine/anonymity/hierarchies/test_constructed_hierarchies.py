"""Hierarchies that are constructed: snapping, fanout, redaction, calendar, priorities, and from the rows."""

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import hierarchies as naive
from naive.trees import assert_equals_rows, common, grown
from shoal_engine.anonymity.hierarchies.named_trees import nodes_of, read_tree, write_tree
from shoal_engine.anonymity.hierarchies.trees import Tree, declared_leaves, plant, tree_table
from shoal_engine.anonymity.policy.hierarchies import (
    Auto,
    Dates,
    Hierarchy,
    Intervals,
    NamedTree,
    Order,
    Prefix,
    Priority,
    Redaction,
)
from shoal_engine.anonymity.policy.policy import Policy, hierarchy_of, json_schema
from shoal_engine.anonymity.policy.roles import Closeness, QuasiIdentifier
from shoal_engine.anonymity.table.observation import Observation
from shoal_engine.errors import ColumnError, HierarchyError, PolicyError

CANARY = "c4n4ry"
TEXTS = st.sets(st.text("ab1", min_size=1, max_size=4), min_size=1, max_size=12).map(sorted)
COUNTS = st.lists(st.integers(1, 40), min_size=1, max_size=14)


def way(tree: Tree, code: int) -> list[str]:
    """Names from a leaf to the root."""
    return tree.label.take(pa.array(tree.ancestor[:, tree.leaf[code]])).to_pylist()


@given(
    values=st.sets(st.integers(-60, 160), min_size=1).map(sorted),
    lower=st.integers(-20, 30),
    span=st.integers(1, 90),
    origin=st.integers(-9, 9),
    snap=st.integers(0, 25),
    has_null=st.booleans(),
)
@settings(deadline=None)
def test_intervals__snapping_and_coding_equal_naive(
    values: list[int], lower: int, span: int, origin: int, snap: int, *, has_null: bool
) -> None:
    upper, bottom, top = lower + span, lower - snap, lower + span + snap
    intervals = Intervals(width=[5], fanout=[2, 3], lower=lower, upper=upper, origin=origin, bottom=bottom, top=top)
    rows = naive.interval_rows(values, [5, 10, 30], lower, upper, origin, bottom, top)
    tree = grown(intervals, values, has_null=has_null)
    assert_equals_rows(tree, [str(value) for value in values], rows, has_null=has_null)


def test_intervals__values_between_the_ends() -> None:
    tree = grown(Intervals(width=[5], lower=0, upper=100, bottom=-2, top=103, maximum=200), [-3, -1, 0, 101, 103, 199])
    ways = [way(tree, code)[1] for code in range(6)]
    assert ways == ["<-2", "[-2, 5)", "[-2, 5)", "[95, 103)", ">=103", ">=103"]


@pytest.mark.parametrize("value", [-11, 200, float("nan"), float("inf")])
def test_intervals__refuse_beyond_the_last_end(value: float) -> None:
    intervals = Intervals(width=[5], lower=0, upper=100, bottom=0, top=100, minimum=-10, maximum=200)
    with pytest.raises(HierarchyError, match=r"`col` does not cover the data: values lie outside \[-10, 200\)"):
        grown(intervals, [float(value)])


def test_intervals__nan_is_no_large_number() -> None:
    with pytest.raises(HierarchyError, match="does not cover"):
        grown(Intervals(width=[5], lower=0, upper=100, top=100), [float("nan")])
    assert way(grown(Intervals(width=[5], lower=0, upper=100, top=100), [float("inf")]), 0)[1] == ">=100"


def test_intervals__fanout_and_labels_of_bounds() -> None:
    labels = [["child", "young", "adult", "old"], ["below 25", "25 and more"]]
    tree = grown(Intervals(bounds=[[0, 18, 25, 65, 120]], fanout=[2], labels=labels), [3, 20, 30, 70])
    assert [way(tree, code)[1:3] for code in range(4)] == [
        ["child", "below 25"],
        ["young", "below 25"],
        ["adult", "25 and more"],
        ["old", "25 and more"],
    ]
    with pytest.raises(HierarchyError, match="`col` has 2 intervals in level 1 and 1 `labels`"):
        grown(Intervals(width=[5], lower=0, upper=10, labels=[["all"]]), [1])


@given(n=st.integers(1, 30), fanout=st.lists(st.integers(2, 4), min_size=1, max_size=3), data=st.data())
@settings(deadline=None)
def test_order__fanout_equals_naive(n: int, fanout: list[int], data: st.DataObject) -> None:
    declared = [f"v{i}" for i in data.draw(st.permutations(range(n)))]
    occurring = sorted(data.draw(st.sets(st.sampled_from(declared), min_size=1)))
    rows = naive.order_rows(declared, fanout)
    assert_equals_rows(grown(Order(values=declared, fanout=fanout), occurring), occurring, rows)
    natural = naive.order_rows(occurring, fanout)
    assert_equals_rows(grown(Order(fanout=fanout), occurring), occurring, natural)


def test_order__numbers_in_their_natural_order_and_labels() -> None:
    tree = grown(Order(fanout=[2], labels=[["low", "high"]]), [2, 10, 100])
    assert [way(tree, code)[1] for code in range(3)] == ["low", "low", "high"]
    with pytest.raises(HierarchyError, match="`col` has 2 nodes in level 1 and 1 `labels`"):
        grown(Order(fanout=[2], labels=[["low"]]), [2, 10, 100])


@given(
    texts=TEXTS, redact=st.sampled_from(["left", "right"]), align=st.sampled_from(["left", "right"]), null=st.booleans()
)
@settings(deadline=None)
def test_redaction__with_padding_equals_naive(texts: list[str], redact: Any, align: Any, *, null: bool) -> None:
    tree = grown(Redaction(redact=redact, align=align, pad=" ", mask="#"), texts, has_null=null)
    assert_equals_rows(tree, texts, naive.redaction_rows(texts, redact, align, " ", "#"), has_null=null)


@given(texts=TEXTS)
@settings(deadline=None)
def test_redaction__from_the_left_mirrors_the_prefix(texts: list[str]) -> None:
    mirrored = [text[::-1] for text in texts]
    rows = [[name[::-1] for name in row] for row in naive.prefix_rows(mirrored)]
    assert_equals_rows(grown(Redaction(redact="left"), texts), texts, rows)


@given(texts=TEXTS, keep=st.sampled_from([(), (3, 1), (2,)]))
@settings(deadline=None)
def test_redaction__prefix_is_a_case(texts: list[str], keep: tuple[int, ...]) -> None:
    one, other = grown(Redaction(keep=keep), texts), grown(Prefix(keep=keep), texts)
    assert tree_table(one) == tree_table(other)
    assert one.leaves.tolist() == other.leaves.tolist()


def test_redaction__alphabet_counts_what_may_occur() -> None:
    tree = grown(Redaction(alphabet=10, length=5), ["12345", "12346", "98000"])
    assert tree.total_leaves == 100_000
    assert common(tree, 0, 1) == ("1234*", 1e-4)
    assert tree.leaves[tree.ancestor[:, 0]].tolist() == [1, 10, 100, 1000, 10_000, 100_000]


@pytest.mark.parametrize(
    ("redaction", "says"),
    [
        (Redaction(length=3), "`length` = 3, and the column holds longer texts"),
        (Redaction(alphabet=2), "fewer characters"),
        (Redaction(alphabet=256, length=20), "leave it out"),
    ],
)
def test_redaction__alphabet_or_length_too_small(redaction: Redaction, says: str) -> None:
    with pytest.raises(HierarchyError, match=f"`col`.*{says}") as caught:
        grown(redaction, [f"{CANARY}{i}" for i in range(4)])
    assert CANARY not in str(caught.value)


MOMENT = dt.datetime(2024, 5, 17, 14, 3, 1)


@pytest.mark.parametrize(
    ("levels", "names"),
    [
        (["second", "minute", "hour"], ["2024-05-17T14:03:01", "2024-05-17T14:03", "2024-05-17T14"]),
        (["hour", "hour_of_day"], ["2024-05-17T14", "14:00"]),
        (["day", "week"], ["2024-05-17", "2024-W20"]),
        (["weekday"], ["Friday"]),
        (["month", "month_of_year", "quarter_of_year"], ["2024-05", "May", "Q2"]),
        (["year", "decade", "century"], ["2024", "2020-2029", "2000-2099"]),
    ],
)
def test_dates__names_of_levels(levels: list[Any], names: list[str]) -> None:
    assert way(grown(Dates(levels=levels), [MOMENT]), 0)[1:-1] == names


@given(
    days=st.sets(st.dates(dt.date(1890, 1, 1), dt.date(2110, 1, 1)), min_size=1, max_size=9).map(sorted),
    levels=st.sampled_from(
        [["week"], ["weekday"], ["month", "quarter", "year", "decade", "century"], ["month", "month_of_year"]]
    ),
)
@settings(deadline=None)
def test_dates__equal_the_standard_library(days: list[dt.date], levels: list[Any]) -> None:
    names: dict[str, Any] = {
        "week": lambda d: "{}-W{:02}".format(*d.isocalendar()),
        "weekday": lambda d: d.strftime("%A"),
        "month": lambda d: f"{d.year}-{d.month:02}",
        "quarter": lambda d: f"{d.year}-Q{(d.month + 2) // 3}",
        "year": lambda d: str(d.year),
        "decade": lambda d: f"{str(d.year)[:3]}0-{str(d.year)[:3]}9",
        "century": lambda d: f"{str(d.year)[:2]}00-{str(d.year)[:2]}99",
        "month_of_year": lambda d: d.strftime("%B"),
    }
    rows = [[str(day), *(names[level](day) for level in levels), "*"] for day in days]
    assert_equals_rows(grown(Dates(levels=levels), days), [str(day) for day in days], rows)


@pytest.mark.parametrize(
    "levels", [["week", "month"], ["weekday", "week"], ["day", "day"], ["year", "month"], ["month_of_year", "year"]]
)
def test_dates__levels_that_do_not_nest(levels: list[Any]) -> None:
    with pytest.raises(PolicyError, match="fine to coarse"):
        Dates(levels=levels)


def test_dates__have_no_time_of_day() -> None:
    with pytest.raises(ColumnError, match=r"`col`.*no hour_of_day"):
        grown(Dates(levels=["hour_of_day"]), [dt.date(2024, 5, 17)])


@given(n=st.integers(1, 25), levels=st.integers(2, 12), data=st.data())
@settings(deadline=None)
def test_priority__declared_equals_naive(n: int, levels: int, data: st.DataObject) -> None:
    declared = [f"v{i}" for i in data.draw(st.permutations(range(n)))]
    occurring = sorted(data.draw(st.sets(st.sampled_from(declared), min_size=1)))
    tree = grown(Priority(values=declared, levels=levels), occurring)
    assert_equals_rows(tree, occurring, naive.priority_rows(declared, levels))


@given(counts=COUNTS, levels=st.integers(2, 6), has_null=st.booleans())
@settings(deadline=None)
def test_priority__rare_values_give_way_first(counts: list[int], levels: int, *, has_null: bool) -> None:
    values = [f"v{i:02}" for i in range(len(counts))]
    by_frequency = sorted(values, key=lambda value: (-counts[int(value[1:])], value))
    tree = grown(Priority(levels=levels), values, has_null=has_null, rows=counts)
    assert_equals_rows(tree, values, naive.priority_rows(by_frequency, levels), has_null=has_null)


@pytest.mark.parametrize("hierarchy", [Auto(), Auto(balance="entropy", ordered=True), Priority(levels=4)])
def test_bind__any_cut_and_order_of_merging_grow_the_same_tree(hierarchy: Hierarchy) -> None:
    policy = Policy(k=2, quasi_identifiers={"col": QuasiIdentifier(hierarchy=hierarchy)})
    rows = pa.record_batch({"col": [None if i % 9 == 4 else "vuwzyx"[i * i % 10 % 6] for i in range(90)]})
    whole = Observation(policy, carry=False, n_threads=1)
    whole.observe(rows)
    late, early = (Observation(policy, carry=False, n_threads=1) for _ in range(2))
    for start in range(0, 90, 30):
        (early if start else late).observe(rows.slice(start, 30))
    late.merge(early)
    trees = [table.space.dimensions[0].tree for table in (whole.finish(), late.finish())]
    assert trees[0] is not None
    assert trees[1] is not None
    assert tree_table(trees[0]) == tree_table(trees[1])
    assert trees[0].n_levels > 3


def partition(tree: Tree, height: int) -> list[list[int]]:
    """Places of the values under each node of a level."""
    nodes = tree.ancestor[height, tree.leaf]
    return sorted(np.flatnonzero(nodes == node).tolist() for node in set(nodes.tolist()))


@given(
    counts=COUNTS, fanout=st.integers(2, 4), ordered=st.booleans(), balance=st.sampled_from(["frequency", "entropy"])
)
@settings(deadline=None, max_examples=200)
def test_auto__equals_naive(counts: list[int], fanout: int, balance: Any, *, ordered: bool) -> None:
    auto = Auto(balance=balance, fanout=fanout, ordered=ordered)
    tree = grown(auto, [f"v{i:02}" for i in range(len(counts))], rows=counts)
    for depth, height in enumerate(range(tree.n_levels - 2, 0, -1), 1):
        if balance == "frequency":
            expected = naive.equal_shares(counts, fanout, depth, ordered=ordered)
        else:
            expected = naive.least_entropy(counts, fanout**depth, ordered=ordered)
        assert partition(tree, height) == expected
        assert len(expected) <= fanout**depth


@pytest.mark.parametrize("balance", ["frequency", "entropy"])
def test_auto__equal_values_are_split_evenly(balance: Any) -> None:
    tree = grown(Auto(balance=balance), list(range(16)), rows=[7] * 16)
    assert [set(map(len, partition(tree, height))) for height in range(5)] == [{1}, {2}, {4}, {8}, {16}]


def test_auto__labels_and_kinds_of_values() -> None:
    assert way(grown(Auto(), [1, 5, 9], rows=[1, 1, 1]), 1)[1] == "[5, 9]"
    assert way(grown(Auto(), ["a", "b", "c"], rows=[1, 1, 9]), 0)[1] == "{a, b}"
    assert way(grown(Auto(), [dt.date(2024, 1, d) for d in (1, 2, 3)], rows=[1, 1, 2]), 0)[1] == (
        "[2024-01-01, 2024-01-02]"
    )
    many = grown(Auto(levels=1), [f"v{i:02}" for i in range(60)], rows=[1] * 60)
    assert many.n_levels == 3
    assert way(many, 0)[1].endswith("v22, 18 more}")


def test_grown__needs_the_rows() -> None:
    for hierarchy in (Auto(), Priority()):
        with pytest.raises(HierarchyError, match="`col` is grown from how many rows"):
            grown(hierarchy, ["a"])
        with pytest.raises(PolicyError, match="same for every table"):
            Closeness(t=0.2, distance="hierarchical", hierarchy=hierarchy)
    Closeness(t=0.2, distance="hierarchical", hierarchy=Order(values=["a", "b"], fanout=[2]))


CONSTRUCTED: list[tuple[Hierarchy, list[Any]]] = [
    (Intervals(width=[5], fanout=[2], lower=0, upper=20, bottom=0, top=20), [-1, 3, 4, 17, 99]),
    (Order(values=["d", "c", "b", "a", "x"], fanout=[2, 2]), ["a", "b", "c", "d", "x"]),
    (Order(fanout=[3]), [1, 2, 10, 11]),
    (Redaction(redact="left", pad=" "), ["1", "21", "321", "421"]),
    (Prefix(), ["02108", "02109", '1;"0', "ü"]),
    (Dates(levels=["month", "year", "decade"]), [dt.date(1999, 12, 1), dt.date(2024, 5, 17), dt.date(2024, 6, 1)]),
    (Priority(levels=3), ["", "a", "b", "c"]),
    (Auto(fanout=3), ["a", "b", "c", "d", "e"]),
    (Auto(balance="entropy"), [1.5, 2.5, 1e9]),
    (NamedTree(nodes={"all": {"p": ["a", "b"], "q": ["c"]}}), ["a", "b", "c"]),
]


@pytest.mark.parametrize(("hierarchy", "values"), CONSTRUCTED)
def test_write_tree__read_back_plants_the_same_tree(hierarchy: Hierarchy, values: list[Any], tmp_path: Path) -> None:
    tree = grown(hierarchy, values, rows=list(range(1, len(values) + 1)))
    rows = list(zip(*tree_table(tree).to_pydict().values(), strict=True))
    write_tree(rows, tmp_path / "tree.csv")
    assert [tuple(row) for row in read_tree(tmp_path / "tree.csv", "here")] == rows
    for again in (NamedTree(file=str(tmp_path / "tree.csv")), NamedTree(nodes=nodes_of(rows))):
        found = plant(again, pa.array(values), has_null=False, column="col")
        for field in ("leaf", "ancestor", "share", "leaves"):
            np.testing.assert_array_equal(getattr(found, field), getattr(tree, field))
        assert found.label == tree.label


@pytest.mark.parametrize(("hierarchy", "values"), CONSTRUCTED)
def test_hierarchy_of__toml_and_values_alike(hierarchy: Hierarchy, values: list[Any]) -> None:
    assert hierarchy_of(hierarchy) == hierarchy
    policy = Policy(k=2, quasi_identifiers={"col": {"hierarchy": hierarchy}})  # type: ignore[dict-item]
    assert Policy.from_toml(policy.to_toml()) == policy


def test_json_schema__has_every_kind() -> None:
    definitions = json_schema()["$defs"]
    kinds = {definitions[type(hierarchy).__name__]["properties"]["kind"]["enum"][0] for hierarchy, _ in CONSTRUCTED}
    assert kinds == {"intervals", "order", "redaction", "prefix", "date", "priority", "auto", "tree"}


def test_declared_leaves__only_where_declared() -> None:
    found = [declared_leaves(hierarchy, column="col") for hierarchy, _ in CONSTRUCTED]
    assert [leaves for leaves in found if leaves] == [["d", "c", "b", "a", "x"], ["a", "b", "c"]]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"kind": "intervals", "bounds": [[0, 9]], "origin": 1}, "either `width`"),
        ({"kind": "intervals", "bounds": [[0, 9]], "minimum": -1}, "`minimum` needs `bottom`"),
        ({"kind": "intervals", "bounds": [[0, 9]], "bottom": 1}, "go outwards"),
        ({"kind": "intervals", "bounds": [[0, 9]], "top": 9, "maximum": 8}, "go outwards"),
        ({"kind": "intervals", "bounds": [[0, 9]], "fanout": [1]}, r"fanout\[0\]"),
        ({"kind": "intervals", "bounds": [[0, 9]], "labels": [["a"], ["b"]]}, "2 lists for 1 levels"),
        ({"kind": "intervals", "bounds": [[0, 5, 9]], "labels": [["a", "a"]]}, "alike"),
        ({"kind": "order"}, "needs `values`"),
        ({"kind": "order", "values": ["a"], "labels": [["b"]]}, "1 lists for 0 levels"),
        ({"kind": "redaction", "redact": "middle"}, "redact"),
        ({"kind": "redaction", "keep": [1, 2]}, "descend"),
        ({"kind": "redaction", "keep": [5], "length": 5}, "below `length`"),
        ({"kind": "priority", "values": ["a", "a"]}, "twice"),
        ({"kind": "priority", "levels": 1}, "levels"),
        ({"kind": "auto", "fanout": 1}, "fanout"),
        ({"kind": "ladder"}, "kind"),
    ],
)
def test_hierarchy_of__contradictions(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(PolicyError, match=says):
        hierarchy_of(fields)

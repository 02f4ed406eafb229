import datetime as dt
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import hierarchies as naive
from naive.trees import assert_equals_rows, assert_well_formed, common, grown
from shoal_engine.anonymity.hierarchies.trees import order_ranks, plant
from shoal_engine.anonymity.policy.hierarchies import Dates, Hierarchy, Intervals, NamedTree, Order, Prefix
from shoal_engine.errors import ColumnError, HierarchyError

ADULT = Path(__file__).parents[4] / ".." / "shared" / "data" / "adult"
ADULT_COLUMNS = (
    *("sex", "age", "race", "marital-status", "education"),
    *("native-country", "workclass", "occupation", "salary-class"),
)

CANARY = "c4n4ry"


@pytest.mark.shared
@pytest.mark.skipif(not ADULT.exists(), reason="the real data folder is not beside the checkout")
@pytest.mark.parametrize("has_null", [False, True])
@pytest.mark.parametrize("column", ADULT_COLUMNS)
def test_plant__adult(column: str, *, has_null: bool) -> None:
    table = pyarrow.csv.read_csv(ADULT / "adult.csv", parse_options=pyarrow.csv.ParseOptions(delimiter=";"))
    values = pa.array(sorted(table[column].unique().to_pylist()))
    hierarchy = NamedTree(file=f"adult_hierarchy_{column}.csv")
    tree = plant(hierarchy, values, has_null=has_null, column=column, folder=ADULT)
    assert_well_formed(tree, len(values), has_null=has_null)
    rows = naive.arx_rows(ADULT / f"adult_hierarchy_{column}.csv")
    assert_equals_rows(tree, [str(value) for value in values.to_pylist()], rows, has_null=has_null)


@st.composite
def trees(draw: st.DrawFn) -> list[list[str]]:
    """Rows of a random tree of equal depth, leaves in any order."""
    depth = draw(st.integers(1, 4))
    n = draw(st.integers(1, 12))
    paths = [("*", *draw(st.lists(st.sampled_from("abc"), min_size=depth, max_size=depth))) for _ in range(n)]
    return [
        [f"leaf{i}", *("/".join(path[: h + 1]) if h else "*" for h in range(depth, -1, -1))]
        for i, path in enumerate(paths)
    ]


@given(rows=trees(), has_null=st.booleans(), data=st.data())
@settings(deadline=None)
def test_plant__named_tree_equals_naive(
    rows: list[list[str]], *, has_null: bool, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("trees") / "tree.csv"
    file.write_text("\n".join(map(";".join, rows)) + "\n", encoding="utf-8")
    texts = sorted(data.draw(st.sets(st.sampled_from([row[0] for row in rows]), min_size=1)))
    tree = grown(NamedTree(file=str(file)), texts, has_null=has_null)
    assert_equals_rows(tree, texts, rows, has_null=has_null)


def test_plant__leaves_follow_the_file() -> None:
    nodes = {"*": {"late": ["z", "y"], "early": ["b", "a"]}}
    tree = grown(NamedTree(nodes=nodes), ["a", "b", "y", "z"])
    assert tree.label.to_pylist()[:4] == ["z", "y", "b", "a"]
    assert tree.leaf.tolist() == [3, 2, 1, 0]


def test_plant__nodes_of_unequal_depth() -> None:
    nodes = {"plants": {"trees": ["oak", "elm"], "moss": []}, "stone": []}
    tree = grown(NamedTree(nodes=nodes), ["elm", "moss", "oak", "stone"], has_null=True)
    assert common(tree, 1, 3) == ("trees", 0.5)
    assert common(tree, 1, 2) == ("plants", 0.75)
    assert common(tree, 2, 4) == ("*", 1.0)
    assert common(tree, 2, 2) == ("moss", 0.0)


def test_plant__nodes_with_numbers_and_booleans() -> None:
    tree = grown(NamedTree(nodes={"any": {"low": [1, 2], "high": [3]}}), [1, 2, 3])
    assert common(tree, 0, 1) == ("low", pytest.approx(2 / 3))
    tree = grown(NamedTree(nodes={"any": [1.0, 2.5]}), [1.0, 2.5])
    assert common(tree, 0, 1) == ("any", 1.0)
    tree = grown(NamedTree(nodes={"any": [True, False]}), [False, True])
    assert common(tree, 0, 1) == ("any", 1.0)


def test_plant__file_with_quotes_mark_and_blank_line(tmp_path: Path) -> None:
    (tmp_path / "tree.csv").write_bytes('\ufeff"a;b";ü;*\r\nc;ü;*\r\n\r\n'.encode())
    tree = plant(NamedTree(file="tree.csv"), pa.array(["a;b", "c"]), has_null=False, column="col", folder=tmp_path)
    assert common(tree, 0, 1) == ("ü", 1.0)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"a;x;*\nb;*\n", "row 2 has 2 entries, the first row 3"),
        (b"a;x;*\nb;x;*\na;x;*\n", "row 3 lists a leaf again that row 1 has"),
        (b"a;x;*\nb;x;+\n", "row 2 ends in another root"),
        (b"a;x;p;*\nb;x;q;*\n", "row 2 puts a node below a second parent: entry 2 is as in row 1, entry 3"),
        (b"a;x;*\nb;;*\n", "row 2 has an empty entry 2; name every node"),
        (b"a;x;\nb;x;\n", "row 1 has an empty entry 3"),
        (b"\n\na;x;*\nb;*\n", "row 4 has 2 entries"),
        (b"a\nb\n", "leaves only"),
        (b"", "no leaf"),
        (b"\xff;*\n", "not `;`-separated UTF-8"),
        (None, "cannot be read: No such file"),
    ],
)
def test_plant__malformed_file(tmp_path: Path, content: bytes | None, says: str) -> None:
    if content is not None:
        (tmp_path / "tree.csv").write_bytes(content)
    with pytest.raises(HierarchyError, match=f"`col`.*{says}"):
        plant(NamedTree(file="tree.csv"), pa.array(["a"]), has_null=False, column="col", folder=tmp_path)


@pytest.mark.parametrize("nodes", [{"a": 3}, {"a": ["x"], "b": ["x"]}, {"a": {}}, {"a": [["x"]]}])
def test_plant__malformed_nodes(nodes: dict[str, object]) -> None:
    with pytest.raises(HierarchyError, match="`col`"):
        grown(NamedTree(nodes=nodes), ["x"])


@pytest.mark.parametrize(
    "hierarchy",
    [
        NamedTree(nodes={"*": ["a", "b"]}),
        Intervals(width=[5], lower=0, upper=10),
        Intervals(bounds=[[0, 10]]),
    ],
)
def test_plant__value_outside_names_column_and_not_value(hierarchy: Hierarchy) -> None:
    value: object = 98765432 if isinstance(hierarchy, Intervals) else CANARY
    with pytest.raises(HierarchyError, match="`col` does not cover") as caught:
        grown(hierarchy, [value])
    assert str(value) not in str(caught.value)


def test_plant__order_has_no_tree() -> None:
    with pytest.raises(HierarchyError, match="is an order"):
        grown(Order(values=["a"]), ["a"])


def test_order_ranks__as_declared() -> None:
    order = Order(values=["low", "mid", "high"])
    assert order_ranks(order, pa.array(["high", "low"]), column="col").tolist() == [2, 0]
    with pytest.raises(HierarchyError, match="`col`") as caught:
        order_ranks(order, pa.array([CANARY]), column="col")
    assert CANARY not in str(caught.value)


def test_plant__zip_codes() -> None:
    tree = grown(Prefix(), ["12345", "12346", "12400", "98000"], has_null=True)
    assert common(tree, 1, 2) == ("1234*", 0.5)
    assert common(tree, 1, 3) == ("12***", 0.75)
    assert common(tree, 1, 4) == ("*", 1.0)
    assert common(tree, 0, 1) == ("*", 1.0)


def test_plant__declared_prefix_lengths() -> None:
    tree = grown(Prefix(keep=[9, 3, 1], mask="#"), ["12345", "12346", "12400"])
    assert tree.n_levels == 4
    assert common(tree, 0, 1) == ("123##", pytest.approx(2 / 3))
    assert common(tree, 0, 2) == ("1####", 1.0)


def test_plant__prefix_of_numbers() -> None:
    # In numeric order the prefixes of unequal lengths are not neighbors; in leaf order they are.
    tree = grown(Prefix(), [1, 2, 10, 21])
    assert common(tree, 0, 2) == ("1*", 0.5)
    assert common(tree, 1, 3) == ("2*", 0.5)


@given(texts=st.sets(st.text("ab*=", min_size=1, max_size=4), min_size=1, max_size=12), has_null=st.booleans())
@settings(deadline=None)
def test_plant__prefix_equals_naive(texts: set[str], *, has_null: bool) -> None:
    values = sorted(text for text in texts if "*" not in text) or ["a"]
    tree = grown(Prefix(), values, has_null=has_null)
    assert_equals_rows(tree, values, naive.prefix_rows(values), has_null=has_null)


def test_plant__prefix_keeps_short_text_apart_from_equal_label() -> None:
    tree = grown(Prefix(), ["1***", "1", "12345"])
    assert len(set(tree.ancestor[1])) == 3


@given(ages=st.sets(st.integers(0, 119), min_size=1), has_null=st.booleans())
@settings(deadline=None)
def test_plant__intervals_equal_naive(ages: set[int], *, has_null: bool) -> None:
    values = sorted(ages)
    rows = [[str(v), *(f"[{v // w * w}, {min(120, v // w * w + w)})" for w in (5, 10, 50)), "*"] for v in values]
    tree = grown(Intervals(width=[5, 10, 50], lower=0, upper=120), pa.array(values), has_null=has_null)
    assert_equals_rows(tree, [str(value) for value in values], rows, has_null=has_null)


def test_plant__value_on_a_bound_belongs_above() -> None:
    tree = grown(Intervals(width=[5], lower=10, upper=30), [19, 20, 24])
    assert common(tree, 1, 2) == ("[20, 25)", pytest.approx(2 / 3))
    assert common(tree, 0, 1) == ("*", 1.0)


@pytest.mark.parametrize("values", [[0.25, 0.3, 0.35], pa.array([Decimal("0.25"), Decimal("0.30"), Decimal("0.35")])])
def test_plant__decimal_bounds_are_exact(values: pa.Array) -> None:
    tree = grown(Intervals(width=[0.1], lower=0, upper=1), values)
    assert common(tree, 1, 2) == ("[0.3, 0.4)", pytest.approx(2 / 3))


def test_plant__declared_bounds() -> None:
    tree = grown(Intervals(bounds=[[0, 18, 65, 120], [0, 65, 120]]), [17, 18, 64, 65, 119])
    assert common(tree, 1, 2) == ("[18, 65)", pytest.approx(0.4))
    assert common(tree, 0, 1) == ("[0, 65)", pytest.approx(0.6))
    assert common(tree, 3, 4) == ("[65, 120)", pytest.approx(0.4))


def test_plant__integers_beyond_floats() -> None:
    edge = 2**53 + 1
    tree = grown(Intervals(bounds=[[0, edge, 2**62]]), [edge - 1, edge, edge + 1])
    assert common(tree, 1, 2)[0] == f"[{edge}, {2**62})"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 10.0])
def test_plant__numbers_outside_the_line(value: float) -> None:
    with pytest.raises(HierarchyError, match=r"outside \[0, 10\)"):
        grown(Intervals(width=[5], lower=0, upper=10), [value])


def test_plant__too_many_intervals() -> None:
    with pytest.raises(HierarchyError, match="more than"):
        grown(Intervals(width=[1e-9], lower=0, upper=10), [1.0])


@pytest.mark.parametrize(
    "values",
    [
        pa.array([dt.date(2024, 5, 17), dt.date(2024, 5, 18), dt.date(2024, 6, 30), dt.date(2025, 1, 1)]),
        pa.array([dt.date(2024, 5, 17), dt.date(2024, 5, 18), dt.date(2024, 6, 30), dt.date(2025, 1, 1)]).cast(
            pa.date64()
        ),
        pa.array(
            [dt.datetime(2024, 5, 17, 9), dt.datetime(2024, 5, 18), dt.datetime(2024, 6, 30), dt.datetime(2025, 1, 1)]
        ),
    ],
)
def test_plant__calendar(values: pa.Array) -> None:
    tree = grown(Dates(), values, has_null=True)
    assert common(tree, 1, 2) == ("2024-05", 0.5)
    assert common(tree, 1, 3) == ("2024-Q2", 0.75)
    assert common(tree, 1, 4) == ("*", 1.0)
    tree = grown(Dates(levels=["year"]), values)
    assert common(tree, 0, 1) == ("2024", 0.75)


def test_plant__times_of_a_day_fall_together_in_their_zone() -> None:
    noon = dt.datetime(2024, 5, 17, 23, 30, tzinfo=dt.UTC)
    values = pa.array([noon, noon + dt.timedelta(hours=2)], pa.timestamp("us", "Europe/Vienna"))
    assert common(grown(Dates(), values), 0, 1) == ("2024-05-18", 1.0)


def test_plant__dates_before_1000_and_1970() -> None:
    tree = grown(Dates(), [dt.date(33, 4, 3), dt.date(33, 4, 5), dt.date(1969, 12, 31)])
    assert common(tree, 0, 1) == ("0033-04", pytest.approx(2 / 3))


@pytest.mark.parametrize(
    ("hierarchy", "values"), [(Dates(), ["2024"]), (Intervals(width=[5], lower=0, upper=9), ["5"])]
)
def test_plant__wrong_type(hierarchy: Hierarchy, values: list[object]) -> None:
    with pytest.raises(ColumnError, match="`col` has type string"):
        grown(hierarchy, values)


@pytest.mark.parametrize("has_null", [False, True])
def test_plant__null_changes_no_share(*, has_null: bool) -> None:
    tree = grown(Prefix(), ["11", "12", "21", "22"], has_null=has_null)
    assert common(tree, 0 + has_null, 1 + has_null) == ("1*", 0.5)


@pytest.mark.parametrize(
    ("hierarchy", "values"),
    [
        (Prefix(), pa.array([], pa.string())),
        (Dates(), pa.array([], pa.date32())),
        (Intervals(width=[5], lower=0, upper=9), pa.array([], pa.int64())),
        (NamedTree(nodes={"*": ["a", "b"]}), pa.array([], pa.string())),
    ],
)
def test_plant__all_null(hierarchy: Hierarchy, values: pa.Array) -> None:
    tree = grown(hierarchy, values, has_null=True)
    assert tree.n_leaves == 1


@pytest.mark.parametrize(
    ("hierarchy", "values"),
    [(Prefix(), ["12345"]), (Dates(), [dt.date(2024, 5, 17)]), (NamedTree(nodes={"*": ["a"]}), ["a"])],
)
def test_plant__one_value_and_null(hierarchy: Hierarchy, values: list[object]) -> None:
    assert common(grown(hierarchy, values, has_null=True), 0, 1) == ("*", 1.0)

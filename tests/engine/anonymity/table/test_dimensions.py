import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import hierarchies as naive
from shoal_engine.anonymity.policy.hierarchies import Dates, Intervals, NamedTree, Order, Prefix
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.anonymity.policy.roles import QuasiIdentifier
from shoal_engine.anonymity.table.dimensions import Space, bind
from shoal_engine.errors import ColumnError, HierarchyError, PolicyError
from shoal_kernels.tables.dimensions import ORDERED, SET, TREE, span_loss


@dataclass(frozen=True)
class Domain:
    """What binding reads of a column."""

    values: pa.Array
    has_null: bool = False

    @property
    def size(self) -> int:
        return len(self.values) + self.has_null


def space_of(role: QuasiIdentifier, values: pa.Array | list[object], *, has_null: bool = False) -> Space:
    array = values if isinstance(values, pa.Array) else pa.array(values)
    return bind(Policy(k=2, quasi_identifiers={"col": role}), {"col": Domain(array, has_null)})


def positions(space: Space) -> list[float]:
    return space.arrays.position.tolist()


@pytest.mark.parametrize(
    "values",
    [
        [20, 30, 60],
        [2.0, 3.0, 6.0],
        pa.array([20, 30, 60], pa.uint8()),
        pa.array([2**63, 2**63 + 2**52, 2**63 + 2**54], pa.uint64()),
        pa.array([Decimal("0.2"), Decimal("0.3"), Decimal("0.6")]),
        [dt.date(2024, 1, 1), dt.date(2024, 1, 2), dt.date(2024, 1, 5)],
        [dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, 6), dt.datetime(2024, 1, 2)],
    ],
)
def test_bind__position_on_the_line(values: pa.Array) -> None:
    space = space_of(QuasiIdentifier(), values, has_null=True)
    assert space.arrays.kind.tolist() == [ORDERED]
    assert positions(space) == pytest.approx([-1.0, 0.0, 0.25, 1.0])


def test_bind__extreme_integers() -> None:
    space = space_of(QuasiIdentifier(), [-(2**63), 0, 2**63 - 1])
    assert positions(space) == pytest.approx([0.0, 0.5, 1.0])


def test_bind__extreme_floats() -> None:
    assert positions(space_of(QuasiIdentifier(), [-1.7e308, 0.0, 1.7e308])) == pytest.approx([0.0, 0.5, 1.0])


@pytest.mark.parametrize("has_null", [False, True])
def test_bind__constant_column(*, has_null: bool) -> None:
    space = space_of(QuasiIdentifier(), [7], has_null=has_null)
    assert positions(space) == [-1.0] * has_null + [0.0]
    assert space.arrays.mask.tolist() == [1]


@pytest.mark.parametrize("arrow_type", [pa.int64(), pa.string(), pa.date32()])
def test_bind__all_null(arrow_type: pa.DataType) -> None:
    assert space_of(QuasiIdentifier(), pa.array([], arrow_type), has_null=True).arrays.size.tolist() == [1]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_bind__not_finite(value: float) -> None:
    with pytest.raises(ColumnError, match="`col` holds numbers that are not finite"):
        space_of(QuasiIdentifier(), [1.0, value])


def test_bind__declared_order() -> None:
    role = QuasiIdentifier(hierarchy=Order(values=["low", "mid", "much", "high"]))
    space = space_of(role, ["high", "low", "mid"], has_null=True)
    assert space.arrays.kind.tolist() == [ORDERED]
    assert space.dimensions[0].kernel_code.tolist() == [0, 3, 1, 2]
    assert space.dimensions[0].domain_code.tolist() == [0, 2, 3, 1]
    assert positions(space) == pytest.approx([-1.0, 0.0, 1 / 3, 1.0])


def test_bind__declared_order_of_one() -> None:
    assert positions(space_of(QuasiIdentifier(hierarchy=Order(values=["a"])), ["a"])) == [0.0]


@pytest.mark.parametrize(("size", "words"), [(1, 1), (64, 1), (65, 2)])
def test_bind__set(size: int, words: int) -> None:
    space = space_of(QuasiIdentifier(), [f"{i:03}" for i in range(size)])
    assert space.arrays.kind.tolist() == [SET]
    assert space.arrays.bit_words.tolist() == [words]
    assert space.dimensions[0].kernel_code.tolist() == list(range(size))


@pytest.mark.parametrize(
    "values", [[False, True], pa.array(["a", "b"], pa.large_string()), pa.array(["a", "b"], pa.string_view())]
)
def test_bind__categories_by_type(values: pa.Array) -> None:
    assert space_of(QuasiIdentifier(), values).dimensions[0].kind == "category"


def test_bind__numbers_as_categories() -> None:
    assert space_of(QuasiIdentifier(kind="category"), [1, 2]).arrays.kind.tolist() == [SET]


def test_bind__several_dimensions() -> None:
    tree = NamedTree(nodes={"*": {"u": ["c", "a"], "v": ["b"]}})
    policy = Policy(
        k=2,
        quasi_identifiers={
            "zip": QuasiIdentifier(hierarchy=Prefix(), nulls="generalize"),
            "sex": QuasiIdentifier(),
            "age": QuasiIdentifier(),
            "group": QuasiIdentifier(hierarchy=tree),
            "name": QuasiIdentifier(),
        },
    )
    domains = {
        "group": Domain(pa.array(["a", "b", "c"])),
        "age": Domain(pa.array([1, 2, 3, 5]), has_null=True),
        "sex": Domain(pa.array(["f", "m"])),
        "zip": Domain(pa.array(["11", "12", "21"]), has_null=True),
        "name": Domain(pa.array([f"{i:03}" for i in range(70)]), has_null=True),
        "unused": Domain(pa.array([1])),
    }
    space = bind(policy, domains)
    arrays = space.arrays
    assert space.names == ["zip", "sex", "age", "group", "name"]
    assert arrays.kind.tolist() == [TREE, SET, ORDERED, TREE, SET]
    assert arrays.size.tolist() == [4, 2, 5, 3, 71]
    assert arrays.word.tolist() == [0] * 5
    assert arrays.shift.tolist() == [13, 12, 9, 7, 0]
    assert arrays.mask.tolist() == [3, 1, 7, 3, 127]
    assert arrays.start.tolist() == [0, 4, 6, 11, 14]
    assert arrays.position[6:11].tolist() == [-1.0, 0.0, 0.25, 0.5, 1.0]
    assert len(arrays.position) == sum(arrays.size)
    assert arrays.depth.tolist() == [3, 0, 0, 3, 0]
    assert arrays.tree_start[[0, 3]].tolist() == [0, 12]
    # zip: null 11 12 21 | null 1* 2* | *; group: c a b | u v | *
    first = [0, 1, 2, 3, 0, 4, 4, 5, 6, 6, 6, 6]
    assert arrays.ancestor.tolist() == [*first, 7, 8, 9, 10, 10, 11, 12, 12, 12]
    assert arrays.share == pytest.approx([0, 0, 0, 0, 2 / 3, 0, 1, 0, 0, 0, 2 / 3, 0, 1])
    assert space.dimensions[3].kernel_code.tolist() == [1, 2, 0]
    assert arrays.bit_start[[1, 4]].tolist() == [0, 1]
    assert arrays.bit_words.tolist() == [0, 1, 0, 0, 2]
    assert arrays.weight == pytest.approx([0.2] * 5)
    assert space.apart.tolist() == [2, 4]
    assert space.n_words == 1


@given(sizes=st.lists(st.integers(1, 300), min_size=1, max_size=20))
@settings(deadline=None)
def test_bind__fields_never_overlap(sizes: list[int]) -> None:
    names = [f"c{j}" for j in range(len(sizes))]
    policy = Policy.of(k=2, quasi_identifiers=names)
    domains = {name: Domain(pa.array(range(size), pa.int64())) for name, size in zip(names, sizes, strict=True)}
    space = bind(policy, domains)
    used = [0] * space.n_words
    for size, word, shift, mask in zip(sizes, space.arrays.word, space.arrays.shift, space.arrays.mask, strict=True):
        field = int(mask) << int(shift)
        assert int(mask) >= size - 1
        assert field < 2**64
        assert not used[word] & field
        used[word] |= field


def lost(space: Space, j: int, one: int, other: int) -> float:
    """What kernels say that a class of two domain codes loses."""
    codes = sorted(int(space.dimensions[j].kernel_code[code]) for code in (one, other))
    return span_loss.py_func(space.arrays, j, *codes)  # type: ignore[attr-defined]


def test_bind__kernels_lose_the_share_of_the_common_ancestor() -> None:
    texts = [["11", "12", "21", "311"], ["a", "b", "c"]]
    rows = [naive.prefix_rows(texts[0]), [["a", "u", "*"], ["x", "u", "*"], ["b", "v", "*"], ["c", "u", "*"]]]
    tree = NamedTree(nodes={"*": {"u": ["a", "x", "c"], "v": ["b"]}})
    roles = {"zip": QuasiIdentifier(hierarchy=Prefix()), "group": QuasiIdentifier(hierarchy=tree)}
    domains = {name: Domain(pa.array(text), has_null=True) for name, text in zip(roles, texts, strict=True)}
    space = bind(Policy(k=2, quasi_identifiers=roles), domains)
    for j in range(2):
        for (one, first), (other, second) in combinations(enumerate(texts[j]), 2):
            share = naive.common(rows[j], first, second)[1]
            assert lost(space, j, one + 1, other + 1) == pytest.approx(share)
        assert [lost(space, j, 0, code + 1) for code in range(len(texts[j]))] == [1.0] * len(texts[j])
        assert lost(space, j, 0, 0) == 0.0


def test_bind__kernels_lose_the_scaled_distance() -> None:
    space = space_of(QuasiIdentifier(), [20, 30, 60], has_null=True)
    assert lost(space, 0, 1, 2) == pytest.approx(0.25)
    assert lost(space, 0, 2, 3) == pytest.approx(0.75)
    assert [lost(space, 0, 0, code) for code in (1, 2, 3)] == [1.0] * 3


def test_bind__arrays_are_read_only() -> None:
    arrays = space_of(QuasiIdentifier(), [1, 2]).arrays
    assert not any(array.flags.writeable for array in arrays)


def test_bind__tree_beside_the_policy(tmp_path: Path) -> None:
    (tmp_path / "tree.csv").write_text("a;*\nb;*\n", encoding="utf-8")
    text = "k = 2\n[quasi_identifier.col]\nhierarchy = { kind = 'tree', file = 'tree.csv' }\n"
    (tmp_path / "policy.toml").write_text(text, encoding="utf-8")
    space = bind(Policy.load(tmp_path / "policy.toml"), {"col": Domain(pa.array(["a", "b"]))})
    assert space.arrays.kind.tolist() == [TREE]


def test_bind__column_missing() -> None:
    with pytest.raises(ColumnError, match="'col', which the table does not have"):
        bind(Policy.of(k=2, quasi_identifiers=["col"]), {})


@pytest.mark.parametrize(
    ("role", "values"),
    [
        (QuasiIdentifier(kind="number"), ["a"]),
        (QuasiIdentifier(kind="number"), [True]),
        (QuasiIdentifier(kind="date"), ["2024-01-01"]),
        (QuasiIdentifier(kind="number"), [dt.date(2024, 1, 1)]),
        (QuasiIdentifier(hierarchy=Intervals(width=[5], lower=0, upper=9)), ["5"]),
        (QuasiIdentifier(hierarchy=Dates()), [5]),
        (QuasiIdentifier(hierarchy=Dates()), ["2024-01-01"]),
        (QuasiIdentifier(hierarchy=Prefix()), [dt.date(2024, 1, 1)]),
        (QuasiIdentifier(), [[1]]),
        (QuasiIdentifier(), [dt.timedelta(1)]),
    ],
)
def test_bind__type_cannot_take_its_kind(role: QuasiIdentifier, values: list[object]) -> None:
    with pytest.raises(ColumnError, match="`col`"):
        space_of(role, values)


@pytest.mark.parametrize("output", ["mean", "center", "bounds"])
def test_bind__guessed_kind_without_such_output(output: str) -> None:
    with pytest.raises(PolicyError, match=r"quasi_identifier\.col.*output"):
        space_of(QuasiIdentifier(output=output), ["a"])  # type: ignore[arg-type]


def test_bind__value_outside_a_declared_order() -> None:
    with pytest.raises(HierarchyError, match="`col`"):
        space_of(QuasiIdentifier(hierarchy=Order(values=["a"])), ["b"])

"""k^m-anonymity of lists."""

import json
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal
from naive import item_sets as naive
from shoal.recount.measures import least_support
from shoal_cli.commands import cli

ITEMS = st.sampled_from(["11", "12", "13", "21", "22", "31", None])
ROWS = st.lists(st.one_of(st.none(), st.lists(ITEMS, max_size=5)), min_size=4, max_size=40)
TREE = shoal.Prefix()


def frame_of(rows: list[Any], kind: Any = pl.String) -> pl.DataFrame:
    return pl.DataFrame({"q": [i % 2 for i in range(len(rows))], "x": pl.Series(rows, dtype=pl.List(kind))})


def policy_of(m: int, k: int = 2, hierarchy: Any = None, **more: Any) -> shoal.Policy:
    return shoal.Policy(
        k=2,
        quasi_identifiers={"q": shoal.QuasiIdentifier()},
        set_valued={"x": shoal.SetValued(m=m, k=k, hierarchy=hierarchy)},
        **more,
    )


@given(rows=ROWS, m=st.integers(1, 3), k=st.integers(2, 5), hierarchy=st.sampled_from([None, TREE]))
@settings(deadline=None, max_examples=150)
def test_anonymize__no_combination_of_items_is_rare(rows: list[Any], m: int, k: int, hierarchy: Any) -> None:
    policy = policy_of(m, k, hierarchy)
    release = shoal.anonymize(frame_of(rows), policy)
    lists = release.frame["x"].to_list()
    assert all(n >= k for n in naive.supports(lists, m).values())
    assert release.report.set_valued == {"x": naive.least_support(lists, m)}
    assert all(row == sorted(set(row), key=lambda item: (item is not None, item)) for row in lists)
    assert len(lists) == len(rows)
    assert shoal.verify(release.frame, policy).met


@given(rows=ROWS, m=st.integers(1, 3))
@settings(deadline=None)
def test_assess__counts_combinations_as_a_loop_does(rows: list[Any], m: int) -> None:
    assert shoal.assess(frame_of(rows), policy_of(m)).set_valued == {"x": naive.least_support(rows, m)}
    assert least_support(frame_of(rows).lazy(), "x", m) == naive.least_support(rows, m)


@given(
    rows=st.lists(st.lists(st.sampled_from("abcd"), max_size=4), min_size=3, max_size=12),
    m=st.integers(1, 2),
)
@settings(deadline=None, max_examples=40)
def test_anonymize__leaves_out_few_entries(rows: list[Any], m: int) -> None:
    """Within the bound of a greedy cover, which on this few items is hardly ever above the least."""
    lists = shoal.anonymize(frame_of(rows), policy_of(m)).frame["x"].to_list()
    lost = sum(len(set(row)) for row in rows) - sum(map(len, lists))
    least = naive.cheapest_loss(rows, m, 2)
    assert least <= lost <= 3 * least


def test_anonymize__generalizes_where_leaving_out_costs_more() -> None:
    rows = [["11", "21"], ["12", "21"], ["13", "22"], ["11", "22"]]
    lists = shoal.anonymize(frame_of(rows), policy_of(2, 2, TREE)).frame["x"].to_list()
    assert sorted(map(tuple, lists)) == [("1*", "21"), ("1*", "21"), ("1*", "22"), ("1*", "22")]


def test_anonymize__brings_back_what_was_left_out() -> None:
    """An item left out alone comes back where its siblings are generalized with it."""
    rows = [["11"]] * 2 + [["12", "31"]] + [["13", "31"]] * 1 + [["31"]] * 3 + [["11", "31"]]
    release = shoal.anonymize(frame_of(rows), policy_of(2, 2, TREE))
    assert min(naive.supports(release.frame["x"].to_list(), 2).values()) >= 2


@given(rows=ROWS, seed=st.randoms(use_true_random=False), hierarchy=st.sampled_from([None, TREE]))
@settings(deadline=None, max_examples=30)
def test_anonymize__same_items_for_any_order_and_cut(rows: list[Any], seed: Any, hierarchy: Any) -> None:
    shuffled = list(rows)
    seed.shuffle(shuffled)
    policy = policy_of(2, 3, hierarchy)
    whole = frame_of(rows).with_columns(q=1)
    cut = pl.concat([frame_of(shuffled[:3]), frame_of(shuffled[3:])], rechunk=False).with_columns(q=1)
    one, other = (shoal.anonymize(frame, policy).frame["x"].to_list() for frame in (whole, cut))
    assert sorted(map(str, one)) == sorted(map(str, other))


def test_anonymize__only_released_rows_count() -> None:
    rows = [["a"]] * 2 + [["b"]] * 4
    frame = frame_of(rows).with_columns(q=pl.Series([1, 1, 2, 2, 2, 2]))
    policy = shoal.Policy(
        k=4,
        suppress=0.5,
        quasi_identifiers={"q": shoal.QuasiIdentifier()},
        set_valued={"x": shoal.SetValued(m=1, k=2)},
    )
    release = shoal.anonymize(frame, policy)
    assert all(n >= 2 for n in naive.supports(release.frame["x"].to_list(), 1).values())


@pytest.mark.parametrize("kind", [pl.Int32, pl.Date, pl.Boolean, pl.Categorical, pl.Float64])
def test_anonymize__items_of_every_type(kind: Any) -> None:
    lists = pl.Series("x", [[0, 1], [1, 0, 0], [1], None, []], dtype=pl.List(pl.Int32))
    inner = pl.String if kind == pl.Categorical else kind
    frame = pl.DataFrame({"q": [1] * 5, "x": lists.list.eval(pl.element().cast(inner).cast(kind))})
    released = shoal.anonymize(frame, policy_of(2)).frame["x"]
    assert sorted(map(len, released)) == [0, 0, 1, 2, 2]
    assert released.dtype == pl.List(inner)


def test_policy__reads_and_writes_set_valued_columns() -> None:
    text = 'k = 3\n[quasi_identifier.q]\n[set_valued.x]\nm = 2\nhierarchy = { kind = "prefix" }\n'
    policy = shoal.Policy.from_toml(text)
    assert policy.set_valued["x"] == shoal.SetValued(m=2, hierarchy=shoal.Prefix())
    assert policy.k_of("x") == 3
    assert shoal.Policy.from_toml(policy.to_toml()) == policy


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("m = 0", "m"),
        ("m = 2\nk = 1", "k"),
        ("k = 3", "m"),
        ('m = 2\nhierarchy = { kind = "auto", fanout = 2 }', "do not depend on the rows"),
        ('m = 2\nhierarchy = { kind = "order", values = ["a"] }', "do not depend on the rows"),
    ],
)
def test_policy__refuses_what_protects_nobody(section: str, message: str) -> None:
    with pytest.raises(shoal.PolicyError, match=message):
        shoal.Policy.from_toml(f"k = 3\n[quasi_identifier.q]\n[set_valued.x]\n{section}\n")


def test_policy__a_column_has_one_role_and_a_k() -> None:
    roles = {"x": shoal.QuasiIdentifier()}
    with pytest.raises(shoal.PolicyError, match="both"):
        shoal.Policy(k=3, quasi_identifiers=roles, set_valued={"x": shoal.SetValued(m=1)})
    with pytest.raises(shoal.PolicyError, match="k = 1"):
        shoal.Policy(
            k=1,
            models=[shoal.AverageRisk(at_most=0.5)],
            quasi_identifiers=roles,
            set_valued={"y": shoal.SetValued(m=1)},
        )


def test_anonymize__refuses_bad_columns(tmp_path: Any) -> None:
    (tmp_path / "tree.csv").write_text("1;*\n2;*\n")
    for column, error, message in (
        (pl.Series("x", ["a"] * 4), shoal.ColumnError, "holds no lists"),
        (pl.Series("x", [[["a"]]] * 4), shoal.ColumnError, "'x'"),
        (pl.Series("x", [["9"], ["8"]] * 2), shoal.HierarchyError, "x"),
    ):
        hierarchy = shoal.NamedTree(file=str(tmp_path / "tree.csv")) if error is shoal.HierarchyError else None
        with pytest.raises(error, match=message):
            shoal.anonymize_file(
                pl.DataFrame({"q": [1] * 4, "x": column}), tmp_path / "out.parquet", policy_of(1, 2, hierarchy)
            )
    with pytest.raises(shoal.ColumnError, match="'x'"):
        shoal.anonymize(pl.DataFrame({"q": [1] * 4}), policy_of(1))
    long = pl.DataFrame({"q": [1, 1], "x": [list(range(3000)), list(range(3000))]})
    with pytest.raises(shoal.InputError, match="smaller `m`"):
        shoal.anonymize(long, policy_of(3))
    with pytest.raises(shoal.ColumnError, match="64 bits"):
        shoal.anonymize(long, policy_of(6))
    assert [file.name for file in tmp_path.iterdir()] == ["tree.csv"]


def test_verify__finds_a_rare_combination() -> None:
    rows = [["a", "b"], ["a"], ["b"], ["a"]]
    found = shoal.verify(frame_of(rows), policy_of(2))
    assert found.broken == ("a combination of items misses 2^2-anonymity of 'x'",)


def test_verify__fewer_rows_than_k_hold_no_promise() -> None:
    frame = frame_of([["a"]] * 3).with_columns(q=1)
    assert shoal.verify(frame, policy_of(1, 5)).broken == ("a combination of items misses 5^1-anonymity of 'x'",)
    assert shoal.verify(frame.with_columns(x=pl.lit([], pl.List(pl.String))), policy_of(1, 5)).met


@pytest.mark.parametrize("lists", [["a"] * 4, [1] * 4, [{"a": 1}] * 4, [[["a"]]] * 4])
def test_verify__refuses_what_holds_no_lists(lists: list[Any]) -> None:
    with pytest.raises(shoal.ColumnError, match="'x'"):
        shoal.verify(pl.DataFrame({"q": [1] * 4, "x": lists}), policy_of(1))


def test_verify__lists_of_fixed_length_are_lists() -> None:
    lists = pl.Series("x", [["a", "b"]] * 4, dtype=pl.Array(pl.String, 2))
    assert shoal.verify(pl.DataFrame({"q": [1] * 4, "x": lists}), policy_of(2)).met


def test_report__tells_no_count_below_k() -> None:
    notes = shoal.anonymize(frame_of([["a"]] * 9 + [["b"]]), policy_of(1, 3)).report.notes
    assert notes == ("set-valued 'x': fewer than 3 entries left out",)
    notes = shoal.anonymize(frame_of([["a"]] * 6 + [["b"], ["c"], ["d"]]), policy_of(1, 3)).report.notes
    assert notes == ("set-valued 'x': 33.33% of the entries left out, of 3 distinct items",)


def test_report__tells_what_generalizing_cost() -> None:
    """Three of five items become 1*: each of their four entries, of eight, covers 3/5 of the items."""
    rows = [["11", "21"], ["12", "21"], ["13", "22"], ["11", "22"]]
    (note,) = shoal.anonymize(frame_of(rows), policy_of(2, 2, TREE)).report.notes
    assert note.endswith("0.00% of the entries left out, of 0 distinct items; 3 generalized; loss 0.3000")


def test_anonymize__too_many_combinations_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shoal_engine.anonymity.table.item_sets.MOST_CELLS", 1 << 13)
    rows = [[f"{i}-{j}" for j in range(30)] for i in range(20)]
    with pytest.raises(shoal.InputError, match="shorten the longest"):
        shoal.assess(frame_of(rows), policy_of(2))


def test_cli__assess_and_verify_tell_the_items(tmp_path: Any) -> None:
    frame_of([["a", "b"], ["a", "b"], ["a"], []]).write_parquet(tmp_path / "in.parquet")
    (tmp_path / "p.toml").write_text(policy_of(2).to_toml())
    for command in ("assess", "verify"):
        done = CliRunner().invoke(
            cli, [command, str(tmp_path / "in.parquet"), "-p", str(tmp_path / "p.toml"), "--json"]
        )
        assert json.loads(done.output)["set_valued"] == {"x": 2}

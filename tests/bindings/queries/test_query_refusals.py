"""What `private`, budgets, accounting, noise and audits are asked in error raises an error of ours."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import polars as pl
import pytest

import shoal
from shoal import dp
from shoal_engine.differential.queries.aggregates import Count
from shoal_engine.differential.queries.bounding import Bounds
from shoal_engine.differential.queries.budget import QueryBudget, allot
from shoal_engine.differential.queries.private_group_by import GroupQuery

FRAME = pl.DataFrame(
    {
        "text": ["x", "y"] * 50,
        "other": ["u", "v"] * 50,
        "number": range(100),
        "real": [i / 7 for i in range(100)],
        "day": [dt.date(2020, 1, 1)] * 100,
        "decimal": [Decimal("1.5")] * 100,
        "enum": pl.Series(["x", "y"] * 50, dtype=pl.Enum(["x", "y"])),
        "nothing": [None] * 100,
        "who": [i // 4 for i in range(100)],
    }
)


def rows(**more: Any) -> Any:
    return shoal.private(FRAME, **({"unit": None, "ledger": None} | more))


@pytest.mark.parametrize("name", ["replace", "add_remove", "ADD-REMOVE", "", None, 2, ["add-remove"]])
def test_names__of_no_choice_are_refused(name: Any) -> None:
    """An unknown relation had half the noise of change-one."""
    by, aggregates, bounds = (), (Count(),), Bounds(1, 1)
    parts = [one.parts(bounds) for one in aggregates]
    keys = {"key_groups": 0, "factor": 1}
    for ask in (
        lambda: rows(neighbors=name),
        lambda: rows().group_by("text", key_rule=name),
        lambda: GroupQuery(by, aggregates, None, bounds, neighbors=name),
        lambda: GroupQuery(by, aggregates, None, bounds, key_rule=name),
        lambda: allot(QueryBudget(Fraction(1)), parts, key_rule=name, distribution=None, **keys),
    ):
        with pytest.raises(shoal.PolicyError, match="must be one of"):
            ask()
    if name is None:
        return
    for ask in (
        lambda: rows().group_by().agg(dp.count()).plan(epsilon="1", distribution=name),
        lambda: rows().group_by().agg(dp.count()).release(epsilon="1", distribution=name),
        lambda: allot(QueryBudget(Fraction(1)), parts, key_rule="truncated-geometric", distribution=name, **keys),
        lambda: shoal.least_noise(name, epsilon="1", delta="1e-6"),
        lambda: shoal.sample_noise(name, scale=1, n=1),
        lambda: shoal.Budget(name, (1, 1)),
    ):
        with pytest.raises((shoal.PolicyError, shoal.NumberError), match="must be one of"):
            ask()


@pytest.mark.parametrize("by", [(["text", "other"],), (("text",), "other"), ("text", "other")])
def test_group_by__takes_lists_as_polars_does(by: tuple[Any, ...]) -> None:
    answer = rows().group_by(*by).agg([dp.count()], dp.count("text")).release(epsilon="50", delta="1e-5").frame
    assert answer.columns[:3] == ["text", "other", "count"]
    assert answer.height == 2


@pytest.mark.parametrize("by", [pl.col("text"), None, 5, "", ["text", None], {"text"}, [pl.col("text")]])
def test_group_by__takes_nothing_but_names(by: Any) -> None:
    with pytest.raises(shoal.PolicyError, match="names of columns"):
        rows().group_by(by)


@pytest.mark.parametrize("one", ["count", None, 5, dp.count, pl.len(), pl.col("number").sum(), ["count"]])
def test_agg__takes_nothing_but_aggregates(one: Any) -> None:
    with pytest.raises(shoal.PolicyError, match=r"shoal\.dp"):
        rows().group_by().agg(one)


@pytest.mark.parametrize(
    "make",
    [
        lambda: rows().group_by().agg(),
        lambda: rows().group_by().agg([]),
        lambda: rows().group_by().agg(dp.count(), dp.count()),
        lambda: rows().group_by("text").agg(dp.count().alias("text")),
        lambda: rows().group_by("text", "text").agg(dp.count()),
        lambda: dp.count().alias(5),  # pyright: ignore[reportArgumentType]
        lambda: dp.count().alias(""),
    ],
)
def test_agg__names_each_column_once(make: Callable[[], object]) -> None:
    with pytest.raises(shoal.PolicyError):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: rows().group_by("absent").agg(dp.count()),
        lambda: rows().group_by().agg(dp.sum("absent", bounds=(0, 1))),
        lambda: rows().group_by().agg(dp.count("absent")),
        lambda: rows(unit="absent"),
        lambda: rows().group_by("nothing").agg(dp.count()).release(epsilon="1", delta="1e-6"),
        lambda: rows().group_by().agg(dp.sum("text", bounds=(0, 1))).release(epsilon="1"),
    ],
)
def test_columns__that_are_absent_or_of_other_types(make: Callable[[], object]) -> None:
    with pytest.raises(shoal.ColumnError):
        make()


def test_unit__that_is_null_everywhere_is_told_by_its_type() -> None:
    with pytest.raises(shoal.ColumnError, match="type null"):
        rows(unit="nothing").group_by(max_groups=1, max_rows=1).agg(dp.count()).release(epsilon="1")
    frame = FRAME.with_columns(pl.col("nothing").cast(pl.String))
    query = shoal.private(frame, unit="nothing", ledger=None).group_by(max_groups=1, max_rows=1).agg(dp.count())
    assert query.release(epsilon="1000").frame["count"].item() == 0


@pytest.mark.parametrize("unit", [5, [], ["who", "who"], "", [None], pl.col("who"), {"who": 1}])
def test_unit__that_is_no_column(unit: Any) -> None:
    with pytest.raises(shoal.PolicyError, match="privacy unit"):
        rows(unit=unit)


@pytest.mark.parametrize("bound", [1.5, 0, -1, True, "2", 1 << 40, 10**30, [1]])
def test_bounds__that_are_no_numbers_of_rows(bound: Any) -> None:
    for bounds in ({"max_groups": bound, "max_rows": 1}, {"max_groups": 1, "max_rows": bound}):
        with pytest.raises(shoal.PolicyError):
            rows(unit="who").group_by(**bounds)


@pytest.mark.parametrize(
    ("column", "keys", "read"),
    [
        ("text", ["x"], ["x"]),
        ("text", [1], ["1"]),
        ("number", ["1", "1", "2"], [1, 2]),
        ("number", [1.0], [1]),
        ("number", [None, 1], [None, 1]),
        ("real", [0], [0.0]),
        ("day", ["2020-01-01"], [dt.date(2020, 1, 1)]),
        ("decimal", [1.5], [Decimal("1.5")]),
        ("enum", ["x"], ["x"]),
    ],
)
def test_keys__of_another_type_are_read_where_nothing_is_lost(column: str, keys: list[Any], read: list[Any]) -> None:
    answer = rows().group_by(column, keys=keys).agg(dp.count()).release(epsilon="1").frame
    assert answer[column].to_list() == read
    assert column == "enum" or answer[column].dtype == FRAME[column].dtype


@pytest.mark.parametrize(
    ("column", "keys"),
    [
        ("number", ["a"]),
        ("number", ["01"]),
        ("number", [1.5]),
        ("number", [10**30]),
        ("day", ["1.1.2020"]),
        ("day", [5.5]),
        ("enum", ["q"]),
        ("text", [["x"]]),
        ("text", ["x", 5]),
        ("text", [object()]),
        ("nothing", ["x"]),
    ],
)
def test_keys__of_another_type_are_refused_where_something_is_lost(column: str, keys: list[Any]) -> None:
    with pytest.raises((shoal.ColumnError, shoal.InputError)):
        rows().group_by(column, keys=keys).agg(dp.count())


@pytest.mark.parametrize("column", ["text", "number", "day", "enum"])
@pytest.mark.parametrize(
    "make",
    [
        lambda column: [],
        lambda column: pl.Series([], dtype=pl.Int8),
        lambda column: FRAME.select(column).head(0),
        lambda column: FRAME.lazy().select(column).head(0),
        lambda column: pl.DataFrame({column: []}),
    ],
)
def test_keys__that_are_none_at_all(column: str, make: Callable[[str], Any]) -> None:
    with pytest.raises(shoal.PolicyError, match="no keys"):
        rows().group_by(column, keys=make(column)).agg(dp.count())


@pytest.mark.parametrize("keys", [5, {"x"}, "no.csv", pl.DataFrame(), object()])
def test_keys__that_are_no_keys(keys: Any) -> None:
    with pytest.raises((shoal.PolicyError, shoal.InputError, shoal.ColumnError)):
        rows().group_by("text", keys=keys).agg(dp.count())


WRONG = [
    0,
    "0",
    0.0,
    float("inf"),
    "inf",
    None,
    float("nan"),
    "nan",
    -1,
    "",
    "1e-400",
    "1e400",
    "1e-60",
    True,
    b"1",
    [1],
]


@pytest.mark.parametrize("amount", WRONG)
def test_budget__that_is_none(amount: Any) -> None:
    query = rows().group_by().agg(dp.count())
    for budget in ({"epsilon": amount}, {"rho": amount}):
        for ask in (query.plan, query.release):
            with pytest.raises((shoal.NumberError, shoal.PolicyError)):
                ask(**budget)
    with pytest.raises(shoal.NumberError):
        shoal.Budget.of(epsilon=amount)
    with pytest.raises(shoal.NumberError):
        shoal.Budget.of(rho=amount)


@pytest.mark.parametrize("delta", ["1", 1, -1, True, None, "1e-400", "1e-300", float("nan"), "", 5e-324])
def test_delta__that_is_none(delta: Any) -> None:
    with pytest.raises((shoal.NumberError, shoal.PolicyError)):
        rows().group_by("text").agg(dp.count()).plan(epsilon="1", delta=delta)


def test_budget__of_both_kinds_or_neither() -> None:
    query = rows().group_by().agg(dp.count())
    for budget in ({}, {"epsilon": "1", "rho": "1"}, {"delta": "1e-6"}):
        with pytest.raises(shoal.PolicyError, match="one of them"):
            query.plan(**budget)


@pytest.mark.parametrize("frame", [5, None, [1], {"a": [1]}, "absent.csv"])
def test_private__of_no_frame(frame: Any) -> None:
    with pytest.raises(shoal.InputError):
        shoal.private(frame, unit=None, ledger=None)


def test_private__of_no_ledger_and_no_name() -> None:
    with pytest.raises(shoal.PolicyError, match="a ledger is"):
        rows(ledger=5)
    with pytest.raises(shoal.InputError, match="dataset"):
        rows(dataset=5)
    with pytest.raises(shoal.LedgerError):
        rows(ledger="/")


@pytest.mark.parametrize(
    "make",
    [
        lambda: dp.sum("x", bounds=("a", "b")),
        lambda: dp.sum("x", bounds=5),  # pyright: ignore[reportArgumentType]
        lambda: dp.sum("x", bounds=(0, "1e9999999")),
        lambda: dp.sum("x", bounds=(0, 1, 2)),  # pyright: ignore[reportArgumentType]
        lambda: dp.sum(5, bounds=(0, 1)),  # pyright: ignore[reportArgumentType]
        lambda: dp.count(5),  # pyright: ignore[reportArgumentType]
        lambda: dp.count(""),
        lambda: dp.n_unique(None),  # pyright: ignore[reportArgumentType]
        lambda: dp.sum("x", bounds=(0, 1), missing="x"),
        lambda: dp.sum("x", bounds=(0, 1), missing=float("nan")),
        lambda: dp.quantile("x", None, bounds=(0, 1)),  # pyright: ignore[reportArgumentType]
        lambda: dp.quantile("x", "1e9999999", bounds=(0, 1)),
        lambda: dp.quantile("x", "1/2", bounds=(0, 1), candidates=1.5),  # pyright: ignore[reportArgumentType]
        lambda: dp.quantile("x", "1/2", bounds=(0, 1), candidates=10**12),
    ],
)
def test_dp__refuses_what_it_cannot_read(make: Callable[[], object]) -> None:
    with pytest.raises(shoal.PolicyError):
        make()


@pytest.mark.parametrize(
    "wrong",
    [
        {"epsilon": "0"},
        {"epsilon": "1e390"},
        {"epsilon": "1e5"},
        {"epsilon": None},
        {"delta": "1e-390"},
        {"delta": "1"},
        {"delta": True},
        {"times": 1.5},
        {"times": True},
        {"times": 0},
        {"times": 10**30},
        {"rate": "0"},
        {"rate": 2},
        {"sensitivity": "1e390"},
        {"sensitivity": "0"},
    ],
)
def test_least_noise__refuses_what_has_no_meaning(wrong: dict[str, Any]) -> None:
    with pytest.raises(shoal.NumberError):
        shoal.least_noise(**({"distribution": "gaussian", "epsilon": "1", "delta": "1e-5"} | wrong))


@pytest.mark.parametrize("events", [None, 5, [5], b"{}", "", "[", ["{}"], {"kind": "pure"}])
def test_privacy_spent__of_no_events(events: Any) -> None:
    with pytest.raises(shoal.NumberError):
        shoal.privacy_spent(events, delta="1e-6")


@pytest.mark.parametrize("wrong", [{"n": 1.5}, {"n": "x"}, {"n": None}, {"n": True}, {"n": 10**30}, {"n": 10**13}])
def test_noise__of_no_number_of_samples(wrong: dict[str, Any]) -> None:
    with pytest.raises(shoal.NumberError):
        shoal.sample_noise("laplace", **({"scale": 1} | wrong))


@pytest.mark.parametrize("n_threads", [0, -1, 1.5, "x", True])
def test_threads__that_are_none(n_threads: Any) -> None:
    for ask in (
        lambda: shoal.sample_noise("laplace", scale=1, n=1, n_threads=n_threads),
        lambda: rows().group_by().agg(dp.count()).release(epsilon="1", n_threads=n_threads),
    ):
        with pytest.raises(shoal.NumberError, match="n_threads"):
            ask()


@pytest.mark.parametrize(
    "wrong",
    [
        {"mechanisms": 5},
        {"mechanisms": []},
        {"mechanisms": [None]},
        {"mechanisms": "nothing"},
        {"mechanisms": ["laplace"], "runs": 1.5},
        {"mechanisms": ["laplace"], "runs": "x"},
        {"mechanisms": ["laplace"], "runs": True},
        {"mechanisms": ["laplace"], "runs": 10},
    ],
)
def test_audit__of_no_mechanism_or_runs(wrong: dict[str, Any]) -> None:
    with pytest.raises((shoal.PolicyError, shoal.NumberError)):
        shoal.audit(**wrong)


def test_audit__takes_one_name() -> None:
    assert shoal.audit("laplace", runs=2000)["mechanism"].to_list() == ["laplace"]

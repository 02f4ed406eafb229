"""Whatever goes wrong goes wrong before anything is charged; whatever is charged is answered."""

import datetime as dt
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

import shoal
from shoal import dp
from shoal_engine.differential.queries.private_group_by import Totals
from shoal_engine.errors import ShoalError

FRAME = pl.DataFrame(
    {
        "who": [i % 7 for i in range(40)],
        "text": ["x", "y", None, "z"] * 10,
        "number": range(-20, 20),
        "real": [math.nan, 1e300, -1.0, 0.5] * 10,
        "day": [dt.date(2020, 1, 1 + i % 3) for i in range(40)],
        "binary": [b"a", b"\xff"] * 20,
        "list": [[1]] * 40,
    }
)
COLUMNS = [*FRAME.columns, "absent"]
ANYTHING = st.sampled_from([None, True, 1.5, -1, 0, "", "x", b"x", [1], float("nan"), float("inf"), 10**30, object()])


def rarely(usual: st.SearchStrategy[Any], strange: st.SearchStrategy[Any] = ANYTHING) -> st.SearchStrategy[Any]:
    """Return mostly what makes sense."""
    return st.sampled_from([True] * 30 + [False]).flatmap(lambda sensible: usual if sensible else strange)


AMOUNTS = rarely(
    st.sampled_from(["1", "1/3", 0.1, 2, "1e-9", "1e-14", "1e-16", "1e-30", "1e9", "1e14", "0.25"]),
    st.one_of(ANYTHING, st.sampled_from(["1e-400", "1e400", "1e-60", "-1"])),
)
DELTAS = rarely(st.sampled_from(["1e-6", 1e-9, "1e-200", "0.3"]), st.one_of(ANYTHING, st.sampled_from([0, "1e-300"])))
BOUNDS = rarely(
    st.sampled_from([(0, 10), (-5, 5.5), ("0", "1e-300"), (0, 1 << 62)]),
    st.sampled_from([(5, 5), (9, 1), (0, 1e300), None, 5, ("a", "b")]),
)

LIMITS = rarely(st.sampled_from([1, 2, 100, (1 << 32) - 1]), st.one_of(ANYTHING, st.sampled_from(["clip", 1 << 32])))


@st.composite
def aggregates(draw: st.DrawFn) -> Any:
    column = draw(rarely(st.sampled_from(["number", "real"]), st.sampled_from([*COLUMNS, None])))
    kind = draw(rarely(st.sampled_from(["count", "values", "sum", "mean", "variance", "quantile", "unique"])))
    match kind:
        case "count":
            return dp.count()
        case "values":
            return dp.count(column)
        case "sum" | "mean" | "variance":
            return getattr(dp, kind)(column, bounds=draw(BOUNDS), missing=draw(rarely(st.none())))
        case "quantile":
            candidates = draw(rarely(st.sampled_from([2, 16])))
            return dp.quantile(column, draw(rarely(st.just("0.5"))), bounds=draw(BOUNDS), candidates=candidates)
        case "unique":
            return dp.n_unique(column)
        case _:
            return kind


@st.composite
def releases(draw: st.DrawFn) -> Any:
    """Return what makes a query and releases it on a ledger."""
    by = draw(rarely(st.sampled_from([[], ["text"], ["day", "text"]]), st.lists(st.sampled_from(COLUMNS), max_size=2)))
    unit = draw(rarely(st.sampled_from([None, "who", ["who", "text"]]), st.sampled_from(["absent", 5, []])))
    bounds = {} if unit is None else {"max_groups": draw(LIMITS), "max_rows": draw(LIMITS)}
    given = pl.DataFrame({"text": ["x", None], "day": [dt.date(2020, 1, 1)] * 2})
    usual = [None, given] if by in (["text"], ["day", "text"]) else [None]
    keys = draw(rarely(st.sampled_from(usual), st.sampled_from([["x"], [1, 2], [], given, 5])))
    rule = draw(rarely(st.sampled_from(["truncated-geometric", "laplace-threshold", "gaussian-threshold"])))
    neighbors = draw(rarely(st.just("add-remove")))
    n, budget = draw(st.integers(1, 3)), {"epsilon": draw(AMOUNTS), "delta": draw(DELTAS)}
    if draw(st.integers(0, 4)) == 0:
        budget["rho"] = budget.pop("epsilon")
    distribution = draw(rarely(st.sampled_from([None, None, "laplace", "gaussian"])))

    def release(ledger: shoal.Ledger, ask: Any) -> Any:
        grouped = shoal.private(FRAME, unit=unit, ledger=ledger, neighbors=neighbors).group_by(
            *(by if isinstance(by, list) else [by]), keys=keys, key_rule=rule, **bounds
        )
        made = [ask(aggregates()) for _ in range(n)]
        named = [one.alias(f"a{i}") if hasattr(one, "alias") else one for i, one in enumerate(made)]
        return grouped.agg(*named).release(**budget, distribution=distribution)

    return unit, release


@given(asked=releases(), data=st.data(), of_rho=st.booleans())
@settings(deadline=None, max_examples=120)
def test_release__after_any_error_nothing_was_charged(asked: Any, data: st.DataObject, of_rho: bool) -> None:  # noqa: FBT001
    unit, release = asked
    known = unit if unit in (None, "who") or unit == ["who", "text"] else "who"
    with tempfile.TemporaryDirectory() as folder:
        budget = shoal.Budget.of(**{"rho" if of_rho else "epsilon": "1e15"}, delta="0.9")
        ledger = shoal.Ledger.create(Path(folder) / "b.db", budget, unit=known)
        try:
            released = release(ledger, data.draw)
        except ShoalError as error:
            event(type(error).__name__)
            assert shoal.Ledger(ledger.path).check() == 1
            return
        assert shoal.Ledger(ledger.path).check(released.receipt) == 2
        assert released.frame.width > 0
        event("answered")


@pytest.mark.parametrize("epsilon", ["1e-9", "1e-12"])
@pytest.mark.parametrize(
    "distribution", [{}, {"distribution": "laplace"}, {"distribution": "gaussian", "delta": "1e-30"}, {"rho": True}]
)
def test_release__noise_wider_than_the_finest_grid_takes_a_coarser_one(
    epsilon: str, distribution: dict[str, Any]
) -> None:
    """It was charged, and then could not be drawn."""
    budget = {"rho": str(float(epsilon) ** 2)} if "rho" in distribution else {"epsilon": epsilon} | distribution
    query = shoal.private(FRAME, unit=None, ledger=None).group_by()
    for one in (
        dp.sum("number", bounds=(-20, 20)),
        dp.mean("number", bounds=(0, 1)),
        dp.variance("real", bounds=(0, 9)),
    ):
        asked = query.agg(one.alias("a"))
        plan, answer = asked.plan(**budget), asked.release(**budget).frame
        steps = plan.frame["std_steps"].to_list()
        assert max(steps) < 2**51
        if "sum" in plan.frame["part"].to_list():
            assert steps[0] > 2**40
            # Noise as wide as the epsilon asks for, whatever the grid.
            wide = answer["a_std"].item() * float(epsilon) / 20
            assert 0.5 < wide < 30
            assert abs(answer["a"].item()) < 60 * answer["a_std"].item()


@pytest.mark.parametrize("budget", [{"epsilon": "1e-16"}, {"epsilon": "1e-40"}, {"rho": "1e-33"}])
def test_release__noise_of_a_count_that_cannot_be_drawn_is_refused(budget: Any, tmp_path: Path) -> None:
    ledger = shoal.Ledger.create(tmp_path / "b.db", shoal.Budget.of(rho="9", delta="1e-3"), unit=None)
    query = shoal.private(FRAME, unit=None, ledger=ledger).group_by().agg(dp.count())
    for ask in (query.plan, query.release):
        with pytest.raises(shoal.NumberError, match="raise epsilon or rho"):
            ask(**budget)
    assert ledger.check() == 1


@pytest.mark.parametrize("epsilon", ["100", "1e4", "1e9", "1e15"])
@pytest.mark.parametrize("rule", ["truncated-geometric", "laplace-threshold", "gaussian-threshold"])
def test_release__unknown_keys_at_huge_epsilons(epsilon: str, rule: Any, tmp_path: Path) -> None:
    ledger = shoal.Ledger.create(tmp_path / "b.db", shoal.Budget.of(epsilon=epsilon, delta="1e-3"), unit=None)
    query = shoal.private(FRAME, unit=None, ledger=ledger).group_by("day", key_rule=rule).agg(dp.count())
    answer = query.release(epsilon=epsilon, delta="1e-3").frame
    assert sorted(answer["day"].dt.day().to_list()) == [1, 2, 3]
    assert ledger.check() == 2


@pytest.mark.parametrize("fails", ["rehearse", "_kept_groups", "_answer", "before_charge"])
def test_release__what_fails_in_the_rehearsal_charges_nothing(
    fails: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = shoal.Ledger.create(tmp_path / "b.db", shoal.Budget.of(epsilon="9"), unit=None)
    query = shoal.private(FRAME, unit=None, ledger=ledger).group_by().agg(dp.count())
    lines = list[int]()

    def failing(*given: Any) -> None:
        lines.append(shoal.Ledger(ledger.path).check())
        raise MemoryError

    if fails == "before_charge":
        with pytest.raises(MemoryError):
            query.release(epsilon="1", before_charge=failing)
        assert lines == [1]
        return
    monkeypatch.setattr(Totals, fails, failing)
    with pytest.raises((shoal.InputError, MemoryError)):
        query.release(epsilon="1")
    # Groups are kept with noise, so only after the charge.
    assert lines == [2 if fails == "_kept_groups" else 1]


def test_rehearse__tells_nothing_of_the_data() -> None:
    found = list[pl.DataFrame]()
    for frame in (FRAME, FRAME.with_columns(number=pl.col("number") * 100), FRAME.head(1)):
        query = shoal.private(frame, unit=None, ledger=None).group_by().agg(dp.count(), dp.sum("number", bounds=(0, 9)))
        query.release(epsilon="1", before_charge=found.append)
    assert all(one.equals(found[0]) and one.height == 0 for one in found)
    assert found[0].columns[:2] == ["count", "count_std"]


def test_cli__an_answer_that_cannot_be_written_is_not_charged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    from shoal_cli.commands import main

    monkeypatch.chdir(tmp_path)
    FRAME.drop("list").write_parquet("t.parquet")
    ledger = shoal.Ledger.create("b.db", shoal.Budget.of(epsilon="9", delta="1e-3"), unit=None)
    line = "query t.parquet --unit row --by day --count --epsilon 5 --delta 1e-3 --ledger b.db --json -o"
    monkeypatch.setattr("signal.signal", lambda number, handler: None)

    def answered(output: str) -> int:
        monkeypatch.setattr(sys, "argv", ["shoal", *line.split(), output])
        with pytest.raises(SystemExit) as ended:
            main()
        capsys.readouterr()
        return int(str(ended.value.code))

    # A folder of that name, and a folder that is not there.
    Path("folder.csv").mkdir()
    for output in ("folder.csv", "nowhere/a.csv", "a.docx"):
        assert answered(output) == 1

    def full(*given: Any, **more: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr("shoal.io.writing.write", full)
        assert answered("a.parquet") == 1
    assert ledger.check() == 1
    assert answered("a.parquet") == 0
    assert ledger.check() == 2
    assert not [*tmp_path.glob(".*")]


def test_release__warns_of_nothing_however_small_the_noise_budget_is() -> None:
    query = shoal.private(FRAME, unit=None, ledger=None).group_by()
    answer = query.agg(dp.mean("real", bounds=(0, 1 << 62)), dp.variance("real", bounds=(0, "1e-300")).alias("v"))
    assert np.isfinite(answer.release(epsilon="1e-9").frame["real_mean"].item())

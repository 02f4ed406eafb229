"""`private`, `shoal query` and `shoal ledger`: what is asked, charged and answered."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import shoal
from shoal import dp
from shoal_cli.commands import main


def visits(n: int = 4000) -> pl.DataFrame:
    random = np.random.default_rng(5)
    return pl.DataFrame(
        {
            "who": random.integers(0, n // 4, n),
            "ward": random.choice(["a", "b", "c"], n),
            "cost": random.uniform(0, 100, n),
            "age": random.integers(0, 100, n),
        }
    )


def asked(frame: Any, ledger: Any = None, **more: Any) -> Any:
    private = shoal.private(frame, unit="who", ledger=ledger, **more)
    return private.group_by("ward", max_groups=3, max_rows=20).agg(dp.count(), dp.mean("age", bounds=(0, 100)))


@pytest.mark.parametrize(
    "budget",
    [
        {"epsilon": "2", "delta": "1e-6"},
        {"epsilon": 2, "delta": 1e-6, "distribution": "laplace"},
        {"rho": "0.5", "delta": "1e-6"},
    ],
)
def test_release__answers_near_the_truth(budget: dict[str, Any]) -> None:
    frame = visits()
    answer = asked(frame).release(**budget).frame
    truth = frame.group_by("ward").agg(count_true=pl.len(), age_true=pl.col("age").mean())
    both = answer.join(truth, on="ward")
    assert both.height == 3
    assert (both["count"] - both["count_true"]).abs().max() < 8 * both["count_std"].max()
    assert (both["age_mean"] - both["age_true"]).abs().max() < 8 * both["age_mean_std"].max()
    assert both.select((pl.col("count_low") <= pl.col("count")).all()).item()


def test_release__every_aggregate_together_from_a_file(tmp_path: Path) -> None:
    visits().write_parquet(tmp_path / "visits.parquet")
    query = (
        shoal.private(tmp_path / "visits.parquet", unit="who", ledger=None)
        .group_by("ward", max_groups=3, max_rows="clip", keys=["a", "c"])
        .agg(
            dp.count().alias("n"),
            dp.sum("cost", bounds=(0, 100)),
            dp.variance("cost", bounds=(0, 100)),
            dp.median("age", bounds=(0, 100)),
            dp.n_unique("who"),
            dp.n_unique("age"),
        )
    )
    answer = query.release(epsilon="100").frame
    assert answer["ward"].to_list() == ["a", "c"]
    assert {"n", "cost_sum_std", "cost_variance_low", "age_median", "who_n_unique_high", "age_n_unique"} <= {
        *answer.columns
    }


def test_plan__looks_at_no_data(tmp_path: Path) -> None:
    visits().write_parquet(tmp_path / "visits.parquet")
    query = asked(pl.scan_parquet(tmp_path / "visits.parquet"))
    (tmp_path / "visits.parquet").write_bytes(b"gone")
    plan = query.plan(epsilon="1", delta="1e-6")
    assert plan.frame["part"].to_list() == ["count", "rows with a value", "centered sum"]
    assert json.loads(plan.event)["kind"] == "composed"


def test_release__is_charged_before_it_is_drawn(tmp_path: Path) -> None:
    ledger = shoal.Ledger.create(tmp_path / "b.db", shoal.Budget.of(epsilon="3", delta="1e-5"), unit="who")
    query = asked(visits(), tmp_path / "b.db", dataset="visits")
    release = query.release(epsilon="2", delta="1e-6")
    assert release.receipt is not None
    assert ledger.check(release.receipt) == 2
    line = ledger.entries()[1]
    assert (line.dataset, line.unit) == ("visits", '["who"]')
    assert json.loads(line.events) == json.loads(release.plan.event)
    with pytest.raises(shoal.BudgetExhausted, match="asked for epsilon 2"):
        query.release(epsilon="2", delta="1e-6")
    with pytest.raises(shoal.PolicyError, match="adds up epsilons"):
        query.release(rho="1", delta="1e-6")
    assert ledger.spent[0] == 2


def test_release__a_ledger_of_rhos_takes_both_kinds(tmp_path: Path) -> None:
    ledger = shoal.Ledger.create(tmp_path / "z.db", shoal.Budget.of(rho="3", delta="1e-5"), unit="who")
    asked(visits(), ledger).release(rho="1/2", delta="1e-6")
    spent = ledger.spent
    assert 0.49 < spent[0] <= 0.5
    assert 0.9e-6 < spent[1] <= 1e-6 + 1e-15
    asked(visits(), ledger).release(epsilon="1", delta="1e-6", distribution="laplace")
    assert ledger.spent[0] - spent[0] <= 0.5


def test_release__nothing_is_charged_where_the_data_cannot_be_asked(tmp_path: Path) -> None:
    ledger = shoal.Ledger.create(tmp_path / "b.db", shoal.Budget.of(epsilon="3", delta="1e-5"), unit="who")
    private = shoal.private(visits().with_columns(text=pl.lit("x")), unit="who", ledger=ledger)
    grouped = private.group_by("ward", max_groups=1, max_rows=1)
    for aggregate in (dp.sum("text", bounds=(0, 1)), dp.sum("nowhere", bounds=(0, 1))):
        with pytest.raises(shoal.ColumnError):
            grouped.agg(aggregate).release(epsilon="1", delta="1e-6")
    assert ledger.spent[0] == 0


def test_unit__rows_with_nobodys_id_count_nowhere() -> None:
    frame = pl.DataFrame({"who": [1, 2, None, None], "x": [1.0, 1.0, 1.0, 1.0]})
    query = shoal.private(frame, unit="who", ledger=None).group_by(max_groups=1, max_rows=5).agg(dp.count())
    assert query.release(epsilon=10**6).frame["count"].to_list() == [2.0]


def test_values__every_type_has_its_mapping() -> None:
    frame = pl.DataFrame({"x": [float("nan"), float("inf"), -float("inf"), None, 3.0]})
    wanted = dp.sum("x", bounds=(0, 10)), dp.mean("x", bounds=(0, 10), missing=4).alias("m")
    query = rows(frame).group_by().agg(*wanted)
    answer = query.release(epsilon=10**12).frame
    assert answer["x_sum"].item() == pytest.approx(13, abs=1e-4)
    assert answer["m"].item() == pytest.approx((10 + 0 + 3 + 4 + 4) / 5, abs=1e-4)


def rows(frame: pl.DataFrame) -> Any:
    return shoal.private(frame, unit=None, ledger=None)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda f: shoal.private(f, unit="nobody", ledger=None), shoal.ColumnError, "nobody"),
        (lambda f: shoal.private(f, unit=[], ledger=None), shoal.PolicyError, "unit=None"),
        (lambda f: shoal.private(f, unit="who", ledger="no.db"), shoal.LedgerError, "shoal ledger init"),
        (lambda f: shoal.private(f, unit="who", ledger=None).group_by("ward"), shoal.PolicyError, "max_groups=5"),
        (lambda f: rows(f).group_by(max_groups=2), shoal.PolicyError, "leave"),
        (lambda f: dp.sum("cost", bounds=(5, 5)).spec(), shoal.PolicyError, "smaller, larger"),
        (lambda f: dp.sum("cost", bounds=(9, 1)).spec(), shoal.PolicyError, "smaller, larger"),
        (lambda f: dp.sum("cost", bounds=None), shoal.PolicyError, "declared before looking"),  # pyright: ignore[reportArgumentType]
        (lambda f: dp.sum("cost", bounds=(0, float("inf"))), shoal.PolicyError, "finite"),
        (lambda f: asked(f).release(epsilon="0", delta="1e-6"), shoal.PolicyError, "above 0"),
        (lambda f: asked(f).release(epsilon="1", delta="1"), shoal.PolicyError, "below 1"),
        (lambda f: asked(f).release(epsilon="one", delta="1e-6"), shoal.NumberError, "epsilon"),
        (lambda f: asked(f).release(epsilon="1"), shoal.PolicyError, "takes a delta"),
        (lambda f: asked(f).release(), shoal.PolicyError, "epsilon or a rho"),
        (
            lambda f: (
                shoal.private(f, unit=None, ledger=None).group_by("ward", keys=pl.DataFrame({"x": [1]})).agg(dp.count())
            ),
            shoal.ColumnError,
            "'ward'",
        ),
    ],
)
def test_private__refuses_before_anything_is_charged(make: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        make(visits(100))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.chdir(tmp_path)
    visits().write_parquet("visits.parquet")

    def command(line: str) -> tuple[int, Any]:
        monkeypatch.setattr(sys, "argv", ["shoal", *line.split(), "--json"])
        # The handler of the command line is not for the process of the tests.
        monkeypatch.setattr("signal.signal", lambda number, handler: None)
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return int(str(ended.value.code)), json.loads(told.out or told.err)

    return command


QUERY = "query visits.parquet --unit who --by ward --count --mean age:0:100 --quantile age:0.9:0:100 --n-unique who"
QUERY += " --max-groups 3 --max-rows 9 --epsilon 2 --delta 1e-6"


def test_cli__ledger_and_query(run: Any) -> None:
    assert run("ledger init budget.db --unit who --epsilon 3 --delta 1e-5")[0] == 0
    code, body = run(f"{QUERY} --ledger budget.db -o answer.csv")
    assert code == 0
    assert body["rows"] == 3
    answer = pl.read_csv("answer.csv")
    assert {"ward", "count", "age_mean", "age_q0.9", "who_n_unique"} <= {*answer.columns}
    assert run(f"ledger check budget.db --receipt {body['receipt']}") == (
        0,
        {"ledger": "budget.db", "lines": 2, "whole": True},
    )
    code, refused = run(f"{QUERY} --ledger budget.db")
    assert (code, refused["error"]) == (2, "BudgetExhausted")
    assert run("ledger show budget.db")[1]["left"] == "epsilon 1, delta 9e-06"
    assert run(f"ledger check budget.db --receipt 1:{'0' * 64}")[0] == 1


def test_cli__an_anchor_is_renewed_and_asked_for(run: Any) -> None:
    assert run("ledger init budget.db --unit who --epsilon 9 --delta 1e-5 --anchor elsewhere")[0] == 0
    code, body = run(f"{QUERY} --ledger budget.db --anchor elsewhere")
    assert code == 0
    assert Path("elsewhere").read_text().split() == body["receipt"].split(":")
    assert run("ledger check budget.db --anchor elsewhere")[1]["lines"] == 2
    Path("elsewhere").unlink()
    code, refused = run(f"{QUERY} --ledger budget.db --anchor elsewhere")
    assert (code, refused["error"]) == (1, "LedgerError")
    assert run("ledger show budget.db")[1]["lines"] == 2
    code, refused = run(f"{QUERY} --no-ledger --anchor elsewhere")
    assert (code, refused["error"]) == (1, "UsageError")


def test_cli__an_answer_is_not_written_over_its_ledger(run: Any) -> None:
    assert run("ledger init budget.csv --unit who --epsilon 9 --delta 1e-5 --anchor anchor.csv")[0] == 0
    for name in ("budget.csv", "anchor.csv"):
        code, refused = run(f"{QUERY} --ledger budget.csv --anchor anchor.csv -o {name}")
        assert (code, refused["error"]) == (1, "OutputError")


@pytest.mark.parametrize("receipt", ["²:x", "1:x", "1", ":", "-1:" + "0" * 64, "9" * 5000 + ":" + "0" * 64])
def test_cli__receipts_that_are_none(receipt: str, run: Any) -> None:
    run("ledger init budget.db --unit who --epsilon 3")
    code, refused = run(f"ledger check budget.db --receipt {receipt}")
    assert (code, refused["error"]) == (1, "UsageError")


def test_release__renews_the_anchor_of_its_ledger(tmp_path: Path) -> None:
    budget = shoal.Budget.of(epsilon="3", delta="1e-5")
    ledger = shoal.Ledger.create(tmp_path / "b.db", budget, unit="who", anchor=tmp_path / "a")
    release = asked(visits(), ledger).release(epsilon="1", delta="1e-6")
    assert release.receipt is not None
    assert (tmp_path / "a").read_text() == f"1 {release.receipt.hash}\n"


def test_cli__without_a_ledger_it_refuses_unless_told_so(run: Any) -> None:
    code, body = run(QUERY)
    assert code == 1
    assert "--no-ledger" in body["message"]
    assert run(f"{QUERY} --no-ledger")[1]["rows"] == 3
    assert len(run(f"{QUERY} --plan")[1]["plan"]) == 5
    assert run(f"{QUERY} --no-ledger --sum cost:1")[0] == 1


def test_cli__audit(run: Any) -> None:
    code, body = run("audit -m laplace -m choice-of-keys --runs 20000")
    assert code == 0
    assert [row["mechanism"] for row in body["audits"]] == ["laplace", "choice-of-keys"]
    assert all(row["bound"] <= row["epsilon"] for row in body["audits"])
    assert run("audit -m nothing --runs 20000")[0] == 1


def test_privacy_spent__adds_up_what_ledgers_tell() -> None:
    query = rows(visits()).group_by("ward", keys=["a"]).agg(dp.count())
    events = [query.plan(rho="1/100").event] * 10
    spent = shoal.privacy_spent(events, delta="1e-6")
    assert spent.ways["concentrated"] == pytest.approx(2.1419389, abs=1e-6)
    assert spent.epsilon < spent.ways["concentrated"]
    with pytest.raises(shoal.NumberError, match="no event"):
        shoal.privacy_spent("{}", delta="1e-6")


@pytest.mark.parametrize(
    ("dtype", "answer"),
    [(pl.Int64, pl.Int64), (pl.UInt8, pl.Int64), (pl.Float64, pl.Float64), (pl.Decimal(9, 2), pl.Float64)],
)
def test_quantile__answers_in_the_kind_of_its_column(dtype: Any, answer: Any) -> None:
    frame = pl.DataFrame({"stars": [1] * 500 + [2] * 500 + [3] * 1000 + [4] * 4000 + [5] * 2000}).cast(dtype)
    query = rows(frame).group_by().agg(dp.quantile("stars", "0.5", bounds=(0, 6)), dp.median("stars", bounds=(1, 5)))
    found = query.release(epsilon="10").frame
    assert found.schema["stars_quantile"] == answer
    assert found["stars_quantile"].item() == pytest.approx(4, abs=6 / 1023)
    assert found["stars_median"].item() == pytest.approx(4, abs=4 / 1023)


def test_quantile__takes_a_list_of_candidates() -> None:
    frame = pl.DataFrame({"x": [900] * 500})
    query = dp.quantile("x", "0.5", bounds=(0, 10**6), candidates=[0, 1, 10, 100, 1000, 10**6])
    assert rows(frame).group_by().agg(query).release(epsilon="5").frame["x_quantile"].item() == 1000
    for candidates in ([1], [1, 1], ["one", 2], 5.5, [0, 10**7]):
        with pytest.raises(shoal.PolicyError, match="candidates"):
            dp.quantile("x", "0.5", bounds=(0, 10**6), candidates=candidates)  # pyright: ignore[reportArgumentType]


def test_plan__speaks_in_the_units_of_the_column() -> None:
    wanted = (
        dp.count(),
        dp.sum("cost", bounds=(0, 100)),
        dp.mean("age", bounds=(0, 100)),
        dp.std("age", bounds=(0, 100)),
    )
    query = shoal.private(visits(), unit="who", ledger=None).group_by("ward", max_groups=2, max_rows=3, keys=["a", "b"])
    plan = query.agg(*wanted, dp.quantile("age", "0.9", bounds=(0, 100))).plan(epsilon="5")
    told = {(row["aggregate"], row["part"]): row for row in plan.frame.to_dicts()}
    # Two groups of three rows: 6 rows, 600 of cost, and half the range of age around its middle.
    for part, unit, sensitivity, deviation in (
        (("count", "count"), "rows", 6.0, 6 * 2**0.5),
        (("cost_sum", "sum"), "cost", 600.0, 600 * 2**0.5),
        (("age_mean", "centered sum"), "age", 300.0, 2 * 300 * 2**0.5),
        (("age_std", "centered squares"), "age²", 6 * 1250.0, 3 * 6 * 1250 * 2**0.5),
    ):
        assert told[part]["unit"] == unit
        assert told[part]["sensitivity"] == pytest.approx(sensitivity, rel=1e-3)
        assert told[part]["std"] == pytest.approx(deviation, rel=1e-2)
        assert told[part]["std_steps"] * told[part]["step"] == pytest.approx(told[part]["std"])
        assert told[part]["interval_covers"] == "noise only"
    assert told["age_quantile", "quantile 9/10"]["sensitivity"] == pytest.approx(6 * 0.9)
    assert told["age_quantile", "quantile 9/10"]["interval_covers"] == "nothing"


def test_notes__say_what_intervals_do_not_cover() -> None:
    query = asked(visits())
    notes = " ".join(query.plan(epsilon="1", delta="1e-6").notes)
    assert "at most 3 groups, with 20 rows in each" in notes
    assert "count_clipped" in notes
    assert "'age' outside the bounds" in notes
    assert "sums over the answer's groups fall short" in notes
    assert query.release(epsilon="1", delta="1e-6").notes == query.plan(epsilon="1", delta="1e-6").notes
    clip = shoal.private(visits(), unit="who", ledger=None).group_by(max_groups=1, max_rows="clip").agg(dp.count())
    plan = clip.plan(epsilon="1")
    assert plan.frame["unit"].to_list() == ["units"]
    assert any("counts each unit once" in note for note in plan.notes)
    assert rows(visits()).group_by().agg(dp.count()).plan(epsilon="1").notes == ()


@pytest.mark.parametrize("rule", ["truncated-geometric", "laplace-threshold", "gaussian-threshold"])
def test_notes__say_from_which_size_on_groups_are_kept(rule: Any) -> None:
    frame = pl.DataFrame({"who": range(3000), "g": [i % 300 for i in range(3000)]})
    query = shoal.private(frame, unit="who", ledger=None).group_by("g", max_groups=1, max_rows=1, key_rule=rule)
    (note,) = [
        note for note in query.agg(dp.count()).plan(epsilon="2", delta="1e-4").notes if "probability 1/2" in note
    ]
    half, nearly = (int(word) for word in note.replace(",", " ").split() if word.isdigit() and word != "99")
    assert 3 < half < nearly < 30
    for size, low, high in ((half, 0.4, 1.0), (nearly, 0.97, 1.0)):
        units = pl.DataFrame({"who": range(size * 300), "g": [i % 300 for i in range(size * 300)]})
        kept = shoal.private(units, unit="who", ledger=None).group_by("g", max_groups=1, max_rows=1, key_rule=rule)
        # Of 300 groups at least so many, with a chance of error below 1e-3.
        assert low * 300 <= kept.agg(dp.count()).release(epsilon="2", delta="1e-4").frame.height <= high * 300


def test_count_clipped__counts_units_once_beside_every_group() -> None:
    frame = pl.DataFrame(
        {"who": [i % 100 for i in range(300)] + [200, 201], "ward": ["a", "b", "c"] * 100 + ["a", "b"]}
    )
    grouped = shoal.private(frame, unit="who", ledger=None).group_by(
        "ward", max_groups=2, max_rows=5, keys=["a", "b", "c"]
    )
    query = grouped.agg(dp.count_clipped(), dp.count())
    answer = query.release(epsilon="1000").frame
    assert answer["clipped_units"].to_list() == [100.0] * 3
    row = query.plan(epsilon="2").frame.row(0, named=True)
    assert (row["part"], row["unit"], row["sensitivity"]) == ("clipped units", "units", 1.0)
    with pytest.raises(shoal.PolicyError, match="no clipped units"):
        rows(frame).group_by().agg(dp.count_clipped())


def test_std__is_never_nan_or_negative_where_the_noise_is_large() -> None:
    frame = pl.DataFrame({"x": [20.0 + i / 1000 for i in range(50)]})
    query = rows(frame).group_by().agg(dp.std("x", bounds=(0, 100)))
    for _ in range(50):
        row = query.release(epsilon="0.1").frame.row(0)
        assert all(value is not None and value >= 0 for value in row)
        assert row[2] <= row[0] <= row[3] <= 50
        assert row[1] <= 50


def test_cli__clipping_and_standard_deviations(run: Any) -> None:
    line = "query visits.parquet --unit who --by ward --std age:0:100 --count-clipped --count-outside age:10:90"
    code, body = run(f"{line} --max-groups 2 --max-rows 3 --epsilon 5 --delta 1e-6 --no-ledger")
    assert code == 0
    assert {"age_std", "age_outside", "clipped_units_low"} <= {*body["answer"][0]}
    assert any("clipped_units counts" in note for note in body["notes"])


@pytest.mark.parametrize("dtype", [pl.Float64, pl.Float32, pl.Int16, pl.Decimal(9, 2)])
def test_histogram__counts_as_numpy_does(dtype: Any) -> None:
    values = [39, 40, 41, 49, 50, 59, 60, 159, 160, 161, -7]
    frame = pl.DataFrame({"x": pl.Series(values, dtype=pl.Int64).cast(dtype)})
    frame = pl.concat([frame, pl.DataFrame({"x": pl.Series([None], dtype=dtype)})])
    edges = [40, 50, 60, 160]
    query = rows(frame).group_by(dp.histogram("x", edges)).agg(dp.count())
    answer = query.release(epsilon=10**6).frame
    assert answer["x_from"].to_list() == edges[:-1]
    assert answer["x_to"].to_list() == edges[1:]
    assert answer["count"].to_list() == np.histogram(values, edges)[0].tolist()


def test_histogram__is_one_key_among_others_and_keeps_what_is_not_finite_out() -> None:
    frame = pl.DataFrame({"x": [0.05, 0.15, float("nan"), float("inf"), -float("inf")] * 400, "w": ["a"] * 2000})
    bins = dp.histogram("x", [0, 0.1, 0.2])
    answer = rows(frame).group_by(bins).agg(dp.count(), dp.mean("x", bounds=(0, 1))).release(epsilon=10**6).frame
    assert answer["x_from"].to_list() == [0.0, 0.1]
    assert answer["count"].to_list() == [400, 400]
    chosen = rows(frame).group_by("w", bins).agg(dp.count()).release(epsilon="10", delta="1e-6").frame
    assert chosen.select("w", "x_from").rows() == [("a", None), ("a", 0.0), ("a", 0.1)]
    # Noise follows the bins, not the bound.
    wide = shoal.private(visits(), unit="who", ledger=None).group_by(
        dp.histogram("age", [0, 50, 100]), max_groups=90, max_rows=1
    )
    assert wide.agg(dp.count()).plan(epsilon="1").frame["sensitivity"].to_list() == [2.0]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: dp.histogram("x", [1]), shoal.PolicyError, "edges"),
        (lambda: dp.histogram("x", [1, 1]), shoal.PolicyError, "ascending"),
        (lambda: dp.histogram("x", [2, 1]), shoal.PolicyError, "ascending"),
        (lambda: dp.histogram("x", [0, float("inf")]), shoal.PolicyError, "finite"),
        (lambda: dp.histogram("x", 5), shoal.PolicyError, "finite numbers"),  # pyright: ignore[reportArgumentType]
        (lambda: rows(visits()).group_by(dp.histogram("ward", [0, 1])), shoal.ColumnError, "'ward'"),
        (lambda: rows(visits()).group_by(dp.histogram("nowhere", [0, 1])), shoal.ColumnError, "'nowhere'"),
    ],
)
def test_histogram__refuses_edges_and_columns_that_are_none(make: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_cli__bins_of_a_column(run: Any) -> None:
    line = "query visits.parquet --unit who --count --max-groups 4 --max-rows 9 --epsilon 50 --no-ledger --by age:0:100"
    code, body = run(f"{line}:25")
    assert code == 0
    assert [(row["age_from"], row["age_to"]) for row in body["answer"]] == [(0, 25), (25, 50), (50, 75), (75, 100)]
    true = np.histogram(visits()["age"].to_numpy(), [0, 25, 50, 75, 100])[0]
    assert [row["count"] for row in body["answer"]] == pytest.approx(true.tolist(), abs=40)
    assert run(f"{line}:0")[0] == 1
    # Of a file of text, what is no number is in no bin.
    texts = visits().with_columns(pl.col("age").cast(pl.String))
    pl.concat([texts, texts.head(1).with_columns(age=pl.lit("unknown"))]).write_csv("visits.csv")
    code, body = run(f"{line}:25".replace(".parquet", ".csv"))
    assert code == 0
    assert [row["count"] for row in body["answer"]] == pytest.approx(true.tolist(), abs=40)

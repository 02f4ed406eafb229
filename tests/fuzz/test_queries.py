"""Private queries: with hardly any noise they answer the truth, and after any error nothing was charged."""

import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import shoal
from fuzz.effort import effort

KEYS = ["north", "south", "", "Ost"]
LOW, HIGH = -3, 5
ROWS = st.lists(
    st.tuples(
        st.integers(0, 8),
        st.sampled_from([*KEYS, None, "elsewhere"]),
        st.sampled_from([-(2**62), -4, -3, 0, 1, 5, 6, 2**62, None]),
    ),
    max_size=40,
)
NUMBERS = st.sampled_from(
    [
        None,
        0,
        1,
        -1,
        True,
        0.1,
        1e-9,
        1e308,
        float("nan"),
        float("inf"),
        "",
        "1",
        "1/3",
        "1e-400",
        "1e400",
        "none",
        Fraction(1, 7),
        10**40,
    ]
)


def frame_of(rows: list[tuple[int, Any, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"who": pl.Int64, "ward": pl.String, "x": pl.Int64}, orient="row")


def ledger_in(folder: str, unit: str) -> shoal.Ledger:
    return shoal.Ledger.create(Path(folder, "budget.db"), shoal.Budget.of(epsilon="10", delta="1e-3"), unit=unit)


def clamped(values: list[Any]) -> list[int]:
    return [min(HIGH, max(LOW, value)) for value in values if value is not None]


@given(rows=ROWS, unit=st.sampled_from(["who", None]), distribution=st.sampled_from(["laplace", "gaussian"]))
@effort(short=60, long=1500)
def test_query__with_hardly_any_noise_answers_the_truth(rows: list[Any], unit: str | None, distribution: Any) -> None:
    private = shoal.private(frame_of(rows), unit=unit, ledger=None)
    bounds = {} if unit is None else {"max_groups": len(KEYS), "max_rows": 40}
    query = private.group_by("ward", keys=KEYS, **bounds).agg(
        shoal.dp.count(), shoal.dp.sum("x", bounds=(LOW, HIGH)), shoal.dp.mean("x", bounds=(LOW, HIGH))
    )
    answer = query.release(epsilon=10**9, delta="1e-9", distribution=distribution).frame
    assert sorted(answer["ward"].to_list()) == sorted(KEYS)
    for row in answer.to_dicts():
        own = clamped([x for _, key, x in rows if key == row["ward"]])
        assert row["count"] == sum(key == row["ward"] for _, key, _ in rows)
        # Ten standard deviations of what noise there is: one case in 10**22 is beyond.
        assert row["x_sum"] == pytest.approx(sum(own), abs=10 * row["x_sum_std"] + 1e-6)
        if own:
            assert row["x_mean"] == pytest.approx(sum(own) / len(own), abs=10 * row["x_mean_std"] + 1e-6)
        assert row["count_low"] <= row["count"] <= row["count_high"]


@st.composite
def asked(draw: st.DrawFn) -> dict[str, Any]:
    """Draw what somebody may ask for, sense and nonsense mixed."""
    number = NUMBERS
    aggregates = [
        lambda: shoal.dp.count(),
        lambda: shoal.dp.sum("x", bounds=(LOW, HIGH)),
        lambda: shoal.dp.sum("x", bounds=(HIGH, LOW)),
        lambda: shoal.dp.sum("x", bounds=(0, 10**30)),
        lambda: shoal.dp.mean("nothing", bounds=(LOW, HIGH)),
        lambda: shoal.dp.mean("ward", bounds=(LOW, HIGH)),
        lambda: shoal.dp.quantile("x", "0.5", bounds=(LOW, HIGH)),
        lambda: shoal.dp.quantile("x", "2", bounds=(LOW, HIGH)),
        lambda: shoal.dp.n_unique("x"),
        lambda: "count",
    ]
    return {
        "unit": draw(st.sampled_from(["who", None, "nobody", ("who", "ward"), ()])),
        "neighbors": draw(st.sampled_from(["add-remove", "change-one", "replace"])),
        "by": draw(st.sampled_from([("ward",), (), ("ward", "who"), (["ward", "who"],), ("nothing",)])),
        "max_groups": draw(st.sampled_from([None, 1, 2, 0, -1, 1.5, "1", 10**20])),
        "max_rows": draw(st.sampled_from([None, 1, 3, "clip", "all", 1.5, 0, 10**20])),
        "keys": draw(st.sampled_from([None, KEYS, [], [1, 2], [None], pl.DataFrame({"ward": KEYS}), "north"])),
        "key_rule": draw(st.sampled_from(["truncated-geometric", "laplace-threshold", "gaussian-threshold", "any"])),
        "aggregates": draw(st.lists(st.sampled_from(aggregates), min_size=0, max_size=3)),
        "budget": {
            name: draw(number) for name in draw(st.lists(st.sampled_from(["epsilon", "delta", "rho"]), unique=True))
        },
        "distribution": draw(st.sampled_from([None, "laplace", "gaussian", "uniform"])),
    }


@given(rows=ROWS, ask=asked())
@effort(short=120, long=2500)
def test_query__after_an_error_nothing_was_charged(rows: list[Any], ask: dict[str, Any]) -> None:
    unit = ask["unit"]
    with tempfile.TemporaryDirectory() as folder:
        ledger = ledger_in(folder, "row" if unit is None else "who")
        try:
            private = shoal.private(frame_of(rows), unit=unit, ledger=ledger, neighbors=ask["neighbors"])
            groups = private.group_by(
                *ask["by"],
                max_groups=ask["max_groups"],
                max_rows=ask["max_rows"],
                keys=ask["keys"],
                key_rule=ask["key_rule"],
            )
            query = groups.agg(*(make() for make in ask["aggregates"]))  # type: ignore[arg-type]
            answer = query.release(**ask["budget"], distribution=ask["distribution"], n_threads=1)
        except shoal.ShoalError:
            assert ledger.spent == (0, 0)
        else:
            assert ledger.spent > (0, 0)
            assert answer.receipt is not None
            assert answer.frame.width > 0

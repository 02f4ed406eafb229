"""Attacks on rows of plain values against anonymeter, on tables where nothing of its result is random.

`benches/peers/make_anonymeter_golden.py` made the file.
"""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import shoal
from shoal_engine.attack.success_rates import residual_success, success_rate

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parents[2] / "golden" / "anonymeter.json").read_text())
TABLES = {name: pl.DataFrame(columns) for name, columns in GOLDEN["tables"].items()}


def counts(found: Any) -> dict[str, float]:
    """Return successes among original and control rows."""
    assert found.control is not None
    return {
        "success": found.success.share * found.success.attacks,
        "control": found.control.share * found.control.attacks,
    }


def expected(case: dict[str, Any]) -> Any:
    return pytest.approx({name: case[name] for name in ("success", "control")})


@pytest.mark.parametrize("case", GOLDEN["singling_out"], ids=lambda case: f"{case['mode']} {case['n_columns']}")
def test_singling_out__equals_anonymeter(case: dict[str, Any]) -> None:
    options = {name: case[name] for name in ("mode", "n_columns")}
    found = shoal.attack.singling_out(**TABLES, **options, n_attacks=100_000, seed=1)
    assert found.success.attacks == case["made"]
    assert counts(found) == expected(case)


@pytest.mark.parametrize("case", GOLDEN["linkability"], ids=lambda case: f"{case['n_neighbors']} neighbors")
def test_linkability__equals_anonymeter(case: dict[str, Any]) -> None:
    options = {name: case[name] for name in ("left", "right", "n_neighbors")}
    assert counts(shoal.attack.linkability(**TABLES, **options)) == expected(case)


@pytest.mark.parametrize("case", GOLDEN["inference"], ids=lambda case: case["secret"])
def test_inference__equals_anonymeter(case: dict[str, Any]) -> None:
    options = {name: case[name] for name in ("known", "secret", "tolerance")}
    assert counts(shoal.attack.inference(**TABLES, **options)) == expected(case)


@pytest.mark.parametrize("case", GOLDEN["statistics"], ids=lambda case: f"{case['success']} of {case['attacks']}")
def test_statistics__equal_anonymeter(case: dict[str, Any]) -> None:
    rate, other = (success_rate(case["attacks"], case[name], case["confidence"]) for name in ("success", "control"))
    rest = residual_success(rate, other)
    assert [rate.value, rate.error] == pytest.approx(case["rate"])
    assert [rest.value, rest.error] == pytest.approx(case["residual"])
    risk = rest.bounded()
    assert [risk.value, risk.low, risk.high] == pytest.approx(case["risk"])

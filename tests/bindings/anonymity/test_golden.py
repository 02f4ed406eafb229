"""What pycanon says of small tables, said again by `assess` and by `verify`, which share no code."""

import json
import math
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import shoal
from benches import adult
from shoal_engine.anonymity.criteria.assessment import Assessment

GOLDEN = Path(__file__).parents[2] / "golden"
FIGURES: dict[str, Any] = json.loads((GOLDEN / "pycanon.json").read_text())
PYCANON: dict[str, Any] = FIGURES["tables"]
ADULT: dict[str, Any] = FIGURES["adult"]
CASES = [(table, column) for table, entry in PYCANON.items() for column in entry["sensitive"]]

FURTHER = [shoal.Alpha(alpha=1), shoal.DeltaDisclosure(delta=9), shoal.BetaLikeness(beta=9)]


def assessed(name: str, column: str, route: str) -> Assessment:
    entry = PYCANON[name]
    policy = shoal.Policy(
        k=2,
        quasi_identifiers={quasi: shoal.QuasiIdentifier() for quasi in entry["quasi_identifiers"]},
        sensitive={
            column: shoal.Sensitive(
                models=[shoal.Closeness(t=1, distance=entry["sensitive"][column]["t_distance"]), *FURTHER],
            )
        },
    )
    table = pl.read_csv(GOLDEN / entry["csv"])
    return shoal.assess(table, policy) if route == "assess" else shoal.verify(table, policy).assessment


@pytest.mark.parametrize("route", ["assess", "verify"])
@pytest.mark.parametrize(("name", "column"), CASES)
def test_figures__equal_those_of_pycanon(name: str, column: str, route: str) -> None:
    entry, found = PYCANON[name], assessed(name, column, route)
    golden, reach = entry["sensitive"][column], found.sensitive[column]
    assert (found.rows, found.k) == (entry["rows"], entry["k"])
    assert reach.l_distinct == golden["l_distinct"]
    assert reach.t == pytest.approx(golden["t"], abs=1e-9)
    for field in ("alpha", "delta_disclosure", "beta_basic"):
        assert getattr(reach, field) == pytest.approx(golden[field], abs=1e-9)
    # What pycanon calls enhanced follows from the basic figure and the rarest value of the table.
    rarest = pl.read_csv(GOLDEN / entry["csv"])[column].value_counts(normalize=True)["proportion"].min()
    assert reach.beta_basic is not None
    assert min(reach.beta_basic, -math.log(rarest)) == pytest.approx(golden["beta_enhanced_as_pycanon"], abs=1e-9)
    # pycanon floors after floating point, so an exact whole number may come out one lower: see its notes.
    possible = {math.floor(reach.l_entropy - 1e-9), math.floor(reach.l_entropy + 1e-9)}
    assert golden["l_entropy_floor"] in possible


@pytest.mark.shared
@pytest.mark.skipif(not adult.present(), reason=adult.MISSING)
@pytest.mark.parametrize("route", ["assess", "verify"])
def test_adult__figures_equal_those_of_pycanon(route: str) -> None:
    golden = ADULT["sensitive"][adult.SENSITIVE]
    policy = shoal.Policy(
        k=2,
        quasi_identifiers={name: shoal.QuasiIdentifier() for name in ADULT["quasi_identifiers"]},
        sensitive={adult.SENSITIVE: shoal.Sensitive(models=FURTHER)},
    )
    found = shoal.assess(adult.read(), policy) if route == "assess" else shoal.verify(adult.read(), policy).assessment
    reach = found.sensitive[adult.SENSITIVE]
    assert (found.rows, found.k, reach.l_distinct) == (ADULT["rows"], ADULT["k"], golden["l_distinct"])
    assert math.floor(reach.l_entropy + 1e-9) == golden["l_entropy_floor"]
    for field in ("t", "alpha", "delta_disclosure", "beta_basic"):
        assert getattr(reach, field) == pytest.approx(golden[field], abs=1e-9)

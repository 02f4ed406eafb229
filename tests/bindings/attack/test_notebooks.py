"""Results of attacks in notebooks: small, without colors, nothing of one person and no count below k."""

from typing import Any

import polars as pl
import pytest

import shoal
from shoal_engine.errors import PolicyError

K = 5
CANARY = "c4n4rysick"
PEOPLE = pl.DataFrame({"age": [20 + i % 20 for i in range(40)], "id": range(40)})
RELEASE = PEOPLE.select(
    pl.when(pl.col("age") < 30).then(pl.lit("[20, 29]")).otherwise(pl.lit("[30, 39]")).alias("age"),
    pl.Series("ill", [CANARY, *["flu", "gout", "hiv"] * 13]),
    "id",
)
ROWS = pl.DataFrame({"age": [20 + i % 20 for i in range(40)], "ill": RELEASE["ill"]})


def results() -> dict[str, Any]:
    """Return a result of each attack."""
    known, others = PEOPLE.select("age"), pl.DataFrame({"age": [90] * 38 + [22, 23]})
    return {
        "linkage": shoal.attack.linkage(
            RELEASE, PEOPLE, sensitive=["ill"], truth="id", held_out=known, per_person=True
        ),
        "intersection": shoal.attack.intersection(RELEASE, RELEASE, known, kept=["ill"]),
        "membership": shoal.attack.membership(RELEASE, known, others),
        "scores": shoal.attack.loss_threshold([0.1, 0.2, 0.3], [0.2, 0.9]),
        "ratios": shoal.attack.likelihood_ratio([0.1, 0.9], [True, False], [[0.9, 0.5], [0.8, 0.6]]),
        "rows": shoal.attack.linkability(ROWS, ROWS, left=["age"], right=["ill"], control=ROWS),
        "attribution": shoal.attack.attribution(ROWS, ROWS, keys=["age"], secret="ill", control=ROWS),
    }


def test_repr_html__is_small_and_holds_no_value() -> None:
    for name, found in results().items():
        html = found._repr_html_()
        assert html.startswith("<div>")
        assert len(html) < 5000, name
        assert CANARY not in html
        assert "#" not in html


def test_repr_html__shows_no_count_below_k() -> None:
    found = shoal.attack.membership(RELEASE, PEOPLE.select("age"), pl.DataFrame({"age": [90] * 38 + [22, 23]}))
    html = found._repr_html_()  # pyright: ignore[reportPrivateUsage]
    assert "below k" in html
    # Members are found always, so that the advantage would give the others away.
    assert "advantage" not in html
    assert found.to_dict()["advantage"] is found.to_dict()["outsiders_rate"] is None
    few = shoal.attack.linkage(RELEASE, PEOPLE.select("age").head(K - 1))
    assert "fewer than k" in few._repr_html_()  # type: ignore[operator]
    assert "%" not in few._repr_html_()  # type: ignore[operator]


def test_membership__intervals_are_of_both_rates_and_their_difference() -> None:
    found = shoal.attack.membership(
        RELEASE, pl.DataFrame({"age": [25] * 56 + [90] * 14}), pl.DataFrame({"age": [25] * 48 + [90] * 32})
    )
    assert found.members_rate.low < found.found_members == 0.8 < found.members_rate.high
    # Newcombe (1998), table II, example (a), method 10.
    assert found.advantage_interval.low == pytest.approx(0.0524, abs=5e-5)
    assert found.advantage_interval.high == pytest.approx(0.3339, abs=5e-5)
    with pytest.raises(PolicyError, match="confidence"):
        shoal.attack.membership(RELEASE, PEOPLE, PEOPLE, columns=["age"], confidence=1.0)

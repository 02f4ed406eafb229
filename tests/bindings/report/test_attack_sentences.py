"""Results of attacks in sentences: every figure is one of the result, and what was withheld stays withheld."""

from typing import Any

import pytest

from shoal.report.attack_sentences import sentences_of


def chances(mean: float, highest: float, over: float | None) -> dict[str, Any]:
    return {"mean": mean, "p50": mean, "p95": mean, "p99": mean, "highest": highest, "over": {"0.5": over}}


LINKAGE: dict[str, Any] = {
    "columns": ["age", "zip"],
    "right_record_known": True,
    "answers": {
        "people": 9048,
        "empty": 0.0,
        "even": chances(0.0505, 0.1, 0.0),
        "weighted": chances(0.0733, 0.41, None),
        "wrong": 0.146,
        "sensitive": {
            "sick": {"homogeneous": 0.36, "own_base": 0.6, "guessed": 0.841, "guessed_base": 0.751},
            "cost": {"homogeneous": None, "top": 0.5, "top_base": 0.25},
        },
    },
    "prosecutor": {},
    "raw": {"even": chances(0.6, 1.0, 0.5), "weighted": chances(0.6, 1.0, 0.5)},
    "held_out": {"empty": 0.25},
    "intersection": {
        "first": chances(0.05, 0.1, 0.0),
        "second": chances(0.06, 0.1, 0.0),
        "both": chances(0.18, 1.0, 0.04),
        "first_weighted": chances(0.05, 0.1, 0.0),
        "second_weighted": chances(0.06, 0.1, 0.0),
        "both_weighted": chances(0.18, 1.0, 0.04),
        "pinned": 0.038,
    },
}
ROWS: dict[str, Any] = {
    "attack": "singling_out",
    "confidence": 0.95,
    "success": {"attacks": 500, "share": 0.2},
    "baseline": {"attacks": 500, "share": 0.05},
    "risk": {"value": 0.1, "low": 0.05, "high": 0.15},
}


def test_linkage__is_stated_by_criterion() -> None:
    found = sentences_of(LINKAGE)
    assert [criterion for criterion, _ in found] == [
        "linkability",
        "linkability",
        "singling-out",
        "inference",
        "inference",
        "linkability",
    ]
    texts = [sentence for _, sentence in found]
    # The weighted adversary is the stronger one.
    assert "9,048 people were looked for by age and zip; the right record has probability 7.33 % on average" in texts[0]
    assert "at most 41.00 %, before the release 60.00 % on average; 25.0 % of people who are not in it" in texts[0]
    assert texts[1].startswith("14.6 % of people")
    assert "too few to be shown" in texts[2]
    assert "sick is guessed right for 84.1 % of people, 75.1 % by the most frequent value; 36.0 % of people" in texts[3]
    assert "cost has probability 50.0 % on average, 25.0 % without the attack; too few to be shown" in texts[4]
    assert "18.00 % on average, 5.00 % and 6.00 % in each alone; 3.8 % of people have one candidate" in texts[5]


@pytest.mark.parametrize(
    ("attack", "criterion"),
    [
        ("singling_out", "singling-out"),
        ("singling out", "singling-out"),
        ("linkability", "linkability"),
        ("inference", "inference"),
    ],
)
def test_rows__are_stated_with_their_interval(attack: str, criterion: str) -> None:
    ((found, sentence),) = sentences_of(ROWS | {"attack": attack})
    assert found == criterion
    assert "risk 10.0 % (5.0 % to 15.0 % at 95.0 % confidence); naive guesses succeed in 5.0 %" in sentence


def test_attribution__is_stated_beside_chance() -> None:
    ((criterion, sentence),) = sentences_of({"confidence": 0.95, "original": {"nearest": 0.6, "baseline": 0.4}})
    assert criterion == "inference"
    assert "60.0 %; 40.0 % by chance" in sentence


def test_results__of_no_known_kind_state_nothing() -> None:
    assert sentences_of({"k": 3}) == []

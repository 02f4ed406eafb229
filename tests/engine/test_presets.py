"""Published rules: the k that each asks for, computed from its figure by hand."""

from fractions import Fraction

import pytest

from shoal_engine.errors import PolicyError
from shoal_engine.presets import PRESETS, preset_of


@pytest.mark.parametrize(
    ("name", "k"),
    [
        ("cms-cell-11", 11),
        ("ema-0070", 12),
        ("health-canada-prci", 12),
        ("ontario-low", 11),
        ("ontario-medium", 15),
        ("ontario-high", 20),
        ("cell-5", 5),
        ("hipaa-safe-harbor", None),
        ("wp216", None),
    ],
)
def test_presets__ask_for_a_k(name: str, k: int | None) -> None:
    preset = preset_of(name)
    assert preset.least_k == k
    assert preset.source
    assert preset.date
    if k is not None:
        assert (preset.met_by(k), preset.met_by(k - 1)) == (True, False)
    else:
        assert preset.met_by(1000) is None


def test_presets__of_a_highest_risk_are_not_met_by_one_in_eleven() -> None:
    assert Fraction(1, 11) > Fraction(9, 100) > Fraction(1, 12)
    assert PRESETS["ema-0070"].met_by(11) is False


def test_preset_of__names_the_nearest() -> None:
    with pytest.raises(PolicyError, match="did you mean 'ema-0070'"):
        preset_of("ema-070")

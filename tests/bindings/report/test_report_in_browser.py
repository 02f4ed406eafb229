"""The page as a person sees it: nothing sticks out, is broken or covered, its numbers are the JSON's, and it prints."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

import shoal

from . import browser
from .releases import certified, people
from .test_report_page import ATTACK, FRONTIER, numbers, texts

CROWDED = FRONTIER | {
    "points": [point | {"strength": at} for point, at in zip(FRONTIER["points"], (50, 60, 1000) * 2, strict=True)],
    "lines": {f"without all that somebody may call a quasi-identifier, {n}": 0.70 + n / 1000 for n in range(4)},
}

pytestmark = pytest.mark.skipif(browser.PROGRAM is None, reason=browser.MISSING)

LONG = "a_column_name_that_is_longer_than_a_telephone_is_wide_and_has_no_place_to_break_anywhere"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Write a page with everything that a page may have; return it with its facts."""
    folder = tmp_path_factory.mktemp("page")
    policy = shoal.Policy.from_toml(
        f"k = 5\n[quasi_identifier.town]\n[quasi_identifier.age]\n[sensitive.sick]\n[insensitive.{LONG}]\n"
        '[accept]\nkept-unique = "the costs are drawn at random"\n[release]\nrecipient = "University of X"\n'
    )
    certificate = certified(folder, policy, people().rename({"cost": LONG}), by="Ann Example")
    ledger = shoal.Ledger.create(folder / "b.db", shoal.Budget.of(epsilon="3", delta="1e-6"), unit="person")
    for _ in range(20):
        ledger.debit("1/8", "1e-8", events="{}", dataset="visits", policy="", label=f"mean of {LONG} by town")
    found = shoal.report_page(
        [certificate, certificate],
        ledger=ledger,
        attacks=[ATTACK],
        frontier=CROWDED,
        presets=list(shoal.PRESETS),
        title=f"{LONG}.csv",
    )
    found.write(folder / "page.html")
    return folder / "page.html", json.loads(found.facts.to_json())


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_page__lies_within_its_width_and_prints_the_json(page: tuple[Path, dict[str, Any]], width: int) -> None:
    path, facts = page
    seen = browser.looked_at(path, width)
    assert (seen["width"], seen["wide"], seen["scrolled"]) == (width, [], [])
    assert (seen["broken"], seen["covered"]) == ([], [])
    known = list(texts(facts))
    assert numbers(seen["text"]) - set().union(*map(numbers, known)) == set()
    assert {text.replace("\u00a0", " ") for text in seen["numbers"]} - {*known, ""} == set()
    # The style is the one that the policy of contents allows: without it nothing has a color.
    assert seen["background"] == "rgb(253, 243, 231)"
    assert max(seen["bars"]) > 20


def test_page__prints_on_tagged_sheets_of_a4(page: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    sheets = browser.printed(page[0], tmp_path / "page.pdf")
    assert b"/StructTreeRoot" in sheets
    width, height = (float(part) for part in re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", sheets)[0])
    assert (round(width), round(height)) == (595, 842)


def test_looked_at__finds_what_sticks_out(page: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    # A style beside the page's own is not allowed by its policy of contents, so the width is an attribute.
    wide = (
        page[0].read_text().replace("<main>", '<main><svg width="700" height="9"><rect width="700" height="9"/></svg>')
    )
    (tmp_path / "wide.html").write_text(wide)
    assert browser.looked_at(tmp_path / "wide.html", 390)["wide"]

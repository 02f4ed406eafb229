"""Tables for notebooks: escaped, and without a color that a theme could hide."""

import re

from shoal_engine.html_tables import html_summary


def test_html_summary__escapes_every_text() -> None:
    evil = "<script>alert('x')</script>"
    found = html_summary(f"{evil}: {evil}", [evil, evil], [[evil, evil]], [evil])
    assert "<script" not in found
    assert found.count("&lt;script&gt;") == 7


def test_html_summary__has_no_color_of_its_own() -> None:
    found = html_summary("a: b", ["", "n"], [["x", "1"]], ["note"])
    assert (
        re.findall(r"(?:^|[;\"])(?:color|background):([^;\"]*)", found)
        == ["inherit", "transparent"] + ["transparent"] * 2
    )
    assert "#" not in found
    assert 'scope="col"' in found
    assert 'scope="row"' in found


def test_html_summary__without_rows_is_its_texts() -> None:
    assert "<table" not in html_summary("a", [], [], ["b"])

"""The page to sign: everything on it is in its JSON, nobody's values are, and it loads nothing from elsewhere."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest

import shoal
from shoal.report.facts import Figure, ReportFacts, facts_schema
from shoal_engine.errors import InputError, LedgerError, OutputError, PolicyError

from .releases import LOST, NAME, NUMBER, POLICY, RARE, SICK, K, certified, people

FRONTIER: dict[str, Any] = {
    "strength": "k",
    "usefulness": "accuracy of sick",
    "points": [
        {"method": method, "strength": k, "risk": 1 / k, "usefulness": level, "chosen": (method, k) == ("tight", 5)}
        for method, levels in (("tight", (0.84, 0.83, 0.81)), ("mondrian", (0.83, 0.80, 0.70)))
        for k, level in zip((2, 5, 50), levels, strict=True)
    ],
    "lines": {"raw": 0.85, "majority": 0.66},
    "recommendation": "k = 5 meets both limits.",
}
ATTACK = {"attack": "linkage", "wp216": {"linkability": "4.1 % of 200 people looked for were matched right."}}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certified(tmp_path_factory.mktemp("release"), by="Ann Example")


@pytest.fixture(scope="module")
def page(certificate: Path) -> shoal.ReportPage:
    return shoal.report_page(
        certificate,
        frontier=FRONTIER,
        attacks=[ATTACK],
        presets=["ema-0070", "cell-5", "wp216", "hipaa-safe-harbor"],
        released=certificate.with_name("out.parquet"),
    )


class Tags(HTMLParser):
    """Tags of a page with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inside: list[str] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.inside and self.inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not {"style", "head", "desc", "title"} & set(self.inside):
            self.text.append(data)


def texts(value: Any) -> Iterator[str]:
    """Yield every text of a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from texts(part)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)


def numbers(text: str) -> set[str]:
    return set(re.findall(r"\d[\d,.]*\d|\d", text))


def figures(facts: Any) -> Iterator[Figure]:
    """Yield every figure of some facts."""
    if isinstance(facts, Figure):
        yield facts
    elif isinstance(facts, msgspec.Struct):
        for name in facts.__struct_fields__:
            yield from figures(getattr(facts, name))
    elif isinstance(facts, tuple):
        for part in facts:
            yield from figures(part)


# Everything that is printed is in the JSON.


def test_page__prints_no_number_that_the_json_lacks(page: shoal.ReportPage) -> None:
    known = set().union(*(numbers(text) for text in texts(json.loads(page.facts.to_json()))))
    assert numbers(" ".join(Tags(page.html).text)) - known == set()


def test_page__prints_every_figure_of_the_json(page: shoal.ReportPage) -> None:
    printed = " ".join(Tags(page.html).text).replace("\u00a0", " ")
    assert all(one.text in printed for one in figures(page.facts))


def test_figures__have_the_value_that_they_print(page: shoal.ReportPage) -> None:
    found = [one for one in figures(page.facts) if one.value is not None]
    assert len(found) > 30
    for one in found:
        number = float(re.sub(r"[ ,%]", "", one.text))
        assert number == pytest.approx(100 * one.value if "%" in one.text else one.value, abs=1e-12)


def test_facts__are_those_that_were_measured(page: shoal.ReportPage, certificate: Path) -> None:
    raw, out = people(), pl.read_parquet(certificate.with_name("out.parquet"))
    before = raw.group_by("town", "age").len()["len"]
    after = out.group_by("town", "age").len()["len"]
    risk = {one.measure: one for one in page.facts.risk}
    # Fewer than k people are alone, so that is not among them.
    highest, average, at_risk, smallest = risk.values()
    assert (highest.after.text, highest.limit.text) == (f"{100 / after.min():.2f} %", f"{100 / K:.2f} %")
    assert average.before.text == f"{100 * before.len() / raw.height:.2f} %"
    assert average.after.text == f"{100 * after.len() / out.height:.2f} %"
    assert at_risk.before.text == f"{100 * before.filter(before < 5).sum() / raw.height:.1f} %"
    assert smallest.after.value == after.min()
    assert sum(one.before.figure.value or 0 for one in page.facts.class_sizes) == pytest.approx(1, abs=0.01)
    loss = {one.name: one.loss for one in page.facts.columns}
    stated = json.loads(certificate.read_text())["figures"]
    shares = [100 * one["loss"] for one in stated["columns"] if one["loss"] is not None]
    assert stated["loss"]["ncp"] == pytest.approx(sum(shares) / 100 / 2)
    assert {one.figure.text for one in loss.values() if one is not None} == {f"{share:.1f} %" for share in shares}
    distinct = {one.name: one.distinct for one in page.facts.columns}
    assert distinct["age"] == f"{raw['age'].n_unique()} → {out['age'].n_unique():,}"


def test_facts__follow_their_schema(page: shoal.ReportPage) -> None:
    assert msgspec.json.decode(page.facts.to_json(), type=ReportFacts) == page.facts
    schema = facts_schema()["$defs"]["ReportFacts"]
    assert set(page.facts.to_dict()) == set(schema["properties"])


# Nobody's values, and no count below k.


def test_page__shows_no_value_of_a_cell(page: shoal.ReportPage, certificate: Path) -> None:
    for shown in (page.html, page.facts.to_json(), certificate.read_text()):
        assert not any(canary in shown for canary in (NAME, RARE, SICK, str(NUMBER), f"{NUMBER:,}", LOST))


@pytest.mark.parametrize("n_rare", [1, 2, 4, 5])
def test_page__counts_nobody_below_k(tmp_path: Path, n_rare: int) -> None:
    frame = pl.DataFrame({"age": [200 + i for i in range(n_rare)] + [30] * 203 + [40] * 104})
    policy = shoal.Policy.of(k=K, quasi_identifiers=["age"])
    page = shoal.report_page(certified(tmp_path, policy, frame))
    alone = [one.before.text for one in page.facts.risk if one.measure == "People who are alone"]
    assert alone == (["5"] if n_rare == 5 else [])
    shares = {one.sizes: one.before.figure.text for one in page.facts.class_sizes}
    assert ("1 (unique)" in shares and shares["1 (unique)"] != "0") == (n_rare == 5)
    highest = page.facts.risk[0].before.text
    assert highest == ("100.00 %" if n_rare == 5 else f"above {100 / K:.2f} %")
    assert page.facts.risk[-1].before.text == ("1" if n_rare == 5 else f"below {K}")


def test_page__says_that_few_rows_were_left_out_and_not_how_many(tmp_path: Path) -> None:
    frame = pl.DataFrame({"age": [30] * 200 + [90_000] * 3})
    policy = shoal.Policy.of(k=K, quasi_identifiers=["age"], suppress=0.02)
    page = shoal.report_page(certified(tmp_path, policy, frame))
    assert f"Fewer than {K} rows were left out." in page.facts.removed
    assert "203" not in page.html
    assert "1.5 %" not in page.html


# One file, for a strict policy of contents.


def test_page__loads_nothing_and_runs_nothing(page: shoal.ReportPage) -> None:
    found = Tags(page.html)
    names = {tag for tag, _ in found.tags}
    assert not names & {"script", "link", "img", "iframe", "object", "embed", "form", "base"}
    attributes = {name for _, attrs in found.tags for name in attrs}
    assert not attributes & {"style", "src", "srcset", "action"}
    assert not any(name.startswith("on") for name in attributes)
    assert all((attrs.get("href") or "#").startswith("#") for _, attrs in found.tags)
    assert "http" not in page.html.replace("http-equiv", "")
    assert "url(" not in page.html
    assert "@import" not in page.html


def test_page__allows_its_own_style_alone(page: shoal.ReportPage) -> None:
    style = re.search(r"<style>(.*?)</style>", page.html, re.DOTALL)
    policy = next(attrs["content"] for _, attrs in Tags(page.html).tags if attrs.get("http-equiv"))
    assert style is not None
    assert policy is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'")
    assert "unsafe" not in policy


def test_page__tables_have_captions_and_scopes(page: shoal.ReportPage) -> None:
    found = [tag for tag, _ in Tags(page.html).tags]
    assert found.count("table") == found.count("caption") >= 6
    assert all("scope" in attrs for tag, attrs in Tags(page.html).tags if tag == "th")
    assert Tags(page.html).tags[0] == ("html", {"lang": "en"})


def luminance(color: str) -> float:
    """Return the relative luminance of a color (WCAG 2.2)."""
    full = color if len(color) == 7 else "#" + "".join(2 * digit for digit in color[1:])
    parts = [int(full[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_style__has_enough_contrast(page: shoal.ReportPage) -> None:
    named = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6})", page.html))
    grounds = ["#ffffff", *(named[name] for name in ("wash", "warn-wash", "good-wash"))]
    for ink in ("ink", "soft", "after", "warn"):
        for ground in grounds:
            light, dark = sorted((luminance(named[ink]), luminance(ground)), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 5, (ink, ground)
    # Printed on white alone.
    assert 1.05 / (luminance(named["before"]) + 0.05) >= 5


def test_page__escapes_names_and_titles(tmp_path: Path) -> None:
    evil = "'</style><script>alert(1)</script>"
    frame = pl.DataFrame({"age": [30] * 20, evil: ["a"] * 20})
    policy = shoal.Policy.of(k=K, quasi_identifiers=["age"], insensitive=[evil])
    page = shoal.report_page(certified(tmp_path, policy, frame), title=evil)
    assert "<script" not in page.html
    assert page.html.count("</style>") == 1


# What is said.


def test_page__first_page_is_in_the_order_of_reading(page: shoal.ReportPage) -> None:
    heads = re.findall(r'<h2 id="(\w+)"', page.html)
    assert heads[:3] == ["five", "findings", "signoff"]
    assert heads[3:] == ["risk", "columns", "learn", "rules", "useful", "budget", "limits", "defs", "evidence"]
    assert page.facts.verdict.open
    assert [one.term for one in page.facts.terms] == ["Recipient", "Purpose"]
    assert "Ann Example (as declared)" in page.html


def test_learned__states_what_was_not_measured(page: shoal.ReportPage) -> None:
    single, linked, inferred = page.facts.learned
    assert (single.measured, inferred.measured) == ("not measured", "not measured")
    assert linked.measured == ATTACK["wp216"]["linkability"]  # pyright: ignore[reportArgumentType]
    assert any("singling out and inference were not measured" in limit for limit in page.facts.limits)


def test_presets__are_shown_only_when_named(page: shoal.ReportPage, certificate: Path) -> None:
    met = {one.name: one.met for one in page.facts.presets}
    assert met == {"ema-0070": False, "cell-5": True, "wp216": False, "hipaa-safe-harbor": None}
    assert "ema-0070 and wp216" in page.facts.verdict.text
    plain = shoal.report_page(certificate)
    assert plain.facts.presets == ()
    assert "ema" not in plain.facts.verdict.text


def test_budget__is_that_of_the_ledger(certificate: Path, tmp_path: Path) -> None:
    ledger = shoal.Ledger.create(tmp_path / "b.db", shoal.Budget.of(epsilon="3", delta="1e-6"), unit="person")
    ledger.debit("1", "1e-7", events="{}", dataset="frame", policy="", label="count by town")
    ledger.debit("1/2", "1e-7", events="{}", dataset="visits", policy="")
    found = shoal.report_page(certificate, ledger=ledger).facts
    assert found.budget is not None
    assert [(one.label, one.first.text, one.delta.text) for one in found.budget.charges] == [
        ("count by town", "1", "10⁻⁷"),
        ("visits", "0.5", "10⁻⁷"),
    ]
    assert (found.budget.spent, found.budget.spent_delta) == ("1.5 of 3", "2·10⁻⁷ of 10⁻⁶")
    assert "ε 1.5 of 3" in found.questions[-1].text


def test_others__are_compared_by_their_input(certificate: Path, tmp_path: Path) -> None:
    other = certified(tmp_path, shoal.Policy.of(k=9, quasi_identifiers=["age"]), people())
    memory = shoal.anonymize(people(), POLICY)
    found = shoal.report_page([certificate, other, memory]).facts.others
    assert [(one.k.text, one.same_input) for one in found] == [
        ("9", "the same input"),
        (str(K), "not known"),
    ]


def test_report__of_a_release_in_memory(certificate: Path) -> None:
    release = shoal.anonymize(people(), POLICY)
    page = shoal.report_page(release, title="Spring")
    assert page.facts.title == "Spring"
    assert page.facts.digests.input_sha256 is None
    assert page.facts.risk == shoal.report_page(certificate).facts.risk


def test_report__of_units_counts_people(tmp_path: Path) -> None:
    frame = pl.DataFrame({"who": [i // 2 for i in range(400)], "age": [20 + i // 8 % 40 for i in range(400)]})
    policy = shoal.Policy.of(k=K, quasi_identifiers=["age"], unit="who")
    page = shoal.report_page(certified(tmp_path, policy, frame))
    assert "200 people of column who, with 400 rows" in page.facts.questions[0].text
    assert sum(one.after.figure.value or 0 for one in page.facts.class_sizes) == pytest.approx(1)


# Certificates of before, and bad input.


def first_version(certificate: Path, folder: Path) -> Path:
    """Write a certificate as version 1 wrote it."""
    document = json.loads(certificate.read_text())
    for name in ("date", "by", "input", "output", "sentences", "approval"):
        document.pop(name)
    for name in ("before", "class_sizes", "columns"):
        document["figures"].pop(name)
    document["digests"].pop("input_sha256")
    old = folder / "old.json"
    old.write_text(json.dumps(document | {"certificate": 1}))
    return old


def test_version_1__is_read_and_what_it_lacks_is_said(certificate: Path, tmp_path: Path) -> None:
    old = first_version(certificate, tmp_path)
    page = shoal.report_page(old)
    assert page.facts.risk[0].before.text == "not in the certificate"
    assert any("earlier version" in limit for limit in page.facts.limits)
    assert shoal.verify(certificate.with_name("out.parquet"), certificate=old).met


def test_version__that_is_not_known_is_refused(certificate: Path) -> None:
    document = json.loads(certificate.read_text()) | {"certificate": 3}
    with pytest.raises(InputError, match="version 3"):
        shoal.report_page(document)


@pytest.mark.parametrize("name", ["policy", "digests", "figures", "certificate"])
def test_certificate__without_a_part_is_refused(certificate: Path, name: str) -> None:
    document = json.loads(certificate.read_text())
    document.pop(name)
    with pytest.raises(InputError, match="not a certificate"):
        shoal.report_page(document)


def test_certificate__with_another_policy_is_refused(certificate: Path) -> None:
    document = json.loads(certificate.read_text())
    document["policy"]["k"] = 50
    with pytest.raises(InputError, match="was changed"):
        shoal.report_page(document)


def test_certificate__of_another_file_is_refused(certificate: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not the file that the certificate was written for"):
        shoal.report_page(certificate, released=certificate.with_name("in.csv"))
    with pytest.raises(InputError, match="cannot be read"):
        shoal.report_page(certificate, released=tmp_path / "gone.parquet")


@pytest.mark.parametrize("text", ["", "[]", "1", '{"wp216": {}}', '{"wp216": {"luck": "x"}}', '{"attack": "linkage"}'])
def test_attack__that_is_none_is_refused(certificate: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError, match="attack"):
        shoal.report_page(certificate, attacks=[tmp_path / "a.json"])


def test_attack__on_another_release_is_refused(certificate: Path) -> None:
    with pytest.raises(InputError, match="another release"):
        shoal.report_page(certificate, attacks=[ATTACK | {"output_sha256": "0" * 64}])


@pytest.mark.parametrize(
    "change",
    [
        {"points": []},
        {"points": [{"method": "tight", "strength": 0, "risk": 1, "usefulness": 1}]},
        {"strength": 1},
        {"lines": {"raw": float("nan")}},
    ],
)
def test_frontier__that_cannot_be_drawn_is_refused(certificate: Path, change: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="frontier"):
        shoal.report_page(certificate, frontier=FRONTIER | change)


def test_frontier__of_one_point_is_drawn(certificate: Path) -> None:
    one = FRONTIER | {"points": FRONTIER["points"][:1], "lines": {}}
    assert "<circle" in shoal.report_page(certificate, frontier=one).html


def test_report__refuses_what_it_cannot_find(certificate: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one"):
        shoal.report_page([])
    with pytest.raises(LedgerError):
        shoal.report_page(certificate, ledger=tmp_path / "no.db")
    with pytest.raises(PolicyError, match="no preset"):
        shoal.report_page(certificate, presets=["none"])
    with pytest.raises(OutputError, match="suffix"):
        shoal.report_page(certificate).write(tmp_path / "page.pdf")
    assert not list(tmp_path.iterdir())


def test_report__is_small(page: shoal.ReportPage) -> None:
    assert len(page.html.encode()) < 200_000

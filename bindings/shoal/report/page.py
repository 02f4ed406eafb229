"""`report_page`: one HTML file to read, print and sign, and the same facts as JSON."""

import base64
import hashlib
import pkgutil
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any

from shoal.io.writing import written_whole
from shoal.report.certified import Certifiable, Certificate, read_certified
from shoal.report.facts import ReportFacts
from shoal.report.frontier import BOTTOM, LEFT, RIGHT, TOP, Frontier
from shoal.report.gather import Additions, gather
from shoal.report.learned import Attack
from shoal_engine.errors import InputError, OutputError

if TYPE_CHECKING:
    from shoal_engine.ledger import Ledger

_FORMATS = (".html", ".htm", ".json")
_TITLE = 50
"""Characters of a title that fit the foot of a sheet."""


@dataclass(frozen=True, slots=True)
class ReportPage:
    """A report for people who sign a release.

    Attributes
    ----------
    facts : ReportFacts
        Everything that the page prints.
    html : str
        The page: one file, without scripts and without addresses of other files.
    """

    facts: ReportFacts
    html: str = field(repr=False)

    def write(self, path: str | Path) -> None:
        """Write the page (.html) or the facts (.json), whole or not at all.

        Raises
        ------
        OutputError
            The file cannot be written, or has another suffix.
        """
        path = Path(path)
        check_format(path)
        text = self.facts.to_json() if path.suffix.lower() == ".json" else self.html
        with written_whole(path) as draft:
            draft.write_text(text, encoding="utf-8")

    def __repr__(self) -> str:
        """Return a one-line summary."""
        return f"ReportPage({self.facts.title!r}, {len(self.facts.findings)} findings, {len(self.html):,} characters)"


def check_format(path: str | Path) -> None:
    """Check that a report can be written under a name.

    Raises
    ------
    OutputError
        It has another suffix than .html, .htm or .json.
    """
    if Path(path).suffix.lower() not in _FORMATS:
        msg = f"a report is written as {', '.join(_FORMATS)}, and {str(path)!r} has another suffix"
        raise OutputError(msg)


def report_page(
    release: "Certificate | Sequence[Certificate]",
    *,
    ledger: "Ledger | str | Path | None" = None,
    attacks: Sequence[Attack] = (),
    frontier: Frontier | None = None,
    presets: Sequence[str] = (),
    released: str | Path | None = None,
    title: str | None = None,
) -> ReportPage:
    """Return the report of a release: verdict, five questions and sign-off on its first page, evidence behind it.

    Parameters
    ----------
    release : Anonymized, path, mapping, or a sequence of these
        The release or its certificate, of any version. Further ones are other releases of the same people.
    ledger : Ledger or path, optional
        Ledger of answers with noise about the same people.
    attacks : sequence of path or mapping
        Results of attacks, as JSON with a part ``wp216``; without them the page states that nothing was measured.
    frontier : path or mapping, optional
        Releases that were tried, as JSON, with risk and usefulness of each.
    presets : sequence of str
        Names of published rules to compare with; see `presets`.
    released : path, optional
        The released file; its digest has to be the certified one.
    title : str, optional
        Default: name of the input.

    Returns
    -------
    ReportPage

    Raises
    ------
    InputError
        A certificate, an attack or a frontier cannot be read, or belongs to another file.
    LedgerError
        The ledger cannot be read.
    PolicyError
        There is no preset of a name.

    Notes
    -----
    No value of a cell is on the page, and no count of people below k: class sizes with fewer people are merged.

    References
    ----------
    Article 29 Working Party (2014), Opinion 05/2014 on Anonymisation Techniques (WP216), section 3: singling out,
    linkability, inference.

    Examples
    --------
    >>> import polars as pl, shoal
    >>> people = pl.DataFrame({"age": [21, 22, 23, 44, 45, 46], "job": ["a", "b", "a", "c", "c", "b"]})
    >>> release = shoal.anonymize(people, shoal.Policy.of(k=3, quasi_identifiers=["age"]))
    >>> shoal.report_page(release).facts.verdict.title
    'All promises hold. No finding needs a decision.'
    """
    given: list[Any] = [release] if isinstance(release, str | Path | Mapping | Certifiable) else list(release)
    if not given:
        msg = "a report needs the certificate of a release; give at least one"
        raise InputError(msg)
    first, *others = map(read_certified, given)
    more = Additions(
        others=others,
        ledger=ledger,
        attacks=attacks,
        frontier=frontier,
        presets=presets,
        released=released,
        title=title,
    )
    facts = gather(first, more)
    return ReportPage(facts, render(facts))


def render(facts: ReportFacts) -> str:
    """Return the page of some facts."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_unbroken
    )
    template = environment.from_string(_resource("report.html.j2"))
    title = facts.title if len(facts.title) <= _TITLE else facts.title[: _TITLE - 1] + "\N{HORIZONTAL ELLIPSIS}"
    footer = f"Privacy report, {title}, policy {facts.digests.policy_sha256[:12]}"
    style = _resource("report.css").replace("FOOTER", css_text(footer))
    policy = f"default-src 'none'; style-src '{_source_of(style)}'; base-uri 'none'; form-action 'none'"
    edges = {"left": LEFT, "right": RIGHT, "top": TOP, "bottom": BOTTOM}
    # The style is not escaped: a page reads it as it is, and its digest is over these characters.
    return template.render(f=facts, style=Markup(style), policy=policy, edges=edges, letters=ascii_lowercase) + "\n"


def _unbroken(value: Any) -> Any:
    """Keep a percent sign on the line of its number."""
    return value.replace(" %", "\u00a0%") if type(value) is str else value


def _resource(name: str) -> str:
    """Return a file of this folder."""
    return (pkgutil.get_data(__package__ or "shoal.report", name) or b"").decode()


def _source_of(style: str) -> str:
    """Return the source expression of the content security policy that allows one style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()


def css_text(text: str) -> str:
    r"""Return text as the inside of a CSS string; everything but letters, digits and a few signs is escaped.

    Examples
    --------
    >>> css_text('a"b</style>')
    'a\\22 b\\3c \\2f style\\3e '
    """
    return re.sub(r"[^A-Za-z0-9 .,_-]", lambda found: f"\\{ord(found[0]):x} ", text)

"""Met and broken promises, findings and open decisions, printed before every table."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from shoal_engine.anonymity.policy.policy import Policy
    from shoal_engine.finding import Finding

_CONSOLE = Console(markup=False, highlight=False)
_ASCII = {"✓": "+", "✗": "x", "!": "!"}
_STYLE = {"✓": "green", "✗": "bold red", "!": "yellow"}


def show_findings(met: Sequence[str], broken: Sequence[str], findings: Sequence["Finding"]) -> None:
    """Print met promises, broken promises, and findings with their remedies.

    Parameters
    ----------
    met, broken : sequence of str
        One sentence each.
    findings : sequence of Finding
    """
    for sentence in met:
        _line("✓", sentence)
    for sentence in broken:
        _line("✗", sentence)
    for finding in findings:
        _line(_mark(finding), f"{finding.text} ({finding.code})", _below(finding))
    if met or broken or findings:
        _CONSOLE.print()


def show_decisions(findings: Sequence["Finding"]) -> None:
    """Print how to decide on the findings that await a decision."""
    for line in _decisions([finding for finding in findings if finding.is_open]):
        _CONSOLE.print(line, soft_wrap=True)


def show_undecided(policy: "Policy") -> None:
    """Print the undecided columns of a policy."""
    names = list(policy.undecided)
    if names:
        many = f"{len(names)} columns are undecided" if len(names) > 1 else "1 column is undecided"
        _line("!", f"{many}: {', '.join(names)}.", "Nothing is released before somebody decides on each.")
        _CONSOLE.print()


def _mark(finding: "Finding") -> str:
    """Return the mark of a finding: whether it awaits a decision."""
    return "✗" if finding.is_open else "!"


def _below(finding: "Finding") -> str:
    """Return the line below a finding: the reason of its acceptance, or its remedy."""
    return finding.remedy if finding.accepted is None else f"Accepted: {finding.accepted}"


def _decisions(undecided: Sequence["Finding"]) -> Iterator[str]:
    """Yield how to decide on the findings that are open."""
    if not undecided:
        return
    many = f"{len(undecided)} findings await a decision" if len(undecided) > 1 else "1 finding awaits a decision"
    text = f"{many} (exit code 4). Change the policy, or accept one by its code and the reason:"
    yield from textwrap.wrap(text, _CONSOLE.width)
    yield f'  --accept {undecided[0].code}="..."'
    yield ""


def _line(mark: str, sentence: str, below: str = "") -> None:
    """Print a mark with its sentence, and an optional line below."""
    shown = mark if _can_print(mark) else _ASCII[mark]
    indent = " " * 4
    first = textwrap.wrap(_plain(sentence), max(20, _CONSOLE.width - 5)) or [""]
    rest = textwrap.wrap(_plain(below), max(20, _CONSOLE.width - 5))
    text = Text("  ")
    text.append(shown, style=_STYLE[mark])
    text.append(" " + f"\n{indent}".join(first), style="bold" if mark == "✗" else "")
    text.append("".join(f"\n{indent}{line}" for line in rest), style="dim")
    _CONSOLE.print(text, soft_wrap=True)


def _plain(sentence: str) -> str:
    """Replace characters that the terminal cannot print."""
    encoding = _CONSOLE.encoding
    return sentence.encode(encoding, "replace").decode(encoding, "replace")


def _can_print(mark: str) -> bool:
    """Return whether the terminal can print a mark."""
    try:
        mark.encode(_CONSOLE.encoding)
    except UnicodeEncodeError:
        return False
    return True

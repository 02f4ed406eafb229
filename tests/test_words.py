"""Prose uses the field's words: what a reader would search for, and none of the words that this project once coined."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLACES = ["kernels", "engine", "bindings", "benches", "examples", "tests", "docs", "README.md", "CONTRIBUTING.md"]
IN_PLACE_OF = {
    r"\btells?\b|\btold\b": "says, reports, returns, shows",
    r"\bstands?\b(?! (out|for)\b)": "is, are, has",
    r"\bno number\b": "NaN",
    r"\bwhole numbers?\b": "integer",
    r"\bso many\b": "n; as many as",
    r"\bis none\b|\bare none\b": "there is no; is negative",
    r"\bno one counts\b|\bcounts? in it\b": "is ignored",
    r"\breckon(s|ed)?\b": "compute, account",
    r"\banew\b": "again",
    r"^\s*Of (the|what|a|how)\b": "start with a noun",
    r"\bhangs? on\b": "is available as",
}
"""Patterns, and what to write where one matches."""


def _files() -> Iterator[Path]:
    for place in PLACES:
        path = ROOT / place
        yield from [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.suffix in {".py", ".md"})


def _prose(path: Path) -> Iterator[tuple[int, str]]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        outside = re.sub(r"^```.*?^```", lambda block: "\n" * block[0].count("\n"), text, flags=re.M | re.S)
        yield from enumerate(outside.splitlines(), 1)
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            for offset, line in enumerate((ast.get_docstring(node, clean=False) or "").splitlines()):
                yield node.body[0].lineno + offset, line.split(">>>")[0]
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "msg":
            parts = (part.value for part in ast.walk(node.value) if isinstance(part, ast.Constant))
            yield node.lineno, " ".join(part for part in parts if isinstance(part, str))


def test_prose__uses_the_words_of_the_field() -> None:
    words, found = {re.compile(pattern): use for pattern, use in IN_PLACE_OF.items()}, []
    for path in _files():
        for number, line in _prose(path):
            found += [f"{path.relative_to(ROOT)}:{number}: {use}" for word, use in words.items() if word.search(line)]
    assert not found


@pytest.mark.parametrize(
    ("text", "lines"), [('"""It\ntold."""', [2]), ("def f():\n    'It told.'", [2]), ('"""Said."""', [])]
)
def test_prose__is_what_docstrings_say(text: str, lines: list[int], tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text(text)
    assert [number for number, line in _prose(path) if "told" in line] == lines

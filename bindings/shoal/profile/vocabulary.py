"""Vocabulary of column names and values in many languages; the tables are in the folder `words`."""

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from pathlib import Path

FOLDER = Path(__file__).with_name("words")
_SHORT = 3
"""Words of at most this many letters match only a whole name."""
_PHRASE = 4
"""Number of words of the longest phrase."""
_SQUASHED = 6
"""Minimum number of letters of a phrase to match without blanks."""
_LETTERS = str.maketrans(
    {"ø": "o", "đ": "d", "ł": "l", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d", "ħ": "h", "'": "", "’": ""}
    | {"ʼ": "", "·": "", "`": ""}
)
_TWO_LETTERS = {"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"}
"""Two-letter spellings of letters that a plain keyboard lacks."""
_FILLERS = frozenset(
    [
        *("a", "af", "al", "an", "av", "d", "da", "das", "de", "dei", "del", "della", "dello", "dem", "den", "der"),
        *("des", "di", "die", "do", "dos", "du", "el", "en", "et", "for", "i", "il", "im", "in", "ir", "l", "la"),
        *("las", "le", "les", "los", "na", "of", "og", "oraz", "os", "s", "sa", "se", "si", "su", "ta", "tal", "tas"),
        *("tat", "the", "to", "u", "ur", "van", "voor", "y", "z", "και", "на", "и", "του", "της", "των"),
    ]
)
"""Words that are ignored in names."""


def fold(text: str) -> str:
    """Return text in lower case without diacritics, so that spellings compare equal.

    Examples
    --------
    >>> fold("Größe"), fold("ΗΛΙΚΊΑ"), fold("Płeć")
    ('grosse', 'ηλικια', 'plec')
    """
    apart = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    return "".join(letter for letter in apart if not unicodedata.combining(letter)).replace("ς", "σ")


def words_of(name: str) -> list[str]:
    """Return the folded words of a column's name, without numbers.

    Examples
    --------
    >>> words_of("HasCrCard"), words_of("Patient no."), words_of("date_de_naissance2")
    (['has', 'cr', 'card'], ['patient', 'no'], ['date', 'naissance'])
    """
    apart = re.sub(r"(?<=[^\W\d_])(?=\d)", "_", _camel_apart(name))
    words = [word for word in re.split(r"[\W_]+", fold(apart)) if word and not word.isdigit()]
    words = _initials_joined(words)
    kept = [word for word in words if word not in _FILLERS]
    return kept or words


def _initials_joined(words: Sequence[str]) -> list[str]:
    """Return words with runs of single letters joined: D.O.B. becomes dob."""
    out: list[str] = []
    for single, group in groupby(words, key=lambda word: len(word) == 1):
        run = list(group)
        out += ["".join(run)] if single else run
    return out


def _camel_apart(name: str) -> str:
    """Return the name with an underscore before each capitalized word."""
    out: list[str] = []
    for i, letter in enumerate(name):
        if letter.isupper() and i and name[i - 1] != "_":
            before, after = name[i - 1], name[i + 1 : i + 2]
            if before.islower() or (before.isupper() and after.islower()):
                out.append("_")
        out.append(letter)
    return "".join(out)


@dataclass(slots=True)
class _Index:
    """Index from words of column names to concepts."""

    phrases: dict[str, set[str]] = field(default_factory=dict)
    whole: dict[str, set[str]] = field(default_factory=dict)
    squashed: dict[str, set[str]] = field(default_factory=dict)
    beginnings: dict[str, set[str]] = field(default_factory=dict)
    endings: dict[str, set[str]] = field(default_factory=dict)
    spelled: dict[str, set[str]] = field(default_factory=dict)
    """Words with their diacritics: lön is pay, lon is longitude."""

    def add(self, concept: str, word: str) -> None:
        """Add a word in the notation of the vocabulary files."""
        if not word.isascii() and "*" not in word:
            self.spelled.setdefault(_spelled(word.lstrip("~")), set()).add(concept)
        for spelling in {word, _two_letters(word)}:
            if "*" in spelling:
                stem = fold(spelling.strip("*"))
                (self.beginnings if spelling.endswith("*") else self.endings).setdefault(stem, set()).add(concept)
                continue
            key = "_".join(words_of(spelling.lstrip("~")))
            among = len(key) > _SHORT or spelling.startswith("~")
            (self.phrases if among else self.whole).setdefault(key, set()).add(concept)
            letters = key.replace("_", "")
            if len(letters) >= _SQUASHED:
                self.squashed.setdefault(letters, set()).add(concept)

    def spans(self, words: Sequence[str]) -> list[tuple[int, int, int, set[str]]]:
        """Return all matches in a name: first word, end, number of letters, concepts."""
        found: list[tuple[int, int, int, set[str]]] = []
        for start in range(len(words)):
            for end in range(start + 1, min(start + _PHRASE, len(words)) + 1):
                key = "_".join(words[start:end])
                if key in self.phrases:
                    found.append((start, end, len(key), self.phrases[key]))
            word = words[start]
            for size in range(_SHORT, len(word) + 1):
                for stems, part in ((self.beginnings, word[:size]), (self.endings, word[-size:])):
                    if part in stems:
                        found.append((start, start + 1, size, stems[part]))
        key, letters = "_".join(words), "".join(words)
        for table, text in ((self.whole, key), (self.squashed, letters)):
            if text in table:
                found.append((0, len(words), len(text), table[text]))
        return found


def _spelled(name: str) -> str:
    """Return a name in lower case with its diacritics and single blanks between words."""
    return " ".join(re.split(r"[\W_]+", unicodedata.normalize("NFC", name.casefold()))).strip()


def _two_letters(word: str) -> str:
    """Return a word with letters that a plain keyboard lacks spelled as two."""
    return "".join(_TWO_LETTERS.get(letter, letter) for letter in word.lower())


@cache
def _files() -> tuple[Mapping[str, Mapping[str, Sequence[str]]], ...]:
    """Return the tables of all languages."""
    return tuple(tomllib.loads(file.read_text(encoding="utf-8")) for file in sorted(FOLDER.glob("*.toml")))


@cache
def _headers() -> _Index:
    """Return the index of column names in all languages."""
    index = _Index()
    for language in _files():
        for concept, words in language.get("headers", {}).items():
            for word in words:
                index.add(concept, word)
    return index


def _outdoes(other: tuple[int, int, int, set[str]], span: tuple[int, int, int, set[str]]) -> bool:
    """Return whether `other` covers `span` with more words, or with more letters of the same words."""
    around = other[0] <= span[0] and span[1] <= other[1]
    longer = other[1] - other[0] - (span[1] - span[0])
    return around and (longer > 0 or (longer == 0 and other[2] > span[2]))


@cache
def concepts_of(name: str) -> frozenset[str]:
    """Return the concepts that a column's name refers to, in any language.

    A word within a longer phrase is ignored: ``country of birth`` is a country and not a date of birth.

    Examples
    --------
    >>> sorted(concepts_of("Geburtsdatum")), sorted(concepts_of("date_de_naissance"))
    (['birth_date'], ['birth_date'])
    """
    words = words_of(name)
    if not words:
        return frozenset()
    index = _headers()
    if not name.isascii() and _spelled(name) in index.spelled:
        return frozenset(index.spelled[_spelled(name)])
    spans = index.spans(words) or index.spans(words_of(name.lower()))
    kept = [span for span in spans if not any(_outdoes(other, span) for other in spans)]
    return frozenset(concept for span in kept for concept in span[3])


@cache
def vocabulary(concept: str) -> frozenset[str]:
    """Return the folded values of a concept in all languages."""
    found: set[str] = set()
    for language in _files():
        for value in language.get("values", {}).get(concept, ()):
            found |= {plain(value), plain(_two_letters(value))}
    return frozenset(found)


def plain(value: str) -> str:
    """Return a folded value with single blanks and without a final full stop."""
    return " ".join(fold(value).strip().rstrip(".").split())


def known_share(values: Iterable[tuple[str, int]], concept: str) -> float:
    """Return the share of counted values in a concept's vocabulary."""
    known = vocabulary(concept)
    rows = inside = 0
    for value, count in values:
        rows += count
        inside += count if plain(value) in known else 0
    return inside / rows if rows else 0.0

"""Words of many languages by which columns and their values are known; the tables are in the folder `words`."""

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
"""Letters of a word that counts only as a whole name."""
_PHRASE = 4
"""Words of the longest phrase."""
_SQUASHED = 6
"""Letters that a name written without blanks needs."""
_LETTERS = str.maketrans(
    {"ø": "o", "đ": "d", "ł": "l", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d", "ħ": "h", "'": "", "’": ""}
    | {"ʼ": "", "·": "", "`": ""}
)
_TWO_LETTERS = {"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"}
"""How letters are written where a keyboard lacks them; the other way is the letter without its mark."""
_FILLERS = frozenset(
    [
        *("a", "af", "al", "an", "av", "d", "da", "das", "de", "dei", "del", "della", "dello", "dem", "den", "der"),
        *("des", "di", "die", "do", "dos", "du", "el", "en", "et", "for", "i", "il", "im", "in", "ir", "l", "la"),
        *("las", "le", "les", "los", "na", "of", "og", "oraz", "os", "s", "sa", "se", "si", "su", "ta", "tal", "tas"),
        *("tat", "the", "to", "u", "ur", "van", "voor", "y", "z", "και", "на", "и", "του", "της", "των"),
    ]
)
"""Words that a phrase is the same without."""


def fold(text: str) -> str:
    """Return text in lower case without diacritics: what is written alike in any spelling.

    Examples
    --------
    >>> fold("Größe"), fold("ΗΛΙΚΊΑ"), fold("Płeć")
    ('grosse', 'ηλικια', 'plec')
    """
    apart = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    return "".join(letter for letter in apart if not unicodedata.combining(letter)).replace("ς", "σ")


def words_of(name: str) -> list[str]:
    """Return the words of a column's name, folded; numbers are left out.

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
    """Return words with single letters in a row as one word: D.O.B. is dob."""
    out: list[str] = []
    for single, group in groupby(words, key=lambda word: len(word) == 1):
        run = list(group)
        out += ["".join(run)] if single else run
    return out


def _camel_apart(name: str) -> str:
    """Return the name with a bar before each word that begins with a capital."""
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
    """Words of headers, ready to be looked up; each leads to the concepts that it stands for."""

    phrases: dict[str, set[str]] = field(default_factory=dict)
    whole: dict[str, set[str]] = field(default_factory=dict)
    squashed: dict[str, set[str]] = field(default_factory=dict)
    beginnings: dict[str, set[str]] = field(default_factory=dict)
    endings: dict[str, set[str]] = field(default_factory=dict)
    spelled: dict[str, set[str]] = field(default_factory=dict)
    """Words with diacritics, as they are spelled: lön is pay, and lon a longitude."""

    def add(self, concept: str, word: str) -> None:
        """Add a word as a file of words writes it."""
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
        """Return first word, end, letters and concepts of all that is known in a name."""
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
    """Return a name in lower case with its diacritics, and single blanks between words."""
    return " ".join(re.split(r"[\W_]+", unicodedata.normalize("NFC", name.casefold()))).strip()


def _two_letters(word: str) -> str:
    """Return a word without the letters that a plain keyboard lacks."""
    return "".join(_TWO_LETTERS.get(letter, letter) for letter in word.lower())


@cache
def _files() -> tuple[Mapping[str, Mapping[str, Sequence[str]]], ...]:
    """Return the tables of all languages."""
    return tuple(tomllib.loads(file.read_text(encoding="utf-8")) for file in sorted(FOLDER.glob("*.toml")))


@cache
def _headers() -> _Index:
    """Return the words of all languages' headers."""
    index = _Index()
    for language in _files():
        for concept, words in language.get("headers", {}).items():
            for word in words:
                index.add(concept, word)
    return index


def _outdoes(other: tuple[int, int, int, set[str]], span: tuple[int, int, int, set[str]]) -> bool:
    """Return whether another match is of a longer phrase around this one, or of more letters of the same words."""
    around = other[0] <= span[0] and span[1] <= other[1]
    longer = other[1] - other[0] - (span[1] - span[0])
    return around and (longer > 0 or (longer == 0 and other[2] > span[2]))


@cache
def concepts_of(name: str) -> frozenset[str]:
    """Return what the words of a column's name speak of, in any language.

    A word within a longer phrase does not count: a ``country of birth`` is a country and no date of birth.

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
    """Return a value folded, with single blanks and without a full stop at its end."""
    return " ".join(fold(value).strip().rstrip(".").split())


def known_share(values: Iterable[tuple[str, int]], concept: str) -> float:
    """Return the share of counted values that are of a concept's vocabulary."""
    known = vocabulary(concept)
    rows = inside = 0
    for value, count in values:
        rows += count
        inside += count if plain(value) in known else 0
    return inside / rows if rows else 0.0

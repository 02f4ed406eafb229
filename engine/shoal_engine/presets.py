"""Published rules for releases, by name: rule, figure, source and date. None is ever a default.

Whoever names a preset sees whether a release meets it; which rule applies, and whether it suffices, is for people to
decide.
"""

import difflib
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

from msgspec import Struct

from shoal_engine.errors import PolicyError

PresetKind: TypeAlias = Literal["least-class", "highest-risk", "rules", "attacks"]


class Preset(Struct, frozen=True, kw_only=True):
    """One published rule.

    Attributes
    ----------
    name : str
    kind : str
        least-class: every class has at least `least_class` people. highest-risk: 1 / smallest class is at most
        `highest_risk`. rules: a list of columns, without a figure. attacks: attacks are measured.
    rule : str
        The rule, in one sentence.
    least_class : int, optional
    highest_risk : float, optional
    source, date : str
        Document, and its date as ISO 8601, or a part of it.

    Examples
    --------
    >>> PRESETS["ema-0070"].least_k, PRESETS["cms-cell-11"].least_k
    (12, 11)
    """

    name: str
    kind: PresetKind
    rule: str
    least_class: int | None = None
    highest_risk: float | None = None
    source: str
    date: str

    @property
    def least_k(self) -> int | None:
        """Return the smallest k that meets the rule; None if the rule has no figure."""
        if self.least_class is not None:
            return self.least_class
        return None if self.highest_risk is None else math.ceil(1 / self.highest_risk)

    @property
    def figure(self) -> str:
        """Return the figure of the rule in words."""
        if self.least_class is not None:
            return f"smallest class of at least {self.least_class}"
        if self.highest_risk is not None:
            return f"highest risk of at most {self.highest_risk:g}, so k = {self.least_k}"
        return "no figure"

    def met_by(self, k: int) -> bool | None:
        """Return whether classes of at least k meet the rule; None if the rule has no figure."""
        return None if self.least_k is None else k >= self.least_k


_TABLE = (
    Preset(
        name="cms-cell-11",
        kind="least-class",
        rule="No cell of 1 to 10 people is reported, nor can one be derived.",
        least_class=11,
        source="Centers for Medicare & Medicaid Services, CMS Cell Size Suppression Policy, version of 05/08/17",
        date="2017-05-08",
    ),
    Preset(
        name="ema-0070",
        kind="highest-risk",
        rule="Clinical data for the public: the highest risk of re-identification is at most 0.09.",
        highest_risk=0.09,
        source="European Medicines Agency, EMA/90915/2016, guidance on Policy 0070, version 1.3, chapter 3",
        date="2017-09-22",
    ),
    Preset(
        name="health-canada-prci",
        kind="highest-risk",
        rule="Clinical information for the public: the highest risk of re-identification is at most 0.09.",
        highest_risk=0.09,
        source="Health Canada, Public Release of Clinical Information: guidance document, version 1.0",
        date="2019-03-12",
    ),
    Preset(
        name="ontario-low",
        kind="least-class",
        rule="Low invasion of privacy: classes of at least 11 people.",
        least_class=11,
        source="Information and Privacy Commissioner of Ontario, De-identification Guidelines for Structured Data",
        date="2025-10-15",
    ),
    Preset(
        name="ontario-medium",
        kind="least-class",
        rule="Medium invasion of privacy: classes of at least 15 people.",
        least_class=15,
        source="Information and Privacy Commissioner of Ontario, De-identification Guidelines for Structured Data",
        date="2025-10-15",
    ),
    Preset(
        name="ontario-high",
        kind="least-class",
        rule="High invasion of privacy: classes of at least 20 people.",
        least_class=20,
        source="Information and Privacy Commissioner of Ontario, De-identification Guidelines for Structured Data",
        date="2025-10-15",
    ),
    Preset(
        name="cell-5",
        kind="least-class",
        rule="The threshold rule of many statistical agencies: at least 5 people in a cell.",
        least_class=5,
        source="Glossary of Statistical Disclosure Control, UNECE/Eurostat work session, Geneva",
        date="2005-11",
    ),
    Preset(
        name="hipaa-safe-harbor",
        kind="rules",
        rule="18 kinds of identifiers are removed: `shoal risk` lists the columns that look like one.",
        source="45 CFR 164.514(b)(2), 67 FR 53182",
        date="2002-08-14",
    ),
    Preset(
        name="wp216",
        kind="attacks",
        rule="Singling out, linkability and inference are shown as measured; there is no threshold.",
        source="Article 29 Working Party, Opinion 05/2014 on Anonymisation Techniques (WP216), chapter 3",
        date="2014-04-10",
    ),
)
PRESETS: Mapping[str, Preset] = MappingProxyType({preset.name: preset for preset in _TABLE})
"""Every preset by its name."""


def preset_of(name: str) -> Preset:
    """Return the preset of a name.

    Raises
    ------
    PolicyError
        There is no such preset.
    """
    if name not in PRESETS:
        close = difflib.get_close_matches(name, PRESETS, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        msg = f"there is no preset {name!r}; {hint}There are {', '.join(PRESETS)}"
        raise PolicyError(msg)
    return PRESETS[name]

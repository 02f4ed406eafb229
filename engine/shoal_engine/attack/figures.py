"""Figures of an attack over all people, without anything of one person."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Struct

from shoal_engine.attack.matching import Learned, Matches, SensitiveCells
from shoal_engine.errors import InputError
from shoal_engine.risk.reidentification import AttackerRisk, prosecutor_risk

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

THRESHOLDS = (0.05, 0.09, 0.2, 1 / 3, 0.5)
"""Probabilities above which the share of people is reported."""
LIFT = 2.0
"""A value is learned if its posterior is at least this multiple of its base rate."""
_SLACK = 1e-9
"""Products of floats that should be equal differ by less."""


class Chances(Struct, frozen=True, kw_only=True):
    """Probabilities over people.

    Attributes
    ----------
    mean, p50, p95, p99, highest : float
        Percentiles are probabilities that occur: the lowest that the given percentage of people do not exceed.
    over : mapping of str to float
        Share of people above each threshold.
    """

    mean: float
    p50: float
    p95: float
    p99: float
    highest: float
    over: Mapping[str, float]

    @classmethod
    def of(cls, chance: Floats, thresholds: Sequence[float] = THRESHOLDS) -> "Chances":
        """Summarize probabilities, (n,) float64, n at least 1.

        Examples
        --------
        >>> Chances.of(np.array([0.1, 0.4]), [0.2])
        Chances(mean=0.25, p50=0.1, p95=0.4, p99=0.4, highest=0.4, over={'0.2': 0.5})
        """
        p50, p95, p99 = np.percentile(chance, [50, 95, 99], method="inverted_cdf").tolist()
        over = {f"{limit:.3g}": float((chance > limit + _SLACK).mean()) for limit in thresholds}
        return cls(mean=float(chance.mean()), p50=p50, p95=p95, p99=p99, highest=float(chance.max()), over=over)


class LearnedFigures(Struct, frozen=True, kw_only=True):
    """What is learned of one sensitive column.

    Attributes
    ----------
    homogeneous : float
        Share of people whose compatible rows hold one value: it is disclosed.
    excluded : float
        Share of people for whom some value of the table is ruled out.
    doubled_even, doubled : float
        Share of people for whom some value has at least twice its base rate, with rows even and weighted.
    top_even, top : float
        Mean posterior of the most probable value.
    top_base : float
        Share of the most frequent value in the release: what is known without any knowledge of a person.
    own_even, own : float, optional
        Mean posterior of people's own value, where it is known.
    own_base : float, optional
        Mean base rate of their values.
    guessed : float, optional
        Share of people whose value is the most probable one.
    guessed_base : float, optional
        Share of people who have the most frequent value of the release.
    """

    homogeneous: float
    excluded: float
    doubled_even: float
    doubled: float
    top_even: float
    top: float
    top_base: float
    own_even: float | None = None
    own: float | None = None
    own_base: float | None = None
    guessed: float | None = None
    guessed_base: float | None = None

    @classmethod
    def of(cls, found: Learned, cells: SensitiveCells, own_value: Ints | None) -> "LearnedFigures":
        """Summarize what the classes of n people say of a column."""
        some = found.distinct > 0
        figures = cls(
            homogeneous=float((found.distinct == 1).mean()),
            excluded=float((some & (found.distinct < cells.share.size)).mean()),
            doubled_even=float((found.even_lift >= LIFT - _SLACK).mean()),
            doubled=float((found.lift >= LIFT - _SLACK).mean()),
            top_even=float(found.even_top.mean()),
            top=float(found.top.mean()),
            top_base=float(cells.share.max()),
        )
        known = np.zeros(some.size, np.bool_) if own_value is None else own_value >= 0
        if own_value is None or not known.any():
            return figures
        value = own_value[known]
        return msgspec.structs.replace(
            figures,
            own_even=float(found.even_own[known].mean()),
            own=float(found.own[known].mean()),
            own_base=float(cells.share[value].mean()),
            guessed=float((found.guess[known] == value).mean()),
            guessed_base=float((value == int(cells.share.argmax())).mean()),
        )


class Answers(Struct, frozen=True, kw_only=True):
    """What an adversary finds of some people in one table.

    Attributes
    ----------
    people : int
    classes, rows : float
        Mean number of compatible classes and rows.
    empty : float
        Share of people with no compatible class.
    claimed : Chances
        Probability that the adversary gives to the most probable row, by weight.
    even, weighted : Chances
        Probability given to the right record where it is known, else to the most probable row; with rows even, and
        weighted by how much of each label the known value fills.
    wrong : float, optional
        Share of people who are looked for in classes that are not theirs, where the right record is known.
    wrong_over : mapping of str to float, optional
        Share of people of whom that is so, while the adversary is surer than each threshold.
    sensitive : mapping of str to LearnedFigures
    """

    people: int
    classes: float
    rows: float
    empty: float
    claimed: Chances
    even: Chances
    weighted: Chances
    wrong: float | None = None
    wrong_over: Mapping[str, float] | None = None
    sensitive: Mapping[str, LearnedFigures] = {}

    @property
    def highest(self) -> float:
        """Largest probability given to a record, with rows even or weighted."""
        return max(self.even.highest, self.weighted.highest)

    @property
    def mean(self) -> float:
        """Mean probability given to a record, the larger of rows even and weighted."""
        return max(self.even.mean, self.weighted.mean)

    @classmethod
    def of(
        cls,
        found: Matches,
        sensitive: Mapping[str, SensitiveCells],
        own_values: Mapping[str, Ints] | None = None,
        *,
        thresholds: Sequence[float] = THRESHOLDS,
    ) -> "Answers":
        """Summarize what was found of n people.

        Raises
        ------
        InputError
            There are no people, or no class is compatible with any of them.
        """
        n = found.rows.size
        if not n or not found.rows.any():
            msg = (
                "no class of the release is compatible with any person of the register; check that both have the same "
                "units and codes, or allow mismatches"
            )
            raise InputError(msg)
        true = ~np.isnan(found.even)
        even = found.even[true] if true.any() else 1.0 / np.maximum(1, found.rows) * (found.rows > 0)
        wrong = (found.even == 0) & (found.rows > 0)
        learned = {
            name: LearnedFigures.of(found.learned[name], cells, (own_values or {}).get(name))
            for name, cells in sensitive.items()
        }
        answers = cls(
            people=n,
            classes=float(found.classes.mean()),
            rows=float(found.rows.mean()),
            empty=float((found.rows == 0).mean()),
            claimed=Chances.of(found.best, thresholds),
            even=Chances.of(even, thresholds),
            weighted=Chances.of(found.weighted[true] if true.any() else found.best, thresholds),
            sensitive=learned,
        )
        if not true.any():
            return answers
        over = {f"{limit:.3g}": float((wrong & (found.best > limit + _SLACK))[true].mean()) for limit in thresholds}
        return msgspec.structs.replace(answers, wrong=float(wrong[true].mean()), wrong_over=over)


class LinkageFigures(Struct, frozen=True, kw_only=True):
    """Figures of a linkage attack on a release, beside what the release guarantees.

    Attributes
    ----------
    rows, equivalence_classes, k : int
        Size of the release; k is the size of its smallest class.
    columns : tuple of str
        Known columns.
    mismatches : int
    tolerance : mapping of str to float
    right_record_known : bool
        Whether `even` and `weighted` are probabilities of the right record, or what the adversary claims.
    answers : Answers
    base_rate : float
        Probability of the right record without knowledge: 1 / rows.
    prosecutor : AttackerRisk
        Guarantee of the release: an adversary who knows everything of a person who is in it.
    journalist : AttackerRisk, optional
        The same against a population.
    marketer : float
        Share of records that linking all of them gets right: the larger of attack and classes / rows.
    raw, held_out : Answers, optional
        The same adversary on the table before its release, and on people who are not in the release.
    """

    rows: int
    equivalence_classes: int
    k: int
    columns: tuple[str, ...]
    mismatches: int
    tolerance: Mapping[str, float] = {}
    right_record_known: bool
    answers: Answers
    base_rate: float
    prosecutor: AttackerRisk
    journalist: AttackerRisk | None = None
    marketer: float
    raw: Answers | None = None
    held_out: Answers | None = None

    @property
    def highest(self) -> float:
        """Highest risk: the larger of attack and guarantee, for an attack never lowers what k states."""
        return max(self.answers.highest, self.prosecutor.highest)

    @property
    def mean(self) -> float:
        """Mean risk: the larger of attack and guarantee."""
        return max(self.answers.mean, self.prosecutor.average)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as the JSON reads; a share of people that counts fewer than k of them is null.

        Raises
        ------
        InputError
            A register has fewer than k people.
        """
        plain = msgspec.to_builtins(self)
        for name in ("answers", "raw", "held_out"):
            if plain[name] is not None:
                check_people(plain[name]["people"], self.k)
                plain[name] = withheld(plain[name], plain[name]["people"], self.k)
        return plain | {"highest": self.highest, "mean": self.mean}


_SHARES = frozenset(
    {"empty", "wrong", "pinned", "homogeneous", "excluded", "doubled_even", "doubled", "guessed", "guessed_base"}
)


def withheld(plain: dict[str, Any], people: int, k: int) -> dict[str, Any]:
    """Return figures in which shares of fewer than k people are null; 0 stays.

    Examples
    --------
    >>> withheld({"empty": 0.01, "wrong": 0.2, "over": {"0.5": 0.0}}, 100, 5)
    {'empty': None, 'wrong': 0.2, 'over': {'0.5': 0.0}}
    """

    def shown(share: float | None) -> float | None:
        return None if share and is_few(share, people, k) else share

    found = dict[str, Any]()
    for name, value in plain.items():
        if name in ("over", "wrong_over") and value is not None:
            found[name] = {limit: shown(share) for limit, share in value.items()}
        elif isinstance(value, dict):
            found[name] = withheld(value, people, k)
        else:
            found[name] = shown(value) if name in _SHARES else value
    return found


def check_people(people: int, k: int) -> None:
    """Check that figures are of at least k people, so that they are of nobody in particular.

    Raises
    ------
    InputError
        There are fewer.
    """
    if people < k:
        msg = (
            f"the register has fewer than k = {k} people, so that figures over them state something of each; give more "
            "people, or ask for a frame of people in Python (per_person=True)"
        )
        raise InputError(msg)


def is_few(share: float, people: int, k: int) -> bool:
    """Return whether a share counts at least one and fewer than k people."""
    return 0 < round(share * people) < k


def linkage_figures(
    size: Ints,
    answers: Answers,
    *,
    columns: Sequence[str],
    mismatches: int,
    tolerance: Mapping[str, float] | None = None,
    right_record_known: bool,
    journalist: AttackerRisk | None = None,
    raw: Answers | None = None,
    held_out: Answers | None = None,
    threshold: float = 0.2,
) -> LinkageFigures:
    """Put an attack beside the guarantee of the release.

    Parameters
    ----------
    size : (n_classes,) int64, at least 1
        Rows of all classes.
    answers, columns, mismatches, tolerance, right_record_known, journalist, raw, held_out
        As for `LinkageFigures`.
    threshold : float
        Threshold of the prosecutor.
    """
    rows = int(size.sum())
    return LinkageFigures(
        rows=rows,
        equivalence_classes=size.size,
        k=int(size.min()),
        columns=tuple(columns),
        mismatches=mismatches,
        tolerance=dict(tolerance or {}),
        right_record_known=right_record_known,
        answers=answers,
        base_rate=1.0 / rows,
        prosecutor=prosecutor_risk(size, threshold),
        journalist=journalist,
        marketer=max(size.size / rows, answers.mean if right_record_known else 0.0),
        raw=raw,
        held_out=held_out,
    )

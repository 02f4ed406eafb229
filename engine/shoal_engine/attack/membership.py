"""Membership: whether somebody is in a release, by the classes that are compatible with them."""

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Struct

from shoal_engine.attack.figures import check_people, is_few
from shoal_engine.attack.matching import Matches
from shoal_engine.attack.showing import chance_text, few_people, interval_text, shown_share
from shoal_engine.attack.success_rates import Interval, Risk, check_confidence, difference_interval, trials
from shoal_engine.errors import InputError
from shoal_engine.html_tables import html_summary
from shoal_engine.wording import columns_text

Floats = npt.NDArray[np.float64]


class MembershipFigures(Struct, frozen=True, kw_only=True):
    """Figures of a membership attack.

    Attributes
    ----------
    members, outsiders, k : int
        People of both registers; the smallest class of the release.
    columns : tuple of str
        Known columns.
    confidence : float
        Level of the intervals.
    found_members, found_outsiders : float
        Share of each with a compatible class: rates of true and false positives.
    members_rate, outsiders_rate : Risk
        Wilson's estimates of them, with intervals.
    advantage : float
        Their difference, 0 for an adversary who learns nothing, 1 for one who is never wrong.
    advantage_interval : Interval
    best_advantage : float
        Largest difference over all thresholds of the expected number of rows with the known values; without an
        interval, for the threshold is chosen by the same people.
    """

    members: int
    outsiders: int
    k: int
    columns: tuple[str, ...]
    confidence: float
    found_members: float
    found_outsiders: float
    members_rate: Risk
    outsiders_rate: Risk
    advantage: float
    advantage_interval: Interval
    best_advantage: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; what would give a count of fewer than k people away is null.

        Raises
        ------
        InputError
            A register has fewer than k people.
        """
        check_people(min(self.members, self.outsiders), self.k)
        plain = msgspec.to_builtins(self)
        for name, few in zip(("members", "outsiders"), self.few, strict=True):
            if few:
                # With one rate and the difference, the other rate would be known.
                hidden = f"found_{name}", f"{name}_rate", "advantage", "advantage_interval"
                plain |= dict.fromkeys(hidden)
        return plain

    @property
    def few(self) -> tuple[bool, bool]:
        """Whether the share of found members, and of found outsiders, counts fewer than k people."""
        return is_few(self.found_members, self.members, self.k), is_few(self.found_outsiders, self.outsiders, self.k)

    def _repr_html_(self) -> str:
        """Return the rates as HTML for notebooks."""
        if min(self.members, self.outsiders) < self.k:
            return few_people(self.k)
        rates = (
            ("members", self.members, self.found_members, self.members_rate),
            ("others", self.outsiders, self.found_outsiders, self.outsiders_rate),
        )
        rows = [
            [
                f"{name} with a compatible class",
                f"{people:,}",
                shown_share(share, people, self.k),
                "" if few else interval_text(rate),
            ]
            for (name, people, share, rate), few in zip(rates, self.few, strict=True)
        ]
        if not any(self.few):
            rows.append(["advantage", "", chance_text(self.advantage), interval_text(self.advantage_interval)])
        title = f"Membership: by {columns_text(self.columns)}"
        return html_summary(title, ["", "people", "share", f"{self.confidence:.0%} interval"], rows)


def membership_figures(
    members: Matches, outsiders: Matches, *, columns: list[str], k: int, confidence: float
) -> MembershipFigures:
    """Compare what is found of people who are in a release, and of people who are not.

    Raises
    ------
    InputError
        No class is compatible with any of the members.
    PolicyError
        The confidence is out of range.

    References
    ----------
    Yeom, Giacomelli, Fredrikson, Jha (2018), Privacy risk in machine learning, CSF, definition 4: the advantage.
    """
    check_confidence(confidence)
    if not members.rows.any():
        msg = "no class of the release is compatible with any member; check that both have the same units and codes"
        raise InputError(msg)
    inside, outside = (trials(one.rows.size, float((one.rows > 0).sum()), confidence) for one in (members, outsiders))
    return MembershipFigures(
        members=members.rows.size,
        outsiders=outsiders.rows.size,
        k=k,
        columns=tuple(columns),
        confidence=confidence,
        found_members=inside.share,
        found_outsiders=outside.share,
        members_rate=inside.rate,
        outsiders_rate=outside.rate,
        advantage=inside.share - outside.share,
        advantage_interval=difference_interval(inside, outside),
        best_advantage=largest_advantage(members.total, outsiders.total),
    )


def largest_advantage(members: Floats, outsiders: Floats) -> float:
    """Return the largest difference of the shares of members and outsiders at or above a threshold.

    Examples
    --------
    >>> largest_advantage(np.array([1.0, 3.0]), np.array([1.0, 2.0]))
    0.5
    """
    limits = np.unique(np.concatenate([members, outsiders]))
    shares = [1.0 - np.searchsorted(np.sort(one), limits, side="left") / one.size for one in (members, outsiders)]
    return float(max(0.0, (shares[0] - shares[1]).max()))

"""Membership: whether somebody is in a release, by the classes that are compatible with them."""

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Struct

from shoal_engine.attack.figures import check_people, withheld
from shoal_engine.attack.matching import Matches
from shoal_engine.errors import InputError

Floats = npt.NDArray[np.float64]


class MembershipFigures(Struct, frozen=True, kw_only=True):
    """Figures of a membership attack.

    Attributes
    ----------
    members, outsiders, k : int
        People of both registers; the smallest class of the release.
    columns : tuple of str
        Known columns.
    found_members, found_outsiders : float
        Share of each with a compatible class: rates of true and false positives.
    advantage : float
        Their difference, 0 for an adversary who learns nothing, 1 for one who is never wrong.
    best_advantage : float
        Largest difference over all thresholds of the expected number of rows with the known values.
    """

    members: int
    outsiders: int
    k: int
    columns: tuple[str, ...]
    found_members: float
    found_outsiders: float
    advantage: float
    best_advantage: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; a share that counts fewer than k people is null.

        Raises
        ------
        InputError
            A register has fewer than k people.
        """
        check_people(min(self.members, self.outsiders), self.k)
        plain = msgspec.to_builtins(self)
        for name, people in (("found_members", self.members), ("found_outsiders", self.outsiders)):
            plain[name] = withheld({"empty": plain[name]}, people, self.k)["empty"]
        return plain


def membership_figures(members: Matches, outsiders: Matches, *, columns: list[str], k: int) -> MembershipFigures:
    """Compare what is found of people who are in a release, and of people who are not.

    Raises
    ------
    InputError
        No class is compatible with any of the members.

    References
    ----------
    Yeom, Giacomelli, Fredrikson, Jha (2018), Privacy risk in machine learning, CSF, definition 4: the advantage.
    """
    if not members.rows.any():
        msg = "no class of the release is compatible with any member; check that both have the same units and codes"
        raise InputError(msg)
    inside, outside = float((members.rows > 0).mean()), float((outsiders.rows > 0).mean())
    return MembershipFigures(
        members=members.rows.size,
        outsiders=outsiders.rows.size,
        k=k,
        columns=tuple(columns),
        found_members=inside,
        found_outsiders=outside,
        advantage=inside - outside,
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

"""Shares of the values of a generalized column, estimated from the release alone, and rows expected of them.

A class of n rows whose label is known to hold m of its values has one row of each for certain. Its other n - m rows
are spread over all values of the label in proportion to shares, and shares are what the rows come to: the
expectation-maximization algorithm for counts observed in groups.

References
----------
Dempster, Laird, Rubin (1977), Maximum likelihood from incomplete data via the EM algorithm, section 4.1.1 (a
multinomial distribution observed in sets of its cells).
"""

from dataclasses import dataclass

import numpy as np

from shoal_engine.utility.memberships import Floats, Ints, Memberships, weighted_counts

ROUNDS = 20
"""Rounds of expectation and maximization."""
_LEAST = 1e-12
"""Least share of a value, well above the rounding of sums over all values."""


@dataclass(frozen=True, slots=True, eq=False)
class SpreadColumn:
    """A generalized column whose rows are spread over the values of their labels.

    Attributes
    ----------
    memberships : Memberships
    label_of_class : (n_classes,) int64
    class_rows : (n_classes,) float64
    share : (n_values,) float64
        Sums to 1.
    certain, rest : (n_classes,) float64
        Rows that each known value has for certain, and the other rows of the class.
    """

    memberships: Memberships
    label_of_class: Ints
    class_rows: Floats
    share: Floats
    certain: Floats
    rest: Floats

    def expected(self, weight: Floats) -> Floats:
        """Return the expected sum of weights over the rows of each class.

        Parameters
        ----------
        weight : (n_values,) float64
            Of each value; 1 where a condition holds and 0 elsewhere gives expected rows.

        Returns
        -------
        (n_classes,) float64
        """
        known = self.memberships.total_known(weight)
        mean = self.memberships.total(weight * self.share) / self.memberships.total(self.share)
        return self.certain * known[self.label_of_class] + self.rest * mean[self.label_of_class]


def spread_column(
    memberships: Memberships, label_of_class: Ints, class_rows: Ints, *, rounds: int = ROUNDS
) -> SpreadColumn:
    """Estimate the shares of the values of a column from its labels alone.

    Parameters
    ----------
    memberships : Memberships
    label_of_class : (n_classes,) int64
    class_rows : (n_classes,) int64
        Rows of each class, at least 1.
    rounds : int
        Rounds of expectation and maximization, from even shares; 0 leaves them even.

    Examples
    --------
    Three classes of three rows, {0, 1}, {0, 1} and {1, 2}: each value has its known rows, and 1 of every other row.

    >>> import numpy as np
    >>> allowed = np.array([[True, True, False], [False, True, True]])
    >>> from shoal_engine.utility.memberships import Sets
    >>> sets = Sets.of_flags(allowed, np.array([True, True]))
    >>> column = spread_column(sets, np.array([0, 0, 1]), np.array([3, 3, 3]), rounds=1)
    >>> (column.share * 9).round(6).tolist()
    [3.0, 4.5, 1.5]
    """
    rows = class_rows.astype(np.float64)
    share = np.full(memberships.n_values, 1.0 / memberships.n_values)
    certain, rest = _certain(memberships, label_of_class, rows)
    n_labels = int(memberships.total(share).size)
    known = memberships.distribute_known(weighted_counts(label_of_class, certain, n_labels))
    other = weighted_counts(label_of_class, rest, n_labels)
    for _ in range(rounds):
        found = known + share * memberships.distribute(other / memberships.total(share))
        # A label whose values all vanished would have nobody to spread its rows over.
        share = np.maximum(found / rows.sum(), _LEAST)
    return SpreadColumn(memberships, label_of_class, rows, share, certain, rest)


def _certain(memberships: Memberships, label_of_class: Ints, class_rows: Floats) -> tuple[Floats, Floats]:
    """Return the rows that each known value has for certain, and the other rows, by class.

    That is one row, unless a class has fewer rows than its label has known values: then it is no class of a release,
    or some of its rows are missing, and they are shared out evenly.
    """
    known = memberships.total_known(np.ones(memberships.n_values))[label_of_class]
    each = np.minimum(1.0, class_rows / np.maximum(known, 1.0))
    return each, np.maximum(class_rows - known, 0.0)

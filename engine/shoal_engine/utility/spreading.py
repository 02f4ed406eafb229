"""Rows of a generalized column set to single values: known values first, the others by shares."""

import numpy as np

from shoal_engine.utility.memberships import Ints
from shoal_engine.utility.shares import SpreadColumn


def spread_rows(column: SpreadColumn, class_of_row: Ints, rng: np.random.Generator) -> Ints:
    """Choose a value of its label for every row.

    In each class, rows in random order get one known value each. The remaining rows of a label are spread over its
    values by systematic sampling, so each value gets its expected number of them, rounded up or down.

    Parameters
    ----------
    column : SpreadColumn
    class_of_row : (n_rows,) int64
    rng : Generator
        Chooses which rows of a class get which value.

    Returns
    -------
    (n_rows,) int64
    """
    shuffled = rng.permutation(class_of_row.size)
    order = shuffled[np.argsort(class_of_row[shuffled], kind="stable")]
    classes = class_of_row[order]
    rank = _rank_in_group(classes)
    label = column.label_of_class[classes]
    n_known = column.memberships.total_known(np.ones(column.memberships.n_values))[label]
    value = np.empty(class_of_row.size, np.int64)
    known = rank < n_known
    value[order[known]] = column.memberships.known_at(label[known], rank[known])
    value[order[~known]] = _sampled(column, label[~known], rng)
    return value


def _sampled(column: SpreadColumn, label: Ints, rng: np.random.Generator) -> Ints:
    """Return values of labels by systematic sampling: the rows of one label are at even distances along its shares."""
    shuffled = rng.permutation(label.size)
    order = shuffled[np.argsort(label[shuffled], kind="stable")]
    ordered = label[order]
    n_labels = int(label.max(initial=-1)) + 1
    rows = np.bincount(ordered, minlength=n_labels)
    offset = rng.random(n_labels)
    position = (_rank_in_group(ordered) + offset[ordered]) / rows[ordered]
    value = np.empty(label.size, np.int64)
    value[order] = column.memberships.value_at(ordered, position, column.share)
    return value


def _rank_in_group(groups: Ints) -> Ints:
    """Return the place of each entry among those of its group; groups are in ascending order."""
    starts = np.searchsorted(groups, groups, side="left")
    return np.arange(groups.size) - starts

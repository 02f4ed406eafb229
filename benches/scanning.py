"""MDAV as it is written down: every distance is computed again in every round, with numpy."""

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
Vector = npt.NDArray[np.int64]


def mdav(points: Points, k: int) -> Vector:
    """Return the group of each point, ties to the point that comes first.

    Parameters
    ----------
    points : (n, d) float64
        Sums of rows must be exact, as those of standardized columns are.
    k : int
    """
    left, columns = np.arange(len(points)), np.ascontiguousarray(points.T)
    group = np.empty(len(points), np.int64)
    number = 0

    def distances(center: Points) -> Points:
        total = np.zeros(left.size)
        for column, at in zip(columns, center, strict=True):
            total += np.square(column - at)
        return total

    def gather(place: int) -> None:
        nonlocal left, columns, number
        distance = distances(points[left[place]])
        distance[place] = -1.0
        # The k nearest, and whatever is as near as the last of them, in order.
        near = np.flatnonzero(distance <= np.partition(distance, k - 1)[k - 1])
        chosen = near[np.argsort(distance[near], kind="stable")][:k]
        group[left[chosen]] = number
        number += 1
        left, columns = np.delete(left, chosen), np.delete(columns, chosen, axis=1)

    while left.size >= 3 * k:
        first = int(np.argmax(distances(columns.sum(axis=1) / left.size)))
        center = points[left[first]]
        gather(first)
        gather(int(np.argmax(distances(center))))
    if left.size >= 2 * k:
        gather(int(np.argmax(distances(columns.sum(axis=1) / left.size))))
    group[left] = number
    return group

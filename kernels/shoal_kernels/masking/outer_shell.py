"""The farthest point from a slowly moving center, searched among the previous outermost points: the shell.

A point within distance r of a former center is within r plus the center's move of the current one. So as long as
some point of the shell is farther than that, the farthest point of all is in the shell.
"""

import math
from typing import NamedTuple

import numpy as np

from shoal_kernels._jit import inner
from shoal_kernels._types import Floats, Ints
from shoal_kernels.masking.kd_tree import KdTree, farthest, points_beyond, square_distance

CAPACITY = 1024
"""Largest number of points of a shell: more take longer to scan, fewer are refilled more often."""
_MARGIN = 1e-9
"""Far more than the rounding error of a distance; within it, the shell is refilled."""
_FIRST_DEPTH = 0.01


class Shell(NamedTuple):
    """The outermost points, as of the last refill.

    Attributes
    ----------
    number : (CAPACITY,) int64
        Their numbers.
    held : (1,) int64
        Number of points.
    center : (d,) float64
        Center at the last refill.
    reach : (2,) float64
        Distance from that center within which all other points lie, and the shell's depth as a share of
        the farthest distance, adapted to the number of points in the shell.
    """

    number: Ints
    held: Ints
    center: Floats
    reach: Floats


@inner
def make_shell(d: int) -> Shell:
    """Return a shell without points for `d` axes."""
    reach = np.array([math.inf, _FIRST_DEPTH])
    return Shell(np.empty(CAPACITY, np.int64), np.zeros(1, np.int64), np.zeros(d), reach)


@inner
def farthest_from_center(tree: KdTree, point: Floats, group: Ints, shell: Shell, center: Floats) -> int:
    """Return the point farthest from a center, (d,) float64, as `farthest`; removed points have a group >= 0."""
    best, number = -1.0, -1
    place = 0
    while place < shell.held[0]:
        candidate = shell.number[place]
        # Points removed since the refill leave the shell here; the last one takes their place.
        if group[candidate] >= 0:
            shell.held[0] -= 1
            shell.number[place] = shell.number[shell.held[0]]
            continue
        distance = square_distance(point, candidate, center)
        if distance > best or (distance == best and candidate < number):
            best, number = distance, candidate
        place += 1
    moved = 0.0
    for j in range(center.shape[0]):
        moved += (center[j] - shell.center[j]) ** 2
    if number >= 0 and math.sqrt(best) * (1 - _MARGIN) > shell.reach[0] + math.sqrt(moved):
        return number
    number = farthest(tree, center)
    _refill(tree, shell, center, math.sqrt(square_distance(point, number, center)))
    return number


@inner
def _refill(tree: KdTree, shell: Shell, center: Floats, radius: float) -> None:
    """Fill the shell with the points near the farthest distance from a center; empty it if there are too many."""
    reach = radius * (1 - shell.reach[1])
    count = points_beyond(tree, center, reach * reach, shell.number)
    if count > CAPACITY:
        shell.reach[1] /= 2
        shell.held[0] = 0
        return
    if count < CAPACITY // 4:
        shell.reach[1] = min(0.5, 1.5 * shell.reach[1])
    shell.held[0] = count
    shell.center[:] = center
    shell.reach[0] = reach * (1 + _MARGIN)

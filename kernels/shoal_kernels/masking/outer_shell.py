"""The farthest point from a center that moves a little each time: found among the outermost points of before.

A point that lay within a distance r of a former center lies within r plus the center's move of the present one.
So as long as some point of the shell beyond r is farther than that, the farthest point of all is in the shell.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shoal_kernels._jit import inner
from shoal_kernels.masking.kd_tree import KdTree, beyond, farthest, square_distance

Points = npt.NDArray[np.float64]
Vector = npt.NDArray[np.int64]

CAPACITY = 1024
"""Points of a shell at most; more are scanned longer, fewer are sought anew more often."""
_MARGIN = 1e-9
"""Far more than rounding can make of a distance; within it, the points are sought anew."""
_FIRST_DEPTH = 0.01


class Shell(NamedTuple):
    """The outermost points of before.

    Attributes
    ----------
    number : (CAPACITY,) int64
        Their numbers.
    held : (1,) int64
        How many there are.
    center : (d,) float64
        Where they were sought from.
    reach : (2,) float64
        The distance from that center within which all other points lie, and the shell's depth as a share of
        the farthest distance, which follows how many points a shell turns out to hold.
    """

    number: Vector
    held: Vector
    center: Points
    reach: Points


@inner
def make_shell(d: int) -> Shell:
    """Return a shell without points for `d` axes."""
    reach = np.array([math.inf, _FIRST_DEPTH])
    return Shell(np.empty(CAPACITY, np.int64), np.zeros(1, np.int64), np.zeros(d), reach)


@inner
def farthest_from_center(tree: KdTree, point: Points, group: Vector, shell: Shell, center: Points) -> int:
    """Return what `farthest` does for a center, (d,) float64; points taken out of the tree have a group, >= 0."""
    best, number = -1.0, -1
    place = 0
    while place < shell.held[0]:
        candidate = shell.number[place]
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
    _seek(tree, shell, center, math.sqrt(square_distance(point, number, center)))
    return number


@inner
def _seek(tree: KdTree, shell: Shell, center: Points, radius: float) -> None:
    """Fill the shell with the points near the farthest distance from a center; leave it empty if too many are."""
    reach = radius * (1 - shell.reach[1])
    count = beyond(tree, center, reach * reach, shell.number)
    if count > CAPACITY:
        shell.reach[1] /= 2
        shell.held[0] = 0
        return
    if count < CAPACITY // 4:
        shell.reach[1] = min(0.5, 1.5 * shell.reach[1])
    shell.held[0] = count
    shell.center[:] = center
    shell.reach[0] = reach * (1 + _MARGIN)

"""Microaggregation into groups of at least k neighboring points: MDAV, V-MDAV, and optimal groups on a line.

A point's number is its row, and every tie goes to the lowest. Callers number points by their values, so
that groups do not depend on the order of a table.
"""

import math

import numpy as np

from shoal_kernels._jit import inner
from shoal_kernels._types import Floats, Ints, Matrix, OutVector, Vector, kernel
from shoal_kernels.masking.kd_tree import KdTree, build_tree, farthest, nearest, remove, square_distance
from shoal_kernels.masking.outer_shell import farthest_from_center, make_shell


@inner
def _group_around(
    tree: KdTree, point: Floats, number: int, found: Ints, distance: Floats, group: Ints, to: int, total: Floats
) -> None:
    """Move a point and its nearest ones from the tree into a group, and subtract them from the total."""
    remove(tree, number)
    n_found = nearest(tree, point[number], found, distance)
    group[number] = to
    total -= point[number]
    for place in range(n_found):
        remove(tree, found[place])
        group[found[place]] = to
        total -= point[found[place]]


@kernel
def mdav(point: Matrix[np.float64], k: int, group: OutVector[np.int64]) -> int:
    """Group points by maximum distance to the average vector; return the number of groups.

    While at least 3k points are left: the point farthest from the average of those left takes its k - 1
    nearest ones; of the others, the point farthest from it does the same. Of 2k or more that are left, the
    point farthest from their average does so once more, and all others are the last group.

    Parameters
    ----------
    point : (n, d) float64
        Finite. The groups are exact where sums of the points are, in any order: multiples of a power of two
        whose absolute sum stays below 2**53 times it.
    k : int
        1 to n.
    group : (n,) int64, out
        Group of each point, numbered in the order they are made; k to 2k - 1 points each.

    References
    ----------
    Domingo-Ferrer, Torra (2005), Ordinal, continuous and heterogeneous k-anonymity through microaggregation,
    Data Mining and Knowledge Discovery 11(2), algorithm MDAV-generic.
    """
    n, d = point.shape
    tree = build_tree(point)
    total = np.zeros(d)
    for i in range(n):
        total += point[i]
    found, distance = np.empty(k - 1, np.int64), np.empty(k - 1)
    group[:] = -1
    shell = make_shell(d)
    left, n_groups = n, 0
    while left >= 3 * k:
        first = farthest_from_center(tree, point, group, shell, total / left)
        _group_around(tree, point, first, found, distance, group, n_groups, total)
        _group_around(tree, point, farthest(tree, point[first]), found, distance, group, n_groups + 1, total)
        left -= 2 * k
        n_groups += 2
    if left >= 2 * k:
        _group_around(tree, point, farthest(tree, total / left), found, distance, group, n_groups, total)
        left -= k
        n_groups += 1
    for _ in range(left):
        first = tree.least[0]
        remove(tree, first)
        group[first] = n_groups
    return n_groups + 1


@inner
def _from_center(point: Floats) -> Ints:
    """Return all points, from the farthest to the nearest to their average; ties in order."""
    n, d = point.shape
    center = np.zeros(d)
    for i in range(n):
        center += point[i]
    center /= n
    closeness = np.empty(n)
    for i in range(n):
        closeness[i] = -square_distance(point, i, center)
    return np.argsort(closeness, kind="mergesort")


@inner
def _nearest_to_group(tree: KdTree, point: Floats, member: Ints, found: Ints, distance: Floats) -> int:
    """Set ``found[0]`` to the point nearest to any member, lowest number first; return 0 if none is left, else 1."""
    best, number = math.inf, -1
    for place in range(member.shape[0]):
        if nearest(tree, point[member[place]], found, distance) and (
            distance[0] < best or (distance[0] == best and found[0] < number)
        ):
            best, number = distance[0], found[0]
    found[0], distance[0] = number, best
    return int(number >= 0)


@kernel
def v_mdav(point: Matrix[np.float64], k: int, gain: float, group: OutVector[np.int64]) -> int:
    """Group points as MDAV does, one group at a time and of variable size; return the number of groups.

    While at least k points are left, the one farthest from the average of all takes its k - 1 nearest. The
    group then grows, up to 2k - 1 points: the point left that is nearest to any of its members joins if it is
    nearer to the group than `gain` times its distance to the nearest other point left, or if there is no
    other. Points that are left at the end join the group with the nearest average, which may then hold more.

    Parameters
    ----------
    point, k, group
        As for `mdav`.
    gain : float
        At least 0.

    References
    ----------
    Solanas, Martinez-Balleste (2006), V-MDAV: a multivariate microaggregation with variable group size,
    COMPSTAT 2006.
    """
    n, d = point.shape
    tree = build_tree(point)
    outward = _from_center(point)
    found, distance = np.empty(k - 1, np.int64), np.empty(k - 1)
    one, at = np.empty(1, np.int64), np.empty(1)
    two, both = np.empty(2, np.int64), np.empty(2)
    member = np.empty(2 * k - 1, np.int64)
    mean, size = np.zeros((n // k, d)), np.zeros(n // k, np.int64)
    group[:] = -1
    n_groups, seen = 0, 0
    while tree.live[0] >= k:
        while group[outward[seen]] >= 0:
            seen += 1
        member[0] = outward[seen]
        remove(tree, member[0])
        nearest(tree, point[member[0]], found, distance)
        member[1:k] = found
        for place in range(1, k):
            remove(tree, member[place])
        n_members = k
        while n_members < 2 * k - 1 and _nearest_to_group(tree, point, member[:n_members], one, at):
            # The point nearest to the candidate is itself, or one of equal values.
            n_found = nearest(tree, point[one[0]], two, both)
            if n_found == 2 and not at[0] < gain * gain * both[1]:
                break
            member[n_members] = one[0]
            remove(tree, one[0])
            n_members += 1
        for place in range(n_members):
            group[member[place]] = n_groups
            mean[n_groups] += point[member[place]]
        size[n_groups] = n_members
        mean[n_groups] /= n_members
        n_groups += 1
    _join_nearest(tree, point, mean[:n_groups], group)
    return n_groups


@inner
def _join_nearest(tree: KdTree, point: Floats, mean: Floats, group: Ints) -> None:
    """Add each remaining point to the group with the nearest mean, the first of equally near ones."""
    while tree.live[0] > 0:
        number = tree.least[0]
        remove(tree, number)
        best = math.inf
        for g in range(mean.shape[0]):
            distance = square_distance(mean, g, point[number])
            if distance < best:
                best = distance
                group[number] = g


@kernel
def best_on_line(value: Vector[np.float64], k: int, group: OutVector[np.int64]) -> int:
    """Group ascending values with the least sum of squared differences to the means; return the number of groups.

    The best groups are runs of k to 2k - 1 values, so they are a shortest path over the places between values.

    Parameters
    ----------
    value : (n,) float64
        Ascending, finite.
    k : int
        1 to n.
    group : (n,) int64, out
        Ascending.

    References
    ----------
    Hansen, Mukherjee (2003), A polynomial algorithm for optimal univariate microaggregation, IEEE Transactions
    on Knowledge and Data Engineering 15(4).
    """
    n = value.shape[0]
    least = np.full(n + 1, np.inf)
    least[0] = 0.0
    cut = np.zeros(n + 1, np.int64)
    # least[p]: least cost of the first p values; each end tries at most 2k - 1 sizes, so O(k n).
    for end in range(k, n + 1):
        mean, spread = 0.0, 0.0
        for size in range(1, min(2 * k - 1, end) + 1):
            # Welford's update: no difference of large sums.
            begin = end - size
            gap = value[begin] - mean
            mean += gap / size
            spread += gap * (value[begin] - mean)
            if size >= k and least[begin] + spread < least[end]:
                least[end] = least[begin] + spread
                cut[end] = begin
    n_groups, end = 0, n
    while end > 0:
        n_groups += 1
        end = cut[end]
    end = n
    for g in range(n_groups - 1, -1, -1):
        group[cut[end] : end] = g
        end = cut[end]
    return n_groups

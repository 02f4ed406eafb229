"""Twin of the bands of a column: every cut of every band tried, one after the other."""

from collections.abc import Sequence

Band = tuple[int, int]


def depths_of(position: Sequence[float], count: Sequence[int]) -> list[list[Band]]:
    """First and last place of the bands of each depth, the values by themselves last."""
    n = len(position)
    depths: list[list[Band]] = [[(0, n - 1)]]
    while 2 ** len(depths) < n:
        depths.append([part for band in depths[-1] for part in parts_of(band, position, count)])
    return [*depths, [(i, i) for i in range(n)]]


def parts_of(band: Band, position: Sequence[float], count: Sequence[int]) -> list[Band]:
    """The two parts of a band whose rows lose least, or a single value as it is."""

    def lost(low: int, high: int) -> float:
        return sum(count[low : high + 1]) * (position[high] - position[low])

    low, high = band
    if low == high:
        return [band]
    last = min(range(low, high), key=lambda at: (lost(low, at) + lost(at + 1, high), at))
    return [(low, last), (last + 1, high)]


def least_band(members: set[int], depths: list[list[Band]]) -> Band:
    """The smallest band that holds all of some places."""
    least, most = min(members), max(members)
    holding = [(low, high) for depth in depths for low, high in depth if low <= least and most <= high]
    return min(holding, key=lambda band: band[1] - band[0])

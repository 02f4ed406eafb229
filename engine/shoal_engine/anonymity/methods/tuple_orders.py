"""Orders of tuples that the tight method keeps from one k to the next."""

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """The order of the tuples of one block, as `tight_classes` reads and writes it.

    Attributes
    ----------
    tuples, place : (n,) int64
        The block, and the places in it one after the other.
    n_light : (1,) int64
        Tuples with fewer than k rows, which come first; -1 before there is an order.
    """

    tuples: Counts
    place: Counts
    n_light: Counts

    @classmethod
    def of_none(cls, tuples: Counts) -> "Order":
        """Return room for an order."""
        return cls(tuples, np.empty_like(tuples), np.full(1, -1))


class Orders:
    """The order of the tuples of each block, kept from one k to the next.

    With k alone, the order depends on k only by which tuples have fewer than k rows; where these are the same, it is
    found once. With other models it depends on k itself and is found again.
    """

    def __init__(self) -> None:
        self._of_block: dict[int, Order] = {}
        self._of_part: dict[bytes, Orders] = {}

    def of(self, first: int, tuples: Counts) -> Order:
        """Return the order of the block at place `first`: the kept one if it has the same tuples."""
        kept = self._of_block.get(first)
        if kept is None or not np.array_equal(kept.tuples, tuples):
            self._of_block[first] = kept = Order.of_none(tuples)
        return kept

    def of_part(self, tuples: Counts) -> "Orders":
        """Return the orders of a part of the table that is cut by itself."""
        return self._of_part.setdefault(hashlib.sha256(tuples.tobytes()).digest(), Orders())

"""The weighted mean of updates (FedAvg: McMahan et al. 2017, algorithm 1), exact in any order.

Two forms of one aggregator. Where a bound on values and a number of updates are declared, each update is folded into
whole numbers as it arrives, in the memory of two float32 models whatever arrives. Else references are held, and the
release reads all of them side by side, once, under a bound that it finds itself.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from shoal_engine.errors import UpdateError
from shoal_engine.federated.fixed_point_sums import (
    FixedPointSum,
    Floats,
    average_many,
    declared_bits,
    grid_bits,
    tile_squares,
)
from shoal_engine.federated.holding import Admitted, Holding, measured
from shoal_engine.federated.models import Model, of_payloads
from shoal_engine.federated.rounds import Aggregate, Line
from shoal_engine.federated.tensors import DType, Tensor, narrowed, widened
from shoal_engine.federated.updates import Update

Values = npt.NDArray[Any]

_USUAL_BOUND: Final = 2.0**10
"""On the size of values, tried first where none is declared."""
_TINY: Final = 2.0**-16
"""Of the usual bound."""
_SQUARED: Final = 2.0**-50
"""Squares of values below it may be rounded to nothing in float32, and do not tell whether a bound holds."""


@dataclass(slots=True)
class Mean(Holding):
    """The mean of updates, each counted with the weight that it claims.

    Parameters
    ----------
    admission : Admission
    bound : float, optional
        On the size of every value; updates beyond it do not count. With `max_updates`, and a layout in
        ``admission.like``, updates are folded as they arrive.
    max_updates : int, optional
        That will be folded at most.
    accumulator : "fixed" | "float64"
        Whole numbers on a grid, or float64, for values too unequal for one grid. Squares must be finite in the dtype
        that is sent, so float32 values may be up to 1.8e19.
    n_threads : int
        They change no bit of the result.

    Examples
    --------
    >>> mean = Mean()
    >>> for node, value, weight in (("a", 1.0, 3), ("b", 5.0, 1)):
    ...     mean.observe(Update.of_arrays({"w": np.full(2, value)}, node=node, weight=weight))
    >>> mean.release().model.arrays()["w"]
    array([2., 2.])
    """

    bound: float | None = None
    max_updates: int | None = None
    accumulator: Literal["fixed", "float64"] = "fixed"
    n_threads: int = field(default=1, compare=False)
    _folded: "_Folded | None" = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.bound is not None and not 0 < self.bound < math.inf:
            msg = "a bound on values is above 0 and finite"
            raise UpdateError(msg)
        if self.max_updates is None:
            return
        if self.bound is None or self.admission.like is None or self.accumulator != "fixed":
            msg = "updates are folded where a bound and `like`, a model of their layout, are declared; declare both"
            raise UpdateError(msg)
        bits = declared_bits(self.bound, self.admission.max_weight, self.max_updates)
        self._folded = _Folded(FixedPointSum(self.admission.like.layout, bits))

    def observe(self, update: Update) -> None:
        """Take one update; where updates are folded, its memory is free again when this returns.

        Of a node that sends several, the first that is good is folded, and later ones do not count: what was added is
        not known any more. Where updates are held none of them counts, whatever came first.
        """
        if self._folded is None:
            Holding.observe(self, update)
        else:
            self._fold(update, self._folded)

    def merge(self, other: Holding) -> None:
        """Take what another aggregator with the same parameters has observed.

        Raises
        ------
        UpdateError
            Parameters differ; or, where updates are folded, both have one of the same node, or too many.
        """
        theirs = other._folded if isinstance(other, Mean) else None
        if self._folded is None or theirs is None:
            Holding.merge(self, other)
            return
        # NumPy would add one value to many.
        alike = self == other and self._folded.sums.layout == theirs.sums.layout
        if not alike or self._folded.nodes & theirs.nodes:
            msg = "means are merged that have the same parameters and no node in common; keep each node in one"
            raise UpdateError(msg)
        self._room(len(self._folded.nodes) + len(theirs.nodes))
        self._folded.merge(theirs)

    def release(self) -> Aggregate:
        """Return the mean, in the dtypes of the updates.

        Raises
        ------
        TooFewUpdates
        """
        if self._folded is not None:
            self.admission.enough(len(self._folded.nodes))
            return Aggregate(self._folded.sums.mean(float(self._folded.weight)), tuple(self._folded.told()))
        admitted = self.admitted()
        return self._of_floats(admitted) if self.accumulator == "float64" else self._of_grid(admitted)

    def _room(self, n: int) -> None:
        """Raise where more updates are folded than the grid was made for."""
        assert self.max_updates is not None
        if n > self.max_updates:
            msg = f"over {self.max_updates} updates of this round are good; declare a larger max_updates"
            raise UpdateError(msg)

    def _fold(self, update: Update, folded: "_Folded") -> None:
        """Add an update that counts, once all of it is known to be within the bound."""
        assert self.bound is not None
        line = self.admission.judged(update, self.admission.line(update), folded.sums.layout)
        if line.kept and update.node in folded.nodes:
            line = line.out("duplicate")
        if line.kept:
            line = bounded(line, update, self.bound)
        if line.kept:
            self._room(len(folded.nodes) + 1)
            folded.sums.add(update.model, line.weight)
            folded.nodes.add(line.node)
            folded.weight += Fraction(line.weight)
        folded.lines.append(line)

    def _of_grid(self, admitted: Admitted) -> Aggregate:
        """Average on a grid: that of the usual bound, or of the least power of two that holds every tile."""
        bound = self.bound or _USUAL_BOUND
        while True:
            self.admission.enough(len(admitted.updates))
            means, squares = _averages(admitted, bound, self.n_threads)
            lines = [
                measured(line, np.concatenate(of_one)) for line, of_one in zip(admitted.lines, squares, strict=True)
            ]
            outs = {place: line for place, line in enumerate(lines) if not line.kept}
            if self.bound is not None:
                for place, line in enumerate(lines):
                    if line.kept and not _is_within(admitted.updates[place].model, squares[place], bound):
                        outs[place] = line.out("beyond the bound")
            elif not outs:
                largest = math.sqrt(max(float(tiles.max(initial=0.0)) for of_one in squares for tiles in of_one))
                # Sums of squares bound each value of their tile. Where all are tiny, a finer grid keeps their digits.
                if largest > bound or 0 < largest < bound * _TINY:
                    bound = 2.0 ** math.frexp(largest)[1]
                    continue
            if not outs:
                return Aggregate(of_payloads(admitted.layout, means), (*lines, *admitted.refused))
            admitted = admitted.without(outs)

    def _of_floats(self, admitted: Admitted) -> Aggregate:
        """Average in float64, in the order of nodes."""
        squares = [
            np.concatenate([_squares(values, tensor.dtype) for values, tensor in _tensors(update)])
            for update in admitted.updates
        ]
        lines = [measured(line, of_one) for line, of_one in zip(admitted.lines, squares, strict=True)]
        admitted = admitted.without({place: line for place, line in enumerate(lines) if not line.kept})
        lines = [line for line in lines if line.kept]
        self.admission.enough(len(lines))
        total = float(sum(Fraction(line.weight) for line in lines))
        found: list[Values] = []
        for place, tensor in enumerate(admitted.layout):
            sums = np.zeros(tensor.size, np.float64)
            for update, line in zip(admitted.updates, lines, strict=True):
                sums += widened(update.model.payloads()[place], tensor.dtype) * np.float64(line.weight / total)
            found.append(narrowed(sums, tensor.dtype))
        return Aggregate(of_payloads(admitted.layout, found), (*lines, *admitted.refused))


@dataclass(slots=True)
class _Folded:
    """What was folded so far."""

    sums: FixedPointSum
    nodes: set[str] = field(default_factory=set[str])
    weight: Fraction = Fraction(0)
    lines: list[Line] = field(default_factory=list[Line])

    def merge(self, other: "_Folded") -> None:
        self.sums.merge(other.sums)
        self.nodes |= other.nodes
        self.weight += other.weight
        self.lines += other.lines

    def told(self) -> list[Line]:
        return sorted(self.lines, key=lambda line: line.node)


def bounded(line: Line, update: Update, bound: float) -> Line:
    """Return the line of an update as it is after a look at its values: out where one is beyond the bound."""
    squares = [_squares(values, tensor.dtype) for values, tensor in _tensors(update)]
    line = measured(line, np.concatenate(squares))
    if line.kept and not _is_within(update.model, squares, bound):
        return line.out("beyond the bound")
    return line


def _tensors(update: Update) -> Iterator[tuple[Values, Tensor]]:
    """Yield each tensor's values and what it is."""
    return zip(update.model.payloads(), update.model.layout, strict=True)


def _squares(values: Values, dtype: DType) -> Floats:
    return tile_squares(widened(values, dtype))


def _exact(values: Values, dtype: DType) -> Values:
    """Return values in the dtype of their mean before it is rounded, once: float64 for those of 16 bits."""
    return values if dtype in ("float32", "float64") else widened(values, dtype).astype(np.float64)


def _is_within(model: Model, squares: list[Floats], bound: float) -> bool:
    """Tell whether no value exceeds a bound: at a glance by sums of squares, else by looking at each."""
    for values, tensor, of_tiles in zip(model.payloads(), model.layout, squares, strict=True):
        if tensor.size and (bound < _SQUARED or math.sqrt(float(of_tiles.max(initial=0.0))) > bound):
            wide = widened(values, tensor.dtype)
            if max(float(wide.max()), -float(wide.min())) > bound:
                return False
    return True


def _averages(admitted: Admitted, bound: float, n_threads: int) -> tuple[list[Values], list[list[Floats]]]:
    """Return the mean of each tensor on the grid of a bound, and the sums of squares by update, tensor and tile."""
    weights = [line.weight for line in admitted.lines]
    total = sum(map(Fraction, weights), Fraction(0))
    bits = grid_bits(bound, max(weights), float(total))
    factors = np.array([math.ldexp(weight, bits) for weight in weights])
    scale = 1.0 / math.ldexp(float(total), bits)
    payloads = [update.model.payloads() for update in admitted.updates]
    means: list[Values] = []
    squares: list[list[Floats]] = [[] for _ in admitted.updates]
    for place, tensor in enumerate(admitted.layout):
        wide = [_exact(of_one[place], tensor.dtype) for of_one in payloads]
        mean, found = average_many(wide, factors, scale, n_threads=n_threads)
        means.append(mean if tensor.dtype == mean.dtype.name else narrowed(mean, tensor.dtype))
        for of_one, of_tiles in zip(squares, found, strict=True):
            of_one.append(of_tiles)
    return means, squares

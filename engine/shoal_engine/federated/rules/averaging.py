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
from shoal_engine.federated.sums.buffered_updates import Admitted, Holding, looked_at, measured
from shoal_engine.federated.sums.fixed_point_sums import (
    FEW_BESIDE,
    SHARE_BESIDE,
    FixedPointSum,
    Floats,
    Ints,
    average_many,
    declared_bits,
    grid_bits,
    has_digits,
    tile_squares,
)
from shoal_engine.federated.updates.model import Model, of_payloads
from shoal_engine.federated.updates.repeated_updates import Senders
from shoal_engine.federated.updates.round import Aggregate, Line
from shoal_engine.federated.updates.tensors import DType, Tensor, narrowed, widened
from shoal_engine.federated.updates.update import Update

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
        sums = FixedPointSum(self.admission.like.layout, bits)
        self._folded = _Folded(sums, Senders(once=self.admission.once))

    def observe(self, update: Update) -> None:
        """Take one update; where updates are folded, its memory is free again when this returns.

        What a node sends again counts once; of a node that sends different updates none counts. Where updates are
        folded, what was added is taken back (see `sent_twice`).
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
            Parameters differ; or, where updates are folded, there are too many, or nodes in common though the
            admission says that each is heard `once`.
        """
        theirs = other._folded if isinstance(other, Mean) else None
        if self._folded is None or theirs is None:
            Holding.merge(self, other)
            return
        # NumPy would add one value to many.
        alike = self == other and self._folded.sums.layout == theirs.sums.layout
        senders = self._folded.senders
        if not alike or self is other or (senders.once and senders.common(theirs.senders)):
            msg = (
                "means are merged that have the same parameters and, where each node is heard `once`, no node in "
                "common, and none with itself; give both one admission, and leave `once` out"
            )
            raise UpdateError(msg)
        self._room(senders.would_all_be_good(theirs.senders))
        self._folded.merge(theirs)

    def release(self) -> Aggregate:
        """Return the mean, in the dtypes of the updates.

        Raises
        ------
        TooFewUpdates
        """
        if self._folded is not None:
            lines = self._folded.senders.lines()
            self.admission.enough(lines)
            return Aggregate(self._folded.sums.mean(float(self._folded.weight)), lines)
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
        raw, weight = self.admission.line(update), float(update.weight)
        line = bounded(self.admission.judged(update, raw, folded.sums.layout), update, self.bound)
        if line.kept and not has_digits(self.bound, weight, folded.sums.bits):
            line = line.out("bad weight")
        beside = folded.sums.vanishing(update.model, weight) if line.kept else []
        if sum(map(len, beside)) > FEW_BESIDE + update.model.size // SHARE_BESIDE:
            line = line.out("below the grid")
        if line.kept:
            self._room(folded.senders.would_be_good(line.node))

        def fold(model: Model, line: Line, times: int) -> None:
            folded.fold(model, line, times, beside if model is update.model else None)

        folded.senders.observe(update, raw, line, fold)

    def _of_grid(self, admitted: Admitted) -> Aggregate:
        """Average on a grid: that of the usual bound, or of the least power of two that holds every tile."""
        bound = self.bound or _USUAL_BOUND
        while True:
            admitted.enough(self.admission, look=self._looked_at)
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

    def _looked_at(self, line: Line, update: Update) -> Line:
        """Return the line of an update after a look at its values."""
        return looked_at(line, update) if self.bound is None else bounded(line, update, self.bound)

    def _of_floats(self, admitted: Admitted) -> Aggregate:
        """Average in float64, in the order of nodes."""
        squares = [
            np.concatenate([_squares(values, tensor.dtype) for values, tensor in _tensors(update)])
            for update in admitted.updates
        ]
        lines = [measured(line, of_one) for line, of_one in zip(admitted.lines, squares, strict=True)]
        admitted = admitted.without({place: line for place, line in enumerate(lines) if not line.kept})
        lines = [line for line in lines if line.kept]
        admitted.enough(self.admission)
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
    senders: Senders
    weight: Fraction = Fraction(0)

    def fold(self, model: Model, line: Line, times: int, beside: list[Ints] | None = None) -> None:
        """Add a model as its line says, or with -1 take it back, exactly."""
        self.sums.add(model, times * line.weight, beside)
        self.weight += times * Fraction(line.weight)

    def merge(self, other: "_Folded") -> None:
        self.sums.merge(other.sums)
        self.weight += other.weight
        self.senders.merge(other.senders, self.fold)


def bounded(line: Line, update: Update, bound: float) -> Line:
    """Return the line of an update as it is after a look at its values: out where one is beyond the bound."""
    if not line.kept:
        return line
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
        _refine(mean, wide, factors, scale)
        means.append(mean if tensor.dtype == mean.dtype.name else narrowed(mean, tensor.dtype))
        for of_one, of_tiles in zip(squares, found, strict=True):
            of_one.append(of_tiles)
    return means, squares


def _refine(mean: Values, payloads: list[Values], factors: Floats, scale: float) -> None:
    """Put the mean, in the order of nodes, where all values are too small for the grid and not all are 0."""
    places = np.flatnonzero(mean == 0)
    if not len(places):
        return
    largest, total = np.zeros(len(places)), np.zeros(len(places))
    # What is not finite is told by the squares.
    with np.errstate(over="ignore", invalid="ignore"):
        for values, factor in zip(payloads, factors, strict=True):
            products = values[places].astype(np.float64) * factor
            np.maximum(largest, np.abs(products), out=largest)
            total += products
    tiny = (largest > 0) & (largest <= 0.5)
    mean[places[tiny]] = total[tiny] * scale

"""The weighted mean of updates (FedAvg: McMahan et al. 2017, algorithm 1), exact in any order.

Two forms of one aggregator. Where a bound on values and a number of updates are declared, each update is folded into
integers as it arrives, in the memory of two float32 models whatever arrives. Else references are held, and the
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
from shoal_engine.federated.sums.buffered_updates import AcceptedUpdates, BufferedAggregator, measure_norm, with_norm
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
from shoal_engine.federated.updates.round import RoundResult, UpdateRecord
from shoal_engine.federated.updates.tensors import DType, Tensor, narrowed, widened
from shoal_engine.federated.updates.update import Update

Values = npt.NDArray[Any]

_USUAL_BOUND: Final = 2.0**10
"""On the size of values, tried first where none is declared."""
_TINY: Final = 2.0**-16
"""Of the usual bound."""
_SQUARED: Final = 2.0**-50
"""Squares of values below it may be rounded to nothing in float32, and do not tell whether a bound holds."""
_CANCELLED: Final = 2.0**-8
"""Sums of less than this share of their largest term lose more digits than rounding takes."""


@dataclass(slots=True)
class WeightedMean(BufferedAggregator):
    """The mean of updates, each counted with the weight that it claims.

    Parameters
    ----------
    checks : UpdateChecks
    bound : float, optional
        On the size of every value; updates beyond it do not count. With `max_updates`, and a layout in
        ``checks.like``, updates are folded as they arrive.
    max_updates : int, optional
        That will be folded at most.
    accumulator : "fixed" | "float64"
        Integers on a grid, or float64, for values too unequal for one grid. Squares must be finite in the dtype
        that is sent, so float32 values may be up to 1.8e19.
    n_threads : int
        They change no bit of the result.

    Examples
    --------
    >>> mean = WeightedMean()
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
        if self.bound is None or self.checks.like is None or self.accumulator != "fixed":
            msg = "updates are folded where a bound and `like`, a model of their layout, are declared; declare both"
            raise UpdateError(msg)
        bits = declared_bits(self.bound, self.checks.max_weight, self.max_updates)
        sums = FixedPointSum(self.checks.like.layout, bits)
        self._folded = _Folded(sums, Senders(once=self.checks.once))

    def observe(self, update: Update) -> None:
        """Take one update; where updates are folded, its memory is free again when this returns.

        A repeated update counts once; if a node sends different updates none counts. Where updates are
        folded, the update added first is taken back (see `sent_twice`).
        """
        if self._folded is None:
            BufferedAggregator.observe(self, update)
        else:
            self._fold(update, self._folded)

    def merge(self, other: BufferedAggregator) -> None:
        """Take what another aggregator with the same parameters has observed.

        Raises
        ------
        UpdateError
            Parameters differ; or, where updates are folded, there are too many, or nodes in common though the
            checks says that each is heard `once`.
        """
        theirs = other._folded if isinstance(other, WeightedMean) else None
        if self._folded is None or theirs is None:
            BufferedAggregator.merge(self, other)
            return
        # NumPy would add one value to many.
        alike = self == other and self._folded.sums.layout == theirs.sums.layout
        senders = self._folded.senders
        if not alike or self is other or (senders.once and senders.common(theirs.senders)):
            msg = (
                "means are merged that have the same parameters and, where each node is heard `once`, no node in "
                "common, and none with itself; give both one checks, and leave `once` out"
            )
            raise UpdateError(msg)
        self._room(senders.would_all_be_good(theirs.senders))
        self._folded.merge(theirs)

    def release(self) -> RoundResult:
        """Return the mean, in the dtypes of the updates.

        Raises
        ------
        TooFewUpdates
        """
        if self._folded is not None:
            records = self._folded.senders.records()
            self.checks.require_enough(records)
            return RoundResult(self._folded.sums.mean(float(self._folded.weight)), records)
        accepted = self.accepted()
        return self._of_floats(accepted) if self.accumulator == "float64" else self._of_grid(accepted)

    def _room(self, n: int) -> None:
        """Raise where more updates are folded than the grid was made for."""
        assert self.max_updates is not None
        if n > self.max_updates:
            msg = f"over {self.max_updates} updates of this round are good; declare a larger max_updates"
            raise UpdateError(msg)

    def _fold(self, update: Update, folded: "_Folded") -> None:
        """Add an update that counts, once all of it is known to be within the bound."""
        assert self.bound is not None
        raw, weight = self.checks.record(update), float(update.weight)
        record = bounded(self.checks.check(update, raw, folded.sums.layout), update, self.bound)
        if record.kept and not has_digits(self.bound, weight, folded.sums.bits):
            record = record.reject("bad weight")
        beside = folded.sums.vanishing(update.model, weight) if record.kept else []
        if sum(map(len, beside)) > FEW_BESIDE + update.model.size // SHARE_BESIDE:
            record = record.reject("below the grid")
        if record.kept:
            self._room(folded.senders.would_be_good(record.node))

        def fold(model: Model, record: UpdateRecord, times: int) -> None:
            folded.fold(model, record, times, beside if model is update.model else None)

        folded.senders.observe(update, raw, record, fold)

    def _of_grid(self, accepted: AcceptedUpdates) -> RoundResult:
        """Average on a grid: that of the usual bound, or of the least power of two that holds every tile."""
        bound = self.bound or _USUAL_BOUND
        while True:
            accepted.require_enough(self.checks, look=self._measure_norm)
            means, squares = _averages(accepted, bound, self.n_threads)
            records = [
                with_norm(record, np.concatenate(of_one))
                for record, of_one in zip(accepted.records, squares, strict=True)
            ]
            outs = {place: record for place, record in enumerate(records) if not record.kept}
            if self.bound is not None:
                for place, record in enumerate(records):
                    if record.kept and not _is_within(accepted.updates[place].model, squares[place], bound):
                        outs[place] = record.reject("beyond the bound")
            elif not outs:
                largest = math.sqrt(max(float(tiles.max(initial=0.0)) for of_one in squares for tiles in of_one))
                # Sums of squares bound each value of their tile. Where all are tiny, a finer grid keeps their digits.
                if largest > bound or 0 < largest < bound * _TINY:
                    bound = 2.0 ** math.frexp(largest)[1]
                    continue
            if not outs:
                return RoundResult(of_payloads(accepted.layout, means), (*records, *accepted.rejected))
            accepted = accepted.without(outs)

    def _measure_norm(self, record: UpdateRecord, update: Update) -> UpdateRecord:
        """Return the record of an update after a look at its values."""
        return measure_norm(record, update) if self.bound is None else bounded(record, update, self.bound)

    def _of_floats(self, accepted: AcceptedUpdates) -> RoundResult:
        """Average in float64, in the order of nodes."""
        squares = [
            np.concatenate([_squares(values, tensor.dtype) for values, tensor in _tensors(update)])
            for update in accepted.updates
        ]
        records = [with_norm(record, of_one) for record, of_one in zip(accepted.records, squares, strict=True)]
        accepted = accepted.without({place: record for place, record in enumerate(records) if not record.kept})
        records = [record for record in records if record.kept]
        accepted.require_enough(self.checks)
        total = float(sum(Fraction(record.weight) for record in records))
        found: list[Values] = []
        for place, tensor in enumerate(accepted.layout):
            sums = np.zeros(tensor.size, np.float64)
            for update, record in zip(accepted.updates, records, strict=True):
                sums += widened(update.model.payloads()[place], tensor.dtype) * np.float64(record.weight / total)
            found.append(narrowed(sums, tensor.dtype))
        return RoundResult(of_payloads(accepted.layout, found), (*records, *accepted.rejected))


@dataclass(slots=True)
class _Folded:
    """Sums of the updates folded so far."""

    sums: FixedPointSum
    senders: Senders
    weight: Fraction = Fraction(0)

    def fold(self, model: Model, record: UpdateRecord, times: int, beside: list[Ints] | None = None) -> None:
        """Add a model as its record says, or with -1 take it back, exactly."""
        self.sums.add(model, times * record.weight, beside)
        self.weight += times * Fraction(record.weight)

    def merge(self, other: "_Folded") -> None:
        self.sums.merge(other.sums)
        self.weight += other.weight
        self.senders.merge(other.senders, self.fold)


def bounded(record: UpdateRecord, update: Update, bound: float) -> UpdateRecord:
    """Return the record of an update as it is after a look at its values: out where one is beyond the bound."""
    if not record.kept:
        return record
    squares = [_squares(values, tensor.dtype) for values, tensor in _tensors(update)]
    record = with_norm(record, np.concatenate(squares))
    if record.kept and not _is_within(update.model, squares, bound):
        return record.reject("beyond the bound")
    return record


def _tensors(update: Update) -> Iterator[tuple[Values, Tensor]]:
    """Yield each tensor's values and description."""
    return zip(update.model.payloads(), update.model.layout, strict=True)


def _squares(values: Values, dtype: DType) -> Floats:
    return tile_squares(widened(values, dtype))


def _exact(values: Values, dtype: DType) -> Values:
    """Return values in the dtype of their mean before it is rounded, once: float64 for those of 16 bits."""
    return values if dtype in ("float32", "float64") else widened(values, dtype).astype(np.float64)


def _is_within(model: Model, squares: list[Floats], bound: float) -> bool:
    """Return whether no value exceeds a bound: at a glance by sums of squares, else by looking at each."""
    for values, tensor, of_tiles in zip(model.payloads(), model.layout, squares, strict=True):
        if tensor.size and (bound < _SQUARED or math.sqrt(float(of_tiles.max(initial=0.0))) > bound):
            wide = widened(values, tensor.dtype)
            if max(float(wide.max()), -float(wide.min())) > bound:
                return False
    return True


def _averages(accepted: AcceptedUpdates, bound: float, n_threads: int) -> tuple[list[Values], list[list[Floats]]]:
    """Return the mean of each tensor on the grid of a bound, and the sums of squares by update, tensor and tile."""
    weights = [record.weight for record in accepted.records]
    total = sum(map(Fraction, weights), Fraction(0))
    bits = grid_bits(bound, max(weights), float(total))
    factors = np.array([math.ldexp(weight, bits) for weight in weights])
    scale = 1.0 / math.ldexp(float(total), bits)
    payloads = [update.model.payloads() for update in accepted.updates]
    means: list[Values] = []
    squares: list[list[Floats]] = [[] for _ in accepted.updates]
    for place, tensor in enumerate(accepted.layout):
        wide = [_exact(of_one[place], tensor.dtype) for of_one in payloads]
        mean, found = average_many(wide, factors, scale, n_threads=n_threads)
        _refine(mean, wide, factors, scale)
        means.append(mean if tensor.dtype == mean.dtype.name else narrowed(mean, tensor.dtype))
        for of_one, of_tiles in zip(squares, found, strict=True):
            of_one.append(of_tiles)
    return means, squares


def _refine(mean: Values, payloads: list[Values], factors: Floats, scale: float) -> None:
    """Put the mean where all values are too small for the grid and not all are 0: exactly where they cancel."""
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
    for place in places[tiny & (np.abs(total) < largest * _CANCELLED)].tolist():
        pairs = zip(payloads, factors, strict=True)
        exact = sum((Fraction(float(values[place])) * Fraction(float(factor)) for values, factor in pairs), Fraction(0))
        mean[place] = float(exact * Fraction(scale))

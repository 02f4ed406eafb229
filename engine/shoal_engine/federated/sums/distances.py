"""Distances of models, and combinations of them: read part by part, summed part by part in order.

Whatever the number of threads, the same bytes; and apart from the models no more memory than a part of each.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from shoal_engine.errors import UpdateError
from shoal_engine.federated.sums.buffered_updates import AcceptedUpdates, BufferedAggregator
from shoal_engine.federated.updates.model import Model, of_payloads
from shoal_engine.federated.updates.round import UpdateRecord
from shoal_engine.federated.updates.tensors import Tensor, narrowed, widened
from shoal_engine.tables.buffers import aligned_empty
from shoal_engine.threads import in_threads

Values = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

PART: Final = 48 * 1024
"""Values of a tensor that are worked on at once."""
LARGEST_SQUARE: Final = 2.0**1000
"""Of a length; so that squared distances, and sums of many of them, are finite too."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of one tensor of each of several models, as kernels take it.

    Attributes
    ----------
    tensor : Tensor
    dtype : "float32" | "float64"
        Type of the values that are read: those of 16 bits were widened.
    addresses : (n_models,) uint64
        Index of the first value of each.
    into : array
        Where to write the part of the result, in the tensor's dtype.
    """

    tensor: Tensor
    dtype: str
    addresses: npt.NDArray[np.uint64]
    into: Values


def in_parts(
    models: Sequence[Model],
    work: Callable[[Part], Floats],
    *,
    every: int = 1,
    n_threads: int = 1,
    result: bool = True,
) -> tuple[Model | None, list[Floats]]:
    """Run work on each part of models of one layout.

    Parameters
    ----------
    models : sequence of Model
        Of one layout.
    work : callable
        Given a part, it returns its result. Several run at once.
    every : int
        Process one part in `n_parts` of each tensor, and the first; then there is no result.
    result : bool
        Whether there is one; else the output is thrown away.

    Returns
    -------
    model : Model or None
        The result.
    found : list of float64 arrays
        By part, in order.
    """
    layout, payloads = models[0].layout, [list(map(_aligned, model.payloads())) for model in models]
    starts = [_addresses([of_one[place] for of_one in payloads]) for place in range(len(layout))]
    results = [aligned_empty(of_first.size if result else 0, of_first.dtype) for of_first in payloads[0]]
    parts = [
        (place, first, min(tensor.size, first + PART))
        for place, tensor in enumerate(layout)
        for first in range(0, tensor.size, PART * every)
    ]

    def one(part: tuple[int, int, int]) -> Floats:
        place, first, last = part
        tensor, stored = layout[place], results[place].dtype
        into = results[place][first:last] if result else aligned_empty(last - first, stored)
        if stored.itemsize > 2:
            return work(Part(tensor, stored.name, starts[place] + np.uint64(first * stored.itemsize), into))
        wide = [widened(of_one[place][first:last], tensor.dtype) for of_one in payloads]
        return work(Part(tensor, "float32", _addresses(wide), into))

    found = in_threads(one, parts, n_threads)
    return of_payloads(layout, results) if result else None, found


def squared_distances(models: Sequence[Model], *, coarse: bool = False, every: int = 1, n_threads: int = 1) -> Floats:
    """Return the squared Euclidean distance of every two models, and of each to the origin.

    Sums of squared differences, however much the models have in common and however far some are: the relative error is
    below 1e-13, or 1e-6 where it may be coarse.

    Parameters
    ----------
    models : sequence of Model
        Of one layout.
    coarse : bool
        Take squares of values of up to 32 bits in float32, which is twice as fast.
    every : int
        Read one part in this many of each tensor.

    Returns
    -------
    squares : (n_models + 1, n_models + 1) float64
        Symmetric; the last row is of the origin. Not finite where one of the two models is not.

    Examples
    --------
    >>> models = [Model.of_arrays({"w": np.array([x, 4.0])}) for x in (0.0, 3.0)]
    >>> squared_distances(models).tolist()
    [[0.0, 9.0, 16.0], [9.0, 0.0, 25.0], [16.0, 25.0, 0.0]]
    """
    from shoal_kernels.aggregation import pairwise_distances as kernels

    n_rows = -(-(len(models) + 1) // kernels.SIDE) * kernels.SIDE

    def measure(part: Part) -> Floats:
        n = len(part.into)
        block, found = np.empty(kernels.SIDE**2, np.float64), np.empty((n_rows, n_rows), np.float64)
        if coarse and part.dtype == "float32":
            rows = aligned_empty((n_rows, kernels.COARSE_TILE), np.float32)
            kernels.COARSE_SQUARED_DISTANCES(part.addresses, n, rows, block, found)
        else:
            rows = aligned_empty((n_rows, kernels.TILE), np.float64)
            kernels.SQUARED_DISTANCES[part.dtype](part.addresses, n, rows, block, found)
        return found

    total = np.zeros((n_rows, n_rows), np.float64)
    for found in in_parts(models, measure, every=every, n_threads=n_threads, result=False)[1]:
        total += found
    upper = np.triu(total[: len(models) + 1, : len(models) + 1], 1)
    return upper + upper.T


def combined(models: Sequence[Model], weights: Sequence[float] | Floats, *, n_threads: int = 1) -> tuple[Model, Floats]:
    """Return the sum of models times weights, and the squared distance of each model to it.

    Added up in float64 in the order of models, and rounded once to the dtypes of the layout; distances are to the sum
    before it is rounded.

    Parameters
    ----------
    models : sequence of Model
        Of one layout.
    weights : (n_models,) float64
        A model of weight 0 may hold NaN.

    Returns
    -------
    combination : Model
    squares : (n_models,) float64
        Not finite where a model is not.

    Examples
    --------
    >>> models = [Model.of_arrays({"w": np.array([x])}) for x in (0.0, 4.0)]
    >>> combination, squares = combined(models, [0.75, 0.25])
    >>> combination.arrays()["w"], squares
    (array([1.]), array([1., 9.]))
    """
    from shoal_kernels.aggregation.linear_combinations import COMBINE, LANES

    factors = np.asarray(weights, np.float64)
    used = np.flatnonzero(factors)

    def add_up(part: Part) -> Floats:
        squares, sums = np.empty(len(factors), np.float64), aligned_empty(len(part.into), np.float64)
        COMBINE[part.dtype](part.addresses, factors, used, aligned_empty(LANES, np.float64), squares, sums)
        part.into[:] = narrowed(sums, part.tensor.dtype)
        return squares

    combination, found = in_parts(models, add_up, n_threads=n_threads)
    assert combination is not None
    return combination, sum(found, np.zeros(len(models), np.float64))


def _addresses(arrays: Sequence[Values]) -> npt.NDArray[np.uint64]:
    """Return where the first value of each array lies; whoever uses it keeps the arrays alive."""
    return np.array([values.__array_interface__["data"][0] for values in arrays], np.uint64)


def _aligned(values: Values) -> Values:
    return values if values.flags.aligned else values.copy()


def accepted_distances(
    rule: BufferedAggregator, needed: int, why: str, n_threads: int
) -> tuple[AcceptedUpdates, Floats]:
    """Return the updates that are finite, and their squared distances.

    Parameters
    ----------
    rule : BufferedAggregator
    needed : int
        Good updates at least.
    why : str
        Reason for the number, for the error message.
    n_threads : int

    Raises
    ------
    TooFewUpdates
        Fewer than needed are good.
    """
    accepted = rule.accepted()
    accepted.require_enough(rule.checks, needed, why)
    models = [update.model for update in accepted.updates]
    squares = squared_distances(models, coarse=True, n_threads=n_threads)
    accepted, places = with_norms(accepted, squares[:-1, -1])
    accepted.require_enough(rule.checks, needed, why)
    return accepted, squares[np.ix_(places, places)]


def measured_from(accepted: AcceptedUpdates, center: Model | None, *, n_threads: int = 1) -> AcceptedUpdates:
    """Return the updates that are finite; in their records, norms are those of changes from a center, or the origin.

    Raises
    ------
    UpdateError
        The center is not finite, or not of the updates' layout.
    """
    models = [update.model for update in accepted.updates]
    if not models:
        return accepted
    if center is not None:
        if center.layout != accepted.layout:
            msg = "the center is not of the updates' layout; give a model with their tensors"
            raise UpdateError(msg)
        models.append(center)
    weights = [0.0] * len(accepted.updates) + [1.0] * (center is not None)
    _, squares = combined(models, weights, n_threads=n_threads)
    if center is not None and not np.isfinite(squares[-1]):
        msg = "the center, or the round's model, has a value that is not finite; give another"
        raise UpdateError(msg)
    return with_norms(accepted, squares[: len(accepted.updates)])[0]


def with_norms(accepted: AcceptedUpdates, squares: Floats) -> tuple[AcceptedUpdates, list[int]]:
    """Return the updates of finite norm, with the norms in their records, and their places."""
    records = list(accepted.records)
    outs: dict[int, UpdateRecord] = {}
    for place, (record, square) in enumerate(zip(accepted.records, squares, strict=True)):
        if square <= LARGEST_SQUARE:
            records[place] = replace(record, norm=math.sqrt(square))
        else:
            outs[place] = record.reject("not finite or too large")
    return replace(accepted, records=tuple(records)).without(outs), [p for p in range(len(records)) if p not in outs]

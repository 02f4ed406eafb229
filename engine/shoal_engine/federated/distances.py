"""Distances of models, and combinations of them: read part by part, summed part by part in order.

Whatever the number of threads, the same bytes; and beside the models no more memory than a part of each.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from shoal_engine.errors import UpdateError
from shoal_engine.federated.holding import Admitted, Holding
from shoal_engine.federated.models import Model, of_payloads
from shoal_engine.federated.rounds import Line
from shoal_engine.federated.tensors import Tensor, narrowed, widened
from shoal_engine.threads import in_threads

Values = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

PART: Final = 2**16
"""Values of a tensor that are worked on at once."""
LARGEST_SQUARE: Final = 2.0**1000
"""Of a length; so that squared distances, and sums of many of them, are finite too."""


def in_parts(
    models: Sequence[Model],
    work: Callable[[Tensor, list[Values], Values], Floats],
    *,
    n_threads: int = 1,
    result: bool = True,
) -> tuple[Model | None, Iterator[Floats]]:
    """Run work on each part of models of one layout.

    Parameters
    ----------
    models : sequence of Model
        Of one layout.
    work : callable
        Given a tensor, a part of it of each model in float32 or float64, and where to write its part of the result, in
        the tensor's dtype, it returns what it found. Several run at once.
    result : bool
        Whether there is one; else what is written is thrown away.

    Returns
    -------
    model : Model or None
        The result.
    found : iterator of float64 arrays
        By part, in order.
    """
    layout, payloads = models[0].layout, [model.payloads() for model in models]
    results = [np.empty(of_first.size if result else 0, of_first.dtype) for of_first in payloads[0]]
    parts = [
        (place, first, min(tensor.size, first + PART))
        for place, tensor in enumerate(layout)
        for first in range(0, tensor.size, PART)
    ]

    def one(part: tuple[int, int, int]) -> Floats:
        place, first, last = part
        here = [_aligned(widened(of_one[place][first:last], layout[place].dtype)) for of_one in payloads]
        into = results[place][first:last] if result else np.empty(last - first, results[place].dtype)
        return work(layout[place], here, into)

    found = in_threads(one, parts, n_threads)
    return of_payloads(layout, results) if result else None, iter(found)


def squared_distances(models: Sequence[Model], *, n_threads: int = 1) -> Floats:
    """Return the squared Euclidean distance of every two models, and of each to the origin.

    Sums of squared differences in float64: the relative error is below 1e-13, however much the models have in common
    and however far some are.

    Parameters
    ----------
    models : sequence of Model
        Of one layout.

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
    from shoal_kernels.pairwise_distances import SIDE, SQUARED_DISTANCES, TILE

    n_rows = -(-(len(models) + 1) // SIDE) * SIDE

    def measure(tensor: Tensor, values: list[Values], into: Values) -> Floats:
        del tensor
        rows, block = np.empty((n_rows, TILE), np.float64), np.empty(SIDE * SIDE, np.float64)
        found = np.empty((n_rows, n_rows), np.float64)
        SQUARED_DISTANCES[values[0].dtype.name](addresses(values), len(into), rows, block, found)
        return found

    total = np.zeros((n_rows, n_rows), np.float64)
    for found in in_parts(models, measure, n_threads=n_threads, result=False)[1]:
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
        A model of weight 0 may hold what is no number.

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
    from shoal_kernels.combining import COMBINE, LANES

    factors = np.asarray(weights, np.float64)

    def add_up(tensor: Tensor, values: list[Values], into: Values) -> Floats:
        squares, sums = np.empty(len(values), np.float64), np.empty(len(into), np.float64)
        COMBINE[values[0].dtype.name](addresses(values), factors, np.empty(LANES, np.float64), squares, sums)
        into[:] = narrowed(sums, tensor.dtype)
        return squares

    combination, found = in_parts(models, add_up, n_threads=n_threads)
    assert combination is not None
    return combination, sum(found, np.zeros(len(models), np.float64))


def addresses(arrays: Sequence[Values]) -> npt.NDArray[np.uint64]:
    """Return where the first value of each array lies; whoever uses it keeps the arrays alive."""
    return np.array([values.__array_interface__["data"][0] for values in arrays], np.uint64)


def _aligned(values: Values) -> Values:
    return values if values.flags.aligned else values.copy()


def judged(rule: Holding, needed: int, why: str, n_threads: int) -> tuple[Admitted, Floats]:
    """Return the updates that are finite, and their squared distances.

    Parameters
    ----------
    rule : Holding
    needed : int
        Good updates at least.
    why : str
        Why so many, as the error tells it.
    n_threads : int

    Raises
    ------
    TooFewUpdates
        Fewer than needed are good.
    """
    admitted = rule.admitted()
    rule.admission.enough(len(admitted.updates), needed, why)
    squares = squared_distances([update.model for update in admitted.updates], n_threads=n_threads)
    admitted, places = measured(admitted, squares[:-1, -1])
    rule.admission.enough(len(places), needed, why)
    return admitted, squares[np.ix_(places, places)]


def measured_from(admitted: Admitted, center: Model | None, *, n_threads: int = 1) -> Admitted:
    """Return the updates that are finite; in their lines, norms are lengths of changes from a center, or the origin.

    Raises
    ------
    UpdateError
        The center is not finite, or not of the updates' layout.
    """
    models = [update.model for update in admitted.updates]
    if not models:
        return admitted
    if center is not None:
        if center.layout != admitted.layout:
            msg = "the center is not of the updates' layout; give a model with their tensors"
            raise UpdateError(msg)
        models.append(center)
    weights = [0.0] * len(admitted.updates) + [1.0] * (center is not None)
    _, squares = combined(models, weights, n_threads=n_threads)
    if center is not None and not np.isfinite(squares[-1]):
        msg = "the center, or the round's model, has a value that is not finite; give another"
        raise UpdateError(msg)
    return measured(admitted, squares[: len(admitted.updates)])[0]


def measured(admitted: Admitted, squares: Floats) -> tuple[Admitted, list[int]]:
    """Return the updates whose squared lengths are finite, with the lengths in their lines, and their places."""
    lines = list(admitted.lines)
    outs: dict[int, Line] = {}
    for place, (line, square) in enumerate(zip(admitted.lines, squares, strict=True)):
        if square <= LARGEST_SQUARE:
            lines[place] = replace(line, norm=math.sqrt(square))
        else:
            outs[place] = line.out("not finite or too large")
    return replace(admitted, lines=tuple(lines)).without(outs), [p for p in range(len(lines)) if p not in outs]

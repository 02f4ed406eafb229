"""Bulyan (El Mhamdi, Guerraoui, Rouault 2018): Krum picks updates one by one, then values near the median count."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from shoal_engine.federated.rules.krum import at_least_zero, chosen, krum_scores
from shoal_engine.federated.sums.buffered_updates import BufferedAggregator
from shoal_engine.federated.sums.distances import Floats, Part, accepted_distances, in_parts
from shoal_engine.federated.updates.model import Model
from shoal_engine.federated.updates.round import RoundResult
from shoal_engine.federated.updates.tensors import narrowed
from shoal_engine.tables.aligned import aligned_empty


@dataclass(slots=True)
class Bulyan(BufferedAggregator):
    """For each value, the mean of the n - 4 f selected ones that are closest to the median of the selected.

    Selected are n - 2 f updates: Krum's choice, then Krum's choice of the rest, and so on. The report's distances are
    Krum's scores among all. Claimed weights play no part.

    Parameters
    ----------
    checks : UpdateChecks
    f : int
        Updates that may be hostile; at least 4 f + 3 are needed in all.
    n_threads : int
        They change no bit of the result.

    Notes
    -----
    Krum is run on the rest: the score of each of r updates is from its r - f - 2 closest others, at least one. So
    the number of neighbors shrinks with the set, as algorithm and proof have it.

    References
    ----------
    El Mhamdi, Guerraoui, Rouault (2018), The hidden vulnerability of distributed learning in Byzantium, ICML,
    section 4. Where a value above and one below the median are as close, the lower counts.

    Examples
    --------
    >>> from shoal_engine.federated.updates.update import Update
    >>> bulyan = Bulyan(f=1)
    >>> for node, value in zip("abcdefg", (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 1e9)):
    ...     bulyan.observe(Update.of_arrays({"w": np.array([value])}, node=node))
    >>> bulyan.release().model.arrays()["w"]
    array([3.])
    """

    f: int = field(kw_only=True)
    n_threads: int = field(default=1, compare=False)

    def __post_init__(self) -> None:
        at_least_zero(self.f)

    def release(self) -> RoundResult:
        """Return the values near the medians of the selected updates.

        Raises
        ------
        TooFewUpdates
            Fewer than 4 f + 3 updates are good.
        """
        accepted, distances = accepted_distances(self, 4 * self.f + 3, f" by Bulyan with f={self.f}", self.n_threads)
        places = selection(distances, self.f)
        accepted = chosen(accepted, places, krum_scores(distances, self.f))
        models = [update.model for update in accepted.updates]
        found = mean_around_median(models, len(models) - 2 * self.f, n_threads=self.n_threads)
        return RoundResult(found, accepted.reported)


def selection(distances: Floats, f: int) -> list[int]:
    """Return the places of the n - 2 f updates that Krum chooses one after the other, in that order.

    Parameters
    ----------
    distances : (n, n) float64
        Squared.
    f : int
    """
    left = list(range(len(distances)))
    return [
        left.pop(int(np.argmin(krum_scores(distances[np.ix_(left, left)], f)))) for _ in range(len(distances) - 2 * f)
    ]


def mean_around_median(models: Sequence[Model], n_kept: int, *, n_threads: int = 1) -> Model:
    """Return for each value the mean of the `n_kept` of all models that are closest to their median.

    Added up in float64 from the lowest, and rounded once to the dtypes of the layout.

    Parameters
    ----------
    models : sequence of Model
        Of one layout, all finite.
    n_kept : int
        1 to the number of models.
    """
    from shoal_kernels.aggregation.bulyan import MEAN_AROUND_MEDIAN, TILE, exchanges

    pairs = exchanges(len(models))

    def average(part: Part) -> Floats:
        rows: npt.NDArray[np.float64] = aligned_empty((len(models), TILE), part.dtype)
        means = aligned_empty(len(part.into), np.float64)
        MEAN_AROUND_MEDIAN[part.dtype](part.addresses, pairs, n_kept, rows, aligned_empty(TILE, np.int64), means)
        part.into[:] = narrowed(means, part.tensor.dtype)
        return means[:0]

    found, _ = in_parts(models, average, n_threads=n_threads)
    assert found is not None
    return found

"""People behind a table: how many of a population share each of its tuples."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import numpy.typing as npt

from shoal_engine.errors import InputError
from shoal_kernels.tables.merging import merge_tuples

if TYPE_CHECKING:
    from shoal_engine.anonymity.policy.policy import Policy
    from shoal_engine.tables.grouping import Grouped

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """A population, counted over the quasi-identifiers of a table.

    Attributes
    ----------
    own : (n_tuples,) int64
        People of each tuple of the table, those of its rows included.
    outside_words, outside : (n_words, m) uint64, (m,) int64
        Tuples that the table does not hold, and their people.
    """

    own: Ints
    outside_words: Words
    outside: Ints


def people_policy(policy: "Policy") -> "Policy":
    """Return the policy by which a population is observed: its quasi-identifiers alone."""
    return msgspec.structs.replace(
        policy,
        k=max(2, policy.k),
        models=(),
        identifiers={},
        sensitive={},
        set_valued={},
        insensitive={},
        population="",
        unit="",
        undecided={},
    )


def count_people(sample: "Grouped", population: "Grouped", counted: Ints | None = None) -> People:
    """Count the people of each tuple; both groupings are over the same sizes.

    Parameters
    ----------
    sample, population : Grouped
    counted : (n_tuples,) int64, optional
        People of each tuple of the sample; its rows unless given.

    Raises
    ------
    InputError
        Some tuple has fewer people than rows in the sample.
    """
    n, m = sample.n_tuples, population.n_tuples
    words, weight = np.empty((len(sample.words), n + m), np.uint64), np.empty(n + m, np.int64)
    own_at, other_at, kept = np.empty(n, np.uint32), np.empty(m, np.uint32), np.zeros(1, np.int64)
    merge_tuples(
        np.ascontiguousarray(sample.words),
        np.zeros(n, np.int64),
        np.ascontiguousarray(population.words),
        population.weight,
        words,
        weight,
        own_at,
        other_at,
        kept,
    )
    people = weight[: kept[0]]
    if (people[own_at] < (sample.weight if counted is None else counted)).any():
        msg = (
            "population smaller than the sample: some class of the table has more rows than the population has people; "
            "give the population that the table was drawn from, with its columns coded alike"
        )
        raise InputError(msg)
    absent = np.ones(int(kept[0]), np.bool_)
    absent[own_at] = False
    return People(people[own_at], np.ascontiguousarray(words[:, : kept[0]][:, absent]), people[absent])

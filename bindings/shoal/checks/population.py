"""Population table of models counted in people: the policy's file, or one given by the caller."""

from typing import TYPE_CHECKING

import polars as pl

from shoal.io.frames import IntoFrame
from shoal.io.reading_by_policy import read_by_policy
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.anonymity.policy.table_models import of_people
from shoal_engine.errors import PolicyError

if TYPE_CHECKING:
    from shoal_engine.anonymity.table.observation import Observation


def population_of(policy: Policy, given: IntoFrame | None) -> pl.LazyFrame | None:
    """Return the population table of a policy, or None if no model needs it.

    Parameters
    ----------
    policy : Policy
    given : frame, table or path, optional
        Used instead of the file that the policy names.

    Raises
    ------
    InputError
        The file cannot be read.
    PolicyError
        A model needs a population and none is given, or one is given and no model needs it.
    """
    models = of_people(policy.models)
    if not models:
        if given is not None:
            msg = (
                "a population is given, and no model of the policy is counted in it; "
                "leave it out, or add to `models` { kind = 'k-map', k = 5 }"
            )
            raise PolicyError(msg)
        return None
    if given is not None:
        return read_by_policy(given, policy, population=True).frame
    if not policy.population:
        kind = type(models[0]).__struct_config__.tag
        msg = (
            f"{kind} needs a table of the population that the data were sampled from, and none is given; give "
            "population = ..., or name its file in the policy"
        )
        if kind == "k-map":
            msg += "; to estimate instead, give the model `sampling_fraction` or the number of people, `population`"
        raise PolicyError(msg)
    return read_by_policy(policy.locate(policy.population), policy, population=True).frame


def observe_people(policy: Policy, people: pl.LazyFrame | None, *, n_threads: int) -> "Observation | None":
    """Observe the population of a policy, if any; raises as `observe`."""
    from shoal.io.observing import observe
    from shoal_engine.anonymity.table.population import people_policy

    return None if people is None else observe(people, people_policy(policy), carry=False, n_threads=n_threads)

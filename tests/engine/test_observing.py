"""Summaries: any cut of the input and any order of merging give the same bytes, whatever is summed."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from shoal_engine.differential.queries.aggregates import Count
from shoal_engine.differential.queries.bounding import Bounds
from shoal_engine.differential.queries.budget import QueryBudget
from shoal_engine.differential.queries.moments import Sum
from shoal_engine.differential.queries.private_group_by import GroupQuery, Observation
from shoal_engine.federated.rules.table import RULES
from shoal_engine.federated.updates.update import Update
from shoal_engine.observing import Summary, merge_all, observe_all
from shoal_engine.randomness import Keystream

ROWS = pa.record_batch({"who": list(range(12)) * 2, "key": [0, 1, 2] * 8, "x": [float(i) for i in range(24)]})
QUERY = GroupQuery(("key",), (Count(), Sum("x", (Fraction(0), Fraction(9)), "sum")), ("who",), Bounds(2, 2))
QUERY_OF_KEYS = GroupQuery(QUERY.by, QUERY.aggregates, QUERY.unit, QUERY.bounds, pa.table({"key": [0, 1, 2]}))
OPTIONS: dict[str, dict[str, Any]] = {
    "trimmed-mean": {"share": 0.1},
    "krum": {"f": 1},
    "multi-krum": {"f": 1},
    "bulyan": {"f": 1},
    "centered-clipping": {"radius": 1.0},
    "norm-bound": {"limit": 1.0},
}
UPDATES = [Update.of_arrays({"w": np.array([u, u * u]) / 7}, node=f"n{u}", weight=u + 1.0) for u in range(8)]


def released(observation: Observation) -> bytes:
    """Return an answer with noise of a known key."""
    stream = Keystream._of_key(bytes(32), bytes(16))
    allotment = QUERY_OF_KEYS.allot(QueryBudget(Fraction(1)), "laplace")
    return observation.finish(bytes(16)).release(allotment, stream).serialize().to_pybytes()


CASES: dict[str, tuple[Callable[[], Summary[Any]], list[Any], Callable[[Any], bytes]]] = {
    "private group-by": (
        lambda: Observation(QUERY_OF_KEYS, n_threads=1),
        [ROWS.slice(start, 4) for start in range(0, 24, 4)],
        released,
    ),
    **{
        name: (
            lambda rule=rule, name=name: rule(**OPTIONS.get(name, {})),
            UPDATES,
            lambda rule: rule.release().model.payloads()[0].tobytes(),
        )
        for name, rule in RULES.items()
    },
}


@pytest.mark.parametrize("name", CASES)
def test_summary__any_cut_and_any_order_of_merging(name: str) -> None:
    begin, batches, finish = CASES[name]
    expected = finish(observe_all(begin(), batches))
    assert finish(observe_all(begin(), reversed(batches))) == expected
    parts = [observe_all(begin(), batches[start::3]) for start in range(3)]
    assert finish(merge_all(begin(), reversed(parts))) == expected

"""The table of aggregates is what the functions, the options and the engine's union of kinds offer."""

from typing import get_args

import polars as pl
import pytest

import shoal
from shoal import dp
from shoal_cli.query_commands import query
from shoal_engine.differential.queries.aggregate_table import AGGREGATES
from shoal_engine.differential.queries.aggregates import Aggregate

OF_OTHERS = {"median", "histogram", "mechanisms"}
"""A quantile of one half, keys, and single mechanisms."""


def test_table__has_every_function() -> None:
    assert {*dp.__all__} - OF_OTHERS == {*AGGREGATES}


def test_table__has_every_kind_once() -> None:
    kinds = [kind for one in AGGREGATES.values() for kind in one.kinds]
    assert sorted(kinds) == sorted(kind.__name__ for kind in get_args(Aggregate))


def test_table__is_the_options_of_the_command() -> None:
    options = [one.name for one in query.params]
    assert [name for name in options if name in AGGREGATES] == [*AGGREGATES]


def test_agg__refuses_what_is_no_aggregate_and_names_them() -> None:
    with pytest.raises(shoal.PolicyError, match=r"count, sum, .*count_clipped\), not a str"):
        shoal.private(pl.DataFrame({"x": [1]}), unit=None, ledger=None).group_by().agg("count")  # pyright: ignore[reportArgumentType]

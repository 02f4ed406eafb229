"""Which nodes of a lattice suppress no more than the policy allows, counted by hand."""

import polars as pl
import pytest

import shoal

TABLE = pl.DataFrame({"zip": ["11", "11", "11", "12", "12", "21", "22", "31"]})


@pytest.mark.parametrize("allowed", [0, 1, 2, 3, 4, 7])
def test_lattice__feasible_by_the_share_of_all_rows(allowed: int) -> None:
    """In pairs or more, 3 rows are left out as they are, 1 by the first digit, none as `*`."""
    policy = shoal.Policy(
        k=2,
        suppress=allowed / 8,
        quasi_identifiers={"zip": shoal.QuasiIdentifier(hierarchy=shoal.Prefix())},
    )
    nodes = shoal.lattice(TABLE, policy).sort("zip_level")
    assert nodes["suppressed_rows"].to_list() == [3, 1, 0]
    assert nodes["feasible"].to_list() == [allowed >= 3, allowed >= 1, True]

import polars as pl
import pytest

import shoal
from shoal.anonymity.anonymize import prepare
from shoal.io.frames import as_frame
from shoal_engine.anonymity.release import release as module


def test_batches__cuts_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    people = pl.DataFrame({"a": [1, 2, None] * 5, "r": range(15)})
    policy = shoal.Policy(
        k=5, order="sorted", quasi_identifiers={"a": shoal.QuasiIdentifier()}, insensitive={"r": shoal.Insensitive()}
    )
    release, *_ = prepare(people.lazy(), policy, "tight", 1, lambda step: None, population=None, utility=False)
    (whole,) = [as_frame(batch) for batch in release.batches()]
    monkeypatch.setattr(module, "BATCH_ROWS", 4)
    parts = [as_frame(batch) for batch in release.batches()]
    assert [part.height for part in parts] == [4, 4, 4, 3]
    assert pl.concat(parts).equals(whole)
    assert whole["a"].null_count() == 5
    assert (release.n_rows, release.schema.names) == (15, ["a", "r"])

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import shoal

PEOPLE = pl.DataFrame({"age": [20, 21, 30, 31] * 3, "sex": ["f", "m"] * 6, "s": ["x", "y", None] * 4})
POLICY = shoal.Policy(
    k=3,
    order="sorted",
    quasi_identifiers={"age": shoal.QuasiIdentifier(), "sex": shoal.QuasiIdentifier()},
    sensitive={"s": shoal.Sensitive()},
)
EXPECTED = shoal.anonymize(PEOPLE, POLICY).frame


def odd_pandas() -> pd.DataFrame:
    frame = PEOPLE.to_pandas()
    frame.index = pd.Index([7] * 6 + [-1] * 6, name="age")
    return frame


MAKERS = {
    "lazy": PEOPLE.lazy,
    "pandas": PEOPLE.to_pandas,
    "pandas with an odd index": odd_pandas,
    "duckdb": lambda: duckdb.sql("select * from PEOPLE"),
    "arrow": PEOPLE.to_arrow,
    "reader": lambda: PEOPLE.to_arrow().to_reader(max_chunksize=5),
    "chunks": lambda: pl.concat([PEOPLE[:5], PEOPLE[5:]], rechunk=False),
}


@pytest.mark.parametrize("name", MAKERS)
def test_into_lazy__any_frame_gives_the_same_release(name: str) -> None:
    found = shoal.anonymize(MAKERS[name](), POLICY)
    assert found.frame.equals(EXPECTED)
    assert shoal.assess(MAKERS[name](), POLICY) == shoal.assess(PEOPLE, POLICY)
    assert shoal.verify(MAKERS[name](), POLICY).assessment.rows == 12
    assert shoal.look(MAKERS[name]()).rows == 12


@pytest.mark.parametrize("frame", [None, 1, [1], {"a": [1]}])
def test_into_lazy__what_is_no_frame_is_told(frame: object) -> None:
    with pytest.raises(TypeError, match="give a Polars frame"):
        shoal.assess(frame, POLICY)


def test_anonymized__comes_back_through_arrow() -> None:
    found = shoal.anonymize(PEOPLE, POLICY)
    assert pa.table(found).num_rows == 12
    assert pl.DataFrame(found).equals(found.frame)
    arrow = pa.table(found)  # noqa: F841 - DuckDB finds it by name
    assert duckdb.sql("select count(*) from arrow").fetchall() == [(12,)]


def test_namespace__has_the_same_functions() -> None:
    for frame in (PEOPLE, PEOPLE.lazy()):
        assert frame.shoal.assess(POLICY) == shoal.assess(PEOPLE, POLICY)
        assert frame.shoal.anonymize(POLICY, method="mondrian").report.method == "mondrian"
        assert frame.shoal.look().rows == 12
    assert EXPECTED.shoal.verify(POLICY).met
    assert not PEOPLE.shoal.verify(shoal.Policy.of(k=4, quasi_identifiers=["age", "sex"])).met

"""Raw bytes of whatever leaves: they hold the released values and nothing that stood beside, before or under them."""

import io
import pickle
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import shoal
from shoal.io.frames import rebuilt_frame
from shoal_engine.tables.rebuilding import rebuilt

CANARY = "c4n4ry of a suppressed row"
NUMBER = 0x59_52_34_6E_34_63  # spells c4n4RY in memory, least byte first
SPELLED = NUMBER.to_bytes(8, "little")[:6]
TEXT = ["a", "b", "a", "b", CANARY]


def text_columns() -> dict[str, pl.Series]:
    """The canary is in the last row alone, in each type that can hold a text."""
    categories = ["never " + CANARY, CANARY, "b", "a"]
    named = pl.Categories("some of these tests")
    return {
        "string": pl.Series(TEXT),
        "binary": pl.Series([text.encode() for text in TEXT]),
        "categorical": pl.Series(TEXT, dtype=pl.Categorical),
        "named_categorical": pl.Series(TEXT, dtype=pl.Categorical(named)),
        "enum": pl.Series(TEXT, dtype=pl.Enum(categories)),
        "list": pl.Series([[text] for text in TEXT]),
        "list_categorical": pl.Series([[text] for text in TEXT], dtype=pl.List(pl.Categorical)),
        "list_enum": pl.Series([[text] for text in TEXT], dtype=pl.List(pl.Enum(categories))),
        "array_enum": pl.Series([[text] for text in TEXT], dtype=pl.Array(pl.Enum(categories), 1)),
        "struct": pl.Series([{"x": text, "n": 1} for text in TEXT]),
        "struct_categorical": pl.Series([{"x": text} for text in TEXT], dtype=pl.Struct({"x": pl.Categorical})),
        "deep": pl.Series(
            [[{"x": [text]}] for text in TEXT], dtype=pl.List(pl.Struct({"x": pl.List(pl.Enum(categories))}))
        ),
    }


def number_columns() -> dict[str, pl.Series]:
    numbers = [1, 2, 1, 2, NUMBER]
    return {
        "int": pl.Series(numbers),
        "datetime": pl.Series(numbers).cast(pl.Datetime("ns", "Europe/Berlin")),
        "duration": pl.Series(numbers).cast(pl.Duration("us")),
        "decimal": pl.Series([Decimal(n) for n in numbers], dtype=pl.Decimal(38, 0)),
        "int_list": pl.Series([[n] for n in numbers]),
    }


COLUMNS = text_columns() | number_columns()


def bytes_of(frame: pl.DataFrame, stream: Any) -> dict[str, bytes]:
    """What a frame is turned into by each way out of memory."""
    newest, oldest = pl.CompatLevel.newest(), pl.CompatLevel.oldest()
    tables = {"pa.table": pa.table(stream), "to_arrow": frame.to_arrow(compat_level=newest)}

    def written(write: Callable[[io.BytesIO], Any]) -> bytes:
        sink = io.BytesIO()
        write(sink)
        return sink.getvalue()

    def streamed(table: pa.Table) -> bytes:
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        return sink.getvalue()

    buffers = {
        f"{name} in memory": b"".join(
            bytes(buffer) for column in table.columns for chunk in column.chunks for buffer in every_buffer(chunk)
        )
        for name, table in tables.items()
    }
    return {
        "write_ipc": written(frame.write_ipc),
        "write_ipc_stream, newest": written(lambda sink: frame.write_ipc_stream(sink, compat_level=newest)),
        "write_ipc_stream, oldest": written(lambda sink: frame.write_ipc_stream(sink, compat_level=oldest)),
        "write_parquet": written(lambda sink: frame.write_parquet(sink, compression="uncompressed")),
        "serialize": frame.serialize(),
        "pickle": pickle.dumps(frame),
        **{name: streamed(table) for name, table in tables.items()},
        **buffers,
    }


def every_buffer(array: pa.Array) -> list[pa.Buffer]:
    dictionary = every_buffer(array.dictionary) if isinstance(array, pa.DictionaryArray) else []
    return [*(buffer for buffer in array.buffers() if buffer is not None), *dictionary]


def holding(ways: dict[str, bytes]) -> list[str]:
    return [way for way, content in ways.items() if b"c4n4ry" in content or SPELLED in content]


def people(column: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"age": [30, 30, 30, 30, 77], "kept": column})


POLICY = shoal.Policy.of(k=4, quasi_identifiers=["age"], insensitive=["kept"], suppress=0.3)


@pytest.mark.parametrize("name", COLUMNS)
def test_anonymize__frames_hold_no_suppressed_value(name: str) -> None:
    found = shoal.anonymize(people(COLUMNS[name]), POLICY)
    assert found.frame.height == 4
    assert holding(bytes_of(found.frame, found)) == []


@pytest.mark.parametrize("name", ["string", "categorical", "enum", "int", "datetime", "decimal"])
def test_anonymize__sensitive_and_quasi_identifying_values_leave_no_trace(name: str) -> None:
    for policy in (
        shoal.Policy.of(k=4, quasi_identifiers=["age"], sensitive=["kept"], l=2, suppress=0.3),
        *(
            shoal.Policy(k=2, quasi_identifiers={"kept": shoal.QuasiIdentifier(output=output)}, suppress=0.3)
            for output in ("label", "bounds", "center")
            if output == "label" or name in ("int", "datetime", "decimal")
        ),
    ):
        found = shoal.anonymize(people(COLUMNS[name]), policy)
        assert found.frame.height == 4
        assert holding(bytes_of(found.frame, found)) == []


@pytest.mark.parametrize("kind", ["parquet", "ipc", "feather", "csv", "tsv"])
@pytest.mark.parametrize("name", COLUMNS)
def test_anonymize_file__holds_no_suppressed_value(name: str, kind: str, tmp_path: Path) -> None:
    column = COLUMNS[name]
    if kind in ("csv", "tsv") and (column.dtype.is_nested() or column.dtype == pl.Binary):
        return
    output = tmp_path / f"out.{kind}"
    shoal.anonymize_file(people(column), output, POLICY)
    assert holding({kind: output.read_bytes()}) == []
    if kind == "parquet":
        # Compressed pages are read as they are decoded, dictionaries and statistics with them.
        table = pq.read_table(output, read_dictionary=["kept"])
        assert holding(bytes_of(pl.DataFrame(table), table)) == []
        assert CANARY not in str(pq.read_metadata(output).row_group(0).to_dict())


def test_anonymize_file__metadata_of_the_input_stays_there(tmp_path: Path) -> None:
    field = pa.field("kept", pa.list_(pa.field("c4n4ry", pa.string(), metadata={b"c4n4ry": b"c4n4ry"})))
    schema = pa.schema([("age", pa.int64()), field.with_metadata({b"note": b"c4n4ry"})], {b"pandas": b"c4n4ry"})
    table = pa.table([pa.array([30] * 4), pa.array([["a"]] * 4, field.type)], schema=schema)
    pq.write_table(table, tmp_path / "in.parquet")
    for kind in ("parquet", "ipc"):
        shoal.anonymize_file(tmp_path / "in.parquet", tmp_path / f"out.{kind}", POLICY)
        assert holding({kind: (tmp_path / f"out.{kind}").read_bytes()}) == []
    found = shoal.anonymize(table, POLICY)
    assert holding(bytes_of(found.frame, found)) == []


def test_anonymize__dropped_columns_and_identifiers_leave_no_trace(tmp_path: Path) -> None:
    table = pl.DataFrame(
        {"age": [30] * 4, "name": [CANARY] * 4, "other": pl.Series([CANARY] * 4, dtype=pl.Categorical)}
    )
    names = {"name": shoal.Identifier(), "other": shoal.Identifier()}
    policy = shoal.Policy(k=4, quasi_identifiers={"age": shoal.QuasiIdentifier()}, identifiers=names)
    found = shoal.anonymize(table, policy)
    assert holding(bytes_of(found.frame, found)) == []
    for kind in ("parquet", "ipc", "csv"):
        shoal.anonymize_file(table, tmp_path / f"out.{kind}", policy)
        assert holding({kind: (tmp_path / f"out.{kind}").read_bytes()}) == []


@pytest.mark.parametrize("name", ["string", "categorical", "enum", "int", "datetime"])
def test_suppress_cells__nothing_stands_under_the_nulls(name: str) -> None:
    table = pl.DataFrame({"q": COLUMNS[name], "w": [1] * 5})
    found = shoal.suppress_cells(table, ["q", "w"], k=2)
    assert found.cells["q"] == 1
    assert holding(bytes_of(found.frame, found)) == []


@pytest.mark.parametrize("name", COLUMNS)
def test_rebuilt_frame__holds_the_values_of_its_rows_alone(name: str) -> None:
    whole = pl.DataFrame({"kept": COLUMNS[name]})
    mask = pl.Series([True] * 4 + [False])
    hidden = whole.select(pl.when(mask).then(pl.col("kept")))
    for frame in (whole.head(4), whole.filter(mask), whole[1:3], hidden, hidden.head(0)):
        fresh = rebuilt_frame(frame)
        assert holding(bytes_of(fresh, fresh)) == []
        assert fresh.rows() == frame.rows()


def test_rebuilt_frame__enums_keep_the_order_of_what_occurs() -> None:
    frame = pl.DataFrame({"kept": COLUMNS["enum"], "deep": COLUMNS["deep"]}).head(4)
    assert rebuilt_frame(frame).schema == {
        "kept": pl.Enum(["b", "a"]),
        "deep": pl.List(pl.Struct({"x": pl.List(pl.Enum(["b", "a"]))})),
    }


def test_transforms__of_a_filtered_frame_hold_its_rows_alone() -> None:
    table = pl.DataFrame(COLUMNS).with_columns(pay=pl.Series([1.0, 2.0, 3.0, 4.0, 5.0])).head(4)
    for found in (
        shoal.microaggregate(table, ["pay"], k=2),
        shoal.top_bottom_code(table, ["pay"], upper=3),
        shoal.round_values(table, ["pay"], base=2),
        shoal.post_randomize(table, ["enum", "categorical"], pd=0.5),
        shoal.swap_ranks(table, ["enum", "string"], share=0.5),
        shoal.add_noise(table, ["pay"], variance=0.1),
    ):
        assert holding(bytes_of(found.frame, found)) == []


def test_rebuilt__arrays_that_hide_values_under_nulls() -> None:
    valid = pa.array([True, True, False]).buffers()[1]
    ends = pa.py_buffer(pa.array([0, 1, 2, 8], pa.int64()).buffers()[1])
    spelled = pa.py_buffer(b"\0" * 16 + b"c4n4ry\0\0")
    text = pa.Array.from_buffers(pa.large_string(), 3, [valid, ends, pa.py_buffer(b"abc4n4ry")])
    number = pa.Array.from_buffers(pa.int64(), 3, [valid, spelled])
    struct = pa.Array.from_buffers(pa.struct([("x", pa.int64())]), 3, [valid], children=[pa.array([1, 2, NUMBER])])
    lists = pa.Array.from_buffers(pa.large_list(pa.int64()), 3, [valid, pa.array([0, 1, 2, 3]).buffers()[1]],
                                  children=[pa.array([1, 2, NUMBER])])  # fmt: skip
    fixed = pa.FixedSizeListArray.from_arrays(pa.array([1, 2, NUMBER]), 1, mask=pa.array([False, False, True]))
    words = pa.array(["a", "b", "c4n4ry"])
    coded = pa.DictionaryArray.from_arrays(pa.array([0, 1, None], pa.int8()), words)
    for array in (text, number, struct, lists, fixed, coded):
        fresh = rebuilt(array)
        assert fresh.to_pylist() == array.to_pylist()
        fresh.validate(full=True)
        assert not holding({"": b"".join(bytes(buffer) for buffer in every_buffer(fresh))})
        assert rebuilt(array.slice(1)).to_pylist() == array.to_pylist()[1:]

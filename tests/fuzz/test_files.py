"""Files whose bytes were changed: read, or refused with an error of ours that quotes nothing of them."""

import io
import sqlite3
import tempfile
import traceback
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import shoal
from fuzz.effort import effort
from shoal.federated import Update, read_updates, write_updates

CANARY = "kleptomania"
"""A cell that no message may quote; long enough that chance does not make it."""
PEOPLE = pl.DataFrame(
    {
        "name": [f"person {i}" for i in range(12)],
        "age": [20 + i % 6 for i in range(12)],
        "zip": [f"0{2100 + i % 3}" for i in range(12)],
        "born": [f"19{60 + i}-03-1{i % 10}" for i in range(12)],
        "illness": [CANARY, "flu", "gout"] * 4,
    }
)
POLICY = """k = 2
[quasi_identifier.age]
[quasi_identifier.zip]
hierarchy = { kind = "prefix" }
[sensitive.illness]
models = [{ kind = "distinct", l = 2 }]
"""


def _csv() -> bytes:
    return PEOPLE.write_csv().encode()


def _parquet() -> bytes:
    buffer = io.BytesIO()
    PEOPLE.with_columns(pl.col("illness").cast(pl.Categorical)).write_parquet(buffer)
    return buffer.getvalue()


def _ipc() -> bytes:
    buffer = io.BytesIO()
    PEOPLE.write_ipc(buffer)
    return buffer.getvalue()


def _ledger() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "budget.db")
        ledger = shoal.Ledger.create(path, shoal.Budget.of(epsilon="10", delta="1e-6"), unit="who")
        ledger.debit("1", events="{}", dataset="visits", policy="")
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        return path.read_bytes()


def _updates() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "updates.arrow")
        write_updates(path, [Update.of_arrays({"w": np.ones(4, np.float32)}, node="a", weight=3.0)])
        return path.read_bytes()


def _look(path: Path) -> None:
    shoal.look(path)
    shoal.assess(path, shoal.Policy.of(k=2, quasi_identifiers=["age", "zip"], sensitive=["illness"]))


def _verify(path: Path) -> None:
    shoal.verify(path, shoal.Policy.of(k=2, quasi_identifiers=["age"], insensitive=["illness"]))


def _anonymize(path: Path) -> None:
    shoal.anonymize(path, shoal.Policy.of(k=2, quasi_identifiers=["age", "zip"], insensitive=["illness"]), n_threads=1)


def _risk(path: Path) -> None:
    shoal.risk(path, shoal.Policy.of(k=2, quasi_identifiers=["age", "zip"], sensitive=["illness"]))
    shoal.unique_sets(path, ["age", "zip", "illness"])
    shoal.safe_harbor(path)


def _query(path: Path) -> None:
    private = shoal.private(path, unit="name", ledger=None)
    grouped = private.group_by("illness", max_groups=1, max_rows=1, keys=["flu", "gout"])
    grouped.agg(shoal.dp.count()).release(epsilon="1", n_threads=1)


def _spend(path: Path) -> None:
    ledger = shoal.Ledger(path)
    ledger.check()
    ledger.debit("1/4", events="{}", dataset="visits", policy="")


def _read_updates(path: Path) -> None:
    list(read_updates(path))


def _load(path: Path) -> None:
    shoal.Policy.load(path)


def _hierarchy(path: Path) -> None:
    shoal.read_hierarchy(path)


READERS: dict[str, tuple[str, Callable[[], bytes], list[Callable[[Path], None]]]] = {
    "csv": ("in.csv", _csv, [_look, _verify, _anonymize, _risk, _query]),
    "parquet": ("in.parquet", _parquet, [_look, _verify, _anonymize, _risk, _query]),
    "ipc": ("in.arrow", _ipc, [_look, _verify, _anonymize, _risk, _query]),
    "ledger": ("budget.db", _ledger, [_spend]),
    "updates": ("updates.arrow", _updates, [_read_updates]),
    "policy": ("policy.toml", POLICY.encode, [_load]),
    "hierarchy": ("tree.csv", f"flu;light;*\n{CANARY};grave;*\ngout;light;*\n".encode, [_hierarchy]),
}
_whole = cache(lambda kind: READERS[kind][1]())


@st.composite
def damaged(draw: st.DrawFn, kind: str) -> bytes:
    """Change, cut out, double or put in a few bytes, or end the file early."""
    found = bytearray(_whole(kind))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(0, len(found) - 1)))
        match draw(st.sampled_from(["change", "cut", "double", "insert", "end", "quote"])):
            case "change":
                found[place : place + 1] = bytes([draw(st.integers(0, 255))])
            case "cut":
                del found[place : place + draw(st.integers(1, 40))]
            case "double":
                found[place:place] = found[place : place + draw(st.integers(1, 40))]
            case "insert":
                found[place:place] = draw(st.binary(min_size=1, max_size=8))
            case "end":
                del found[place:]
            case _:
                found[place:place] = draw(st.sampled_from([b'"', b"\n", b"\r", b";", b"\x00", b"\xff\xfe", b",,"]))
    return bytes(found)


def refusal(reader: Callable[[Path], None], path: Path) -> str:
    """Return all that is said where a file is refused, of the error and of those it came from; no other may arise."""
    try:
        reader(path)
    except shoal.ShoalError as error:
        return "".join(traceback.format_exception(error, chain=True, limit=0))
    return ""


@pytest.mark.parametrize("kind", READERS)
@given(data=st.data())
@effort(short=25, long=1500)
def test_file__damaged_is_read_or_refused_without_a_cell(kind: str, data: st.DataObject) -> None:
    name, _, readers = READERS[kind]
    content = data.draw(damaged(kind))
    reader = data.draw(st.sampled_from(readers))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(content)
        assert CANARY not in refusal(reader, path)

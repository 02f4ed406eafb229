"""Files with changed bytes: whatever their readers do, an error of ours comes out, or an answer."""

import io
import random
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import shoal
from shoal.io import lazy_frames

TABLE = pl.DataFrame(
    {
        "a": [1, 1, 2, 2],
        "s": ["x", "yy", "a text that is longer than twelve", None],
        "l": [[1], [2, 3], [], None],
        "c": pl.Series(["a", "b", "a", None], dtype=pl.Categorical),
        "t": pl.Series([1, 2, 3, 4]).cast(pl.Datetime("us", "Europe/Berlin")),
    }
)
POLICY = shoal.Policy.of(k=2, quasi_identifiers=["a"], insensitive=["s", "l", "c", "t"])


def mutated(whole: bytes, source: random.Random) -> bytes:
    content = bytearray(whole)
    for _ in range(source.choice([1, 1, 2, 5])):
        at = source.randrange(len(content))
        content[at] = source.choice([0, 255, source.randrange(256), content[at] ^ 1 << source.randrange(8)])
    return bytes(content[: source.randrange(len(content))] if source.random() < 0.15 else content)


@pytest.mark.parametrize("kind", ["ipc", "parquet"])
def test_commands__on_files_with_changed_bytes(kind: str, tmp_path: Path) -> None:
    sink = io.BytesIO()
    getattr(TABLE, f"write_{kind}")(sink)
    source = random.Random(7)
    outcomes: Counter[str] = Counter()
    for _ in range(60):
        (tmp_path / f"in.{kind}").write_bytes(mutated(sink.getvalue(), source))
        for call in (shoal.anonymize, shoal.assess, shoal.verify):
            try:
                call(tmp_path / f"in.{kind}", POLICY)
            except shoal.ShoalError as error:
                outcomes[type(error).__name__] += 1
            else:
                outcomes["answer"] += 1
    assert outcomes["InputError"] > 0


def panics(*arguments: Any, **options: Any) -> Any:
    msg = "c4n4ry"
    raise pl.exceptions.PanicException(msg)


@pytest.mark.parametrize("method", ["collect_schema", "collect_batches"])
def test_commands__where_polars_panics(method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    TABLE.write_ipc(tmp_path / "in.ipc")
    monkeypatch.setattr(pl.LazyFrame, method, panics)
    for call in (shoal.anonymize, shoal.assess):
        with pytest.raises(shoal.InputError) as caught:
            call(tmp_path / "in.ipc", POLICY)
        assert "c4n4ry" not in str(caught.value)


def test_verify__where_polars_panics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    TABLE.write_ipc(tmp_path / "in.ipc")
    monkeypatch.setattr(pl.LazyFrame, "collect", panics)
    for call in (
        lambda: shoal.verify(tmp_path / "in.ipc", POLICY),
        lambda: shoal.suppress_cells(tmp_path / "in.ipc", ["a"], k=2),
        lambda: shoal.microaggregate(tmp_path / "in.ipc", ["a"], k=2),
    ):
        with pytest.raises(shoal.InputError) as caught:
            call()
        assert "c4n4ry" not in str(caught.value)


def test_unreadable__lets_interrupts_pass() -> None:
    for kind in (KeyboardInterrupt, SystemExit, MemoryError, GeneratorExit):
        assert not issubclass(kind, lazy_frames.UNREADABLE)
    assert issubclass(pl.exceptions.PanicException, lazy_frames.UNREADABLE)

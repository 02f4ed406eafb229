"""A table that is read twice has the release of one in memory: the same bytes sorted, the same rows shuffled."""

from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest

import shoal
from benches.census import census
from benches.census_policies import everyday
from shoal.anonymity import anonymize_file as module
from shoal.anonymity.out_of_core import check_fits
from shoal.io.memory import memory_limit
from shoal_engine.anonymity.release import spilled_release
from shoal_engine.anonymity.table import tuples
from shoal_engine.tables import tuple_runs

EVERYDAY = everyday(5, order="sorted")
OTHER = msgspec.structs.replace(
    EVERYDAY,
    sensitive={"diagnosis": shoal.Sensitive(models=[shoal.Distinct(l=2)]), "income": shoal.Sensitive()},
    insensitive={},
    suppress=0.05,
)


@pytest.fixture
def people(tmp_path: Path) -> Path:
    frame = census(4000, seed=3).with_row_index("pid")
    holes = (pl.when(pl.col("pid") % 17 > 0).then(pl.col(name)).alias(name) for name in ("age", "occupation", "income"))
    path = tmp_path / "people.parquet"
    frame.with_columns(holes).write_parquet(path, row_group_size=700)
    return path


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuples, "CHUNK_ROWS", 900)
    monkeypatch.setattr(tuple_runs, "RANGE_TUPLES", 500)
    monkeypatch.setattr(spilled_release, "FILE_ROWS", 600)


def released(
    source: Path, policy: shoal.Policy, monkeypatch: pytest.MonkeyPatch, *, in_memory: bool, **options: Any
) -> tuple[Path, dict[str, Any]]:
    monkeypatch.setattr(module, "fits", lambda *_, **__: in_memory)
    output = source.with_name(f"released-{in_memory}.parquet")
    report = shoal.anonymize_file(source, output, policy, **options).to_dict()
    assert sorted(path.name for path in source.parent.iterdir() if path.name.startswith(".")) == []
    return output, {name: value for name, value in report.items() if name not in ("seconds", "peak_bytes")}


@pytest.mark.parametrize("method", ["tight", "mondrian", "full-domain"])
@pytest.mark.parametrize("policy", [EVERYDAY, OTHER], ids=["everyday", "diverse"])
def test_sorted__has_the_bytes_of_a_release_in_memory(
    people: Path, policy: shoal.Policy, method: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if method == "full-domain":
        halves = {"low": ["single", "divorced", "widowed"], "high": ["married", "separated", "abroad", "partnered"]}
        roles = {
            "sex": shoal.QuasiIdentifier(hierarchy=shoal.NamedTree(nodes={"*": ["female", "male"]})),
            "zip": shoal.QuasiIdentifier(hierarchy=shoal.Prefix()),
            "marital": shoal.QuasiIdentifier(hierarchy=shoal.NamedTree(nodes={"*": halves})),
        }
        policy = msgspec.structs.replace(policy, quasi_identifiers=roles)
    first, report = released(people, policy, monkeypatch, in_memory=True, method=method)
    second, other = released(people, policy, monkeypatch, in_memory=False, method=method)
    assert first.read_bytes() == second.read_bytes()
    assert _rounded(other) == _rounded(report)


def _rounded(found: Any) -> Any:
    """Return figures without the last digits, in which sums differ by their order."""
    if isinstance(found, dict):
        return {name: _rounded(value) for name, value in found.items()}
    if isinstance(found, list | tuple):
        return [_rounded(value) for value in found]
    return float(f"{found:.12g}") if isinstance(found, float) else found


def test_shuffled__has_the_rows_of_a_release_in_memory_in_another_order(
    people: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUT_OF_CORE_KEY", "k" * 16)
    key = shoal.Identifier(action="pseudonym", key_env="OUT_OF_CORE_KEY")
    policy = msgspec.structs.replace(EVERYDAY, order="shuffled", identifiers={"pid": key})
    frames = [
        pl.read_parquet(released(people, policy, monkeypatch, in_memory=in_memory, method="mondrian")[0])
        for in_memory in (True, False)
    ]
    assert frames[0].columns == frames[1].columns
    assert frames[0].sort("pid").equals(frames[1].sort("pid"))
    again = pl.read_parquet(released(people, policy, monkeypatch, in_memory=False, method="mondrian")[0])
    # The chance of one order twice is 1 in 4000!.
    assert again["pid"].to_list() != frames[1]["pid"].to_list()


def test_input_that_changes_between_its_readings_is_refused(people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "fits", lambda *_, **__: False)
    steps: list[str] = []

    def older(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(age=pl.col("age") % 30 + 17 if "recoding" in steps else pl.col("age"))

    changing = pl.scan_parquet(people).map_batches(older)
    with pytest.raises(shoal.InputError, match="has other rows"):
        shoal.anonymize_file(changing, people.with_name("out.parquet"), EVERYDAY, on_progress=steps.append)
    assert steps == ["reading", "grouping", "partitioning", "recoding"]
    assert [path.name for path in people.parent.iterdir()] == ["people.parquet"]


def test_policy_that_needs_rows_is_refused(people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = msgspec.structs.replace(EVERYDAY, unit="pid")
    with pytest.raises(shoal.PolicyError, match="privacy unit needs the rows in memory"):
        released(people, policy, monkeypatch, in_memory=False)


def test_memory__is_chosen_by_rows_and_limit(people: Path) -> None:
    from shoal.anonymity.out_of_core import fits

    unit = msgspec.structs.replace(EVERYDAY, unit="pid")
    assert fits(people, EVERYDAY, "tight", 1 << 30, must_choose=True)
    assert not fits(people, EVERYDAY, "tight", 1 << 10, must_choose=True)
    assert fits(people, unit, "tight", 1 << 10, must_choose=False)
    with pytest.raises(shoal.PolicyError):
        fits(people, unit, "tight", 1 << 10, must_choose=True)
    with pytest.raises(shoal.InputError, match=r"give at least \d+ MiB of memory"):
        check_fits(1 << 20, 0, "tight", 1 << 25)


def test_memory_limit__needs_a_size(people: Path) -> None:
    for wrong in ("4 apples", "-1", "", "10MB"):
        with pytest.raises(shoal.InputError, match="memory"):
            memory_limit(wrong)
    assert memory_limit("1.5g") == 3 << 29
    assert memory_limit(None) >= 256 << 20

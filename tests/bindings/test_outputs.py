"""Where nothing can be written: the error says why, in every command, and nothing is left behind or charged."""

import errno
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

import shoal
from shoal.io import files, writing
from shoal.queries import noise

PEOPLE = pl.DataFrame({"age": [20, 21, 30, 31], "s": list("xyxy")})
AGE = shoal.Policy.of(k=2, quasi_identifiers=["age"], insensitive=["s"])


def test_written_whole__the_clean_up_hides_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a file system that became read-only: neither the write nor the removal succeeds."""

    def refused(path: Path) -> None:
        raise OSError(errno.EROFS, "c4n4ry")

    monkeypatch.setattr(shutil, "rmtree", refused)
    for kind in (OSError(errno.ENOSPC, "c4n4ry"), PermissionError(errno.EACCES, "c4n4ry")):
        with pytest.raises(shoal.OutputError) as caught, writing.written_whole(tmp_path / "out.csv"):
            raise kind
        assert os.strerror(kind.errno or 0) in str(caught.value)
        assert "may be left behind" in str(caught.value)
        assert "c4n4ry" not in str(caught.value)
    with pytest.raises(KeyboardInterrupt), writing.written_whole(tmp_path / "out.csv"):
        raise KeyboardInterrupt


def test_written_whole__takes_names_as_long_as_the_file_system_does(tmp_path: Path) -> None:
    longest = os.pathconf(tmp_path, "PC_NAME_MAX")
    name = "n" * (longest - 4) + ".csv"
    shoal.anonymize_file(PEOPLE, tmp_path / name, AGE)
    assert os.listdir(tmp_path) == [name]
    with pytest.raises(shoal.OutputError, match=os.strerror(errno.ENAMETOOLONG)):
        shoal.anonymize_file(PEOPLE, tmp_path / f"n{name}", AGE)
    assert os.listdir(tmp_path) == [name]


def not_there(folder: Path) -> Path:
    return folder / "none" / "out.csv"


def below_a_file(folder: Path) -> Path:
    (folder / "file").write_text("")
    return folder / "file" / "out.csv"


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "out.csv")
    return folder / "out.csv"


def device(folder: Path) -> Path:
    (folder / "out.csv").symlink_to(os.devnull)
    return folder / "out.csv"


def with_a_null(folder: Path) -> Path:
    return folder / "a\0b.csv"


PLACES = [not_there, below_a_file, pipe, device, with_a_null]


@pytest.mark.parametrize("place", PLACES)
def test_check_folder__places_that_take_no_file(place: Callable[[Path], Path], tmp_path: Path) -> None:
    output = place(tmp_path)
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(shoal.OutputError):
        files.check_folder(output, [])
    with pytest.raises(shoal.OutputError):
        shoal.anonymize_file(PEOPLE, output, AGE)
    with pytest.raises(shoal.OutputError):
        shoal.anonymize_file(PEOPLE, tmp_path / "fine.csv", AGE, certificate=output)
    with pytest.raises(shoal.OutputError):
        noise.sample_noise_file(output, "laplace", scale=1, n=3)
    with pytest.raises(shoal.OutputError):
        shoal.build_hierarchy(shoal.Prefix(), ["a", "b"]).write_csv(output)
    assert sorted(os.listdir(tmp_path)) == before


def run(*arguments: str, folder: Path) -> tuple[int, str]:
    environment = {**os.environ, "PYTHONPATH": ":".join(sys.path)}
    line = [sys.executable, "-c", "import shoal_cli; shoal_cli.main()", *arguments]
    done = subprocess.run(line, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


@pytest.fixture
def sealed(tmp_path: Path) -> Iterator[Path]:
    """A folder that cannot be written, whoever asks: for root one of the kernel's own."""
    if not os.geteuid():
        yield Path("/sys")
        return
    folder = tmp_path / "sealed"
    folder.mkdir()
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    yield folder
    folder.chmod(stat.S_IRWXU)


def test_commands__in_a_folder_that_cannot_be_written(sealed: Path, tmp_path: Path) -> None:
    PEOPLE.write_parquet(tmp_path / "in.parquet")
    (tmp_path / "p.toml").write_text(AGE.to_toml())
    budget = shoal.Budget.of(epsilon="1", delta="0")
    ledger = shoal.Ledger.create(tmp_path / "l.db", budget, unit="row")
    with pytest.raises(OSError) as caught:
        (sealed / "probe").write_text("")
    reasons = {os.strerror(caught.value.errno or 0), os.strerror(errno.EPERM)}
    before = sorted(os.listdir(tmp_path))
    for line in (
        f"anonymize in.parquet {sealed}/out.csv -p p.toml",
        f"anonymize in.parquet out.csv -p p.toml --certificate {sealed}/c.json",
        f"look in.parquet --policy-out {sealed}/p.toml",
        f"noise --distribution laplace --scale 1 -n 3 --output {sealed}/n.csv",
        f"query in.parquet --ledger l.db --unit row --count --epsilon 1 --output {sealed}/a.csv",
        f"demo --rows 1000 --output {sealed}/demo",
    ):
        code, told = run(*line.split(), folder=tmp_path)
        assert code == 1, (line, told)
        assert any(reason in told for reason in reasons), (line, told)
        assert "report" not in told
        assert "Traceback" not in told
    assert sorted(os.listdir(tmp_path)) == before
    assert ledger.spent[0] == 0


FULL = """
import io, sys, polars as pl
from pathlib import Path
from shoal.io import writing
rows = pl.DataFrame({"x": range(1000)})
table = rows.to_arrow()
for kind in ("parquet", "csv", "ipc"):
    try:
        writing.write(iter(table.to_batches()), table.schema, Path("/dev/full"), kind, separator=",")
    except OSError as error:
        print(kind, error.errno)
"""


def test_write__a_full_disk_is_told_by_its_number(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL], env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
                          cwd=tmp_path, capture_output=True, text=True, check=False)  # fmt: skip
    assert done.stdout.split() == [part for kind in ("parquet", "csv", "ipc") for part in (kind, str(errno.ENOSPC))]

import json
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import shoal
from naive import noise as naive
from shoal.queries import noise
from shoal_cli.commands import cli
from shoal_cli.main import run


@pytest.mark.parametrize("distribution", ["laplace", "gaussian"])
def test_noise__is_of_the_distribution(distribution: noise.DistributionName) -> None:
    drawn = shoal.sample_noise(distribution, scale="10.3", n=100_000)
    assert drawn.dtype == pl.Int64
    # Keys are new each time: this fails once in ten million runs.
    assert naive.fit(distribution, 10.3, drawn.to_numpy()) > 1e-7


def test_noise__is_another_each_time() -> None:
    assert not shoal.sample_noise("laplace", scale=100, n=50).equals(shoal.sample_noise("laplace", scale=100, n=50))


def test_noise__floats_mean_more_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = list[Fraction]()
    distribution = noise._distribution

    def noted(name: noise.DistributionName, scale: Fraction) -> object:
        seen.append(scale)
        return distribution(name, scale)

    monkeypatch.setattr(noise, "_distribution", noted)
    for scale in (0.1, 0.3, "0.1"):
        shoal.sample_noise("laplace", scale=scale, n=1)
    assert seen == [Fraction(0.1), Fraction(3, 10), Fraction(1, 10)]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"scale": "0", "n": 1}, "above 0"),
        ({"scale": "x", "n": 1}, "cannot be read"),
        ({"scale": "1e20", "n": 1}, r"2\*\*50"),
        ({"scale": "1", "n": -1}, "n = -1"),
    ],
)
def test_noise__bad_input(asked: dict[str, object], told: str) -> None:
    for distribution in ("laplace", "gaussian"):
        with pytest.raises(shoal.NumberError, match=told):
            shoal.sample_noise(distribution, **asked)  # type: ignore[arg-type]
    with pytest.raises(shoal.NumberError, match="uniform"):
        shoal.sample_noise("uniform", scale=1, n=1)  # type: ignore[arg-type]


@pytest.mark.parametrize("suffix", ["parquet", "csv", "tsv", "ipc"])
def test_sample_noise_file__formats_and_batches(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise, "BATCH", 300)
    output = tmp_path / f"noise.{suffix}"
    told = shoal.sample_noise_file(output, "gaussian", scale="20/2", n=1000)
    assert told == {"distribution": "gaussian", "scale": "10", "n": 1000, "output": str(output)}
    read = {"parquet": pl.read_parquet, "ipc": pl.read_ipc, "csv": pl.read_csv}
    found = read[suffix](output) if suffix in read else pl.read_csv(output, separator="\t")
    assert found.schema == {"noise": pl.Int64}
    assert found.height == 1000
    assert 8 < found["noise"].to_numpy().std() < 12


def cli_of(line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[object, str, str]:
    monkeypatch.setattr(sys, "argv", ["shoal", *line.split()])
    monkeypatch.setattr("signal.signal", lambda number, handler: None)
    with pytest.raises(SystemExit) as caught:
        run(cli)
    return (caught.value.code, *capsys.readouterr())


def test_cli__noise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, _ = cli_of("noise --distribution laplace --scale 1/3 -n 5000 -o out.parquet --json", monkeypatch, capsys)
    assert code == 0
    assert json.loads(out) == {"distribution": "laplace", "scale": "1/3", "n": 5000, "output": "out.parquet"}
    zeros = (np.asarray(pl.read_parquet("out.parquet")["noise"]) == 0).mean()
    assert abs(zeros - (1 - np.exp(-3)) / (1 + np.exp(-3))) < 0.03
    code, out, _ = cli_of("noise --distribution gaussian --scale 2 -n 1000 -o out.csv", monkeypatch, capsys)
    assert (code, "1,000 samples" in out) == (0, True)


@pytest.mark.parametrize("wrong", ["--scale 0 -n 5 -o a.csv", "--scale 1 -n 0 -o a.csv", "--scale 1 -n 5 -o a.xlsx"])
def test_cli__noise_refuses(
    wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, _ = cli_of(f"noise --distribution laplace {wrong} --json", monkeypatch, capsys)
    assert code == 1
    assert json.loads(out)["exit_code"] == 1
    assert not list(tmp_path.iterdir())

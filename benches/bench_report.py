"""The page to sign from a certificate; the floor is reading the certificate and writing as many characters."""

import json
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import shoal

ROWS = 10_000


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("release")
    records = shoal.hospital_records(ROWS, seed=7)
    path = folder / "certificate.json"
    shoal.anonymize_file(records, folder / "out.parquet", shoal.hospital_policy(), certificate=path)
    return path


@pytest.mark.benchmark(group="report")
def test_report_page(benchmark: BenchmarkFixture, certificate: Path) -> None:
    assert "</html>" in benchmark(shoal.report_page, certificate).html


@pytest.mark.benchmark(group="report")
def test_read_and_write__floor(benchmark: BenchmarkFixture, certificate: Path, tmp_path: Path) -> None:
    page = shoal.report_page(certificate).html

    def read_and_write() -> int:
        return len(json.loads(certificate.read_text())) + (tmp_path / "page.html").write_text(page, encoding="utf-8")

    assert benchmark(read_and_write)

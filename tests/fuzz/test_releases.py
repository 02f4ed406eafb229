"""Releases of tables with extreme values: whatever is handed out holds its policy, recounted row by row in Python."""

import json
import math
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import shoal
from fuzz.effort import effort
from fuzz.tables import wide_cases
from naive import releases
from naive.releases import Case, cases, instant
from shoal_engine.anonymity.policy.methods import METHODS

FORMATS = ("parquet", "ipc", "csv", "tsv")


def attempted(case: Case, method: str) -> shoal.Anonymized | None:
    """Return a release, or None where the policy cannot be met or the method cannot hold it; nothing else may fail."""
    try:
        return shoal.anonymize(case.frame, case.policy, method=method, n_threads=1)  # type: ignore[arg-type]
    except (shoal.PolicyNotMet, shoal.PolicyError, shoal.ColumnError):
        return None


def held_between(low: Any, value: Any, high: Any, members: list[Any]) -> bool:
    """Whether a released value lies between the values that its class holds."""
    if value is None:
        return None in members
    if isinstance(value, float):
        # A float stands for decimals and whole numbers that have none of their own; rounding keeps their order.
        return float(low) <= value <= float(high)
    return low <= value <= high


def outside(case: Case, frame: pl.DataFrame) -> list[str]:
    """Columns in which a row is not covered by what its class says."""
    found = []
    classes = releases.classes_of(case.policy, frame)
    for name, role in case.policy.quasi_identifiers.items():
        for members in classes.values():
            own = [instant(case.frame[name][row["row"]]) for row in members]
            known = [value for value in own if value is not None]
            if role.output == "bounds":
                bounds = [(instant(row[f"{name}_lower"]), instant(row[f"{name}_upper"])) for row in members]
                fits = all(
                    (low is None and None in own) or (low is not None and value is not None and low <= value <= high)
                    for value, (low, high) in zip(own, bounds, strict=True)
                )
            elif role.output in ("center", "mean") and known:
                fits = all(held_between(min(known), instant(row[name]), max(known), own) for row in members)
            else:
                continue
            if not fits:
                found.append(name)
    return found


def judge(case: Case, found: shoal.Anonymized) -> None:
    """Recount a release from its rows and the table that it came from."""
    frame, report = found.frame, found.report
    assert releases.misses(case.policy, frame) == []
    assert outside(case, frame) == []
    assert report.rows == frame.height
    assert report.rows + report.suppressed_rows == case.frame.height
    assert report.suppressed_rows <= case.policy.suppress * case.frame.height
    assert report.k == min(map(len, releases.classes_of(case.policy, frame).values()))
    assert frame["row"].n_unique() == frame.height
    assert frame["disease"].to_list() == [case.frame["disease"][row] for row in frame["row"]]
    assert 0.0 <= report.loss.ncp <= 1.0 + 1e-9
    # A certificate is JSON as the standard has it: without NaN and infinity.
    document = json.dumps(found.certificate(), allow_nan=False)
    assert json.loads(document)["verified"] is True
    assert shoal.verify(frame, case.policy).met


@pytest.mark.parametrize("method", METHODS)
@given(case=wide_cases())
@effort(short=20, long=2500)
def test_release__of_extreme_values_holds_its_policy(method: str, case: Case) -> None:
    found = attempted(case, method)
    if found is not None:
        judge(case, found)


@pytest.mark.parametrize("method", METHODS)
@given(case=cases(max_rows=25))
@effort(short=10, long=2500)
def test_release__of_ordinary_values_holds_its_policy(method: str, case: Case) -> None:
    found = attempted(case, method)
    if found is not None:
        judge(case, found)


@given(case=wide_cases(), method=st.sampled_from(METHODS), suffix=st.sampled_from(FORMATS))
@effort(short=20, long=1000)
def test_release__in_a_file_is_what_verify_confirms(case: Case, method: Any, suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        output, certificate = Path(folder, f"out.{suffix}"), Path(folder, "certificate.json")
        try:
            report = shoal.anonymize_file(case.frame, output, case.policy, certificate=certificate, method=method)
        except (shoal.PolicyNotMet, shoal.PolicyError, shoal.ColumnError, shoal.OutputError):
            # Bad input leaves nothing behind.
            assert list(Path(folder).iterdir()) == []
            return
        verified = shoal.verify(output, case.policy)
        assert verified.broken == ()
        assert (verified.assessment.rows, verified.assessment.k) == (report.rows, report.k)
        assert math.isclose(json.loads(certificate.read_text())["figures"]["loss"]["ncp"], report.loss.ncp)

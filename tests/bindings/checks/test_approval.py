"""Approvals: a decision on each open finding, bound to policy and input; nothing else is let through."""

import getpass
import hashlib
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import shoal
from shoal.checks.approval import read_approval
from shoal_engine.errors import ApprovalRefused, InputError, PolicyError

POLICY = shoal.Policy.from_toml("k = 4\n[quasi_identifier.age]\n[insensitive.cost]\n")
ACCEPTED = {
    "kept-unique": "accept: the costs are drawn at random",
    "kept-unique-with-quasi-identifiers": "accept: as above",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    frame = pl.DataFrame({"age": [20 + i % 7 for i in range(80)], "cost": [1.5 * i for i in range(80)]})
    frame.write_csv(tmp_path / "in.csv")
    release(tmp_path, certificate=tmp_path / "c.json")
    shoal.report_page(tmp_path / "c.json").write(tmp_path / "report.json")
    return tmp_path


def release(folder: Path, policy: shoal.Policy = POLICY, name: str = "in.csv", **more: Any) -> Any:
    return shoal.anonymize_file(folder / name, folder / "out.parquet", policy, **more)


def test_approve__records_decisions_and_digests(folder: Path) -> None:
    found = shoal.approve(folder / "report.json", name="Ann Example", decisions=ACCEPTED)
    report = json.loads((folder / "report.json").read_text())
    assert found.accepted
    assert {one.code: one.reason for one in found.decisions} == {
        "kept-unique": "the costs are drawn at random",
        "kept-unique-with-quasi-identifiers": "as above",
    }
    assert found.input_sha256 == hashlib.sha256((folder / "in.csv").read_bytes()).hexdigest()
    assert found.output_sha256 == report["digests"]["output_sha256"]
    told = json.dumps(report, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert found.report_sha256 == hashlib.sha256(told.encode()).hexdigest()


def test_approved__run_accepts_the_findings_and_certifies_the_approval(folder: Path) -> None:
    shoal.approve(folder / "report.json", name="Ann Example", decisions=ACCEPTED).write(folder / "approval.json")
    report = release(folder, approved=folder / "approval.json", certificate=folder / "c2.json")
    assert [one.accepted for one in report.findings] == ["as above", "the costs are drawn at random"] or [
        one.accepted for one in report.findings
    ] == ["the costs are drawn at random", "as above"]
    document = json.loads((folder / "c2.json").read_text())
    assert document["approval"]["name"] == "Ann Example"
    assert document["digests"]["input_sha256"] == json.loads((folder / "approval.json").read_text())["input_sha256"]
    assert shoal.verify(folder / "out.parquet", POLICY, certificate=folder / "c2.json").met
    assert "Ann Example" in shoal.report_page(folder / "c2.json").html


def test_approved__refuses_another_policy_or_input(folder: Path) -> None:
    approval = folder / "approval.json"
    shoal.approve(folder / "report.json", name="Ann", decisions=ACCEPTED).write(approval)
    (folder / "out.parquet").unlink()
    with pytest.raises(ApprovalRefused, match="is of policy"):
        release(folder, shoal.Policy.of(k=4, quasi_identifiers=["age", "cost"]), approved=approval)
    (folder / "other.csv").write_bytes((folder / "in.csv").read_bytes() + b"30,1.0\n")
    with pytest.raises(ApprovalRefused, match="this input is another"):
        release(folder, name="other.csv", approved=approval)
    with pytest.raises(ApprovalRefused, match="a table in memory"):
        shoal.anonymize_file(pl.read_csv(folder / "in.csv"), folder / "out.parquet", POLICY, approved=approval)
    # The same bytes under another name are the same data.
    (folder / "same.csv").write_bytes((folder / "in.csv").read_bytes())
    assert not (folder / "out.parquet").exists()
    release(folder, name="same.csv", approved=approval)


def test_approved__refuses_a_decision_to_change(folder: Path) -> None:
    found = shoal.approve(folder / "report.json", name="Ann", decisions=ACCEPTED | {"kept-unique": "change"})
    assert not found.accepted
    found.write(folder / "approval.json")
    with pytest.raises(ApprovalRefused, match="change the policy because of kept-unique"):
        release(folder, approved=folder / "approval.json")


@pytest.mark.parametrize(
    ("decisions", "message"),
    [
        ({}, "no decision is given on"),
        (ACCEPTED | {"kept-unique": "accept"}, "without a reason"),
        (ACCEPTED | {"kept-unique": "perhaps"}, "neither accept nor change"),
        (ACCEPTED | {"read-as-text": "accept: x"}, "no finding read-as-text"),
    ],
)
def test_approve__needs_a_decision_on_each_finding(folder: Path, decisions: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        shoal.approve(folder / "report.json", name="Ann", decisions=decisions)


def test_approve__needs_a_name_and_a_report(folder: Path) -> None:
    with pytest.raises(InputError, match="needs the name"):
        shoal.approve(folder / "report.json", name=" ", decisions=ACCEPTED)
    for other in ("c.json", "in.csv", "gone.json"):
        with pytest.raises(InputError, match="not the JSON of a report"):
            shoal.approve(folder / other, name="Ann", decisions=ACCEPTED)


def test_approval__that_was_changed_is_refused(folder: Path) -> None:
    shoal.approve(folder / "report.json", name="Ann", decisions=ACCEPTED).write(folder / "approval.json")
    document = json.loads((folder / "approval.json").read_text())
    with pytest.raises(InputError, match="was changed after it was written"):
        read_approval(document | {"name": "Bob"})
    with pytest.raises(InputError, match="not an approval"):
        read_approval(folder / "report.json")
    assert read_approval(document).name == "Ann"


# Who ran it, and the policy of a certificate.


def test_certificate__names_nobody_unasked(folder: Path) -> None:
    text = (folder / "c.json").read_text()
    assert json.loads(text)["by"] is None
    assert getpass.getuser() not in text
    release(folder, certificate=folder / "c2.json", by="@account")
    assert json.loads((folder / "c2.json").read_text())["by"] == {"name": getpass.getuser(), "account": True}
    with pytest.raises(InputError, match="`by` is empty"):
        release(folder, by="")


def test_certificate__of_an_input_that_changed_meanwhile_has_no_digest_of_it(folder: Path) -> None:
    found = shoal.anonymize(folder / "in.csv", POLICY)
    assert found.certificate()["digests"]["input_sha256"] is not None
    with (folder / "in.csv").open("a") as file:
        file.write("30,1.0\n")
    assert found.certificate()["digests"]["input_sha256"] is None


def test_certificate__of_several_files_has_one_digest(folder: Path) -> None:
    (folder / "parts").mkdir()
    for name in ("a", "b"):
        pl.read_csv(folder / "in.csv").write_parquet(folder / "parts" / f"{name}.parquet")
    found = shoal.anonymize(folder / "parts", POLICY).certificate()
    assert found["input"]["files"] == 2
    digest = hashlib.sha256((folder / "parts" / "a.parquet").read_bytes()).hexdigest()
    assert found["digests"]["input_sha256"] == hashlib.sha256(json.dumps([digest, digest]).encode()).hexdigest()


def test_verify__reads_the_policy_of_the_certificate(folder: Path) -> None:
    assert shoal.verify(folder / "out.parquet", certificate=folder / "c.json").met
    document = json.loads((folder / "c.json").read_text())
    document["figures"]["k"] = 40
    assert shoal.verify(folder / "out.parquet", certificate=document).broken == (
        "the certificate states other figures than the table has: k",
    )
    with pytest.raises(PolicyError, match="give the policy, or the certificate"):
        shoal.verify(folder / "out.parquet")


def test_release_terms__change_no_row(folder: Path) -> None:
    terms = shoal.ReleaseTerms(recipient="University of X", reason="teaching")
    policy = shoal.Policy(
        k=4,
        order="sorted",
        quasi_identifiers=POLICY.quasi_identifiers,
        insensitive=POLICY.insensitive,
        release=terms,
    )
    plain = shoal.Policy(
        k=4, order="sorted", quasi_identifiers=POLICY.quasi_identifiers, insensitive=POLICY.insensitive
    )
    assert shoal.anonymize(folder / "in.csv", policy).frame.equals(shoal.anonymize(folder / "in.csv", plain).frame)
    assert "release" not in plain.to_builtins()
    assert shoal.Policy.from_toml(policy.to_toml()).release == terms
    with pytest.raises(PolicyError, match="`release`"):
        shoal.Policy.from_toml("k = 4\n[quasi_identifier.age]\n[release]\nrecipent = 'x'\n")

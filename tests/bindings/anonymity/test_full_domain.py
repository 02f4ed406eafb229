"""Full-domain releases, and the lattice that people choose from."""

import itertools
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal
from naive.trees_of_text import COLUMNS, TREES, roles, rows_of
from shoal_cli.commands import cli

Rows = list[tuple[str, ...]]


def _frame(rows: Rows) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=[*COLUMNS, "secret"], orient="row")


def _policy(k: int, models: list[Any], suppress: float = 0.0, **how: Any) -> shoal.Policy:
    return shoal.Policy(
        k=k,
        suppress=suppress,
        quasi_identifiers=roles(),
        sensitive={"secret": shoal.Sensitive(models=models)},
        full_domain=shoal.FullDomain(**how),
    )


HOWS: list[dict[str, Any]] = [
    {},
    {"objective": "entropy-suppressed"},
    {"objective": "discernibility"},
    {"search": "datafly"},
    {"search": "top-down", "max_steps": 3},
    {"rounds": 3},
]


@settings(max_examples=25, deadline=None)
@given(
    rows=rows_of(),
    models=st.sampled_from([[], [shoal.Distinct(l=2)], [shoal.Closeness(t=0.4)], [shoal.Recursive(c=2.0, l=2)]]),
    suppress=st.sampled_from([0.0, 0.3, 0.9]),
    how=st.sampled_from(HOWS),
    seed=st.randoms(use_true_random=False),
)
def test_release__meets_its_policy_and_follows_no_order(
    rows: Rows, models: list[Any], suppress: float, how: dict[str, Any], seed: Any
) -> None:
    policy = _policy(2, models, suppress, **how)
    try:
        release = shoal.anonymize(_frame(rows), policy, method="full-domain")
    except shoal.PolicyNotMet:
        return
    assert shoal.verify(release.frame, policy).met
    assert release.report.suppressed_rows <= suppress * len(rows)
    shuffled = list(rows)
    seed.shuffle(shuffled)
    again = shoal.anonymize(_frame(shuffled), policy, method="full-domain")
    assert sorted(again.frame.rows()) == sorted(release.frame.rows())


@settings(max_examples=30, deadline=None)
@given(rows=rows_of())
def test_labels__lie_at_one_level_of_each_column(rows: Rows) -> None:
    try:
        release = shoal.anonymize(_frame(rows), _policy(2, []), method="full-domain")
    except shoal.PolicyNotMet:
        assert len(rows) < 2
        return
    for name, tree in zip(COLUMNS, TREES, strict=True):
        labels = set(release.frame[name])
        heights = range(len(next(iter(tree.values()))))
        assert any(labels <= {path[level] for path in tree.values()} for level in heights)


@pytest.mark.parametrize(("nulls", "labels"), [("apart", {None, "*"}), ("generalize", {"*"})])
def test_nulls__stay_apart_or_are_generalized(nulls: Any, labels: set[str | None]) -> None:
    frame = pl.DataFrame({"zip": ["101", "202", "303", None, None]})
    role = shoal.QuasiIdentifier(hierarchy=shoal.Prefix(), nulls=nulls)
    release = shoal.anonymize(frame, shoal.Policy(k=2, quasi_identifiers={"zip": role}), method="full-domain")
    assert set(release.frame["zip"]) == labels
    assert release.frame.height == 5


def test_levels__chosen_by_hand_are_taken() -> None:
    rows = [("aa", "xxx", "m", "p"), ("ab", "xxy", "m", "p"), ("ba", "yxx", "f", "q"), ("bb", "yyx", "f", "q")]
    levels = {"one": 1, "two": 2, "three": 0}
    release = shoal.anonymize(_frame(rows), _policy(2, [], levels=levels), method="full-domain")
    assert set(release.frame.drop("secret").rows()) == {("a", "x", "m"), ("b", "y", "f")}
    with pytest.raises(shoal.PolicyNotMet):
        shoal.anonymize(_frame(rows), _policy(2, [], levels={**levels, "one": 0}), method="full-domain")
    with pytest.raises(shoal.PolicyError, match="highest is 2"):
        shoal.anonymize(_frame(rows), _policy(2, [], levels={**levels, "one": 3}), method="full-domain")
    with pytest.raises(shoal.PolicyError, match="no level for 'two'"):
        shoal.anonymize(_frame(rows), _policy(2, [], levels={"one": 1}), method="full-domain")


def test_output__other_than_labels_is_refused() -> None:
    roles_of_numbers = {"age": shoal.QuasiIdentifier(output="bounds")}
    policy = shoal.Policy(
        k=2, quasi_identifiers=roles_of_numbers, full_domain=shoal.FullDomain(objective="discernibility")
    )
    with pytest.raises(shoal.PolicyError, match="output = 'label'"):
        shoal.anonymize(pl.DataFrame({"age": [1, 2]}), policy, method="full-domain")


def test_lattice__lists_every_node_cheapest_feasible_first() -> None:
    rows = [("aa", "xxx", "m", "p"), ("ab", "xxy", "m", "p"), ("ba", "yxx", "f", "q"), ("bb", "yyx", "f", "q")]
    nodes = shoal.lattice(_frame(rows), _policy(2, [shoal.Distinct(l=2)]))
    assert set(nodes.select("one_level", "two_level", "three_level").rows()) == set(
        itertools.product(range(3), range(4), range(2))
    )
    feasible = nodes.filter("feasible")
    assert feasible["cost"].is_sorted()
    assert nodes["feasible"].is_sorted(descending=True)
    best = shoal.anonymize(_frame(rows), _policy(2, [shoal.Distinct(l=2)]), method="full-domain")
    levels = feasible.row(0, named=True)
    assert f"one {levels['one_level']}, two {levels['two_level']}" in best.report.notes[0]
    # (1, 2, 0) makes two classes of two rows, each of one secret.
    chosen = nodes.filter(one_level=1, two_level=2, three_level=0).row(0, named=True)
    assert chosen["met"] == ["2-anonymity"]
    assert not chosen["feasible"]


def test_lattice_command__prints_and_writes(tmp_path: Path) -> None:
    rows = [("aa", "xxx", "m", "p"), ("ab", "xxy", "m", "p")]
    _frame(rows).write_csv(tmp_path / "people.csv")
    (tmp_path / "policy.toml").write_text(_policy(2, []).to_toml())
    base = ["lattice", str(tmp_path / "people.csv"), "-p", str(tmp_path / "policy.toml")]
    for suffix in ("parquet", "csv"):
        output = tmp_path / f"lattice.{suffix}"
        printed = CliRunner().invoke(cli, [*base, "-o", str(output), "--json"], catch_exceptions=False)
        nodes = json.loads(printed.output)
        assert len(nodes) == 24
        read = pl.read_parquet(output) if suffix == "parquet" else pl.read_csv(output)
        assert read["cost"].to_list() == pytest.approx([node["cost"] for node in nodes])
    assert "Cheapest of 24 nodes" in CliRunner().invoke(cli, base, catch_exceptions=False).output


def test_policy__keeps_how_to_search_in_toml() -> None:
    policy = _policy(2, [], objective="entropy", weights={"one": 2.0}, rounds=2)
    assert shoal.Policy.from_toml(policy.to_toml()) == policy
    with pytest.raises(shoal.PolicyError, match="objective"):
        shoal.Policy.from_toml('k = 2\n[quasi_identifier.a]\n[full_domain]\nobjective = "los"\n')


def test_anonymize_command__releases_full_domain_and_tells_its_utility(tmp_path: Path) -> None:
    rows = [("aa", "xxx", "m", "p"), ("ab", "xxy", "m", "p"), ("ba", "yxx", "f", "q"), ("bb", "yyx", "f", "q")]
    _frame(rows).write_csv(tmp_path / "people.csv")
    (tmp_path / "policy.toml").write_text(_policy(2, []).to_toml())
    command = ["anonymize", str(tmp_path / "people.csv"), str(tmp_path / "out.csv"), "--method", "full-domain"]
    command += [
        "-p",
        str(tmp_path / "policy.toml"),
        "--utility",
        "--certificate",
        str(tmp_path / "paper.json"),
        "--json",
    ]
    report = json.loads(CliRunner().invoke(cli, command, catch_exceptions=False).output)
    told = {(figure["measure"], figure["column"]): figure["value"] for figure in report["utility"]}
    assert told["ncp", None] == pytest.approx(report["loss"]["ncp"])
    assert told["discernibility", None] == report["loss"]["discernibility"]
    assert report["notes"][0].startswith("full-domain levels: one ")

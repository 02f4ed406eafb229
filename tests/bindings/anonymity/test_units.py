"""People, not rows: every model counts the units that a policy names."""

import json
from collections import defaultdict
from fractions import Fraction
from itertools import combinations
from math import gcd
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal
from naive import sensitive, units
from shoal_cli.commands import cli
from shoal_engine.anonymity.policy.methods import METHODS

VALUES = ["d0", "d1", "d2", "d3"]
ROWS = st.lists(
    st.tuples(
        st.integers(0, 11), st.sampled_from([1, 2, 3, 5, 9, None]), st.sampled_from("ab"), st.sampled_from(VALUES)
    ),
    min_size=8,
    max_size=40,
)
MODELS: list[Any] = [
    shoal.Distinct(l=2),
    shoal.Distinct(l=3),
    shoal.Entropy(l=1.6),
    shoal.Recursive(c=2.5, l=2),
    shoal.Closeness(t=0.2183),
    shoal.Closeness(t=0.1583, distance="ordered"),
    shoal.DeltaDisclosure(delta=0.8),
    shoal.BetaLikeness(beta=0.71),
    shoal.BetaLikeness(beta=0.71, enhanced=True),
    shoal.Alpha(alpha=0.618),
]


def frame_of(rows: list[Any]) -> pl.DataFrame:
    schema = {"pid": pl.Int64, "x": pl.Int64, "y": pl.String, "dx": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row").with_row_index("row")


def policy_of(k: int, bound: list[Any], **fields: Any) -> shoal.Policy:
    return shoal.Policy(
        **{
            "k": k,
            "unit": "pid",
            "order": "sorted",
            "quasi_identifiers": {"x": shoal.QuasiIdentifier(), "y": shoal.QuasiIdentifier()},
            "sensitive": {"dx": shoal.Sensitive(models=bound)},
            "insensitive": {"row": shoal.Insensitive()},
            "full_domain": shoal.FullDomain(objective="entropy"),
        }
        | fields
    )


def released_rows(frame: pl.DataFrame, release: shoal.Anonymized, keys: tuple[str, ...] = ("x", "y")) -> list[Any]:
    """Each released row as its class, its unit and its value; rows carry their number through the release."""
    unit = dict(zip(frame["row"], frame["pid"], strict=True))
    rows = release.frame.select("row", "dx", *keys).rows()
    return [(tuple(map(str, labels)), unit[row], value) for row, value, *labels in rows]


def holds(model: Any, rows: list[Any]) -> bool:
    """Judge a model over the units of every class, in exact arithmetic where the definition allows."""
    if isinstance(model, shoal.Distinct):
        return min(units.carried(rows).values()) >= model.l
    counts, reference = units.weighed(rows, VALUES)
    judge = {
        shoal.Entropy: lambda c: sensitive.entropy_reaches([x // _common(c) for x in c], Fraction(model.l)),
        shoal.Recursive: lambda c: sensitive.recursive_holds(c, Fraction(model.c), model.l),
        shoal.DeltaDisclosure: lambda c: sensitive.delta(c, reference, strict=False) < model.delta,
        shoal.BetaLikeness: lambda c: (
            (sensitive.beta_enhanced(c, reference) if model.enhanced else sensitive.beta(c, reference))
            <= Fraction(model.beta)
        ),
        shoal.Alpha: lambda c: sensitive.alpha(c) <= Fraction(model.alpha),
    }
    if isinstance(model, shoal.Closeness):
        present = [v for v in range(len(VALUES)) if reference[v]]
        distance = sensitive.distance_ordered if model.distance == "ordered" else sensitive.distance_equal
        some = [reference[v] for v in present]
        return all(distance([c[v] for v in present], some) <= Fraction(model.t) for c in counts.values())
    return all(judge[type(model)](c) for c in counts.values())


def _common(counts: list[int]) -> int:
    return gcd(*counts)


@given(
    rows=ROWS,
    k=st.sampled_from([2, 3]),
    models=st.lists(st.sampled_from(MODELS), max_size=2, unique_by=lambda model: type(model).__name__),
    method=st.sampled_from(METHODS),
    suppress=st.sampled_from([0.0, 0.25]),
    nulls=st.sampled_from(["apart", "generalize"]),
)
@settings(deadline=None, max_examples=80)
def test_anonymize__every_class_holds_the_models_in_units(
    rows: list[Any], k: int, models: list[Any], method: Any, suppress: float, nulls: Any
) -> None:
    frame = frame_of(rows)
    quasi = {"x": shoal.QuasiIdentifier(nulls=nulls), "y": shoal.QuasiIdentifier()}
    policy = policy_of(k, models, suppress=suppress, quasi_identifiers=quasi)
    try:
        release = shoal.anonymize(frame, policy, method=method)
    except (shoal.PolicyNotMet, shoal.ColumnError):
        return
    assert "pid" not in release.frame.columns
    out = released_rows(frame, release)
    assert len(out) >= (1 - suppress) * len(rows)
    if not out:
        return
    found = {class_: len(members) for class_, members in units.members(out).items()}
    assert min(found.values()) >= k
    assert release.report.k == min(found.values())
    assert release.report.rows == len(out)
    assert release.report.units == len({unit for _, unit, _ in out})
    assert release.report.unit == "pid"
    assert release.report.sensitive["dx"].l_distinct == min(units.carried(out).values())
    for model in models:
        assert holds(model, out), model


@given(rows=ROWS, k=st.sampled_from([2, 3]), model=st.sampled_from(MODELS), method=st.sampled_from(METHODS))
@settings(deadline=None, max_examples=30)
def test_anonymize__without_repetition_a_unit_changes_nothing(rows: list[Any], k: int, model: Any, method: Any) -> None:
    frame = frame_of([(number, *row[1:]) for number, row in enumerate(rows)])
    outcomes: list[Any] = []
    for unit in ("pid", ""):
        try:
            release = shoal.anonymize(frame, policy_of(k, [model], unit=unit, suppress=0.1), method=method)
        except (shoal.PolicyNotMet, shoal.ColumnError) as error:
            outcomes.append((type(error), 0))
        else:
            reached = release.report.sensitive["dx"]
            figures = [reached.l_distinct, reached.l_entropy, reached.t]
            outcomes.append((release.frame.rows(), release.report.k, release.report.loss, figures))
    assert outcomes[0][:-1] == outcomes[1][:-1]
    assert outcomes[0][-1] == pytest.approx(outcomes[1][-1], abs=1e-12)


@given(rows=ROWS, cut=st.integers(1, 7), seed=st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=30)
def test_anonymize__cuts_and_order_of_batches_do_not_matter(rows: list[Any], cut: int, seed: Any) -> None:
    frame = frame_of(rows)
    parts = [frame.slice(start, cut) for start in range(0, frame.height, cut)]
    shuffled = list(parts)
    seed.shuffle(shuffled)
    policy = policy_of(2, [shoal.Distinct(l=2)])
    outcomes: list[Any] = []
    for table in (frame, pl.concat(parts), pl.concat(shuffled)):
        try:
            outcomes.append(shoal.anonymize(table, policy).frame.rows())
        except (shoal.PolicyNotMet, shoal.ColumnError) as error:
            outcomes.append(str(error))
    assert outcomes[0] == outcomes[1] == outcomes[2]


@given(rows=ROWS)
@settings(deadline=None, max_examples=30)
def test_assess__counts_units_exactly(rows: list[Any]) -> None:
    frame = frame_of(rows)
    if frame["x"].null_count() == frame.height:
        return
    policy = policy_of(2, [shoal.Closeness(t=0.5)])
    found = shoal.assess(frame, policy)
    plain = [((x, y), pid, dx) for pid, x, y, dx in rows]
    sizes = {class_: len(members) for class_, members in units.members(plain).items()}
    counts, reference = units.weighed(plain, VALUES)
    assert found.k == min(sizes.values())
    assert found.units == len({pid for pid, *_ in rows})
    assert found.rows == len(rows)
    assert found.unique_rows == sum(sizes[class_] == 1 for class_, _, _ in plain)
    assert found.risk.average == pytest.approx(len(sizes) / sum(sizes.values()))
    assert found.sensitive["dx"].l_distinct == min(units.carried(plain).values())
    furthest = max(sensitive.distance_equal(c, reference) for c in counts.values())
    assert found.sensitive["dx"].t == pytest.approx(float(furthest))


def household(n: int = 12) -> pl.DataFrame:
    """Homes of one to four people of all ages; the home is the unit."""
    rows = [
        (home, 20 + 7 * person + home, VALUES[(home + person) % 4])
        for home in range(n)
        for person in range(home % 4 + 1)
    ]
    return pl.DataFrame(rows, schema={"home": pl.Int64, "age": pl.Int64, "dx": pl.String}, orient="row")


@pytest.mark.parametrize("method", METHODS)
def test_anonymize__a_class_of_one_household_is_one(method: Any) -> None:
    table = household().with_row_index("row")
    policy = shoal.Policy(
        k=3,
        unit="home",
        quasi_identifiers={"age": shoal.QuasiIdentifier()},
        sensitive={"dx": shoal.Sensitive(l=2)},
        insensitive={"row": shoal.Insensitive()},
        full_domain=shoal.FullDomain(objective="entropy"),
    )
    release = shoal.anonymize(table, policy, method=method)
    homes = dict(zip(table["row"], table["home"], strict=True))
    by_class: dict[str, set[int]] = defaultdict(set)
    for row, age in release.frame.select("row", "age").rows():
        by_class[age].add(homes[row])
    assert min(map(len, by_class.values())) >= 3
    assert release.report.units == 12
    assert release.report.rows == table.height


def test_anonymize__five_visits_of_one_patient_are_no_class_of_five() -> None:
    visits = pl.DataFrame(
        {
            "pid": ["p1"] * 5 + [f"q{n}" for n in range(5)],
            "age": [81] * 5 + [34] * 5,
            "dx": [f"d{n}" for n in range(5)] * 2,
        }
    )
    policy = shoal.Policy.of(k=5, unit="pid", quasi_identifiers=["age"], sensitive=["dx"], l=3)
    release = shoal.anonymize(visits, policy)
    assert set(release.frame["age"]) == {"[34, 81]"}
    assert release.report.k == 6
    with pytest.raises(shoal.PolicyNotMet, match="more units") as caught:
        shoal.anonymize(visits, shoal.Policy.of(k=7, unit="pid", quasi_identifiers=["age"]))
    assert caught.value.nearest == {"k": 6}


@pytest.mark.parametrize("dtype", [pl.Int64, pl.UInt8, pl.String, pl.Float64, pl.Decimal(10, 2), pl.Categorical])
def test_anonymize__units_of_every_type_are_the_same(dtype: Any) -> None:
    table = household()
    typed = table["home"].cast(pl.String).cast(dtype) if dtype == pl.Categorical else table["home"].cast(dtype)
    policy = shoal.Policy.of(k=3, unit="home", quasi_identifiers=["age"], sensitive=["dx"], t=0.3)
    first = shoal.anonymize(table, policy).report
    second = shoal.anonymize(table.with_columns(typed), policy).report
    assert (first.k, first.units, first.loss) == (second.k, second.units, second.loss)
    assert first.sensitive["dx"].t == pytest.approx(second.sensitive["dx"].t)


@pytest.mark.parametrize("nobody", [None, "", "  "])
def test_anonymize__a_row_of_nobody_is_refused(nobody: str | None) -> None:
    table = pl.DataFrame({"pid": ["a", "b", nobody], "age": [1, 2, 3]})
    policy = shoal.Policy.of(k=2, unit="pid", quasi_identifiers=["age"])
    for ask in (shoal.anonymize, shoal.assess):
        with pytest.raises(shoal.ColumnError, match="names nobody in some rows"):
            ask(table, policy)


def test_anonymize__not_a_number_is_nobody() -> None:
    table = pl.DataFrame({"pid": [1.0, 2.0, float("nan")], "age": [1, 2, 3]})
    with pytest.raises(shoal.ColumnError, match="names nobody"):
        shoal.anonymize(table, shoal.Policy.of(k=2, unit="pid", quasi_identifiers=["age"]))


def test_policy__unit_is_read_and_written() -> None:
    policy = shoal.Policy.of(k=2, unit="pid", quasi_identifiers=["age"])
    assert 'unit = "pid"' in policy.to_toml()
    assert shoal.Policy.from_toml(policy.to_toml()) == policy
    assert "unit" not in shoal.Policy.of(k=2, quasi_identifiers=["age"]).to_toml()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"unit": "age"}, "is quasi_identifier and would be released"),
        ({"unit": "dx"}, "is sensitive and would be released"),
        ({"unit": "pid", "insensitive": {"pid": shoal.Insensitive()}}, "is insensitive and would be released"),
        ({"unit": 3}, "`unit`"),
        ({"unit": "pid", "models": [shoal.DeltaPresence(at_most=0.5)]}, "delta-presence"),
        (
            {"unit": "pid", "sensitive": {"dx": shoal.Sensitive(l=shoal.Entropy(l=2, estimator="grassberger"))}},
            "grassberger",
        ),
    ],
)
def test_policy__units_that_cannot_be_counted_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(shoal.PolicyError, match=message):
        shoal.Policy(
            **{
                "k": 2,
                "quasi_identifiers": {"age": shoal.QuasiIdentifier()},
                "sensitive": {"dx": shoal.Sensitive(l=2)},
            }
            | fields
        )


def test_anonymize__a_unit_that_is_not_there_is_named() -> None:
    with pytest.raises(shoal.ColumnError, match="patient"):
        shoal.anonymize(pl.DataFrame({"age": [1, 2]}), shoal.Policy.of(k=2, unit="patient", quasi_identifiers=["age"]))


def test_look__proposes_the_identifier_that_repeats() -> None:
    visits = pl.DataFrame(
        {
            "patient_id": [f"p{n % 40:03}" for n in range(120)],
            "visit_id": [f"v{n:05}" for n in range(120)],
            "age": [20 + n % 40 for n in range(120)],
            "ward": [("north", "south", "east")[n % 3] for n in range(120)],
        }
    )
    toml = shoal.look(visits).policy_toml(k=5)
    assert 'unit = "patient_id"\n' in toml
    assert shoal.Policy.from_toml(toml).unit == "patient_id"
    assert "unit" not in shoal.Policy.from_toml(shoal.look(visits.drop("patient_id")).policy_toml(k=5)).to_builtins()


@given(
    rows=st.lists(st.tuples(st.integers(0, 5), st.lists(st.sampled_from("abcd"), max_size=3)), min_size=6, max_size=20),
    hierarchy=st.booleans(),
)
@settings(deadline=None, max_examples=40)
def test_anonymize__combinations_of_items_are_held_by_k_units(rows: list[Any], hierarchy: bool) -> None:  # noqa: FBT001
    frame = pl.DataFrame(rows, schema={"pid": pl.Int64, "items": pl.List(pl.String)}, orient="row")
    frame = frame.with_columns(x=pl.lit(1)).with_row_index("row")
    role = shoal.SetValued(m=2, hierarchy=shoal.Prefix() if hierarchy else None)
    policy = shoal.Policy(
        k=2,
        unit="pid",
        quasi_identifiers={"x": shoal.QuasiIdentifier()},
        set_valued={"items": role},
        insensitive={"row": shoal.Insensitive()},
    )
    try:
        release = shoal.anonymize(frame, policy)
    except shoal.PolicyNotMet:
        return
    unit = dict(zip(frame["row"], frame["pid"], strict=True))
    holders: dict[Any, set[int]] = defaultdict(set)
    for row, items in release.frame.select("row", "items").rows():
        for size in (1, 2):
            for some in combinations(sorted(items), size):
                holders[some].add(unit[row])
    least = min(map(len, holders.values()), default=None)
    assert least is None or least >= 2
    assert release.report.set_valued["items"] == least


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "model",
    [
        shoal.AverageRisk(at_most=0.2),
        shoal.SampleUniqueness(at_most=0.0),
        shoal.PopulationUniqueness(at_most=0.0, sampling_fraction=0.5),
        shoal.KMap(k=3, sampling_fraction=0.9),
        shoal.LKC(l=1, k=3, c=0.8),
    ],
)
def test_anonymize__models_of_the_table_count_units(method: Any, model: Any) -> None:
    rows = [(n % 9, 20 + n % 7, "ab"[n % 2], VALUES[n % 4]) for n in range(60)]
    frame = frame_of(rows)
    release = shoal.anonymize(frame, policy_of(2, [], models=[model]), method=method)
    sizes = [len(members) for members in units.members(released_rows(frame, release)).values()]
    if isinstance(model, shoal.AverageRisk):
        assert release.report.table_models["average-risk"] == pytest.approx(len(sizes) / sum(sizes))
        assert len(sizes) / sum(sizes) <= 0.2
    elif isinstance(model, shoal.LKC):
        assert min(sizes) >= 3
    else:
        assert min(sizes) >= 2


def test_anonymize__k_map_counts_people_and_k_units() -> None:
    people = pl.DataFrame({"x": [v for v in range(10) for _ in range(4)]})
    table = pl.DataFrame({"pid": [v // 2 for v in range(20)], "x": [v // 2 for v in range(20)]})
    policy = shoal.Policy(k=1, unit="pid", models=[shoal.KMap(k=8)], quasi_identifiers={"x": shoal.QuasiIdentifier()})
    assert shoal.anonymize(table, policy, population=people).report.table_models["k-map"] >= 8


def test_lattice__judges_nodes_by_units() -> None:
    table = pl.DataFrame({"pid": ["a", "a", "a", "b", "c"], "zip": ["101", "101", "101", "102", "201"]})
    role = shoal.QuasiIdentifier(hierarchy=shoal.Prefix())
    policy = shoal.Policy(k=2, unit="pid", quasi_identifiers={"zip": role})
    nodes = shoal.lattice(table, policy).sort("zip_level")
    assert nodes["suppressed_rows"].to_list() == [5, 1, 1, 0]
    assert nodes["feasible"].to_list() == [False, False, False, True]


def test_risk__counts_units() -> None:
    table = pl.DataFrame({"pid": ["a"] * 5 + ["b", "c"], "age": [1] * 5 + [2, 2]})
    policy = shoal.Policy.of(k=2, unit="pid", quasi_identifiers=["age"])
    assert shoal.risk(table, policy).prosecutor.highest == 1.0
    assert shoal.individual_risk(table, policy, sampling_fraction=0.5)["class_size"].to_list() == [1] * 5 + [2] * 2


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".arrow"])
def test_anonymize_file__counts_units_of_a_file_of_many_batches(tmp_path: Path, suffix: str) -> None:
    n = 150_000
    row = pl.int_range(n, eager=True)
    table = pl.DataFrame({"row": row, "pid": (row * 7919) % 41_017, "age": (row * 31) % 97, "dx": (row * 13) % 11})
    policy = shoal.Policy(
        k=50,
        unit="pid",
        quasi_identifiers={"age": shoal.QuasiIdentifier()},
        sensitive={"dx": shoal.Sensitive(l=4)},
        insensitive={"row": shoal.Insensitive()},
        accept={"kept-unique": "numbers of rows", "kept-unique-with-quasi-identifiers": "numbers of rows"},
    )
    report = shoal.anonymize_file(table, tmp_path / f"out{suffix}", policy, method="mondrian")
    scan = {".parquet": pl.read_parquet, ".csv": pl.read_csv, ".arrow": pl.read_ipc}[suffix]
    released = scan(tmp_path / f"out{suffix}").join(table.select("row", "pid"), on="row")
    assert report.k == released.group_by("age").agg(pl.col("pid").n_unique())["pid"].min() >= 50
    assert report.units == released["pid"].n_unique()


def test_command_line__counts_units(tmp_path: Path) -> None:
    household().write_csv(tmp_path / "in.csv")
    runner = CliRunner()
    source, output = str(tmp_path / "in.csv"), str(tmp_path / "out.csv")
    options = ["-q", "age", "-s", "dx", "--unit", "home", "--json"]
    found = runner.invoke(cli, ["assess", source, *options], standalone_mode=False)
    assert json.loads(found.output)["units"] == 12
    found = runner.invoke(cli, ["anonymize", source, output, "-k", "3", *options], standalone_mode=False)
    body = json.loads(found.output)
    assert body["unit"] == "home"
    assert body["k"] >= 3
    assert "home" not in pl.read_csv(output).columns
    found = runner.invoke(cli, ["anonymize", source, output, "-k", "3", *options[:-1]], standalone_mode=False)
    assert "distinct home" in found.output


@pytest.mark.parametrize("suppress", [0.0, 0.3])
def test_full_domain__holds_k_map_beside_units(suppress: float) -> None:
    people = pl.DataFrame({"x": [v for v in range(12) for _ in range(1 + v % 4)]})
    rows = [(n % 5, v) for n, v in enumerate(v for v in range(12) for _ in range(1 + v % 4))]
    table = pl.DataFrame(rows, schema={"pid": pl.Int64, "x": pl.Int64}, orient="row")
    role = shoal.QuasiIdentifier(hierarchy=shoal.Intervals(width=[2, 4], lower=0, upper=12))
    policy = shoal.Policy(k=2, unit="pid", suppress=suppress, models=[shoal.KMap(k=6)], quasi_identifiers={"x": role})
    release = shoal.anonymize(table, policy, method="full-domain", population=people)
    assert release.report.table_models["k-map"] >= 6
    assert release.report.k >= 2


@given(rows=ROWS, model=st.sampled_from([*MODELS[:3], MODELS[4]]))
@settings(deadline=None, max_examples=30)
def test_lattice__says_of_units_what_its_nodes_release(rows: list[Any], model: Any) -> None:
    frame = frame_of([row for row in rows if row[1] is not None])
    if frame.height < 4:
        return
    policy = policy_of(2, [model])
    for *levels, met, feasible in shoal.lattice(frame, policy).select("x_level", "y_level", "met", "feasible").rows():
        chosen = shoal.FullDomain(objective="entropy", levels=dict(zip(("x", "y"), levels, strict=True)))
        assert feasible == (len(met) == 2)
        try:
            release = shoal.anonymize(frame, policy_of(2, [model], full_domain=chosen), method="full-domain")
        except shoal.PolicyNotMet:
            assert not feasible
        else:
            assert feasible
            assert holds(model, released_rows(frame, release))

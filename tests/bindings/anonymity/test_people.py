"""k-map and delta-presence, counted in a table of the population."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal
from naive import people as naive

PEOPLE = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from(["aa", "ab", "ba", None]), st.sampled_from(["11", "12", "21", "22"])),
    min_size=12,
    max_size=60,
)
MODELS = [shoal.KMap(k=4), shoal.DeltaPresence(at_most=0.5), shoal.DeltaPresence(at_most=0.6, at_least=0.1)]


def frame_of(rows: list[Any]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"x": pl.Int64, "y": pl.String, "z": pl.String}, orient="row")


def policy_of(model: Any, *, nulls: Any = "apart", hierarchy: bool = False, suppress: float = 0.0) -> shoal.Policy:
    return shoal.Policy(
        k=1,
        models=[model],
        suppress=suppress,
        quasi_identifiers={
            "x": shoal.QuasiIdentifier(),
            "y": shoal.QuasiIdentifier(nulls=nulls),
            "z": shoal.QuasiIdentifier(hierarchy=shoal.Prefix() if hierarchy else None),
        },
        full_domain=shoal.FullDomain(objective="entropy"),
    )


@given(
    people=PEOPLE,
    every=st.integers(1, 4),
    model=st.sampled_from(MODELS),
    method=st.sampled_from(["tight", "mondrian", "full-domain"]),
    nulls=st.sampled_from(["apart", "generalize"]),
    hierarchy=st.booleans(),
    suppress=st.sampled_from([0.0, 0.3]),
)
@settings(deadline=None, max_examples=60)
def test_anonymize__every_class_fits_enough_people(
    people: list[Any],
    every: int,
    model: Any,
    method: Any,
    nulls: Any,
    hierarchy: bool,  # noqa: FBT001
    suppress: float,
) -> None:
    sample, population = frame_of(people[::every]), frame_of(people)
    policy = policy_of(model, nulls=nulls, hierarchy=hierarchy, suppress=suppress)
    try:
        release = shoal.anonymize(sample, policy, method=method, population=population)
    except (shoal.PolicyNotMet, shoal.PolicyError):
        return
    classes = naive.people_of_classes(release.frame.rows(), people, generalizes_nulls=nulls == "generalize")
    if isinstance(model, shoal.KMap):
        assert min(n for _, n in classes.values()) >= model.k
        assert release.report.table_models["k-map"] == min(n for _, n in classes.values())
    else:
        shares = [rows / n for rows, n in classes.values()]
        assert max(shares) <= model.at_most
        assert release.report.table_models["presence-most"] == pytest.approx(max(shares))
        if model.at_least > 0:
            assert min(shares) >= model.at_least
            assert sum(n for _, n in classes.values()) == len(people)


def generalized(levels: tuple[int, int, int]) -> Any:
    x, y, z = levels
    return lambda row: (
        row[0] if x == 0 else "*",
        row[1] if y == 0 or row[1] is None else "*",
        row[2][: 2 - z].ljust(2, "*") if z < 3 else "*",
    )


@given(people=PEOPLE, every=st.integers(1, 4), model=st.sampled_from(MODELS))
@settings(deadline=None, max_examples=60)
def test_lattice__tells_which_nodes_meet_the_model(people: list[Any], every: int, model: Any) -> None:
    sample = people[::every]
    policy = policy_of(model, hierarchy=True)
    nodes = shoal.lattice(frame_of(sample), policy, population=frame_of(people))
    for *levels, met, feasible in nodes.select("x_level", "y_level", "z_level", "met", "feasible").rows():
        how = generalized((levels[0], levels[1], levels[2]))
        if isinstance(model, shoal.KMap):
            holds = naive.fewest_people(sample, people, how) >= model.k
        else:
            chances = naive.presence(sample, people, how)
            some = [chance for chance in chances if chance > 0 or model.at_least > 0]
            holds = all(model.at_least <= chance <= model.at_most for chance in some)
        assert (len(met) == 2) == holds == feasible


@given(people=PEOPLE, every=st.integers(1, 4))
@settings(deadline=None, max_examples=40)
def test_assess__counts_the_equal_people(people: list[Any], every: int) -> None:
    sample = people[::every]
    population = frame_of(people)
    found = shoal.assess(frame_of(sample), policy_of(shoal.KMap(k=2)), population=population)
    assert found.table_models == {"k-map": naive.fewest_people(sample, people, lambda row: row)}
    chances = naive.presence(sample, people, lambda row: row)
    found = shoal.assess(frame_of(sample), policy_of(shoal.DeltaPresence(at_most=1)), population=population)
    assert found.table_models == pytest.approx({"presence-least": min(chances), "presence-most": max(chances)})


@given(people=PEOPLE, seed=st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=20)
def test_anonymize__classes_depend_neither_on_order_nor_threads(people: list[Any], seed: Any) -> None:
    shuffled = list(people)
    seed.shuffle(shuffled)
    policy = policy_of(shoal.KMap(k=3))
    sample = frame_of(people[::3])
    releases: list[Any] = []
    for rows, population, n_threads in ((sample, people, 1), (sample.reverse(), shuffled, 2)):
        try:
            release = shoal.anonymize(rows, policy, population=frame_of(population), n_threads=n_threads)
        except shoal.PolicyNotMet as error:
            releases.append(str(error))
        else:
            releases.append(sorted(map(str, release.frame.rows())))
    assert releases[0] == releases[1]


@pytest.mark.parametrize("output", ["label", "bounds"])
@pytest.mark.parametrize("dtype", [pl.Date, pl.Float64, pl.Decimal(10, 2), pl.Datetime("us")])
def test_anonymize__reads_the_labels_of_every_type(output: Any, dtype: Any) -> None:
    numbers = pl.Series("x", [v for v in range(40) for _ in range(2)])
    column = numbers.cast(pl.Int32).cast(pl.Date).cast(dtype) if dtype.is_temporal() else numbers.cast(dtype)
    policy = shoal.Policy(k=2, models=[shoal.KMap(k=6)], quasi_identifiers={"x": shoal.QuasiIdentifier(output=output)})
    release = shoal.anonymize(column.gather_every(4).to_frame(), policy, population=column.to_frame())
    assert release.report.table_models["k-map"] >= 6


def test_anonymize__k_map_needs_fewer_rows_in_a_class_than_k_anonymity() -> None:
    population = pl.DataFrame({"x": [v for v in range(20) for _ in range(10)]})
    sample = population.gather_every(10)
    policy = shoal.Policy(k=1, models=[shoal.KMap(k=10)], quasi_identifiers={"x": shoal.QuasiIdentifier()})
    assert shoal.anonymize(sample, policy, population=population).report.equivalence_classes == 20


def test_verify__finds_an_overlap_that_presence_does_not_allow() -> None:
    released = pl.DataFrame({"x": ["[1, 2]", "[2, 3]"]})
    policy = shoal.Policy(
        k=1, models=[shoal.DeltaPresence(at_most=0.5)], quasi_identifiers={"x": shoal.QuasiIdentifier()}
    )
    found = shoal.verify(released, policy, population=pl.DataFrame({"x": [1, 2, 3]}))
    assert found.assessment.table_models["presence-most"] == float("inf")
    assert found.broken == ("the table misses (0, 0.5)-presence",)


def test_policy__names_the_file_of_its_people(tmp_path: Path) -> None:
    population = pl.DataFrame({"x": [1, 1, 2, 2, 3, 3]})
    population.write_parquet(tmp_path / "people.parquet")
    (tmp_path / "policy.toml").write_text(
        'k = 1\npopulation = "people.parquet"\nmodels = [{ kind = "k-map", k = 2 }]\n[quasi_identifier.x]\n'
    )
    policy = shoal.Policy.load(tmp_path / "policy.toml")
    assert shoal.Policy.from_toml(policy.to_toml(), folder=tmp_path) == policy
    release = shoal.anonymize(pl.DataFrame({"x": [1, 2, 3]}), policy)
    assert sorted(release.frame["x"]) == ["1", "2", "3"]
    assert shoal.verify(release.frame, policy).met
    assert shoal.assess(pl.DataFrame({"x": [1]}), policy).table_models == {"k-map": 2.0}


_X = {"x": shoal.QuasiIdentifier()}
_SIX = pl.DataFrame({"x": [1, 1, 2, 2, 3, 3]})


@pytest.mark.parametrize(
    ("policy", "method", "message"),
    [
        ({"quasi_identifiers": _X}, "mondrian-relaxed", "mondrian-relaxed parts rows"),
        ({"models": [shoal.DeltaPresence(at_most=0.5)]}, "tight", "share nobody"),
        (
            {
                "models": [shoal.DeltaPresence(at_most=0.5)],
                "full_domain": shoal.FullDomain(objective="entropy", rounds=2),
            },
            "full-domain",
            "`rounds` = 1",
        ),
        ({"models": [shoal.DeltaPresence(at_most=0.5, at_least=0.1)], "suppress": 0.1}, "full-domain", "suppress = 0"),
        ({"models": [shoal.DeltaPresence(at_most=0.5, at_least=0.1)]}, "mondrian", "full-domain and suppress = 0"),
    ],
)
def test_anonymize__refuses_what_cannot_be_counted(policy: dict[str, Any], method: Any, message: str) -> None:
    full = {"k": 1, "models": [shoal.KMap(k=2)], "quasi_identifiers": _X} | policy
    with pytest.raises(shoal.PolicyError, match=message):
        shoal.anonymize(pl.DataFrame({"x": [1, 2, 3]}), shoal.Policy(**full), method=method, population=_SIX)


@pytest.mark.parametrize(
    "role",
    [
        shoal.QuasiIdentifier(output="center"),
        shoal.QuasiIdentifier(output="mean"),
        shoal.QuasiIdentifier(transform=shoal.Round(base=10)),
        shoal.QuasiIdentifier(hierarchy=shoal.Auto(fanout=3)),
    ],
)
def test_policy__refuses_people_whom_nobody_could_count(role: shoal.QuasiIdentifier) -> None:
    with pytest.raises(shoal.PolicyError, match="people are counted"):
        shoal.Policy(k=1, models=[shoal.KMap(k=2)], quasi_identifiers={"x": role})


def test_population__is_given_where_it_is_needed_and_only_there() -> None:
    sample = pl.DataFrame({"x": [1, 2, 3]})
    policy = shoal.Policy(k=1, models=[shoal.KMap(k=2)], quasi_identifiers=_X)
    plain = shoal.Policy(k=2, quasi_identifiers=_X)
    for ask in (shoal.anonymize, shoal.assess, shoal.lattice, shoal.verify):
        with pytest.raises(shoal.PolicyError, match="and none is given; give"):
            ask(sample, policy)
        with pytest.raises(shoal.PolicyError, match="no model of the policy is counted"):
            ask(sample, plain, population=_SIX)
    with pytest.raises(shoal.PolicyError, match="no model is counted"):
        shoal.Policy(k=2, quasi_identifiers=_X, population="people.parquet")


@pytest.mark.parametrize(
    ("population", "error", "message"),
    [
        (_SIX.head(2), shoal.InputError, "fewer rows"),
        (pl.DataFrame({"x": [1, 1, 2, 2]}), shoal.InputError, "some class of the table has more rows"),
        (pl.DataFrame({"y": [1, 1, 2, 2]}), shoal.ColumnError, "'x'"),
        (_SIX.cast(pl.String), shoal.ColumnError, "cast it to one type"),
        ("nowhere.parquet", shoal.InputError, "nowhere.parquet"),
    ],
)
def test_population__that_does_not_fit_is_refused(population: Any, error: Any, message: str, tmp_path: Path) -> None:
    policy = shoal.Policy(k=1, models=[shoal.KMap(k=2)], quasi_identifiers=_X)
    with pytest.raises(error, match=message):
        shoal.anonymize_file(pl.DataFrame({"x": [1, 2, 3]}), tmp_path / "out.parquet", policy, population=population)
    assert not list(tmp_path.iterdir())


def test_policy_not_met__names_the_nearest() -> None:
    sample = pl.DataFrame({"x": [1, 2, 3]})
    for model, nearest in (
        (shoal.KMap(k=7), {"k-map k": 6}),
        (shoal.DeltaPresence(at_most=0.4), {"presence at_most": 0.5}),
        (shoal.DeltaPresence(at_most=1.0, at_least=0.6), {"presence at_least": 0.5}),
    ):
        policy = shoal.Policy(
            k=1, models=[model], quasi_identifiers=_X, full_domain=shoal.FullDomain(objective="entropy")
        )
        with pytest.raises(shoal.PolicyNotMet) as caught:
            shoal.anonymize(sample, policy, method="full-domain", population=_SIX)
        assert caught.value.nearest == nearest

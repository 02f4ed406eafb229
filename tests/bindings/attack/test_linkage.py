"""Linkage on generalized releases: labels of every form, known answers, bad input, and nothing of a person shown."""

import datetime as dt
import json
from typing import Any

import polars as pl
import pytest

import shoal
from shoal_engine.errors import ColumnError, InputError, NumberError, PolicyError

ROWS = {"A": (["flu"] * 2 + ["hiv", "ulcer"]), "B": ["hiv"] * 3, "C": ["flu", "ulcer"]}
LABELS = {"A": ("[20, 29]", "{F, M}", "12***"), "B": ("[25, 34]", "F", "123**"), "C": ("*", "M", "*")}


@pytest.fixture
def release() -> pl.DataFrame:
    rows = [(*LABELS[name], ill) for name, held in ROWS.items() for ill in held]
    return pl.DataFrame(rows, schema=["age", "sex", "zip", "ill"], orient="row")


def register(*people: tuple[str | None, int | None, str | None]) -> pl.DataFrame:
    return pl.DataFrame(people, schema={"sex": pl.String, "age": pl.Int64, "zip": pl.String}, orient="row")


def look_up(release: pl.DataFrame, known: pl.DataFrame, **options: Any) -> pl.DataFrame:
    people = shoal.attack.linkage(release, known, sensitive=["ill"], per_person=True, **options).people
    assert people is not None
    return people


PEOPLE = register(
    ("F", 27, "12345"),
    ("F", 33, "12399"),
    ("M", 50, "99999"),
    ("F", 50, "99999"),
    (None, 27, None),
    (None, None, None),
)


def test_linkage__known_answers(release: pl.DataFrame) -> None:
    found = look_up(release, PEOPLE)
    assert found["classes"].to_list() == [2, 1, 1, 0, 3, 3]
    assert found["rows"].to_list() == [7, 3, 2, 0, 9, 9]
    assert found["ill_values"].to_list() == [3, 1, 2, 0, 3, 3]
    assert found["ill_top_even"].to_list() == pytest.approx([4 / 7, 1, 1 / 2, 0, 4 / 9, 4 / 9])


@pytest.mark.parametrize(
    ("ill", "posterior"),
    [
        ("flu", [2 / 7, 0, 1 / 2, 0, 1 / 3, 1 / 3]),
        ("hiv", [4 / 7, 1, 0, 0, 4 / 9, 4 / 9]),
        ("ulcer", [1 / 7, 0, 1 / 2, 0, 2 / 9, 2 / 9]),
    ],
)
def test_linkage__known_posteriors(release: pl.DataFrame, ill: str, posterior: list[float]) -> None:
    found = look_up(release, PEOPLE.with_columns(ill=pl.lit(ill)))
    assert found["ill_own_even"].to_list() == pytest.approx(posterior)


def test_linkage__one_mismatch(release: pl.DataFrame) -> None:
    found = look_up(release, register(("F", 50, "99999"), ("M", 50, "99999")), mismatches=1)
    assert found["rows"].to_list() == [2, 2]


def test_linkage__weights_by_how_much_of_a_label_the_value_fills(release: pl.DataFrame) -> None:
    # Of the five ages that either table names, A covers 20, 25, 27, 29; of both sexes one; so B's rows weigh 8 times.
    known = pl.DataFrame({"sex": ["F"], "age": [27]})
    found = look_up(release, known)
    n_a, n_b = 4, 3
    ages_a, ages_b = {20, 25, 27, 29}, {25, 27, 29, 34}
    weight_a, weight_b = 1 / len(ages_a) / 2, 1 / len(ages_b)
    assert found["claimed"].item() == pytest.approx(weight_b / (n_a * weight_a + n_b * weight_b))


def test_linkage__bounds_are_read_as_intervals(release: pl.DataFrame) -> None:
    ends = release.with_columns(
        age_lower=pl.col("age").replace_strict({"[20, 29]": 20, "[25, 34]": 25, "*": None}, return_dtype=pl.Int64),
        age_upper=pl.col("age").replace_strict({"[20, 29]": 29, "[25, 34]": 34, "*": None}, return_dtype=pl.Int64),
    ).drop("age")
    assert look_up(ends, PEOPLE)["rows"].to_list() == [7, 3, 2, 0, 9, 9]


def test_linkage__dates_and_sets_of_numbers() -> None:
    released = pl.DataFrame({"born": ["[1990-01-01, 1990-12-31]"] * 2 + ["1991-05-05"], "n": ["{1, 2}", "{1, 2}", "3"]})
    known = pl.DataFrame({"born": [dt.date(1990, 6, 1), dt.date(1991, 5, 5)], "n": [2, 3]})
    people = shoal.attack.linkage(released, known, per_person=True).people
    assert people is not None
    assert people["rows"].to_list() == [2, 1]


def test_linkage__tolerance_of_numbers_and_days() -> None:
    released = pl.DataFrame({"age": ["[20, 29]"] * 2 + ["[32, 34]"] * 2})
    known = pl.DataFrame({"age": [30, 31, 29]})
    wide = shoal.attack.linkage(released, known, tolerance={"age": 1}, per_person=True).people
    assert wide is not None
    assert wide["rows"].to_list() == [2, 2, 2]
    exact = pl.DataFrame({"day": [dt.date(2020, 1, 1), dt.date(2020, 1, 9)]})
    near = pl.DataFrame({"day": [dt.date(2020, 1, 3)]})
    found = shoal.attack.linkage(exact, near, tolerance={"day": 2}, per_person=True).people
    assert found is not None
    assert found["rows"].to_list() == [1]


def test_linkage__null_cells_of_a_release_are_compatible_with_everything() -> None:
    released = pl.DataFrame({"age": [30, 30, None], "sex": ["F", None, "M"]})
    people = shoal.attack.linkage(released, pl.DataFrame({"age": [30], "sex": ["M"]}), per_person=True).people
    assert people is not None
    assert people["rows"].to_list() == [2]


@pytest.mark.parametrize("method", ["tight", "mondrian"])
@pytest.mark.parametrize("output", ["label", "bounds"])
def test_linkage__on_what_shoal_releases__own_class_is_always_compatible(method: Any, output: Any) -> None:
    table = pl.DataFrame(
        {
            "id": range(300),
            "age": [20 + (7 * i) % 50 for i in range(300)],
            "zip": [f"{10000 + (i * i) % 977}" for i in range(300)],
            "job": [["a", "b", "c, d", "e"][i % 4] for i in range(300)],
            "ill": [["flu", "hiv", "gout"][i % 3] for i in range(300)],
        }
    )
    policy = shoal.Policy(
        k=4,
        quasi_identifiers={
            "age": shoal.QuasiIdentifier(output=output),
            "zip": shoal.QuasiIdentifier(hierarchy=shoal.Prefix()),
            "job": shoal.QuasiIdentifier(),
        },
        sensitive={"ill": shoal.Sensitive()},
        insensitive={"id": shoal.Insensitive()},
    )
    released = shoal.anonymize(table, policy, method=method).frame
    for its in (policy, None):
        found = shoal.attack.linkage(released, table, its, truth="id", sensitive=["ill"], per_person=True)
        assert found.people is not None
        assert found.figures.answers.wrong == 0
        assert found.figures.answers.empty == 0
        size = released.group_by(pl.exclude("id", "ill")).len()
        assert found.highest == pytest.approx(1 / size["len"].min())  # type: ignore[operator]
        assert found.figures.answers.sensitive["ill"].own_base == pytest.approx(1 / 3)


def test_linkage__hierarchies_need_the_policy() -> None:
    tree = shoal.NamedTree(nodes={"*": {"north": ["oslo", "bergen"], "south": ["rome", "bari"]}})
    policy = shoal.Policy(k=2, quasi_identifiers={"city": shoal.QuasiIdentifier(hierarchy=tree)})
    released = pl.DataFrame({"city": ["north"] * 2 + ["south"] * 3})
    known = pl.DataFrame({"city": ["bergen", "rome", "paris"]})
    people = shoal.attack.linkage(released, known, policy, per_person=True).people
    assert people is not None
    assert people["rows"].to_list() == [2, 3, 0]
    with pytest.raises(ColumnError, match="hierarchy"):
        shoal.attack.linkage(released, known)


def test_linkage__declared_orders_and_intervals() -> None:
    policy = shoal.Policy(
        k=2,
        quasi_identifiers={
            "grade": shoal.QuasiIdentifier(hierarchy=shoal.Order(values=["low", "mid", "high", "top"])),
            "age": shoal.QuasiIdentifier(hierarchy=shoal.Intervals(width=[10, 20], lower=0, upper=100)),
        },
    )
    released = pl.DataFrame(
        {"grade": ["[low, mid]"] * 2 + ["[mid, top]"] * 2, "age": ["[20, 30)"] * 2 + ["[20, 40)"] * 2}
    )
    known = pl.DataFrame({"grade": ["low", "mid", "high"], "age": [20, 29, 30]})
    people = shoal.attack.linkage(released, known, policy, per_person=True).people
    assert people is not None
    assert people["rows"].to_list() == [2, 4, 2]


def test_linkage__raw_table_and_held_out_people(release: pl.DataFrame) -> None:
    raw = pl.DataFrame({"sex": ["F", "F", "M"], "age": [27, 33, 50], "zip": ["12345", "12399", "99999"]})
    known = raw.with_columns(age=pl.Series([27, 33, None], dtype=pl.Int64))
    held_out = register(("F", 28, "12000"))
    figures = shoal.attack.linkage(release, known, sensitive=["ill"], raw=raw, held_out=held_out).figures
    assert figures.raw is not None
    assert figures.raw.even.mean == 1
    assert figures.held_out is not None
    assert figures.held_out.people == 1
    assert figures.held_out.even.mean == pytest.approx(1 / 4)


def test_linkage__truth_judges_answers(release: pl.DataFrame) -> None:
    released = release.with_columns(id=pl.Series(range(9)))
    known = register(("F", 27, "12345"), ("F", 33, "12399"), ("F", 50, "99999")).with_columns(id=pl.Series([0, 8, 7]))
    figures = shoal.attack.linkage(released, known, sensitive=["ill"], truth="id").figures
    assert figures.right_record_known
    assert figures.answers.even.mean == pytest.approx((1 / 7) / 3)
    assert figures.answers.wrong == pytest.approx(1 / 3)
    assert figures.answers.empty == pytest.approx(1 / 3)
    assert figures.answers.wrong_over is not None
    assert figures.answers.wrong_over["0.2"] == pytest.approx(1 / 3)


def test_linkage__journalist_counts_people_of_a_population() -> None:
    table = pl.DataFrame({"age": [20, 21, 22, 60, 61, 62]})
    policy = shoal.Policy.of(k=3, quasi_identifiers=["age"])
    released = shoal.anonymize(table, policy).frame
    population = pl.concat([table, table])
    figures = shoal.attack.linkage(released, table, policy, population=population).figures
    assert figures.journalist is not None
    assert figures.journalist.highest == pytest.approx(1 / 6)
    with pytest.raises(PolicyError, match="policy"):
        shoal.attack.linkage(released, table, population=population)


def test_linkage__guarantee_is_never_lowered(release: pl.DataFrame) -> None:
    found = shoal.attack.linkage(release, register((None, 27, None)))
    assert found.figures.answers.highest < found.highest == 1 / 2


def test_to_dict__withholds_shares_of_fewer_than_k_people(release: pl.DataFrame) -> None:
    people = pl.concat([register(("F", 27, "12345"))] * 9 + [register(("F", 33, "12399"))])
    found = shoal.attack.linkage(release, people, sensitive=["ill"])
    assert found.figures.answers.sensitive["ill"].homogeneous == pytest.approx(0.1)
    told = found.to_dict()
    assert told["answers"]["sensitive"]["ill"]["homogeneous"] is None
    assert told["answers"]["empty"] == 0
    json.dumps(told)


def test_linkage__repr_holds_nothing_of_a_person(release: pl.DataFrame) -> None:
    found = shoal.attack.linkage(release, PEOPLE, sensitive=["ill"], per_person=True)
    assert "12345" not in repr(found)
    assert "people=" in repr(found)
    assert "shape" not in repr(found)


@pytest.mark.parametrize(
    ("known", "options", "error", "words"),
    [
        (pl.DataFrame({"city": ["x"]}), {}, ColumnError, "no column"),
        (pl.DataFrame({"age": ["old"]}), {}, ColumnError, "String"),
        (pl.DataFrame({"age": [27], "zip": ["x"]}), {"columns": ["age", "job"]}, ColumnError, "job"),
        (pl.DataFrame({"age": [27]}), {"columns": ["age"], "tolerance": {"zip": 1}}, PolicyError, "zip"),
        (pl.DataFrame({"age": [27]}), {"tolerance": {"age": -1}}, PolicyError, "-1"),
        (pl.DataFrame({"sex": ["F"]}), {"tolerance": {"sex": 1}}, ColumnError, "tolerance"),
        (pl.DataFrame({"age": [27]}), {"tolerance": {"age": "1"}}, PolicyError, "'1'"),
        (pl.DataFrame({"age": [27]}), {"columns": ["age", "age"]}, PolicyError, "once"),
        (pl.DataFrame({"age": [27]}), {"policy": "policy.toml"}, PolicyError, "Policy.load"),
        (pl.DataFrame({"age": [[27]]}), {}, ColumnError, "List"),
        (pl.DataFrame({"age": [dt.timedelta(days=27)]}), {}, ColumnError, "Duration"),
        (pl.DataFrame({"age": [27]}), {"mismatches": -1}, NumberError, "mismatches"),
        (pl.DataFrame({"age": [27]}), {"truth": "id"}, ColumnError, "id"),
        (pl.DataFrame({"age": pl.Series([], dtype=pl.Int64)}), {}, InputError, "no people"),
    ],
)
def test_linkage__bad_input(
    release: pl.DataFrame, known: pl.DataFrame, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        shoal.attack.linkage(release, known, **options)


def test_linkage__other_units_and_people_outside_every_class() -> None:
    released = pl.DataFrame({"age": ["[20, 29]"] * 2 + ["[30, 39]"] * 2, "sex": ["F"] * 2 + ["M"] * 2})
    with pytest.raises(ColumnError, match="units"):
        shoal.attack.linkage(released, pl.DataFrame({"age": [300, 420]}))
    with pytest.raises(InputError, match="no class"):
        shoal.attack.linkage(released, pl.DataFrame({"age": [25, 35], "sex": ["M", "F"]}))


def test_linkage__ids_that_repeat_or_are_of_another_type() -> None:
    released = pl.DataFrame({"age": [30, 31], "id": [1, 1]})
    with pytest.raises(InputError, match="several rows"):
        shoal.attack.linkage(released, pl.DataFrame({"age": [30], "id": [1]}), truth="id")
    released = pl.DataFrame({"age": [30, 31], "id": [1, 2]})
    as_text = shoal.attack.linkage(released, pl.DataFrame({"age": [30], "id": ["1"]}), truth="id")
    assert as_text.figures.answers.even.mean == 1
    with pytest.raises(ColumnError, match="Date"):
        shoal.attack.linkage(released, pl.DataFrame({"age": [30], "id": [dt.date(2020, 1, 1)]}), truth="id")
    with pytest.raises(InputError, match="no value of"):
        shoal.attack.linkage(released, pl.DataFrame({"age": [30], "id": [7]}), truth="id")


def test_linkage__centers_need_a_tolerance() -> None:
    policy = shoal.Policy(k=2, quasi_identifiers={"age": shoal.QuasiIdentifier(output="center")})
    released = pl.DataFrame({"age": [24.5, 24.5, 40.0, 40.0]})
    known = pl.DataFrame({"age": [22, 41]})
    with pytest.raises(PolicyError, match="tolerance"):
        shoal.attack.linkage(released, known, policy)
    people = shoal.attack.linkage(released, known, policy, tolerance={"age": 5}, per_person=True).people
    assert people is not None
    assert people["rows"].to_list() == [2, 2]


def test_linkage__reads_files(release: pl.DataFrame, tmp_path: Any) -> None:
    release.write_csv(tmp_path / "release.csv")
    # A line of nulls alone is an empty line.
    PEOPLE.head(5).write_csv(tmp_path / "known.csv")
    found = look_up(tmp_path / "release.csv", tmp_path / "known.csv")  # type: ignore[arg-type]
    assert found["rows"].to_list() == [7, 3, 2, 0, 9]


def test_linkage__kept_columns_that_are_known_divide_the_classes() -> None:
    policy = shoal.Policy.of(k=2, quasi_identifiers=["age"], insensitive=["pay"])
    released = pl.DataFrame({"age": ["[20, 29]"] * 3 + ["[30, 39]"] * 3, "pay": [1, 2, 2, 3, 3, 4]})
    known = pl.DataFrame({"age": [22, 35], "pay": [2, 4]})
    found = look_up_by(released, known, policy)
    assert found["rows"].to_list() == [3, 3]
    assert look_up_by(released, known, policy, columns=["age", "pay"])["rows"].to_list() == [2, 1]


def look_up_by(released: pl.DataFrame, known: pl.DataFrame, policy: shoal.Policy, **options: Any) -> pl.DataFrame:
    people = shoal.attack.linkage(released, known, policy, per_person=True, **options).people
    assert people is not None
    return people


def test_to_dict__refuses_registers_of_fewer_than_k_people(release: pl.DataFrame) -> None:
    people = pl.concat([PEOPLE, PEOPLE])
    few = shoal.attack.linkage(release, people, held_out=PEOPLE.head(1))
    with pytest.raises(InputError, match="fewer than k = 2"):
        few.to_dict()
    with pytest.raises(InputError, match="fewer than k = 2"):
        shoal.attack.linkage(release, PEOPLE.head(1)).to_dict()


def test_linkage__numbers_of_two_types_lose_no_fraction() -> None:
    released = pl.DataFrame({"pay": [27.5, 27.5, 28.0]})
    people = shoal.attack.linkage(released, pl.DataFrame({"pay": [27, 28]}), per_person=True).people
    assert people is not None
    assert people["rows"].to_list() == [0, 1]
    wide = pl.DataFrame({"age": ["[20, 29]", "[20, 29]", "[30, 39]"]})
    people = shoal.attack.linkage(wide, pl.DataFrame({"age": [29.5, 30.0, float("nan")]}), per_person=True).people
    assert people is not None
    assert people["rows"].to_list() == [0, 1, 3]


def test_linkage__grown_hierarchies_are_read_by_what_their_labels_state() -> None:
    table = pl.DataFrame({"age": [20 + i % 40 for i in range(120)], "job": [f"j{i % 6}" for i in range(120)]})
    roles = {
        "age": shoal.QuasiIdentifier(hierarchy=shoal.Auto()),
        "job": shoal.QuasiIdentifier(hierarchy=shoal.Auto(balance="entropy")),
    }
    policy = shoal.Policy(k=5, quasi_identifiers=roles)
    released = shoal.anonymize(table, policy, method="full-domain").frame
    figures = shoal.attack.linkage(released, table, policy).figures
    assert figures.answers.empty == 0

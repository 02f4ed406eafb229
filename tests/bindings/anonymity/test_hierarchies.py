import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import shoal
from naive.hierarchies import arx_rows
from shoal_cli.commands import cli

ADULT = Path(__file__).parents[3] / ".." / "shared" / "data" / "adult"
CANARY = "c4n4ry"
PEOPLE = pl.DataFrame(
    {
        "age": [20 + i * i % 61 for i in range(120)],
        "zip": [f"0{2100 + i * 7 % 40}" for i in range(120)],
        "job": [["clerk", "nurse", "smith", "baker", None][i % 11 % 5] for i in range(120)],
    }
)
HIERARCHIES: dict[str, list[Any]] = {
    "age": [
        shoal.Intervals(width=[5], lower=30, upper=70, origin=0, bottom=25, top=75, fanout=[2, 2]),
        shoal.Order(fanout=[3, 3]),
        shoal.Auto(),
        shoal.Auto(balance="entropy", fanout=3),
    ],
    "zip": [shoal.Redaction(redact="left"), shoal.Redaction(alphabet=10, pad="0"), shoal.Priority(levels=4)],
    "job": [
        shoal.Priority(),
        shoal.Auto(),
        shoal.Auto(balance="entropy"),
        shoal.Order(values=["smith", "baker", "cook", "clerk", "nurse"], fanout=[2]),
    ],
}
CASES = [(column, hierarchy) for column, choices in HIERARCHIES.items() for hierarchy in choices]


def only(column: str, hierarchy: Any, k: int = 8) -> shoal.Policy:
    return shoal.Policy(
        k=k, order="sorted", quasi_identifiers={column: shoal.QuasiIdentifier(hierarchy=hierarchy, nulls="generalize")}
    )


@pytest.mark.parametrize("method", ["tight", "mondrian"])
@pytest.mark.parametrize(("column", "hierarchy"), CASES)
def test_anonymize__every_kind_releases_nodes_of_its_table(column: str, hierarchy: Any, method: Any) -> None:
    release = shoal.anonymize(PEOPLE, only(column, hierarchy), method=method)
    built = shoal.build_hierarchy(hierarchy, PEOPLE, column=column)
    nodes = {name for level in built.frame.get_columns() for name in level}
    assert set(release.frame[column]) <= {*nodes, None}
    assert release.frame.group_by(column).len()["len"].min() >= 8
    assert shoal.verify(release.frame, only(column, hierarchy)).met


@pytest.mark.parametrize(("column", "hierarchy"), CASES)
def test_anonymize__order_of_rows_moves_no_node(column: str, hierarchy: Any) -> None:
    policy = only(column, hierarchy)
    shuffled = PEOPLE.sample(fraction=1.0, shuffle=True, seed=5)
    assert shoal.anonymize(PEOPLE, policy).frame.equals(shoal.anonymize(shuffled, policy).frame)


@pytest.mark.parametrize(("column", "hierarchy"), CASES)
def test_build_hierarchy__file_and_nodes_stand_for_it(column: str, hierarchy: Any, tmp_path: Path) -> None:
    built = shoal.build_hierarchy(hierarchy, PEOPLE, column=column)
    built.write_csv(tmp_path / "tree.csv")
    assert shoal.read_hierarchy(tmp_path / "tree.csv").frame.equals(built.frame)
    if getattr(hierarchy, "alphabet", None) is not None:
        return  # The texts that do not occur are in no file.
    expected = shoal.anonymize(PEOPLE, only(column, hierarchy))
    for tree in (shoal.NamedTree(file=str(tmp_path / "tree.csv")), built.named_tree()):
        release = shoal.anonymize(PEOPLE, only(column, tree))
        assert release.frame.equals(expected.frame)
        assert release.report.loss == expected.report.loss


def test_anonymize__closeness_on_the_nodes_of_an_order() -> None:
    order = shoal.Order(values=["smith", "baker", "cook", "clerk", "nurse"], fanout=[2])
    closeness = shoal.Closeness(t=0.3, distance="hierarchical", hierarchy=order)
    policy = shoal.Policy(
        k=5,
        quasi_identifiers={"age": shoal.QuasiIdentifier()},
        sensitive={"job": shoal.Sensitive(models=[closeness])},
    )
    release = shoal.anonymize(PEOPLE, policy)
    assert shoal.verify(release.frame, policy).met
    for hierarchy in (shoal.Auto(), shoal.Order(fanout=[2])):
        with pytest.raises(shoal.PolicyError, match="the same for every table"):
            shoal.Closeness(t=0.3, distance="hierarchical", hierarchy=hierarchy)


def test_build_hierarchy__from_anything_with_values() -> None:
    spec = shoal.Auto(fanout=2)
    expected = shoal.build_hierarchy(spec, PEOPLE, column="age").frame
    for values in (PEOPLE["age"], PEOPLE["age"].to_list()):
        assert shoal.build_hierarchy(spec, values).frame.equals(expected)
    for frame in (PEOPLE.lazy(), PEOPLE.to_arrow(), PEOPLE.to_pandas()):
        assert shoal.build_hierarchy(spec, frame, column="age").frame.equals(expected)
    assert repr(shoal.build_hierarchy(spec, PEOPLE, column="age")) == "Hierarchy(31 leaves, 6 levels)"


def test_build_hierarchy__declared_leaves_without_values() -> None:
    built = shoal.build_hierarchy(shoal.Order(values=["low", "mid", "high"], fanout=[2]))
    assert built.frame.rows() == [("low", "[low, mid]", "*"), ("mid", "[low, mid]", "*"), ("high", "high", "*")]
    assert shoal.build_hierarchy(shoal.Order(values=["low", "mid"], fanout=[2]), ["mid", None]).n_leaves == 2


def test_build_hierarchy__refuses() -> None:
    with pytest.raises(shoal.HierarchyError, match="`values` does not cover the data") as caught:
        shoal.build_hierarchy(shoal.Order(values=["low"], fanout=[2]), [CANARY])
    assert CANARY not in str(caught.value)
    with pytest.raises(shoal.HierarchyError, match="`values` is an order and has no nodes"):
        shoal.build_hierarchy(shoal.Order(values=["low"]))
    for values in (None, [], [None, None]):
        with pytest.raises(shoal.InputError, match="needs the values of its column"):
            shoal.build_hierarchy(shoal.Prefix(), pl.Series("values", values, dtype=pl.String) if values else None)
    for column in (None, "agee"):
        with pytest.raises(shoal.ColumnError, match="it has age, zip, job"):
            shoal.build_hierarchy(shoal.Auto(), PEOPLE, column=column)
    with pytest.raises(shoal.HierarchyError, match="`values`, `nodes`, row 3 lists a leaf again"):
        shoal.build_hierarchy(shoal.NamedTree(nodes={"*": ["a", "b", "a"]}))
    with pytest.raises(shoal.PolicyError, match="fanout"):
        shoal.build_hierarchy(shoal.Auto(fanout=1), PEOPLE, column="age")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("a;x;*\nc4n4ry;*\n", "row 2 has 2 entries, the first row 3"),
        ("c4n4ry;x;*\nb;x;*\nc4n4ry;x;*\n", "row 3 lists a leaf again that row 1 has"),
        ("a;x;*\nb;x;c4n4ry\n", "row 2 ends in another root than row 1"),
        ("a;c4n4ry;p;*\nb;c4n4ry;q;*\n", "row 2 puts a node below a second parent: entry 2"),
        ("a;x;*\nc4n4ry;;*\n", "row 2 has an empty entry 2"),
        ("c4n4ry\n", "row 1 has leaves only"),
        ("", "holds no leaf"),
    ],
)
def test_read_hierarchy__malformed_rows_are_named(content: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "tree.csv").write_text(content)
    with pytest.raises(shoal.HierarchyError, match=rf"tree.csv`, {says}") as caught:
        shoal.read_hierarchy(tmp_path / "tree.csv")
    assert CANARY not in str(caught.value)
    with pytest.raises(shoal.HierarchyError, match=f"hierarchy of `zip`.*{says}"):
        shoal.assess(PEOPLE, only("zip", shoal.NamedTree(file=str(tmp_path / "tree.csv"))))


@pytest.mark.shared
@pytest.mark.skipif(not ADULT.exists(), reason="the real data folder is not beside the checkout")
def test_read_hierarchy__files_of_arx_are_rewritten_alike(tmp_path: Path) -> None:
    files = sorted(ADULT.glob("adult_hierarchy_*.csv"))
    assert len(files) == 9
    for file in files:
        read = shoal.read_hierarchy(file)
        assert read.frame.rows() == list(map(tuple, arx_rows(file)))
        read.write_csv(tmp_path / file.name)
        assert (tmp_path / file.name).read_bytes().rstrip() == file.read_bytes().rstrip()
        built = shoal.build_hierarchy(shoal.NamedTree(file=str(file)))
        assert sorted(built.frame.rows()) == sorted(read.frame.rows())


@pytest.mark.shared
@pytest.mark.skipif(not ADULT.exists(), reason="the real data folder is not beside the checkout")
def test_build_hierarchy__ages_of_arx_by_fanout() -> None:
    file = shoal.read_hierarchy(ADULT / "adult_hierarchy_age.csv")
    ages = file.frame["leaf"].cast(pl.Int64)
    built = shoal.build_hierarchy(shoal.Intervals(width=[5], fanout=[2, 2], lower=1, upper=101), ages)
    for ours, theirs in zip(built.frame.get_columns(), file.frame.get_columns(), strict=True):
        # Other names of the same nodes: 5 is in `0-4` there, and in `[1, 6)` here.
        assert len(set(zip(ours, theirs, strict=True))) == ours.n_unique() == theirs.n_unique()


def test_write_csv__refuses_names_that_are_no_tree(tmp_path: Path) -> None:
    frame = pl.DataFrame({"leaf": ["a", "b"], "level_1": ["x", "x"], "level_2": ["p", "q"], "level_3": ["*", "*"]})
    with pytest.raises(shoal.HierarchyError, match="second parent"):
        shoal.Hierarchy(frame).write_csv(tmp_path / "tree.csv")
    with pytest.raises(shoal.OutputError, match="does not exist"):
        shoal.Hierarchy(frame.drop("level_2")).write_csv(tmp_path / "no" / "tree.csv")
    assert not list(tmp_path.iterdir())


def test_cli__hierarchy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    PEOPLE.write_csv(tmp_path / "in.csv")
    out = tmp_path / "tree.csv"
    line = [str(tmp_path / "in.csv"), "-c", "age", "--kind", "intervals", "-o", str(out)]
    fields = ["--set", "width = [5, 10]", "--set", "lower = 0", "--set", "upper = 120"]
    assert cli.main(["hierarchy", *line, *fields, "--json"], standalone_mode=False) == 0
    assert json.loads(capsys.readouterr().out) == {"leaves": 31, "levels": 4, "output": str(out)}
    assert shoal.read_hierarchy(out).frame.row(0) == ("20", "[20, 25)", "[20, 30)", "*")
    with pytest.raises(shoal.PolicyError, match="wide"):
        cli.main(["hierarchy", *line, "--set", "wide = [5]"], standalone_mode=False)
    with pytest.raises(Exception, match="as in a policy's TOML"):
        cli.main(["hierarchy", *line, "--set", "width : 5"], standalone_mode=False)

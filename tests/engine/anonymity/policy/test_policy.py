import copy
import json
import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal_engine.anonymity.policy.hierarchies import Dates, Intervals, NamedTree, Order, Prefix
from shoal_engine.anonymity.policy.policy import Policy, json_schema
from shoal_engine.anonymity.policy.roles import (
    Closeness,
    Distinct,
    Entropy,
    Identifier,
    Insensitive,
    QuasiIdentifier,
    Recursive,
    Sensitive,
)
from shoal_engine.errors import PolicyError

FULL = """
k = 10
suppress = 0.05
order = "sorted"

[identifier.name]

[identifier.patient_id]
action = "pseudonym"
key_env = "SHOAL_KEY"

[quasi_identifier.age]
kind = "number"
hierarchy = { kind = "intervals", width = [5, 10, 20], lower = 0, upper = 120 }

[quasi_identifier.zip]
hierarchy = { kind = "prefix", keep = [3, 1] }

[quasi_identifier.admitted]
output = "label"
nulls = "generalize"
hierarchy = { kind = "date", levels = ["month", "year"] }

[quasi_identifier.education]
hierarchy = { kind = "tree", nodes = { low = ["a", "b"], high = { top = ["c"] } } }

[quasi_identifier.pain]
hierarchy = { kind = "order", values = ["none", "some", "much"] }

[quasi_identifier.height]
output = "mean"

[sensitive.diagnosis]
models = [
  { kind = "distinct", l = 3 },
  { kind = "entropy", l = 2.5 },
  { kind = "recursive", c = 4, l = 3 },
  { kind = "closeness", t = 0.2, distance = "hierarchical", hierarchy = { kind = "tree", file = "d.csv" } },
]

[insensitive.cost]
"""


def with_age(entry: str) -> str:
    return f"k = 5\n[quasi_identifier.age]\n{entry}\n"


def with_model(entry: str) -> str:
    return f"k = 5\n[quasi_identifier.age]\n[sensitive.disease]\nmodels = [{entry}]\n"


def test_from_toml__every_key() -> None:
    policy = Policy.from_toml(FULL)
    assert (policy.k, policy.suppress, policy.order) == (10, 0.05, "sorted")
    assert policy.identifiers == {
        "name": Identifier(),
        "patient_id": Identifier(action="pseudonym", key_env="SHOAL_KEY"),
    }
    assert policy.quasi_identifiers == {
        "age": QuasiIdentifier(kind="number", hierarchy=Intervals(width=[5, 10, 20], lower=0, upper=120)),
        "zip": QuasiIdentifier(hierarchy=Prefix(keep=[3, 1])),
        "admitted": QuasiIdentifier(nulls="generalize", hierarchy=Dates(levels=["month", "year"])),
        "education": QuasiIdentifier(hierarchy=NamedTree(nodes={"low": ["a", "b"], "high": {"top": ["c"]}})),
        "pain": QuasiIdentifier(hierarchy=Order(values=["none", "some", "much"])),
        "height": QuasiIdentifier(output="mean"),
    }
    closeness = Closeness(t=0.2, distance="hierarchical", hierarchy=NamedTree(file="d.csv"))
    models = [Distinct(l=3), Entropy(l=2.5), Recursive(c=4.0, l=3), closeness]
    assert policy.sensitive == {"diagnosis": Sensitive(models=models)}
    assert policy.insensitive == {"cost": Insensitive()}


def test_from_toml__order_of_quasi_identifiers_kept() -> None:
    names = ["age", "zip", "admitted", "education", "pain", "height"]
    assert list(Policy.from_toml(FULL).quasi_identifiers) == names


def test_to_toml__reads_back() -> None:
    policy = Policy.from_toml(FULL)
    assert Policy.from_toml(policy.to_toml()) == policy
    assert Policy.from_toml(policy.to_toml()).to_toml() == policy.to_toml()


@given(
    k=st.integers(2, 10**6),
    suppress=st.floats(0, 0.99),
    names=st.lists(st.text(min_size=1), min_size=1, max_size=4, unique=True),
    l=st.none() | st.integers(1, 99),
    t=st.none() | st.floats(0, 1),
)
@settings(deadline=None)
def test_to_toml__reads_back_any_names(
    k: int, suppress: float, names: list[str], l: int | None, t: float | None
) -> None:
    sensitive = names[1:2] if len(names) > 1 else []
    l, t = (l, t) if sensitive else (None, None)
    policy = Policy.of(
        k=k,
        quasi_identifiers=[*names[:1], *names[2:]],
        sensitive=sensitive,
        l=l,
        t=t,
        suppress=suppress,
    )
    assert Policy.from_toml(policy.to_toml()) == policy


def test_policy__survives_pickle_and_copy() -> None:
    policy = Policy.from_toml(FULL, folder="there")
    assert pickle.loads(pickle.dumps(policy)) == policy
    assert copy.deepcopy(policy) == policy


def test_policy__is_frozen() -> None:
    policy = Policy.from_toml(FULL)
    with pytest.raises(AttributeError):
        policy.k = 2  # type: ignore[misc]
    with pytest.raises(TypeError):
        policy.quasi_identifiers["more"] = QuasiIdentifier()  # type: ignore[index]
    with pytest.raises(AttributeError):
        policy.sensitive["diagnosis"].models.append(Distinct(l=1))  # type: ignore[attr-defined]


def test_policy__does_not_share_the_callers_mapping() -> None:
    columns = {"age": QuasiIdentifier()}
    policy = Policy(k=2, quasi_identifiers=columns)
    columns["zip"] = QuasiIdentifier()
    assert list(policy.quasi_identifiers) == ["age"]


def test_columns__role_of_each() -> None:
    columns = Policy.from_toml(FULL).columns
    assert set(columns) == {
        *("name", "patient_id", "age", "zip", "admitted", "education", "pain", "height"),
        *("diagnosis", "cost"),
    }
    assert columns["cost"] == Insensitive()


def test_of__models_for_each_sensitive_column() -> None:
    policy = Policy.of(k=3, quasi_identifiers=["a"], sensitive=["b", "c"], l=2, t=0.25)
    models = (Distinct(l=2), Closeness(t=0.25))
    assert {name: column.models for name, column in policy.sensitive.items()} == {"b": models, "c": models}


@pytest.mark.parametrize("limits", [{"l": 2}, {"t": 0.5}])
def test_of__limits_without_sensitive_column(limits: dict[str, float]) -> None:
    with pytest.raises(PolicyError, match="none is named"):
        Policy.of(k=3, quasi_identifiers=["a"], **limits)  # type: ignore[arg-type]


@pytest.mark.parametrize("names", [["a", "a"], "a"])
def test_of__columns_not_a_list_of_distinct_names(names: list[str]) -> None:
    with pytest.raises(PolicyError, match="each of them once"):
        Policy.of(k=3, quasi_identifiers=names)


def test_load__relative_files_lie_beside_the_policy(tmp_path: Path) -> None:
    folder = tmp_path
    (folder / "policy.toml").write_text(FULL, encoding="utf-8")
    policy = Policy.load(folder / "policy.toml")
    assert policy.locate("d.csv") == folder / "d.csv"
    assert policy.locate("/elsewhere/d.csv") == Path("/elsewhere/d.csv")
    assert str(folder) not in policy.to_toml()


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"k = "])
def test_load__unreadable(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "policy.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PolicyError):
        Policy.load(path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[quasi_identifier.age]", "`k`.*no default.*k = 10"),
        ("k = 0\n[quasi_identifier.age]", "`k`.*>= 1"),
        ("k = 1\n[quasi_identifier.age]\n[sensitive.s]", "k = 1 protects nobody by itself"),
        ("k = true\n[quasi_identifier.age]", "`k`"),
        ("k = 2.5\n[quasi_identifier.age]", "`k`"),
        ("k = 5", "no quasi-identifier.*quasi_identifier.age"),
        ("k = 5\nsupress = 0.1\n[quasi_identifier.age]", "`supress`.*did you mean `suppress`"),
        ("k = 5\nzzz = 'x'\n[quasi_identifier.age]", "`zzz`.*there are k, suppress"),
        ("k = 5\nfolder = 'x'\n[quasi_identifier.age]", "`folder` is not a key"),
        ("k = 5\nsuppress = 1.0\n[quasi_identifier.age]", "`suppress`.*below 1"),
        ("k = 5\nsuppress = nan\n[quasi_identifier.age]", "`suppress`"),
        ("k = 5\norder = 'input'\n[quasi_identifier.age]", "`order`.*shuffled"),
        ("k = 5\n[quasi_identifier.age]\n[sensitive.age]", "`age` is both quasi_identifier and sensitive"),
        ("k = 5\nquasi_identifier = 'age'", "`quasi_identifier` must be a table"),
        ("k = 5\n[quasi_identifier]\nage = 3", "`quasi_identifier.age`"),
        ("k = 5\n[quasi_identifier.'']", "`quasi_identifier` has a column without name"),
        (with_age("kindd = 'number'"), "`quasi_identifier.age`.*`kindd`"),
        (with_age("kind = 'numeric'"), "`quasi_identifier.age.kind`"),
        (with_age("output = 'mode'"), "`quasi_identifier.age.output`"),
        (with_age("kind = 'category'\noutput = 'mean'"), "`quasi_identifier.age`.*needs kind number"),
        (with_age("kind = 'category'\noutput = 'center'"), "needs kind number or date"),
        (with_age("kind = 'category'\noutput = 'bounds'"), "needs kind number or date"),
        (with_age("kind = 'date'\noutput = 'mean'"), "needs kind number"),
        (with_age("output = 'bounds'\nhierarchy = { kind = 'prefix' }"), "without hierarchy"),
        (with_age("kind = 'date'\nhierarchy = { kind = 'prefix' }"), "masks text"),
        (with_age("kind = 'category'\nhierarchy = { kind = 'date' }"), "kind = 'date'"),
        (with_age("kind = 'date'\nhierarchy = { kind = 'intervals', bounds = [[0, 1]] }"), "kind = 'number'"),
        (with_age("hierarchy = { kind = 'ladder' }"), "`quasi_identifier.age.hierarchy.kind`"),
        (with_age("hierarchy = { kind = 'intervals' }"), "either `width`"),
        (with_age("hierarchy = { kind = 'intervals', width = [5], lower = 0 }"), "`lower` below `upper`"),
        (with_age("hierarchy = { kind = 'intervals', width = [5], lower = 9, upper = 3 }"), "`lower` below"),
        (with_age("hierarchy = { kind = 'intervals', width = [0], lower = 0, upper = 3 }"), "above 0"),
        (with_age("hierarchy = { kind = 'intervals', width = [2, 3], lower = 0, upper = 6 }"), "multiple"),
        (with_age("hierarchy = { kind = 'intervals', width = [2], lower = 0, upper = inf }"), "finite"),
        (with_age("hierarchy = { kind = 'intervals', bounds = [[1]] }"), "at least two"),
        (with_age("hierarchy = { kind = 'intervals', bounds = [[1, 3, 2]] }"), "ascending"),
        (with_age("hierarchy = { kind = 'intervals', bounds = [[0, 5, 9], [0, 4, 9]] }"), "level before"),
        (with_age("hierarchy = { kind = 'order', values = [] }"), "needs `values`"),
        (with_age("hierarchy = { kind = 'order', values = ['a', 'a'] }"), "twice"),
        (with_age("hierarchy = { kind = 'prefix', mask = '**' }"), "hierarchy.mask"),
        (with_age("hierarchy = { kind = 'prefix', keep = [2, 3] }"), "descend"),
        (with_age("hierarchy = { kind = 'date', levels = ['year', 'day'] }"), "fine to coarse"),
        (with_age("hierarchy = { kind = 'date', levels = ['fortnight'] }"), r"hierarchy.levels\[0\]"),
        (with_age("hierarchy = { kind = 'tree' }"), "either `file` or `nodes`"),
        (with_model("{ kind = 'distinct', l = 0 }"), r"`sensitive.disease.models\[0\].l`.*>= 1"),
        (with_model("{ kind = 'distinct', l = 2.5 }"), r"`sensitive.disease.models\[0\].l`"),
        (with_model("{ kind = 'entropy', l = 0.5 }"), r"models\[0\].l`.*>= 1"),
        (with_model("{ kind = 'entropy', l = inf }"), "finite"),
        (with_model("{ kind = 'recursive', c = 0, l = 2 }"), r"models\[0\].c`.*> 0"),
        (with_model("{ kind = 'closeness', t = 1.5 }"), r"models\[0\].t`.*<= 1"),
        (with_model("{ kind = 'closeness', t = -0.1 }"), r"models\[0\].t`.*>= 0"),
        (with_model("{ kind = 'closeness', t = nan }"), r"models\[0\]"),
        (with_model("{ kind = 'closeness', t = 0.1, distance = 'hierarchical' }"), "needs a `hierarchy`"),
        (
            with_model("{ kind = 'closeness', t = 0.1, hierarchy = { kind = 'prefix' } }"),
            "takes no `hierarchy`",
        ),
        ("k = 5\n[quasi_identifier.age]\n[identifier.id]\naction = 'hash'", "`identifier.id.action`"),
        ("k = 5\n[quasi_identifier.age]\n[identifier.id]\naction = 'pseudonym'", "one key source"),
        ("k = 5\n[quasi_identifier.age]\n[identifier.id]\nkey_env = 'K'", "needs no key"),
        (
            "k = 5\n[quasi_identifier.a]\n[identifier.id]\naction = 'pseudonym'\nkey_env = 'K'\nkey_file = 'f'",
            "one key source",
        ),
        ("k = 5\n[quasi_identifier.age]\n[insensitive.cost]\nkeep = true", "`insensitive.cost`.*`keep`"),
    ],
)
def test_from_toml__contradiction_names_key_and_remedy(text: str, says: str) -> None:
    with pytest.raises(PolicyError, match=f"(?s){says}"):
        Policy.from_toml(text)


def test_from_toml__key_material_in_the_wrong_place_is_not_repeated() -> None:
    start = "k = 5\n[quasi_identifier.age]\n[identifier.id]\naction = 'pseudonym'\n"
    for entry in ("key = 'c4n4ry/secret'", "key_env = 'c4n4ry/secret'"):
        with pytest.raises(PolicyError) as caught:
            Policy.from_toml(start + entry)
        assert "c4n4ry" not in str(caught.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Policy(k="10", quasi_identifiers={"a": QuasiIdentifier()}),  # type: ignore[arg-type]
        lambda: Policy(k=5, quasi_identifiers={"a": Sensitive()}),  # type: ignore[dict-item]
        lambda: Policy(k=5, quasi_identifiers=["a"]),  # type: ignore[arg-type]
        lambda: Policy(k=5, quasi_identifiers={"a": QuasiIdentifier(output="median")}),  # type: ignore[arg-type]
        lambda: Policy.of(k=5, quasi_identifiers=["a"], sensitive=["b"], l=0),
        lambda: Policy.of(k=5, quasi_identifiers=["a"], sensitive=["b"], t="x"),  # type: ignore[arg-type]
        lambda: Closeness(t="x"),  # type: ignore[arg-type]
    ],
)
def test_constructors__same_checks_as_toml(make: object) -> None:
    with pytest.raises(PolicyError):
        make()  # type: ignore[operator]


def test_json_schema__describes_the_toml() -> None:
    schema = json.loads(json.dumps(json_schema()))
    policy = schema["$defs"]["Policy"]
    expected = {"k", "suppress", "order", "unit", "models", "population", "full_domain", "release", "file"}
    expected |= {"identifier", "quasi_identifier", "sensitive", "set_valued", "insensitive", "undecided", "accept"}
    expected |= {"column"}
    assert set(policy["properties"]) == expected
    assert policy["required"] == ["k"]
    assert policy["additionalProperties"] is False
    assert policy["properties"]["k"]["minimum"] == 1


def test_policy__k_of_one_where_another_model_protects() -> None:
    text = "k = 1\n[quasi_identifier.age]\n[sensitive.s]\nmodels = [{ kind = 'alpha', alpha = 0.5 }]"
    assert Policy.from_toml(text).k == 1

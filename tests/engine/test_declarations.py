"""Declarations of files and columns: read, refused, and carried by a policy."""

import pickle

import pytest

from shoal_engine.anonymity.policy.policy import Policy, json_schema
from shoal_engine.declarations import ColumnFormat, Declarations, FileFormat, column_options
from shoal_engine.errors import PolicyError

_TOML = """
k = 2
[quasi_identifier.dob]
[file]
encoding = "cp1252"
separator = ";"
nulls = ["NA", "-9"]
comment = "#"
unnamed = "drop"
[column.dob]
type = "date"
format = "%d.%m.%y"
pivot = 1930
[column.cost]
type = "decimal"
scale = 2
decimal_sign = ","
thousands_sign = "."
"""


def test_policy__carries_declarations_through_toml_and_pickle() -> None:
    policy = Policy.from_toml(_TOML)
    assert policy.file == FileFormat(encoding="cp1252", separator=";", nulls=["NA", "-9"], comment="#", unnamed="drop")
    assert policy.column["dob"] == ColumnFormat(type="date", format="%d.%m.%y", pivot=1930)
    assert policy.column["cost"].scale == 2
    assert Policy.from_toml(policy.to_toml()) == policy
    assert pickle.loads(pickle.dumps(policy)) == policy


def test_policy__without_declarations_writes_none() -> None:
    assert "file" not in Policy.of(k=2, quasi_identifiers=["age"]).to_builtins()
    assert {"file", "column"} <= json_schema()["$defs"]["Policy"]["properties"].keys()


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ("[file]\nencodin = 'x'", "encodin"),
        ("[file]\nencoding = 'klingon'", "klingon"),
        ("[file]\nseparator = ';;'", "separator"),
        ("[file]\nseparator = '\"'", "quote"),
        ("[file]\nnulls = ['']", "null by itself"),
        ("[column.dob]\ntype = 'number'", "type"),
        ("[column.dob]\nformat = '%d'", "type"),
        ("[column.dob]\ntype = 'date'\nformat = '%d.%m.%y'", "pivot"),
        ("[column.dob]\ntype = 'date'\nformat = '%d.%m.%Y'\npivot = 1930", "pivot"),
        ("[column.dob]\ntype = 'date'\nformat = 'dmy'", "directive"),
        ("[column.dob]\ntype = 'date'\nformat = '%d'\nunit = 's'", "one of them"),
        ("[column.dob]\ntype = 'text'\nunit = 's'", "unit"),
        ("[column.dob]\ntype = 'date'\nzone = 'UTC'", "zone"),
        ("[column.dob]\ntype = 'datetime'\nzone = 'Mars/Base'", "Mars"),
        ("[column.dob]\ntype = 'decimal'", "scale"),
        ("[column.dob]\ntype = 'float'\nscale = 2", "scale"),
        ("[column.dob]\ntype = 'float'\ndecimal_sign = ','\nthousands_sign = ','", "decimal_sign"),
        ("[column.dob]\ntype = 'text'\ndecimal_sign = ','", "numbers"),
        ("[column.dob]\ntype = 'boolean'\ntrue = ['y']\nfalse = ['y']", "boolean"),
        ("[column.dob]\ntype = 'text'\ntrue = ['y']", "boolean"),
        ("[column.dob]\ntype = 'date'\ncolor = 'red'", "color"),
    ],
)
def test_policy__refuses_declarations_that_say_nothing(section: str, told: str) -> None:
    with pytest.raises(PolicyError, match=told):
        Policy.from_toml("k = 2\n[quasi_identifier.dob]\n" + section)


def test_column_options__read_types_and_formats() -> None:
    found = column_options(
        ["dob=date:%d.%m.%y:1930", "at=time:%H:%M", "x=float:.,", "n=integer:.", "c=decimal:2", "z=text"]
    )
    assert found["dob"] == ColumnFormat(type="date", format="%d.%m.%y", pivot=1930)
    assert found["at"] == ColumnFormat(type="time", format="%H:%M")
    assert found["x"] == ColumnFormat(type="float", decimal_sign=",", thousands_sign=".")
    assert found["n"] == ColumnFormat(type="integer", decimal_sign=",", thousands_sign=".")
    assert found["c"] == ColumnFormat(type="decimal", scale=2)
    assert found["z"] == ColumnFormat(type="text")


@pytest.mark.parametrize("text", ["dob", "dob=", "dob=day", "z=text:x", "c=decimal"])
def test_column_options__refuse_what_is_no_type(text: str) -> None:
    with pytest.raises(PolicyError):
        column_options([text])


def test_declarations__of_a_call_take_the_place_of_those_of_a_policy() -> None:
    policy = Declarations(FileFormat(separator=";"), {"a": ColumnFormat(type="text"), "b": ColumnFormat(type="text")})
    merged = policy.merged(Declarations(columns={"a": ColumnFormat(type="integer")}))
    assert merged.file.separator == ";"
    assert {name: one.type for name, one in merged.columns.items()} == {"a": "integer", "b": "text"}

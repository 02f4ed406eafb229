"""What is asked of the census table: the same six quasi-identifiers, generalized in one way or the other."""

from typing import Literal

import polars as pl

import shoal
from benches.census import EDUCATION, MARITAL, OCCUPATION, QUASI_IDENTIFIERS


def ordered(frame: pl.DataFrame, k: int) -> shoal.Policy:
    """Return k-anonymity over ordered codes: every value that occurs has a place on a line."""
    return shoal.Policy(k=k, quasi_identifiers={name: _line(frame[name]) for name in QUASI_IDENTIFIERS})


def everyday(k: int, *, order: Literal["shuffled", "sorted"] = "shuffled") -> shoal.Policy:
    """Return the policy of a release: ages to intervals, ZIP codes to prefixes, the rest to sets."""
    roles = {name: shoal.QuasiIdentifier() for name in QUASI_IDENTIFIERS}
    roles["zip"] = shoal.QuasiIdentifier(hierarchy=shoal.Prefix())
    return shoal.Policy(
        k=k,
        order=order,
        quasi_identifiers=roles,
        sensitive={"diagnosis": shoal.Sensitive()},
        insensitive={"income": shoal.Insensitive()},
    )


def lines(frame: pl.DataFrame, k: int) -> shoal.Policy:
    """Return the policy of a release without tree or set: every quasi-identifier on a line."""
    return shoal.Policy(
        k=k,
        quasi_identifiers={name: _line(frame[name]) for name in QUASI_IDENTIFIERS},
        sensitive={"diagnosis": shoal.Sensitive()},
        insensitive={"income": shoal.Insensitive()},
    )


def _line(column: pl.Series) -> shoal.QuasiIdentifier:
    """Order a column's values: numbers by value, text by code point."""
    if column.dtype.is_numeric():
        return shoal.QuasiIdentifier()
    values = column.unique().cast(pl.String).sort().to_list()
    return shoal.QuasiIdentifier(hierarchy=shoal.Order(values=values))


def hierarchical(k: int, *, suppress: float = 0.0) -> shoal.Policy:
    """Return the policy of full-domain generalization: every column along a hierarchy."""
    halves = {"low": EDUCATION[:8], "high": EDUCATION[8:]}
    trees = {
        "age": shoal.Intervals(width=[5, 10, 20, 40], lower=10, upper=100),
        "sex": shoal.NamedTree(nodes={"*": ["female", "male"]}),
        "zip": shoal.Prefix(),
        "education": shoal.NamedTree(nodes={"*": halves}),
        "marital": shoal.NamedTree(nodes={"*": {"alone": MARITAL[:1] + MARITAL[2:], "with": MARITAL[1:2]}}),
        "occupation": shoal.NamedTree(nodes={"*": OCCUPATION}),
    }
    roles = {name: shoal.QuasiIdentifier(hierarchy=tree) for name, tree in trees.items()}
    return shoal.Policy(k=k, suppress=suppress, quasi_identifiers=roles)

"""Any name that a column may have: answers are those of the same table with plain names, or the error is typed."""

from typing import Any

import polars as pl
import pytest

import shoal

OURS = [
    *("rows", "row", "value", "count", "share", "class", "equal", "distinct", "entropy", "recursive_2", "people"),
    *("label", "loss", "item", "extra", "rank", "text", "node_1", "cost", "positive", "sum", "d", "1", "code"),
    *("entropy_grassberger", "delta_disclosure", "beta", "alpha", "average_risk", "class_size", "risk", "index"),
]
NAMES = [*OURS, *(f"__{name}" for name in OURS), *(f"_{name}" for name in OURS[:12]), "len", "literal", "unit", "keys"]
STRANGE = [
    " ",
    "a.b",
    "a b",
    'say "x"',
    "it's",
    "two\nlines",
    "tab\t",
    "ä",
    "🐟",
    "n" * 5000,
    "^a",
    "a$",
    "0",
    "-x",
    "$[]",
]


def table(q: str, other: str, sensitive: str, kept: str, lists: str) -> pl.DataFrame:
    return pl.DataFrame(
        {
            q: [1, 1, 2, 2, 3, 3, 4, 4],
            other: list("xxyyxxyy"),
            sensitive: list("abababab"),
            kept: [7] * 8,
            lists: [["k", "l"]] * 8,
        }
    )


def policy(q: str, other: str, sensitive: str, kept: str, lists: str, output: Any = "label") -> shoal.Policy:
    models = [
        shoal.Distinct(l=2),
        shoal.Recursive(c=3.0, l=2),
        shoal.Closeness(t=0.9),
        shoal.Closeness(t=0.9, distance="ordered"),
        shoal.Entropy(l=1, estimator="grassberger"),
        shoal.DeltaDisclosure(delta=3),
        shoal.BetaLikeness(beta=9),
        shoal.Alpha(alpha=0.9),
    ]
    return shoal.Policy(
        k=2,
        quasi_identifiers={q: shoal.QuasiIdentifier(output=output), other: shoal.QuasiIdentifier()},
        sensitive={sensitive: shoal.Sensitive(models=models)},
        insensitive={kept: shoal.Insensitive()},
        set_valued={lists: shoal.SetValued(m=2)},
        models=[shoal.AverageRisk(at_most=0.9), shoal.LKC(l=2, k=2, c=0.9), shoal.KMap(k=2, sampling_fraction=0.9)],
        order="sorted",
    )


PLAIN = ("plain_q", "plain_other", "plain_s", "plain_kept", "plain_lists")


def figures(*names: str) -> list[Any]:
    """What a release, its recount and the risks are, apart from names."""
    found: list[Any] = []
    for output in ("label", "bounds"):
        release = shoal.anonymize(table(*names), policy(*names, output=output))
        found.append(sorted(map(repr, release.frame.rows())))
        found.append([getattr(release.report, name) for name in ("k", "rows", "equivalence_classes", "unique_rows")])
        found.append(release.report.loss)
        (reach,) = release.report.sensitive.values()
        found.append(reach)
        found.append(release.report.table_models)
        found.append(shoal.verify(release.frame, policy(*names, output=output)).met)
        found.append(sorted((finding.code, finding.share) for finding in release.findings))
    return found


@pytest.fixture(scope="module")
def expected() -> list[Any]:
    return figures(*PLAIN)


@pytest.mark.parametrize("first", range(5))
def test_anonymize__columns_named_like_ours(first: int, expected: list[Any]) -> None:
    rolled = NAMES[first:] + NAMES[:first]
    for start in range(0, len(rolled) - 5, 5):
        assert figures(*rolled[start : start + 5]) == expected


@pytest.mark.parametrize("name", STRANGE)
def test_anonymize__strange_names(name: str, expected: list[Any]) -> None:
    for place in range(5):
        assert figures(*PLAIN[:place], name, *PLAIN[place + 1 :]) == expected


def test_policy__a_column_without_name() -> None:
    with pytest.raises(shoal.PolicyError, match="a column without name"):
        policy("", *PLAIN[1:])


@pytest.mark.parametrize("name", ["*", "^a$", "^.*$", "^$"])
def test_columns__named_as_patterns_are_refused(name: str, tmp_path: Any) -> None:
    frame = table(name, *PLAIN[1:])
    frame.drop("plain_lists").write_parquet(tmp_path / "in.parquet")
    asked = policy(name, *PLAIN[1:])
    for source in (frame, frame.lazy(), frame.to_arrow(), tmp_path / "in.parquet"):
        for call in (shoal.anonymize, shoal.assess, shoal.verify):
            with pytest.raises(shoal.ColumnError, match="stands for a pattern of columns"):
                call(source, asked)
        with pytest.raises(shoal.ColumnError, match="stands for a pattern of columns"):
            shoal.look(source)

"""Linkability, inference and attribution: known answers, and every record against every row."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import row_attacks as naive
from shoal_engine.attack.attribution import AttributionReport, attribution
from shoal_engine.attack.inference import inference
from shoal_engine.attack.linkability import linkability, random_links
from shoal_engine.attack.plain_rows import PlainTables
from shoal_engine.attack.success_rates import AttackReport
from shoal_engine.errors import ColumnError, PolicyError

Table = Sequence[Sequence[Any]]
KINDS = {"n": pa.float64(), "m": pa.float64(), "t": pa.string(), "u": pa.string(), "v": pa.string()}
ALL: dict[str, Any] = {"n_attacks": None, "seed": None, "confidence": 0.95, "n_threads": 1}


def tables(names: str, *given: Table) -> PlainTables:
    arrays = [{name: pa.array([row[i] for row in rows], KINDS[name]) for i, name in enumerate(names)} for rows in given]
    return PlainTables.of(arrays, list(names))


def linked(given: PlainTables, left: str, right: str, **options: Any) -> AttackReport:
    return linkability(given, list(left), list(right), **(ALL | {"n_neighbors": 1} | options))[0]


def inferred(given: PlainTables, known: str, secret: str, **options: Any) -> AttackReport:
    chosen: dict[str, Any] = ALL | {"tolerance": 0.05} | options
    return inference(given, list(known), secret, **chosen)[0]


def attributed(given: PlainTables, keys: str, secret: str, **options: Any) -> AttributionReport:
    return attribution(given, list(keys), secret, **(ALL | options))[0]


@pytest.mark.parametrize(("n_neighbors", "share"), [(1, 0.25), (2, 1.0)])
def test_linkability__known_answers(n_neighbors: int, share: float) -> None:
    given = tables("nm", [(0, 0), (1, 1), (4, 4), (9, 9)], [(0, 0), (0, 1), (4, 9), (0, 4)])
    assert linked(given, "n", "m", n_neighbors=n_neighbors).success.share == share


@pytest.mark.parametrize(("n_neighbors", "share"), [(1, 1 / 4), (2, 5 / 6), (3, 1.0)])
def test_random_links__known_answers(n_neighbors: int, share: float) -> None:
    assert random_links(4, n_neighbors) == pytest.approx(share, abs=1e-15)
    given = tables("nm", [(0, 0), (1, 1), (4, 4), (9, 9)], [(0, 0)])
    assert linked(given, "n", "m", n_neighbors=n_neighbors).baseline.share == pytest.approx(share)


def test_linkability__rows_of_the_release_find_themselves() -> None:
    rows = [(float(i), str(i)) for i in range(30)]
    assert linked(tables("nt", rows, rows), "n", "t").success.share == 1.0


def test_linkability__ties_are_shared() -> None:
    """Four equal rows: each part points to one of the four, and both to the same once in four."""
    rows = [(1.0, "a")] * 4
    assert linked(tables("nt", rows, rows), "n", "t").success.share == pytest.approx(1 / 4)


def test_linkability__control_rows_and_drawn_rows() -> None:
    rows = [(float(i), str(i)) for i in range(60)]
    given = tables("nt", rows, rows, [(i + 0.4, "none") for i in range(5)])
    report, chances = linkability(given, ["n"], ["t"], n_neighbors=1, **(ALL | {"n_attacks": 20, "seed": 7}))
    assert report.control is not None
    assert (report.success.attacks, report.control.attacks) == (20, 5)
    # Nobody has the control's text, so all rows tie.
    assert report.control.share == pytest.approx(1 / 60)
    assert len(chances["original"][0]) == 20
    assert report.requested == 20


@pytest.mark.parametrize("n_neighbors", [0, 3])
def test_linkability__neighbors_out_of_range(n_neighbors: int) -> None:
    with pytest.raises(PolicyError, match="from 1 to the rows of the release, 2"):
        linked(tables("nm", [(0, 0), (1, 1)], [(0, 0)]), "n", "m", n_neighbors=n_neighbors)


@pytest.mark.parametrize(("release", "share"), [(["ab", "cd"], 1.0), (["ab", "ce"], 0.5), (["ah", "cg"], 0.0)])
def test_inference__known_answers(release: list[str], share: float) -> None:
    assert inferred(tables("tu", release, ["ab", "cd"]), "t", "u").success.share == share


@pytest.mark.parametrize(("tolerance", "share"), [(0.05, 1.0), (0.04, 0.0)])
def test_inference__numeric_known_answers(tolerance: float, share: float) -> None:
    assert inferred(tables("tn", [("a", 1.0)], [("a", 1.05)]), "t", "n", tolerance=tolerance).success.share == share


@pytest.mark.parametrize(
    ("guess", "secret", "share"),
    [(-1.0, -1.05, 1.0), (-1.0, -1.06, 0.0), (-1.0, 1.0, 0.0), (0.0, 0.0, 1.0), (0.0, 0.01, 0.0), (100.0, 96.0, 1.0)],
)
def test_inference__tolerance_is_a_share_of_the_size_of_the_guess(guess: float, secret: float, share: float) -> None:
    assert inferred(tables("tn", [("a", guess)], [("a", secret)]), "t", "n").success.share == share


def test_inference__null_is_a_secret_like_any_other() -> None:
    release, original = [("a", None), ("b", 1.0)], [("a", None), ("b", None), ("a", 1.0)]
    assert inferred(tables("tn", release, original), "t", "n").success.share == pytest.approx(1 / 3)


def test_inference__integers_as_exact_values() -> None:
    release, original = [("a", 100.0)], [("a", 101.0), ("a", 100.0)]
    assert inferred(tables("tn", release, original), "t", "n", tolerance=0).success.share == 0.5


def test_inference__dates_are_exact() -> None:
    days = [dt.date(2020, 1, 1), dt.date(2020, 1, 2)]
    arrays = [{"k": pa.array([1, 2]), "d": pa.array(days)}, {"k": pa.array([1, 1]), "d": pa.array(days)}]
    assert inferred(PlainTables.of(arrays, ["k", "d"]), "k", "d").success.share == 0.5


def test_inference__ties_are_shared() -> None:
    release = [("a", "x"), ("a", "x"), ("a", "y"), ("b", "y")]
    report = inferred(tables("tu", release, [("a", "x")]), "t", "u")
    assert report.success.share == pytest.approx(2 / 3)
    assert report.baseline.share == pytest.approx(2 / 4)


numbers = st.lists(st.sampled_from([None, -2.0, -1.0, 0.0, 1.0, 1.05, 2.0]), min_size=1, max_size=6)


def right(guess: float | None, secret: float | None) -> bool:
    if guess is None or secret is None:
        return guess is secret
    return abs(guess - secret) <= 0.05 * abs(guess) + 1e-9


@given(numbers, numbers)
def test_inference__baseline_equals_every_guess(release: list[float | None], original: list[float | None]) -> None:
    # Each table needs a value of the secret.
    release, original = [*release, 1.0], [*original, 0.5]
    given = tables("tn", [("a", guess) for guess in release], [("a", secret) for secret in original])
    hits = sum(right(guess, secret) for guess in release for secret in original)
    expected = hits / len(release) / len(original)
    report = inferred(given, "t", "n")
    assert report.baseline.share == pytest.approx(expected)
    # All keys are equal, so the attack is that guess.
    assert report.success.share == pytest.approx(expected)


def test_inference__secret_without_values() -> None:
    with pytest.raises(ColumnError, match="no value in the release"):
        inferred(tables("tn", [("a", None)], [("a", 1.0)]), "t", "n")


@pytest.mark.parametrize("tolerance", [-0.1, np.nan, np.inf])
def test_inference__tolerance_out_of_range(tolerance: float) -> None:
    with pytest.raises(PolicyError, match="tolerance"):
        inferred(tables("tn", [("a", 1.0)], [("a", 1.0)]), "t", "n", tolerance=tolerance)


def test_attribution__known_answers() -> None:
    release, original = [*zip("aaabd", "xxyyx", strict=True)], [*zip("aabbc", "xyxxx", strict=True)]
    found = attributed(tables("tu", release, original), "t", "u").original
    assert (found.left_out, found.zero, found.nearest) == pytest.approx((1 / 4, 1 / 5, 1.6 / 5))
    assert found.found == 4 / 5
    # Four secrets x and one y of the original; three x and two y of the release.
    assert found.baseline == pytest.approx((4 * 3 + 2) / 25)


def test_attribution__no_key_is_found() -> None:
    found = attributed(tables("tu", ["ax"], ["bx", "cy"]), "t", "u").original
    assert (found.left_out, found.zero, found.nearest, found.found) == (None, 0.0, 0.5, 0.0)


keyed_rows = st.lists(st.tuples(*[st.sampled_from([None, "a", "b", "c"])] * 3), max_size=8)


@given(keyed_rows, keyed_rows)
@settings(deadline=None, max_examples=200)
def test_attribution__equals_naive(release: list[tuple[Any, ...]], original: list[tuple[Any, ...]]) -> None:
    release, original = [*release, ("a", "c", "b")], [*original, ("b", None, "c")]
    found = attributed(tables("tuv", release, original), "tu", "v").original
    expected = naive.attribution([(row[:2], row[2]) for row in original], [(row[:2], row[2]) for row in release])
    assert (found.left_out or 0.0, found.zero, found.nearest) == pytest.approx([float(x) for x in expected.values()])


def test_attribution__drawn_rows_and_control() -> None:
    rows = [*zip("abcdef", "xyxyxy", strict=True)]
    report = attributed(tables("tu", rows, rows, [("z", "x")]), "t", "u", n_attacks=3, seed=1)
    assert report.original.attacks == 3
    assert report.original.left_out == report.original.zero == 1.0
    assert report.control is not None
    assert (report.control.zero, report.control.nearest) == (0.0, 0.5)


number = st.one_of(st.none(), st.sampled_from([0.0, 1.0, 2.0, 4.0]))
text = st.one_of(st.none(), st.sampled_from(["a", "b"]))
mixed_rows = st.lists(st.tuples(number, text, number), min_size=1, max_size=7)


def points(rows: Table, others: Table, j: int) -> list[float]:
    """Return coordinates as the distance is defined: a null, and each text, far from all else."""
    held = [row[j] for row in [*rows, *others] if row[j] is not None]
    width = (max(held) - min(held) if held and j != 1 else 0) or 1.0
    far = {None: -7.0, "a": 11.0, "b": 13.0}
    return [far[row[j]] if row[j] in far else row[j] / width for row in rows]


@given(mixed_rows, mixed_rows, st.integers(1, 3))
@settings(deadline=None, max_examples=200)
def test_linkability__equals_every_choice(release: Table, original: Table, n_neighbors: int) -> None:
    n_neighbors = min(n_neighbors, len(release))
    parts = []
    for rows, others in ((original, release), (release, original)):
        n, t, m = (points(rows, others, j) for j in range(3))
        parts.append([((a,), (b, c)) for a, b, c in zip(n, t, m, strict=True)])
    expected = naive.linkability(parts[0], parts[1], n_neighbors)
    given = tables("ntm", release, original)
    _, chances = linkability(given, ["n"], ["t", "m"], n_neighbors=n_neighbors, **ALL)
    assert chances["original"][1] == pytest.approx([float(chance) for chance in expected], abs=1e-9)


@given(mixed_rows, mixed_rows, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=50)
def test_order_of_rows_and_threads_do_not_matter(release: Table, original: Table, random: Any) -> None:
    release, original = [*release, (0.0, "a", 1.0)], [*original, (1.0, "b", 0.0)]
    given = tables("ntm", release, original)
    moved = tables("ntm", random.sample(release, len(release)), random.sample(original, len(original)))
    for expected, found in (
        (linked(given, "n", "tm"), linked(moved, "n", "tm", n_threads=3)),
        (inferred(given, "nm", "t"), inferred(moved, "nm", "t", n_threads=3)),
    ):
        assert found.success.share == pytest.approx(expected.success.share)
        assert found.baseline.share == pytest.approx(expected.baseline.share)

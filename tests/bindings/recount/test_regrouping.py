"""The second opinion itself, against slow and obvious twins and worked examples."""

import math
from collections import Counter, defaultdict

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.recount.classes import ROW_BYTES, Ground, regroup

ROWS = st.lists(
    st.tuples(st.sampled_from(["a", "b", None]), st.integers(0, 1), st.sampled_from([1, 2, 3, 4, None])),
    min_size=1,
    max_size=40,
)


def frame_of(rows):
    schema = {"x": pl.String, "y": pl.Int64, "s": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row").lazy()


def classes_of(rows):
    classes = defaultdict(list)
    for x, y, s in rows:
        classes[x, y].append(s)
    return list(classes.values())


@given(rows=ROWS)
@settings(deadline=None, max_examples=60)
def test_regroup__equals_counting_by_hand(rows):
    found, _ = regroup(frame_of(rows), ["x", "y"], {"s": []}, recursive={"s": [2]})
    classes = classes_of(rows)
    assert found.rows == len(rows)
    assert found.k == min(map(len, classes))
    assert found.equivalence_classes == len(classes)
    assert found.unique_rows == sum(len(c) == 1 for c in classes)
    reach = found.sensitive["s"]
    assert reach.l_distinct == min(len(set(c)) for c in classes)
    assert reach.l_entropy == pytest.approx(min(entropy_l(c) for c in classes))
    assert reach.t == pytest.approx(max(variational(c, [s for *_, s in rows]) for c in classes))
    assert reach.c_recursive["2"] == pytest.approx(max(recursive_c(c) for c in classes))


def entropy_l(values):
    shares = [n / len(values) for n in Counter(values).values()]
    return math.exp(-sum(p * math.log(p) for p in shares))


def variational(values, everyone):
    p, q = Counter(values), Counter(everyone)
    return sum(abs(p[v] / len(values) - q[v] / len(everyone)) for v in q) / 2


def recursive_c(values):
    counts = sorted(Counter(values).values(), reverse=True)
    return counts[0] / sum(counts[1:]) if len(counts) > 1 else math.inf


@given(rows=ROWS)
@settings(deadline=None, max_examples=60)
def test_regroup__ordered_distance_equals_cumulative_sums(rows):
    found, _ = regroup(frame_of(rows), ["x"], {"s": [Ground("ordered")]})
    everyone = [s for *_, s in rows]
    ranks = sorted(set(everyone), key=lambda s: (s is not None, s))
    classes = defaultdict(list)
    for x, _, s in rows:
        classes[x].append(s)
    worst = 0.0
    for members in classes.values():
        running = total = 0.0
        for value in ranks:
            running += members.count(value) / len(members) - everyone.count(value) / len(everyone)
            total += abs(running)
        worst = max(worst, total / (len(ranks) - 1) if len(ranks) > 1 else 0.0)
    assert found.sensitive["s"].t == pytest.approx(worst, abs=1e-12)


def salaries(order=()):
    """Table 3 of Li et al. 2007: nine salaries, in thousands, in three classes of three."""
    classes = {"p1": [3, 4, 5], "p2": [6, 11, 8], "p3": [7, 9, 10]}
    rows = [(name, 0, salary) for name, members in classes.items() for salary in members]
    return regroup(frame_of(rows), ["x"], {"s": [Ground("ordered", order=order)]})[0].sensitive["s"].t


def test_regroup__gives_the_salary_example_of_li_2007():
    # Section 4.1: D[{3k, 4k, 5k}, Q] = 0.375, the worst class of the table.
    assert salaries() == pytest.approx(0.375)


def test_regroup__measures_over_a_hierarchy_as_worked_by_hand():
    # Li et al. 2007, section 4.2: moving between leaves costs the height of their lowest common ancestor / 3.
    above = {
        "gastric ulcer": ("stomach", "colon or stomach"),
        "gastritis": ("stomach", "colon or stomach"),
        "flu": ("respiratory infection", "respiratory"),
        "bronchitis": ("respiratory infection", "respiratory"),
    }
    nodes = {name: number for number, name in enumerate(sorted({n for pair in above.values() for n in pair}))}
    levels = [{leaf: nodes[pair[level]] for leaf, pair in above.items()} for level in (0, 1)]
    levels.append(dict.fromkeys(above, -1))
    frame = pl.DataFrame({"x": ["a", "a", "b", "b"], "s": ["gastric ulcer", "gastritis", "flu", "bronchitis"]})
    found, _ = regroup(frame.lazy(), ["x"], {"s": [Ground("hierarchical", levels=levels)]})
    # Each class lacks the two leaves of the other branch: half of the mass crosses the root at cost 1.
    assert found.sensitive["s"].t == pytest.approx(0.5)


def test_regroup__of_no_rows_has_no_classes():
    found, classes = regroup(frame_of([]), ["x"], {"s": []})
    assert (found.rows, found.k, found.equivalence_classes, found.risk.highest) == (0, 0, 0, 0.0)
    assert classes.is_empty()


def test_regroup__ranks_declared_values_that_do_not_occur():
    # Ranks null, 1, 2, 3, 4 with 2 and 3 empty: all mass of a class sits 3 of 4 steps from half of the table's.
    frame = frame_of([("a", 0, 1), ("b", 0, 4)])
    found, _ = regroup(frame, ["x"], {"s": [Ground("ordered", order=("1", "2", "3", "4"))]})
    assert found.sensitive["s"].t == pytest.approx(0.5)
    frame = frame_of([("a", 0, None), ("b", 0, 4)])
    found, _ = regroup(frame, ["x"], {"s": [Ground("ordered", order=("1", "2", "3", "4"))]})
    assert found.sensitive["s"].t == pytest.approx(0.5)


def test_regroup__in_parts_equals_regrouping_at_once():
    rows = [("ab"[i % 2], i % 7, i % 3) for i in range(100)]
    whole, _ = regroup(frame_of(rows), ["x", "y"], {"s": [Ground(), Ground("ordered")]}, recursive={"s": [2]})
    parts, _ = regroup(
        frame_of(rows), ["x", "y"], {"s": [Ground(), Ground("ordered")]}, recursive={"s": [2]}, limit=20 * ROW_BYTES
    )
    assert (parts.k, parts.rows, parts.equivalence_classes) == (whole.k, whole.rows, whole.equivalence_classes)
    for figure in ("closeness", "c_recursive"):
        assert getattr(parts.sensitive["s"], figure) == pytest.approx(getattr(whole.sensitive["s"], figure))
    assert parts.sensitive["s"].l_entropy == pytest.approx(whole.sensitive["s"].l_entropy)

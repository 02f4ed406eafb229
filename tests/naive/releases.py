"""Random tables with a policy for each kind of column, and releases judged row by row from their labels."""

import datetime as dt
import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import polars as pl
from hypothesis import strategies as st

import shoal
from naive import bands, sensitive

LETTERS = ["a", "b", "c", "d"]
TREE = {"*": {"ab": ["a", "b"], "cd": ["c", "d"]}}
DAYS = [dt.date(2024, 1, 1), dt.date(2024, 1, 20), dt.date(2024, 2, 3), dt.date(2025, 7, 9)]
TIMES = [dt.datetime(2024, 1, 1, 5), dt.datetime(2024, 1, 1, 6), dt.datetime(2024, 12, 31, 23, 59, 59, 7)]


@dataclass(frozen=True)
class Kind:
    """A kind of quasi-identifier: its Polars type, values that may occur, and ways to release it."""

    dtype: pl.DataType
    values: list[Any]
    roles: list[dict[str, Any]]


PLAIN, BOUNDS, BANDS, CENTER, MEAN = ({}, *({"output": name} for name in ("bounds", "bands", "center", "mean")))
SET = {"kind": "category"}
KINDS = {
    "whole": Kind(pl.Int64(), [18, 19, 20, 40, 41, 90], [PLAIN, BOUNDS, BANDS, CENTER, MEAN, SET]),
    "fives": Kind(
        pl.Int32(),
        [15, 19, 20, 24, 25, 34],
        [{"hierarchy": shoal.Intervals(width=[5, 10], lower=15, upper=45)}],
    ),
    "small": Kind(pl.UInt8(), [0, 1, 255], [PLAIN, BOUNDS, BANDS, CENTER, MEAN]),
    "large": Kind(pl.Int64(), [-(2**62), 2**62, 2**62 + 1], [PLAIN, BOUNDS, BANDS, CENTER, MEAN]),
    "real": Kind(pl.Float64(), [-1.5, 0.0, 0.1, 7e9], [PLAIN, BOUNDS, BANDS, CENTER, MEAN]),
    "money": Kind(
        pl.Decimal(9, 2), [Decimal("1.00"), Decimal("1.50"), Decimal("9.99")], [PLAIN, BOUNDS, BANDS, CENTER, MEAN]
    ),
    "flag": Kind(pl.Boolean(), [True, False], [PLAIN]),
    "letter": Kind(
        pl.String(),
        LETTERS,
        [
            PLAIN,
            {"hierarchy": shoal.NamedTree(nodes=TREE)},
            {"hierarchy": shoal.Order(values=["d", "c", "x", "b", "a"])},
        ],
    ),
    "enum": Kind(pl.Enum(LETTERS), LETTERS, [PLAIN]),
    "zip": Kind(pl.String(), ["02108", "02109", "02201", "10001"], [PLAIN, {"hierarchy": shoal.Prefix()}]),
    "day": Kind(pl.Date(), DAYS, [PLAIN, BOUNDS, BANDS, CENTER, {"hierarchy": shoal.Dates()}]),
    "time": Kind(pl.Datetime("us"), TIMES, [PLAIN, BOUNDS, BANDS, CENTER, {"hierarchy": shoal.Dates()}]),
    "zone": Kind(
        pl.Datetime("ms", "UTC"), [t.replace(tzinfo=dt.UTC) for t in TIMES[:2]], [PLAIN, BOUNDS, BANDS, CENTER]
    ),
}
DISEASES = ["flu", "gout", "hiv", "mumps"]
SICK = shoal.NamedTree(nodes={"*": {"x": ["flu", "gout"], "y": ["hiv", "mumps"]}})
MODELS = [
    shoal.Distinct(l=2),
    shoal.Entropy(l=1.4),
    shoal.Recursive(c=3.1, l=2),
    shoal.Closeness(t=0.31),
    shoal.Closeness(t=0.23, distance="ordered"),
    shoal.Closeness(t=0.23, distance="hierarchical", hierarchy=SICK),
    shoal.Entropy(l=1.4, estimator="grassberger"),
    shoal.DeltaDisclosure(delta=1.51),
    shoal.DeltaDisclosure(delta=1.51, log="binary", absent="infinite"),
    shoal.BetaLikeness(beta=0.71),
    shoal.BetaLikeness(beta=0.71, enhanced=True),
    shoal.Alpha(alpha=0.61),
    shoal.Alpha(alpha=0.31, values=["hiv", "mumps"]),
]
CONJUNCTIONS = st.lists(st.sampled_from(MODELS), max_size=2, unique_by=str)


@dataclass(frozen=True)
class Case:
    """A table and a policy for it; column ``row`` numbers the rows and is released as insensitive."""

    frame: pl.DataFrame
    policy: shoal.Policy


@st.composite
def cases(draw: st.DrawFn, max_rows: int = 40) -> Case:
    """Draw a small table with up to four quasi-identifiers of any kind, nulls among them, and its policy."""
    n = draw(st.integers(2, max_rows))
    kinds = draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=4, unique=True))
    columns, roles = [], {}
    for name in kinds:
        kind = KINDS[name]
        nulls = draw(st.booleans())
        value = st.sampled_from([*kind.values, None] if nulls else kind.values)
        values = draw(st.lists(value, min_size=n, max_size=n))
        if all(v is None for v in values):
            values[0] = kind.values[0]
        columns.append(pl.Series(name, values, dtype=kind.dtype))
        role = draw(st.sampled_from(kind.roles))
        roles[name] = shoal.QuasiIdentifier(**role, nulls=draw(st.sampled_from(["apart", "generalize"])))
    # Diseases must not depend on n alone, or no closeness could bind.
    sick = draw(st.lists(st.sampled_from(DISEASES), min_size=n, max_size=n))
    columns += [pl.Series("disease", sick), pl.Series("row", range(n))]
    policy = shoal.Policy(
        k=draw(st.integers(2, 6)),
        suppress=draw(st.sampled_from([0.0, 0.0, 0.2, 0.5])),
        order=draw(st.sampled_from(["sorted", "shuffled"])),
        quasi_identifiers=roles,
        sensitive={
            "disease": shoal.Sensitive(models=draw(st.lists(st.sampled_from(MODELS), max_size=2, unique_by=str)))
        },
        insensitive={"row": shoal.Insensitive()},
    )
    return Case(pl.DataFrame(columns), policy)


def released_columns(policy: shoal.Policy) -> list[str]:
    """The columns of a release that quasi-identifiers become."""
    ends = {
        name: ["_lower", "_upper"] if q.output == "bounds" else [""] for name, q in policy.quasi_identifiers.items()
    }
    return [name + end for name in policy.quasi_identifiers for end in ends[name]]


def classes_of(policy: shoal.Policy, released: pl.DataFrame) -> dict[tuple[Any, ...], list[dict[str, Any]]]:
    """Rows of a release by the labels of their quasi-identifiers."""
    classes = defaultdict(list)
    for row in released.to_dicts():
        classes[tuple(instant(row[name]) for name in released_columns(policy))].append(row)
    return dict(classes)


def instant(value: Any) -> Any:
    """A value that compares as it lies on the line: Python compares times of one zone by the wall clock, which an hour
    of each autumn shows twice.
    """
    return value.astimezone(dt.UTC) if isinstance(value, dt.datetime) and value.tzinfo is not None else value


def misses(policy: shoal.Policy, released: pl.DataFrame) -> list[str]:
    """What the release does not hold, class by class."""
    everyone = Counter(released["disease"])
    found = []
    for members in classes_of(policy, released).values():
        if len(members) < policy.k:
            found.append(f"{len(members)} rows")
        here = Counter(row["disease"] for row in members)
        found += [str(m) for m in policy.sensitive["disease"].models if not model_holds(m, here, everyone)]
    return found


def model_holds(model: Any, here: Counter[str], everyone: Counter[str]) -> bool:
    """One class under one model."""
    counts = sorted(here.values(), reverse=True)
    mine = [here[v] for v in sorted(everyone)]
    shares = [Fraction(everyone[v], everyone.total()) for v in sorted(everyone)]
    p = {v: here[v] / here.total() - everyone[v] / everyone.total() for v in sorted(everyone)}
    match model:
        case shoal.Distinct(l=l):
            return len(counts) >= l
        case shoal.Entropy(l=l, estimator="grassberger"):
            return sensitive.grassberger_values(counts) >= l - 1e-9
        case shoal.Entropy(l=l):
            return math.exp(-sum(c / sum(counts) * math.log(c / sum(counts)) for c in counts)) >= l - 1e-9
        case shoal.Recursive(c=c, l=l):
            return counts[0] < c * sum(counts[l - 1 :])
        case shoal.Closeness(t=t, distance="equal"):
            return sum(map(abs, p.values())) / 2 <= t + 1e-9
        case shoal.Closeness(t=t, distance="ordered"):
            sums = [sum(list(p.values())[: i + 1]) for i in range(len(p))]
            return sum(map(abs, sums)) / max(1, len(p) - 1) <= t + 1e-9
        case shoal.Closeness(t=t):
            # Height 2: half a step within x or within y, a whole one between them.
            pairs = [[p.get("flu", 0), p.get("gout", 0)], [p.get("hiv", 0), p.get("mumps", 0)]]
            within = sum(min(sum(max(v, 0) for v in pair), sum(max(-v, 0) for v in pair)) for pair in pairs)
            return within / 2 + abs(sum(pairs[0])) <= t + 1e-9
        case shoal.DeltaDisclosure(delta=delta, log=log, absent=absent):
            bits = sensitive.delta(mine, shares, strict=absent == "infinite") / math.log(
                2 if log == "binary" else math.e
            )
            return bits < delta
        case shoal.BetaLikeness(beta=beta, enhanced=True):
            return sensitive.beta_enhanced(mine, shares) <= beta + 1e-9
        case shoal.BetaLikeness(beta=beta):
            return sensitive.beta(mine, shares) <= beta + 1e-9
        case shoal.Alpha(alpha=alpha, values=values):
            return all(here[v] / here.total() <= alpha for v in values or here)
    raise AssertionError


def spans(values: list[Any]) -> tuple[Any, Any, bool]:
    """Lowest and highest value, and whether null is among them."""
    known = [v for v in values if v is not None]
    return (min(known), max(known), None in values) if known else (None, None, True)


def place(value: Any) -> float:
    """A number for a value on a line."""
    if isinstance(value, dt.datetime):
        return (value.replace(tzinfo=None) - dt.datetime(2000, 1, 1)) / dt.timedelta(microseconds=1)
    return value.toordinal() if isinstance(value, dt.date) else float(value)


def row_loss(name: str, role: shoal.QuasiIdentifier, members: list[Any], everyone: list[Any]) -> float:
    """What each row of a class loses in one quasi-identifier, from the true values of the class and the table."""
    if role.output not in ("label", "bands") and role.nulls == "generalize" and None in members:
        return 1.0
    if len(set(members)) == 1:
        return 0.0
    known = set(members) - {None}
    domain = set(everyone) - {None}
    is_line = role.kind != "category" and name not in ("flag", "letter", "enum", "zip")
    match role.hierarchy:
        case None if not is_line:
            return len(set(members)) / len(set(everyone))
        case _ if None in members:
            return 1.0
        case None:
            low, high = min(domain), max(domain)
            if role.output == "bands":
                values = sorted(domain)
                depths = bands.depths_of(
                    [float((v - low) / (high - low)) for v in values], [everyone.count(v) for v in values]
                )
                least, most = bands.least_band({values.index(v) for v in known}, depths)
                known = {values[least], values[most]}
            exact = name == "large"
            if exact:
                return (max(known) - min(known)) / (high - low)
            return (place(max(known)) - place(min(known))) / (place(high) - place(low))
        case shoal.Order(values=values):
            ranks = [values.index(v) for v in known]
            return (max(ranks) - min(ranks)) / (len(values) - 1)
        case shoal.NamedTree():
            return 0.5 if known <= {"a", "b"} or known <= {"c", "d"} else 1.0
        case _:
            node = next(level for level in levels(role.hierarchy, domain) if len({level[v] for v in known}) == 1)
            return sum(node[v] == node[next(iter(known))] for v in domain) / len(domain)


def levels(hierarchy: Any, domain: set[Any]) -> list[dict[Any, Any]]:
    """The node of each value, level by level, root last."""
    match hierarchy:
        case shoal.Prefix():
            steps = [lambda v, n=n: v[:n] for n in range(4, 0, -1)]
        case shoal.Intervals(width=width, lower=lower):
            steps = [lambda v, w=w: (v - lower) // w for w in width]
        case _:
            day = lambda v: (v.year, v.month, v.day)  # noqa: E731
            month = lambda v: (v.year, v.month)  # noqa: E731
            quarter = lambda v: (v.year, (v.month - 1) // 3)  # noqa: E731
            steps = [day, month, quarter, lambda v: v.year]
    return [{v: step(v) for v in domain} for step in [*steps, lambda _: "*"]]

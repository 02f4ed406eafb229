"""`frontier`: methods and strengths of a release, tried on one table, with risk and usefulness of each."""

import math
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from shoal.checks.population import observe_people, population_of
from shoal.checks.undecided import refuse_undecided
from shoal.io.frames import IntoFrame, as_frame
from shoal.io.lazy_frames import read_to_end
from shoal.io.observing import OnProgress, observe, quietly
from shoal.io.reading_by_policy import read_by_policy
from shoal.io.threads import threads
from shoal.tradeoff.classes_read import classes_read
from shoal.usefulness.comparison import Comparison
from shoal.usefulness.read_release import GeneralizedTable, ReadRelease
from shoal.usefulness.tables import CodedRows, PlainTable
from shoal.usefulness.utility import NO_QUASI, NO_SENSITIVE, as_workload
from shoal.usefulness.workload import Query, Workload
from shoal_engine.anonymity.methods.tuple_orders import Orders
from shoal_engine.anonymity.policy.methods import METHODS, Method
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.attack.figures import Answers
from shoal_engine.attack.partitions import attack_partition
from shoal_engine.errors import InputError, NumberError, PolicyError, PolicyNotMet
from shoal_engine.frontier.described import described
from shoal_engine.frontier.points import Point, front
from shoal_engine.frontier.recommendation import Limits, Recommendation, recommend
from shoal_engine.html_tables import html_summary
from shoal_engine.tables.column_names import check_columns
from shoal_engine.utility.answer_errors import ErrorSummary, summarize

if TYPE_CHECKING:
    from shoal.usefulness.conditions import Where
    from shoal_engine.anonymity.fit import Fit
    from shoal_engine.anonymity.table.table import Table

LEAST_K = 2
QUERIES = 300
_SHOWN = 6
"""Releases that a notebook shows."""
TUPLES = 50_000
"""Distinct tuples whose rows are looked up at most, drawn where there are more."""


class NotReached(msgspec.Struct, frozen=True):
    """A release that cannot be made of the table.

    Attributes
    ----------
    method : str
    k : int
    why : str
    """

    method: str
    k: int
    why: str


@dataclass(frozen=True, slots=True)
class Frontier:
    """Releases that were tried.

    Attributes
    ----------
    points : tuple of Point
        By method, then by k.
    lines : dict of str to float
        Usefulness of the table as it is and of trivial sanitization, in the measure of the points.
    recommendation : Recommendation, optional
        None where no limit is given.
    not_reached : tuple of NotReached
    rows : int
        Rows of the table.
    seed : int
        Seed that the workload and held-out rows were drawn with.
    notes : tuple of str
    """

    points: tuple[Point, ...]
    lines: dict[str, float]
    recommendation: Recommendation | None
    not_reached: tuple[NotReached, ...]
    rows: int
    seed: int
    notes: tuple[str, ...] = ()

    @property
    def frame(self) -> pl.DataFrame:
        """Return the points as a frame, with whether no other point beats each."""
        rows = [msgspec.structs.asdict(one) for one in self.points]
        return pl.DataFrame(rows).with_columns(pl.Series("front", front(self.points), pl.Boolean))

    def to_dict(self) -> dict[str, Any]:
        """Return every figure for JSON; no value of any cell."""
        shape = described(self.points, self.recommendation, strength="k", usefulness=self.measure, lines=self.lines)
        return {
            **shape,
            "not_reached": [msgspec.structs.asdict(one) for one in self.not_reached],
            "rows": self.rows,
            "seed": self.seed,
            "notes": list(self.notes),
        }

    @property
    def measure(self) -> str:
        """Return the measure of usefulness in words."""
        trained = any(one.accuracy is not None for one in self.points)
        return "accuracy of a trained model" if trained else "1 less the median error of an answer"

    def __repr__(self) -> str:
        """Return a one-line summary."""
        what = "no limit given" if self.recommendation is None else self.recommendation.text
        return f"Frontier({len(self.points)} releases of {self.rows} rows: {what})"

    def _repr_html_(self) -> str:
        """Return the points as HTML."""
        rows = [
            [
                one.method,
                f"{one.k}",
                *(f"{100 * share:.3g} %" for share in (one.risk, one.mean_risk, one.error, one.error_at_95)),
                "yes" if best else "",
            ]
            for one, best in zip(self.points, front(self.points), strict=True)
        ]
        header = ["method", "k", "highest risk", "mean risk", "median error", "error at 95 %", "front"]
        more = [f"{len(rows) - _SHOWN} more are in `frame`."] if len(rows) > _SHOWN else []
        chosen = [] if self.recommendation is None else [self.recommendation.text]
        return html_summary(f"Frontier: {self.rows:,} rows", header, rows[:_SHOWN], [*chosen, *more])


def frontier(
    frame: IntoFrame,
    policy: Policy | str | Path,
    *,
    k: Sequence[int],
    method: Sequence[Method] = ("tight",),
    known: Sequence[str] | None = None,
    workload: "Workload | Sequence[Query | Where] | None" = None,
    target: str | None = None,
    test_share: float = 0.3,
    limits: Limits | None = None,
    queries: int = QUERIES,
    seed: int | None = None,
    n_threads: int | None = None,
    on_progress: OnProgress | None = None,
) -> Frontier:
    """Try methods and strengths of a release, and measure risk and usefulness of each.

    The table is read, encoded and grouped once; each method then forms classes for each k. Nothing is written.
    Risk is that of an adversary who knows the given quasi-identifiers of everybody in the table and looks each person
    up in the classes (`shoal.attack.linkage`): the probability of the right record; the highest is never below the
    guarantee of 1 / smallest class. Of tables with more than 50,000 distinct tuples, that number is drawn. Usefulness
    is the error of a workload, as `shoal.utility` measures it.

    Parameters
    ----------
    frame : frame, table or path
    policy : Policy or path
        Its k is replaced by each of those given; its other models stay.
    k : sequence of int
        Each at least 2.
    method : sequence of str
        As for `shoal.anonymize`.
    known : sequence of str, optional
        Quasi-identifiers that the adversary knows. Default: all.
    workload : Workload or sequence, optional
        As for `shoal.utility`. Default: drawn.
    target : str, optional
        Column that a model learns to predict from each release (`shoal.ml`): then rows are held out to test it, and
        the releases are those of the other rows.
    test_share : float
        Share of the rows to hold out, above 0 and below 1.
    limits : Limits, optional
        What a release must meet. Without it nothing is recommended.
    queries : int
        Questions to draw.
    seed : int, optional
        Of both draws. Default: from the secure source of the system; the result states it.
    n_threads : int, optional
        Number of threads; results do not depend on it. Default: all cores that this process may use.
    on_progress : callable, optional
        Called with the name of each step as it begins.

    Returns
    -------
    Frontier

    Raises
    ------
    ColumnError, HierarchyError, InputError
        The table does not fit the policy, or the workload names a column that a release does not have.
    NumberError, PolicyError
        The sweep is empty, or a k, a method or a known column is not possible.
    PolicyNotMet
        No release of the sweep can be made.

    References
    ----------
    Brickell, Shmatikov (2008), The cost of privacy: destruction of data-mining utility in anonymized data
    publishing, section 3: usefulness is shown beside that of trivial sanitization.
    Li, Li (2009), On the tradeoff between privacy and utility in data publishing, KDD, section 4.

    Examples
    --------
    >>> import polars as pl, shoal
    >>> people = pl.DataFrame({"age": [20 + i % 40 for i in range(400)], "ill": ["ab"[i % 3 == 0] for i in range(400)]})
    >>> policy = shoal.Policy.of(k=2, quasi_identifiers=["age"], sensitive=["ill"])
    >>> found = shoal.frontier(people, policy, k=[5, 20], seed=1, limits=shoal.Limits(max_risk=0.09))
    >>> [(one.k, one.risk) for one in found.points], found.recommendation.place
    ([(5, 0.1), (20, 0.05)], 1)
    """
    strengths, methods = _sweep(k, method)
    policy = Policy.load(policy) if isinstance(policy, str | Path) else policy
    columns = _known(policy, known)
    seed = secrets.randbits(63) if seed is None else seed
    cores, on_step = threads(n_threads), on_progress or quietly
    on_step("reading")
    lazy = read_by_policy(frame, policy).frame
    refuse_undecided(lazy, policy)
    raw, test = _split(read_to_end(lazy), policy, target, test_share, seed)
    observation = observe(raw.lazy(), policy, carry=True, n_threads=cores, in_order=True)
    counted = observe_people(policy, population_of(policy, None), n_threads=cores)
    on_step("grouping")
    table = observation.finish(counted)
    asked = _Asked(
        raw, test, target, workload, lambda rows, usable: Workload.drawn(rows, usable, queries=queries, seed=seed)
    )
    attack = partial(attack_partition, known=columns, tuples=_drawn(table.grouped.n_tuples, seed), n_threads=cores)
    found = list[Point]()
    not_reached = list[NotReached]()
    orders = Orders()
    for one in methods:
        for strength in strengths:
            on_step(f"{one}, k = {strength}")
            asks = msgspec.structs.replace(policy, k=strength)
            try:
                fitted = _fitted(table, asks, one, cores, orders)
            except PolicyNotMet as error:
                not_reached.append(NotReached(one, strength, str(error)))
                continue
            found.append(_point(fitted, one, strength, asked, attack))
    if not found:
        msg = f"no release of the sweep can be made: {not_reached[0].why}"
        raise PolicyNotMet(msg)
    left = [name for name in policy.quasi_identifiers if name not in columns]
    few = [] if table.grouped.n_tuples <= TUPLES else [f"risks are those of {TUPLES:,} distinct tuples, drawn"]
    held = [] if test is None else [f"{test.height} rows were held out to test models, and are in no release"]
    return Frontier(
        points=tuple(found),
        lines=asked.lines,
        recommendation=recommend(found, limits or Limits()),
        not_reached=tuple(not_reached),
        rows=raw.height,
        seed=seed,
        notes=(*[f"{', '.join(left)}: not known to the adversary"] * bool(left), *held, *few, *asked.notes),
    )


class _Asked:
    """The same questions, asked of each release, and the same model, trained on each."""

    def __init__(
        self,
        raw: pl.DataFrame,
        test: pl.DataFrame | None,
        target: str | None,
        workload: "Workload | Sequence[Query | Where] | None",
        draw: Callable[[pl.DataFrame, list[str]], Workload],
    ) -> None:
        self._raw, self._test, self._target = raw, test, target
        self._workload, self._draw = workload, draw
        self._comparison: Comparison | None = None
        self._coded = CodedRows(raw)
        self.lines: dict[str, float] = {}
        self.notes: tuple[str, ...] = ()

    def read(self, fitted: "Fit") -> GeneralizedTable:
        """Return a release for estimates: from its classes, or from its rows where these change or train a model."""
        if self._target is not None or fitted.items:
            return ReadRelease(_written(fitted, self._raw.columns), fitted.classes.policy)
        return classes_read(fitted, self._coded)

    def errors(self, read: GeneralizedTable) -> ErrorSummary:
        """Return the errors of the workload on a release."""
        if self._comparison is None:
            self._comparison = self._compared(read)
        return summarize(self._comparison.errors(read))

    def _compared(self, read: GeneralizedTable) -> Comparison:
        """Return the workload, drawn where none is given, with the answers of the raw table."""
        coded = self._coded
        released = [*read.generalized, *read.kept]
        usable = PlainTable(coded, released).readable(read.readable(released))
        asked = self._draw(self._raw, usable) if self._workload is None else as_workload(self._workload)
        for one in asked.queries:
            read.check(one.columns, by="the workload")
        found = Comparison(asked, PlainTable(coded))
        self.notes = read.notes(usable)
        if self._target is None:
            self.lines = {"raw rows": 1.0}
            dropped = {NO_QUASI: read.policy.quasi_identifiers, NO_SENSITIVE: read.policy.sensitive}
            for name, columns in dropped.items():
                if columns:
                    median = summarize(found.errors(PlainTable(coded, columns))).median
                    self.lines[name] = max(0.0, 1.0 - median)
        return found

    def accuracy(self, read: GeneralizedTable) -> float | None:
        """Return the accuracy of a model that is trained on a release, on the rows that were held out."""
        if self._target is None or self._test is None:
            return None
        assert isinstance(read, ReadRelease)
        from shoal.ml.predictions import right_predictions

        right = right_predictions(read, self._raw, self._test, target=self._target, model=None)
        self.lines = {name: float(one.mean()) for name, one in right.items() if name != "release"}
        return float(right["release"].mean())


def _split(
    raw: pl.DataFrame, policy: Policy, target: str | None, test_share: float, seed: int
) -> tuple[pl.DataFrame, pl.DataFrame | None]:
    """Return the rows that releases are made of, and those that are held out.

    Raises
    ------
    ColumnError
        A release does not keep the target as it is.
    NumberError
        The share is out of range.
    InputError
        There are too few rows.
    """
    if not raw.height:
        msg = "the table has no rows, so no release can be made of it; give the table to be released"
        raise InputError(msg)
    if target is None:
        return raw, None
    from shoal.ml.predictions import check_target

    check_target(policy, target)
    check_columns([target], raw.columns)
    if not 0 < test_share < 1:
        msg = f"test_share is {test_share}; give a share above 0 and below 1"
        raise NumberError(msg)
    held = math.ceil(raw.height * test_share)
    if held >= raw.height:
        msg = "the table has too few rows to hold some of them out; give a larger one"
        raise InputError(msg)
    order = np.random.default_rng(seed).permutation(raw.height)
    return raw[np.sort(order[held:]).tolist()], raw[np.sort(order[:held]).tolist()]


def _fitted(table: "Table", policy: Policy, method: Method, n_threads: int, orders: Orders) -> "Fit":
    """Return classes of the table for one policy: those of a release that is made by itself."""
    from shoal_engine.anonymity.fit import fit

    return fit(replace(table, policy=policy), method=method, n_threads=n_threads, orders=orders)


def _written(fitted: "Fit", names: Sequence[str]) -> pl.DataFrame:
    """Return the rows of a release."""
    from shoal_engine.anonymity.release.release import Release

    release = Release(fitted.table, fitted.classes.recoding, fitted.class_of_tuple, fitted.items, names)
    return pl.concat([as_frame(batch) for batch in release.batches()])


def _point(fitted: "Fit", method: Method, k: int, asked: _Asked, attack: Callable[..., Answers]) -> Point:
    """Measure one release without writing it."""
    classes = fitted.classes
    read = asked.read(fitted)
    useful = asked.errors(read)
    attacked = attack(fitted.table, fitted.class_of_tuple)
    smallest, n = int(classes.class_rows.min()), int(classes.class_rows.sum())
    loss = classes.recoding.loss_of_class
    return Point(
        method=method,
        k=k,
        guarantee=1.0 / smallest,
        risk=max(1.0 / smallest, attacked.highest),
        mean_risk=attacked.mean,
        error=useful.median,
        error_at_95=useful.at_95,
        loss=float((loss @ classes.class_rows).sum()) / (n * len(loss)),
        suppressed=classes.suppressed_rows / (n + classes.suppressed_rows),
        classes=classes.class_rows.size,
        accuracy=asked.accuracy(read),
    )


def _drawn(n_tuples: int, seed: int) -> npt.NDArray[np.int64] | None:
    """Return tuples to look up, ascending; None for all."""
    if n_tuples <= TUPLES:
        return None
    return np.sort(np.random.default_rng(seed).choice(n_tuples, TUPLES, replace=False))


def _sweep(k: Sequence[Any], method: Sequence[Any]) -> tuple[list[int], list[Method]]:
    """Return what to try, each once, k ascending.

    Raises
    ------
    NumberError
        There is no k, or one is below 2.
    PolicyError
        There is no method, or one of another name.
    """
    strengths, methods = sorted(set(k)), list(dict.fromkeys([method] if isinstance(method, str) else method))
    if not strengths or any(isinstance(one, bool) or not isinstance(one, int) or one < LEAST_K for one in strengths):
        msg = f"k is {list(k)}; give at least one integer, each at least {LEAST_K}"
        raise NumberError(msg)
    unknown = [one for one in methods if one not in METHODS]
    if unknown or not methods:
        msg = f"there is no method {unknown[0]!r}" if unknown else "the sweep has no method"
        msg += f"; choose some of {', '.join(METHODS)}"
        raise PolicyError(msg)
    return strengths, methods


def _known(policy: Policy, known: Sequence[str] | None) -> list[str]:
    """Return the quasi-identifiers that the adversary knows.

    Raises
    ------
    PolicyError
        None is left, or one is not a quasi-identifier.
    """
    able = list(policy.quasi_identifiers)
    wrong = [] if known is None else [name for name in known if name not in able]
    columns = able if known is None else list(dict.fromkeys(known))
    if wrong or not columns:
        msg = f"{wrong[0]!r} is not a quasi-identifier" if wrong else "the adversary knows no column"
        msg += f"; those of the policy are {', '.join(able)}"
        raise PolicyError(msg)
    return columns

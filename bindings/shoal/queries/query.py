"""`private`: a frame that answers only with noise, within a budget."""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from shoal.io.declared_types import typed
from shoal.io.frames import IntoFrame, into_lazy
from shoal.io.lazy_frames import UNREADABLE, batches, schema_of
from shoal.io.observing import check_readable
from shoal.io.threads import threads
from shoal.queries.binning import Bins, bin_keys
from shoal.queries.charging import fingerprint, ledger_cost, open_ledger
from shoal.queries.plan import Plan, make_plan
from shoal.queries.public_keys import public_keys
from shoal_engine.declarations import ColumnFormat, Declarations
from shoal_engine.differential.named_choices import DistributionName, KeyRule, Neighbors, check_choice
from shoal_engine.errors import ColumnError, InputError, PolicyError, ShoalError
from shoal_engine.ledger.entries import text_of
from shoal_engine.tables.column_names import check_columns

if TYPE_CHECKING:
    from fractions import Fraction

    from shoal.queries.frontier import QueryFrontier
    from shoal_engine.differential.exact_numbers import Exact
    from shoal_engine.differential.queries.aggregates import Aggregate
    from shoal_engine.differential.queries.budget import Allotment, QueryBudget
    from shoal_engine.differential.queries.private_group_by import GroupQuery, Totals
    from shoal_engine.frontier.recommendation import Limits
    from shoal_engine.ledger import Ledger, Receipt


@dataclass(frozen=True, slots=True)
class PrivateRelease:
    """A finished answer.

    Attributes
    ----------
    frame : pl.DataFrame
        Keys, then for each aggregate its value, ``_std``, ``_low`` and ``_high``.
    plan : Plan
    receipt : Receipt or None
        Receipt of the ledger that was charged, if any.
    """

    frame: pl.DataFrame = field(repr=False)
    plan: Plan
    receipt: "Receipt | None"

    @property
    def notes(self) -> tuple[str, ...]:
        """Limits of the intervals: effects of bounds, and groups that are left out."""
        return self.plan.notes


def private(
    frame: IntoFrame,
    *,
    unit: str | Sequence[str] | None,
    ledger: "Ledger | str | Path | None",
    neighbors: Neighbors = "add-remove",
    dataset: str | None = None,
    declarations: Declarations | None = None,
) -> "Private":
    """Return a frame that can only be asked for totals with noise.

    Parameters
    ----------
    frame : frame, table or path
    unit : str, sequence of str or None
        Columns that identify whom the answers protect, all rows of whom; None protects single rows.
    ledger : Ledger, path or None
        Ledger that every release is charged to, before any noise is drawn; None, said on purpose, charges nothing.
    neighbors : "add-remove" | "change-one"
        Protection of the answers: whether somebody is in the table, or only the values of somebody.
    dataset : str, optional
        Name of the data in the ledger. Default: its path.
    declarations : Declarations, optional
        Format of delimited files, and meaning of the texts of their columns.

    Notes
    -----
    Nothing that a single row holds may change a type, a schema or an error. So a delimited file is text, or what is
    declared, and no type is guessed from it: each text has one value, null where it is not of the declared type, and
    the aggregates that have bounds read text as numbers, and other text as null. Parquet and IPC files say their types
    themselves. A LazyFrame is different: what its expressions do to a row (a strict cast, a filter by a mean, a join)
    may depend on other rows, and may fail by one; such a plan is the caller's, and no noise makes it safe. Give a
    path, or a frame that was collected, where rows are not the caller's own.

    Raises
    ------
    ColumnError
        The unit's column is not in the table.
    LedgerError
        There is no such ledger, or it is damaged.
    PolicyError
        The ledger protects another unit, or by other neighbors, or a name is not known.

    Examples
    --------
    >>> import polars as pl, shoal
    >>> visits = pl.DataFrame({"who": [1, 1, 2, 3], "ward": ["a", "b", "a", "a"], "cost": [10, 20, 30, 40]})
    >>> wards = shoal.private(visits, unit="who", ledger=None).group_by(
    ...     "ward", max_groups=2, max_rows=1, keys=["a", "b"]
    ... )
    >>> wards.agg(shoal.dp.count()).release(epsilon="1").frame.columns
    ['ward', 'count', 'count_std', 'count_low', 'count_high']
    """
    check_choice(neighbors, Neighbors, name="neighbors")
    columns = None if unit is None else tuple(_names(unit, "the privacy unit is given by names of columns"))
    if columns is not None and not (columns and len(set(columns)) == len(columns)):
        msg = "name each column that identifies privacy units once, or give unit=None to protect single rows"
        raise PolicyError(msg)
    try:
        lazy, is_text = _opened(frame, declarations or Declarations())
    except TypeError as error:
        raise InputError(str(error)) from None
    check_columns(columns or (), schema_of(lazy).names(), by="the privacy unit", remedy="correct the name")
    text_of(called := dataset if dataset is not None else _called(frame), name="dataset")
    ledger = open_ledger(ledger)
    if ledger is not None:
        ledger.check_protects(columns, neighbors)
    return Private(lazy, columns, neighbors, ledger, called, fingerprint(frame, lazy), is_text=is_text)


def _opened(frame: IntoFrame, declared: Declarations) -> tuple[pl.LazyFrame, bool]:
    """Return a table whose types no row can change, and whether columns without a declaration are text."""
    from shoal.io.files import format_of, sources
    from shoal.io.reading import as_declared, read_total

    if isinstance(frame, str | Path):
        return read_total(frame, declared), format_of(sources(frame)[0]) == "csv"
    return as_declared(into_lazy(frame), declared), False


def _called(frame: IntoFrame) -> str:
    """Return the default name of the data in the ledger."""
    return str(frame) if isinstance(frame, str | Path) else "frame"


@dataclass(frozen=True, slots=True)
class Private:
    """A frame that can only be asked for totals with noise; `frame` itself is as it came."""

    frame: pl.LazyFrame = field(repr=False)
    unit: tuple[str, ...] | None
    neighbors: Neighbors
    ledger: "Ledger | None"
    dataset: str
    fingerprint: str = field(default="", repr=False)
    is_text: bool = field(default=False, repr=False)

    def filter(self, *predicates: pl.Expr) -> "Private":
        """Return the table with the rows for which all predicates hold, each a condition on single rows.

        Raises
        ------
        ColumnError
            A predicate names a column that is not there, or is no condition.
        PolicyError
            A predicate is not known to look at single rows, or could fail for a value.

        Examples
        --------
        >>> import polars as pl, shoal
        >>> frame = pl.DataFrame({"age": [12, 30, 41]})
        >>> adults = shoal.private(frame, unit=None, ledger=None).filter(pl.col("age") >= 18)
        >>> adults.group_by().agg(shoal.dp.count()).release(epsilon=10**6).frame["count"].item()
        2.0
        """
        from shoal.queries.row_wise import filtered

        return replace(self, frame=filtered(self.frame, predicates))

    def with_columns(self, **columns: pl.Expr) -> "Private":
        """Return the table with new columns, each made of single rows; errors as for `filter`.

        Examples
        --------
        >>> import polars as pl, shoal
        >>> frame = pl.DataFrame({"paid": [3.0, 5.0], "back": [1.0, 0.0]})
        >>> net = shoal.private(frame, unit=None, ledger=None).with_columns(net=pl.col("paid") - pl.col("back"))
        >>> net.group_by().agg(shoal.dp.sum("net", bounds=(0, 10))).plan(epsilon=1).frame["unit"].item()
        'net'
        """
        from shoal.queries.row_wise import with_columns

        return replace(self, frame=with_columns(self.frame, columns, kept=self.unit or ()))

    def join_public(self, public: IntoFrame, *, on: str | Sequence[str]) -> "Private":
        """Return the table with the columns of a public one that describes its keys; null where it has no such key.

        Parameters
        ----------
        public : frame, table or path
            With each key once, so that no row becomes several. It is known to everybody, and not protected.
        on : str or sequence of str
            Columns of both tables, of the same types.

        Raises
        ------
        ColumnError
            A key column is missing or of another type, or both tables have a further column of one name.
        InputError
            The public table cannot be read.
        PolicyError
            The public table has a key twice.
        """
        from shoal.queries.row_wise import joined

        return replace(self, frame=joined(self.frame, public, _names(on, "tables are joined on names of columns")))

    def group_by(
        self,
        *by: "str | Bins | Sequence[str]",
        max_groups: int | None = None,
        max_rows: int | Literal["clip"] | None = None,
        keys: IntoFrame | Sequence[object] | None = None,
        key_rule: KeyRule = "truncated-geometric",
    ) -> "Grouped":
        """Return groups of rows with equal keys.

        Parameters
        ----------
        *by : str, sequence of str, or Bins
            Key columns; none for the table as a whole. Bins of `shoal.dp.histogram` are keys that everybody knows.
        max_groups : int
            Groups that one unit may count in; needed where there is a unit.
        max_rows : int or "clip"
            Rows of one unit that may count in each; or "clip": all of them, each unit's sum clamped to the bounds.
            A unit counts once then: counts are of units, and means, variances and quantiles of their sums.
        keys : frame, or values of the one key column, optional
            Groups to answer for, which are known to everybody. Default: groups are selected privately.
        key_rule : str
            Rule that selects them: the one that keeps most groups at a cost per group, or a threshold on their
            noisy number of units; the Gaussian one is lowest if `max_groups` is large.

        Raises
        ------
        PolicyError
            A bound is missing, no integer, or given where each row is a unit; or the rule is not known.
        """
        from shoal_engine.differential.queries.bounding import Bounds

        check_choice(key_rule, KeyRule, name="key_rule")
        bins = tuple(one for one in by if isinstance(one, Bins))
        named = tuple(
            name
            for one in by
            for name in ([one.name] if isinstance(one, Bins) else _names(one, "keys are given by names of columns"))
        )
        if keys is None and bins and len(bins) == len(named):
            keys = bin_keys(bins)
        if isinstance(max_rows, str) and max_rows != "clip":
            msg = "max_rows is an integer, or 'clip' to clamp the sums of each unit; give one of them"
            raise PolicyError(msg)
        if self.unit is None:
            if max_groups is not None or max_rows is not None:
                msg = "where each row is a unit it is in one group, once; leave `max_groups` and `max_rows` out"
                raise PolicyError(msg)
            bounds = Bounds(1, 1)
        elif max_groups is None or max_rows is None:
            msg = "a unit may have many rows; say in how many groups, and with how many rows in each, it may count"
            raise PolicyError(msg + ": max_groups=5, max_rows=2")
        else:
            bounds = Bounds(max_groups, None if max_rows == "clip" else max_rows)
        private = self
        for one in bins:
            private = replace(private, frame=one.assign(private.frame, schema_of(private.frame), is_text=self.is_text))
        return Grouped(private, named, bounds, keys, key_rule, bins)


@dataclass(frozen=True, slots=True)
class Grouped:
    """Groups to be asked about."""

    _private: Private
    _by: tuple[str, ...]
    _bounds: "object"
    _keys: IntoFrame | Sequence[object] | None = field(repr=False)
    _key_rule: KeyRule
    _bins: "tuple[Bins, ...]" = ()

    def agg(self, *aggregates: "Aggregate | Sequence[Aggregate]") -> "PrivateQuery":
        """Return the query for some aggregates of `shoal.dp`.

        Raises
        ------
        ColumnError
            A column is not in the table, or the keys cannot be read in its type.
        PolicyError
            An argument is not an aggregate, two would have one name, or there is no aggregate.
        """
        from shoal_engine.differential.queries.private_group_by import GroupQuery

        private = self._private
        private = _numbers_of_text(private, aggregates, self._by)
        schema = schema_of(private.frame)
        keys = None if self._keys is None else public_keys(self._keys, self._by, schema)
        listed: list[Aggregate] = []
        for given in aggregates:
            several: Any = given if isinstance(given, list | tuple) else [given]
            listed += several
        asked = tuple(_of_schema(_of_units(one, private.unit), schema) for one in listed)
        query = GroupQuery(self._by, asked, private.unit, self._bounds, keys, private.neighbors, self._key_rule)  # pyright: ignore[reportArgumentType]
        check_readable(schema, _columns(query))
        return PrivateQuery(private, query, self._bins)


@dataclass(frozen=True, slots=True)
class PrivateQuery:
    """A query that can be planned and released."""

    _private: Private = field(repr=False)
    query: "GroupQuery"
    _bins: "tuple[Bins, ...]" = ()

    def plan(
        self,
        *,
        epsilon: "Exact | None" = None,
        delta: "Exact" = 0,
        rho: "Exact | None" = None,
        distribution: DistributionName | None = None,
    ) -> Plan:
        """Return the cost and the noise of a release, without looking at the data.

        Parameters
        ----------
        epsilon, rho : number, as text if it is no integer
            Budget of the release; one of them.
        delta : number
            Probability of a failure of any kind; below one over the people is customary.
        distribution : "laplace" | "gaussian", optional
            Distribution of the noise. Default: the one with the smaller standard deviation.

        Raises
        ------
        NumberError, PolicyError
            The budget is out of range, or cannot pay for the query.
        """
        from shoal_engine.differential.queries.fitting import fit

        budget = _budget(epsilon, delta, rho)
        query, allotment = fit(self.query, budget, distribution)
        return make_plan(query, budget, allotment)

    def frontier(
        self,
        *,
        epsilon: "Sequence[Exact]",
        group_size: float,
        expected: "Mapping[str, float] | None" = None,
        delta: "Exact" = 0,
        distribution: DistributionName | None = None,
        limits: "Limits | None" = None,
    ) -> "QueryFrontier":
        """Return the error of every answer against epsilon, without looking at the data; nothing is charged.

        Risk is a bound on the advantage of every membership test, (exp(epsilon) - 1 + 2 delta) / (exp(epsilon) + 1):
        the rate of true less that of false positives of whoever guesses if a unit is in the table (or, under
        `change-one`, which of two values it has). It is that of this release alone.

        Parameters
        ----------
        epsilon : sequence of number, as text if they are no integers
            Budgets to try.
        group_size : float
            Rows of a typical group, or units where each counts once, as everybody may know; 1 to 1e9.
        expected : mapping of str to float, optional
            Typical answers, by names of aggregates; errors are relative to them. Default: of counts the group's size,
            of means the middle of the bounds, of sums that times the size, of deviations that of even values.
        delta, distribution
            As for `plan`.
        limits : Limits, optional
            What must be met: `max_risk`, and `max_error`, the half width of the 95 % interval of the least exact answer
            over what is expected.

        Raises
        ------
        NumberError, PolicyError
            As for `plan`, or a size, an expected answer or a limit does not fit the query.

        References
        ----------
        Wasserman, Zhou (2010), A statistical framework for differential privacy, theorem 2.4. Kairouz, Oh, Viswanath
        (2015), The composition theorem for differential privacy, theorem 2.1.

        Examples
        --------
        >>> import polars as pl, shoal
        >>> nobody = pl.DataFrame(schema={"ward": pl.String, "cost": pl.Float64})
        >>> wards = shoal.private(nobody, unit=None, ledger=None).group_by("ward", keys=["a", "b"])
        >>> found = wards.agg(shoal.dp.count()).frontier(epsilon=["0.1", 1], group_size=200)
        >>> [(one.epsilon, round(one.risk, 2), one.answers[0].half_width) for one in found.points]
        [(0.1, 0.05, 30.0), (1.0, 0.46, 3.0)]
        """
        from shoal.queries.frontier import query_frontier

        budgets = [_budget(one, delta, None) for one in epsilon]
        return query_frontier(self.query, budgets, distribution, group_size, expected or {}, limits)

    def release(
        self,
        *,
        epsilon: "Exact | None" = None,
        delta: "Exact" = 0,
        rho: "Exact | None" = None,
        distribution: DistributionName | None = None,
        n_threads: int | None = None,
        before_charge: Callable[[pl.DataFrame], object] | None = None,
        label: str | None = None,
    ) -> PrivateRelease:
        """Look at the data once, charge the ledger, add noise once, and return the answer.

        Everything is rehearsed before the charge, so that what can fail has charged nothing.

        Parameters
        ----------
        epsilon, delta, rho, distribution
            As for `plan`.
        n_threads : int, optional
        before_charge : callable, optional
            Is given an answer of no rows, in the form of the one to come, and may raise: say, where that cannot be
            written. Nothing is charged then.
        label : str, optional
            Question, as the ledger and reports show it. Default: names of aggregates and keys.

        Raises
        ------
        BudgetExhausted
            The budget of the ledger is too small; nothing was drawn.
        ColumnError
            A column is missing, or its type cannot be summed, grouped by or identify units.
        InputError
            The input cannot be read to its end.
        NumberError, PolicyError
            As for `plan`.
        """
        from shoal_engine.differential.queries.fitting import fit
        from shoal_engine.randomness import Keystream

        budget = _budget(epsilon, delta, rho)
        query, allotment = fit(self.query, budget, distribution)
        plan = make_plan(query, budget, allotment)
        ledger = self._private.ledger
        cost = None if ledger is None else ledger_cost(ledger, allotment.event, budget.epsilon, budget.delta)
        totals, empty = self._observed(query, allotment, threads(n_threads))
        for one in self._bins:
            empty = one.with_upper(empty)
        if before_charge is not None:
            before_charge(empty)
        receipt = None
        if ledger is not None and cost is not None:
            receipt = self._charge(ledger, cost, allotment, plan, label)
        with Keystream.secure() as stream:
            answer = pl.DataFrame(totals.release(allotment, stream))
        for one in self._bins:
            answer = one.with_upper(answer)
        return PrivateRelease(answer, plan, receipt)

    def _observed(self, query: "GroupQuery", allotment: "Allotment", n_threads: int) -> "tuple[Totals, pl.DataFrame]":
        """Return the totals of all rows, once everything that is to be done with them was rehearsed, and no answer."""
        import pyarrow as pa

        from shoal_engine.differential.queries.private_group_by import Observation
        from shoal_engine.observing import observe_all

        observation, columns, frame = Observation(query, n_threads=n_threads), _columns(query), self._private.frame
        check_readable(schema_of(frame), columns)
        try:
            totals = observe_all(observation, batches(frame, columns)).finish(os.urandom(16))
            empty = pl.DataFrame(totals.rehearse(allotment)).clear()
        except ShoalError:
            raise
        except (*UNREADABLE, pa.ArrowException):
            msg = "the input cannot be read to its end: it is truncated, damaged or not of its declared types"
            raise InputError(msg) from None
        except MemoryError:
            msg = (
                "the groups of the query do not fit into memory; nothing was charged: ask for fewer keys or candidates"
            )
            raise InputError(msg) from None
        return totals, empty

    def _charge(
        self,
        ledger: "Ledger",
        cost: "tuple[Fraction, Fraction]",
        allotment: "Allotment",
        plan: Plan,
        label: str | None,
    ) -> "Receipt":
        """Charge the ledger, durably."""
        asked = f"{self.query.by} {self._bins} {self.query.aggregates} {self.query.bounds}"
        promised = hashlib.sha256(asked.encode()).hexdigest()
        private = self._private
        return ledger.debit(
            *cost,
            events=plan.event,
            dataset=private.dataset,
            policy=promised,
            neighbors=private.neighbors,
            distribution=_distribution(allotment),
            fingerprint=private.fingerprint,
            label=question(self.query) if label is None else label,
        )


def question(query: "GroupQuery") -> str:
    """Return a query in words: names of its aggregates and keys, never a value."""
    asked = ", ".join(one.name for one in query.aggregates)
    return f"{asked} by {', '.join(query.by)}" if query.by else asked


def _distribution(allotment: "Allotment") -> DistributionName | None:
    """Return the distribution of the noise; none where nothing but choices is made."""
    kinds = {type(one).__name__ for one in allotment.mechanisms}
    if "LaplaceNoise" in kinds:
        return "laplace"
    return "gaussian" if "GaussianNoise" in kinds else None


def _columns(query: "GroupQuery") -> list[str]:
    """Return the columns that a query reads, each once."""
    named = [*query.by, *(query.unit or ()), *(getattr(one, "column", None) for one in query.aggregates)]
    return list(dict.fromkeys(name for name in named if name is not None))


def _numbers_of_text(private: Private, aggregates: Sequence[Any], by: Sequence[str]) -> Private:
    """Read text as numbers where an aggregate has bounds: a total mapping; other text is null.

    Raises
    ------
    ColumnError
        The column is a key or identifies units as well.
    """
    if not private.is_text:
        return private
    listed = [one for given in aggregates for one in (given if isinstance(given, list | tuple) else [given])]
    named = {getattr(one, "column", None) for one in listed if getattr(one, "bounds", None) is not None}
    schema = schema_of(private.frame)
    texts = [name for name in schema if name in named and schema[name] == pl.String]
    for name in texts:
        if name in by or name in (private.unit or ()):
            msg = (
                f"column {name!r} is text, and both a key and an aggregate ask for it; declare its type, "
                f"as declarations=shoal.Declarations(columns={{{name!r}: 'float'}}) or --type {name}=float"
            )
            raise ColumnError(msg)
    number = ColumnFormat(type="float")
    numbers = private.frame.with_columns(typed(pl.col(name), number).alias(name) for name in texts)
    return replace(private, frame=numbers)


def _of_units(one: "Aggregate", unit: tuple[str, ...] | None) -> "Aggregate":
    """Return the count of units in place of the distinct values of their own column, which is cheaper."""
    from shoal_engine.differential.queries.aggregates import Count, DistinctCount

    return Count(one.name, units=True) if isinstance(one, DistinctCount) and (one.column,) == unit else one


def _of_schema(one: "Aggregate", schema: pl.Schema) -> "Aggregate":
    """Return an aggregate that knows whether its column holds integers: of them a quantile is an integer."""
    from shoal_engine.differential.queries.quantiles import Quantile

    if not isinstance(one, Quantile):
        return one
    kind = schema.get(one.column)
    return replace(one, is_whole=kind is not None and (kind.is_integer() or kind == pl.Boolean))


def _names(given: object, role: str) -> list[str]:
    """Return names of columns, given as one or as a list."""
    names = [given] if isinstance(given, str) else list(given) if isinstance(given, list | tuple) else [None]
    if not all(isinstance(name, str) and name for name in names):
        msg = f"{role}, as text or a list of texts; expressions and other values name none"
        raise PolicyError(msg)
    return [str(name) for name in names]


def _budget(epsilon: "Exact | None", delta: "Exact", rho: "Exact | None") -> "QueryBudget":
    """Return a budget as exact numbers; floats are rounded towards less of it."""
    from shoal_engine.differential.exact_numbers import exact
    from shoal_engine.differential.queries.budget import QueryBudget

    return QueryBudget(
        None if epsilon is None else exact(epsilon, name="epsilon", toward="down"),
        None if rho is None else exact(rho, name="rho", toward="down"),
        exact(delta, name="delta", toward="down"),
    )

"""Attacks on releases of plain values, masked or synthetic: singling out, linkability, inference, attribution."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np
import polars as pl

from shoal.attack.plain_tables import plain_tables
from shoal.io.frames import IntoFrame
from shoal.io.observing import column_list
from shoal.io.threads import threads
from shoal_engine.attack.attribution import AttributionReport
from shoal_engine.attack.attribution import attribution as attribute
from shoal_engine.attack.inference import inference as infer
from shoal_engine.attack.linkability import linkability as link
from shoal_engine.attack.singling_out import singling_out as single_out
from shoal_engine.attack.success_rates import AttackReport, Risk, Trials
from shoal_engine.errors import PolicyError

if TYPE_CHECKING:
    from shoal_engine.attack.plain_rows import Numbers, PlainTables, Rows
    from shoal_engine.attack.predicates import Predicates


@dataclass(frozen=True, slots=True)
class RowAttack:
    """Result of an attack on rows of plain values.

    Attributes
    ----------
    report : AttackReport
        Rates with their intervals; nothing of a person.
    frame : pl.DataFrame, optional
        One row for each attack, if it was asked for. It is as personal as the original.
    """

    report: AttackReport
    frame: pl.DataFrame | None = field(default=None, repr=False)

    @property
    def risk(self) -> Risk:
        """Residual risk against control rows, or the rate of success without them."""
        return self.report.risk

    @property
    def success(self) -> Trials:
        """Attacks on original rows."""
        return self.report.success

    @property
    def control(self) -> Trials | None:
        """Attacks on control rows."""
        return self.report.control

    @property
    def baseline(self) -> Trials:
        """Naive random guesses."""
        return self.report.baseline

    @property
    def beats_baseline(self) -> bool:
        """Whether the attack succeeds more often than naive guesses; if not, it measures nothing."""
        return self.report.beats_baseline

    def _repr_html_(self) -> str:
        """Return the report as HTML for notebooks."""
        from shoal_engine.attack.showing import row_attack_html

        return row_attack_html(self.report)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values, as the JSON reads."""
        return msgspec.to_builtins(self.report) | {"beats_baseline": self.beats_baseline}


@dataclass(frozen=True, slots=True)
class AttributionRisk:
    """Correct attribution probability of a release.

    Attributes
    ----------
    report : AttributionReport
    frame : pl.DataFrame, optional
        One row for each attacked row, if it was asked for. It is as personal as the original.
    """

    report: AttributionReport
    frame: pl.DataFrame | None = field(default=None, repr=False)

    def _repr_html_(self) -> str:
        """Return the report as HTML for notebooks."""
        from shoal_engine.attack.showing import attribution_html

        return attribution_html(self.report)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values, as the JSON reads."""
        return msgspec.to_builtins(self.report)


def singling_out(
    original: IntoFrame,
    release: IntoFrame,
    *,
    seed: int,
    control: IntoFrame | None = None,
    columns: Sequence[str] | None = None,
    mode: Literal["univariate", "multivariate"] = "multivariate",
    n_columns: int = 3,
    n_attacks: int = 2000,
    max_attempts: int = 1_000_000,
    confidence: float = 0.95,
    per_predicate: bool = False,
    n_threads: int | None = None,
) -> RowAttack:
    """Guess predicates that exactly one person of the original fulfills, from a release of plain values.

    Parameters
    ----------
    original : frame, table or path
        Rows that the release was made from.
    release : frame, table or path
        Masked or synthetic rows with values of the same types.
    seed : int, at least 0
        Decides on records, columns and guesses.
    control : frame, table or path, optional
        Rows of the same population that the release was not made from. What succeeds on them is no fault of the
        release. If they are fewer than the original, their success is extrapolated.
    columns : sequence of str, optional
        Columns of predicates. Default: all of the release.
    mode : "univariate" | "multivariate"
        univariate: values and nulls of one released row, and the ends of numbers. multivariate: parts of random
        released records, numbers at least or at most as extreme, that no other released row has.
    n_columns : int
        Columns of a multivariate predicate.
    n_attacks : int
        Predicates to make; fewer where the release yields fewer.
    max_attempts : int
        Multivariate predicates to try.
    confidence : float
        Level of the intervals, above 0 and below 1.
    per_predicate : bool
        Return the predicates, with values of the release, and whether they succeed.
    n_threads : int, optional
        Number of threads. Default: all cores that this process may use.

    Raises
    ------
    ColumnError
        A table lacks a column, or has it with another type; a type cannot be compared.
    InputError
        A table cannot be read or has no rows.
    PolicyError
        A number is out of range.

    Notes
    -----
    Rows that are equal in all columns count once, as in anonymeter. Dates are numbers here.

    References
    ----------
    Giomi, Boenisch, Wehmeyer, Tasnádi (2023), A unified framework for quantifying privacy risk in synthetic data,
    PoPETs 2023(2), section 4.1. Cohen, Nissim (2020), Towards formalizing the GDPR's notion of singling out, PNAS
    117(15).

    Examples
    --------
    >>> import polars as pl, shoal
    >>> people = pl.DataFrame({"age": [30, 41, 52, 63], "job": ["a", "b", "a", "c"]})
    >>> found = shoal.attack.singling_out(people, people, mode="univariate", seed=1)
    >>> found.success.attacks, found.success.share
    (8, 1.0)
    """
    names = None if columns is None else column_list(columns)
    tables = plain_tables(release, original, control, names)
    report, predicates, success = single_out(
        tables,
        mode=mode,
        n_columns=n_columns,
        n_attacks=n_attacks,
        max_attempts=max_attempts,
        seed=seed,
        confidence=confidence,
        n_threads=threads(n_threads),
    )
    frame = pl.DataFrame({"predicate": _texts(tables, predicates, mode), "success": success}) if per_predicate else None
    return RowAttack(report, frame)


def _texts(tables: "PlainTables", predicates: "Predicates", mode: str) -> pl.Series:
    """Return each predicate as text."""
    columns = list(tables.columns.values())
    values = [column.domain.decode(np.arange(column.size)).to_pylist() for column in columns]
    texts: list[str] = []
    for places, lows, highs in zip(predicates.column, predicates.low, predicates.high, strict=True):
        parts: list[str] = []
        for j, low, high in zip(places.tolist(), lows.tolist(), highs.tolist(), strict=True):
            name, column = columns[j].name, columns[j]
            # A number is equal to something in predicates of one column alone.
            ordered = column.numbers is not None and (mode == "multivariate" or low < high)
            if low < column.first:
                parts.append(f"{name} is null")
            elif not ordered:
                parts.append(f"{name} = {values[j][low]}")
            elif low == column.first:
                parts.append(f"{name} <= {values[j][high]}")
            else:
                parts.append(f"{name} >= {values[j][low]}")
        texts.append(" and ".join(parts))
    return pl.Series(texts, dtype=pl.String)


def linkability(
    original: IntoFrame,
    release: IntoFrame,
    *,
    left: Sequence[str],
    right: Sequence[str],
    control: IntoFrame | None = None,
    n_neighbors: int = 1,
    n_attacks: int | None = None,
    seed: int | None = None,
    confidence: float = 0.95,
    per_person: bool = False,
    n_threads: int | None = None,
) -> RowAttack:
    """Connect two parts of each person's record through the released rows that are nearest to both.

    Parameters
    ----------
    original, release, control : frame, table or path
        As for `singling_out`.
    left, right : sequence of str
        Columns of the two parts, none in both.
    n_neighbors : int
        Nearest released rows of each part that count.
    n_attacks : int, optional
        Rows to attack, drawn by `seed`. Default: all.
    seed : int, at least 0, optional
    confidence : float
        Level of the intervals, above 0 and below 1.
    per_person : bool
        Return the probability of a link of each attacked row.
    n_threads : int, optional
        Number of threads. Default: all cores that this process may use.

    Raises
    ------
    ColumnError, InputError
        As for `singling_out`.
    PolicyError
        A part is empty, a column is in both, or a number is out of range.

    Notes
    -----
    The distance of two rows is the sum over columns of the difference of numbers and dates divided by their range
    over all tables, and of 1 where other values are not equal; null equals null alone. Of rows that tie for the last
    places all choices count alike, so the order of rows does not matter. Naive guesses are two random sets of rows;
    their success is computed.

    References
    ----------
    Giomi, Boenisch, Wehmeyer, Tasnádi (2023), A unified framework for quantifying privacy risk in synthetic data,
    PoPETs 2023(2), section 4.2. Gower (1971), A general coefficient of similarity and some of its properties,
    Biometrics 27(4).

    Examples
    --------
    >>> import polars as pl, shoal
    >>> people = pl.DataFrame({"age": [0, 0, 4, 0], "pay": [0, 1, 9, 4]})
    >>> made = pl.DataFrame({"age": [0, 1, 4, 9], "pay": [0, 1, 4, 9]})
    >>> shoal.attack.linkability(people, made, left=["age"], right=["pay"]).success.share
    0.25
    """
    parts = column_list(left), column_list(right)
    both = sorted({*parts[0]} & {*parts[1]})
    if both:
        msg = f"column `{both[0]}` is in both parts, which links every row; leave it out of one"
        raise PolicyError(msg)
    tables = plain_tables(release, original, control, [*parts[0], *parts[1]])
    report, chances = link(
        tables,
        *parts,
        n_neighbors=n_neighbors,
        n_attacks=n_attacks,
        seed=seed,
        confidence=confidence,
        n_threads=threads(n_threads),
    )
    return RowAttack(report, _per_row(chances) if per_person else None)


def inference(
    original: IntoFrame,
    release: IntoFrame,
    *,
    known: Sequence[str],
    secret: str,
    control: IntoFrame | None = None,
    tolerance: float = 0.05,
    n_attacks: int | None = None,
    seed: int | None = None,
    confidence: float = 0.95,
    per_person: bool = False,
    n_threads: int | None = None,
) -> RowAttack:
    """Guess a secret value of each person from the released rows that are nearest in the known columns.

    Parameters
    ----------
    original, release, control : frame, table or path
        As for `singling_out`.
    known : sequence of str
        Columns that the adversary knows.
    secret : str
        Column to guess.
    tolerance : float, at least 0
        Share of a guessed number by which it may be off; other values, dates too, are guessed exactly.
    n_attacks, seed, confidence, per_person, n_threads
        As for `linkability`.

    Raises
    ------
    ColumnError, InputError
        As for `singling_out`; ColumnError also if a table has no value of the secret.
    PolicyError
        No column is known, the secret is, or a number is out of range.

    Notes
    -----
    Distances and ties are those of `linkability`. A naive guess is the secret of a random released row; its success
    is computed.

    References
    ----------
    Giomi, Boenisch, Wehmeyer, Tasnádi (2023), A unified framework for quantifying privacy risk in synthetic data,
    PoPETs 2023(2), section 4.3.

    Examples
    --------
    >>> import polars as pl, shoal
    >>> people = pl.DataFrame({"job": ["a", "c"], "ill": ["b", "d"]})
    >>> made = pl.DataFrame({"job": ["a", "c"], "ill": ["b", "e"]})
    >>> shoal.attack.inference(people, made, known=["job"], secret="ill").success.share
    0.5
    """
    names = _known(known, secret)
    report, chances = infer(
        plain_tables(release, original, control, [*names, secret]),
        names,
        secret,
        tolerance=tolerance,
        n_attacks=n_attacks,
        seed=seed,
        confidence=confidence,
        n_threads=threads(n_threads),
    )
    return RowAttack(report, _per_row(chances) if per_person else None)


def attribution(
    original: IntoFrame,
    release: IntoFrame,
    *,
    keys: Sequence[str],
    secret: str,
    control: IntoFrame | None = None,
    n_attacks: int | None = None,
    seed: int | None = None,
    confidence: float = 0.95,
    per_person: bool = False,
    n_threads: int | None = None,
) -> AttributionRisk:
    """Measure the correct attribution probability: how many released rows with a person's keys hold the secret.

    Parameters
    ----------
    original, release, control : frame, table or path
        As for `singling_out`.
    keys : sequence of str
        Columns that the adversary knows; their values are equal or not.
    secret : str
        Column to guess, exactly.
    n_attacks, seed, confidence, per_person, n_threads
        As for `linkability`.

    Raises
    ------
    ColumnError, InputError, PolicyError
        As for `inference`.

    References
    ----------
    Taub, Elliot, Pampaka, Smith (2018), Differential correct attribution probability for synthetic data: an
    exploration, PSD 2018, section 3.

    Examples
    --------
    >>> import polars as pl, shoal
    >>> people = pl.DataFrame({"job": list("aabbc"), "ill": list("xyxxx")})
    >>> made = pl.DataFrame({"job": list("aaabd"), "ill": list("xxyyx")})
    >>> found = shoal.attack.attribution(people, made, keys=["job"], secret="ill").report.original
    >>> round(found.left_out, 3), round(found.zero, 3), round(found.nearest, 3)
    (0.25, 0.2, 0.32)
    """
    names = _known(keys, secret)
    report, chances = attribute(
        plain_tables(release, original, control, [*names, secret]),
        names,
        secret,
        n_attacks=n_attacks,
        seed=seed,
        confidence=confidence,
        n_threads=threads(n_threads),
    )
    return AttributionRisk(report, _per_row(chances) if per_person else None)


def _known(known: Sequence[str], secret: str) -> list[str]:
    """Return the known columns; raise PolicyError where the secret is one of them."""
    names = column_list(known)
    if secret in names:
        msg = f"column `{secret}` is both known and to be guessed; leave it out of the known ones"
        raise PolicyError(msg)
    return names


def _per_row(chances: "Mapping[str, tuple[Rows, Numbers]]") -> pl.DataFrame:
    """Return the attacked rows of each table and the probability of success."""
    return pl.concat(
        pl.DataFrame({"row": rows, "probability": chance}).select(pl.lit(table).alias("table"), "row", "probability")
        for table, (rows, chance) in chances.items()
    )

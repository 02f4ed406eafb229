"""A round from files: updates in, the next model out, under its final name only when whole."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from inspect import signature
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

import polars as pl

from shoal.federation.rules import Aggregator, options_missing, rule_named
from shoal.io.files import check_folder, sources
from shoal.io.lazy_frames import read_to_end
from shoal.io.reading import scan
from shoal.io.writing import written_whole
from shoal_engine.errors import UpdateError
from shoal_engine.federated.updates.model import Model
from shoal_engine.federated.updates.round import UpdateChecks
from shoal_engine.federated.updates.update import Update, read_updates, write_updates
from shoal_engine.observing import observe_all

Weights: TypeAlias = Literal["claimed", "equal"] | Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Aggregated:
    """A model that was made of files.

    Attributes
    ----------
    model : Model
    weight : float
        Sum over all updates that were accepted.
    report : pl.DataFrame
        One row an update: node, weight, norm, clipped, distance, kept, reason, bytes, seconds. Where weights are not
        those that are claimed, `weight` is the one used, and `claimed` the one in the update.
    """

    model: Model
    weight: float
    report: pl.DataFrame


def aggregate_files(
    paths: Sequence[str | Path],
    output: str | Path,
    *,
    rule: str,
    parameters: Mapping[str, Any] | None = None,
    weights: Weights = "claimed",
    checks: UpdateChecks | None = None,
) -> Aggregated:
    """Aggregate updates in Arrow IPC files into a model, which is written as an update of its own.

    A file of a model is again a file of updates, so regions can be aggregated first and then their models.

    Parameters
    ----------
    paths : sequence of str or Path
        Files, folders or globs.
    output : str or Path
    rule : str
        By name, as in `shoal.federated.RULES`.
    parameters : mapping, optional
        Parameters of the rule.
    weights : "claimed" | "equal" | mapping of str to float
        Weight of each update: as claimed, 1, or as given for its node; nodes that are not given do not count.
    checks : UpdateChecks, optional

    Raises
    ------
    UpdateError
        A file holds no updates, the rule is unknown, or its parameters are.
    TooFewUpdates
    OutputError
    """
    target, checks = Path(output), checks or UpdateChecks()
    check_folder(target, paths)
    aggregator = _made(rule, checks, parameters or {})
    claims: dict[str, list[float]] = {}
    updates = _noted(_weighted(_updates(paths), weights), claims)
    released = observe_all(aggregator, updates).release()
    weight = sum(record.weight for record in released.records if record.kept)
    with written_whole(target) as draft:
        write_updates(draft, [Update(released.model, target.stem, weight, checks.round)])
    report = pl.DataFrame(released.report)
    if weights != "claimed":
        claimed = [claims[node].pop(0) for node in report["node"]]
        report = report.insert_column(2, pl.Series("claimed", claimed, pl.Float64))
    return Aggregated(released.model, weight, report)


def read_weights(path: str | Path) -> dict[str, float]:
    """Return the weights in a table with the columns node and weight.

    Raises
    ------
    UpdateError
        It has other columns, or names a node twice.
    """
    frame = scan(path)
    if not {"node", "weight"} <= set(frame.collect_schema().names()):
        msg = f"weights are a table with the columns node and weight; {str(path)!r} has others"
        raise UpdateError(msg)
    weights = read_to_end(frame.select(pl.col("node").cast(pl.String), pl.col("weight").cast(pl.Float64, strict=False)))
    if weights["node"].is_duplicated().any():
        msg = f"the weights in {str(path)!r} name a node twice; name each once"
        raise UpdateError(msg)
    return dict(weights.iter_rows())


def _updates(paths: Sequence[str | Path]) -> Iterator[Update]:
    """Yield the updates of all files."""
    for path in paths:
        for file in sources(path):
            yield from read_updates(file)


def _weighted(updates: Iterable[Update], weights: Weights) -> Iterator[tuple[Update, float]]:
    """Yield updates with the weights that count, and the weights that they claim."""
    for update in updates:
        if weights == "claimed":
            yield update, update.weight
        elif weights == "equal":
            yield replace(update, weight=1.0), update.weight
        else:
            given = weights.get(update.node)
            yield replace(update, weight=float("nan") if given is None else given), update.weight


def _noted(updates: Iterable[tuple[Update, float]], claims: dict[str, list[float]]) -> Iterator[Update]:
    """Yield updates, and add the weights that they claim to `claims`, by node."""
    for update, claimed in updates:
        claims.setdefault(update.node, []).append(claimed)
        yield update


def _made(rule: str, checks: UpdateChecks, parameters: Mapping[str, Any]) -> Aggregator:
    """Return the aggregator of a rule by name.

    Raises
    ------
    UpdateError
    """
    kind = rule_named(rule)
    takes = [name for name in signature(kind).parameters if name != "checks"]
    if unknown := sorted(parameters.keys() - set(takes)):
        msg = f"the rule {rule!r} takes no {', '.join(unknown)}; it takes {', '.join(takes) or 'nothing'}"
        raise UpdateError(msg)
    for name, value in parameters.items():
        if not _fits(value, get_type_hints(kind.__init__).get(name)):
            msg = f"the rule {rule!r} cannot take {name}={value!r}; give what its parameter is"
            raise UpdateError(msg)
    if missing := options_missing(kind, parameters):
        msg = f"the rule {rule!r} needs {', '.join(missing)}; give it as a parameter, or as --set {missing[0]}=..."
        raise UpdateError(msg)
    return kind(checks, **parameters)


def _fits(value: Any, kind: Any) -> bool:
    """Return whether a value is of the type of a parameter; integers are numbers, and booleans are not."""
    if get_origin(kind) in (Union, UnionType):
        return any(_fits(value, one) for one in get_args(kind))
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if kind in (int, float):
        return isinstance(value, (int, kind)) and not isinstance(value, bool) and abs(value) <= 2**63
    return isinstance(value, kind)

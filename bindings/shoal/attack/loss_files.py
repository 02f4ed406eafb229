"""Losses of a model in tables: one row a record, a column for the model and for each reference model."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

import numpy as np
import numpy.typing as npt

from shoal.io.frames import IntoFrame, into_lazy
from shoal.io.lazy_frames import read_to_end, schema_of
from shoal_engine.attack.likelihood_ratio import likelihood_ratio
from shoal_engine.attack.loss_threshold import loss_threshold
from shoal_engine.attack.membership_scores import FALSE_POSITIVE_RATES, MembershipReport
from shoal_engine.errors import ColumnError
from shoal_engine.tables.column_names import check_columns

Losses = npt.NDArray[np.float64]


def attack_losses(
    members: IntoFrame,
    others: IntoFrame,
    *,
    column: str,
    references: Sequence[str] = (),
    threshold: float | None = None,
    false_positive_rates: Sequence[float] | None = None,
    confidence: float = 0.95,
) -> MembershipReport:
    """Attack a model by losses in two tables: of records that it was trained on, and of others.

    Parameters
    ----------
    members, others : frame, table or path
    column : str
        Losses of the attacked model.
    references : sequence of str
        Columns of losses of models that were trained on none of these records; ``*`` stands for any text. With them
        the attack is that of `likelihood_ratio`, without that of `loss_threshold`.
    threshold, false_positive_rates, confidence
        As for `loss_threshold`.

    Raises
    ------
    ColumnError
        A table lacks a column, or it does not hold numbers.
    InputError, PolicyError
        As for `loss_threshold` and `likelihood_ratio`.
    """
    rates = FALSE_POSITIVE_RATES if false_positive_rates is None else false_positive_rates
    models, inside = _losses(members, column, references, "the table of members")
    same, outside = _losses(others, column, references, "the table of others")
    if not references:
        return loss_threshold(
            inside[0], outside[0], threshold=threshold, false_positive_rates=rates, confidence=confidence
        )
    if models != same:
        msg = "the two tables have different reference columns; give the losses of the same models in both"
        raise ColumnError(msg)
    every = np.concatenate([inside, outside], axis=1)
    member = np.arange(every.shape[1]) < inside.shape[1]
    return likelihood_ratio(every[0], member, every[1:], false_positive_rates=rates, confidence=confidence)


def _losses(source: IntoFrame, column: str, references: Sequence[str], table: str) -> tuple[list[str], Losses]:
    """Return the columns of the attacked model and the reference models, and their losses, NaN where one is missing."""
    frame = into_lazy(source)
    schema = schema_of(frame)
    check_columns([column], schema.names(), table=table, remedy="name the column of losses")
    names = [column]
    for pattern in references:
        found = [name for name in schema.names() if name != column and fnmatchcase(name, pattern)]
        if not found:
            check_columns([pattern], schema.names(), table=table, remedy="name columns of reference losses")
        names += [name for name in sorted(found) if name not in names]
    wrong = [name for name in names if not schema[name].is_numeric()]
    if wrong:
        msg = f"{wrong[0]!r} is {schema[wrong[0]]} in {table}; losses are numbers, one for each record"
        raise ColumnError(msg)
    read = read_to_end(frame.select(names))
    return names, np.stack([read.get_column(name).to_numpy().astype(np.float64) for name in names])

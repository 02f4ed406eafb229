"""A release as a reader of its labels knows it, from the classes alone: no row of it is written."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from shoal.usefulness.read_release import GeneralizedTable
from shoal.usefulness.tables import CodedRows

if TYPE_CHECKING:
    from shoal_engine.anonymity.fit import Fit


def classes_read(fitted: "Fit", coded: CodedRows) -> GeneralizedTable:
    """Return what `ReadRelease` reads from the rows of a release.

    Parameters
    ----------
    fitted : Fit
        Classes of a policy without set-valued columns, whose items a release recodes row by row.
    coded : CodedRows
        Rows of the table in the order in which it was observed; shared by all releases that suppress none.
    """
    from shoal_engine.tables.rebuilding import rebuilt

    recoding, tuple_of_row = fitted.classes.recoding, fitted.table.grouped.tuple_of_row
    assert tuple_of_row is not None
    assert not fitted.items
    first, alike = recoding.alike()
    labels = [rebuilt(one.values.take(one.index_of_class[first])) for one in recoding.columns]
    classes = pl.DataFrame([pl.Series(name, label) for name, label in zip(recoding.names, labels, strict=True)])
    class_of_row = np.append(alike, -1)[fitted.class_of_tuple][tuple_of_row]
    if fitted.classes.suppressed_rows:
        kept = np.flatnonzero(class_of_row >= 0)
        coded, class_of_row = coded.some(kept), class_of_row[kept]
    return GeneralizedTable(fitted.classes.policy, coded, classes, class_of_row, least=fitted.levels_of_class is None)

"""Findings about whose rows are counted."""

from shoal_engine.finding import Finding


def units_not_counted(unit: str) -> Finding:
    """Return that a released table does not show whose rows are whose.

    Examples
    --------
    >>> units_not_counted("patient_id").columns
    ('patient_id',)
    """
    return Finding(
        code="units-not-counted",
        severity="high",
        columns=(unit,),
        text=(
            f"The policy counts units of {unit}, which this table does not hold: rows are counted here, and a class "
            "may hold fewer units than rows."
        ),
        remedy=(
            "Rely on the certificate of the release, for which units were counted, or release pseudonyms of the unit."
        ),
    )


def repeated_identifier(column: str, share: float, *, joins: bool) -> Finding:
    """Return that values of an identifier repeat, and no unit is named.

    Parameters
    ----------
    column : str
    share : float
        Rows whose value others have too.
    joins : bool
        Its pseudonyms join these rows in the release.

    Examples
    --------
    >>> repeated_identifier("patient_id", 0.5, joins=True).severity
    'high'
    """
    joined = f", and pseudonyms join them to more than a class states: pseudonyms of {column}" if joins else ""
    return Finding(
        code="repeated-identifier",
        severity="high" if joins else "medium",
        share=share,
        columns=(column,),
        text=f"{share:.1%} of rows share their {column} with another row, so k may count a person twice{joined}.",
        remedy=f'Name the unit (unit = "{column}"), or accept this if equal values are different people.',
    )

"""Arguments that name one of a few choices, each listed once; unknown names are refused."""

from typing import Any, Literal, TypeAlias, get_args

from shoal_engine.errors import NumberError, PolicyError

DistributionName: TypeAlias = Literal["laplace", "gaussian"]
"""Distribution of noise."""
Neighbors: TypeAlias = Literal["add-remove", "change-one"]
"""Neighboring tables: with one unit more or less, or with one unit exchanged for another."""
KeyRule: TypeAlias = Literal["truncated-geometric", "laplace-threshold", "gaussian-threshold"]
"""Rule that selects the keys of a private answer."""


def check_choice(value: object, kind: Any, *, name: str, error: type[PolicyError | NumberError] = PolicyError) -> None:
    """Check that a value is one of a Literal's.

    Parameters
    ----------
    value : object
    kind : Literal
    name : str
        Name of the argument, for the message.
    error : type
        PolicyError, or NumberError.

    Raises
    ------
    PolicyError, NumberError
        It is not one of them.

    Examples
    --------
    >>> from typing import Literal
    >>> check_choice("up", Literal["up", "down"], name="toward")
    """
    known: tuple[str, ...] = get_args(kind)
    if isinstance(value, str) and value in known:
        return
    asked = repr(value[:40]) if isinstance(value, str) else f"a {type(value).__name__}"
    msg = f"{name} is {asked}, and must be one of {', '.join(map(repr, known))}; choose one"
    raise error(msg)

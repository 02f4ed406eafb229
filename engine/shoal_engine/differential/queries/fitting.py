"""A query whose noise can be drawn: on a coarser grid where the finest would need wider noise than there is.

Nothing visible is lost: steps stay far below the noise, by 2**50 or so.
"""

from dataclasses import replace

from shoal_engine.differential.mechanisms.additive import GaussianNoise, LaplaceNoise
from shoal_engine.differential.named_choices import DistributionName
from shoal_engine.differential.queries.aggregates import Aggregate
from shoal_engine.differential.queries.budget import Allotment, Mechanism, QueryBudget
from shoal_engine.differential.queries.choosing_keys import GaussianThreshold, LaplaceThreshold
from shoal_engine.differential.queries.estimates import Part
from shoal_engine.differential.queries.moments import Mean, Sum, Variance
from shoal_engine.differential.queries.private_group_by import GroupQuery
from shoal_engine.differential.samplers.distributions import LARGEST_SCALE
from shoal_engine.errors import NumberError, PolicyError

_ROUNDS = 4
_SQUARES = "centered squares"


def fit(query: GroupQuery, budget: QueryBudget, distribution: DistributionName | None) -> tuple[GroupQuery, Allotment]:
    """Return a query on grids as fine as noise can be drawn for, and its share of a budget.

    Raises
    ------
    NumberError
        The budget is so small that noise of some count would be wider than can be drawn, or that of some sum on any
        grid.
    PolicyError
        As `budget.allot`.
    """
    for _ in range(_ROUNDS):
        allotment = query.allot(budget, distribution)
        _check_keys(allotment)
        more = _coarser(query, allotment)
        if not any(more):
            return query, allotment
        fitted: list[Aggregate] = []
        for one, bits in zip(query.aggregates, more, strict=True):
            fitted.append(replace(one, coarser=getattr(one, "coarser", 0) + bits) if bits else one)  # pyright: ignore
        query = replace(query, aggregates=tuple(fitted))
        try:
            query.parts()
        except PolicyError:
            # No grid of two points is left between the bounds.
            break
    part = "sums"
    raise _too_wide(part, query.aggregates[0].name)


def _coarser(query: GroupQuery, allotment: Allotment) -> list[int]:
    """Return by how many binary digits each aggregate's grid has to be coarser."""
    mechanisms, found = iter(allotment.mechanisms), list[int]()
    for one, parts in zip(query.aggregates, query.parts(), strict=True):
        bits = 0
        for part in parts:
            beyond = _bits_beyond(next(mechanisms))
            if beyond and not _is_on_grid(one, part):
                raise _too_wide(part.name, one.name)
            bits = max(bits, -(-beyond // 2) if part.name == _SQUARES else beyond)
        found.append(bits)
    return found


def _is_on_grid(one: Aggregate, part: Part) -> bool:
    """Return whether a part gets smaller on a coarser grid."""
    return isinstance(one, Sum | Mean | Variance) and part.unit not in ("rows", "units")


def _bits_beyond(mechanism: Mechanism) -> int:
    """Return by how many binary digits noise is wider than can be drawn."""
    if isinstance(mechanism, LaplaceNoise):
        return max(0, (mechanism.scale / LARGEST_SCALE).__ceil__() - 1).bit_length()
    if isinstance(mechanism, GaussianNoise):
        return -(-max(0, (mechanism.sigma_squared / LARGEST_SCALE**2).__ceil__() - 1).bit_length() // 2)
    return 0


def _check_keys(allotment: Allotment) -> None:
    """Check that the noise that selects keys can be drawn."""
    rule = allotment.keys
    if isinstance(rule, LaplaceThreshold):
        beyond = _bits_beyond(LaplaceNoise(1 / rule.epsilon))
    elif isinstance(rule, GaussianThreshold):
        beyond = _bits_beyond(GaussianNoise(rule.sigma_squared))
    else:
        beyond = 0
    if beyond:
        part, name = "the choice of keys", "keys"
        raise _too_wide(part, name)


def _too_wide(part: str, name: str) -> NumberError:
    msg = (
        f"the noise of {part} in {name!r} would be wider than 2**50, which cannot be drawn and would hide every "
        "answer; raise epsilon or rho, or lower max_groups or max_rows"
    )
    return NumberError(msg)

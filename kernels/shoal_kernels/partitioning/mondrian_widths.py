"""How wide a range of codes counts when Mondrian chooses the dimension to cut."""

from shoal_kernels._jit import inlined
from shoal_kernels.tables.dimensions import SET, Dimensions, span_loss


@inlined
def width(dims: Dimensions, j: int, low: int, high: int) -> float:
    """Return the normalized range (LeFevre et al. 2006, section 4.1) of codes `low` to `high`, 0 to 1.

    ORDERED: distance of the ends on the domain; TREE: share of the leaves under the lowest common ancestor;
    SET: the codes stand for an order, and the ends are ``high - low`` of ``size - 1`` steps apart.
    """
    if dims.kind[j] == SET:
        return (high - low) / max(1, dims.size[j] - 1)
    return span_loss(dims, j, low, high)

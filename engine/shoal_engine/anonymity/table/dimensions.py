"""From a policy and the values of its columns to what kernels see: quasi-identifiers as packed dimensions."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shoal_engine.anonymity.hierarchies.bands import plant_bands
from shoal_engine.anonymity.hierarchies.trees import Tree, order_ranks, plant
from shoal_engine.anonymity.policy.hierarchies import Dates, Intervals, Order, Prefix, Redaction, is_line
from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.anonymity.policy.roles import Kind, QuasiIdentifier, check_output
from shoal_engine.anonymity.table.positions import positions_of
from shoal_engine.errors import ColumnError, PolicyError
from shoal_engine.tables.column_names import check_columns
from shoal_engine.tables.grouping import pack_sizes
from shoal_kernels._jit import freeze
from shoal_kernels.tables.dimensions import ORDERED, SET, TREE, Dimensions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shoal_engine.tables.columns import Domain

BITS_PER_WORD = 64


@dataclass(frozen=True, slots=True, eq=False)
class Dimension:
    """One quasi-identifier, bound to the values of its column.

    Attributes
    ----------
    name : str
        The column.
    role : QuasiIdentifier
        What the policy says of it.
    kind : str
        number, category or date: declared, or what the Arrow type says.
    geometry : int
        ORDERED, TREE or SET.
    domain : Domain
    kernel_code : (size,) int64
        Kernel code of each domain code; a permutation, null stays 0.
    domain_code : (size,) int64
        Its inverse.
    position : (size,) float64 or None
        ORDERED: place of each kernel code on the line, 0 to 1; null at -1.
    tree : Tree or None
        TREE: the hierarchy, or the bands; its leaf ranks are the kernel codes.
    """

    name: str
    role: QuasiIdentifier
    kind: Kind
    geometry: int
    domain: "Domain"
    kernel_code: npt.NDArray[np.int64]
    domain_code: npt.NDArray[np.int64]
    position: npt.NDArray[np.float64] | None
    tree: Tree | None

    @property
    def size(self) -> int:
        """Number of codes."""
        return len(self.kernel_code)


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """All quasi-identifiers of a policy, bound to a table's values.

    Attributes
    ----------
    dimensions : tuple of Dimension
        In the policy's order, which is the packing order.
    arrays : Dimensions
        The same for kernels; frozen.
    n_words : int
        64-bit words of a packed tuple.
    apart : (any,) int64
        Dimensions whose null never shares a class with a value.
    """

    dimensions: tuple[Dimension, ...]
    arrays: Dimensions
    n_words: int
    apart: npt.NDArray[np.int64]

    @property
    def names(self) -> list[str]:
        """The columns, in order."""
        return [dimension.name for dimension in self.dimensions]


def bind(
    policy: Policy, domains: "Mapping[str, Domain]", counts: "Mapping[str, npt.NDArray[np.int64]] | None" = None
) -> Space:
    """Bind the quasi-identifiers of a policy to the values of a table.

    Parameters
    ----------
    policy : Policy
    domains : mapping of str to Domain
        One for each quasi-identifier; others are passed over.
    counts : mapping of str to (size,) int64, optional
        Rows of each domain code, for columns whose hierarchy or bands are grown from them.

    Raises
    ------
    ColumnError
        A column is not there, its type cannot take its kind or hierarchy, or it holds numbers that are not
        finite.
    HierarchyError
        A hierarchy is malformed or does not cover the values.
    PolicyError
        A column's kind has no such output.
    """
    dimensions = tuple(
        bind_column(name, role, domain_of(name, domains), folder=policy.folder, count=(counts or {}).get(name))
        for name, role in policy.quasi_identifiers.items()
    )
    packing = pack_sizes([dimension.size for dimension in dimensions])
    apart = [j for j, d in enumerate(dimensions) if d.domain.has_null and d.role.nulls == "apart"]
    arrays = freeze(
        _arrays(dimensions)._replace(word=packing.word, shift=packing.shift, mask=packing.mask),
    )
    return Space(dimensions, arrays, packing.n_words, np.array(apart, np.int64))


def bind_column(
    name: str,
    role: QuasiIdentifier,
    domain: "Domain",
    *,
    folder: str | Path = "",
    count: npt.NDArray[np.int64] | None = None,
) -> Dimension:
    """Bind one quasi-identifier to the values of its column; raises as `bind` does."""
    kind = _kind(name, role, domain.values.type)
    hierarchy, has_null = role.hierarchy, domain.has_null
    position: npt.NDArray[np.float64] | None = None
    tree: Tree | None = None
    kernel_code = np.arange(domain.size)
    if role.output == "bands":
        assert count is not None, "bands are cut by how many rows hold each value"
        geometry = TREE
        tree = plant_bands(
            domain.values,
            positions_of(name, domain.values),
            count[has_null:],
            has_null=has_null,
            mixes_null=role.nulls == "generalize",
        )
        kernel_code = tree.leaf
    elif hierarchy is None:
        geometry = SET if kind == "category" else ORDERED
        if geometry == ORDERED:
            position = _with_null(positions_of(name, domain.values), has_null=has_null)
    elif isinstance(hierarchy, Order) and is_line(hierarchy):
        geometry = ORDERED
        rank = order_ranks(hierarchy, domain.values, column=name)
        kernel_code[has_null:] = np.argsort(np.argsort(rank)) + has_null
        places = np.sort(rank) / max(1, len(hierarchy.values) - 1)
        position = _with_null(places, has_null=has_null)
    else:
        geometry = TREE
        tree = plant(hierarchy, domain.values, has_null=has_null, column=name, folder=folder, count=count)
        kernel_code = tree.leaf
    domain_code = np.argsort(kernel_code)
    return Dimension(name, role, kind, geometry, domain, kernel_code, domain_code, position, tree)


_NO_HIERARCHY_OF: dict[Kind, Any] = {
    "number": Dates,
    "category": Intervals | Dates,
    "date": Intervals | Prefix | Redaction,
    "time": Intervals | Dates | Prefix | Redaction,
}


def kind_of(arrow_type: pa.DataType) -> Kind | None:
    """Return what a column of an Arrow type is, or None where it cannot be a quasi-identifier."""
    if pa.types.is_dictionary(arrow_type):
        arrow_type = arrow_type.value_type
    types = pa.types
    if types.is_integer(arrow_type) or types.is_floating(arrow_type) or types.is_decimal(arrow_type):
        return "number"
    if types.is_date(arrow_type) or types.is_timestamp(arrow_type):
        return "date"
    if types.is_time(arrow_type):
        return "time"
    is_text = types.is_string(arrow_type) or types.is_large_string(arrow_type) or types.is_string_view(arrow_type)
    return "category" if is_text or types.is_boolean(arrow_type) else None


def domain_of(name: str, domains: "Mapping[str, Domain]") -> "Domain":
    """Return the domain of a column of the policy; ColumnError where the table has no such column."""
    check_columns([name], domains)
    return domains[name]


def _kind(name: str, role: QuasiIdentifier, arrow_type: pa.DataType) -> Kind:
    """Return the kind of a column; raise where its type, output or hierarchy contradicts it."""
    natural = kind_of(arrow_type)
    if natural is None:
        msg = f"column `{name}` has type {arrow_type}, which no quasi-identifier can take; cast it to text"
        raise ColumnError(msg)
    kind = role.kind or natural
    if kind not in (natural, "category"):
        msg = (
            f"column `{name}` has type {arrow_type}, the policy says kind = '{kind}'; "
            f"cast the column, or use kind = '{natural}'"
        )
        raise ColumnError(msg)
    wrong = _NO_HIERARCHY_OF[kind]
    if isinstance(role.hierarchy, wrong):
        msg = f"column `{name}` is a {kind}, which its hierarchy cannot take; cast it, or change that"
        raise ColumnError(msg)
    try:
        check_output(role.output, kind)
    except PolicyError as error:
        msg = f"`quasi_identifier.{name}`: {error}"
        raise PolicyError(msg) from None
    return kind


def _with_null(position: npt.NDArray[np.float64], *, has_null: bool) -> npt.NDArray[np.float64]:
    return np.concatenate([[-1.0], position]) if has_null else position


def _arrays(dimensions: tuple[Dimension, ...]) -> Dimensions:
    """Return the dimensions for kernels, all but where their codes lie in a word."""
    d = len(dimensions)
    zeros = np.zeros(d, np.int64)
    size = np.array([dimension.size for dimension in dimensions], np.int64)
    trees = [dimension.tree for dimension in dimensions]
    depth = np.array([tree.n_levels if tree else 0 for tree in trees], np.int64)
    bit_words = np.array([-(-m.size // BITS_PER_WORD) * (m.geometry == SET) for m in dimensions], np.int64)
    positions = [np.arange(m.size, dtype=np.float64) if m.position is None else m.position for m in dimensions]
    first_node = _starts(np.array([len(tree.share) if tree else 0 for tree in trees], np.int64))
    grown = [(tree, first) for tree, first in zip(trees, first_node, strict=True) if tree is not None]
    return Dimensions(
        kind=np.array([dimension.geometry for dimension in dimensions], np.int64),
        size=size,
        word=zeros,
        shift=zeros,
        mask=zeros.astype(np.uint64),
        start=_starts(size),
        position=np.concatenate(positions),
        depth=depth,
        tree_start=_starts(depth * size),
        ancestor=np.concatenate([np.empty(0, np.int64), *(tree.ancestor.ravel() + n for tree, n in grown)]),
        share=np.concatenate([np.empty(0), *(tree.share for tree, _ in grown)]),
        bit_start=_starts(bit_words),
        bit_words=bit_words,
        weight=np.full(d, 1.0 / d),
    )


def _starts(lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return where each of consecutive stretches begins."""
    return np.cumsum(lengths) - lengths

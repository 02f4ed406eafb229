"""Facts attached to a failed verification: enough to rebuild a failing case, without any cell value."""

import hashlib
import importlib.metadata
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from shoal_engine.anonymity.policy.policy import Policy
from shoal_engine.errors import VerificationFailed

if TYPE_CHECKING:
    from shoal_engine.anonymity.fit import Classes

PACKAGES = ("shoal", "numba", "numpy", "pyarrow", "polars")
"""Packages whose version can change a result."""


def policy_digest(policy: Policy) -> str:
    """Return the SHA-256 of a policy, independent of the order of its entries."""
    return hashlib.sha256(msgspec.json.encode(policy.to_builtins(), order="deterministic")).hexdigest()


@contextmanager
def reproducible(policy: Policy, method: str, n_threads: int | None) -> "Generator[list[Classes]]":
    """Add the facts that reproduce a failed verification to its message; the caller appends the classes once known.

    Raises
    ------
    VerificationFailed
        The original message, followed by versions, method, models, types and number of distinct values of each
        quasi-identifier, rows, classes. It has no cell value, and of the policy only numbers and a digest.
    """
    made: list[Classes] = []
    try:
        yield made
    except VerificationFailed as failed:
        facts = [*_of_policy(policy, method, n_threads), *(fact for one in made for fact in _of_table(one))]
        msg = f"{failed}; report this bug of shoal with these facts, which have no cell value: {'; '.join(facts)}"
        raise VerificationFailed(msg) from None


def _of_policy(policy: Policy, method: str, n_threads: int | None) -> Iterator[str]:
    """Yield the facts that do not depend on the table."""
    yield ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    yield f"method {method}, {n_threads or 'all'} threads, k = {policy.k}, suppress = {policy.suppress}"
    yield from (model.describe() for model in policy.models)
    yield from (model.describe() for role in policy.sensitive.values() for model in role.models)
    yield f"policy {policy_digest(policy)[:16]}"


def _of_table(classes: "Classes") -> Iterator[str]:
    """Yield sizes and types of the classes."""
    rows = int(classes.class_rows.sum())
    yield f"{rows + classes.suppressed_rows} rows in {classes.class_rows.size} classes"
    kinds = Counter(
        f"{one.domain.type} as {one.kind}, {one.role.output}, {one.size} values" for one in classes.dimensions
    )
    yield from (f"{count} x {kind}" if count > 1 else kind for kind, count in kinds.items())

"""What a failed verification is reported with: enough to build a table that fails alike, and no value of this one."""

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
"""What a result can depend on."""


def policy_digest(policy: Policy) -> str:
    """Return the SHA-256 of a policy, whatever the order in which it was written."""
    return hashlib.sha256(msgspec.json.encode(policy.to_builtins(), order="deterministic")).hexdigest()


@contextmanager
def reproducible(policy: Policy, method: str, n_threads: int | None) -> "Generator[list[Classes]]":
    """Say with a failed verification what it takes to reproduce it; what was made is appended once it is known.

    Raises
    ------
    VerificationFailed
        As it came, and in one line more: versions, method, models, types and number of distinct values of each
        quasi-identifier, rows, classes. No value stands in it; of the policy, only its numbers and a digest.
    """
    made: list[Classes] = []
    try:
        yield made
    except VerificationFailed as failed:
        facts = [*_of_policy(policy, method, n_threads), *(fact for one in made for fact in _of_table(one))]
        msg = f"{failed}; please report it with this, which holds no value: {'; '.join(facts)}"
        raise VerificationFailed(msg) from None


def _of_policy(policy: Policy, method: str, n_threads: int | None) -> Iterator[str]:
    """Yield what does not depend on the table."""
    yield ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    yield f"method {method}, {n_threads or 'all'} threads, k = {policy.k}, suppress = {policy.suppress}"
    yield from (model.describe() for model in policy.models)
    yield from (model.describe() for role in policy.sensitive.values() for model in role.models)
    yield f"policy {policy_digest(policy)[:16]}"


def _of_table(classes: "Classes") -> Iterator[str]:
    """Yield sizes and types of what was made."""
    rows = int(classes.class_rows.sum())
    yield f"{rows + classes.suppressed_rows} rows in {classes.class_rows.size} classes"
    kinds = Counter(
        f"{one.domain.type} as {one.kind}, {one.role.output}, {one.size} values" for one in classes.dimensions
    )
    yield from (f"{count} x {kind}" if count > 1 else kind for kind, count in kinds.items())

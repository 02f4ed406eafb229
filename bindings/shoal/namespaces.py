"""``df.shoal`` and ``lf.shoal``: the public functions as methods of Polars frames, without logic of their own.

Type checkers see registered namespaces as Any; ``Shoal(df)`` is the same object with types.
"""

from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import polars as pl

from shoal_engine.anonymity.policy.methods import Method

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from shoal.anonymity.anonymize import Anonymized
    from shoal.io.frames import IntoFrame
    from shoal.io.observing import OnProgress
    from shoal.profile.look import Look
    from shoal.recount.verify import Verification
    from shoal_engine.anonymity.criteria.assessment import Assessment
    from shoal_engine.anonymity.policy.policy import Policy


class LookOptions(TypedDict, total=False):
    """Options of `shoal.look`."""

    sample_rows: int | None


class CountOptions(TypedDict, total=False):
    """Options of `shoal.assess` and `shoal.lattice`."""

    population: "IntoFrame | None"
    n_threads: int | None


class AnonymizeOptions(CountOptions, total=False):
    """Options of `shoal.anonymize`."""

    method: Method
    utility: bool
    on_progress: "OnProgress | None"
    by: str | None


class VerifyOptions(TypedDict, total=False):
    """Options of `shoal.verify`."""

    population: "IntoFrame | None"
    certificate: "str | Path | Mapping[str, Any] | None"


@pl.api.register_lazyframe_namespace("shoal")
@pl.api.register_dataframe_namespace("shoal")
class Shoal:
    """Public functions of shoal applied to this frame; see the functions of the same names."""

    def __init__(self, frame: pl.DataFrame | pl.LazyFrame) -> None:
        self._frame = frame

    def look(self, **options: Unpack[LookOptions]) -> "Look":
        """Guess the role of each column; see `shoal.look`."""
        from shoal.profile.look import look

        return look(self._frame, **options)

    def assess(self, policy: "Policy", **options: Unpack[CountOptions]) -> "Assessment":
        """Measure the equivalence classes; see `shoal.assess`."""
        from shoal.anonymity.assess import assess

        return assess(self._frame, policy, **options)

    def anonymize(self, policy: "Policy", **options: Unpack[AnonymizeOptions]) -> "Anonymized":
        """Anonymize the table and verify the release; see `shoal.anonymize`."""
        from shoal.anonymity.anonymize import anonymize

        return anonymize(self._frame, policy, **options)

    def lattice(self, policy: "Policy", **options: Unpack[CountOptions]) -> pl.DataFrame:
        """List every node of the generalization lattice; see `shoal.lattice`."""
        from shoal.anonymity.lattice import lattice

        return lattice(self._frame, policy, **options)

    def verify(self, policy: "Policy | None" = None, **options: Unpack[VerifyOptions]) -> "Verification":
        """Check a released table against a policy; see `shoal.verify`."""
        from shoal.recount.verify import verify

        return verify(self._frame, policy, **options)

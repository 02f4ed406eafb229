"""``df.shoal`` and ``lf.shoal``: the public functions, hung on Polars frames. No logic here."""

from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from shoal.anonymizing import Anonymized
    from shoal.looking import Look
    from shoal.verifying import Verification
    from shoal_engine.anonymity.assessment import Assessment
    from shoal_engine.anonymity.policy import Policy


@pl.api.register_lazyframe_namespace("shoal")
@pl.api.register_dataframe_namespace("shoal")
class Shoal:
    """Privacy of this frame; see the functions of the same names."""

    def __init__(self, frame: pl.DataFrame | pl.LazyFrame) -> None:
        self._frame = frame

    def look(self, **options: Any) -> "Look":
        """Guess the role of each column; see `shoal.look`."""
        from shoal.looking import look

        return look(self._frame, **options)

    def assess(self, policy: "Policy", **options: Any) -> "Assessment":
        """Measure the equivalence classes; see `shoal.assess`."""
        from shoal.assessing import assess

        return assess(self._frame, policy, **options)

    def anonymize(self, policy: "Policy", **options: Any) -> "Anonymized":
        """Release a table in which nobody stands out; see `shoal.anonymize`."""
        from shoal.anonymizing import anonymize

        return anonymize(self._frame, policy, **options)

    def lattice(self, policy: "Policy", **options: Any) -> pl.DataFrame:
        """Tell what every node of full-domain generalization costs; see `shoal.lattice`."""
        from shoal.lattices import lattice

        return lattice(self._frame, policy, **options)

    def verify(self, policy: "Policy", **options: Any) -> "Verification":
        """Recount a released table; see `shoal.verify`."""
        from shoal.verifying import verify

        return verify(self._frame, policy, **options)

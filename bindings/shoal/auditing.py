"""`audit`: every mechanism run on neighbors, and the least epsilon that what it said proves."""

from collections.abc import Sequence

import polars as pl

from shoal_engine.errors import PolicyError


def audit(mechanisms: Sequence[str] | None = None, *, runs: int = 1_000_000) -> pl.DataFrame:
    """Bound the epsilon of mechanisms from below, by running them on two neighbors.

    Parameters
    ----------
    mechanisms : sequence of str, optional
        Names as the frame tells them; all unless given.
    runs : int
        On each of the neighbors; slow mechanisms are run less often.

    Returns
    -------
    pl.DataFrame
        One row a mechanism: `mechanism`, `epsilon` and `delta` as claimed, `bound` (epsilon is at least that, with
        95 % confidence), `runs`, and `verdict`: broken above the claim, loose below 0.99 of it, holds between.

    Raises
    ------
    NumberError
        Fewer runs than prove anything.
    PolicyError
        There is no such mechanism.

    Examples
    --------
    >>> import shoal
    >>> shoal.audit(["randomized-response"], runs=20_000)["verdict"].item() == "broken"
    False
    """
    from shoal_engine.differential.audit.evidence import audit as audit_one
    from shoal_engine.differential.audit.subjects import SUBJECTS
    from shoal_engine.differential.words import WordStream

    names = list(SUBJECTS) if mechanisms is None else list(mechanisms)
    for name in names:
        if name not in SUBJECTS:
            msg = f"there is no mechanism {name!r} to audit; there are {', '.join(SUBJECTS)}"
            raise PolicyError(msg)
    rows: list[tuple[str, float, float, float, int, str]] = []
    for name in names:
        subject = SUBJECTS[name]()
        n = int(runs * subject.share)
        with WordStream.secure() as stream:
            found = audit_one(subject.draw, subject.claim, runs=n, stream=stream)
        rows.append((name, found.claim.epsilon, found.claim.delta, found.bound, n, found.verdict))
    schema = {
        "mechanism": pl.String,
        "epsilon": pl.Float64,
        "delta": pl.Float64,
        "bound": pl.Float64,
        "runs": pl.Int64,
        "verdict": pl.String,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")

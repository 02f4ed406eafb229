"""`audit`: run every mechanism on neighboring inputs and report a lower confidence bound on epsilon."""

from collections.abc import Sequence

import polars as pl

from shoal_engine.errors import PolicyError

MOST_RUNS = 10**9


def audit(mechanisms: str | Sequence[str] | None = None, *, runs: int = 1_000_000) -> pl.DataFrame:
    """Bound the epsilon of mechanisms from below, by running them on two neighbors.

    Parameters
    ----------
    mechanisms : str or sequence of str, optional
        Names as in the result. Default: all.
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
        Fewer runs than prove anything, or no integer.
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
    from shoal_engine.differential.exact_numbers import count
    from shoal_engine.randomness import Keystream

    runs = count(runs, name="runs", most=MOST_RUNS)
    if not isinstance(mechanisms, str | list | tuple | None):
        msg = f"mechanisms are names, not a {type(mechanisms).__name__}; there are {', '.join(SUBJECTS)}"
        raise PolicyError(msg)
    asked = [mechanisms] if isinstance(mechanisms, str) else mechanisms
    names = list(SUBJECTS) if asked is None else list(asked)
    if not names:
        msg = f"there is nothing to audit; name a mechanism, or leave `mechanisms` out: {', '.join(SUBJECTS)}"
        raise PolicyError(msg)
    for name in names:
        if name not in SUBJECTS:
            msg = f"there is no mechanism {name!r} to audit; there are {', '.join(SUBJECTS)}"
            raise PolicyError(msg)
    rows: list[tuple[str, float, float, float, int, str]] = []
    for name in names:
        subject = SUBJECTS[name]()
        n = int(runs * subject.share)
        with Keystream.secure() as stream:
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

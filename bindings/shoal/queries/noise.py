"""`sample_noise`: samples of the exact integer noise itself, for those who want to test it with tools of their own."""

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from shoal.io.files import check_output, separator_of
from shoal.io.threads import threads
from shoal.io.writing import write, written_whole
from shoal_engine.differential.exact_numbers import Exact, count, positive
from shoal_engine.differential.named_choices import DistributionName, check_choice
from shoal_engine.errors import NumberError

if TYPE_CHECKING:
    from shoal_engine.differential.samplers.distributions import NoiseDistribution


BATCH: Final = 1 << 22
"""Samples that are held at a time while a file is written: 32 MiB."""
COLUMN: Final = "noise"
MOST: Final = 1 << 48
"""Samples of one draw."""


def sample_noise(distribution: DistributionName, *, scale: Exact, n: int, n_threads: int | None = None) -> pl.Series:
    """Draw exact integer noise from a new key of the operating system's secure source.

    It protects nothing by itself, and noise that was seen must not be added to anything: this is for audits.

    Parameters
    ----------
    distribution : "laplace" | "gaussian"
        Each integer z has a probability in proportion to ``exp(-abs(z) / scale)``, or to
        ``exp(-z**2 / (2 * scale**2))``: exactly, given uniform words; the words are those of AES-256 in counter
        mode. Nothing is charged to delta.
    scale : str, int, Fraction, Decimal or float
        Above 0, at most 2**50; exact: ``"0.1"`` and ``"1/3"`` are what they say. A float is rounded up.
    n : int
        How many.
    n_threads : int, optional
        Default: all cores that this process may use.

    Returns
    -------
    pl.Series
        (n,) Int64.

    Raises
    ------
    NumberError
        The distribution is unknown, the scale is out of range or cannot be read, or `n` is negative or no integer.

    References
    ----------
    Canonne, Kamath, Steinke (2020), The discrete Gaussian for differential privacy: both distributions.

    Examples
    --------
    >>> import shoal
    >>> shoal.sample_noise("laplace", scale="1/3", n=1000).len()
    1000
    """
    from shoal_engine.differential.samplers.integer_noise import draw_integers
    from shoal_engine.randomness import Keystream

    chosen = _distribution(distribution, positive(scale, name="scale", toward="up"))
    n, n_threads = _count(n), threads(n_threads)
    try:
        with Keystream.secure() as stream:
            return pl.Series(COLUMN, draw_integers(chosen, stream, n, n_threads=n_threads))
    except MemoryError:
        msg = f"{n} samples do not fit into memory; ask for fewer, or write them with `sample_noise_file`"
        raise NumberError(msg) from None


def sample_noise_file(
    output: str | Path, distribution: DistributionName, *, scale: Exact, n: int, n_threads: int | None = None
) -> dict[str, Any]:
    """Write what `sample_noise` draws to a file, in batches; its suffix sets the format.

    Returns
    -------
    dict
        `distribution`, `scale` as a fraction, `n`, and the `output`.

    Raises
    ------
    NumberError
        As in `sample_noise`.
    OutputError
        The output cannot be written.
    """
    import pyarrow as pa

    from shoal_engine.differential.samplers.integer_noise import integer_batches
    from shoal_engine.randomness import Keystream

    output, exact_scale = Path(output), positive(scale, name="scale", toward="up")
    chosen, kind, schema = (
        _distribution(distribution, exact_scale),
        check_output(output, []),
        pa.schema([(COLUMN, pa.int64())]),
    )
    with Keystream.secure() as stream, written_whole(output) as draft:
        parts = integer_batches(chosen, stream, _count(n), batch=BATCH, n_threads=threads(n_threads))
        batches = (pa.record_batch([pa.array(part)], schema=schema) for part in parts)
        write(batches, schema, draft, kind, separator=separator_of(output))
    return {"distribution": distribution, "scale": str(exact_scale), "n": n, "output": str(output)}


def _distribution(distribution: DistributionName, scale: Fraction) -> "NoiseDistribution":
    from shoal_engine.differential.samplers.distributions import DISTRIBUTIONS

    check_choice(distribution, DistributionName, name="distribution", error=NumberError)
    return DISTRIBUTIONS[distribution](scale)


def _count(n: int) -> int:
    return count(n, name=f"n = {n}" if type(n) is int else "n", least=0, most=MOST)

"""Call peers from our own environment: one process each, in the environment that holds them."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

VARIABLE = "SHOAL_PEERS_PYTHON"
ANONYMETER = "SHOAL_ANONYMETER_PYTHON"
"""Its own environment: anonymeter's pins are not those of the other peers."""
_SCRIPT = Path(__file__).with_name("run_peers.py")
_NOISE = Path(__file__).with_name("run_noise.py")
_FEDERATED = Path(__file__).with_name("run_federated.py")
_ATTACKS = Path(__file__).with_name("run_attacks.py")
_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS", "NUMBA_NUM_THREADS"), "1"
)


def peers_python() -> str | None:
    """Return the Python that has the peers installed, or None where `VARIABLE` is not set."""
    return os.environ.get(VARIABLE) or None


def measure(
    peer: str,
    table: Path,
    *,
    quasi_identifiers: Sequence[str],
    sensitive: str,
    k: int | None = None,
    separator: str = ",",
    limit_seconds: float | None = None,
) -> dict[str, Any]:
    """Run one peer on one table and return what it cost.

    Parameters
    ----------
    peer : str
        One of the names in `run_peers.PEERS`, for example ``pycanon-k``.
    table : Path
        CSV file with a header.
    quasi_identifiers : sequence of str
        Columns, without commas in their names.
    sensitive : str
        The one sensitive column.
    k : int, optional
        Needed by anonymizers.
    separator : str
        Between the fields of the file.
    limit_seconds : float, optional
        Give up after so long.

    Returns
    -------
    dict
        The fields of `run_peers.Cost`.

    Raises
    ------
    RuntimeError
        `VARIABLE` is not set, or the peer failed.
    """
    command = [str(_SCRIPT), peer, str(table), "--quasi", ",".join(quasi_identifiers)]
    command += ["--sensitive", sensitive, "--separator", separator]
    if k is not None:
        command += ["-k", str(k)]
    return _run(command, limit_seconds)


def measure_noise(peer: str, *, scale: float, n: int) -> dict[str, Any]:
    """Draw `n` numbers with one of the peers of `run_noise.PEERS` and return what that cost.

    Raises
    ------
    RuntimeError
        `VARIABLE` is not set, or the peer failed.
    """
    return _run([str(_NOISE), peer, "--scale", repr(scale), "-n", str(n)], None)


def measure_federated(peer: str, *, n_updates: int, n: int, runs: int) -> dict[str, Any]:
    """Aggregate `n_updates` of `n` values with one of the peers of `run_federated.PEERS`, on one thread.

    Raises
    ------
    RuntimeError
        `VARIABLE` is not set, or the peer failed.
    """
    return _run([str(_FEDERATED), peer, "--updates", str(n_updates), "-n", str(n), "--runs", str(runs)], None)


def anonymeter_python() -> str | None:
    """Return the Python that has anonymeter installed, or None where `ANONYMETER` is not set."""
    return os.environ.get(ANONYMETER) or None


def measure_attack(attack: str, folder: Path, options: list[str]) -> dict[str, Any]:
    """Attack the tables of a folder with anonymeter, on one thread.

    Raises
    ------
    RuntimeError
        `ANONYMETER` is not set, or the peer failed.
    """
    return _run([str(_ATTACKS), attack, str(folder), *options], None, variable=ANONYMETER)


def _run(command: list[str], limit_seconds: float | None, *, variable: str = VARIABLE) -> dict[str, Any]:
    """Run a script with the peers' Python and return the JSON of its last line."""
    python = os.environ.get(variable)
    if not python:
        msg = f"{variable} is not set; point it to the Python of an environment made as requirements.txt says"
        raise RuntimeError(msg)
    environment = {**os.environ, **_ONE_THREAD}
    done = subprocess.run(
        [python, *command], capture_output=True, text=True, timeout=limit_seconds, check=False, env=environment
    )
    if done.returncode:
        msg = f"{command[1]} failed: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else 'no message'}"
        raise RuntimeError(msg)
    return json.loads(done.stdout.splitlines()[-1])

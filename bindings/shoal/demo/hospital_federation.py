"""Four hospitals train a model together, on one machine: its accuracy, and the effect of one hostile hospital."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from shoal_engine.errors import InputError

_NEEDED: Final = ("flwr", "ray", "sklearn")
_LIMIT_SECONDS: Final = 900
_GRACE_SECONDS: Final = 20
_LONGEST_FOLDER: Final = 40
"""In which Ray's sockets still have names of at most 107 bytes."""
# Nothing is to be told to anybody, and nothing to be installed, while hospitals train.
_QUIET: Final = {
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How well a model does on patients that no one trained on.

    Attributes
    ----------
    trained_by : str
    rule : str
        Empty where nothing is aggregated.
    accuracy : float
    remark : str
    """

    trained_by: str
    rule: str
    accuracy: float
    remark: str = ""


def hospital_federation(n_rounds: int = 10) -> list[Accuracy]:
    """Train the model of a disease alone, together, with a hostile hospital among them, and on all rows at once.

    Raises
    ------
    InputError
        Flower's simulation or scikit-learn is not installed, or the simulation failed.
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        msg = f"hospitals need {', '.join(missing)}; install them with: pip install 'shoal[demo]'"
        raise InputError(msg)
    from shoal.demo.hospital_training import HOSPITALS, patients, pooled, untaught

    homes, tested = patients()
    steps = n_rounds * 5
    found = [
        Accuracy(
            f"{one.name} alone",
            "",
            tested.accuracy(home.taught(untaught(), steps)),
            f"{one.healthy} healthy, {one.ill} ill",
        )
        for one, home in zip(HOSPITALS, homes, strict=True)
    ]
    found += [_accuracy(**one) for one in _simulated(n_rounds)]
    best = tested.accuracy(pooled().taught(untaught(), steps))
    return [*found, Accuracy("all rows in one place", "", best)]


def _accuracy(
    *, rule: str, hostile: bool, private: bool, masked: bool, accuracy: float, spent: dict[str, float]
) -> Accuracy:
    """Return a row for a federated training."""
    remarks = ["one sends the opposite, tenfold"] * hostile
    remarks += [f"{name} {value:.3g}" for name, value in spent.items()]
    return Accuracy("all together" + ", privately" * private + ", masked" * masked, rule, accuracy, ", ".join(remarks))


def _simulated(n_rounds: int) -> list[dict[str, Any]]:
    """Return how each federated training ended.

    Raises
    ------
    InputError
        It did not end well.
    """
    with tempfile.TemporaryDirectory(prefix="shoal-") as folder:
        output, log = Path(folder, "found.json"), Path(folder, "log")
        command = [
            sys.executable,
            "-c",
            "from shoal.demo.hospital_apps import main; main()",
            str(n_rounds),
            str(output),
        ]
        env = {**os.environ, **_QUIET, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "FLWR_HOME": folder}
        if len(folder) <= _LONGEST_FOLDER:
            env["RAY_TMPDIR"] = folder
        code = _run(command, env, log)
        if code == 0 and output.exists():
            return json.loads(output.read_text(encoding="utf-8"))
        last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
        msg = f"Flower's simulation ended without a result: {' '.join(last) or 'it said nothing'}"
        raise InputError(msg)


def _run(command: list[str], env: dict[str, str], log: Path) -> int:
    """Run a command in a process group of its own, and end the group; return the exit code."""
    with log.open("wb") as told:
        process = subprocess.Popen(command, env=env, stdout=told, stderr=told, start_new_session=True)
    try:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_LIMIT_SECONDS)
    finally:
        if process.poll() is None:
            # Asked first, so that Ray ends its own processes.
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return process.wait()

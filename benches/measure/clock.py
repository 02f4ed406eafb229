"""Time and memory: of a call in this process, or of a task in a process of its own."""

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Cost:
    """Medians over some runs; CPU counts all threads."""

    wall_seconds: float
    cpu_seconds: float
    runs: int
    peak_bytes: int | None = None


def timed(call: Callable[[], T], runs: int) -> tuple[T, Cost]:
    """Return the last result of a call, and the medians of its runs."""
    results: list[T] = []
    walls, cpus = list[float](), list[float]()
    for _ in range(runs):
        # Not two results at once: they may be large.
        results.clear()
        wall, cpu = time.perf_counter(), time.process_time()
        results.append(call())
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return results[0], Cost(statistics.median(walls), statistics.median(cpus), runs)


def timed_command(command: Sequence[str], runs: int) -> Cost:
    """Return the medians of a command's runs, from start to exit; one run before them does not count."""
    walls, cpus = list[float](), list[float]()
    for _ in range(runs + 1):
        before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, cwd=_ROOT)
        walls.append(time.perf_counter() - wall)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpus.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return Cost(statistics.median(walls[1:]), statistics.median(cpus[1:]), runs)


def child(task: str, runs: int, **arguments: Any) -> tuple[Any, Cost]:
    """Run one of the tasks of `benches.measure.tasks`, each time in a process of its own.

    Returns
    -------
    result
        Result of the last run.
    Cost
        Imports left out; `peak_bytes` is the median of the processes' peaks.
    """
    command = [sys.executable, "-m", "benches.measure.tasks", task, json.dumps(arguments)]
    done: list[dict[str, Any]] = []
    for _ in range(runs):
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=_ROOT).stdout
        done.append(json.loads(output.splitlines()[-1]))
    wall, cpu, peak = (statistics.median(run[name] for run in done) for name in ("wall", "cpu", "peak"))
    return done[-1]["result"], Cost(wall, cpu, runs, int(peak))


def peak_bytes() -> int:
    """Return the most memory that this process held since it began, or since `forget_peak`."""
    status = Path("/proc/self/status")
    if status.exists():
        # The kernel's own account: what getrusage tells begins with the memory of the process before exec.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def forget_peak() -> None:
    """Let the peak begin again at what is held now, where the system can do that."""
    switch = Path("/proc/self/clear_refs")
    if switch.exists():
        switch.write_text("5")

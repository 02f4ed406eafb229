"""The choice of fast tests, and the CPU time of each: `pytest --cpu-times=FILE` lists what is slow."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# Whether examples are made quickly says how busy the machine is, and nothing about the code.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

SLOW = Path(__file__).with_name("slow.txt")
LEFT_OUT = ("tests/fuzz/", "tests/audit/", "benches/")
_TIMES = pytest.StashKey[dict[str, float]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("fast tests")
    group.addoption("--fast", action="store_true", help="leave out fuzzing, audits, benchmarks and tests in slow.txt")
    group.addoption("--cpu-times", type=Path, help="write the CPU seconds of each test, the slowest first")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--fast"):
        return
    slow = {line.split()[0] for line in SLOW.read_text().splitlines() if line and not line.startswith("#")}
    out = [item for item in items if item.nodeid.startswith(LEFT_OUT) or item.nodeid.split("[")[0] in slow]
    config.hook.pytest_deselected(items=out)
    items[:] = [item for item in items if item not in set(out)]


def _cpu() -> float:
    own = os.times()
    return time.process_time() + own.children_user + own.children_system


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    started = _cpu()
    found = yield
    times = item.config.stash.setdefault(_TIMES, {})
    name = item.nodeid.split("[")[0]
    times[name] = times.get(name, 0.0) + _cpu() - started
    return found


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add the times of a worker of `-n` to those of the process that writes them."""
    times = node.config.stash.setdefault(_TIMES, {})
    for name, seconds in getattr(node, "workeroutput", {}).get("cpu_times", {}).items():
        times[name] = times.get(name, 0.0) + seconds


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["cpu_times"] = session.config.stash.get(_TIMES, {})


def pytest_unconfigure(config: pytest.Config) -> None:
    times = sorted(config.stash.get(_TIMES, {}).items(), key=lambda one: -one[1])
    if times and not hasattr(config, "workerinput") and (path := config.getoption("--cpu-times", None)):
        path.write_text("".join(f"{name} {seconds:.1f}\n" for name, seconds in times))

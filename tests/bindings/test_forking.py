"""A forked child is refused where it would wait for ever, and works where nothing had begun."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHILD = {**os.environ, "PYTHONPATH": ":".join(sys.path)}
PROGRAM = """
import multiprocessing, sys
import polars as pl
import shoal

def work(told=None):
    table = pl.DataFrame({"a": list(range(5)) * 4})
    try:
        found = shoal.anonymize(table, shoal.Policy.of(k=2, quasi_identifiers=["a"])).report.k
    except shoal.ShoalError as error:
        found = f"{type(error).__name__}: {error}"
    if told is None:
        return found
    told.put(found)

def in_child(how):
    context = multiprocessing.get_context(how)
    told = context.Queue()
    child = context.Process(target=work, args=(told,))
    child.start()
    print(how, told.get(timeout=120))
    child.join(120)
    assert child.exitcode == 0

if __name__ == "__main__":
    if sys.argv[1] == "shoal":
        work()
    elif sys.argv[1] == "polars":
        pl.DataFrame({"a": [1] * 10}).group_by("a").len()
    for how in sys.argv[2:]:
        in_child(how)
"""


def ran(folder: Path, *arguments: str) -> list[str]:
    (folder / "program.py").write_text(PROGRAM)
    line = [sys.executable, "program.py", *arguments]
    done = subprocess.run(line, env=CHILD, cwd=folder, capture_output=True, text=True, check=False, timeout=400)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork to refuse")
@pytest.mark.parametrize("used", ["shoal", "polars"])
def test_fork__after_work_began_is_refused_in_the_child(used: str, tmp_path: Path) -> None:
    if used == "polars" and not Path("/proc/self/task").exists():
        return
    (told,) = ran(tmp_path, used, "fork")
    assert told.startswith("fork ForkError: this process was forked")
    assert "spawn" in told


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork to refuse")
def test_fork__before_any_work_works(tmp_path: Path) -> None:
    assert ran(tmp_path, "nothing", "fork") == ["fork 4"]


def test_spawn__works_after_work_began(tmp_path: Path) -> None:
    assert ran(tmp_path, "shoal", "spawn") == ["spawn 4"]

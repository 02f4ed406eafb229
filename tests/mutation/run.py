"""Measure how strong the tests are: mutate sources, and count which mutants the tests that name them kill.

    python tests/mutation/run.py engine/shoal_engine/differential --per-file 2

Every mutant lives in a copy of the tree; the checkout is never edited. A mutant is killed if a test that names its
module fails, or takes five times as long. Survivors are printed with their line; those in `equivalent.toml` have a
reason why no test can separate them and count neither way. The exit code is 1 below the mark.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
import tomllib
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
sys.path.insert(0, str(HERE))

from mutants import Mutant, mutants, sampled  # noqa: E402
from naming import ROOTS, Naming, module_name  # noqa: E402

MARKS = {"differential": 0.95, "ledger": 0.95, "secure": 0.95, "criteria": 0.95, "release": 0.95}
ELSEWHERE = 0.85
NOT_NAMING = ("tests/fuzz", "tests/audit", "tests/mutation", "tests/typing")
"""They run everything, for minutes: what they kill, no test of the module itself may have seen."""


def copied(checkout: Path, to: Path) -> Path:
    """Copy what the tests need into an empty folder."""
    for name in (*ROOTS, "tests", "benches", "examples"):
        shutil.copytree(checkout / name, to / name, ignore=shutil.ignore_patterns("__pycache__", ".hypothesis"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(checkout / name, to / name)
    return to


def tested(tree: Path, tests: list[Path], seconds: float) -> tuple[str, float]:
    """Run tests in a process of their own; return passed, failed or timeout, and how long it took."""
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        os.setsid()
        _run_tests(tree, tests)
    while time.monotonic() - started < seconds:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            return ("passed" if code == 0 else "failed"), time.monotonic() - started
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "timeout", time.monotonic() - started


def _run_tests(tree: Path, tests: list[Path]) -> None:
    """Run pytest in this process and leave it without unwinding."""
    log = os.open(tree / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.chdir(tree)
    roots = [str(tree / root) for root in ROOTS]
    sys.path[:0] = roots
    os.environ["PYTHONPATH"] = os.pathsep.join(roots)
    import pytest

    options = ["-x", "-p", "no:cacheprovider", "--hypothesis-seed=0", "--basetemp", str(tree / "made")]
    os._exit(int(pytest.main([*options, *(str(test.relative_to(tree)) for test in tests)])))


def forget(path: Path) -> None:
    """Delete the byte code of a source: its time stamp has whole seconds only."""
    for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
        compiled.unlink()


class Bench:
    """A copy of the tree, and how long each test file takes there."""

    def __init__(self, tree: Path, longest: float, chosen: list[Path]) -> None:
        self._tree = tree
        self._chosen = chosen
        self._naming = Naming(tree)
        self._longest = longest
        self._seconds: dict[Path, float | None] = {}

    def tests_of(self, path: Path) -> list[Path]:
        """Return the test files that name a module and pass in time, the quick ones first."""
        root = next(root for root in ROOTS if path.is_relative_to(self._tree / root))
        module = module_name(path.relative_to(self._tree / root))
        tests = self._chosen or [
            test
            for test in self._naming.tests_of(module)
            if not str(test.relative_to(self._tree)).startswith(NOT_NAMING)
        ]
        timed = [(seconds, test) for test in tests if (seconds := self._duration(test)) is not None]
        return [test for _, test in sorted(timed)]

    def _duration(self, test: Path) -> float | None:
        if test not in self._seconds:
            outcome, seconds = tested(self._tree, [test], self._longest)
            self._seconds[test] = seconds if outcome == "passed" else None
            if outcome != "passed":
                print(
                    f"  without {test.relative_to(self._tree)}: {outcome} unmutated after {seconds:.0f} s", flush=True
                )
                print("".join((self._tree / "log.txt").read_text().splitlines(keepends=True)[-5:]), flush=True)
        return self._seconds[test]

    def kills(self, path: Path, mutant: Mutant, tests: list[Path]) -> bool:
        """Run a mutant and put the source back."""
        original = path.read_text()
        limit = 10 + 5 * sum(self._seconds[test] or 0 for test in tests)
        forget(path)
        try:
            path.write_text(mutant.source)
            outcome, _ = tested(self._tree, tests, limit)
        finally:
            path.write_text(original)
            forget(path)
        return outcome != "passed"


def equivalents() -> dict[str, dict[str, str]]:
    """Return the reasons of mutants that nothing can separate, by file name and change."""
    return tomllib.loads((HERE / "equivalent.toml").read_text())


def measure(bench: Bench, tree: Path, path: Path, seed: int, per_file: int) -> Counter[str]:
    """Run the sampled mutants of one file and print those that survive."""
    counted: Counter[str] = Counter()
    if path.name == "__init__.py" and not mutants(path.read_text()):
        return counted
    drawn = sampled(path.read_text(), f"{seed}:{path.name}", per_file)
    known = equivalents().get(path.name, {})
    drawn = [mutant for mutant in drawn if mutant.change not in known]
    tests = bench.tests_of(path) if drawn else []
    if drawn and not tests:
        print(f"  no test names {path.relative_to(tree)}", flush=True)
    for mutant in drawn:
        killed = bool(tests) and bench.kills(path, mutant, tests)
        counted["killed" if killed else "survived"] += 1
        if not killed:
            print(f"  survived {path.relative_to(tree)}:{mutant.line}: {mutant.change}", flush=True)
    print(f"{counted['killed']:4d} of {counted.total():4d}  {path.relative_to(tree)}", flush=True)
    return counted


def room(path: Path) -> str:
    """Return the room whose mark a file must reach."""
    return next((part for part in reversed(path.parts) if part in MARKS), path.parts[-2])


def main() -> int:
    """Measure the files or folders that are given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path, help="files or folders below kernels, engine or bindings")
    parser.add_argument("--per-file", type=int, default=2, help="mutants drawn from each file; 0 for all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--longest", type=float, default=90.0, help="seconds a test file may take unmutated")
    parser.add_argument("--tests", nargs="+", type=Path, default=[], help="instead of the tests that name a file")
    options = parser.parse_args()
    by_room: dict[str, Counter[str]] = {}
    # In memory where there is such a folder: ledgers sync every entry.
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(prefix="mutation", dir=memory) as folder:
        import numba  # noqa: F401 - loaded once, each mutant's process starts from here
        import pyarrow as pa  # noqa: F401
        import pytest  # noqa: F401
        import scipy.stats  # noqa: F401

        tree = copied(CHECKOUT, Path(folder))
        bench = Bench(tree, options.longest, [tree / test.resolve().relative_to(CHECKOUT) for test in options.tests])
        for given in options.paths:
            start = tree / given.resolve().relative_to(CHECKOUT)
            for path in sorted(start.rglob("*.py")) if start.is_dir() else [start]:
                counted = measure(bench, tree, path, options.seed, options.per_file)
                by_room.setdefault(room(path.relative_to(tree)), Counter()).update(counted)
    return report(by_room)


def report(by_room: dict[str, Counter[str]]) -> int:
    """Print the share killed by room against its mark."""
    below = 0
    for name, counted in sorted(by_room.items()):
        if not counted.total():
            continue
        share, mark = counted["killed"] / counted.total(), MARKS.get(name, ELSEWHERE)
        below += share < mark
        print(f"{name}: {counted['killed']} of {counted.total()} killed, {share:.1%}; mark {mark:.0%}")
    return int(below > 0)


if __name__ == "__main__":
    sys.exit(main())

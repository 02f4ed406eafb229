"""Where compiled kernels are kept: who may have written them, what is damaged, and who shares them."""

import ast
import os
import platform
import re
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

import shoal_kernels
from shoal_kernels import _cache, _cache_key
from shoal_kernels._cache import Folder, Untrusted
from shoal_kernels._jit import INTERPRETED
from shoal_kernels._locks import ByteLocks

pytestmark = pytest.mark.skipif(INTERPRETED, reason="nothing is compiled")
posix = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="files have no owner and mode here")

NAME, KEY, OTHER_KEY, PACKED = "module.kernel.0", "0" * 32, "1" * 32, b"packed"

TWO = """
from numba import types
from shoal_kernels import _jit

def made(step):
    def kernel(values):
        total = 0
        for i in range(values.size):
            if values[i] < 0:
                raise ValueError("negative")
            total += values[i] * step
        return total
    return kernel

KERNELS = [_jit.kernel(types.int64(_jit.vector(types.int64)))(made(step)) for step in (1, 10)]
"""
"""Two kernels of one name."""

CALL = """
import sys
import numpy as np
import two
values = np.array([1, 2, 3], np.int64)
order = [int(each) for each in sys.argv[1:]] or [0, 1]
print([two.KERNELS[i](values) for i in order], sum(sum(one._compiled.stats.cache_hits.values()) for one in two.KERNELS
      if one._compiled))
"""


class Runner:
    """Calls the two kernels in other processes, which share a folder."""

    def __init__(self, path: Path) -> None:
        self.path, self.folder = path, path / "kept"
        (path / "two.py").write_text(TWO)
        self.places = [str(path), *sys.path]

    def command(self, *order: int, code: str = CALL) -> list[str]:
        return [sys.executable, "-W", "always", "-c", code, *map(str, order)]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": os.pathsep.join(self.places), "SHOAL_CACHE_DIR": str(self.folder)}

    def call(self, *order: int, code: str = CALL, **environment: str) -> tuple[str, str]:
        done = subprocess.run(
            self.command(*order, code=code),
            capture_output=True,
            text=True,
            check=False,
            env={**self.environment, **environment},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip(), done.stderr

    def files(self) -> list[Path]:
        return sorted(path for path in self.folder.iterdir() if path.name != "lock")


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    kept = Folder(tmp_path / "kept")
    kept.write(NAME, KEY, PACKED)
    _cache.say_once.cache_clear()
    yield kept
    _cache.say_once.cache_clear()


def test_kernels_of_one_name__are_kept_apart_whichever_is_called_first(runner: Runner) -> None:
    assert runner.call(1)[0] == "[60] 0"
    assert runner.call(0, 1)[0] == "[6, 60] 1"
    assert runner.call(1, 0) == ("[60, 6] 2", "")
    names = [path.name.rpartition(".")[0] for path in runner.files()]
    assert names == ["two.made.locals.kernel.0", "two.made.locals.kernel.1"]


@posix
def test_folder__is_for_nobody_else(folder: Folder) -> None:
    assert folder.path.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("damage", [("empty", "cut short"), ("flipped", "foreign")])
def test_damaged_file__is_compiled_anew(runner: Runner, damage: tuple[str, str]) -> None:
    runner.call()
    for path, how in zip(runner.files(), damage, strict=True):
        content = path.read_bytes()
        flipped = content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]
        cut = content[: len(content) // 2]
        path.write_bytes({"empty": b"", "cut short": cut, "flipped": flipped, "foreign": b"\x80\x04N."}[how])
    assert runner.call() == ("[6, 60] 0", "")
    assert runner.call() == ("[6, 60] 2", "")


def test_file_under_another_name__is_not_read(folder: Folder) -> None:
    path = folder.path / f"{NAME}.{KEY}"
    shutil.copy(path, folder.path / f"{NAME}.{OTHER_KEY}")
    shutil.copy(path, folder.path / f"module.kernel.1.{KEY}")
    assert folder.read(NAME, KEY) == PACKED
    assert folder.read(NAME, OTHER_KEY) is folder.read("module.kernel.1", KEY) is None


@posix
@pytest.mark.parametrize("mode", [0o664, 0o646])
def test_file_that_others_can_write__is_not_read(folder: Folder, mode: int) -> None:
    (folder.path / f"{NAME}.{KEY}").chmod(mode)
    with pytest.raises(Untrusted, match="can be written by others"):
        folder.read(NAME, KEY)


@posix
@pytest.mark.parametrize("mode", [0o770, 0o707, 0o1777])
def test_folder_that_others_can_write__is_neither_read_nor_written(folder: Folder, mode: int) -> None:
    folder.path.chmod(mode)
    with pytest.raises(Untrusted, match="can be written by others"):
        folder.read(NAME, KEY)
    with pytest.raises(Untrusted, match="can be written by others"):
        folder.write(NAME, KEY, PACKED)


@posix
@pytest.mark.parametrize("which", ["file", "folder"])
def test_what_belongs_to_another_user__is_not_read(folder: Folder, which: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder.path if which == "folder" else folder.path / f"{NAME}.{KEY}"
    if os.geteuid() == 0:
        os.chown(path, 12345, -1)
    else:
        monkeypatch.setattr(folder, "_owners", {0})
    with pytest.raises(Untrusted, match="belongs to another user"):
        folder.read(NAME, KEY)


@posix
def test_untrusted_file__is_compiled_anew_and_said_once(runner: Runner) -> None:
    runner.call()
    for path in runner.files():
        path.chmod(0o666)
    said, complaint = runner.call()
    assert said == "[6, 60] 0"
    assert complaint.count("RuntimeWarning") == 2  # Of each file once.
    assert "can be written by others" in complaint
    # What was compiled lies in their place.
    assert runner.call() == ("[6, 60] 2", "")


@posix
def test_code_of_the_package__is_trusted_as_its_sources_are(folder: Folder, tmp_path: Path) -> None:
    source = tmp_path / "source.py"
    source.touch(mode=0o664)
    source.chmod(0o664)
    for path in (folder.path, folder.path / f"{NAME}.{KEY}"):
        path.chmod(path.stat().st_mode | 0o020)
    assert Folder(folder.path, like=source).read(NAME, KEY) == PACKED
    source.chmod(0o644)
    with pytest.raises(Untrusted):
        Folder(folder.path, like=source).read(NAME, KEY)


@posix
def test_pipe_in_place_of_a_file__is_not_waited_for(folder: Folder) -> None:
    os.mkfifo(folder.path / f"{NAME}.{OTHER_KEY}", 0o600)
    assert folder.read(NAME, OTHER_KEY) is None


def test_read_only_folder__is_used_without_a_word(runner: Runner) -> None:
    runner.call()
    for path in runner.folder.iterdir():
        path.chmod(0o444)
    (runner.folder / "lock").unlink()
    runner.folder.chmod(0o555)
    try:
        assert runner.call() == ("[6, 60] 2", "")
        assert len(list(runner.folder.iterdir())) == 2
    finally:
        runner.folder.chmod(0o755)


def test_unwritable_folder__is_said_once(runner: Runner) -> None:
    (runner.path / "file").touch()
    said, complaint = runner.call(SHOAL_CACHE_DIR=str(runner.path / "file" / "kept"))
    assert said == "[6, 60] 0"
    assert complaint.count("RuntimeWarning") == 1
    assert "cannot be kept" in complaint


def test_two_processes_at_once__compile_once(runner: Runner) -> None:
    # Compiling takes long enough for the second to find the first at it.
    slow = "import time; from shoal_kernels import _jit; compile = _jit.Kernel._load_or_compile\n"
    slow += "_jit.Kernel._load_or_compile = lambda one: (time.sleep(0 if one.file.exists() else 2), compile(one))[1]\n"
    running = [
        subprocess.Popen(runner.command(0, code=slow + CALL), stdout=subprocess.PIPE, text=True, env=runner.environment)
        for _ in range(2)
    ]
    assert sorted(one.communicate()[0] for one in running) == ["[6] 0\n", "[6] 1\n"]


def test_lock_of_a_killed_process__is_free(tmp_path: Path) -> None:
    code = f"""
import os, pathlib, signal
from shoal_kernels._locks import ByteLocks
locks = ByteLocks(pathlib.Path({str(tmp_path / "lock")!r}))
print(locks.try_lock(5), flush=True)
input()
"""
    locks = ByteLocks(tmp_path / "lock")
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        assert (locks.try_lock(5), locks.try_lock(6)) == (False, True)
        begun = time.monotonic()
        with locks.held(5, at_most=0.1):
            assert 0.1 <= time.monotonic() - begun < 5
        other.kill()
    assert locks.try_lock(5)
    locks.unlock(5)


def test_another_place_of_the_same_sources__shares_kernels(runner: Runner) -> None:
    package = Path(shoal_kernels.__file__).parent
    said: list[str] = []
    for place in ("one", "another", "changed"):
        copy = runner.path / place / "shoal_kernels"
        shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__", "_compiled"))
        if place == "changed":
            deep = copy / "deeper"
            deep.mkdir()
            (deep / "new.py").write_text("")
        runner.places = [str(runner.path), str(copy.parent), *sys.path]
        said.append(runner.call()[0])
    assert said == ["[6, 60] 0", "[6, 60] 2", "[6, 60] 0"]


def test_exception__names_the_file_from_its_package_on(runner: Runner) -> None:
    code = """
import traceback
import numpy as np
import two
try:
    two.KERNELS[0](np.array([-1], np.int64))
except ValueError as error:
    print([(frame.filename, frame.line) for frame in traceback.extract_tb(error.__traceback__)][-1])
"""
    told = "('two.py', 'raise ValueError(\"negative\")')"
    assert [runner.call(code=code)[0] for _ in range(2)] == [told, told]
    assert str(runner.path).encode() not in b"".join(path.read_bytes() for path in runner.files())


def test_kernel_of_array_expressions__is_kept(runner: Runner) -> None:
    code = """
import numpy as np
import two
values = np.array([1, 2, 3], np.int64)
print(two.KERNELS[0](values), two.KERNELS[0].is_kept())
"""
    changed = TWO.replace("return total", "return (values * step + values).sum()")
    (runner.path / "two.py").write_text(changed)
    assert [runner.call(code=code) for _ in range(2)] == [("12 True", "")] * 2


def test_changed_source_outside_the_package__is_compiled_anew(runner: Runner) -> None:
    runner.call()
    (runner.path / "two.py").write_text(TWO.replace("(1, 10)", "(2, 20)"))
    assert runner.call()[0] == "[12, 120] 0"


def test_bounds_check__is_part_of_the_key(runner: Runner) -> None:
    runner.call(0, NUMBA_BOUNDSCHECK="0")
    assert [runner.call(0, NUMBA_BOUNDSCHECK="1")[0] for _ in range(2)] == ["[6] 0", "[6] 1"]


@pytest.mark.parametrize("switch", ["BOUNDSCHECK", "OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "ENABLE_PROFILING"])
def test_switch_of_the_compiler__is_part_of_the_key(switch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _cache_key.versions.__wrapped__()
    monkeypatch.setattr(_cache_key.config, switch, "changed")
    assert _cache_key.versions.__wrapped__() != before


def test_key__differs_with_every_part() -> None:
    found = [
        _cache_key.keys("shoal_kernels.partitioning.bounding_boxes", parts)[0]
        for parts in (["a"], ["b"], ["a", "b"], ["a\n1 b"], [])
    ]
    assert len(set(found)) == len(found)


def test_forked_child__compiles_while_a_thread_of_its_parent_does(runner: Runner) -> None:
    code = """
import os, threading, time
import numba, numpy as np
import two
from shoal_kernels import _jit
numba.typeof(np.zeros(1))  # Imports what it needs; a fork in the midst of imports is a matter of Python's.
begun, compile = threading.Event(), _jit.Kernel._load_or_compile
_jit.Kernel._load_or_compile = lambda one: (begun.set(), time.sleep(0.5), compile(one))[-1]
values = np.array([1, 2, 3], np.int64)
thread = threading.Thread(target=two.KERNELS[0], args=[values])
thread.start()
begun.wait()
child = os.fork()
if child == 0:
    os._exit(0 if two.KERNELS[1](values) == 60 else 1)
print(os.waitpid(child, 0)[1])
thread.join()
"""
    if not hasattr(os, "fork"):
        pytest.skip("processes do not fork here")
    assert runner.call(code=code)[0] == "0"


def test_old_files__are_pruned_and_nothing_else_is(folder: Folder) -> None:
    long_ago = time.time() - (_cache._KEPT_DAYS + 1) * 86400
    draft = f"{NAME}.12-{'a' * 16}.draft"
    for name in (f"{NAME}.{OTHER_KEY}", draft, "letter.txt", "lock"):
        (folder.path / name).touch()
        os.utime(folder.path / name, (long_ago, long_ago))
    Folder(folder.path).write("module.kernel.1", KEY, PACKED)
    assert sorted(path.name for path in folder.path.iterdir()) == [
        "letter.txt",
        "lock",
        f"{NAME}.{KEY}",
        f"module.kernel.1.{KEY}",
    ]


def test_file_that_is_read__is_not_pruned(folder: Folder) -> None:
    path = folder.path / f"{NAME}.{KEY}"
    long_ago = time.time() - (_cache._KEPT_DAYS + 1) * 86400
    os.utime(path, (long_ago, long_ago))
    assert folder.read(NAME, KEY) == PACKED
    assert path.stat().st_mtime > time.time() - 60


def test_every_kernel__is_declared_where_its_function_is() -> None:
    """So the order of declaration, which numbers those of one name, depends on no order of imports."""
    code = """
import importlib, pkgutil, shoal_kernels
from shoal_kernels import _jit
for module in pkgutil.walk_packages(shoal_kernels.__path__, "shoal_kernels."):
    before = len(_jit.registered())
    importlib.import_module(module.name)
count = 0
for one in _jit.registered():
    values = vars(importlib.import_module(one.python.__module__)).values()
    held = [each for value in values for each in (value.values() if isinstance(value, dict) else [value])]
    count += any(each is one for each in held)
print(len(_jit.registered()) - count)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout == "0\n"


def test_no_sources__nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_cache_key, "sources", lambda: b"")
    _cache.say_once.cache_clear()
    kept = _cache.KernelFile(
        "shoal_kernels.partitioning.bounding_boxes", "kernel", 0, [], pack=lambda _: PACKED, unpack=lambda *_: None
    )
    assert not kept.exists()
    with pytest.warns(RuntimeWarning, match="sources of shoal_kernels cannot be read"):
        kept.save_overload(None, None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kept.save_overload(None, None)
    _cache.say_once.cache_clear()


def test_kernels_of_a_wheel__are_used_where_the_cpu_has_what_they_need(runner: Runner) -> None:
    portable = _cache_key.PORTABLE[platform.machine().lower()][0]
    if len(_cache_key.targets()) == 1:
        pytest.skip("this CPU has not what wheels are compiled for")
    copy = runner.path / "installed" / "shoal_kernels"
    shutil.copytree(Path(shoal_kernels.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    runner.places = [str(runner.path), str(copy.parent), *sys.path]
    assert runner.call(NUMBA_CPU_NAME=portable, NUMBA_CPU_FEATURES="")[0] == "[6, 60] 0"
    (copy / "_compiled").mkdir()
    for path in runner.files():
        path.rename(copy / "_compiled" / path.name)
    assert runner.call() == ("[6, 60] 2", "")
    # Switches, or a CPU without vectors of 256 bits, are another matter.
    assert runner.call(NUMBA_ENABLE_AVX="0")[0] == "[6, 60] 0"


def test_kernels_of_a_wheel__are_built_for_cpus_that_are_known() -> None:
    found = re.search(r"^CPUS = (.*)$", (Path(__file__).parents[2] / "hatch_build.py").read_text(), re.MULTILINE)
    assert found is not None
    assert ast.literal_eval(found[1]) == {machine: cpu for machine, (cpu, _) in _cache_key.PORTABLE.items()}

"""Unfinished work is hidden, gone when it ends, and cleared by the next run when its process was killed."""

import signal
import subprocess
import sys
from pathlib import Path

from shoal_engine.scratch_folders import clear_abandoned, scratch_folder

WORKER = """
import sys, time
from pathlib import Path
from shoal_engine.scratch_folders import scratch_folder
with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "draft").write_text("rows")
    print("ready", flush=True)
    time.sleep(600)
"""


def test_scratch_folder__is_private_and_removed(tmp_path: Path) -> None:
    with scratch_folder(tmp_path) as folder:
        assert folder.name.startswith(".")
        assert folder.stat().st_mode & 0o077 == 0
        (folder / "part").write_text("")
        # Our own folders stay, also beside another one.
        clear_abandoned(tmp_path)
        assert folder.is_dir()
    assert not list(tmp_path.iterdir())


def test_clear_abandoned__of_dead_processes_alone(tmp_path: Path) -> None:
    worker = subprocess.Popen([sys.executable, "-c", WORKER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    with worker, worker.stdout:
        assert worker.stdout.readline() == "ready\n"
        clear_abandoned(tmp_path)
        assert len(list(tmp_path.iterdir())) == 1
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    with scratch_folder(tmp_path) as folder:
        assert list(tmp_path.iterdir()) == [folder]

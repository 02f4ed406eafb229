"""Guides run as they are written: their files are written, and their commands run in order, each to its end."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GUIDES = sorted((ROOT / "docs" / "guides").glob("*.md"))
BLOCK = re.compile(r"^```(bash|toml) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which `shoal` is the one under test."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "shoal").write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "from shoal_cli import main; main()" "$@"\n')
    (tools / "shoal").chmod(0o755)
    places = os.pathsep.join(str(ROOT / layer) for layer in ("kernels", "engine", "bindings"))
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": places, "SHOAL": str(ROOT), "COLUMNS": "80"}


@pytest.mark.skipif(os.name != "posix", reason="guides are written for a POSIX shell")
@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_guide__runs_as_it_is_written(guide: Path, environment: dict[str, str], tmp_path: Path) -> None:
    place = tmp_path / "work"
    place.mkdir()
    for kind, name, text in BLOCK.findall(guide.read_text()):
        if kind == "toml":
            (place / name).write_text(text)
            continue
        done = subprocess.run(
            ["sh", "-euc", text], cwd=place, env=environment, capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"


def test_guides__are_there() -> None:
    assert GUIDES

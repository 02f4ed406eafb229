"""One command each: lint, types, tests, benchmarks, coverage, mutants, oldest versions, every Python, wheels.

``nox -s fast`` makes an environment and reuses it; ``nox --no-venv -s fast`` runs in the one that is active. What
follows ``--`` goes to the tool: ``nox -s fast -- -k ledger``.
"""

from pathlib import Path

import nox

nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["lint", "types", "fast"]

ON_TWO_CORES = ("-n", "2", "--dist", "worksteal")
SLOW_AS_PYTHON = (
    "aggregation/test_fixed_point",
    "aggregation/test_order_statistics",
    "aggregation/test_bulyan",
    "private/test_cell_draws",
    "masking/test_microaggregation",
    "test_jit",
)
"""Tests of kernels that work on megabytes, which take too long with the JIT off."""
OLDEST = {"numba": "0.62.*", "numpy": "2.0.*", "polars": "1.34.*", "pyarrow": "20.*", "msgspec": "0.19.*"}
"""The least versions that `pyproject.toml` promises, of what the engine is built on."""


def warmed(session: nox.Session) -> None:
    """Compile the kernels before several processes ask for them at once."""
    session.run("shoal", "warm", silent=True)


@nox.session
def lint(session: nox.Session) -> None:
    """Check format, lint and import contracts; `nox -s lint -- fix` repairs what can be repaired."""
    session.install("-e", ".[lint]")
    if "fix" in session.posargs:
        session.run("ruff", "format", ".")
        session.run("ruff", "check", "--fix", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """Check types: the sources strictly, tests and benchmarks by the basic rules."""
    session.install("-e", ".[test,lint]")
    session.run("pyright", *session.posargs)
    session.run("pyright", "-p", "tests/pyrightconfig.json", *session.posargs)


@nox.session
def fast(session: nox.Session) -> None:
    """Run what is quick: all tests but those that `tests/slow.txt` names, without fuzzing and audits."""
    session.install("-e", ".[test]")
    warmed(session)
    session.run("pytest", "--fast", *ON_TWO_CORES, *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run everything, on two cores, kernels compiled once before."""
    session.install("-e", ".[test]")
    warmed(session)
    session.run("pytest", *ON_TWO_CORES, *session.posargs)


@nox.session
def benches(session: nox.Session) -> None:
    """Run every benchmark once, small."""
    session.install("-e", ".[test]")
    session.run("pytest", "benches", *session.posargs)


@nox.session
def measure(session: nox.Session) -> None:
    """Measure benchmarks; name files after ``--``."""
    session.install("-e", ".[test]")
    warmed(session)
    session.run("pytest", "--benchmark-enable", *(session.posargs or ["benches"]))


@nox.session
def coverage(session: nox.Session) -> None:
    """Report coverage by layer: kernels run as Python, engine and bindings over compiled kernels."""
    session.install("-e", ".[test]")
    session.run("coverage", "erase")
    ignored = [f"--ignore=tests/kernels/{name}.py" for name in SLOW_AS_PYTHON]
    session.run(*("coverage", "run", "-p", "-m", "pytest", "tests/kernels", *ignored), env={"NUMBA_DISABLE_JIT": "1"})
    warmed(session)
    session.run("coverage", "run", "-p", "-m", "pytest", *(session.posargs or ["--fast"]))
    session.run("coverage", "combine", "--quiet")
    for layer, least in (("kernels", 85), ("engine", 90), ("bindings", 90)):
        session.run("coverage", "report", f"--include={layer}/*", f"--fail-under={least}", "--skip-covered")


@nox.session
def mutation(session: nox.Session) -> None:
    """Count the mutants that tests kill; name files or folders after ``--``."""
    session.install("-e", ".[test]")
    warmed(session)
    session.run("python", "tests/mutation/run.py", *(session.posargs or ["engine/shoal_engine"]))


@nox.session
def oldest(session: nox.Session) -> None:
    """Run the tests with the oldest versions that are promised."""
    session.install("-e", ".[test]", *(f"{name}=={version}" for name, version in OLDEST.items()))
    warmed(session)
    session.run("pytest", *(session.posargs or ["--fast"]))


@nox.session
def wheel(session: nox.Session) -> None:
    """Build a wheel with compiled kernels, install it, and run the demo with an empty cache: nothing is compiled."""
    folder = Path(session.create_tmp()).resolve()
    kept = folder / "kernels"
    session.install("build")
    session.run("python", "-m", "build", "--wheel", "-o", str(folder), env={"HATCH_BUILD_HOOK_ENABLE_CUSTOM": "true"})
    session.install("--force-reinstall", *(str(path) for path in folder.glob("shoal-*.whl")))
    session.run("shoal", "demo", env={"SHOAL_CACHE_DIR": str(kept)})
    if kept.exists() and any(kept.iterdir()):
        session.error("kernels that the wheel brings were compiled again")


@nox.session(python=["3.11", "3.12", "3.13", "3.14"])
def pythons(session: nox.Session) -> None:
    """Run the fast tests with each Python that the machine has."""
    session.install("-e", ".[test]")
    warmed(session)
    session.run("pytest", "--fast", *session.posargs)

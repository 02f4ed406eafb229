"""Write what dp-accounting says of some events into a golden file; run in an environment of its own.

::

    python -m venv peers && peers/bin/pip install dp-accounting==0.6.0
    peers/bin/python benches/peers/make_accounting_golden.py tests/golden/dp_accounting.json

Nothing of this project is imported. Events are written as ours read them, with the epsilons of dp-accounting's own
accountant of privacy loss distributions (connect the dots, at its own grid of 1e-4) and of its Renyi accountant.
"""

import importlib.metadata
import json
import sys
from pathlib import Path
from typing import Any

import dp_accounting
from dp_accounting import pld, rdp

DELTAS = (1e-3, 1e-5, 1e-8)


def laplace(scale: int, times: int) -> tuple[dict[str, Any], Any]:
    """Return Laplace noise on a sensitivity of 1, some times."""
    ours = {"kind": "repeated", "event": {"kind": "laplace", "scale": str(scale), "sensitivity": "1"}, "times": times}
    return ours, dp_accounting.SelfComposedDpEvent(dp_accounting.LaplaceDpEvent(scale), times)


def gaussian(sigma: float, times: int) -> tuple[dict[str, Any], Any]:
    """Return Gaussian noise on a sensitivity of 1, some times."""
    ours = {"kind": "repeated", "event": {"kind": "gaussian", "sigma": str(sigma), "sensitivity": "1"}, "times": times}
    return ours, dp_accounting.SelfComposedDpEvent(dp_accounting.GaussianDpEvent(sigma), times)


def sampled(rate: str, sigma: str, times: int) -> tuple[dict[str, Any], Any]:
    """Return Gaussian noise on Poisson samples, some times."""
    one = {"kind": "gaussian", "sigma": sigma, "sensitivity": "1"}
    event = {"kind": "poisson-sampled", "rate": rate, "event": one}
    theirs = dp_accounting.PoissonSampledDpEvent(float(rate), dp_accounting.GaussianDpEvent(float(sigma)))
    return {"kind": "repeated", "event": event, "times": times}, dp_accounting.SelfComposedDpEvent(theirs, times)


def mixed() -> tuple[dict[str, Any], Any]:
    """Return several kinds together."""
    parts = [laplace(5, 10), gaussian(8, 4), sampled("0.05", "2", 50)]
    ours = {"kind": "composed", "events": [one for one, _ in parts]}
    return ours, dp_accounting.ComposedDpEvent([theirs for _, theirs in parts])


def main(path: Path) -> None:
    """Write the file."""
    cases = [laplace(1, 1), laplace(3, 20), laplace(50, 300), gaussian(0.7, 1), gaussian(4, 30), gaussian(100, 2000)]
    cases += [sampled("0.001", "0.8", 3000), sampled("0.1", "3", 200), sampled("0.5", "2", 10), mixed()]
    found: list[dict[str, Any]] = []
    for ours, theirs in cases:
        losses = pld.PLDAccountant().compose(theirs)
        # Its Renyi accountant knows no Laplace noise on samples, but all that is here.
        orders = [1 + x / 10 for x in range(1, 200)] + list(range(21, 1024))
        renyi = rdp.RdpAccountant(orders).compose(theirs)
        epsilons = {str(d): {"losses": losses.get_epsilon(d), "renyi": renyi.get_epsilon(d)} for d in DELTAS}
        found.append({"event": ours, "epsilon": epsilons})
    body = {"made_with": f"dp-accounting {importlib.metadata.version('dp-accounting')}", "cases": found}
    path.write_text(json.dumps(body, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

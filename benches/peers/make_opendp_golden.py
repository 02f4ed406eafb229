"""Write what OpenDP says of noise, conversions and thresholds into a golden file; run in an environment of its own.

::

    python -m venv peers && peers/bin/pip install opendp==0.16.0
    peers/bin/python benches/peers/make_opendp_golden.py tests/golden/opendp.json

Nothing of this project is imported.
"""

import importlib.metadata
import json
import sys
from itertools import product
from pathlib import Path
from typing import Any

import opendp.prelude as dp

SCALES = (0.5, 3.0, 40.0)
SENSITIVITIES = (1, 7)
DELTAS = (1e-3, 1e-6, 1e-12)
THRESHOLDS = (5, 13, 60)


def noise() -> list[dict[str, Any]]:
    """Return the epsilon of discrete Laplace and the rho of discrete Gaussian noise, and its epsilons."""
    space = dp.atom_domain(T=int), dp.absolute_distance(T=int)
    found: list[dict[str, Any]] = []
    for scale, moved in product(SCALES, SENSITIVITIES):
        gaussian = space >> dp.m.then_gaussian(scale=scale)
        profile = dp.c.make_zCDP_to_approxDP(gaussian).map(moved)
        found.append(
            {
                "scale": scale,
                "sensitivity": moved,
                "laplace_epsilon": (space >> dp.m.then_laplace(scale=scale)).map(moved),
                "gaussian_rho": gaussian.map(moved),
                "gaussian_epsilon": {str(delta): profile.epsilon(delta) for delta in DELTAS},
            }
        )
    return found


def thresholds() -> list[dict[str, Any]]:
    """Return the delta of noisy counts that are released above a threshold; OpenDP's rule is above, not at."""
    counts = dp.map_domain(dp.atom_domain(T=str), dp.atom_domain(T=int))
    one, two = (distance(dp.absolute_distance(T=int)) for distance in (dp.l01inf_distance, dp.l02inf_distance))
    found: list[dict[str, Any]] = []
    for scale, threshold in product((0.5, 2.0, 9.0), THRESHOLDS):
        laplace = (counts, one) >> dp.m.then_laplace_threshold(scale=scale, threshold=threshold)
        gaussian = (counts, two) >> dp.m.then_gaussian_threshold(scale=scale, threshold=threshold)
        told = {"laplace_delta": laplace.map((1, 1, 1))[1], "gaussian_delta": gaussian.map((1, 1, 1))[1]}
        found.append({"scale": scale, "above": threshold, **told})
    return found


def main(path: Path) -> None:
    """Write the file."""
    dp.enable_features("contrib")
    body = {"opendp": importlib.metadata.version("opendp"), "noise": noise(), "thresholds": thresholds()}
    path.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

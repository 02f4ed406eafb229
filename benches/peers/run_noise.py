"""Draw noise with a peer and print what it cost, as one line of JSON.

Call it with the Python of the peers' environment, as `run_peers.py`::

    "$SHOAL_PEERS_PYTHON" benches/peers/run_noise.py opendp-laplace --scale 10 -n 100000

Times are CPU seconds of one call, or of one loop over calls where a peer draws one number a call; imports, the
building of a mechanism and a first call are left out. This file imports nothing of shoal.
"""

import argparse
import importlib.metadata
import json
import math
import time
from collections.abc import Callable
from typing import Any


def opendp_measurement(law: str, scale: float) -> Callable[[int], Any]:
    """Return OpenDP's measurement over vectors of integers."""
    import opendp.prelude as dp

    dp.enable_features("contrib")
    domain = dp.vector_domain(dp.atom_domain(T=int))
    if law == "laplace":
        measurement = dp.m.make_laplace(domain, dp.l1_distance(T=int), scale=scale)
    else:
        measurement = dp.m.make_gaussian(domain, dp.l2_distance(T=float), scale=scale)
    return lambda n: measurement([0] * n)


def diffprivlib_mechanism(law: str, scale: float) -> Callable[[int], Any]:
    """Return diffprivlib's mechanism over integers, which draws one number a call."""
    from diffprivlib.mechanisms import GaussianDiscrete, Geometric

    if law == "laplace":
        mechanism = Geometric(epsilon=1 / scale)
    else:
        # It finds its sigma from epsilon and delta; time does not depend on it much.
        mechanism = GaussianDiscrete(epsilon=min(1.0, math.sqrt(2 * math.log(1e6)) / scale), delta=1e-6)
    return lambda n: [mechanism.randomise(0) for _ in range(n)]


PEERS: dict[str, tuple[str, str, Callable[[str, float], Callable[[int], Any]]]] = {
    f"{peer}-{law}": (peer, law, build)
    for peer, build in (("opendp", opendp_measurement), ("diffprivlib", diffprivlib_mechanism))
    for law in ("laplace", "gaussian")
}


def main() -> None:
    """Read the command line, draw, print."""
    parser = argparse.ArgumentParser(description="Draw noise with a peer and print its cost as JSON.")
    parser.add_argument("peer", choices=sorted(PEERS))
    parser.add_argument("--scale", type=float, required=True)
    parser.add_argument("-n", type=int, required=True)
    given = parser.parse_args()
    distribution, law, build = PEERS[given.peer]
    draw = build(law, given.scale)
    draw(10)
    wall, cpu = time.perf_counter(), time.process_time()
    drawn = draw(given.n)
    cost = {"cpu_seconds": time.process_time() - cpu, "wall_seconds": time.perf_counter() - wall}
    print(json.dumps({"version": importlib.metadata.version(distribution), "n": len(drawn), **cost}))


if __name__ == "__main__":
    main()

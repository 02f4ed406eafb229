"""How many cases a round of fuzzing tries, and which."""

import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings

IS_LONG = os.environ.get("SHOAL_FUZZ") == "long"
SEED = int(os.environ.get("SHOAL_FUZZ_SEED", "0"))


def effort(*, short: int, long: int) -> Callable[[Any], Any]:
    """Return a decorator that runs a test on `short` cases, or on `long` where that is asked for."""
    chosen = settings(
        max_examples=long if IS_LONG else short,
        deadline=None,
        database=None,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    return lambda test: seed(SEED)(chosen(test))

"""A population drawn person by person by Pitman's sampling formula (Pitman 1995: the two-parameter urn)."""

import numpy as np


def pitman_population(n: int, theta: float, alpha: float, random: np.random.Generator) -> list[int]:
    """Return the class of each person: a new one with chance (theta + k alpha) / (theta + i), else an old one's."""
    classes: list[int] = []
    sizes: list[int] = []
    for i in range(n):
        if random.random() * (theta + i) < theta + alpha * len(sizes):
            classes.append(len(sizes))
            sizes.append(1)
            continue
        # An earlier person's class has a chance in proportion to its size; keep it in proportion to size - alpha.
        mine = classes[random.integers(i)]
        while random.random() * sizes[mine] < alpha:
            mine = classes[random.integers(i)]
        classes.append(mine)
        sizes[mine] += 1
    return classes

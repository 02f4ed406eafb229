"""The slow, obvious shuffle."""

from collections.abc import Sequence


def shuffle(words: Sequence[int], n: int) -> list[int]:
    order = list(range(n))
    stream = iter(words)
    for left in range(n, 1, -1):
        # 2**32 words fall on `left` results; the first (2**32 mod left) of each wrap are one too many.
        while True:
            product = next(stream) * left
            if product % 2**32 >= 2**32 % left:
                break
        chosen = product // 2**32
        order[left - 1], order[chosen] = order[chosen], order[left - 1]
    return order

import numpy as np
import pytest

from shoal_engine.randomness import secure_permutation


@pytest.mark.parametrize("n", [0, 1, 2, 17, 100_000])
def test_secure_permutation__holds_every_number_once(n: int) -> None:
    order = secure_permutation(n)
    assert order.dtype == np.uint32
    assert np.array_equal(np.sort(order), np.arange(n))


def test_secure_permutation__differs_each_time() -> None:
    assert not np.array_equal(secure_permutation(1000), secure_permutation(1000))


def test_secure_permutation__refuses_what_it_cannot_number() -> None:
    with pytest.raises(ValueError, match="4294967295 at a time"):
        secure_permutation(1 << 32)

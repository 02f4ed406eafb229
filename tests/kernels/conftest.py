"""Fewer examples where kernels run as Python."""

from hypothesis import settings

from shoal_kernels._jit import INTERPRETED

settings.register_profile("interpreted", max_examples=5, deadline=None)
if INTERPRETED:
    settings.load_profile("interpreted")

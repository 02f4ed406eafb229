"""Models trained on releases: labels as features, and accuracy on raw rows that were not released.

Needs scikit-learn: ``pip install 'shoal[ml]'``.
"""

try:
    import sklearn as _  # pyright: ignore[reportMissingImports]  # noqa: F401
except ModuleNotFoundError as error:
    message = "shoal.ml needs scikit-learn 1.5 or later; install it with: pip install 'shoal[ml]'"
    raise ModuleNotFoundError(message, name=error.name) from error

from shoal.ml.accuracy import Accuracy, accuracy, score
from shoal.ml.encoder import MembershipEncoder

__all__ = ["Accuracy", "MembershipEncoder", "accuracy", "score"]

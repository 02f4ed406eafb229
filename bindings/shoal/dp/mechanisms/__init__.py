"""Single mechanisms: private selection, a threshold test, randomized response, and an odometer.

Each mechanism is a frozen value. Its release charges a ledger durably before any noise is drawn, and noise comes from
the operating system's secure source only. There is no default epsilon and no default sensitivity.

>>> from shoal.dp.mechanisms import NoisyMax
>>> NoisyMax(epsilon=50, sensitivity=1).choose([3, 12, 7], ledger=None, dataset="votes").index
1
"""

from shoal.dp.mechanisms.above_threshold import AboveThreshold, ThresholdTest
from shoal.dp.mechanisms.odometer import Odometer
from shoal.dp.mechanisms.responses import RandomizedResponse, Responses
from shoal.dp.mechanisms.selecting import NoisyMax, PermuteAndFlip, Selection

__all__ = [
    "AboveThreshold",
    "NoisyMax",
    "Odometer",
    "PermuteAndFlip",
    "RandomizedResponse",
    "Responses",
    "Selection",
    "ThresholdTest",
]

"""Server optimizers: from a round's mean, a step of SGD with momentum, Adagrad, Adam or Yogi.

Each optimizer is frozen hyperparameters and two pure functions. The mean of what nodes sent comes from any aggregator::

    state = optimizer.init(model)
    state, model = optimizer.update(state, model, mean.release().model, averaged="models")

`averaged` says what the mean is of: "models", as most nodes return them, or "changes" of the round's model. The change
Delta_t is the mean itself in the second case, the mean less the model in the first. Models keep their dtypes; moments
are float64 for tensors of float64, else float32; the arithmetic between is float64. Keep the server's model in at least
32 bits: a small step is lost in the rounding of 16.

Weights are those of the aggregator. Algorithm 2 of Reddi et al. writes the plain mean; Flower weighs by examples.
"""

from typing import TypeAlias

from shoal_engine.federated.optimizers.adaptive_steps import FedAdagrad, FedAdam, FedYogi
from shoal_engine.federated.optimizers.momentum_step import FedAvgM

ServerOptimizer: TypeAlias = FedAvgM | FedAdagrad | FedAdam | FedYogi

__all__ = ["FedAdagrad", "FedAdam", "FedAvgM", "FedYogi", "ServerOptimizer"]

"""Private aggregation and the budget of a training."""

"""Private aggregation and what a training spends."""

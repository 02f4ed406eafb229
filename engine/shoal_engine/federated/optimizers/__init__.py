"""Server optimizers and the corrections that clients add."""

"""Masking of values: microaggregation, rank swapping, post-randomization, suppressed cells."""

"""Model updates: exact sums, order statistics, distances, combinations."""

"""Exact sums, distances and ranks over many updates."""

"""Federated rounds: aggregation of files, and rounds over Flower."""
